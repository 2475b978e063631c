use super::*;
use crate::wire::ipv6::Fragment;

fn v4(protocol: u8, transport: &[u8]) -> Vec<u8> {
    let header = ipv4::Header { identification: 0xffff, ..ipv4::Header::atomic(ONE, OTHER, protocol, 64, 0) };
    let link = ethernet::Header { ethertype: ethernet::IPV4, ..ethernet::Header::default() };
    [&link.emit()[..], &header.emit(transport.len()), transport].concat()
}

const ONE: core::net::Ipv4Addr = core::net::Ipv4Addr::new(10, 0, 0, 1);
const OTHER: core::net::Ipv4Addr = core::net::Ipv4Addr::new(10, 0, 0, 2);
/// FIN, PSH, ACK, CWR.
const ALL_FLAGS: u8 = 0x99;

fn tcp_segment(text: &[u8]) -> Vec<u8> {
    let mut segment = vec![0; tcp::HEADER_LEN];
    segment[4..8].copy_from_slice(&0xffff_fffe_u32.to_be_bytes());
    (segment[12], segment[13]) = (0x50, ALL_FLAGS);
    [&segment, text].concat()
}

fn work(kind: SegmentsKind, size: u16) -> Work {
    Work::of(Some(Segments { kind, size, echoes: false }))
}

/// The pieces, each with its checksum.
fn pieces(frame: &[u8], protocol: u16, work: &Work) -> Vec<Vec<u8>> {
    let uncut = Uncut::of(frame, protocol, work).expect("can be cut").expect("is to be cut");
    let mut pieces = Vec::new();
    uncut.cut(7, |piece, partial| {
        let mut piece = piece.to_vec();
        if partial {
            checksum::complete(&mut piece);
        }
        pieces.push(piece);
    });
    pieces
}

#[test]
fn segments_of_tcp() {
    let frame = v4(ipv4::TCP, &tcp_segment(b"abcdefg"));
    let seen: Vec<_> = pieces(&frame, ethernet::IPV4, &work(SegmentsKind::TcpV4, 3))
        .iter()
        .map(|piece| {
            let ip = ipv4::Packet::parse(&piece[14..]).expect("a packet");
            let segment = tcp::Segment::parse(ip.payload()).expect("a segment");
            let sum = Sum::pseudo_v4(ip.src(), ip.dst(), ipv4::TCP, ip.payload().len() as u16).bytes(ip.payload());
            assert_eq!(sum.finish(), 0, "its checksum");
            (ip.identification(), segment.header.seq.0, segment.header.flags.bits(), segment.payload.to_vec())
        })
        .collect();
    assert_eq!(
        seen,
        [(0xffff, 0xffff_fffe, 0x90, b"abc".to_vec()), (0, 1, 0x10, b"def".to_vec()), (1, 4, 0x19, b"g".to_vec())]
    );
}

#[test]
fn datagrams_of_udp() {
    let frame = v4(ipv4::UDP, &[&udp::emit(1, 2, 5)[..], b"hello"].concat());
    let texts: Vec<_> = pieces(&frame, ethernet::IPV4, &work(SegmentsKind::Udp, 2))
        .iter()
        .map(|piece| {
            let ip = ipv4::Packet::parse(&piece[14..]).expect("a packet");
            let datagram = udp::Datagram::parse(ip.src(), ip.dst(), ip.payload(), false);
            datagram.expect("a datagram").payload.to_vec()
        })
        .collect();
    assert_eq!(texts, [b"he".to_vec(), b"ll".to_vec(), b"o".to_vec()]);
}

#[test]
fn fragments_of_a_datagram_over_ipv4() {
    let frame = v4(ipv4::UDP, &[&udp::emit(1, 2, 20)[..], &[9; 20]].concat());
    let mut whole = Vec::new();
    for (index, piece) in pieces(&frame, ethernet::IPV4, &work(SegmentsKind::Fragments, 17)).iter().enumerate() {
        let ip = ipv4::Packet::parse(&piece[14..]).expect("a packet");
        assert_eq!((ip.fragment_offset(), ip.identification()), (whole.len(), 0xffff), "multiples of 8 bytes");
        assert_eq!((ip.more_fragments(), ip.dont_fragment()), (index == 0, false));
        whole.extend_from_slice(ip.payload());
    }
    assert!(udp::Datagram::parse(ONE, OTHER, &whole, false).is_ok());
    assert_eq!(whole.len(), 28);
}

#[test]
fn fragments_of_a_datagram_over_ipv6() {
    let one = core::net::Ipv6Addr::LOCALHOST;
    let link = ethernet::Header { ethertype: ethernet::IPV6, ..ethernet::Header::default() };
    let options = [ipv4::UDP, 0, 1, 4, 0, 0, 0, 0];
    let mut header = [0; ipv6::HEADER_LEN];
    (header[0], header[6], header[7], header[23], header[39]) = (0x60, ipv6::HOP_BY_HOP, 64, 1, 1);
    let frame = [&link.emit()[..], &header, &options, &udp::emit(1, 2, 20), &[9; 20]].concat();
    let mut whole = Vec::new();
    for (index, piece) in pieces(&frame, ethernet::IPV6, &work(SegmentsKind::Fragments, 16)).iter().enumerate() {
        let ip = ipv6::Packet::parse(&piece[14..]).expect("a packet");
        let mut extensions = ip.extensions();
        let kinds =
            [extensions.advance(), extensions.advance()].map(|extension| extension.expect("whole").expect("there"));
        assert_eq!(kinds.map(|extension| extension.kind), [ipv6::HOP_BY_HOP, ipv6::FRAGMENT]);
        let said = Fragment { next_header: ipv4::UDP, offset: whole.len(), more: index == 0, identification: 7 };
        assert_eq!(ipv6::fragment(kinds[1].bytes), said);
        whole.extend_from_slice(extensions.rest());
    }
    assert!(udp::Datagram::parse(one, one, &whole, false).is_ok());
    assert_eq!(whole.len(), 28);
}

#[test]
fn what_is_not_what_it_is_said_to_be_is_not_cut() {
    let refused = |frame: &[u8], protocol, kind, size| Uncut::of(frame, protocol, &work(kind, size)).is_err();
    let segment = v4(ipv4::TCP, &tcp_segment(b"abcdefg"));
    assert!(!refused(&segment, ethernet::IPV4, SegmentsKind::TcpV4, 3));
    for (protocol, kind) in [
        (ethernet::IPV4, SegmentsKind::TcpV6),
        (ethernet::IPV4, SegmentsKind::Udp),
        (ethernet::IPV4, SegmentsKind::Fragments),
        (ethernet::IPV6, SegmentsKind::TcpV4),
        (ethernet::ARP, SegmentsKind::TcpV4),
    ] {
        assert!(refused(&segment, protocol, kind, 3), "{protocol:#x} {kind:?}");
    }
    assert!(refused(&segment, ethernet::IPV4, SegmentsKind::TcpV4, 7), "one piece");
    assert!(refused(&segment[..50], ethernet::IPV4, SegmentsKind::TcpV4, 3), "no whole header");
    let long = [&v4(ipv4::UDP, &udp::emit(1, 2, 0))[..], &[0; 1 << 16]].concat();
    assert!(refused(&long, ethernet::IPV4, SegmentsKind::Fragments, 1000), "no packet could have been so long");
    let place = |start| Work { checksum: Some(Place { start, offset: 16 }), ..work(SegmentsKind::TcpV4, 3) };
    assert!(Uncut::of(&segment, ethernet::IPV4, &place(34)).is_ok());
    assert!(Uncut::of(&segment, ethernet::IPV4, &place(33)).is_err(), "a checksum of something else");
}

#[test]
fn what_is_longer_than_an_interface_takes_does_not_pass_whole() {
    for (text, passes) in [((1 << 16) - 55, true), ((1 << 16) - 54, false)] {
        let mut segment = tcp_segment(b"");
        segment.resize(segment.len() + text, 0);
        let frame = [&v4(ipv4::TCP, &[])[..], &segment].concat();
        let work = work(SegmentsKind::TcpV4, 1000);
        let uncut = Uncut::of(&frame, ethernet::IPV4, &work).expect("can be cut").expect("is to be cut");
        assert_eq!((frame.len(), uncut.may_pass_whole()), (text + 54, passes));
    }
}
