//! Anycast addresses that programs join (RFC 4291 §2.6, RFC 4861 §7.2.7), between a node that has one and one that asks for it.

mod common;
mod tcp_common;

use std::net::{IpAddr, Ipv6Addr};

use common::*;
use netstack::Key;
use netstack::iface::LOOPBACK;
use netstack::link::IfIndex;
use netstack::socket::{AnycastError, SendError, SendOptions};
use netstack::tcp::State;
use netstack::time::Duration;
use netstack::wire::ndp::{self, Message};
use netstack::wire::{icmpv6, ipv6};
use tcp_common::{Listener, Socket};

const A: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1);
const B: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2);
const SHARED: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 0x99);
const OF_LINK: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0x99);
const ELSEWHERE: Ipv6Addr = Ipv6Addr::new(0xfd01, 0, 0, 0, 0, 0, 0, 1);
const SERVICE: &str = "[fd00::99]:7";

/// fd00::1 and fd00::2 on one link, and a datagram socket of each; that of b has port 7.
fn pair() -> (Net, Udp, Udp) {
    let mut net = Net::new(1);
    let (a, b) = (net.node(), net.node());
    let link = net.link(Link::default());
    for (node, addr) in [(a, A), (b, B)] {
        let (on, now) = (net.attach(node, link), net.now());
        net.stack(node).add_address(now, on, addr, 64).expect("a good address");
    }
    net.run_for(Duration::from_secs(5));
    net.trace.clear();
    let (asking, serving) = (net.udp_at(a, "[::]:5"), net.udp_at(b, "[::]:7"));
    (net, asking, serving)
}

fn join(net: &mut Net, socket: &Udp, addr: Ipv6Addr) {
    net.stack(socket.node).anycast_join(socket.key, addr, None).expect("of our net");
}

/// The advertisements of b: what they are about, whether they override, and whether they come from another address.
fn advertised(net: &Net, b: NodeId) -> Vec<(Ipv6Addr, bool, bool)> {
    let packets = net.trace.iter().filter(|seen| seen.from == b).filter_map(|seen| as_ipv6(&seen.frame));
    let heard = packets.filter_map(|packet| match Message::parse(packet.payload()) {
        Ok(Some(Message::NeighborAdvertisement { target, over, .. })) if packet.next_header() == ipv6::ICMPV6 => {
            Some((target, over, packet.src() != target))
        }
        _ => None,
    });
    heard.collect()
}

#[test]
fn what_is_joined_is_answered_for_until_it_is_left() {
    let (mut net, asking, mut serving) = pair();
    let b = serving.node;
    net.udp_send(&asking, SERVICE, b"nobody").expect("sent");
    net.run_for(Duration::from_secs(5));
    assert!(serving.recv().is_none() && advertised(&net, b).is_empty());
    join(&mut net, &serving, SHARED);
    net.udp_send(&asking, SERVICE, b"one").expect("sent");
    net.run_for(Duration::from_secs(1));
    let (header, text) = serving.recv().expect("it is ours, too");
    assert_eq!((header.dst.ip(), text), (IpAddr::V6(SHARED), b"one".to_vec()));
    assert_eq!(advertised(&net, b), [(SHARED, false, true)]);
    net.stack(b).anycast_leave(serving.key, SHARED, None).expect("joined");
    net.trace.clear();
    net.udp_send(&asking, SERVICE, b"none").expect("sent");
    net.run_for(Duration::from_secs(10));
    assert!(serving.recv().is_none() && advertised(&net, b).is_empty());
}

#[test]
fn each_join_is_left_or_goes_with_its_socket() {
    let (mut net, asking, serving) = pair();
    let b = serving.node;
    let other = net.udp(b);
    join(&mut net, &serving, SHARED);
    join(&mut net, &serving, SHARED);
    join(&mut net, &other, SHARED);
    let leave = |net: &mut Net, key: Key| net.stack(b).anycast_leave(key, SHARED, None);
    assert_eq!(leave(&mut net, serving.key), Ok(()));
    net.stack(b).udp_close(other.id);
    let answered = |net: &mut Net| {
        net.trace.clear();
        let ask = ndp::neighbor_solicitation(SHARED, Some(STRANGER), None);
        let ask = icmpv6_packet("fd00::77".parse().expect("an address"), ndp::solicited_node(SHARED), 255, ask);
        let mac = net.stack(b).interfaces().find(|i| i.index == ETH).expect("attached").mac;
        net.inject(b, ETH, &ethernet_frame(mac, STRANGER, netstack::wire::ethernet::IPV6, &ask));
        net.run_for(Duration::from_secs(1));
        !advertised(net, b).is_empty()
    };
    assert!(answered(&mut net));
    net.stack(b).udp_close(serving.id);
    assert!(!answered(&mut net));
    assert_eq!(leave(&mut net, asking.key), Err(AnycastError::NotJoined));
}

#[test]
fn the_answer_and_errors_come_from_an_address_of_ones_own() {
    let (mut net, mut asking, serving) = pair();
    join(&mut net, &serving, SHARED);
    net.udp_send(&asking, "[fd00::99]:9", b"no port").expect("sent");
    net.run_for(Duration::from_secs(1));
    let now = net.now();
    assert!(asking.recv().is_none());
    let to = Some("[fd00::99]:9".parse().expect("an address"));
    let unreachable = |seen: &Seen| {
        let packet = as_ipv6(&seen.frame).filter(|packet| packet.next_header() == ipv6::ICMPV6)?;
        (packet.payload()[0] == icmpv6::UNREACHABLE).then_some(packet.src())
    };
    assert_eq!(net.trace.iter().filter_map(unreachable).collect::<Vec<_>>(), [B]);
    let _ = net.stack(asking.node).udp_send(now, asking.id, to, &[b"again"], &SendOptions::default());
    // A program may say for one datagram that it comes from there.
    let shown = SendOptions { source: Some(SHARED.into()), ..SendOptions::default() };
    let send = |net: &mut Net, how: &SendOptions| {
        let to = Some("[fd00::1]:5".parse().expect("an address"));
        net.stack(serving.node).udp_send(now, serving.id, to, &[b"from"], how)
    };
    send(&mut net, &shown).expect("sent");
    let foreign = SendOptions { source: Some(ELSEWHERE.into()), ..SendOptions::default() };
    assert_eq!(send(&mut net, &foreign), Err(SendError::AddrNotAvailable));
    net.run_for(Duration::from_secs(1));
    assert_eq!(asking.recv().map(|(header, _)| header.src.ip()), Some(SHARED.into()));
}

#[test]
fn one_socket_alone_gets_what_is_sent_there() {
    let (mut net, asking, mut serving) = pair();
    let mut second = net.udp(serving.node);
    let shared = netstack::socket::BindOptions { reuse_addr: true, ..Default::default() };
    net.stack(serving.node).udp_close(serving.id);
    serving = net.udp(serving.node);
    for socket in [&serving, &second] {
        net.stack(socket.node).udp_bind(socket.id, "[::]:7".parse().expect("an address"), shared).expect("free");
    }
    join(&mut net, &serving, SHARED);
    net.udp_send(&asking, SERVICE, b"one").expect("sent");
    net.run_for(Duration::from_secs(1));
    assert!(serving.recv().is_some() ^ second.recv().is_some());
}

#[test]
fn connections_do_not_open_to_it() {
    let (mut net, asking, serving) = pair();
    join(&mut net, &serving, SHARED);
    let listener = Listener::new(&mut net, serving.node, "[::]:80", 1);
    let streams = ["[fd00::99]:80", "[fd00::2]:80"].map(|to| Socket::connect(&mut net, asking.node, to, 1 << 16));
    net.run_for(Duration::from_secs(1));
    assert_eq!(streams.map(|stream| stream.state(&mut net)), [State::SynSent, State::Established]);
    assert!(listener.accept(&mut net).is_some() && listener.accept(&mut net).is_none());
}

#[test]
fn what_a_host_sends_there_itself_it_gets() {
    let (mut net, _, mut serving) = pair();
    let here = net.udp_at(serving.node, "[::]:6");
    join(&mut net, &serving, SHARED);
    net.trace.clear();
    net.udp_send(&here, SERVICE, b"one").expect("sent");
    net.run_for(Duration::from_secs(1));
    let (header, _) = serving.recv().expect("we are the nearest");
    assert_eq!(header.src.ip(), IpAddr::V6(B));
    let mut on_the_wire = net.trace.iter().filter_map(|seen| as_ipv6(&seen.frame));
    assert!(!on_the_wire.any(|packet| packet.dst() == SHARED));
}

#[test]
fn a_host_joins_what_its_nets_have_and_a_router_anything() {
    let (mut net, _, serving) = pair();
    let b = serving.node;
    let mut join = |addr, on| net.stack(b).anycast_join(serving.key, addr, on);
    let group = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
    for on in [None, Some(LOOPBACK), Some(ETH), Some(IfIndex(99))] {
        assert_eq!(join(B, on), Err(AnycastError::Invalid), "our own");
        assert_eq!(join(group, on), Err(AnycastError::Invalid));
    }
    assert_eq!(join(Ipv6Addr::LOCALHOST, Some(ETH)), Err(AnycastError::NotOfOurNets), "it is lo's");
    for addr in [SHARED, OF_LINK] {
        assert_eq!(join(addr, Some(LOOPBACK)), Err(AnycastError::NotOfOurNets));
        assert_eq!(join(addr, Some(IfIndex(99))), Err(AnycastError::NoInterface));
        assert_eq!(join(addr, Some(ETH)), Ok(()));
        assert_eq!(join(addr, None), Ok(()));
    }
    for on in [None, Some(ETH)] {
        assert_eq!(join(ELSEWHERE, on), Err(AnycastError::NotOfOurNets));
    }
    net.stack(b).set_forwarding(true);
    for on in [None, Some(ETH)] {
        assert_eq!(net.stack(b).anycast_join(serving.key, ELSEWHERE, on), Ok(()));
    }
    let mut leave = |addr, on| net.stack(b).anycast_leave(serving.key, addr, on);
    assert_eq!(leave(SHARED, Some(LOOPBACK)), Err(AnycastError::NotJoined));
    assert_eq!([leave(SHARED, Some(ETH)), leave(SHARED, None)], [Ok(()); 2]);
    assert_eq!(leave(SHARED, None), Err(AnycastError::NotJoined));
}

#[test]
fn nobody_is_bound_to_one() {
    let (mut net, _, serving) = pair();
    join(&mut net, &serving, SHARED);
    let socket = net.udp(serving.node);
    let bound = net.stack(serving.node).udp_bind(socket.id, SERVICE.parse().expect("an address"), Default::default());
    assert!(bound.is_err());
}
