//! Packet sockets: what they see of the frames that pass an interface, and what they send.

mod common;

use std::time::Duration;

use common::*;
use netstack::iface::LOOPBACK;
use netstack::link::{IfIndex, Mac};
use netstack::packet::{
    ALL, Fanout, FanoutKind, Membership, MembershipKind, PacketKind, PacketOptions, PacketStatistics, PacketType,
};
use netstack::socket::{GroupError, SendError, SocketError};
use netstack::wire::ethernet;
use netstack::{PacketId, PacketTo};

const MS: Duration = Duration::from_millis(1);

fn mac_of(net: &mut Net, node: NodeId) -> Mac {
    net.stack(node).interfaces().find(|interface| interface.index == ETH).expect("there").mac
}

fn send(net: &mut Net, from: &Packets, to: Option<PacketTo>, bytes: &[u8]) -> Result<usize, SendError> {
    let now = net.now();
    let sent = net.stack(from.node).packet_send(now, from.id, to, &[bytes], None);
    net.run_for(MS);
    sent
}

/// Lets ARP and the checks of new addresses come to rest.
fn at_rest(seed: u64, link: Link) -> (Net, NodeId, NodeId) {
    let (mut net, a, b) = Net::pair(seed, link);
    let (one, _) = (net.udp_at(a, "10.0.0.1:9"), net.udp_at(b, "10.0.0.2:9"));
    net.udp_send(&one, "10.0.0.2:9", b"hello").expect("sent");
    net.run_for(Duration::from_secs(20));
    (net, a, b)
}

#[test]
fn frames_are_seen_leaving_and_coming() {
    for link in [Link::default(), Link::bus()] {
        let (mut net, a, b) = at_rest(1, link);
        let (mut at_a, mut at_b) = (net.packet(a, None, ALL), net.packet(b, Some(ETH), ALL));
        let mut ip = net.packet_of(b, PacketKind::Payload, None, ethernet::IPV4);
        let one = net.udp_at(a, "10.0.0.1:1000");
        net.udp_send(&one, "10.0.0.2:9", b"text").expect("sent");
        net.run_for(MS);
        let (left, frame) = at_a.recv().expect("it left");
        assert_eq!(
            (left.kind, left.protocol, left.on, left.loopback),
            (PacketType::Outgoing, ethernet::IPV4, ETH, false)
        );
        assert_eq!((left.src, left.network, frame.len()), (mac_of(&mut net, a), 14, 46));
        assert_checksums(&frame);
        let (came, same) = at_b.recv().expect("it came");
        assert_eq!((came.kind, came.src, same), (PacketType::Host, left.src, frame.clone()));
        let (came, payload) = ip.recv().expect("it is IP");
        assert_eq!((came.network, &payload[..]), (0, &frame[14..]));
        assert_eq!((at_a.recv(), at_b.recv(), ip.recv()), (None, None, None));
        assert!(net.touched(b).contains(&ip.key));
    }
}

#[test]
fn a_protocol_alone_is_not_seen_leaving_and_none_sees_nothing() {
    let (mut net, a, _) = at_rest(2, Link::default());
    let mut sockets = [ethernet::IPV4, ethernet::ARP, 0].map(|protocol| net.packet(a, None, protocol));
    let mut quiet = net.packet(a, None, ALL);
    *net.stack(a).packet_options(quiet.id).expect("open") =
        PacketOptions { ignore_outgoing: true, ..PacketOptions::default() };
    let one = net.udp_at(a, "10.0.0.1:1000");
    net.udp_send(&one, "10.0.0.2:9", b"text").expect("sent");
    net.run_for(MS);
    assert!(sockets.iter_mut().all(|socket| socket.take().is_empty()));
    assert!(quiet.take().is_empty());
}

#[test]
fn segments_that_go_straight_to_the_link_are_seen_whole() {
    let (mut net, a, b) = at_rest(3, Link::bus());
    let mut at_b = net.packet(b, Some(ETH), ethernet::IPV4);
    let mut at_a = net.packet(a, Some(ETH), ALL);
    let now = net.now();
    let (tx, rx) = (arena::ring::heap(1 << 12), arena::ring::heap(1 << 12));
    let key = net.memory(a).new_key();
    let tcp = net.stack(a).tcp_open(key);
    net.stack(a).tcp_connect(now, tcp, "10.0.0.2:1".parse().expect("an address"), tx.1, rx.0).expect("begins");
    net.poll(a);
    net.run_for(MS);
    let (left, frame) = at_a.recv().expect("the SYN");
    assert_eq!((left.kind, frame[14 + 9]), (PacketType::Outgoing, 6));
    assert_checksums(&frame);
    let (_, came) = at_b.recv().expect("the SYN");
    assert_eq!(came, frame);
    let (back, reset) = at_a.recv().expect("the RST");
    assert_eq!((back.kind, reset[14 + 9]), (PacketType::Host, 6));
}

#[test]
fn frames_of_the_programs_own() {
    let (mut net, a, b) = at_rest(4, Link::default());
    let (mut from, mut other, mut at_b) =
        (net.packet(a, None, ALL), net.packet(a, None, ALL), net.packet(b, None, 0x1234));
    let (ours, theirs) = (mac_of(&mut net, a), mac_of(&mut net, b));
    let frame = ethernet_frame(theirs, STRANGER, 0x1234, b"whatever");
    assert_eq!(send(&mut net, &from, None, &frame), Err(SendError::NoInterface));
    let to = |on| Some(PacketTo { on, protocol: 0x4321, mac: theirs });
    assert_eq!(send(&mut net, &from, to(IfIndex(9)), &frame), Err(SendError::NoInterface));
    assert_eq!(send(&mut net, &from, to(ETH), &frame[..13]), Err(SendError::InvalidDestination));
    assert_eq!(send(&mut net, &from, to(ETH), &[0; 1515]), Err(SendError::MessageTooLong));
    assert_eq!(send(&mut net, &from, to(ETH), &frame), Ok(frame.len()));
    let (came, bytes) = at_b.recv().expect("it came");
    assert_eq!((came.kind, came.protocol, came.src, bytes), (PacketType::Host, 0x1234, STRANGER, frame.clone()));
    // On its way out a frame is of the protocol that its sender says; the sender does not see it.
    assert_eq!(other.take(), [(PacketType::Outgoing, 0x4321, frame.len())]);
    assert!(from.take().is_empty());
    // The link header of a datagram is made.
    let datagrams = net.packet_of(a, PacketKind::Payload, Some(ETH), 0x1234);
    assert_eq!(send(&mut net, &datagrams, None, b"to whom?"), Err(SendError::InvalidDestination));
    let to = Some(PacketTo { on: ETH, protocol: 0x1234, mac: Mac::BROADCAST });
    assert_eq!(send(&mut net, &datagrams, to, b"payload"), Ok(7));
    let (came, bytes) = at_b.recv().expect("it came");
    assert_eq!((came.kind, came.src), (PacketType::Broadcast, ours));
    assert_eq!(bytes, ethernet_frame(Mac::BROADCAST, ours, 0x1234, b"payload"));
    assert_eq!(send(&mut net, &datagrams, to, &[0; 1501]), Err(SendError::MessageTooLong));
}

#[test]
fn what_goes_by_name_leaves_as_of_the_protocol_that_is_said() {
    let (mut net, a, _) = at_rest(6, Link::default());
    let mut all = net.packet(a, None, ALL);
    let frame = ethernet_frame(Mac::BROADCAST, STRANGER, 0x1234, b"whatever");
    for (kind, protocol, seen) in
        [(PacketKind::ByName, 0, 0), (PacketKind::ByName, ALL, ALL), (PacketKind::Frame, 0, 0x1234)]
    {
        let from = net.packet_of(a, kind, None, 0);
        let to = Some(PacketTo { on: ETH, protocol, mac: Mac::default() });
        assert_eq!(send(&mut net, &from, to, &frame), Ok(frame.len()));
        assert_eq!(all.take(), [(PacketType::Outgoing, seen, frame.len())], "{kind:?}");
    }
}

#[test]
fn what_is_sent_to_the_loopback_comes_back() {
    let mut net = Net::new(5);
    let a = net.node();
    let (mut all, sender) = (net.packet(a, Some(LOOPBACK), ALL), net.packet(a, Some(LOOPBACK), 0));
    let mut udp = net.udp_at(a, "127.0.0.1:7");
    let datagram = udp_segment(([127, 0, 0, 1].into(), 9), ([127, 0, 0, 1].into(), 7), b"made by hand");
    let packet = ipv4_packet([127, 0, 0, 1].into(), [127, 0, 0, 1].into(), 17, &datagram);
    let both = [PacketType::Outgoing, PacketType::Host].map(|kind| (kind, ethernet::IPV4, packet.len() + 14));
    let frame = ethernet_frame(Mac::default(), Mac::default(), ethernet::IPV4, &packet);
    assert_eq!(send(&mut net, &sender, None, &frame), Ok(frame.len()));
    assert_eq!(all.take(), both);
    assert_eq!(udp.recv().expect("IP takes it").1, b"made by hand");
    // For another station: it is seen, and nobody takes it.
    let frame = ethernet_frame(STRANGER, Mac::default(), ethernet::IPV4, &packet);
    assert_eq!(send(&mut net, &sender, None, &frame), Ok(frame.len()));
    assert_eq!(all.take().last().map(|seen| seen.0), Some(PacketType::OtherHost));
    assert!(udp.recv().is_none());
    // A length where the ethertype is.
    let frame = ethernet_frame(Mac::default(), Mac::default(), 16, b"hello");
    send(&mut net, &sender, None, &frame).expect("sent");
    assert_eq!(all.take(), [(PacketType::Outgoing, 16, 19), (PacketType::Host, 4, 19)]);
}

#[test]
fn what_is_for_others_is_seen_by_who_asks_for_it() {
    let (mut net, a, _) = at_rest(6, Link::default());
    let mut socket = net.packet(a, Some(ETH), ALL);
    let group = Mac([1, 0, 0x5e, 1, 2, 3]);
    let mut hears = |net: &mut Net| {
        for dst in [STRANGER, group, Mac([1, 0, 0x5e, 9, 9, 9])] {
            net.inject(a, ETH, &ethernet_frame(dst, Mac([2; 6]), 0x1234, b"x"));
        }
        socket.take().iter().map(|seen| seen.0).collect::<Vec<_>>()
    };
    assert!(hears(&mut net).is_empty());
    let cases = [
        (MembershipKind::Promiscuous, &[PacketType::OtherHost, PacketType::Multicast, PacketType::Multicast][..], true),
        (MembershipKind::AllMulticast, &[PacketType::Multicast, PacketType::Multicast], false),
        (MembershipKind::Multicast(group), &[PacketType::Multicast], false),
        (MembershipKind::Unicast(STRANGER), &[PacketType::OtherHost], true),
    ];
    let asker = net.packet(a, None, 0);
    for (kind, heard, promiscuous) in cases {
        let membership = Membership { on: ETH, kind };
        for _ in 0..2 {
            net.stack(a).packet_join(asker.id, membership).expect("joined");
        }
        net.stack(a).packet_leave(asker.id, membership).expect("left");
        assert_eq!((hears(&mut net), net.stack(a).is_promiscuous(ETH)), (heard.to_vec(), promiscuous), "{kind:?}");
        net.stack(a).packet_leave(asker.id, membership).expect("left");
        assert!(hears(&mut net).is_empty() && !net.stack(a).is_promiscuous(ETH), "{kind:?}");
        assert_eq!(net.stack(a).packet_leave(asker.id, membership), Ok(()), "once more is no error");
    }
    let nowhere = Membership { on: IfIndex(9), kind: MembershipKind::Promiscuous };
    assert_eq!(net.stack(a).packet_join(asker.id, nowhere), Err(GroupError::NoInterface));
    // It ends with the socket.
    net.stack(a).packet_join(asker.id, Membership { on: ETH, kind: MembershipKind::Promiscuous }).expect("joined");
    net.stack(a).packet_close(asker.id);
    assert!(hears(&mut net).is_empty() && !net.stack(a).is_promiscuous(ETH));
    assert!(net.released(a).contains(&asker.key));
}

#[test]
fn what_does_not_fit_is_dropped_and_counted() {
    let (mut net, a, _) = at_rest(7, Link::default());
    let mut socket = net.packet(a, Some(ETH), ALL);
    let frame = ethernet_frame(Mac::BROADCAST, STRANGER, 0x1234, &[0; 1400]);
    for _ in 0..100 {
        net.inject(a, ETH, &frame);
    }
    let kept = socket.take().len();
    assert!((40..50).contains(&kept), "{kept} of 64 KiB");
    let mut counts = |id: PacketId| net.stack(a).packet_take_statistics(id);
    assert_eq!(counts(socket.id), Some(PacketStatistics { packets: 100, drops: 100 - kept as u32, freezes: 0 }));
    assert_eq!(counts(socket.id), Some(PacketStatistics::default()));
}

#[test]
fn who_is_bound_to_an_interface_hears_that_it_is_down() {
    let (mut net, a, _) = at_rest(8, Link::default());
    let (socket, other) = (net.packet(a, Some(ETH), ALL), net.packet(a, None, ALL));
    let now = net.now();
    net.stack(a).set_up(now, ETH, false).expect("there");
    assert_eq!(net.stack(a).packet_take_error(socket.id), Some(SocketError::InterfaceDown));
    assert_eq!(net.stack(a).packet_take_error(other.id), None);
    assert_eq!(send(&mut net, &socket, None, &[0; 20]), Err(SendError::InterfaceDown));
    net.stack(a).packet_bind(other.id, Some(ETH), 0).expect("there");
    assert_eq!(net.stack(a).packet_take_error(other.id), Some(SocketError::InterfaceDown));
    assert_eq!(net.stack(a).packet_bind(other.id, Some(IfIndex(9)), 0), Err(GroupError::NoInterface));
}

/// So many sockets of one group.
fn group(net: &mut Net, node: NodeId, count: usize, kind: FanoutKind, rolls_over: bool) -> Vec<Packets> {
    let asked = Fanout { id: Some(7), kind, flags: if rolls_over { Fanout::ROLLS_OVER } else { 0 }, most: 0 };
    let members: Vec<Packets> = (0..count).map(|_| net.packet(node, Some(ETH), ALL)).collect();
    for member in &members {
        net.stack(node).packet_fan_out(member.id, asked).expect("joined");
    }
    members
}

fn counts(members: &mut [Packets]) -> Vec<usize> {
    members.iter_mut().map(|member| member.take().len()).collect()
}

#[test]
fn of_a_group_one_gets_a_frame_and_a_flow_stays_with_one() {
    let (mut net, a, _) = at_rest(9, Link::default());
    let mut members = group(&mut net, a, 3, FanoutKind::Balance, false);
    let mut alone = net.packet(a, None, ALL);
    let frame = ethernet_frame(Mac::BROADCAST, STRANGER, 0x1234, &[0; 100]);
    (0..6).for_each(|_| net.inject(a, ETH, &frame));
    assert_eq!((counts(&mut members), alone.take().len()), (vec![2; 3], 6));
    let left = members.remove(0);
    net.stack(a).packet_close(left.id);
    (0..6).for_each(|_| net.inject(a, ETH, &frame));
    assert_eq!(counts(&mut members), [3, 3]);
    let bound = net.stack(a).packet_bind(members[0].id, Some(ETH), 0);
    assert_eq!(bound, Err(GroupError::Invalid), "it shares what it is bound to");
    members.drain(..).for_each(|member| net.stack(a).packet_close(member.id));

    let mut members = group(&mut net, a, 4, FanoutKind::Hash, false);
    let mut used = [false; 4];
    for port in 0..40 {
        let (one, other) = (Mac::BROADCAST, STRANGER);
        let segment = |src: u16, dst: u16| [src.to_be_bytes(), dst.to_be_bytes(), [0, 8], [0, 0]].concat();
        let mut packet = |src: [u8; 4], dst: [u8; 4], payload: Vec<u8>| {
            let mut ip = vec![0x45, 0, 0, 28, 0, 0, 0, 0, 9, 17, 0, 0];
            ip.extend([src, dst].concat());
            ip.extend(payload);
            net.inject(a, ETH, &ethernet_frame(one, other, ethernet::IPV4, &ip));
        };
        packet([10, 0, 0, 8], [10, 0, 0, 9], segment(port, 53));
        packet([10, 0, 0, 9], [10, 0, 0, 8], segment(53, port));
        let got = counts(&mut members);
        let owner = got.iter().position(|count| *count > 0).expect("somebody");
        assert_eq!(got.iter().sum::<usize>(), got[owner], "both ways: {got:?}");
        used[owner] = true;
    }
    assert_eq!(used, [true; 4]);
}

#[test]
fn where_one_of_a_group_has_no_room_another_gets_the_frame() {
    let (mut net, a, _) = at_rest(10, Link::default());
    let mut members = group(&mut net, a, 2, FanoutKind::Queue, true);
    for member in &members {
        net.stack(a).set_receive_buffer(member.id, 16_000);
    }
    let frame = ethernet_frame(Mac::BROADCAST, STRANGER, 0x1234, &[0; 1000]);
    (0..100).for_each(|_| net.inject(a, ETH, &frame));
    let got = counts(&mut members);
    assert!(got[0] >= 4 && got[1] >= 4, "{got:?}");
    let (_, counted) = net.stack(a).packet_group(members[0].id).expect("in one");
    assert!(counted.moved >= 4 && counted.failed > 50, "{counted:?}");
}
