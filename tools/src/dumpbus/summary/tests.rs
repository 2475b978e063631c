use netstack::link::Mac;
use proptest::prelude::*;

use super::*;

const A: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const B: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const MAC: Mac = Mac([0xb2, 0xa0, 0, 0, 0, 1]);

fn ethernet(ethertype: u16, payload: &[u8]) -> Vec<u8> {
    [&ethernet::Header { dst: Mac::BROADCAST, src: MAC, ethertype }.emit()[..], payload].concat()
}

fn packet(protocol: u8, payload: &[u8]) -> String {
    let header = ipv4::Header::atomic(A, B, protocol, 64, 0).emit(payload.len());
    content(&ethernet(ethernet::IPV4, &[&header[..], payload].concat()))
}

#[test]
fn the_time_of_day_comes_first() {
    assert_eq!(line(&[], 86_400_000_000_000 + 3_723_000_000_045), "01:02:03.000000045 malformed, 0 bytes");
}

#[test]
fn each_protocol_has_its_line() {
    let arp = |operation| {
        let packet = arp::Packet { operation, sender_mac: MAC, sender: A, target_mac: Mac([0; 6]), target: B };
        content(&ethernet(ethernet::ARP, &packet.emit()))
    };
    assert_eq!(arp(arp::Operation::Request), "ARP who has 10.0.0.2? tell 10.0.0.1 at b2:a0:00:00:00:01");
    assert_eq!(arp(arp::Operation::Reply), "ARP 10.0.0.1 is at b2:a0:00:00:00:01");

    let udp = [&[0, 53, 1, 0, 0, 11, 0, 0][..], b"abc"].concat();
    assert_eq!(packet(ipv4::UDP, &udp), "UDP 10.0.0.1:53 > 10.0.0.2:256: 3 bytes");

    let tcp = |control| {
        [&[0, 80, 1, 0, 0, 0, 0, 9, 0, 0, 1, 0, 0x60, control, 2, 0, 0, 0, 0, 0], &[1; 4][..], b"ab"].concat()
    };
    assert_eq!(packet(ipv4::TCP, &tcp(0x02)), "TCP 10.0.0.1:80 > 10.0.0.2:256: [S] seq 9 win 512, 2 bytes");
    assert_eq!(packet(ipv4::TCP, &tcp(0x19)), "TCP 10.0.0.1:80 > 10.0.0.2:256: [FP.] seq 9 ack 256 win 512, 2 bytes");

    let mut echo = icmpv4::emit(icmpv4::ECHO_REQUEST, 0, 7 << 16 | 3, &[]);
    icmpv4::fill_checksum(&mut echo);
    assert_eq!(packet(ipv4::ICMP, &echo), "ICMP 10.0.0.1 > 10.0.0.2: echo request 3 of 7");
    assert_eq!(packet(99, b"abc"), "IP 10.0.0.1 > 10.0.0.2: protocol 99, 3 bytes");

    let other = content(&ethernet(0x88b5, b"abcd"));
    assert_eq!(other, "b2:a0:00:00:00:01 > ff:ff:ff:ff:ff:ff: type 0x88b5, 4 bytes");
}

#[test]
fn a_fragment_without_its_header_is_not_read_as_one() {
    let header = ipv4::Header { fragment_offset: 1480, ..ipv4::Header::atomic(A, B, ipv4::UDP, 64, 0) }.emit(3);
    let line = content(&ethernet(ethernet::IPV4, &[&header[..], b"abc"].concat()));
    assert!(line.starts_with("IP 10.0.0.1 > 10.0.0.2: protocol 17, fragment at 1480, "), "{line}");
}

proptest! {
    #[test]
    fn no_frame_panics(frame in proptest::collection::vec(any::<u8>(), 0..80), kind in 0usize..3, time: u64) {
        let _ = line(&frame, time);
        let header = ipv4::Header::atomic(A, B, [ipv4::TCP, ipv4::UDP, ipv4::ICMP][kind], 64, 0).emit(frame.len());
        let line = line(&ethernet(ethernet::IPV4, &[&header[..], &frame].concat()), time);
        prop_assert!(line.contains("10.0.0.1"), "{}", line);
    }
}
