//! Every parser with bytes that claim anything: none panics, what it accepts it can show, and etherparse, which others
//! wrote, sees the same in it.

use std::net::{Ipv4Addr, Ipv6Addr};

use etherparse::{Ipv4HeaderSlice, Ipv6HeaderSlice, TcpHeaderSlice, TcpOptionElement, UdpHeaderSlice};
use netstack::wire::{arp, dhcp, dhcpv6, ethernet, icmpv4, icmpv6, igmp, ipv4, ipv4_options, ipv6, mld, ndp, tcp, udp};

const A: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const A6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1);

/// The first byte chooses the parser.
pub fn run(data: &[u8]) {
    let Some((which, bytes)) = data.split_first() else { return };
    match which % 12 {
        0 => frame(bytes),
        1 => {
            in_ipv4(bytes);
            // And once more past the checksum, which no fuzzer guesses.
            let mut bytes = bytes.to_vec();
            if let Ok(theirs) = Ipv4HeaderSlice::from_slice(&bytes) {
                let sum = theirs.to_header().calc_header_checksum();
                bytes[10..12].copy_from_slice(&sum.to_be_bytes());
            }
            in_ipv4(&bytes);
        }
        2 => in_ipv6(bytes),
        3 => in_tcp(bytes),
        4 => in_udp(bytes),
        5 => in_arp(bytes),
        6 => in_icmp(bytes),
        7 => in_ndp(bytes),
        8 => {
            let _ = igmp::parse(bytes);
        }
        9 => {
            in_dhcp(bytes);
            in_dhcpv6(bytes);
        }
        10 => options_of_ipv4(bytes),
        _ => options_of_ipv6(bytes),
    }
}

fn frame(bytes: &[u8]) {
    let Ok((header, payload)) = ethernet::parse(bytes) else { return };
    assert_eq!(header.emit(), bytes[..ethernet::HEADER_LEN]);
    match header.ethertype {
        ethernet::IPV4 => in_ipv4(payload),
        ethernet::IPV6 => in_ipv6(payload),
        ethernet::ARP => in_arp(payload),
        _ => {}
    }
}

fn in_ipv4(bytes: &[u8]) {
    let theirs = Ipv4HeaderSlice::from_slice(bytes);
    let _ = ipv4::Packet::parse_quoted(bytes);
    let Ok(packet) = ipv4::Packet::parse(bytes) else {
        // What only they accept is cut short, or its checksum is wrong.
        if let Ok(theirs) = theirs {
            let whole = bytes.len() >= usize::from(theirs.total_len());
            // They compute the checksum without the bit that must be zero.
            let sound = theirs.payload_len().is_ok() && bytes[6] & 0x80 == 0;
            assert!(!whole || !sound || theirs.header_checksum() != theirs.to_header().calc_header_checksum());
        }
        return;
    };
    let theirs = theirs.expect("a header that we accept");
    assert_eq!((packet.src(), packet.dst()), (theirs.source_addr(), theirs.destination_addr()));
    assert_eq!((packet.protocol(), packet.ttl()), (theirs.protocol().0, theirs.ttl()));
    assert_eq!(packet.identification(), theirs.identification());
    assert_eq!((packet.dont_fragment(), packet.more_fragments()), (theirs.dont_fragment(), theirs.more_fragments()));
    assert_eq!(packet.fragment_offset(), usize::from(theirs.fragments_offset().value()) * 8);
    assert_eq!(packet.options(), theirs.options());
    assert_eq!(Some(packet.payload().len()), theirs.payload_len().ok().map(usize::from));
    match packet.protocol() {
        ipv4::TCP => in_tcp(packet.payload()),
        ipv4::UDP => in_udp(packet.payload()),
        ipv4::ICMP => in_icmp(packet.payload()),
        _ => {}
    }
}

fn in_ipv6(bytes: &[u8]) {
    let theirs = Ipv6HeaderSlice::from_slice(bytes);
    let _ = ipv6::Packet::parse_quoted(bytes);
    let Ok(packet) = ipv6::Packet::parse(bytes) else {
        let needed = |theirs: &Ipv6HeaderSlice<'_>| ipv6::HEADER_LEN + usize::from(theirs.payload_length());
        assert!(theirs.is_err() || theirs.is_ok_and(|theirs| bytes.len() < needed(&theirs)));
        return;
    };
    let theirs = theirs.expect("a header that we accept");
    assert_eq!((packet.src(), packet.dst()), (theirs.source_addr(), theirs.destination_addr()));
    assert_eq!((packet.next_header(), packet.hop_limit()), (theirs.next_header().0, theirs.hop_limit()));
    assert_eq!((packet.traffic_class(), packet.flow_label()), (theirs.traffic_class(), theirs.flow_label().value()));
    let mut extensions = packet.extensions();
    let mut before = extensions.at();
    while let Ok(Some(extension)) = extensions.advance() {
        assert!(extensions.at() > before, "a chain of headers goes on");
        before = extensions.at();
        if matches!(extension.kind, ipv6::HOP_BY_HOP | ipv6::DESTINATION_OPTIONS) {
            options_of_ipv6(extension.bytes);
        }
    }
    if let Some((kind, at)) = ipv6::upper(&packet) {
        let rest = &packet.bytes()[at..];
        match kind {
            ipv4::TCP => in_tcp(rest),
            ipv4::UDP => in_udp(rest),
            ipv6::ICMPV6 => in_ndp(rest),
            _ => {}
        }
    }
}

fn options_of_ipv6(bytes: &[u8]) {
    if bytes.len() >= 2 {
        assert!(ipv6::options(bytes).count() <= bytes.len());
    }
}

fn options_of_ipv4(bytes: &[u8]) {
    let mut options = bytes[..bytes.len().min(40)].to_vec();
    let len = options.len();
    let _ = ipv4_options::record(&mut options, A, |addr| addr == A, 7, true);
    let _ = (ipv4_options::first_stop(&options), ipv4_options::answering(&options));
    if let Some(mut set) = ipv4_options::normalized(&options) {
        ipv4_options::shift_route(&mut set, A);
        assert_eq!(ipv4_options::normalized(&set), Some(set.clone()), "what leaves makes sense");
    }
    ipv4_options::blank_first_only(&mut options);
    ipv4_options::blank_all_but_recorded(&mut options);
    assert_eq!(options.len(), len);
}

fn in_tcp(bytes: &[u8]) {
    let theirs = TcpHeaderSlice::from_slice(bytes);
    let Ok(segment) = tcp::Segment::parse(bytes) else {
        // The port 0, which nobody has, is all that they accept and we do not.
        assert!(theirs.is_err() || theirs.is_ok_and(|it| it.source_port() == 0 || it.destination_port() == 0));
        return;
    };
    let theirs = theirs.expect("a header that we accept");
    let header = segment.header;
    assert_eq!((header.src_port, header.dst_port), (theirs.source_port(), theirs.destination_port()));
    assert_eq!((header.seq.0, header.ack.0), (theirs.sequence_number(), theirs.acknowledgment_number()));
    assert_eq!(header.window, theirs.window_size());
    assert_eq!(header.has(tcp::Flags::SYN), theirs.syn());
    assert_eq!(header.has(tcp::Flags::URG), theirs.urg());
    assert_eq!(segment.payload, &bytes[theirs.slice().len()..]);
    let (mut mss, mut scale, mut stamps, mut permitted) = (None, None, None, false);
    for option in theirs.options_iterator() {
        match option {
            Ok(TcpOptionElement::MaximumSegmentSize(size)) => mss = Some(size),
            Ok(TcpOptionElement::WindowScale(shift)) => scale = Some(shift.min(14)),
            Ok(TcpOptionElement::Timestamp(value, echo)) => stamps = Some((value, echo)),
            Ok(TcpOptionElement::SelectiveAcknowledgementPermitted) => permitted = true,
            Ok(_) => {}
            // They end at an option that they do not know, where we go on.
            Err(_) => return,
        }
    }
    let ours = header.options;
    assert_eq!((ours.mss, ours.window_scale, ours.sack_permitted), (mss, scale, permitted));
    assert_eq!(ours.timestamps.map(|it| (it.value, it.echo)), stamps);
    let mut out = [0; tcp::MAX_HEADER_LEN];
    let len = header.emit(&mut out);
    let again = tcp::Segment::parse(&out[..len]).expect("what we emit").header;
    assert_eq!(
        (again.src_port, again.seq, again.flags, again.window),
        (header.src_port, header.seq, header.flags, header.window)
    );
}

fn in_udp(bytes: &[u8]) {
    let _ = udp::Datagram::parse(A6, A6, bytes, false);
    let _ = udp::Datagram::parse(A, A, bytes, false);
    let theirs = UdpHeaderSlice::from_slice(bytes);
    match udp::Datagram::parse(A, A, bytes, true) {
        Err(_) => assert!(
            theirs.is_err()
                || theirs.is_ok_and(|it| {
                    usize::from(it.length()) < udp::HEADER_LEN || usize::from(it.length()) > bytes.len()
                })
        ),
        Ok(ours) => {
            let theirs = theirs.expect("a header that we accept");
            assert_eq!((ours.src_port, ours.dst_port), (theirs.source_port(), theirs.destination_port()));
            assert_eq!(ours.payload.len() + udp::HEADER_LEN, usize::from(theirs.length()));
        }
    }
}

fn in_arp(bytes: &[u8]) {
    let Ok(packet) = arp::Packet::parse(bytes) else { return };
    assert_eq!(packet.emit(), bytes[..arp::LEN]);
    let theirs = etherparse::ArpPacketSlice::from_slice(bytes).expect("a packet that we accept");
    assert_eq!(theirs.sender_protocol_addr(), packet.sender.octets());
    assert_eq!(theirs.target_protocol_addr(), packet.target.octets());
}

fn in_icmp(bytes: &[u8]) {
    let mut filled = bytes.to_vec();
    if bytes.len() >= icmpv4::HEADER_LEN {
        icmpv4::fill_checksum(&mut filled);
        let message = icmpv4::Message::parse(&filled).expect("a message with a good checksum");
        if icmpv4::is_error(message.kind) {
            let _ = ipv4::Packet::parse_quoted(message.payload);
        }
    }
    let _ = icmpv4::Message::parse(bytes);
}

fn in_ndp(bytes: &[u8]) {
    let _ = icmpv6::Message::parse(A6, A6, bytes, false);
    let _ = icmpv6::Message::parse(A6, A6, bytes, true);
    let _ = mld::parse(bytes);
    if let Ok(Some(ndp::Message::RouterAdvertisement(advertisement))) = ndp::Message::parse(bytes) {
        assert!(advertisement.options.iter().count() <= bytes.len() / 8);
    }
}

fn in_dhcpv6(bytes: &[u8]) {
    if let Ok(message) = dhcpv6::Message::parse(bytes) {
        let options: Vec<_> = message.options().collect();
        let length: usize = options.iter().map(|(_, value)| 4 + value.len()).sum();
        assert_eq!(length + 4, bytes.len());
        assert_eq!(dhcpv6::emit(message.kind, message.transaction, &options), bytes);
    }
}

fn in_dhcp(bytes: &[u8]) {
    if let Ok(message) = dhcp::Message::parse(bytes) {
        for number in 0..=255 {
            let _ = (message.option(number), message.addr(number), message.u32(number), message.u16(number));
            assert!(message.addrs(number).count() <= bytes.len() / 4);
        }
    }
}
