//! Router advertisements of our own (RFC 4861 §6.2), and hosts that make all of their configuration of them.

mod common;

use std::net::{IpAddr, Ipv6Addr};

use common::*;
use netstack::link::Mac;
use netstack::time::{Duration, Instant};
use netstack::wire::ndp::{self, Message, Opt, Prefix, RouterAdvertisement};
use netstack::wire::{ethernet, ipv6};
use netstack::{Advertising, Notice};

const R: &str = "2001:db8:0:1::1";
const DNS: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, 0x53);
const HOST: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0x99);

fn what(lifetime: u16) -> Advertising {
    Advertising { lifetime, servers: vec![DNS], search: vec!["eng.example".into(), "example".into()] }
}

/// Puts a router on a link, where it announces its networks.
fn advertise(net: &mut Net, r: NodeId, link: usize, addresses: &[&str], lifetime: u16) {
    let (on, now) = (net.attach(r, link), net.now());
    net.stack(r).set_forwarding(true);
    for addr in addresses {
        let (addr, len) = addr.split_once('/').unwrap_or((addr, "64"));
        let addr: Ipv6Addr = addr.parse().expect("an address");
        net.stack(r).add_address(now, on, addr, len.parse().expect("a length")).expect("a good address");
    }
    net.stack(r).advertise(now, on, what(lifetime)).expect("a good link");
}

fn router(seed: u64, addresses: &[&str], lifetime: u16) -> (Net, NodeId) {
    let mut net = Net::new(seed);
    let link = net.link(Link::default());
    let r = net.node();
    advertise(&mut net, r, link, addresses, lifetime);
    (net, r)
}

/// An advertisement as it was seen.
struct Said {
    at: Instant,
    lifetime: u16,
    prefixes: Vec<Prefix>,
    mtu: Option<u32>,
    servers: Vec<u8>,
    search: Vec<u8>,
}

fn said(net: &Net) -> Vec<Said> {
    let said = |seen: &Seen| {
        let packet = as_ipv6(&seen.frame).filter(|packet| packet.next_header() == ipv6::ICMPV6)?;
        let Ok(Some(Message::RouterAdvertisement(offer))) = Message::parse(packet.payload()) else { return None };
        assert!(packet.src().is_unicast_link_local());
        assert_eq!((packet.dst(), packet.hop_limit(), offer.hop_limit), (ndp::ALL_NODES, 255, 64));
        assert!(!offer.managed && !offer.other && offer.options.source_link().is_some());
        let mut said = Said {
            at: seen.at,
            lifetime: offer.lifetime,
            prefixes: Vec::new(),
            mtu: None,
            servers: Vec::new(),
            search: Vec::new(),
        };
        for option in offer.options.iter() {
            match option {
                Opt::Prefix(prefix) => said.prefixes.push(prefix),
                Opt::Mtu(mtu) => said.mtu = Some(mtu),
                Opt::Rdnss { servers, .. } => said.servers = servers.to_vec(),
                Opt::Dnssl { names, .. } => said.search = names.to_vec(),
                _ => {}
            }
        }
        Some(said)
    };
    net.trace.iter().filter_map(said).collect()
}

/// A host asks for routers.
fn solicit(net: &mut Net, r: NodeId, src: Ipv6Addr, mac: Option<Mac>, hop_limit: u8) {
    let packet = icmpv6_packet(src, ndp::ALL_ROUTERS, hop_limit, ndp::router_solicitation(mac));
    let to = ethernet::multicast(ndp::ALL_ROUTERS.into());
    net.inject(r, ETH, &ethernet_frame(to, STRANGER, ethernet::IPV6, &packet));
}

#[test]
fn a_router_says_what_hosts_need() {
    let addresses = ["2001:db8:0:1::1/64", "2001:db8:0:1::2/64", "fd00:0:0:8000::1/49", "fe80::5/64", "fd01::1/128"];
    let (mut net, _) = router(1, &addresses, 1800);
    net.run_for(Duration::from_secs(3));
    let first = said(&net).remove(0);
    assert_eq!((first.lifetime, first.mtu, &first.servers[..]), (1800, Some(1500), &DNS.octets()[..]));
    assert!(first.search.starts_with(b"\x03eng\x07example\0\x07example\0"));
    let prefix = |prefix: &str, prefix_len| Prefix {
        prefix: prefix.parse().expect("good"),
        prefix_len,
        on_link: true,
        autonomous: prefix_len == 64,
        valid: 2_592_000,
        preferred: 604_800,
    };
    assert_eq!(first.prefixes, [prefix("2001:db8:0:1::", 64), prefix("fd00:0:0:8000::", 49)]);
}

#[test]
fn the_first_three_come_soon_and_the_others_by_chance_within_a_third_of_the_lifetime() {
    for (lifetime, shortest, longest) in [(1800, 200.0, 600.0), (12, 4.0, 4.0)] {
        let (mut net, _) = router(2, &[R], lifetime);
        net.run_for(Duration::from_secs(5000));
        let all = said(&net);
        let waits: Vec<_> = all.windows(2).map(|pair| pair[1].at.since(pair[0].at).as_secs_f64()).collect();
        assert!(waits[..2].iter().all(|wait| *wait <= 16.0), "{:?}", &waits[..2]);
        assert!(waits[2..].iter().all(|wait| (shortest..=longest + 0.01).contains(wait)), "{waits:?}");
        assert!(waits.len() >= 9 || lifetime == 1800 && waits.len() >= 8);
    }
}

#[test]
fn who_asks_is_answered_within_half_a_second_and_together_with_others() {
    let (mut net, r) = router(3, &[R], 9000);
    net.run_for(Duration::from_secs(100));
    let asks = |net: &mut Net| {
        net.trace.clear();
        let asked = net.now();
        for _ in 0..5 {
            solicit(net, r, HOST, Some(STRANGER), 255);
        }
        net.run_for(Duration::from_millis(600));
        (asked, said(net))
    };
    let (asked, answers) = asks(&mut net);
    assert_eq!(answers.len(), 1);
    assert!(answers[0].at.since(asked) <= Duration::from_millis(500));
    // Not within three seconds of the last (MIN_DELAY_BETWEEN_RAS).
    let (_, again) = asks(&mut net);
    assert!(again.is_empty());
    net.run_for(Duration::from_secs(3));
    let again = said(&net);
    assert_eq!(again.len(), 1);
    let wait = again[0].at.since(answers[0].at);
    assert!((3000..=3500).contains(&wait.as_millis()), "{wait:?}");
    // §6.1.1: from nowhere, without where that is; and from beyond the link, nobody asks.
    net.run_for(Duration::from_secs(10));
    net.trace.clear();
    solicit(&mut net, r, Ipv6Addr::UNSPECIFIED, Some(STRANGER), 255);
    solicit(&mut net, r, HOST, Some(STRANGER), 254);
    net.run_for(Duration::from_secs(1));
    assert!(said(&net).is_empty());
    solicit(&mut net, r, Ipv6Addr::UNSPECIFIED, None, 255);
    net.run_for(Duration::from_secs(1));
    assert_eq!(said(&net).len(), 1);
}

#[test]
fn a_router_that_ends_says_so_and_hosts_use_it_no_more() {
    let mut net = Net::new(4);
    let link = net.link(Link::default());
    let (r, a) = (net.node(), net.node());
    advertise(&mut net, r, link, &[R], 1800);
    let (on, now) = (net.attach(a, link), net.now());
    net.stack(a).enable_ipv6(now, on, true).expect("a good link");
    net.run_for(Duration::from_secs(8));
    let far: IpAddr = "2001:db8:ffff::1".parse().expect("good");
    assert!(net.stack(a).source_for(far).is_some());
    net.trace.clear();
    let now = net.now();
    assert!(net.stack(r).stop_advertising(now) && !net.stack(r).stop_advertising(now));
    net.run_for(Duration::from_secs(3600));
    let all: Vec<_> = said(&net).iter().map(|said| said.lifetime).collect();
    assert_eq!(all, [0]);
    assert_eq!(net.stack(a).source_for(far), None);
}

#[test]
fn what_another_router_says_differently_is_noticed_once() {
    let (mut net, r) = router(7, &[R], 1800);
    net.run_for(Duration::from_secs(3));
    let mut noticed = |offer: RouterAdvertisement<'_>, options: &[Opt<'_>]| {
        hear(&mut net, r, offer, options);
        let what = |notice: Notice| match notice {
            Notice::InconsistentAdvertisement { router: ROUTER, on: ETH, what } => Some(what),
            _ => None,
        };
        net.notices(r).into_iter().filter_map(what).collect::<Vec<_>>()
    };
    let ours = [Opt::Mtu(1500), prefix(2_592_000, 604_800)];
    assert_eq!(noticed(RouterAdvertisement { hop_limit: 64, ..silent() }, &ours), [""; 0]);
    assert_eq!(noticed(silent(), &[prefix(7200, 3600)]), ["lifetimes of a prefix"]);
    assert_eq!(noticed(silent(), &[prefix(7200, 3600)]), [""; 0]);
    assert_eq!(noticed(silent(), &[Opt::Mtu(1400)]), ["MTU"]);
    assert_eq!(noticed(RouterAdvertisement { hop_limit: 32, ..silent() }, &ours), ["hop limit"]);
    assert_eq!(noticed(RouterAdvertisement { other: true, ..silent() }, &ours), ["flags of DHCPv6"]);
}

#[test]
fn a_host_says_nothing_of_routers() {
    let (mut net, r) = router(5, &[R], 1800);
    net.stack(r).set_forwarding(false);
    net.run_for(Duration::from_secs(3600));
    assert!(said(&net).is_empty());
    let now = net.now();
    for lifetime in [0, 11, 9001] {
        assert!(net.stack(r).advertise(now, ETH, what(lifetime)).is_err());
    }
}

#[test]
fn hosts_on_two_links_find_each_other_by_a_router_that_advertises_itself() {
    let mut net = Net::new(6);
    let (left, right) = (net.link(Link::default()), net.link(Link { mtu: 1400, ..Link::default() }));
    let (a, r, b) = (net.node(), net.node(), net.node());
    for (node, link) in [(a, left), (b, right)] {
        let (on, now) = (net.attach(node, link), net.now());
        net.stack(node).enable_ipv6(now, on, true).expect("a good link");
    }
    advertise(&mut net, r, left, &[R], 1800);
    advertise(&mut net, r, right, &["2001:db8:0:2::1"], 1800);
    net.run_for(Duration::from_secs(12));
    let IpAddr::V6(there) = net.stack(b).source_for(DNS.into()).expect("a way") else { panic!("of IPv6") };
    assert!(there.to_string().starts_with("2001:db8:0:2:"), "{there}");
    let now = net.now();
    let known = (net.stack(b).announced_servers(now, ETH), net.stack(b).announced_search(now, ETH));
    assert_eq!(known, (vec![DNS], vec!["eng.example".to_owned(), "example".to_owned()]));
    let (from, mut to) = (net.udp(a), net.udp_at(b, "[::]:7"));
    net.udp_send(&from, &format!("[{there}]:7"), b"hello").expect("a way");
    net.run_for(Duration::from_millis(100));
    let (header, payload) = to.recv().expect("it came");
    assert_eq!((header.ttl, &payload[..]), (63, &b"hello"[..]));
    assert!(header.src.ip().to_string().starts_with("2001:db8:0:1:"));
}
