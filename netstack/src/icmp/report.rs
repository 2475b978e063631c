//! What an error that arrives means.

use core::net::IpAddr;

use crate::socket::SocketError;
use crate::tcp::seam::IcmpError;
use crate::wire::icmpv4::{self, Message};
use crate::wire::icmpv6::{self, unreachable};
use crate::wire::{be16, ipv4, ipv6};

/// An error that arrived about a packet of ours.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Report<'a> {
    pub(crate) error: IcmpError,
    /// For datagram sockets: what to tell them, and is it beyond doubt (Linux icmp_err_convert's `fatal`)?
    pub(crate) socket: Option<(SocketError, Certainty)>,
    /// Our packet, as far as it was quoted.
    pub(crate) quoted: Quoted<'a>,
    /// The message's type and code.
    pub(crate) message: (u8, u8),
    /// What the message says besides: the MTU that a router allows, or where in the packet the problem is; of IPv6 whatever is
    /// there, as Linux tells it.
    pub(crate) info: u32,
}

/// A packet of ours that an error quotes, from its beginning.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quoted<'a> {
    pub(crate) src: IpAddr,
    pub(crate) dst: IpAddr,
    pub(crate) protocol: u8,
    /// The transport's header, as far as it was quoted.
    pub(crate) transport: &'a [u8],
    /// All that was quoted, from the IP header on.
    pub(crate) bytes: &'a [u8],
}

impl Quoted<'_> {
    /// Bytes of the whole packet, by its header.
    pub(crate) fn packet_len(&self) -> u32 {
        match self.dst {
            IpAddr::V4(_) => be16(self.bytes, 2).into(),
            IpAddr::V6(_) => ipv6::HEADER_LEN as u32 + u32::from(be16(self.bytes, 4)),
        }
    }
}

/// Does an error last?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Certainty {
    /// It says that the destination exists and refuses, or forbids.
    Hard,
    /// It may be gone with the next packet.
    Soft,
}

impl<'a> Report<'a> {
    /// Reads an error message; None if it is none, or one that is ignored (redirects and source quenches, RFC 6633), or
    /// about a later fragment.
    pub(crate) fn parse(message: &Message<'a>) -> Option<Report<'a>> {
        use Certainty::{Hard, Soft};
        use SocketError as E;
        let (error, socket) = match (message.kind, message.code) {
            (icmpv4::UNREACHABLE, 0 | 11) => (IcmpError::NetUnreachable, Some((E::NetUnreachable, Soft))),
            (icmpv4::UNREACHABLE, 1 | 12) => (IcmpError::HostUnreachable, Some((E::HostUnreachable, Soft))),
            (icmpv4::UNREACHABLE, 2) => (IcmpError::ProtocolUnreachable, Some((E::ProtocolUnreachable, Hard))),
            (icmpv4::UNREACHABLE, 3) => (IcmpError::PortUnreachable, Some((E::Refused, Hard))),
            (icmpv4::UNREACHABLE, 4) => {
                (IcmpError::PacketTooBig(message.rest & 0xffff), Some((E::MessageTooLong, Soft)))
            }
            (icmpv4::UNREACHABLE, 6) => (IcmpError::NetUnreachable, Some((E::NetUnreachable, Hard))),
            (icmpv4::UNREACHABLE, 7 | 8) => (IcmpError::HostUnreachable, Some((E::HostUnreachable, Hard))),
            (icmpv4::UNREACHABLE, 9 | 10 | 13..=15) => (IcmpError::AdminProhibited, Some((E::Prohibited, Hard))),
            (icmpv4::UNREACHABLE, _) => (IcmpError::Other, None),
            (icmpv4::TIME_EXCEEDED, _) => (IcmpError::Other, Some((E::HostUnreachable, Soft))),
            (icmpv4::PARAMETER_PROBLEM, _) => (IcmpError::Other, Some((E::Protocol, Hard))),
            _ => return None,
        };
        let quoted = ipv4::Packet::parse_quoted(message.payload).ok().filter(|quoted| quoted.fragment_offset() == 0)?;
        let (src, dst) = (quoted.src().into(), quoted.dst().into());
        let (protocol, transport, bytes) = (quoted.protocol(), quoted.payload(), quoted.bytes());
        let quoted = Quoted { src, dst, protocol, transport, bytes };
        let info = match message.kind {
            icmpv4::PARAMETER_PROBLEM => message.rest >> 24,
            _ => allowed(error),
        };
        Some(Report { error, socket, quoted, message: (message.kind, message.code), info })
    }

    /// The same of ICMPv6 (RFC 4443 §3). Types that are not known are passed up too (§2.4 (a)).
    pub(crate) fn parse_v6(message: &icmpv6::Message<'a>) -> Option<Report<'a>> {
        use Certainty::{Hard, Soft};
        use SocketError as E;
        let (error, socket) = match (message.kind, message.code) {
            (icmpv6::UNREACHABLE, unreachable::NO_ROUTE) => {
                (IcmpError::NetUnreachable, Some((E::NetUnreachable, Soft)))
            }
            (icmpv6::UNREACHABLE, unreachable::PROHIBITED | unreachable::POLICY | unreachable::REJECT) => {
                (IcmpError::AdminProhibited, Some((E::Prohibited, Hard)))
            }
            (icmpv6::UNREACHABLE, unreachable::BEYOND_SCOPE | unreachable::ADDRESS) => {
                (IcmpError::HostUnreachable, Some((E::HostUnreachable, Soft)))
            }
            (icmpv6::UNREACHABLE, unreachable::PORT) => (IcmpError::PortUnreachable, Some((E::Refused, Hard))),
            (icmpv6::UNREACHABLE, _) => (IcmpError::Other, None),
            (icmpv6::PACKET_TOO_BIG, _) => (IcmpError::PacketTooBig(message.rest), Some((E::MessageTooLong, Soft))),
            (icmpv6::TIME_EXCEEDED, _) => (IcmpError::Other, Some((E::HostUnreachable, Soft))),
            (icmpv6::PARAMETER_PROBLEM, icmpv6::parameter::NEXT_HEADER) => {
                (IcmpError::ProtocolUnreachable, Some((E::Protocol, Hard)))
            }
            (icmpv6::PARAMETER_PROBLEM, _) => (IcmpError::Other, Some((E::Protocol, Hard))),
            (kind, _) if icmpv6::is_error(kind) => (IcmpError::Other, Some((E::Protocol, Hard))),
            _ => return None,
        };
        let packet = ipv6::Packet::parse_quoted(message.payload).ok()?;
        let (protocol, at) = ipv6::upper(&packet)?;
        let (src, dst) = (packet.src().into(), packet.dst().into());
        let bytes = packet.bytes();
        let quoted = Quoted { src, dst, protocol, transport: &bytes[at..], bytes };
        Some(Report { error, socket, quoted, message: (message.kind, message.code), info: message.rest })
    }
}

/// The MTU that an error names.
fn allowed(error: IcmpError) -> u32 {
    if let IcmpError::PacketTooBig(mtu) = error { mtu } else { 0 }
}
