//! Packet sockets that are told what is left to do to a frame, and leave it to the stack (PACKET_VNET_HDR), over links.

mod common;
mod tcp_common;

use std::net::Ipv4Addr;
use std::time::Duration;

use common::*;
use netstack::link::{Checksum, RxMeta};
use netstack::packet::{ALL, PacketOptions, PacketType, VnetHeader};
use netstack::socket::SendError;
use netstack::wire::checksum::Sum;
use netstack::wire::{ethernet, ipv4, tcp};
use tcp_common::{Listener, Socket};

const MS: Duration = Duration::from_millis(1);
const A: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const B: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

/// What Linux calls them.
const NEEDS_CSUM: u8 = 1;
const DATA_VALID: u8 = 2;
const TCPV4: u8 = 1;
const UDP_L4: u8 = 5;

/// Two nodes that know each other, and a socket of each that sees all.
fn pair(seed: u64, link: Link) -> (Net, Packets, Packets) {
    let (mut net, a, b) = Net::pair(seed, link);
    let (one, _) = (net.udp_at(a, "10.0.0.1:9"), net.udp_at(b, "10.0.0.2:9"));
    net.udp_send(&one, "10.0.0.2:9", b"hello").expect("sent");
    net.run_for(Duration::from_secs(20));
    let sockets = [a, b].map(|node| told(&mut net, node, ALL));
    let [at_a, at_b] = sockets;
    (net, at_a, at_b)
}

fn told(net: &mut Net, node: NodeId, protocol: u16) -> Packets {
    let socket = net.packet(node, Some(ETH), protocol);
    let options = net.stack(node).packet_options(socket.id).expect("open");
    *options = PacketOptions { vnet_header: VnetHeader::LEN as u8, ..*options };
    socket
}

fn say(net: &mut Net, from: &Packets, header: VnetHeader, frame: &[u8]) -> Result<usize, SendError> {
    let now = net.now();
    let sent = net.stack(from.node).packet_send(now, from.id, None, &[&header.encode(), frame], None);
    net.run_for(MS);
    sent
}

/// A frame from A to B whose transport's checksum is left at `offset`.
fn left(net: &mut Net, protocol: u8, mut transport: Vec<u8>, offset: usize) -> Vec<u8> {
    let sum = Sum::pseudo_v4(A, B, protocol, transport.len() as u16).partial();
    transport[offset..offset + 2].copy_from_slice(&sum.to_be_bytes());
    let [ours, theirs] = [0, 1].map(|node| {
        let mut interfaces = net.stack(NodeId(node)).interfaces();
        interfaces.find(|interface| interface.index == ETH).expect("there").mac
    });
    ethernet_frame(theirs, ours, ethernet::IPV4, &ipv4_packet(A, B, protocol, &transport))
}

fn datagram(net: &mut Net, text: &[u8]) -> Vec<u8> {
    left(net, ipv4::UDP, udp_segment((A, 1000), (B, 2000), text), 6)
}

fn of_udp() -> VnetHeader {
    VnetHeader { flags: NEEDS_CSUM, csum_start: 34, csum_offset: 6, ..VnetHeader::default() }
}

#[test]
fn it_is_said_that_a_link_is_to_make_the_checksum() {
    for (link, header) in [(Link::bus(), of_udp()), (Link::default(), VnetHeader::default())] {
        let (mut net, mut at_a, mut at_b) = pair(1, link);
        let mut plain = net.packet(at_b.node, Some(ETH), ALL);
        let one = net.udp_at(at_a.node, "10.0.0.1:1000");
        net.udp_send(&one, "10.0.0.2:9", b"text").expect("sent");
        net.run_for(MS);
        let (left, bare) = at_a.recv().expect("it left");
        assert_eq!((left.kind, left.vnet_header), (PacketType::Outgoing, header));
        let (came, same) = at_b.recv().expect("it came");
        assert_eq!((came.vnet_header, &same), (header, &bare));
        let (_, whole) = plain.recv().expect("it came");
        assert_checksums(&whole);
        assert_eq!(whole != bare, header == of_udp(), "only who is told sees a sum of the pseudo-header alone");
    }
}

#[test]
fn it_is_said_that_a_device_has_verified_the_checksum() {
    let (mut net, _, mut at_b) = pair(2, Link::default());
    let mut frame = datagram(&mut net, b"text");
    netstack::wire::checksum::complete(&mut frame);
    let now = net.now();
    net.stack(at_b.node).input(now, ETH, &frame, RxMeta { checksum: Checksum::Good, segment_size: 0 });
    let (came, _) = at_b.recv().expect("it came");
    assert_eq!(came.vnet_header, VnetHeader { flags: DATA_VALID, ..VnetHeader::default() });
}

#[test]
fn it_is_said_of_how_many_segments_a_frame_is() {
    let (mut net, mut at_a, mut at_b) = pair(3, Link::tap(Segments::Joined));
    let listener = Listener::new(&mut net, at_b.node, "10.0.0.2:80", 4);
    let mut ours = Socket::connect(&mut net, at_a.node, "10.0.0.2:80", 1 << 20);
    net.run_for(Duration::from_millis(100));
    let _theirs = listener.accept(&mut net).expect("connected");
    ours.write(&mut net, &[7; 4344]);
    net.run_for(Duration::from_millis(100));
    let header =
        VnetHeader { flags: NEEDS_CSUM, gso_type: TCPV4, hdr_len: 66, gso_size: 1448, csum_start: 34, csum_offset: 16 };
    for socket in [&mut at_a, &mut at_b] {
        let long: Vec<_> = std::iter::from_fn(|| socket.recv()).filter(|(_, frame)| frame.len() > 1514).collect();
        let said: Vec<_> = long.iter().map(|(record, frame)| (record.vnet_header, frame.len())).collect();
        assert_eq!(said, [(header, 4410)]);
    }
}

#[test]
fn a_checksum_that_is_left_is_made() {
    for link in [Link::bus(), Link::default()] {
        let (mut net, at_a, mut at_b) = pair(4, link);
        let mut udp = net.udp_at(at_b.node, "10.0.0.2:2000");
        let frame = datagram(&mut net, b"text");
        assert_eq!(say(&mut net, &at_a, of_udp(), &frame), Ok(frame.len() + VnetHeader::LEN));
        assert_eq!(udp.recv().expect("it is right").1, b"text");
        at_b.take();
        // Nobody but the sender knows of this place.
        let frame = left(&mut net, 254, b"12345678".to_vec(), 0);
        let header = VnetHeader { csum_start: 36, csum_offset: 2, ..of_udp() };
        let sum = !Sum::new().bytes(&frame[36..]).partial();
        assert_eq!(say(&mut net, &at_a, header, &frame), Ok(frame.len() + VnetHeader::LEN));
        let (came, bytes) = at_b.recv().expect("it came");
        assert_eq!((came.vnet_header, &bytes[38..40]), (VnetHeader::default(), &sum.to_be_bytes()[..]));
    }
}

#[test]
fn a_long_frame_is_cut_for_its_link() {
    for link in [Link::bus(), Link::tap(Segments::Cut), Link::default()] {
        let (mut net, at_a, at_b) = pair(5, link);
        let mut plain = net.packet(at_b.node, Some(ETH), ethernet::IPV4);
        let header = tcp::Header { src_port: 1, dst_port: 2, ..tcp::Header::default() };
        let mut bytes = [0; tcp::MAX_HEADER_LEN];
        let len = header.emit(&mut bytes);
        let frame = left(&mut net, ipv4::TCP, [&bytes[..len], &[5; 3000]].concat(), 16);
        let asked = VnetHeader {
            gso_type: TCPV4,
            gso_size: 1400,
            csum_offset: 16,
            hdr_len: 0,
            csum_start: 34,
            flags: NEEDS_CSUM,
        };
        assert_eq!(say(&mut net, &at_a, asked, &frame), Ok(frame.len() + VnetHeader::LEN));
        let pieces: Vec<_> = std::iter::from_fn(|| plain.recv()).map(|(_, frame)| frame).collect();
        pieces.iter().for_each(|piece| assert_checksums(piece));
        let said: Vec<_> = pieces.iter().map(|piece| (piece.len() - 54, &piece[38..42])).collect();
        assert_eq!(said, [(1400, &[0, 0, 0, 0][..]), (1400, &[0, 0, 5, 120]), (200, &[0, 0, 10, 240])]);
    }
}

#[test]
fn what_cannot_be_cut_is_lost_on_its_way() {
    let (mut net, at_a, at_b) = pair(8, Link::default());
    let mut plain = net.packet(at_b.node, Some(ETH), ethernet::IPV4);
    let mut bytes = [0; tcp::MAX_HEADER_LEN];
    let len = tcp::Header::default().emit(&mut bytes);
    let frame = left(&mut net, ipv4::TCP, [&bytes[..len], &[5; 3000]].concat(), 16);
    // A segment of IPv4 that is said to be one of IPv6.
    let wrong = VnetHeader { gso_type: 4, gso_size: 1400, ..VnetHeader::default() };
    let drops = |net: &mut Net| net.stack(at_a.node).interfaces().nth(1).expect("a link").counters.tx.drops;
    let before = drops(&mut net);
    assert_eq!(say(&mut net, &at_a, wrong, &frame), Ok(frame.len() + VnetHeader::LEN));
    assert_eq!((drops(&mut net), plain.recv()), (before + 1, None));
    let next = datagram(&mut net, b"next");
    assert_eq!(say(&mut net, &at_a, of_udp(), &next), Ok(next.len() + VnetHeader::LEN));
    assert_eq!(plain.recv().map(|(_, frame)| frame.len()), Some(next.len()));
}

#[test]
fn several_datagrams_in_one_frame_come_apart() {
    for link in [Link::bus(), Link::default()] {
        let (mut net, at_a, at_b) = pair(6, link);
        let mut udp = net.udp_at(at_b.node, "10.0.0.2:2000");
        let frame = datagram(&mut net, &[b'x'; 2500]);
        let asked = VnetHeader { gso_type: UDP_L4, gso_size: 1000, ..of_udp() };
        assert_eq!(say(&mut net, &at_a, asked, &frame), Ok(frame.len() + VnetHeader::LEN));
        let lens: Vec<_> = std::iter::from_fn(|| udp.recv()).map(|(_, text)| text.len()).collect();
        assert_eq!(lens, [1000, 1000, 500]);
    }
}

#[test]
fn what_is_not_to_be_cut_has_to_fit_the_link() {
    let (mut net, at_a, _) = pair(7, Link::default());
    for (len, result) in [(1514, Ok(1524)), (1515, Err(SendError::MessageTooLong))] {
        assert_eq!(say(&mut net, &at_a, VnetHeader::default(), &vec![0; len]), result);
    }
    let now = net.now();
    let sent = net.stack(at_a.node).packet_send(now, at_a.id, None, &[&[0; 9]], None);
    assert_eq!(sent, Err(SendError::InvalidDestination));
    let sent = net.stack(at_a.node).packet_send(now, at_a.id, None, &[&vec![0; netstack::LONGEST_UNCUT + 1]], None);
    assert_eq!(sent, Err(SendError::NoBuffers));
}
