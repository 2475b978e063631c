//! IGMP: what a host says of its groups, and which sources its sockets hear. The script plays the router.

mod common;

use std::net::Ipv4Addr;

use common::groups::*;
use common::*;
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

fn to(kind: u8, sources: &[Ipv4Addr]) -> Said {
    (kind, GROUP, sources.to_vec())
}

#[test]
fn joining_and_leaving_are_said_at_once_and_once_more() {
    let mut host = Host::new(1);
    let socket = host.socket(7);
    host.join(&socket, GROUP);
    assert_eq!(host.said(), [to(TO_EX, &[])], "at once");
    assert_eq!(host.says_within(1), [to(TO_EX, &[])], "the robustness variable is 2");
    assert_eq!(host.says_within(60), []);
    host.close(&socket);
    assert_eq!(host.said(), [to(TO_IN, &[])]);
    assert_eq!(host.says_within(60), [to(TO_IN, &[])]);
}

#[test]
fn the_interface_reports_what_it_wants_for_all_sockets() {
    let mut host = Host::new(2);
    let (one, two) = (host.socket(7), host.socket(8));
    host.filter(&one, FilterMode::Include, &[S1]);
    assert_eq!(host.says_within(60), [to(ALLOW, &[S1]), to(ALLOW, &[S1])]);
    host.filter(&two, FilterMode::Include, &[S1, S2]);
    assert_eq!(host.says_within(60), [to(ALLOW, &[S2]), to(ALLOW, &[S2])]);
    host.filter(&one, FilterMode::Include, &[S2]);
    assert_eq!(host.says_within(60), [], "the other one still wants it");
    host.filter(&two, FilterMode::Include, &[S2]);
    assert_eq!(host.says_within(60), [to(BLOCK, &[S1]), to(BLOCK, &[S1])]);
    let three = host.socket(9);
    host.join(&three, GROUP);
    assert_eq!(host.says_within(60), [to(TO_EX, &[]), to(TO_EX, &[])]);
    host.filter(&three, FilterMode::Exclude, &[S1, S2]);
    assert_eq!(host.says_within(60), [to(BLOCK, &[S1]), to(BLOCK, &[S1])], "S2 is wanted by others");
}

#[test]
fn changes_that_follow_each_other_are_merged() {
    let mut host = Host::new(3);
    let socket = host.socket(7);
    host.filter(&socket, FilterMode::Include, &[S1]);
    host.filter(&socket, FilterMode::Include, &[S2]);
    let said = host.says_within(60);
    assert_eq!(said[0], to(ALLOW, &[S1]));
    assert_eq!(said[1..3], [to(ALLOW, &[S2]), to(BLOCK, &[S1])], "RFC 9776 §5.1");
    assert_eq!(said.len(), 5);
}

#[test]
fn questions_are_answered_once_within_the_time_that_they_give() {
    let mut host = Host::new(4);
    let (one, two) = (host.socket(7), host.socket(7777));
    host.join(&one, GROUP);
    let other = Ipv4Addr::new(239, 9, 9, 9);
    host.join(&two, other);
    host.says_within(60);
    host.asked(None, &[]);
    host.asked(None, &[]);
    assert_eq!(host.said(), [], "after a random time");
    assert_eq!(host.says_within(1), [to(IS_EX, &[]), (IS_EX, other, vec![])], "one answer for both questions");
    host.asked(Some(GROUP), &[]);
    assert_eq!(host.says_within(1), [to(IS_EX, &[])]);
    host.asked(Some(Ipv4Addr::new(239, 5, 5, 5)), &[]);
    assert_eq!(host.says_within(10), [], "not a member");
    host.filter(&one, FilterMode::Exclude, &[S1]);
    host.says_within(60);
    host.asked(Some(GROUP), &[S1, S2]);
    assert_eq!(host.says_within(1), [to(IS_IN, &[S2])], "what of it is wanted");
    host.asked(Some(GROUP), &[S1]);
    assert_eq!(host.says_within(10), []);
    host.asked(Some(GROUP), &[S2]);
    host.asked(Some(GROUP), &[]);
    assert_eq!(host.says_within(1), [to(IS_EX, &[S1])], "an answer about all sources answers both");
}

#[test]
fn questions_from_afar_or_to_the_wrong_group_are_ignored() {
    let mut host = Host::new(5);
    let socket = host.socket(7);
    host.join(&socket, GROUP);
    host.says_within(60);
    let query = [0x11, 10, 0, 0, 0, 0, 0, 0, 2, 125, 0, 0];
    host.hears_packet(igmp::ALL_SYSTEMS, &from_afar(Igmp::ROUTER, igmp::ALL_SYSTEMS, &query, 2));
    host.hears(GROUP, &query);
    host.hears(igmp::ALL_SYSTEMS, &query[..7]);
    host.hears(igmp::ALL_SYSTEMS, &[0x11, 10, 0, 0, 10, 0, 0, 1, 2, 125, 0, 0]);
    host.hears(igmp::ALL_SYSTEMS, &[0x11, 10, 0, 0, 0, 0, 0, 0, 2, 125, 0, 9]);
    assert_eq!(host.says_within(20), []);
}

#[test]
fn a_router_of_version_2_is_spoken_to_in_version_2_until_it_is_gone() {
    let mut host = Host::new(6);
    let socket = host.socket(7);
    host.join(&socket, GROUP);
    host.says_within(60);
    host.hears(igmp::ALL_SYSTEMS, &[0x11, 100, 0, 0, 0, 0, 0, 0]);
    assert_eq!(host.says_within(10), [(0x16, GROUP, vec![])]);
    // Another member answers first: ours is not needed, and it is not ours to say that we leave.
    host.hears(igmp::ALL_SYSTEMS, &[0x11, 100, 0, 0, 0, 0, 0, 0]);
    host.hears_from(S1, GROUP, &[0x16, 0, 0, 0, 239, 1, 2, 3]);
    assert_eq!(host.says_within(10), []);
    host.leave(&socket);
    assert_eq!(host.says_within(20), []);
    host.join(&socket, GROUP);
    assert_eq!(host.says_within(20), [(0x16, GROUP, vec![]), (0x16, GROUP, vec![])]);
    host.leave(&socket);
    assert_eq!(host.says_within(20), [(0x17, GROUP, vec![])]);
    // 2 × 125 s + 10 s without a question of version 2.
    host.net.run_for(Duration::from_secs(260));
    host.join(&socket, GROUP);
    assert_eq!(host.says_within(20), [to(TO_EX, &[]), to(TO_EX, &[])]);
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
fn each_socket_hears_the_sources_that_it_wants() {
    let mut host = Host::new(8);
    let mut sockets: [Udp; 5] = host.sharing();
    host.filter(&sockets[0], FilterMode::Include, &[S1]);
    host.join(&sockets[1], GROUP);
    host.filter(&sockets[1], FilterMode::Exclude, &[S1]);
    host.join(&sockets[2], Ipv4Addr::new(239, 9, 9, 9));
    // The fourth is in no group, and the fifth wants no groups of others (IP_MULTICAST_ALL).
    host.net.stack(host.node).udp_options(sockets[4].id).expect("open").multicast_all = false;
    let heard = host.heard_of([S1, S2], &mut sockets);
    assert_eq!(heard, [vec![S1], vec![S2], vec![S1, S2], vec![S1, S2], vec![]]);
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
    assert_eq!(stack.udp_set_filter(socket.id, GROUP, Some(ETH), many), Err(GroupError::TooMany));
    assert_eq!(stack.udp_set_filter(socket.id, GROUP, Some(ETH), Filter::ALL), Err(GroupError::Invalid));
    assert_eq!(stack.udp_filter(socket.id, GROUP, Some(ETH)), Ok(Filter::NONE));
    let one = Filter { mode: FilterMode::Include, sources: [S1.into()].into() };
    let mut change = |source, change| stack.udp_change_source(socket.id, GROUP, Some(ETH), source, change);
    assert_eq!(change(S1, SourceChange::Block), Err(GroupError::Invalid), "not a member");
    assert_eq!(change(S1, SourceChange::Join), Ok(()));
    assert_eq!(change(S1, SourceChange::Join), Err(GroupError::NotMember), "twice");
    assert_eq!(change(S2, SourceChange::Block), Err(GroupError::Invalid), "the other kind");
    assert_eq!(stack.udp_filter(socket.id, GROUP, Some(ETH)), Ok(one));
}
