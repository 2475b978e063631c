//! IGMP: what a host says of its groups, and which sources its sockets hear. The script plays the router.

mod common;

use std::net::Ipv4Addr;

use common::groups::*;
use common::*;
use netstack::raw::RawKind;
use netstack::time::Duration;
use netstack::wire::{checksum, ethernet, igmp, ipv4};
use netstack::{Filter, FilterMode, SourceChange};

const GROUP: Ipv4Addr = Ipv4Addr::new(239, 1, 2, 3);
const S1: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 101);
const S2: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 102);

/// RFC 9776.
struct Igmp;

type Host = groups::Host<Igmp>;
type Said = groups::Said<Ipv4Addr>;

impl Protocol for Igmp {
    type Addr = Ipv4Addr;
    const ETHERTYPE: u16 = ethernet::IPV4;
    const ANY: Ipv4Addr = Ipv4Addr::UNSPECIFIED;
    const OURS: (Ipv4Addr, u8) = (Ipv4Addr::new(10, 0, 0, 1), 24);
    const ROUTER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 254);
    const ALL: Ipv4Addr = igmp::ALL_SYSTEMS;
    const GROUP: Ipv4Addr = GROUP;
    const OTHER_GROUPS: [Ipv4Addr; 2] = [Ipv4Addr::new(239, 9, 9, 9), Ipv4Addr::new(239, 5, 5, 5)];
    const SOURCES: [Ipv4Addr; 2] = [S1, S2];
    const NEIGHBOUR: Ipv4Addr = S1;
    const OLDER_REPORT: u8 = 0x16;
    const OLDER_LEAVE: u8 = 0x17;

    fn said(packet: &[u8]) -> Option<Vec<Said>> {
        let packet = ipv4::Packet::parse(packet).ok().filter(|packet| packet.protocol() == igmp::PROTOCOL)?;
        let message = packet.payload();
        assert_eq!((packet.ttl(), packet.options()), (1, &igmp::ROUTER_ALERT[..]));
        assert_eq!(checksum::checksum(message), 0);
        if message[0] == 0x22 {
            assert_eq!(packet.dst(), igmp::V3_ROUTERS);
            return Some(records::<4, _>(message));
        }
        let group = Ipv4Addr::new(message[4], message[5], message[6], message[7]);
        assert_eq!(packet.dst(), if message[0] == 0x17 { igmp::ALL_ROUTERS } else { group });
        Some(vec![(message[0], group, Vec::new())])
    }

    fn packet(src: Ipv4Addr, dst: Ipv4Addr, message: &[u8]) -> Vec<u8> {
        from_afar(src, dst, message, 1)
    }

    fn query(group: Option<Ipv4Addr>, sources: &[Ipv4Addr]) -> Vec<u8> {
        let mut message = vec![0x11, 10, 0, 0];
        message.extend(group.unwrap_or(Ipv4Addr::UNSPECIFIED).octets());
        message.extend([2, 125, 0, sources.len() as u8]);
        sources.iter().for_each(|source| message.extend(source.octets()));
        message
    }

    fn older_query() -> Vec<u8> {
        vec![0x11, 100, 0, 0, 0, 0, 0, 0]
    }

    fn older_report() -> Vec<u8> {
        [&[Igmp::OLDER_REPORT, 0, 0, 0][..], &GROUP.octets()].concat()
    }

    fn datagram(src: Ipv4Addr, dst: Ipv4Addr) -> Vec<u8> {
        ipv4_packet(src, dst, ipv4::UDP, &udp_segment((src, 7), (dst, 7), b"data"))
    }
}

fn from_afar(src: Ipv4Addr, dst: Ipv4Addr, message: &[u8], ttl: u8) -> Vec<u8> {
    let mut message = message.to_vec();
    let sum = checksum::checksum(&message);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    let header = ipv4::Header::atomic(src, dst, igmp::PROTOCOL, ttl, 0xc0);
    [&header.emit(message.len())[..], &message].concat()
}

dialogues! { Igmp }

#[test]
fn questions_from_afar_or_to_the_wrong_group_are_ignored() {
    let (mut host, _socket) = Host::member(5);
    let query = [0x11, 10, 0, 0, 0, 0, 0, 0, 2, 125, 0, 0];
    host.hears_packet(igmp::ALL_SYSTEMS, &from_afar(Igmp::ROUTER, igmp::ALL_SYSTEMS, &query, 2));
    host.hears(GROUP, &query);
    host.hears(igmp::ALL_SYSTEMS, &query[..7]);
    host.hears(igmp::ALL_SYSTEMS, &[0x11, 10, 0, 0, 10, 0, 0, 1, 2, 125, 0, 0]);
    host.hears(igmp::ALL_SYSTEMS, &[0x11, 10, 0, 0, 0, 0, 0, 0, 2, 125, 0, 9]);
    assert_eq!(host.says_within(20), []);
}

#[test]
fn a_router_of_version_1_hears_reports_and_no_leaving() {
    let mut host = Host::new(7);
    let socket = host.socket(7);
    host.hears(igmp::ALL_SYSTEMS, &[0x11, 0, 0, 0, 0, 0, 0, 0]);
    host.join(&socket, GROUP);
    assert_eq!(host.says_within(20), [(0x12, GROUP, vec![]), (0x12, GROUP, vec![])]);
    host.leave(&socket);
    assert_eq!(host.says_within(20), []);
}

#[test]
fn filters_have_bounds_and_are_told() {
    let mut host = Host::new(9);
    let socket = host.socket(7);
    let node = host.node;
    let many =
        Filter { mode: FilterMode::Include, sources: (1..=11).map(|n| Ipv4Addr::new(10, 0, 0, n).into()).collect() };
    use netstack::socket::GroupError;
    let stack = host.net.stack(node);
    assert_eq!(stack.group_set_filter(socket.id, GROUP, Some(ETH), many), Err(GroupError::TooMany));
    assert_eq!(stack.group_set_filter(socket.id, GROUP, Some(ETH), Filter::ALL), Err(GroupError::Invalid));
    assert_eq!(stack.group_filter(socket.id, GROUP, Some(ETH)), Ok(Filter::NONE));
    let one = Filter { mode: FilterMode::Include, sources: [S1.into()].into() };
    let mut change = |source, change| stack.group_change_source(socket.id, GROUP, Some(ETH), source, change);
    assert_eq!(change(S1, SourceChange::Block), Err(GroupError::Invalid), "not a member");
    assert_eq!(change(S1, SourceChange::Join), Ok(()));
    assert_eq!(change(S1, SourceChange::Join), Err(GroupError::NotMember), "twice");
    assert_eq!(change(S2, SourceChange::Block), Err(GroupError::Invalid), "the other kind");
    assert_eq!(stack.group_filter(socket.id, GROUP, Some(ETH)), Ok(one));
}

/// As those of routing daemons are.
#[test]
fn raw_sockets_are_members_too() {
    const OSPF: u8 = 89;
    let (mut net, a, _) = Net::pair(10, Link::default());
    net.run_for(Duration::from_secs(5));
    let kind = RawKind::Raw { protocol: OSPF };
    let (mut member, mut other, mut any) = (net.raw(a, kind), net.raw(a, kind), net.raw(a, kind));
    net.stack(a).raw_options(other.id).expect("open").datagram.multicast_all = false;
    let hello = |net: &mut Net| {
        let packet = ipv4_packet(S1, GROUP, OSPF, b"hello");
        net.inject(a, ETH, &ethernet_frame(ethernet::multicast(GROUP.into()), STRANGER, ethernet::IPV4, &packet));
    };
    hello(&mut net);
    assert!(member.recv().is_none(), "the host is in no group");
    net.stack(a).group_join(member.id, GROUP, Some(ETH)).expect("joined");
    hello(&mut net);
    assert!(member.recv().is_some() && other.recv().is_none() && any.recv().is_some());
    net.stack(a).group_change_source(member.id, GROUP, Some(ETH), S1, SourceChange::Block).expect("a member");
    hello(&mut net);
    assert!(member.recv().is_none() && any.recv().is_none(), "nobody here wants that source");
    net.run_for(Duration::from_secs(10));
    net.trace.clear();
    net.stack(a).raw_close(member.id);
    net.run_for(Duration::from_millis(10));
    let reported = net.trace.iter().filter_map(|seen| as_ipv4(&seen.frame)).any(|packet| packet.protocol() == 2);
    assert!(reported, "who closes has left");
}
