//! ICMP in both families (RFC 792, RFC 1122 §3.2.2, RFC 4443): which errors are sent, how often, and what errors that
//! arrive mean.
//!
//! What happens to messages that arrive is in `stack::control`.

mod limit;
mod report;

pub(crate) use limit::Limiter;
pub(crate) use report::{Certainty, Report};

use core::net::{IpAddr, Ipv4Addr};

use crate::ip::Received;
use crate::wire::icmpv4::{self, unreachable};
use crate::wire::icmpv6::{self, parameter};
use crate::wire::{ipv4, ipv6};

/// Bytes of an IPv4 error message at most, IP header included: every host takes as many (RFC 1812 §4.3.2.3).
const MAX_ERROR: usize = 576;

/// What is wrong with a packet, to be said to its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Complaint {
    /// Nobody listens on its port.
    NobodyAtPort,
    /// Nobody speaks its protocol.
    UnknownProtocol,
    /// The next hop does not answer.
    NoAnswer,
    /// Fragments of it did not all come in time.
    ReassemblyTime,
    /// Its time to live, or hop limit, ended here.
    HopLimit,
    /// There is no route to its destination.
    NoRoute,
    /// IPv6: it would leave the only link that its source address means anything on.
    BeyondScope,
    /// It must not be fragmented here and is too long for a link of this MTU.
    TooLong(usize),
    /// IPv4: the byte at this offset of its header makes no sense.
    HeaderByte(usize),
    /// IPv4: packets to its destination should go by this gateway.
    Redirect(Ipv4Addr),
    /// IPv6: the field at this offset has a value that cannot be.
    Field(u32),
    /// IPv6: the next header field at this offset names one that is not known, or not here.
    NextHeader(u32),
    /// IPv6: the option at this offset is not known and asks for this.
    Option {
        pointer: u32,
        /// Said also if the packet was sent to a group.
        also_to_groups: bool,
    },
    /// IPv6: the first fragment does not have all headers.
    IncompleteChain,
}

/// An error message to be sent: type, code, and the second word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ErrorMessage {
    pub(crate) kind: u8,
    pub(crate) code: u8,
    pub(crate) rest: u32,
}

impl Complaint {
    /// How it is said about `packet`; `None` if its family has no words for it.
    pub(crate) fn message(self, packet: &Received<'_>) -> Option<ErrorMessage> {
        let v6 = packet.dst.is_ipv6();
        let (kind, code, rest) = match self {
            Complaint::NobodyAtPort if v6 => (icmpv6::UNREACHABLE, icmpv6::unreachable::PORT, 0),
            Complaint::NobodyAtPort => (icmpv4::UNREACHABLE, unreachable::PORT, 0),
            Complaint::UnknownProtocol if v6 => {
                (icmpv6::PARAMETER_PROBLEM, parameter::NEXT_HEADER, packet.protocol_at as u32)
            }
            Complaint::UnknownProtocol => (icmpv4::UNREACHABLE, unreachable::PROTOCOL, 0),
            Complaint::NoAnswer if v6 => (icmpv6::UNREACHABLE, icmpv6::unreachable::ADDRESS, 0),
            Complaint::NoAnswer => (icmpv4::UNREACHABLE, unreachable::HOST, 0),
            Complaint::ReassemblyTime if v6 => (icmpv6::TIME_EXCEEDED, icmpv6::REASSEMBLY_TIME_EXCEEDED, 0),
            Complaint::ReassemblyTime => (icmpv4::TIME_EXCEEDED, icmpv4::REASSEMBLY_TIME_EXCEEDED, 0),
            Complaint::HopLimit if v6 => (icmpv6::TIME_EXCEEDED, icmpv6::HOP_LIMIT_EXCEEDED, 0),
            Complaint::HopLimit => (icmpv4::TIME_EXCEEDED, icmpv4::TTL_EXCEEDED, 0),
            Complaint::NoRoute if v6 => (icmpv6::UNREACHABLE, icmpv6::unreachable::NO_ROUTE, 0),
            Complaint::NoRoute => (icmpv4::UNREACHABLE, unreachable::NET, 0),
            Complaint::TooLong(mtu) if v6 => (icmpv6::PACKET_TOO_BIG, 0, mtu as u32),
            // RFC 1191 §4.
            Complaint::TooLong(mtu) => (icmpv4::UNREACHABLE, unreachable::FRAGMENTATION_NEEDED, mtu as u32),
            Complaint::HeaderByte(_) | Complaint::Redirect(_) if v6 => return None,
            Complaint::HeaderByte(at) => (icmpv4::PARAMETER_PROBLEM, 0, (at as u32) << 24),
            Complaint::Redirect(gateway) => (icmpv4::REDIRECT, icmpv4::REDIRECT_HOST, gateway.to_bits()),
            _ if !v6 => return None,
            Complaint::BeyondScope => (icmpv6::UNREACHABLE, icmpv6::unreachable::BEYOND_SCOPE, 0),
            Complaint::Field(pointer) => (icmpv6::PARAMETER_PROBLEM, parameter::FIELD, pointer),
            Complaint::NextHeader(pointer) => (icmpv6::PARAMETER_PROBLEM, parameter::NEXT_HEADER, pointer),
            Complaint::Option { pointer, .. } => (icmpv6::PARAMETER_PROBLEM, parameter::OPTION, pointer),
            Complaint::IncompleteChain => (icmpv6::PARAMETER_PROBLEM, parameter::INCOMPLETE_CHAIN, 0),
        };
        Some(ErrorMessage { kind, code, rest })
    }

    /// RFC 4443 §2.4 (e.3): errors about packets to groups are not sent but for this.
    pub(crate) fn also_to_groups(self) -> bool {
        matches!(self, Complaint::Option { also_to_groups: true, .. })
    }
}

/// May an error be sent about this packet, as far as the packet itself says (RFC 1122 §3.2.2, RFC 4443 §2.4 (e))?
pub(crate) fn may_report(packet: &Received<'_>) -> bool {
    let kind = packet.payload.first().copied();
    let about_error = match packet.protocol {
        ipv4::ICMP if packet.src.is_ipv4() => kind.is_none_or(icmpv4::is_error),
        ipv6::ICMPV6 if packet.src.is_ipv6() => {
            kind.is_none_or(|kind| icmpv6::is_error(kind) || kind == icmpv6::REDIRECT)
        }
        _ => false,
    };
    let later_fragment = match packet.src {
        IpAddr::V4(_) => ipv4::Packet::parse_quoted(packet.bytes).is_ok_and(|packet| packet.fragment_offset() != 0),
        IpAddr::V6(_) => false,
    };
    !later_fragment && !about_error && crate::ip::is_unicast(packet.src)
}

/// What an error about `packet` quotes of it.
pub(crate) fn quote<'a>(packet: &Received<'a>) -> &'a [u8] {
    let most = match packet.src {
        IpAddr::V4(_) => MAX_ERROR - ipv4::HEADER_LEN - icmpv4::HEADER_LEN,
        // RFC 4443 §2.4 (c): as much as fits the smallest MTU.
        IpAddr::V6(_) => ipv6::MIN_MTU - ipv6::HEADER_LEN - icmpv6::HEADER_LEN,
    };
    &packet.bytes[..packet.bytes.len().min(most)]
}

#[cfg(test)]
mod tests;
