//! Stateless DHCPv6 (RFC 8415 §18.2.6): a host whose router says that a server knows more.

mod common;

use std::net::Ipv6Addr;

use common::*;
use netstack::link::Mac;
use netstack::time::{Duration, Instant};
use netstack::wire::checksum::Sum;
use netstack::wire::dhcpv6::{Message, emit, kind, option};
use netstack::wire::ndp::RouterAdvertisement;
use netstack::wire::{ethernet, udp};
use netstack::{Config, Information, Notice};

const MAC: Mac = Mac([0xb2, 0xa0, 0, 0, 0, 1]);
const SERVERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);
const SERVER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0x53);
const DNS: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 0x53);
/// DUID-LL of the node.
const DUID: [u8; 10] = [0, 3, 0, 1, 0xb2, 0xa0, 0, 0, 0, 1];
const DAY: u64 = 86_400;

/// A request as it was seen.
#[derive(Debug)]
struct Request {
    at: Instant,
    from: Ipv6Addr,
    transaction: u32,
    duid: Vec<u8>,
    elapsed: u16,
}

/// The requests on the wire, each checked for what all have.
fn requests(net: &Net) -> Vec<Request> {
    let request = |seen: &Seen| {
        let packet = as_ipv6(&seen.frame).filter(|packet| packet.dst() == SERVERS)?;
        let datagram = udp::Datagram::parse(packet.src(), packet.dst(), packet.payload(), false);
        let datagram = datagram.expect("a good datagram");
        assert_eq!((datagram.src_port, datagram.dst_port, packet.hop_limit()), (546, 547, 1));
        let message = Message::parse(datagram.payload).expect("well made");
        assert_eq!(message.kind, kind::INFORMATION_REQUEST);
        assert_eq!(message.option(option::OPTION_REQUEST), Some(&[0, 23, 0, 24, 0, 32, 0, 83][..]));
        let elapsed = message.option(option::ELAPSED_TIME).expect("always there");
        Some(Request {
            at: seen.at,
            from: packet.src(),
            transaction: message.transaction,
            duid: message.option(option::CLIENT_ID).expect("always there").to_vec(),
            elapsed: u16::from_be_bytes(elapsed.try_into().expect("two bytes")),
        })
    };
    net.trace.iter().filter_map(request).collect()
}

/// A node that hears that a server knows more, and when.
fn asking(seed: u64) -> (Net, NodeId, Instant) {
    let (mut net, a) = listener(seed);
    net.trace.clear();
    hear(&mut net, a, RouterAdvertisement { other: true, ..silent() }, &[]);
    let heard = net.now();
    (net, a, heard)
}

/// The server says this to the one who asked.
fn say(net: &mut Net, a: NodeId, to: Ipv6Addr, message: &[u8]) {
    let mut segment = [&udp::emit(547, 546, message.len())[..], message].concat();
    let sum = Sum::pseudo_v6(SERVER, to, 17, segment.len() as u32).bytes(&segment).finish();
    segment[6..8].copy_from_slice(&sum.to_be_bytes());
    let packet = ipv6_packet(SERVER, to, 17, 64, &segment);
    net.inject(a, ETH, &ethernet_frame(MAC, STRANGER, ethernet::IPV6, &packet));
}

/// An answer to the last request with these options beside those that all have.
fn reply(net: &mut Net, a: NodeId, options: &[(u16, &[u8])]) {
    let last = requests(net).pop().expect("a request");
    let ids: [(u16, &[u8]); 2] = [(option::CLIENT_ID, &last.duid), (option::SERVER_ID, b"server")];
    let message = emit(kind::REPLY, last.transaction, &[&ids, options].concat());
    say(net, a, last.from, &message);
}

#[test]
fn a_host_asks_where_a_router_says_so_and_nowhere_else() {
    let (mut net, a) = listener(1);
    hear(&mut net, a, silent(), &[prefix(7200, 3600)]);
    net.run_for(Duration::from_secs(60));
    assert!(requests(&net).is_empty() && !net.stack(a).awaits_information(ETH));
    let (mut net, a, heard) = asking(1);
    assert!(net.stack(a).awaits_information(ETH));
    net.run_for(Duration::from_secs(1));
    let [request] = &requests(&net)[..] else { panic!("one") };
    assert!(request.from.is_unicast_link_local() && request.at.since(heard) <= Duration::from_secs(1));
    assert_eq!((&request.duid[..], request.elapsed), (&DUID[..], 0));
    // Who gives addresses gives the rest, too (RFC 4861 §4.2). Said twice it is asked once.
    let (mut net, a) = listener(2);
    net.trace.clear();
    for _ in 0..2 {
        hear(&mut net, a, RouterAdvertisement { managed: true, ..silent() }, &[]);
    }
    net.run_for(Duration::from_millis(1001));
    let mut transactions: Vec<_> = requests(&net).iter().map(|request| request.transaction).collect();
    transactions.dedup();
    assert_eq!(transactions.len(), 1);
}

#[test]
fn silence_is_answered_by_asking_again_after_about_twice_as_long_up_to_an_hour() {
    let (mut net, _, _) = asking(3);
    net.run_for(Duration::from_secs(6 * 3600));
    let seen = requests(&net);
    let waits: Vec<_> = seen.windows(2).map(|pair| pair[1].at.since(pair[0].at).as_secs_f64()).collect();
    let mut before: f64 = 0.5;
    for wait in waits {
        // RFC 8415 §15: a tenth of the time before, more or less; of INF_MAX_RT where that is the bound.
        let (base, jitter) =
            if 2.1 * before > 3600.0 { (3600.0, 360.0) } else { (2.0 * before, 0.1 * before.max(1.0)) };
        assert!((wait - base).abs() <= jitter + 0.01 || (wait - 3600.0).abs() <= 360.1, "{wait} after {before}");
        before = wait;
    }
    assert!((13..=18).contains(&seen.len()), "{}", seen.len());
    let first = &seen[0];
    for request in &seen {
        assert_eq!(request.transaction, first.transaction);
        let hundredths = request.at.since(first.at).as_millis() / 10;
        assert_eq!(u128::from(request.elapsed), hundredths.min(0xffff));
    }
}

#[test]
fn what_a_server_says_is_known_and_asked_for_again_when_it_is_old() {
    let (mut net, a, _) = asking(4);
    net.run_for(Duration::from_secs(1));
    let group = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1).octets();
    let servers = [DNS.octets(), group, SERVER.octets()].concat();
    let domains: (u16, &[u8]) = (option::DOMAIN_LIST, b"\x03eng\x07example\0\x07example\0");
    reply(&mut net, a, &[(option::DNS_SERVERS, &servers), domains]);
    let known = Information { dns: vec![DNS, SERVER], search: vec!["eng.example".into(), "example".into()] };
    assert_eq!(net.stack(a).information(ETH), Some(&known));
    assert!(net.notices(a).contains(&Notice::Informed { server: SERVER, on: ETH }));
    let first = requests(&net)[0].transaction;
    // IRT_DEFAULT (§7.6).
    net.run_for(Duration::from_secs(DAY - 2));
    assert_eq!(requests(&net).len(), 1);
    net.run_for(Duration::from_secs(4));
    let again = requests(&net);
    assert!(again.len() >= 2 && again[1].transaction != first && again[1].elapsed == 0);
    assert_eq!(net.stack(a).information(ETH), Some(&known), "until there is an answer");
    // A server that says when (§21.23), not earlier than after ten minutes; and that it knows of no servers now.
    for (seconds, after) in [(1u32, 600), (5000, 5000)] {
        reply(&mut net, a, &[(option::INFORMATION_REFRESH_TIME, &seconds.to_be_bytes())]);
        assert_eq!(net.stack(a).information(ETH), Some(&Information::default()));
        let so_far = requests(&net).len();
        net.run_for(Duration::from_secs(after - 1));
        assert_eq!(requests(&net).len(), so_far);
        net.run_for(Duration::from_secs(3));
        assert!(requests(&net).len() > so_far);
    }
    reply(&mut net, a, &[(option::INFORMATION_REFRESH_TIME, &[0xff; 4])]);
    let so_far = requests(&net).len();
    net.run_for(Duration::from_secs(30 * DAY));
    assert_eq!(requests(&net).len(), so_far, "never");
}

#[test]
fn what_answers_nothing_is_ignored() {
    let (mut net, a, _) = asking(5);
    net.run_for(Duration::from_secs(1));
    let Request { from, transaction, .. } = requests(&net).remove(0);
    let client: (u16, &[u8]) = (option::CLIENT_ID, &DUID);
    let server: (u16, &[u8]) = (option::SERVER_ID, b"server");
    let dns = DNS.octets();
    let dns: (u16, &[u8]) = (option::DNS_SERVERS, &dns);
    let whole = emit(kind::REPLY, transaction, &[client, server, dns]);
    for bad in [
        emit(kind::REPLY, transaction ^ 1, &[client, server, dns]),
        emit(2, transaction, &[client, server, dns]), // An advertisement.
        emit(kind::REPLY, transaction, &[client, dns]),
        emit(kind::REPLY, transaction, &[client, (option::SERVER_ID, b""), dns]),
        emit(kind::REPLY, transaction, &[server, dns]),
        emit(kind::REPLY, transaction, &[(option::CLIENT_ID, b"another"), server, dns]),
        whole[..whole.len() - 1].to_vec(),
        Vec::new(),
    ] {
        say(&mut net, a, from, &bad);
        assert_eq!(net.stack(a).information(ETH), None);
    }
    say(&mut net, a, from, &whole);
    assert_eq!(net.stack(a).information(ETH).map(|known| known.dns.clone()), Some(vec![DNS]));
}

#[test]
fn a_server_that_cannot_answer_is_asked_again_as_often_as_it_allows() {
    let (mut net, a, _) = asking(6);
    net.run_for(Duration::from_secs(1));
    let failure: (u16, &[u8]) = (option::STATUS_CODE, &[0, 1]);
    // INF_MAX_RT outside of its range is not heeded (§21.25).
    for (seconds, at_most) in [(59u32, 4000), (86_401, 4000), (60, 67)] {
        reply(&mut net, a, &[failure, (option::INF_MAX_RT, &seconds.to_be_bytes())]);
        assert_eq!(net.stack(a).information(ETH), None);
        net.run_for(Duration::from_secs(10_000));
        let seen = requests(&net);
        let last = seen[seen.len() - 1].at.since(seen[seen.len() - 2].at).as_secs();
        assert!((at_most / 2..=at_most).contains(&last), "{last} of {at_most}");
    }
}

#[test]
fn a_node_with_a_secret_is_the_same_to_servers_at_each_boot() {
    let duid = |seed, secret| {
        let mut net = Net::new(seed);
        let link = net.link(Link::default());
        let a = net.node_with(Config { secret, ..Config::default() });
        let on = net.attach(a, link);
        let now = net.now();
        net.stack(a).enable_ipv6(now, on, true).expect("a good link");
        net.run_for(Duration::from_secs(3));
        hear(&mut net, a, RouterAdvertisement { other: true, ..silent() }, &[]);
        net.run_for(Duration::from_secs(1));
        requests(&net).remove(0).duid
    };
    let ours = duid(7, Some([7; 16]));
    assert_eq!((&ours[..2], ours.len()), (&[0, 4][..], 18), "a DUID-UUID");
    assert_eq!((ours[8] >> 4, ours[10] >> 6), (8, 2), "RFC 9562 §5.8");
    assert_eq!(duid(8, Some([7; 16])), ours);
    assert_ne!(duid(7, Some([8; 16])), ours);
}
