//! Each test with a device runs in a network namespace of its own thread, so it needs root and leaves nothing behind.

mod namespace;

use std::net::{Ipv4Addr, UdpSocket};
use std::process::Command;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};

use super::header::{checksum, encode, segment_size};
use super::*;

const OURS: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 2);
const HOSTS: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 1);

fn ip(arguments: &str) {
    let run =
        Command::new("ip").args(arguments.split(' ')).output().expect("ip, of the Debian package iproute2, is missing");
    assert!(run.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&run.stderr));
}

/// The next frame that `wanted` agrees to; what the host says by itself (router solicitations, say) is passed over.
fn next_frame(tap: &mut Tap, wanted: impl Fn(&[u8]) -> bool) -> (Vec<u8>, Checksum) {
    let mut buffer = [0; 2048];
    loop {
        match tap.receive(&mut buffer) {
            Receive::Frame { len, checksum, .. } if wanted(&buffer[..len]) => {
                return (buffer[..len].to_vec(), checksum);
            }
            Receive::Frame { .. } => {}
            Receive::Empty => {
                let limit = Timespec { tv_sec: 5, tv_nsec: 0 };
                let ready = poll(&mut [PollFd::new(&tap.fd(), PollFlags::IN)], Some(&limit)).unwrap();
                assert_eq!(ready, 1, "no such frame came within 5 seconds");
            }
            Receive::Gone => panic!("the interface is gone"),
        }
    }
}

/// Passes over the frames that the host sent by itself.
fn after_what_the_host_said(tap: &mut Tap) -> Receive {
    loop {
        match tap.receive(&mut [0; 2048]) {
            Receive::Frame { .. } => {}
            other => return other,
        }
    }
}

fn ethernet<D: AsFd>(tap: &Tap<D>, ethertype: u16, payload: &[u8]) -> Vec<u8> {
    [&tap.host_mac()[..], &tap.mac(), &ethertype.to_be_bytes(), payload].concat()
}

/// An IPv4 UDP datagram from port 7 of ours, its UDP checksum field holding `checksum`.
fn udp(tap: &Tap, port: u16, checksum: u16, data: &[u8]) -> Vec<u8> {
    let len = |header: usize| u16::to_be_bytes((header + data.len()) as u16);
    let mut header = [&[0x45, 0], &len(28)[..], &[0, 0, 0, 0, 64, 17, 0, 0], &OURS.octets(), &HOSTS.octets()].concat();
    let sum = !fold(&header);
    header[10..12].copy_from_slice(&sum.to_be_bytes());
    let udp = [&7u16.to_be_bytes(), &port.to_be_bytes(), &len(8)[..], &checksum.to_be_bytes()].concat();
    ethernet(tap, 0x0800, &[&header[..], &udp, data].concat())
}

/// The sum of the pseudo-header (RFC 768), which is what a partial checksum field holds.
fn pseudo_header_sum(udp_len: u16) -> u16 {
    fold(&[&OURS.octets()[..], &HOSTS.octets(), &[0, 17], &udp_len.to_be_bytes()].concat())
}

fn fold(bytes: &[u8]) -> u16 {
    let mut sum: u32 =
        bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0))).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

fn is_udp(frame: &[u8]) -> bool {
    frame.len() > 34 && frame[12..14] == [8, 0] && frame[23] == 17
}

#[test]
fn the_header_says_where_a_checksum_is_to_be_completed() {
    assert_eq!(checksum(encode(None, None)), Checksum::Unknown);
    let partial = PartialChecksum { start: 34, offset: 16 };
    assert_eq!(checksum(encode(Some(partial), None)), Checksum::Partial(partial));
    assert_eq!(checksum([2, 0, 0, 0, 0, 0, 0, 0, 0, 0]), Checksum::Good);
}

#[test]
fn the_header_says_how_a_frame_is_to_be_cut() {
    let partial = PartialChecksum { start: 34, offset: 16 };
    for (version, kind) in [(Version::V4, 1), (Version::V6, 4)] {
        let header = encode(Some(partial), Some(Segments { version, headers: 66, size: 1448 }));
        assert_eq!((checksum(header), segment_size(header), header[1]), (Checksum::Partial(partial), 1448, kind));
        assert_eq!(u16::from_ne_bytes([header[2], header[3]]), 66);
    }
    assert_eq!(segment_size(encode(Some(partial), None)), 0);
    assert_eq!(segment_size([1, 0x81, 0, 0, 7, 0, 0, 0, 0, 0]), u16::from_ne_bytes([7, 0]), "with CWR");
    assert_eq!(segment_size([1, 3, 0, 0, 7, 0, 0, 0, 0, 0]), 0, "UDP");
}

/// Two TAP interfaces on one bridge of the host, and a TCP segment with 2,500 bytes of text to the second's station.
fn bridged() -> (Tap, Tap, Vec<u8>) {
    namespace::enter_own();
    let [left, right] = ["left", "right"].map(|name| Tap::open(name, None).unwrap());
    ip("link add br0 type bridge");
    ip("link set br0 up");
    ip("link set left master br0");
    ip("link set right master br0");
    let total = u16::to_be_bytes(20 + 20 + 2500);
    let mut header = [&[0x45, 0], &total[..], &[0, 0, 0x40, 0, 64, 6, 0, 0], &OURS.octets(), &HOSTS.octets()].concat();
    let sum = !fold(&header);
    header[10..12].copy_from_slice(&sum.to_be_bytes());
    let pseudo = fold(&[&OURS.octets()[..], &HOSTS.octets(), &[0, 6], &u16::to_be_bytes(20 + 2500)].concat());
    let mut tcp = vec![0, 7, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0x18, 1, 0, 0, 0, 0, 0];
    tcp[16..18].copy_from_slice(&pseudo.to_be_bytes());
    let frame = [&right.mac()[..], &left.mac(), &[8, 0], &header, &tcp, &[b'x'; 2500]].concat();
    (left, right, frame)
}

const IN_THOUSANDS: Segments = Segments { version: Version::V4, headers: 54, size: 1000 };
const OF_TCP: PartialChecksum = PartialChecksum { start: 34, offset: 16 };

fn is_tcp(frame: &[u8]) -> bool {
    frame.len() > 54 && frame[12..14] == [8, 0] && frame[23] == 6
}

#[test]
fn the_host_cuts_our_segments_for_who_takes_none_so_long() {
    let (mut left, mut right, frame) = bridged();
    assert_eq!(left.transmit(&[&frame], Some(OF_TCP), Some(IN_THOUSANDS)), Transmit::Sent);
    for (seq, len) in [(0, 1000), (1000, 1000), (2000, 500)] {
        let (piece, _) = next_frame(&mut right, is_tcp);
        assert_eq!((u32::from_be_bytes(piece[38..42].try_into().unwrap()), piece.len() - 54), (seq, len));
    }
}

#[test]
fn the_host_joins_segments_for_who_takes_them() {
    let (mut left, mut right, frame) = bridged();
    assert!(right.take_joined_segments());
    assert_eq!(left.transmit(&[&frame], Some(OF_TCP), Some(IN_THOUSANDS)), Transmit::Sent);
    let mut buffer = vec![0; LONGEST];
    let seen = loop {
        match right.receive(&mut buffer) {
            Receive::Frame { len, segment_size, .. } if is_tcp(&buffer[..len]) => break (len, segment_size),
            Receive::Frame { .. } => {}
            Receive::Empty => std::thread::sleep(Duration::from_millis(1)),
            Receive::Gone => panic!("the interface is gone"),
        }
    };
    assert_eq!(seen, (frame.len(), 1000));
    assert_eq!(&buffer[..14], &frame[..14]);
    assert_eq!(&buffer[54..seen.0], &[b'x'; 2500]);
}

#[test]
fn names_that_no_interface_can_have_are_refused_before_anything_is_opened() {
    for name in ["", ".", "..", "a/b", "a b", "tap%d", "tap:0", "sixteen-letters.", "tap\0"] {
        assert_eq!(Tap::open(name, None).unwrap_err(), TapError::Name(name.to_owned()));
    }
}

#[test]
fn a_tap_is_made_brought_up_and_gone_with_its_descriptor() {
    namespace::enter_own();
    let tap = Tap::open("tap0", Some(9000)).unwrap();
    assert!(tap.is_up());
    assert_eq!((tap.name(), tap.mtu()), ("tap0", 9000));
    ip("link show dev tap0 up");
    assert_eq!(tap.mac()[..2], [0xb2, 0xa0]);
    assert_ne!(tap.mac(), tap.host_mac());
    drop(tap);
    let tap = Tap::open("tap0", None).unwrap();
    assert_eq!(tap.mtu(), 1500);
}

#[test]
fn a_device_that_stays_keeps_the_address_of_our_end() {
    namespace::enter_own();
    ip("tuntap add dev tap0 mode tap vnet_hdr");
    let [first, second] = [(); 2].map(|()| Tap::open("tap0", None).unwrap().mac());
    assert_eq!(first, second);
}

#[test]
fn the_address_of_our_end_is_never_that_of_the_hosts() {
    assert_eq!(mac_beside([2, 0, 0, 1, 2, 3]), [0xb2, 0xa0, 0, 1, 2, 3]);
    assert_eq!(mac_beside([0xb2, 0xa0, 0, 1, 2, 3]), [0xb2, 0xa0, 0, 1, 2, 0xfc]);
}

#[test]
fn the_host_answers_arp() {
    namespace::enter_own();
    let mut tap = Tap::open("tap0", None).unwrap();
    ip("addr add 10.9.0.1/24 dev tap0");
    let (mac, sender) = (tap.mac(), OURS.octets());
    let request = [&[0, 1, 8, 0, 6, 4, 0, 1], &mac[..], &sender, &[0; 6], &HOSTS.octets()].concat();
    let frame = ethernet(&tap, 0x0806, &request);
    assert_eq!(tap.transmit(&[&frame[..20], &[], &frame[20..]], None, None), Transmit::Sent);
    let (reply, _) = next_frame(&mut tap, |frame| frame[12..14] == [8, 6] && frame[20..22] == [0, 2]);
    assert_eq!((&reply[..6], &reply[22..28], &reply[28..32]), (&mac[..], &tap.host_mac()[..], &HOSTS.octets()[..]));
}

#[test]
fn the_host_takes_our_partial_checksum_and_not_a_wrong_one() {
    namespace::enter_own();
    let mut tap = Tap::open("tap0", None).unwrap();
    ip("addr add 10.9.0.1/24 dev tap0");
    let socket = UdpSocket::bind((HOSTS, 0)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let port = socket.local_addr().unwrap().port();

    let sum = pseudo_header_sum(8 + 7);
    let wrong = udp(&tap, port, sum, b"wrong!!");
    assert_eq!(tap.transmit(&[&wrong], None, None), Transmit::Sent);
    let partial = udp(&tap, port, sum, b"partial");
    assert_eq!(tap.transmit(&[&partial], Some(PartialChecksum { start: 34, offset: 6 }), None), Transmit::Sent);
    let mut data = [0; 16];
    assert_eq!(socket.recv(&mut data).unwrap(), 7);
    assert_eq!(&data[..7], b"partial");
}

#[test]
fn the_host_leaves_checksums_to_us() {
    namespace::enter_own();
    let mut tap = Tap::open("tap0", None).unwrap();
    ip("addr add 10.9.0.1/24 dev tap0");
    let ours = tap.mac().map(|byte| format!("{byte:02x}")).join(":");
    ip(&format!("neigh add 10.9.0.2 lladdr {ours} dev tap0"));
    let socket = UdpSocket::bind((HOSTS, 0)).unwrap();
    socket.send_to(b"hello", (OURS, 7)).unwrap();
    let (frame, checksum) = next_frame(&mut tap, is_udp);
    assert_eq!(checksum, Checksum::Partial(PartialChecksum { start: 34, offset: 6 }));
    assert_eq!(&frame[42..], b"hello");
    assert_eq!(u16::from_be_bytes([frame[40], frame[41]]), pseudo_header_sum(8 + 5));
}

#[test]
fn a_second_program_is_told_that_it_is_busy() {
    namespace::enter_own();
    let _first = Tap::open("tap0", None).unwrap();
    let error = Tap::open("tap0", None).unwrap_err();
    assert_eq!(error, TapError::Busy("tap0".to_owned()));
    assert!(error.to_string().contains("another program"));
}

#[test]
fn an_interface_of_another_kind_is_not_taken() {
    namespace::enter_own();
    ip("tuntap add dev tun0 mode tun");
    for name in ["lo", "tun0"] {
        assert_eq!(Tap::open(name, None).unwrap_err(), TapError::NotATap(name.to_owned()));
    }
}

#[test]
fn an_interface_made_with_multi_queue_is_taken() {
    namespace::enter_own();
    ip("tuntap add dev tap0 mode tap multi_queue");
    assert!(Tap::open("tap0", None).unwrap().is_up());
}

#[test]
fn an_mtu_that_the_driver_does_not_carry_is_refused() {
    namespace::enter_own();
    for wanted in [67, 65522] {
        let error = Tap::open("tap0", Some(wanted)).unwrap_err();
        assert_eq!(error, TapError::Mtu { name: "tap0".to_owned(), wanted, is: 1500, errno: Errno::INVAL });
    }
    assert_eq!(Tap::open("tap0", Some(65521)).unwrap().mtu(), 65521);
}

#[test]
fn without_privilege_only_an_interface_of_ones_own_is_had_and_as_it_is() {
    namespace::enter_own();
    ip("tuntap add dev mine mode tap user 0");
    ip("link set mine mtu 1400 up");
    let mut sets = capabilities(None).unwrap();
    sets.effective.remove(CapabilitySet::NET_ADMIN);
    set_capabilities(None, sets).unwrap();

    let error = Tap::open("tap0", None).unwrap_err();
    assert_eq!(error, TapError::NotPermitted { name: "tap0".to_owned(), uid: 0 });
    assert!(error.to_string().contains("ip tuntap add dev tap0 mode tap user 0"));
    assert_eq!(Tap::open("mine", None).unwrap().mtu(), 1400);
    assert_eq!(Tap::open("mine", Some(1000)).unwrap().mtu(), 1000);
    let error = Tap::open("mine", Some(1500)).unwrap_err();
    assert_eq!(error, TapError::Mtu { name: "mine".to_owned(), wanted: 1500, is: 1400, errno: Errno::PERM });
}

#[test]
fn a_frame_for_an_interface_that_is_down_is_lost_and_one_that_was_removed_is_gone() {
    namespace::enter_own();
    let mut tap = Tap::open("tap0", None).unwrap();
    let frame = ethernet(&tap, 0x88b5, &[0; 46]);
    ip("link set tap0 down");
    assert!(!tap.is_up());
    assert_eq!(tap.transmit(&[&frame], None, None), Transmit::Down);
    assert_eq!(after_what_the_host_said(&mut tap), Receive::Empty);
    ip("link set tap0 up");
    assert_eq!(tap.transmit(&[&frame], None, None), Transmit::Sent);
    ip("link del tap0");
    assert_eq!(tap.transmit(&[&frame], None, None), Transmit::Down);
    assert_eq!(after_what_the_host_said(&mut tap), Receive::Gone);
}

#[test]
fn a_frame_that_the_host_refuses_is_counted() {
    namespace::enter_own();
    let mut tap = Tap::open("tap0", None).unwrap();
    assert_eq!(tap.transmit(&[b"runt"], None, None), Transmit::Sent);
    assert_eq!(tap.transmit(&[&[0; 8][..]; 8], None, None), Transmit::Sent);
    assert_eq!(tap.dropped(), 2);
}

#[test]
fn a_tap_works_on_with_another_holder() {
    namespace::enter_own();
    let mut tap = Tap::open("tap0", None).unwrap().held_by(std::sync::Arc::new);
    let frame = ethernet(&tap, 0x88b5, &[0; 46]);
    assert_eq!(tap.transmit(&[&frame], None, None), Transmit::Sent);
    assert!(tap.is_up());
}
