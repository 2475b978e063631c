use core::net::Ipv4Addr;

use super::checksum::{self, Sum};
use super::{Malformed, arp, ethernet, icmpv4, ipv4, udp};
use crate::link::Mac;

const A: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const B: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

/// The sum of RFC 1071 §3's example, and the definition against which the fast one is checked.
fn slow_checksum(data: &[u8]) -> u16 {
    let mut total = 0u32;
    for pair in data.chunks(2) {
        total += u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
        total = (total & 0xffff) + (total >> 16);
    }
    !(total as u16)
}

#[test]
fn checksum_of_the_rfc_example() {
    assert_eq!(checksum::checksum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), !0xddf2);
}

#[test]
fn checksum_is_right_at_every_length_and_every_split() {
    let data: Vec<u8> = (0..200u32).map(|n| (n * 97 + 13) as u8).collect();
    for len in 0..data.len() {
        assert_eq!(checksum::checksum(&data[..len]), slow_checksum(&data[..len]), "length {len}");
    }
    for split in 0..data.len() {
        let (a, b) = data.split_at(split);
        assert_eq!(Sum::new().bytes(a).bytes(b).finish(), slow_checksum(&data), "split at {split}");
        for second in split..data.len() {
            let (b, c) = data[split..].split_at(second - split);
            assert_eq!(Sum::new().bytes(a).bytes(b).bytes(c).finish(), slow_checksum(&data));
        }
    }
}

#[test]
fn a_checksum_left_to_the_link_is_completed_as_udp_would_have_it() {
    let payload = b"odd";
    let udp_header = udp::emit(1000, 2000, payload.len());
    let mut frame = Vec::new();
    frame.extend(ethernet::Header { dst: Mac([2; 6]), src: Mac([4; 6]), ethertype: ethernet::IPV4 }.emit());
    frame.extend(ipv4::Header::atomic(A, B, ipv4::UDP, 64, 0).emit(udp_header.len() + payload.len()));
    frame.extend(udp_header);
    frame.extend(payload);
    frame.extend([0; 17]); // Ethernet padding is no part of it.
    let partial = Sum::pseudo_v4(A, B, ipv4::UDP, 11).partial();
    frame[40..42].copy_from_slice(&partial.to_be_bytes());
    let datagram = &frame[34..45];
    assert_eq!(udp::Datagram::parse(A, B, datagram, false), Err(Malformed::Checksum));
    checksum::complete(&mut frame);
    let datagram = udp::Datagram::parse(A, B, &frame[34..45], false).expect("completed");
    assert_eq!((datagram.src_port, datagram.dst_port, datagram.payload), (1000, 2000, &payload[..]));
}

#[test]
fn completing_leaves_rubbish_alone() {
    for len in 0..80 {
        let mut frame = vec![0x45; len];
        if len > 14 {
            frame[12..14].copy_from_slice(&[8, 0]);
        }
        let before = frame.clone();
        checksum::complete(&mut frame);
        assert_eq!(frame, before);
    }
}

#[test]
fn ipv4_round_trip_and_every_way_to_be_malformed() {
    let header = ipv4::Header {
        src: A,
        dst: B,
        protocol: ipv4::UDP,
        ttl: 3,
        tos: 0x10,
        identification: 0xbeef,
        dont_fragment: false,
        more_fragments: true,
        fragment_offset: 1480,
    };
    let mut bytes = header.emit(5).to_vec();
    bytes.extend(b"helloPAD");
    let packet = ipv4::Packet::parse(&bytes).expect("well-formed");
    assert_eq!((packet.src(), packet.dst(), packet.protocol()), (A, B, ipv4::UDP));
    assert_eq!((packet.ttl(), packet.tos(), packet.identification()), (3, 0x10, 0xbeef));
    assert_eq!((packet.more_fragments(), packet.dont_fragment(), packet.fragment_offset()), (true, false, 1480));
    assert_eq!(packet.payload(), b"hello", "padding is cut off");

    let malformed = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = bytes.clone();
        change(&mut bytes);
        ipv4::Packet::parse(&bytes).expect_err("malformed")
    };
    assert_eq!(malformed(&|b| b[8] = 4), Malformed::Checksum);
    assert_eq!(malformed(&|b| b[0] = 0x65), Malformed::Invalid);
    assert_eq!(malformed(&|b| b[0] = 0x44), Malformed::Invalid);
    assert_eq!(malformed(&|b| b[0] = 0x4f), Malformed::Truncated);
    assert_eq!(malformed(&|b| b.truncate(24)), Malformed::Truncated);
    assert_eq!(malformed(&|b| b.truncate(19)), Malformed::Truncated);
    assert_eq!(malformed(&|b| b[2..4].copy_from_slice(&[0, 19])), Malformed::Invalid);
}

#[test]
fn source_routes_are_seen_among_other_options() {
    let with_options = |options: &[u8]| {
        let mut bytes = ipv4::Header::atomic(A, B, 1, 64, 0).emit(0).to_vec();
        bytes.extend(options);
        bytes[0] = 0x40 | (5 + options.len() / 4) as u8;
        bytes[3] = bytes.len() as u8;
        bytes[10..12].fill(0);
        let sum = checksum::checksum(&bytes);
        bytes[10..12].copy_from_slice(&sum.to_be_bytes());
        ipv4::Packet::parse(&bytes).expect("well-formed").is_source_routed()
    };
    assert!(with_options(&[131, 7, 4, 1, 2, 3, 4, 0]));
    assert!(with_options(&[68, 4, 0, 0, 137, 3, 4, 0]));
    assert!(!with_options(&[148, 4, 0, 0]), "router alert");
    assert!(!with_options(&[0, 131, 3, 4]), "beyond the end");
    assert!(!with_options(&[7, 0, 131, 3]), "a length of zero ends the walk");
    assert!(!with_options(&[7, 200, 131, 3]));
}

#[test]
fn arp_round_trip_and_other_hardware() {
    let packet = arp::Packet {
        operation: arp::Operation::Reply,
        sender_mac: Mac([2, 0, 0, 0, 0, 1]),
        sender: A,
        target_mac: Mac([2, 0, 0, 0, 0, 2]),
        target: B,
    };
    let mut bytes = packet.emit().to_vec();
    bytes.extend([0; 18]);
    assert_eq!(arp::Packet::parse(&bytes), Ok(packet));
    assert_eq!(arp::Packet::parse(&bytes[..27]), Err(Malformed::Truncated));
    for (at, value) in [(1, 6), (2, 0x86), (4, 8), (5, 16), (7, 3)] {
        let mut other = bytes.clone();
        other[at] = value;
        assert_eq!(arp::Packet::parse(&other), Err(Malformed::Invalid), "byte {at}");
    }
}

#[test]
fn udp_lengths_and_the_checksum_of_zero() {
    let mut bytes = udp::emit(7, 9, 2).to_vec();
    bytes.extend(b"ok--");
    let parse = |bytes: &[u8]| udp::Datagram::parse(A, B, bytes, false).map(|d| d.payload.to_vec());
    assert_eq!(parse(&bytes), Ok(b"ok".to_vec()), "no checksum; bytes beyond the length are cut off");
    bytes[7] = 1;
    assert_eq!(parse(&bytes), Err(Malformed::Checksum));
    bytes[7] = 0;
    assert_eq!(parse(&bytes[..9]), Err(Malformed::Truncated));
    assert_eq!(parse(&bytes[..7]), Err(Malformed::Truncated));
    bytes[5] = 7;
    assert_eq!(parse(&bytes), Err(Malformed::Invalid));
}

#[test]
fn icmp_round_trip() {
    let payload = b"payload";
    let mut bytes = icmpv4::emit(icmpv4::ECHO_REQUEST, 0, 0x1234_0001, payload).to_vec();
    bytes.extend(payload);
    let message = icmpv4::Message::parse(&bytes).expect("well-formed");
    assert_eq!((message.kind, message.code, message.identifier()), (8, 0, 0x1234));
    assert_eq!(message.payload, payload);
    let filled = {
        let mut again = bytes.clone();
        again[2..4].fill(0xaa);
        icmpv4::fill_checksum(&mut again);
        again
    };
    assert_eq!(filled, bytes);
    bytes[9] ^= 1;
    assert_eq!(icmpv4::Message::parse(&bytes), Err(Malformed::Checksum));
    assert_eq!(icmpv4::Message::parse(&bytes[..7]), Err(Malformed::Truncated));
}

#[test]
fn dhcp_options_may_be_split_over_all_fields() {
    use super::dhcp::{Kind, Message, MessageOut, option};
    let (xid, yiaddr, ciaddr) = (7, Ipv4Addr::new(10, 0, 0, 5), Ipv4Addr::UNSPECIFIED);
    let options = [(option::DOMAIN_NAME, &b"one."[..]), (option::OVERLOAD, &[3]), (option::DOMAIN_NAME, b"two.")];
    let mac = Mac([2, 0, 0, 0, 0, 1]);
    let kind = Kind::Offer;
    let mut bytes = MessageOut { kind, xid, secs: 0, broadcast: false, ciaddr, yiaddr, mac, options: &options }.emit();
    bytes[108..117].copy_from_slice(b"\x0f\x06three.\xff"); // file
    bytes[44..51].copy_from_slice(b"\x00\x0f\x04four"); // sname
    let message = Message::parse(&bytes).expect("a message");
    assert_eq!((message.kind, message.xid, message.yiaddr, message.mac), (kind, xid, yiaddr, mac));
    assert_eq!(message.option(option::DOMAIN_NAME), Some(&b"one.two.three.four"[..]));
    // Every way to cut or break it is refused or read, never more than that.
    for len in 0..bytes.len() {
        let _ = Message::parse(&bytes[..len]);
    }
    for at in 0..bytes.len() {
        for value in [0, 1, 0x7f, 0xff] {
            let mut broken = bytes.clone();
            broken[at] = value;
            let _ = Message::parse(&broken);
        }
    }
    for (at, value) in [(0, 1), (0, 3), (1, 6), (2, 16), (236, 0), (242, 9)] {
        let mut broken = bytes.clone();
        broken[at] = value;
        assert_eq!(Message::parse(&broken), Err(Malformed::Invalid), "byte {at}");
    }
}
