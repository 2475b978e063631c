use super::*;
use crate::ip::Limits;
use crate::tcp::Seq;
use crate::wire::tcp::{Header, Segment};

#[test]
fn pieces_are_the_segment() {
    let flags = Flags::ACK | Flags::PSH | Flags::FIN | Flags::CWR;
    let header = Header { src_port: 1, dst_port: 2, seq: Seq(0xffff_fffe), flags, ..Header::default() };
    let mut bytes = [0; MAX_HEADER_LEN];
    let len = header.emit(&mut bytes);
    let address = core::net::IpAddr::from([10, 0, 0, 1]);
    let segment = TcpSegmentOut {
        limits: Limits::default(),
        options: None,
        flow_label: None,
        src: address,
        remote: (address, 2).into(),
        header: &bytes[..len],
        payload: (b"abcd", b"efghijk"),
        ttl: Some(64),
        tos: 0,
        segment_size: 3,
        tag: None,
    };
    let mut seen = Vec::new();
    pieces(&segment, |piece| {
        let bytes = [piece.header, piece.payload.0, piece.payload.1].concat();
        let segment = Segment::parse(&bytes).expect("a segment");
        seen.push((segment.header.seq.0, segment.header.flags, segment.payload.to_vec()));
    });
    let between = Flags::ACK;
    assert_eq!(
        seen,
        [
            (0xffff_fffe, Flags::ACK | Flags::CWR, b"abc".to_vec()),
            (1, between, b"def".to_vec()),
            (4, between, b"ghi".to_vec()),
            (7, Flags::ACK | Flags::PSH | Flags::FIN, b"jk".to_vec()),
        ]
    );
}
