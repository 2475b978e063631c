//! The header of a record: what the engine knows of a received datagram, as bytes.

use super::DROPS;
use crate::ip::{Received, end};
use crate::link::IfIndex;
use crate::time::Instant;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Bytes of an encoded [`Header`].
pub const HEADER_LEN: usize = 68;

/// What the engine knows of a received datagram.
///
/// As bytes, little-endian: length (4), interface (4), time (8), source address (16), destination address (16), source
/// port (2), destination port (2), address family 4 or 6 (1), TTL (1), TOS (1), a zero, flow label (4), size of the longest
/// fragment (2), length of the options (2), drops (4). An IPv4 address stands in the first four of its 16 bytes. The zone of
/// link-local addresses is the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Bytes of payload that follow.
    pub len: u32,
    /// Who sent it. Port 0 on raw and ping sockets.
    pub src: SocketAddr,
    /// To which of our addresses (or which broadcast or multicast address) it was sent.
    pub dst: SocketAddr,
    /// The interface that it came in by.
    pub on: IfIndex,
    /// Time to live, or hop limit, on arrival.
    pub ttl: u8,
    /// Type of service byte, or traffic class.
    pub tos: u8,
    /// Flow label, 20 bits; 0 of IPv4.
    pub flow_label: u32,
    /// Bytes of the longest fragment that it came in, IP header included; 0 of what came whole.
    pub fragment_size: u16,
    /// Bytes between this and the payload: the options of IPv4, with us in them, or the extension headers of IPv6 behind the
    /// byte that says what the first is.
    pub options: u16,
    /// When the engine saw it.
    pub timestamp: Instant,
    /// Datagrams that the socket had to drop before it (SO_RXQ_OVFL).
    pub drops: u32,
}

impl Header {
    /// Of a packet on its way to a socket, which gets `len` bytes of it.
    pub(crate) fn of_packet(now: Instant, packet: &Received<'_>, ports: (u16, u16), len: usize) -> Header {
        Header {
            len: len as u32,
            src: end(packet.src, ports.0, packet.on),
            dst: end(packet.dst, ports.1, packet.on),
            on: packet.on,
            ttl: packet.ttl,
            tos: packet.tos,
            flow_label: packet.flow_label,
            fragment_size: packet.fragment_size,
            options: (packet.options.len() + packet.extensions.len()) as u16,
            timestamp: now,
            drops: 0,
        }
    }

    /// The header as bytes.
    pub fn encode(&self) -> [u8; HEADER_LEN] {
        let Header { len, src, dst, on, ttl, tos, flow_label, fragment_size, options, timestamp, drops } = *self;
        let mut out = [0; HEADER_LEN];
        out[0..4].copy_from_slice(&len.to_le_bytes());
        out[4..8].copy_from_slice(&on.0.to_le_bytes());
        out[8..16].copy_from_slice(&timestamp.0.to_le_bytes());
        put_addr(&mut out[16..32], src.ip());
        put_addr(&mut out[32..48], dst.ip());
        out[48..50].copy_from_slice(&src.port().to_le_bytes());
        out[50..52].copy_from_slice(&dst.port().to_le_bytes());
        out[52] = if src.is_ipv4() { 4 } else { 6 };
        out[53] = ttl;
        out[54] = tos;
        out[56..60].copy_from_slice(&flow_label.to_le_bytes());
        out[60..62].copy_from_slice(&fragment_size.to_le_bytes());
        out[62..64].copy_from_slice(&options.to_le_bytes());
        out[DROPS..].copy_from_slice(&drops.to_le_bytes());
        out
    }

    /// Reads a header. None if the bytes are not one (the ring lies in memory that others can write).
    pub fn decode(bytes: &[u8; HEADER_LEN]) -> Option<Header> {
        let (words, _) = bytes.as_chunks::<4>();
        let word = |at: usize| u32::from_le_bytes(words[at / 4]);
        let half = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let family = bytes[52];
        let on = IfIndex(word(4));
        Some(Header {
            len: word(0),
            src: end(get_addr(family, &bytes[16..32])?, half(48), on),
            dst: end(get_addr(family, &bytes[32..48])?, half(50), on),
            on,
            ttl: bytes[53],
            tos: bytes[54],
            flow_label: word(56),
            fragment_size: half(60),
            options: half(62),
            timestamp: Instant(u64::from(word(8)) | u64::from(word(12)) << 32),
            drops: word(DROPS),
        })
    }
}

fn put_addr(out: &mut [u8], addr: IpAddr) {
    match addr {
        IpAddr::V4(addr) => out[..4].copy_from_slice(&addr.octets()),
        IpAddr::V6(addr) => out.copy_from_slice(&addr.octets()),
    }
}

fn get_addr(family: u8, bytes: &[u8]) -> Option<IpAddr> {
    match family {
        4 => Some(Ipv4Addr::from(<[u8; 4]>::try_from(bytes.get(..4)?).ok()?).into()),
        6 => Some(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).into()),
        _ => None,
    }
}
