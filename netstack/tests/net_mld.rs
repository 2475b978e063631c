//! MLD: what a host says of its IPv6 groups, and which sources its sockets hear. The script plays the router.

mod common;

use std::net::{IpAddr, Ipv6Addr};

use common::groups::*;
use common::*;
use netstack::time::{Duration, Instant};
use netstack::wire::checksum::Sum;
use netstack::wire::{ethernet, icmpv6, ipv6, mld, ndp, udp};

const GROUP: Ipv6Addr = Ipv6Addr::new(0xff15, 0, 0, 0, 0, 0, 1, 3);
const OURS: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1);
const ROUTER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0xff);
const S1: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 0x101);
const ANY: Ipv6Addr = Ipv6Addr::UNSPECIFIED;

/// RFC 9777.
struct Mld;

type Host = groups::Host<Mld>;
type Said = groups::Said<Ipv6Addr>;

impl Protocol for Mld {
    type Addr = Ipv6Addr;
    const ETHERTYPE: u16 = ethernet::IPV6;
    const ANY: Ipv6Addr = ANY;
    const OURS: (Ipv6Addr, u8) = (OURS, 64);
    const ROUTER: Ipv6Addr = ROUTER;
    const ALL: Ipv6Addr = ndp::ALL_NODES;
    const GROUP: Ipv6Addr = GROUP;
    const OTHER_GROUPS: [Ipv6Addr; 2] =
        [Ipv6Addr::new(0xff15, 0, 0, 0, 0, 0, 9, 9), Ipv6Addr::new(0xff15, 0, 0, 0, 0, 0, 5, 5)];
    const SOURCES: [Ipv6Addr; 2] = [S1, Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 0x102)];
    const NEIGHBOUR: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0x77);
    const OLDER_REPORT: u8 = icmpv6::LISTENER_REPORT_V1;
    const OLDER_LEAVE: u8 = icmpv6::LISTENER_DONE_V1;

    /// Of our addresses' groups the tests below say nothing.
    fn said(packet: &[u8]) -> Option<Vec<Said>> {
        let (_, mut said) = said_by(packet)?;
        said.retain(|(_, group, _)| group.segments()[..6] != [0xff02, 0, 0, 0, 0, 1]);
        Some(said)
    }

    fn packet(src: Ipv6Addr, dst: Ipv6Addr, message: &[u8]) -> Vec<u8> {
        packet(src, dst, 1, &mld::ROUTER_ALERT, message)
    }

    fn query(group: Option<Ipv6Addr>, sources: &[Ipv6Addr]) -> Vec<u8> {
        query(1000, group, sources)
    }

    fn older_query() -> Vec<u8> {
        query(10_000, None, &[])[..24].to_vec()
    }

    fn older_report() -> Vec<u8> {
        [&[Mld::OLDER_REPORT, 0, 0, 0, 0, 0, 0, 0][..], &GROUP.octets()].concat()
    }

    fn datagram(src: Ipv6Addr, dst: Ipv6Addr) -> Vec<u8> {
        let mut segment = [&udp::emit(7, 7, 4)[..], b"data"].concat();
        let sum = Sum::pseudo_v6(src, dst, 17, segment.len() as u32).bytes(&segment).finish();
        segment[6..8].copy_from_slice(&sum.to_be_bytes());
        ipv6_packet(src, dst, 17, 64, &segment)
    }
}

/// What a packet says, with its source: a link-local address or none.
fn said_by(packet: &[u8]) -> Option<(Ipv6Addr, Vec<Said>)> {
    let packet = ipv6::Packet::parse(packet).ok().filter(|packet| packet.next_header() == ipv6::HOP_BY_HOP)?;
    let (src, dst, mut extensions) = (packet.src(), packet.dst(), packet.extensions());
    let options = extensions.advance().expect("whole").expect("one");
    assert_eq!((packet.hop_limit(), options.bytes, extensions.kind()), (1, &mld::ROUTER_ALERT[..], ipv6::ICMPV6));
    assert!(src == ANY || src.is_unicast_link_local());
    let message = extensions.rest();
    icmpv6::Message::parse(src, dst, message, false).expect("a right checksum");
    if message[0] == icmpv6::LISTENER_REPORT {
        assert_eq!(dst, mld::V2_ROUTERS);
        return Some((src, records::<16, _>(message)));
    }
    let group = Ipv6Addr::from(*message[8..].as_array::<16>().expect("version 1"));
    assert_eq!(dst, if message[0] == icmpv6::LISTENER_DONE_V1 { ndp::ALL_ROUTERS } else { group });
    Some((src, vec![(message[0], group, Vec::new())]))
}

/// All that was said since the last call, with the time and the source.
fn all_said(host: &mut Host) -> Vec<(Instant, Ipv6Addr, Said)> {
    let mut all = Vec::new();
    for seen in host.sent() {
        let Some((src, said)) = said_by(&seen.frame[14..]) else { continue };
        all.extend(said.into_iter().map(|said| (seen.at, src, said)));
    }
    all
}

/// A packet with a message whose checksum is filled in. `extensions`: headers before the message, if any.
fn packet(src: Ipv6Addr, dst: Ipv6Addr, hop_limit: u8, extensions: &[u8], message: &[u8]) -> Vec<u8> {
    let mut message = message.to_vec();
    let sum = Sum::pseudo_v6(src, dst, ipv6::ICMPV6, message.len() as u32).bytes(&message).finish();
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    let next = if extensions.is_empty() { ipv6::ICMPV6 } else { ipv6::HOP_BY_HOP };
    ipv6_packet(src, dst, next, hop_limit, &[extensions, &message].concat())
}

/// A query of version 2, its robustness variable 2 and its interval 125 s. Its first 24 bytes are one of version 1.
fn query(response_code: u16, group: Option<Ipv6Addr>, sources: &[Ipv6Addr]) -> Vec<u8> {
    let mut message = vec![icmpv6::LISTENER_QUERY, 0, 0, 0];
    message.extend(response_code.to_be_bytes());
    message.extend([0, 0]);
    message.extend(group.unwrap_or(ANY).octets());
    message.extend([2, 125, 0, sources.len() as u8]);
    sources.iter().for_each(|source| message.extend(source.octets()));
    message
}

/// A general query of version 1 with a response time of ten seconds.
fn asked_in_version_1(host: &mut Host) {
    host.hears(ndp::ALL_NODES, &Mld::older_query());
}

fn link_local(host: &mut Host) -> Ipv6Addr {
    let interface = host.net.stack(host.node).interfaces().find(|interface| interface.index == ETH).expect("attached");
    let mut usable = interface.addresses.iter().filter(|address| address.is_usable());
    let local = usable.find_map(|address| match address.net.addr {
        IpAddr::V6(addr) => addr.is_unicast_link_local().then_some(addr),
        IpAddr::V4(_) => None,
    });
    local.expect("tried by now")
}

fn to(kind: u8, sources: &[Ipv6Addr]) -> Said {
    (kind, GROUP, sources.to_vec())
}

dialogues! { Mld }

#[test]
fn an_answer_about_all_groups_has_those_of_our_addresses() {
    let (mut host, _socket) = Host::member(5);
    host.asked(None, &[]);
    host.net.run_for(Duration::from_secs(1));
    let said: Vec<Said> = all_said(&mut host).into_iter().map(|(_, _, said)| said).collect();
    let local = ndp::solicited_node(link_local(&mut host));
    assert_eq!(said.len(), 3, "{said:?}");
    let all = [GROUP, ndp::solicited_node(OURS), local].map(|group| (IS_EX, group, vec![]));
    assert!(all.iter().all(|record| said.contains(record)), "{said:?}");
}

/// RFC 3590 §4: before there is a link-local address reports come from none, and then are said again.
#[test]
fn the_groups_of_our_addresses_are_reported_first_from_nowhere_and_then_from_the_link_local_address() {
    let mut host = Host::starting(2);
    let node = host.node;
    host.net.poll(node);
    let group = ndp::solicited_node(OURS);
    let said = all_said(&mut host);
    assert!(said.contains(&(host.net.now(), ANY, (TO_EX, group, vec![]))), "at once: {said:?}");
    let asked = host.net.trace.iter().position(|seen| as_ipv6(&seen.frame).is_some_and(|p| p.next_header() == 58));
    assert_ne!(asked, Some(0), "the address is tried after that (RFC 4862 §5.4.2)");
    host.net.run_for(Duration::from_secs(12));
    let local = link_local(&mut host);
    let said = all_said(&mut host);
    let from = |src: Ipv6Addr, group: Ipv6Addr| {
        said.iter().filter(|(_, by, what)| *by == src && *what == (TO_EX, group, vec![])).count()
    };
    assert_eq!((from(ANY, group), from(local, group)), (1, 2));
    assert_eq!(from(local, ndp::solicited_node(local)), 2);
    assert_eq!(said.len(), 6, "{said:?}");
    // An address that goes takes its group along.
    let now = host.net.now();
    host.net.stack(node).remove_address(now, ETH, OURS).expect("ours");
    host.net.run_for(Duration::from_secs(12));
    let said: Vec<Said> = all_said(&mut host).into_iter().map(|(_, _, said)| said).collect();
    assert_eq!(said, [(TO_IN, group, vec![]), (TO_IN, group, vec![])]);
}

#[test]
fn an_interface_that_comes_up_again_says_what_it_is_in() {
    let (mut host, _socket) = Host::member(3);
    let (node, now) = (host.node, host.net.now());
    for up in [false, true] {
        host.net.stack(node).set_up(now, ETH, up).expect("there");
    }
    assert_eq!(host.says_within(60), [to(TO_EX, &[]), to(TO_EX, &[])]);
}

/// RFC 9777 §5.1.3: from 32768 on the code is a mantissa and an exponent.
#[test]
fn a_long_time_to_answer_is_made_use_of() {
    let (mut host, _socket) = Host::member(6);
    let mut latest = Duration::ZERO;
    for _ in 0..20 {
        let asked_at = host.net.now();
        host.hears(ndp::ALL_NODES, &query(0xb000, None, &[])); // 0x1000 << 6: 262 s.
        host.net.run_for(Duration::from_secs(263));
        let said = all_said(&mut host);
        assert_eq!(said.iter().filter(|(_, _, said)| said.1 == GROUP).count(), 1);
        latest = latest.max(said[0].0 - asked_at);
    }
    assert!(latest > Duration::from_secs(130), "{latest:?}");
}

#[test]
fn questions_from_afar_or_that_make_no_sense_are_ignored() {
    let (mut host, _socket) = Host::member(7);
    let (good, alert) = (query(1000, None, &[]), &mld::ROUTER_ALERT[..]);
    let alert_of_rsvp = &[58, 0, 5, 2, 0, 1, 1, 0];
    for (src, hop_limit, extensions) in
        [(ROUTER, 2, alert), (S1, 1, alert), (ANY, 1, alert), (ROUTER, 1, &[]), (ROUTER, 1, alert_of_rsvp)]
    {
        host.hears_packet(ndp::ALL_NODES, &packet(src, ndp::ALL_NODES, hop_limit, extensions, &good));
    }
    host.hears(ndp::ALL_NODES, &good[..23]);
    host.hears(ndp::ALL_NODES, &good[..27]);
    host.hears(ndp::ALL_NODES, &query(1000, Some(S1), &[]));
    host.hears(ndp::ALL_NODES, &[&good[..27], &[9]].concat());
    assert_eq!(host.says_within(20), []);
    // RFC 9777 §5.1.15: to whichever of our addresses.
    host.hears(mld::V2_ROUTERS, &good);
    assert_eq!(host.says_within(20), [], "we are not in the group of those routers");
    host.hears(GROUP, &good);
    assert_eq!(host.says_within(1), [to(IS_EX, &[])]);
}

/// RFC 9777 §8.2.1: what is pending when the version changes is not said any more.
#[test]
fn what_was_to_be_said_to_another_version_is_not_said() {
    let (mut host, socket) = Host::member(9);
    host.asked(None, &[]);
    host.leave(&socket);
    assert_eq!(host.said(), [to(TO_IN, &[])]);
    asked_in_version_1(&mut host);
    assert_eq!(host.says_within(20), [], "not a second time, and no answer in version 2");
}

#[test]
fn groups_that_all_are_in_or_that_stay_in_the_host_are_not_reported() {
    let mut host = Host::new(10);
    let socket = host.socket(7);
    for group in
        [ndp::ALL_NODES, Ipv6Addr::new(0xff01, 0, 0, 0, 0, 0, 0, 5), Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 5)]
    {
        host.join(&socket, group);
        host.asked(Some(group), &[]);
    }
    host.asked(None, &[]);
    assert_eq!(host.says_within(20), []);
    asked_in_version_1(&mut host);
    assert_eq!(host.says_within(20), []);
}

#[test]
fn a_router_is_in_the_groups_of_all_routers() {
    let mut host = Host::new(11);
    let node = host.node;
    let routers = |kind: u8| -> Vec<Said> {
        let groups = [ndp::ALL_ROUTERS, Ipv6Addr::new(0xff05, 0, 0, 0, 0, 0, 0, 2)];
        groups.into_iter().map(|group| (kind, group, Vec::new())).collect()
    };
    for (on, kind) in [(true, TO_EX), (false, TO_IN)] {
        host.net.stack(node).set_forwarding(on);
        host.net.poll(node);
        assert_eq!(host.said(), routers(kind));
        assert_eq!(host.says_within(20).len(), 2);
    }
}

/// RFC 9777 §5.2.15: a report fits every link of IPv6.
#[test]
fn what_does_not_fit_one_report_goes_into_several() {
    let mut host = Host::new(13);
    let sockets: Vec<Udp> = (0..8).map(|n| host.socket(100 + n)).collect();
    for n in 0..120 {
        host.join(&sockets[n / 15], Ipv6Addr::new(0xff15, 0, 0, 0, 0, 0, 2, n as u16));
    }
    host.says_within(60);
    host.asked(None, &[]);
    let before = host.net.trace.len();
    assert_eq!(host.says_within(1).len(), 120);
    let frames = &host.net.trace[before..];
    assert!(frames.len() == 2 && frames.iter().all(|seen| seen.frame.len() <= 14 + 1280), "{}", frames.len());
}
