//! The path MTU of datagrams: a router in the middle whose second link is narrower.

mod common;

use std::net::{Ipv4Addr, SocketAddr};

use common::*;
use netstack::datagram::MtuDiscovery;
use netstack::link::IfIndex;
use netstack::route::Route;
use netstack::socket::{SendError, SocketError};
use netstack::time::Duration;
use netstack::wire::{ethernet, icmpv4, ipv4};
use netstack::{IpNet, Ipv4Net};

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
