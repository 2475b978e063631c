use super::*;
use crate::link::IfIndex;
use crate::time::Instant;
use core::net::Ipv6Addr;

fn header() -> Header {
    Header {
        len: 65507,
        src: SocketAddr::from(([10, 0, 0, 1], 5353)),
        dst: SocketAddr::from(([10, 0, 0, 2], 9)),
        on: IfIndex(7),
        ttl: 3,
        tos: 0x10,
        flow_label: 0,
        fragment_size: 1500,
        options: 44,
        timestamp: Instant(0x1122_3344_5566_7788),
        drops: 0,
    }
}

#[test]
fn a_header_survives_the_ring() {
    let v4 = header();
    assert_eq!(Header::decode(&v4.encode()), Some(v4));
    let v6 = Header {
        src: SocketAddr::from((Ipv6Addr::LOCALHOST, 1)),
        dst: SocketAddr::from((Ipv6Addr::UNSPECIFIED, 2)),
        ..v4
    };
    assert_eq!(Header::decode(&v6.encode()), Some(v6));
    assert_eq!(Header::decode(&[0; HEADER_LEN]), None);
}

#[test]
fn a_datagram_that_does_not_fit_is_dropped_whole_and_counted() {
    let (rx, mut reader) = arena::ring::heap(256);
    let mut inbox = Inbox::new(rx, Admission::Fits);
    let header = Header { len: 100, ..header() };
    assert!(inbox.deliver(&header.encode(), &[&[1; 60], &[2; 40]], 128));
    assert!(!inbox.deliver(&header.encode(), &[&[3; 60], &[4; 40]], 128));
    assert_eq!(inbox.dropped, 1);
    assert_eq!(reader.len(), HEADER_LEN + 100);
    let mut bytes = [0; HEADER_LEN];
    reader.read(&mut bytes);
    assert_eq!(Header::decode(&bytes), Some(header));
    let mut payload = [0; 100];
    reader.read(&mut payload);
    assert!(payload[..60] == [1; 60] && payload[60..] == [2; 40]);
    assert!(inbox.deliver(&header.encode(), &[&[5; 100]], 128), "there is room again");
    reader.read(&mut bytes);
    assert_eq!(Header::decode(&bytes), Some(Header { drops: 1, ..header }));
}
