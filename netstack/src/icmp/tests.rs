use core::net::Ipv4Addr;

use super::*;
use crate::link::IfIndex;
use crate::rng::Rng;
use crate::socket::SocketError;
use crate::time::Instant;
use crate::wire::icmpv4::Message;

const A: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const B: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

fn packet(src: Ipv4Addr, protocol: u8, payload: &[u8]) -> Vec<u8> {
    [&ipv4::Header::atomic(src, B, protocol, 64, 0).emit(payload.len()), payload].concat()
}

#[test]
fn one_destination_gets_a_burst_then_one_a_second_and_all_together_a_thousand() {
    let mut limiter = Limiter::new(&mut Rng::new([1; 32]));
    let now = Instant::from_millis(5000);
    assert_eq!((0..100).filter(|_| limiter.allow(now, A.into())).count(), 6);
    let later = Instant::from_millis(6000);
    assert_eq!((0..100).filter(|_| limiter.allow(later, A.into())).count(), 1);
    let everybody = |limiter: &mut Limiter, at| {
        (0..5000u32).filter(|n| limiter.allow(at, Ipv4Addr::from_bits(0x0b00_0000 + n).into())).count()
    };
    let burst = everybody(&mut limiter, later);
    assert!((45..=50).contains(&burst), "{burst}");
    assert!(everybody(&mut limiter, Instant::from_millis(6010)) <= 13);
}

#[test]
fn errors_are_reported_only_where_they_may_be() {
    let may = |bytes: &[u8]| may_report(&Received::quoted(bytes, IfIndex(2)).expect("a packet"));
    assert!(may(&packet(A, ipv4::UDP, b"")));
    assert!(may(&packet(A, ipv4::ICMP, &[icmpv4::ECHO_REQUEST])));
    assert!(!may(&packet(A, ipv4::ICMP, &[icmpv4::UNREACHABLE])));
    assert!(!may(&packet(A, ipv4::ICMP, &[icmpv4::REDIRECT])));
    assert!(!may(&packet(A, ipv4::ICMP, &[])), "it may be an error");
    assert!(!may(&packet(Ipv4Addr::new(224, 0, 0, 5), ipv4::UDP, b"")));
    assert!(!may(&packet(Ipv4Addr::UNSPECIFIED, ipv4::UDP, b"")));
    let later = ipv4::Header { dont_fragment: false, fragment_offset: 8, ..ipv4::Header::atomic(A, B, 17, 64, 0) };
    assert!(!may(&later.emit(0)));
}

#[test]
fn what_each_error_means() {
    let quoted = packet(A, ipv4::UDP, &[0; 8]);
    let parse = |kind, code, rest| {
        let bytes = [&icmpv4::emit(kind, code, rest, &quoted)[..], &quoted].concat();
        Report::parse(&Message::parse(&bytes).expect("a message"))
            .map(|report| (report.error, report.certainty, report.info))
    };
    use Certainty::{Hard, Soft};
    use SocketError as E;
    for (kind, code, rest, meaning) in [
        (3, 0, 0, Some((E::NetUnreachable, Soft, 0))),
        (3, 1, 0, Some((E::HostUnreachable, Soft, 0))),
        (3, 2, 0, Some((E::ProtocolUnreachable, Hard, 0))),
        (3, 3, 0, Some((E::Refused, Hard, 0))),
        (3, 4, 1400, Some((E::MessageTooLong, Soft, 1400))),
        (3, 5, 0, Some((E::SourceRouteFailed, Hard, 0))),
        (3, 7, 0, Some((E::HostUnknown, Hard, 0))),
        (3, 8, 0, Some((E::SourceIsolated, Hard, 0))),
        (3, 9, 0, Some((E::NetUnreachable, Hard, 0))),
        (3, 13, 0, Some((E::HostUnreachable, Hard, 0))),
        (3, 99, 0, None),
        (11, 0, 77, Some((E::HostUnreachable, Soft, 0))),
        (11, 1, 0, None),
        (12, 0, 9 << 24, Some((E::Protocol, Hard, 9))),
        (4, 0, 0, None),
        (5, 1, 0, None),
        (8, 0, 0, None),
    ] {
        assert_eq!(parse(kind, code, rest), meaning, "type {kind} code {code}");
    }
}
