//! ICMP (RFC 792, RFC 1122 §3.2.2): which errors are sent, how often, and what errors that arrive mean.
//!
//! What happens to ICMP messages that arrive is in `stack::icmp`.

mod limit;

pub(crate) use limit::Limiter;

use crate::socket::SocketError;
use crate::tcp::seam::IcmpError;
use crate::wire::icmpv4::{self, Message, unreachable};
use crate::wire::ipv4::{self, Packet};

/// Bytes of an error message at most, IP header included: every host takes as many (RFC 1812 §4.3.2.3).
const MAX_ERROR: usize = 576;

/// An error message to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ErrorMessage {
    pub(crate) kind: u8,
    pub(crate) code: u8,
    /// The second word.
    pub(crate) rest: u32,
}

impl ErrorMessage {
    pub(crate) const PORT_UNREACHABLE: ErrorMessage = ErrorMessage::unreachable(unreachable::PORT);
    pub(crate) const PROTOCOL_UNREACHABLE: ErrorMessage = ErrorMessage::unreachable(unreachable::PROTOCOL);
    pub(crate) const HOST_UNREACHABLE: ErrorMessage = ErrorMessage::unreachable(unreachable::HOST);
    pub(crate) const NET_UNREACHABLE: ErrorMessage = ErrorMessage::unreachable(unreachable::NET);
    pub(crate) const REASSEMBLY_TIME_EXCEEDED: ErrorMessage =
        ErrorMessage { kind: icmpv4::TIME_EXCEEDED, code: icmpv4::REASSEMBLY_TIME_EXCEEDED, rest: 0 };
    pub(crate) const TTL_EXCEEDED: ErrorMessage =
        ErrorMessage { kind: icmpv4::TIME_EXCEEDED, code: icmpv4::TTL_EXCEEDED, rest: 0 };

    const fn unreachable(code: u8) -> ErrorMessage {
        ErrorMessage { kind: icmpv4::UNREACHABLE, code, rest: 0 }
    }

    /// The packet must not be fragmented and is too long for a link of this MTU (RFC 1191 §4).
    pub(crate) fn fragmentation_needed(mtu: usize) -> ErrorMessage {
        ErrorMessage { rest: mtu as u32, ..ErrorMessage::unreachable(unreachable::FRAGMENTATION_NEEDED) }
    }

    /// The byte at `at` of the header makes no sense.
    pub(crate) fn parameter_problem(at: usize) -> ErrorMessage {
        ErrorMessage { kind: icmpv4::PARAMETER_PROBLEM, code: 0, rest: (at as u32) << 24 }
    }

    /// Packets to the host should go by `gateway`.
    pub(crate) fn redirect(gateway: core::net::Ipv4Addr) -> ErrorMessage {
        ErrorMessage { kind: icmpv4::REDIRECT, code: icmpv4::REDIRECT_HOST, rest: gateway.to_bits() }
    }
}

/// May an error be sent about this packet, as far as the packet itself says (RFC 1122 §3.2.2)?
pub(crate) fn may_report(packet: &Packet<'_>) -> bool {
    let about_error =
        packet.protocol() == ipv4::ICMP && packet.payload().first().is_none_or(|kind| icmpv4::is_error(*kind));
    packet.fragment_offset() == 0 && !about_error && crate::ip::is_unicast(packet.src())
}

/// What an error about `packet` quotes of it.
pub(crate) fn quote<'a>(packet: &Packet<'a>) -> &'a [u8] {
    let most = MAX_ERROR - ipv4::HEADER_LEN - icmpv4::HEADER_LEN;
    &packet.bytes()[..packet.bytes().len().min(most)]
}

/// An error that arrived about a packet of ours.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Report<'a> {
    pub(crate) error: IcmpError,
    /// For datagram sockets: what to tell them, and is it beyond doubt (Linux icmp_err_convert's `fatal`)?
    pub(crate) socket: Option<(SocketError, Certainty)>,
    /// Our packet, as far as it was quoted.
    pub(crate) quoted: Packet<'a>,
    /// The message's type and code.
    pub(crate) message: (u8, u8),
    /// The MTU that a router allows, in bytes; 0 where none is said.
    pub(crate) mtu: u32,
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
    /// Reads an error message; None if it is none, or one that is ignored (redirects and source quenches, RFC 6633).
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
        let quoted = Packet::parse_quoted(message.payload).ok()?;
        let mtu = if let IcmpError::PacketTooBig(mtu) = error { mtu } else { 0 };
        Some(Report { error, socket, quoted, message: (message.kind, message.code), mtu })
    }
}

#[cfg(test)]
mod tests;
