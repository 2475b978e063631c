//! What every frame that the stack sends must be, as etherparse sees it.

use etherparse::{LaxSlicedPacket, NetSlice, SlicedPacket, TransportSlice};

/// Fails if the frame is malformed, longer than the link takes, or has a wrong checksum. `partial`: the link completes the
/// transport's.
pub fn frame(frame: &[u8], mtu: usize, partial: bool) {
    assert!(frame.len() <= mtu + 14, "a frame of {} bytes on a link of {mtu}", frame.len());
    let packet = SlicedPacket::from_ethernet(frame).unwrap_or_else(|error| panic!("{error}: {frame:02x?}"));
    let (src, dst) = match &packet.net {
        Some(NetSlice::Ipv4(it)) => {
            let header = it.header();
            assert_eq!(header.header_checksum(), header.to_header().calc_header_checksum(), "the header's checksum");
            assert_eq!(14 + usize::from(header.total_len()), frame.len(), "bytes behind the packet");
            (Addr::V4(header.source()), Addr::V4(header.destination()))
        }
        Some(NetSlice::Ipv6(it)) => (Addr::V6(it.header().source()), Addr::V6(it.header().destination())),
        _ => return,
    };
    if partial {
        return;
    }
    let good = match (&packet.transport, src, dst) {
        (Some(TransportSlice::Tcp(it)), Addr::V4(src), Addr::V4(dst)) => {
            it.calc_checksum_ipv4(src, dst).ok() == Some(it.checksum())
        }
        (Some(TransportSlice::Tcp(it)), Addr::V6(src), Addr::V6(dst)) => {
            it.calc_checksum_ipv6(src, dst).ok() == Some(it.checksum())
        }
        (Some(TransportSlice::Udp(it)), Addr::V4(src), Addr::V4(dst)) => {
            let sum = it.to_header().calc_checksum_ipv4_raw(src, dst, it.payload());
            it.checksum() == 0 || sum.ok() == Some(it.checksum())
        }
        (Some(TransportSlice::Udp(it)), Addr::V6(src), Addr::V6(dst)) => {
            it.to_header().calc_checksum_ipv6_raw(src, dst, it.payload()).ok() == Some(it.checksum())
        }
        (Some(TransportSlice::Icmpv4(it)), ..) => it.header().icmp_type.calc_checksum(it.payload()) == it.checksum(),
        (Some(TransportSlice::Icmpv6(it)), Addr::V6(src), Addr::V6(dst)) => it.is_checksum_valid(src, dst),
        _ => true,
    };
    assert!(good, "a wrong checksum: {frame:02x?}");
}

/// Of a packet that others made (a raw socket's program, a sender whom the stack serves as a router), only what the stack
/// answers for: it fits the link.
pub fn others_frame(frame: &[u8], mtu: usize) {
    assert!(frame.len() <= mtu + 14, "a frame of {} bytes on a link of {mtu}", frame.len());
    LaxSlicedPacket::from_ethernet(frame).unwrap_or_else(|error| panic!("{error}: {frame:02x?}"));
}

#[derive(Clone, Copy)]
enum Addr {
    V4([u8; 4]),
    V6([u8; 16]),
}
