//! ARP: resolving, failing, refreshing, and two stations with one address.

mod common;

use std::net::Ipv4Addr;

use common::*;
use netstack::link::Mac;
use netstack::socket::{AddressError, SocketError};
use netstack::time::Duration;
use netstack::wire::arp::{Operation, Packet};
use netstack::{NeighborState, Notice};

const A: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

fn requests_for(net: &Net, target: Ipv4Addr) -> Vec<(u64, Packet)> {
    let wanted = |seen: &Seen| {
        let packet = as_arp(&seen.frame)?;
        (packet.operation == Operation::Request && packet.target == target && packet.sender == A)
            .then_some((seen.at.0 / 1_000_000, packet))
    };
    net.trace.iter().filter_map(wanted).collect()
}

#[test]
fn the_first_datagram_waits_for_the_answer() {
    let (mut net, a, b) = Net::pair(1, Link::default());
    let from = net.udp(a);
    let mut to = net.udp_at(b, "10.0.0.2:7");
    net.udp_send(&from, "10.0.0.2:7", b"one").expect("queued");
    net.udp_send(&from, "10.0.0.2:7", b"two").expect("queued");
    net.run_for(Duration::from_millis(10));
    assert_eq!(to.recv().expect("the first").1, b"one");
    assert_eq!(to.recv().expect("the second").1, b"two");
    assert_eq!(requests_for(&net, Ipv4Addr::new(10, 0, 0, 2)).len(), 1, "one question for both");
    let neighbors = net.stack(a).neighbors();
    assert_eq!((neighbors[0].addr, neighbors[0].state), (Ipv4Addr::new(10, 0, 0, 2).into(), NeighborState::Reachable));
    assert_eq!(net.memory(a).charged(), 0, "nothing waits any more");
}

#[test]
fn who_asks_us_need_not_be_asked() {
    let (mut net, a, b) = Net::pair(2, Link::default());
    let from = net.udp_at(a, "0.0.0.0:7");
    let back = net.udp_at(b, "0.0.0.0:7");
    net.udp_send(&from, "10.0.0.2:7", b"there").expect("queued");
    net.run_for(Duration::from_millis(10));
    net.udp_send(&back, "10.0.0.1:7", b"and back").expect("queued");
    net.run_for(Duration::from_millis(10));
    let asked = |seen: &&Seen| seen.from == b && as_arp(&seen.frame).is_some_and(|p| p.target == A && p.sender != A);
    let questions = net.trace.iter().filter(asked).filter(|seen| {
        as_arp(&seen.frame).is_some_and(|p| p.operation == Operation::Request && !p.sender.is_unspecified())
    });
    assert_eq!(questions.count(), 0);
}

#[test]
fn who_is_said_to_be_somewhere_is_not_asked_for_until_that_is_forgotten() {
    let (mut net, a, b) = Net::pair(14, Link::default());
    let there = Ipv4Addr::new(10, 0, 0, 2);
    let mac = net.stack(b).interfaces().nth(1).expect("eth0").mac;
    let (from, mut to) = (net.udp(a), net.udp_at(b, "10.0.0.2:7"));
    let now = net.now();
    net.stack(a).set_neighbor(now, ETH, there.into(), mac).expect("an interface");
    net.udp_send(&from, "10.0.0.2:7", b"one").expect("queued");
    net.run_for(Duration::from_millis(10));
    assert_eq!(to.recv().expect("it").1, b"one");
    assert_eq!(requests_for(&net, there), []);
    let now = net.now();
    net.stack(a).forget_neighbor(now, ETH, there.into()).expect("known");
    assert_eq!(net.stack(a).forget_neighbor(now, ETH, there.into()), Err(AddressError::NotFound));
    net.udp_send(&from, "10.0.0.2:7", b"two").expect("queued");
    net.run_for(Duration::from_millis(10));
    assert_eq!(requests_for(&net, there).len(), 1);
}

#[test]
fn nobody_answers_three_questions_a_second_apart_then_host_unreachable() {
    let (mut net, a, _) = Net::pair(3, Link::default());
    let nobody = Ipv4Addr::new(10, 0, 0, 77);
    let from = net.udp(a);
    net.stack(a).udp_options(from.id).expect("open").report_errors = true;
    let start = net.now();
    net.udp_send(&from, "10.0.0.77:7", b"anybody?").expect("queued");
    net.run_for(Duration::from_millis(2900));
    assert_eq!(net.stack(a).udp_take_error(from.id), None, "not yet");
    assert!(net.memory(a).charged() > 0);
    net.run_for(Duration::from_millis(200));
    let error = net.stack(a).udp_take_error(from.id);
    assert_eq!(error, Some(netstack::socket::SocketError::HostUnreachable));
    assert_eq!(net.touched(a), [from.key]);
    let times: Vec<u64> = requests_for(&net, nobody).iter().map(|(ms, _)| ms - start.0 / 1_000_000).collect();
    assert_eq!(times, [0, 1000, 2000]);
    assert_eq!(net.memory(a).charged(), 0);
    assert!(net.stack(a).neighbors().is_empty(), "the next datagram asks again");
}

#[test]
fn packets_that_wait_are_bounded_and_the_oldest_go() {
    let (mut net, a, b) = Net::pair(4, Link::default());
    net.change_link(0, |link| link.cut = true);
    let from = net.udp(a);
    let mut to = net.udp_at(b, "10.0.0.2:7");
    net.stack(b).set_receive_buffer(to.id, 1 << 20);
    for n in 0..500u16 {
        let mut payload = [0; 1000];
        payload[..2].copy_from_slice(&n.to_be_bytes());
        net.udp_send(&from, "10.0.0.2:7", &payload).expect("queued");
    }
    assert!(net.memory(a).charged() < 200 << 10, "{}", net.memory(a).charged());
    net.change_link(0, |link| link.cut = false);
    net.run_for(Duration::from_millis(1500));
    let numbers: Vec<u16> =
        std::iter::from_fn(|| to.recv()).map(|(_, payload)| u16::from_be_bytes([payload[0], payload[1]])).collect();
    assert!(numbers.len() > 50 && numbers.len() < 500);
    assert_eq!(*numbers.last().expect("some"), 499);
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "the newest, in order");
}

#[test]
fn a_neighbour_that_goes_silent_is_probed_by_unicast_and_forgotten() {
    let (mut net, a, b) = Net::pair(5, Link::default());
    let from = net.udp(a);
    net.udp_at(b, "10.0.0.2:7");
    net.udp_send(&from, "10.0.0.2:7", b"hello").expect("queued");
    net.run_for(Duration::from_secs(60));
    assert_eq!(net.stack(a).neighbors()[0].state, NeighborState::Stale);
    net.kill(b);
    net.trace.clear();
    net.udp_send(&from, "10.0.0.2:7", b"still there?").expect("sent at once to where it was");
    assert_eq!(net.stack(a).neighbors()[0].state, NeighborState::Delay);
    net.run_for(Duration::from_millis(5500));
    assert_eq!(net.stack(a).neighbors()[0].state, NeighborState::Probe);
    let unicast = |seen: &Seen| as_arp(&seen.frame).is_some() && seen.frame[0] & 1 == 0;
    assert_eq!(net.trace.iter().filter(|seen| unicast(seen)).count(), 1);
    net.run_for(Duration::from_secs(3));
    assert!(net.stack(a).neighbors().is_empty());
}

#[test]
fn an_address_is_announced_at_once_and_probed_for_beside() {
    let mut net = Net::new(6);
    let a = net.node();
    let link = net.link(Link::default());
    net.join(a, link, "10.0.0.1/24");
    net.run_for(Duration::from_secs(12));
    let packets: Vec<Packet> = net.trace.iter().filter_map(|seen| as_arp(&seen.frame)).collect();
    let announcements = packets.iter().filter(|p| p.sender == A && p.target == A).count();
    let probes = packets.iter().filter(|p| p.sender.is_unspecified() && p.target == A).count();
    assert_eq!((announcements, probes, packets.len()), (3, 3, 6));
    assert!(packets[0].sender == A, "the announcement does not wait for the probes");
    assert!(net.notices(a).is_empty());
}

#[test]
fn two_stations_with_one_address_hear_of_each_other() {
    let mut net = Net::new(7);
    let (a, b) = (net.node(), net.node());
    let link = net.link(Link::default());
    net.join(a, link, "10.0.0.1/24");
    net.run_for(Duration::from_secs(12));
    net.join(b, link, "10.0.0.1/24");
    net.run_for(Duration::from_millis(10));
    let mac = |n: u8| Mac([0xb2, 0xa0, 0, 0, 0, n]);
    assert_eq!(net.notices(a), [Notice::AddressConflict { addr: A, mac: mac(2), on: ETH }]);
    assert_eq!(net.notices(b), [Notice::AddressConflict { addr: A, mac: mac(1), on: ETH }]);
    // RFC 5227 §2.4: defence is rate-limited, or the two would shout at each other for ever.
    net.run_for(Duration::from_secs(8));
    assert!(net.trace.len() < 30, "{} frames", net.trace.len());
    assert!(net.notices(a).is_empty(), "one notice in ten seconds");
}

#[test]
fn a_probe_for_our_address_is_answered_so_that_the_newcomer_yields() {
    let (mut net, a, _) = Net::pair(8, Link::default());
    net.run_for(Duration::from_secs(12));
    net.trace.clear();
    let probe = Packet {
        operation: Operation::Request,
        sender_mac: STRANGER,
        sender: Ipv4Addr::UNSPECIFIED,
        target_mac: Mac::default(),
        target: A,
    };
    net.inject(a, ETH, &arp_frame(Mac::BROADCAST, probe));
    let reply = as_arp(&net.trace[0].frame).expect("an answer");
    assert_eq!((reply.operation, reply.sender, reply.target_mac), (Operation::Reply, A, STRANGER));
    assert!(net.notices(a).is_empty(), "a probe is a question, no conflict");
    assert!(net.stack(a).neighbors().iter().all(|n| !n.addr.is_unspecified()));
}

#[test]
fn forged_arp_teaches_nothing() {
    let (mut net, a, _) = Net::pair(9, Link::default());
    let good = Packet {
        operation: Operation::Request,
        sender_mac: STRANGER,
        sender: Ipv4Addr::new(10, 0, 0, 9),
        target_mac: Mac::default(),
        target: A,
    };
    net.run_for(Duration::from_secs(12));
    for bad in [
        Packet { sender: Ipv4Addr::new(10, 0, 0, 255), ..good },
        Packet { sender: Ipv4Addr::BROADCAST, ..good },
        Packet { sender: Ipv4Addr::new(224, 0, 0, 1), ..good },
        Packet { sender: Ipv4Addr::LOCALHOST, ..good },
        Packet { sender_mac: Mac::BROADCAST, ..good },
        Packet { sender_mac: Mac::default(), ..good },
        Packet { target: Ipv4Addr::new(10, 0, 0, 50), ..good },
        Packet { operation: Operation::Reply, ..good },
    ] {
        net.inject(a, ETH, &arp_frame(Mac::BROADCAST, bad));
        assert!(net.stack(a).neighbors().is_empty(), "{bad:?}");
    }
    net.inject(a, ETH, &arp_frame(Mac::BROADCAST, good));
    assert_eq!(net.stack(a).neighbors().len(), 1);
}

#[test]
fn the_table_is_bounded() {
    let (mut net, a, _) = Net::pair(10, Link::default());
    let on = ETH;
    for n in 0..5000u32 {
        let sender = Ipv4Addr::from_bits(Ipv4Addr::new(10, 0, 0, 0).to_bits() | (256 + n));
        let question = Packet {
            operation: Operation::Request,
            sender_mac: STRANGER,
            sender,
            target_mac: Mac::default(),
            target: A,
        };
        net.inject(a, on, &arp_frame(Mac::BROADCAST, question));
    }
    assert!(net.stack(a).neighbors().len() <= 1024);
}

#[test]
fn a_connection_to_nobody_fails_with_host_unreachable_after_three_seconds() {
    let (mut net, a, _) = Net::pair(11, Link::default());
    let key = net.memory(a).new_key();
    let (now, id) = (net.now(), net.stack(a).tcp_open(key));
    let ((_writer, tx), (rx, _reader)) = (arena::ring::heap(4096), arena::ring::heap(4096));
    let nobody = "10.0.0.77:80".parse().expect("an address and port");
    net.stack(a).tcp_connect(now, id, nobody, tx, rx).expect("there is a route");
    net.run_for(Duration::from_millis(2900));
    assert_eq!(net.stack(a).tcp_take_error(id), None, "not yet");
    net.touched(a);
    net.run_for(Duration::from_millis(200));
    assert_eq!(net.touched(a), [key]);
    assert_eq!(net.stack(a).tcp_take_error(id), Some(netstack::tcp::TcpError::Network(SocketError::HostUnreachable)));
}

#[test]
fn all_that_try_a_host_that_is_not_there_hear_of_it() {
    let (mut net, a, _) = Net::pair(13, Link::default());
    let now = net.now();
    let mut rings = Vec::new();
    let ids: Vec<_> = (1..=200)
        .map(|port| {
            let key = net.memory(a).new_key();
            let id = net.stack(a).tcp_open(key);
            let ((writer, tx), (rx, reader)) = (arena::ring::heap(4096), arena::ring::heap(4096));
            rings.push((writer, reader));
            let nobody = (Ipv4Addr::new(10, 0, 0, 77), port).into();
            net.stack(a).tcp_connect(now, id, nobody, tx, rx).expect("there is a route");
            id
        })
        .collect();
    net.run_for(Duration::from_millis(3100));
    for id in ids {
        assert_eq!(
            net.stack(a).tcp_take_error(id),
            Some(netstack::tcp::TcpError::Network(SocketError::HostUnreachable))
        );
    }
    assert_eq!(net.memory(a).charged(), 0, "nothing waits any more");
}

#[test]
fn a_dead_node_is_asked_for_again() {
    let (mut net, a, b) = Net::pair(12, Link::default());
    let from = net.udp(a);
    net.udp_at(b, "10.0.0.2:7");
    net.udp_send(&from, "10.0.0.2:7", b"hello").expect("queued");
    net.run_for(Duration::from_millis(10));
    assert_eq!(net.stack(a).neighbors().len(), 1);
    net.kill(b);
    let now = net.now();
    net.stack(a).peer_died(now, Ipv4Addr::new(10, 0, 0, 2).into());
    assert!(net.stack(a).neighbors().is_empty());
}
