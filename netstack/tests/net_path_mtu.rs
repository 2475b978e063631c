//! The path MTU: a router in the middle whose second link is narrower.

mod common;
mod tcp_common;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use common::*;
use netstack::datagram::MtuDiscovery;
use netstack::link::IfIndex;
use netstack::route::Route;
use netstack::socket::{SendError, SocketError};
use netstack::tcp::State;
use netstack::time::Duration;
use netstack::wire::{ethernet, icmpv4, icmpv6, ipv4, ipv6, ndp, tcp, udp};
use netstack::{IpNet, Ipv4Net};
use tcp_common::{Listener, Socket};

const LEFT: IfIndex = IfIndex(2);
const A: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 2);
const B: Ipv4Addr = Ipv4Addr::new(10, 2, 0, 2);

/// a (10.1.0.2) – router – b (10.2.0.2), the second link with an MTU of 1000.
fn narrow(seed: u64) -> (Net, NodeId, NodeId, NodeId) {
    let mut net = Net::new(seed);
    let (a, r, b) = (net.node(), net.node(), net.node());
    let left = net.link(Link::default());
    let right = net.link(Link { mtu: 1000, ..Link::default() });
    net.join(a, left, "10.1.0.2/24");
    net.join(r, left, "10.1.0.1/24");
    net.join(r, right, "10.2.0.1/24");
    net.join(b, right, "10.2.0.2/24");
    let via = Some(Ipv4Addr::new(10, 1, 0, 1).into());
    let route = Route { dst: IpNet::from(Ipv4Net::DEFAULT), via, on: LEFT, metric: 0 };
    net.stack(a).add_route(route).expect("a good route");
    net.stack(r).set_forwarding(true);
    (net, a, r, b)
}

fn path_mtu(net: &mut Net, node: NodeId) -> Option<u32> {
    net.stack(node).path_mtu(SocketAddr::from((B, 7)))
}

/// A connected socket of this mode.
fn socket(net: &mut Net, a: NodeId, mode: MtuDiscovery) -> Udp {
    let socket = net.udp(a);
    net.stack(a).udp_connect(socket.id, Some((B, 7).into())).expect("a route");
    net.stack(a).udp_options(socket.id).expect("open").mtu_discovery = mode;
    socket
}

/// Sends so many bytes; afterwards the sizes of the packets on the left link that went to b, and whether they forbid
/// fragments.
fn send(net: &mut Net, socket: &Udp, len: usize) -> (Result<usize, SendError>, Vec<(usize, bool)>) {
    net.run_for(Duration::from_millis(20));
    net.trace.clear();
    let (now, node) = (net.now(), socket.node);
    net.stack(node).udp_take_error(socket.id);
    let sent = net.stack(node).udp_send(now, socket.id, None, &[&vec![9; len]], &Default::default());
    net.run_for(Duration::from_millis(20));
    let packets = net.trace.iter().filter(|seen| seen.from == node).filter_map(|seen| as_ipv4(&seen.frame));
    let to_b = packets.filter(|packet| packet.dst() == B);
    (sent, to_b.map(|packet| (packet.bytes().len(), packet.dont_fragment())).collect())
}

#[test]
fn by_default_a_datagram_is_cut_here_once_the_path_is_known() {
    let (mut net, a, _, b) = narrow(1);
    let mut to = net.udp_at(b, "10.2.0.2:7");
    let from = socket(&mut net, a, MtuDiscovery::Want);
    assert_eq!(path_mtu(&mut net, a), Some(1500));
    assert_eq!(send(&mut net, &from, 1400), (Ok(1400), vec![(1428, true)]));
    assert!(to.recv().is_none(), "the router could not pass it on");
    assert_eq!(net.stack(a).udp_take_error(from.id), Some(SocketError::MessageTooLong), "as Linux tells");
    assert_eq!(path_mtu(&mut net, a), Some(1000));
    assert_eq!(send(&mut net, &from, 1400), (Ok(1400), vec![(996, false), (452, false)]));
    assert_eq!(to.recv().expect("whole again").1.len(), 1400);
    assert_eq!(send(&mut net, &from, 100), (Ok(100), vec![(128, true)]));
    // RFC 1191 §6.3: after ten minutes a larger one is tried again.
    net.run_for(Duration::from_secs(601));
    assert_eq!(path_mtu(&mut net, a), Some(1500));
}

#[test]
fn each_mode_does_as_ip_7_says() {
    use MtuDiscovery::{Do, Dont, Interface, Omit, Probe};
    let (mut net, a, _, b) = narrow(2);
    let mut to = net.udp_at(b, "10.2.0.2:7");
    let teach = socket(&mut net, a, Do);
    assert_eq!(send(&mut net, &teach, 1400).0, Ok(1400));
    assert_eq!(path_mtu(&mut net, a), Some(1000));
    let too_long = |sent: (Result<usize, SendError>, Vec<_>)| sent == (Err(SendError::MessageTooLong), vec![]);
    let modes = [Dont, Do, Probe, Interface, Omit].map(|mode| socket(&mut net, a, mode));
    let [dont, only, probe, interface, omit] = &modes;
    assert_eq!(send(&mut net, dont, 1400).1, [(996, false), (452, false)]);
    assert!(too_long(send(&mut net, only, 1400)));
    assert_eq!(send(&mut net, only, 972).1, [(1000, true)]);
    assert_eq!(send(&mut net, probe, 1400).1, [(1428, true)], "the path is not asked");
    assert!(too_long(send(&mut net, probe, 1473)));
    while to.recv().is_some() {}
    assert_eq!(send(&mut net, interface, 1400).1, [(1428, false)]);
    assert_eq!(to.recv().expect("cut by the router").1.len(), 1400);
    assert!(too_long(send(&mut net, interface, 1473)));
    assert_eq!(send(&mut net, omit, 1400).1, [(1428, false)]);
    assert_eq!(send(&mut net, omit, 1600).1, [(1500, false), (148, false)]);
}

/// The script says as the router that a packet from port `port` was too long.
fn too_big(net: &mut Net, a: NodeId, port: u16, mtu: u32, of_len: u16) {
    let segment = udp_segment((A, port), (B, 7), &[0; 8]);
    let mut quoted = ipv4_packet(A, B, ipv4::UDP, &segment);
    quoted[2..4].copy_from_slice(&of_len.to_be_bytes());
    let message = [&icmpv4::emit(icmpv4::UNREACHABLE, 4, mtu, &quoted)[..], &quoted].concat();
    let mac = net.stack(a).interfaces().find(|interface| interface.index == LEFT).expect("it is there").mac;
    let packet = ipv4_packet(Ipv4Addr::new(10, 1, 0, 1), A, ipv4::ICMP, &message);
    net.inject(a, LEFT, &ethernet_frame(mac, STRANGER, ethernet::IPV4, &packet));
}

#[test]
fn lies_and_old_routers() {
    let (mut net, a, _, _) = narrow(3);
    let from = socket(&mut net, a, MtuDiscovery::Want);
    let port = net.stack(a).udp_local(from.id).expect("bound").port();
    too_big(&mut net, a, port ^ 1, 600, 1428);
    assert_eq!(path_mtu(&mut net, a), Some(1500), "nobody here sent that (RFC 5927)");
    too_big(&mut net, a, port, 0, 1428);
    assert_eq!(path_mtu(&mut net, a), Some(1006), "an old router: the next plateau (RFC 1191 §7.1)");
    too_big(&mut net, a, port, 1400, 1428);
    assert_eq!(path_mtu(&mut net, a), Some(1006), "a path does not become wider by that");
    too_big(&mut net, a, port, 68, 1428);
    assert_eq!(path_mtu(&mut net, a), Some(552), "and no narrower than this");
    assert_eq!(send(&mut net, &from, 100).1, [(128, false)], "if it was true after all, routers may cut");
}

#[test]
fn who_does_not_discover_hears_of_nothing() {
    let (mut net, a, _, _) = narrow(4);
    let from = socket(&mut net, a, MtuDiscovery::Dont);
    let port = net.stack(a).udp_local(from.id).expect("bound").port();
    too_big(&mut net, a, port, 1000, 1428);
    assert_eq!(net.stack(a).udp_take_error(from.id), None);
}

/// As `narrow`, and b does not know that the router's link to it is narrower than its own.
fn narrow_in_the_middle(seed: u64) -> (Net, NodeId, NodeId) {
    let mut net = Net::new(seed);
    let (a, r, b) = (net.node(), net.node(), net.node());
    let (left, right) = (net.link(Link::default()), net.link(Link { mtu: 1000, ..Link::default() }));
    net.join(a, left, "10.1.0.2/24");
    net.join(r, left, "10.1.0.1/24");
    net.join(r, right, "10.2.0.1/24");
    net.change_link(right, |link| link.mtu = 1500);
    net.join(b, right, "10.2.0.2/24");
    for (node, via) in [(a, [10, 1, 0, 1]), (b, [10, 2, 0, 1])] {
        let route = Route { dst: IpNet::DEFAULT_V4, via: Some(via.into()), on: LEFT, metric: 0 };
        net.stack(node).add_route(route).expect("a good route");
    }
    net.stack(r).set_forwarding(true);
    (net, a, b)
}

/// A connection from a to b's port 80.
fn connection(net: &mut Net, a: NodeId, listener: &Listener) -> (Socket, Socket) {
    let ours = Socket::connect(net, a, "10.2.0.2:80", 1 << 16);
    net.run_for(Duration::from_millis(20));
    assert_eq!(ours.state(net), State::Established);
    let theirs = listener.accept(net).expect("connected");
    (ours, theirs)
}

/// The longest packet of TCP that a node has sent, and the MSS that it announced, since the trace was cleared.
fn longest_segment(net: &Net, node: NodeId) -> (usize, Option<u16>) {
    let packets = net.trace.iter().filter(|seen| seen.from == node).filter_map(|seen| as_ipv4(&seen.frame));
    let segments = packets.filter(|packet| packet.protocol() == ipv4::TCP);
    segments.fold((0, None), |(longest, mss), packet| {
        let segment = tcp::Segment::parse(packet.payload()).expect("whole");
        (longest.max(packet.bytes().len()), mss.or(segment.header.options.mss))
    })
}

#[test]
fn what_one_connection_learns_counts_for_datagrams_and_for_the_others() {
    let (mut net, a, b) = narrow_in_the_middle(5);
    let listener = Listener::new(&mut net, b, "0.0.0.0:80", 4);
    let (mut first, mut first_far) = connection(&mut net, a, &listener);
    let (mut second, mut second_far) = connection(&mut net, a, &listener);
    first.write(&mut net, &[1; 20_000]);
    net.run_for(Duration::from_millis(500));
    assert_eq!(first_far.read(&mut net, 1 << 16).len(), 20_000);
    assert_eq!(first.info(&mut net).pmtu, 1000);
    // RFC 1191 §6.1: it is the host's knowledge.
    assert_eq!(path_mtu(&mut net, a), Some(1000));
    let datagrams = socket(&mut net, a, MtuDiscovery::Do);
    assert_eq!(send(&mut net, &datagrams, 1400).0, Err(SendError::MessageTooLong));
    // RFC 8201 §5.2: a connection that there was before takes it over before it sends.
    net.trace.clear();
    second.write(&mut net, &[2; 20_000]);
    net.run_for(Duration::from_millis(500));
    assert_eq!(second_far.read(&mut net, 1 << 16).len(), 20_000);
    assert_eq!(longest_segment(&net, a), (1000, None));
    assert_eq!(second.info(&mut net).retransmits, 0);
    // RFC 9293 §3.7.1: what we can take is another matter; we announce our link's.
    let (mut third, mut third_far) = {
        net.trace.clear();
        connection(&mut net, a, &listener)
    };
    third.write(&mut net, &[3; 20_000]);
    net.run_for(Duration::from_millis(500));
    assert_eq!(third_far.read(&mut net, 1 << 16).len(), 20_000);
    assert_eq!(longest_segment(&net, a), (1000, Some(1460)));
    // RFC 1191 §6.3: after ten minutes, a longer one is tried again.
    net.run_for(Duration::from_secs(601));
    net.trace.clear();
    third.write(&mut net, &[4; 20_000]);
    net.run_for(Duration::from_millis(500));
    assert_eq!(third_far.read(&mut net, 1 << 16).len(), 20_000);
    assert_eq!(longest_segment(&net, a), (1500, None));
    assert_eq!(path_mtu(&mut net, a), Some(1000), "and learnt again");
}

#[test]
fn what_a_datagram_learns_counts_for_connections() {
    let (mut net, a, b) = narrow_in_the_middle(6);
    let datagrams = socket(&mut net, a, MtuDiscovery::Want);
    assert_eq!(send(&mut net, &datagrams, 1400).0, Ok(1400));
    assert_eq!(path_mtu(&mut net, a), Some(1000));
    let listener = Listener::new(&mut net, b, "0.0.0.0:80", 4);
    net.trace.clear();
    let (mut ours, mut theirs) = connection(&mut net, a, &listener);
    assert_eq!(ours.info(&mut net).cwnd, 10 * 948, "RFC 6928 §2");
    ours.write(&mut net, &[1; 20_000]);
    net.run_for(Duration::from_millis(500));
    assert_eq!(theirs.read(&mut net, 1 << 16).len(), 20_000);
    assert_eq!(longest_segment(&net, a), (1000, Some(1460)));
    assert_eq!(ours.info(&mut net).retransmits, 0);
}

#[test]
fn sockets_that_let_the_path_be_teach_nothing() {
    let (mut net, a, _, _) = narrow(7);
    for mode in [MtuDiscovery::Interface, MtuDiscovery::Omit] {
        let from = socket(&mut net, a, mode);
        let port = net.stack(a).udp_local(from.id).expect("bound").port();
        too_big(&mut net, a, port, 1000, 1428);
        assert_eq!(path_mtu(&mut net, a), Some(1500), "Linux: ip_sk_accept_pmtu");
    }
}

const A6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 2);
const B6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 2, 0, 0, 0, 0, 2);
const R6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 1);

/// A node, whose router the script plays.
fn host_v6(seed: u64) -> (Net, NodeId) {
    let mut net = Net::new(seed);
    let a = net.node();
    let link = net.link(Link::default());
    let on = net.attach(a, link);
    let now = net.now();
    net.stack(a).add_address(now, on, A6, 64).expect("a good address");
    let route = Route { dst: IpNet::DEFAULT_V6, via: Some(R6.into()), on, metric: 0 };
    net.stack(a).add_route(route).expect("a good route");
    net.run_for(Duration::from_secs(5));
    let introduction = ndp::neighbor_solicitation(A6, Some(STRANGER), None);
    inject_icmpv6(&mut net, a, 255, ndp::solicited_node(A6), introduction);
    (net, a)
}

/// A message of ICMPv6 from the router.
fn inject_icmpv6(net: &mut Net, a: NodeId, hop_limit: u8, dst: Ipv6Addr, message: Vec<u8>) {
    let mac = net.stack(a).interfaces().find(|interface| interface.index == LEFT).expect("it is there").mac;
    let packet = icmpv6_packet(R6, dst, hop_limit, message);
    net.inject(a, LEFT, &ethernet_frame(mac, STRANGER, ethernet::IPV6, &packet));
}

/// The router says that what this socket sent to b was too long for a link of this MTU.
fn too_big_v6(net: &mut Net, a: NodeId, from: &Udp, mtu: u32) {
    let port = net.stack(a).udp_local(from.id).expect("bound").port();
    let datagram = [&udp::emit(port, 7, 1400)[..], &[9; 1400]].concat();
    let quoted = ipv6_packet(A6, B6, ipv4::UDP, 64, &datagram);
    let message = [&icmpv6::emit(icmpv6::PACKET_TOO_BIG, 0, mtu), &quoted[..1000]].concat();
    inject_icmpv6(net, a, 64, A6, message);
}

/// Lengths of the packets of IPv6 that a sends when it sends so many bytes, and whether they are fragments.
fn send_v6(net: &mut Net, from: &Udp, len: usize) -> (Result<usize, SendError>, Vec<(usize, bool)>) {
    net.run_for(Duration::from_millis(20));
    net.trace.clear();
    let (now, node) = (net.now(), from.node);
    net.stack(node).udp_take_error(from.id);
    let sent = net.stack(node).udp_send(now, from.id, None, &[&vec![9; len]], &Default::default());
    net.run_for(Duration::from_millis(20));
    let frames = net.trace.iter().filter(|seen| seen.from == node).filter_map(|seen| as_ipv6(&seen.frame));
    let packets = frames.filter(|packet| packet.dst() == B6);
    (sent, packets.map(|packet| (packet.bytes().len(), packet.next_header() == ipv6::FRAGMENT)).collect())
}

#[test]
fn ipv6_has_the_same_memory() {
    let (mut net, a) = host_v6(8);
    let [want, only] = [MtuDiscovery::Want, MtuDiscovery::Do].map(|mode| {
        let socket = net.udp(a);
        net.stack(a).udp_connect(socket.id, Some((B6, 7).into())).expect("a route");
        net.stack(a).udp_options(socket.id).expect("open").v6.mtu_discovery = mode;
        socket
    });
    let known = |net: &mut Net| net.stack(a).path_mtu((B6, 7).into());
    assert_eq!(send_v6(&mut net, &want, 1400), (Ok(1400), vec![(1448, false)]));
    for nonsense in [0, 68, 1279] {
        too_big_v6(&mut net, a, &want, nonsense);
        assert_eq!(known(&mut net), Some(1500), "RFC 8201 §4: no link carries less than 1280");
    }
    too_big_v6(&mut net, a, &want, 1400);
    assert_eq!(known(&mut net), Some(1400));
    assert_eq!(net.stack(a).udp_take_error(want.id), Some(SocketError::MessageTooLong));
    assert_eq!(send_v6(&mut net, &want, 1400), (Ok(1400), vec![(1400, true), (104, true)]));
    assert_eq!(send_v6(&mut net, &want, 1352), (Ok(1352), vec![(1400, false)]));
    assert_eq!(send_v6(&mut net, &only, 1400), (Err(SendError::MessageTooLong), vec![]));
    assert_eq!(send_v6(&mut net, &only, 1352), (Ok(1352), vec![(1400, false)]));
    too_big_v6(&mut net, a, &want, 1450);
    assert_eq!(known(&mut net), Some(1400), "no path becomes wider by that");
    net.run_for(Duration::from_secs(601));
    assert_eq!(known(&mut net), Some(1500));
}
