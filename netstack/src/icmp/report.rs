//! What an error that arrives means.

use core::net::IpAddr;

use crate::datagram::Extensions;
use crate::socket::SocketError;
use crate::wire::icmpv4::{self, Message};
use crate::wire::icmpv6::{self, unreachable};
use crate::wire::{be16, icmp_extensions, ipv4, ipv6};

/// An error that arrived about a packet of ours.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Report<'a> {
    /// What to tell the socket, and is it beyond doubt (Linux: icmp_err_convert, icmpv6_err_convert())?
    pub(crate) error: SocketError,
    pub(crate) certainty: Certainty,
    /// Our packet, as far as it was quoted.
    pub(crate) quoted: Quoted<'a>,
    /// The message's type and code.
    pub(crate) message: (u8, u8),
    /// What the message says besides: the MTU that a router allows, or where in the packet the problem is; of IPv6 whatever is
    /// there, as Linux tells it.
    pub(crate) info: u32,
    /// RFC 4884 §4: bytes of what the message quotes, behind which extensions may follow; 0: it does not say.
    pub(crate) quoted_len: usize,
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
        let (error, certainty) = match (message.kind, message.code) {
            (icmpv4::UNREACHABLE, 0 | 11) => (E::NetUnreachable, Soft),
            (icmpv4::UNREACHABLE, 1 | 12) => (E::HostUnreachable, Soft),
            (icmpv4::UNREACHABLE, 2) => (E::ProtocolUnreachable, Hard),
            (icmpv4::UNREACHABLE, 3) => (E::Refused, Hard),
            (icmpv4::UNREACHABLE, 4) => (E::MessageTooLong, Soft),
            (icmpv4::UNREACHABLE, 5) => (E::SourceRouteFailed, Hard),
            (icmpv4::UNREACHABLE, 6 | 9) => (E::NetUnreachable, Hard),
            (icmpv4::UNREACHABLE, 7) => (E::HostUnknown, Hard),
            (icmpv4::UNREACHABLE, 8) => (E::SourceIsolated, Hard),
            (icmpv4::UNREACHABLE, 10 | 13..=15) => (E::HostUnreachable, Hard),
            (icmpv4::TIME_EXCEEDED, icmpv4::REASSEMBLY_TIME_EXCEEDED) => return None,
            (icmpv4::TIME_EXCEEDED, _) => (E::HostUnreachable, Soft),
            (icmpv4::PARAMETER_PROBLEM, _) => (E::Protocol, Hard),
            _ => return None,
        };
        let quoted = ipv4::Packet::parse_quoted(message.payload).ok().filter(|quoted| quoted.fragment_offset() == 0)?;
        let (src, dst) = (quoted.src().into(), quoted.dst().into());
        let (protocol, transport, bytes) = (quoted.protocol(), quoted.payload(), quoted.bytes());
        let quoted = Quoted { src, dst, protocol, transport, bytes };
        let info = match error {
            E::Protocol => message.rest >> 24,
            E::MessageTooLong => message.rest & 0xffff,
            _ => 0,
        };
        let quoted_len = usize::from((message.rest >> 16) as u8) * 4;
        Some(Report { error, certainty, quoted, message: (message.kind, message.code), info, quoted_len })
    }

    /// The same of ICMPv6 (RFC 4443 §3). Types that are not known are passed up too (§2.4 (a)).
    pub(crate) fn parse_v6(message: &icmpv6::Message<'a>) -> Option<Report<'a>> {
        use Certainty::{Hard, Soft};
        use SocketError as E;
        let (error, certainty) = match (message.kind, message.code) {
            (icmpv6::UNREACHABLE, unreachable::NO_ROUTE) => (E::NetUnreachable, Soft),
            (icmpv6::UNREACHABLE, unreachable::PROHIBITED | unreachable::POLICY | unreachable::REJECT) => {
                (E::Prohibited, Hard)
            }
            (icmpv6::UNREACHABLE, unreachable::BEYOND_SCOPE | unreachable::ADDRESS) => (E::HostUnreachable, Soft),
            (icmpv6::UNREACHABLE, unreachable::PORT) => (E::Refused, Hard),
            (icmpv6::PACKET_TOO_BIG, _) => (E::MessageTooLong, Soft),
            (icmpv6::TIME_EXCEEDED, _) => (E::HostUnreachable, Soft),
            (kind, _) if icmpv6::is_error(kind) => (E::Protocol, Hard),
            _ => return None,
        };
        let packet = ipv6::Packet::parse_quoted(message.payload).ok()?;
        let (protocol, at) = ipv6::upper(&packet)?;
        let (src, dst) = (packet.src().into(), packet.dst().into());
        let bytes = packet.bytes();
        let quoted = Quoted { src, dst, protocol, transport: &bytes[at..], bytes };
        let quoted_len = match message.kind {
            icmpv6::UNREACHABLE | icmpv6::TIME_EXCEEDED => (message.rest >> 24) as usize * 8,
            _ => 0,
        };
        Some(Report { error, certainty, quoted, message: (message.kind, message.code), info: message.rest, quoted_len })
    }

    /// Where extensions begin, in a part of what is quoted that goes to its end.
    pub(crate) fn extensions(&self, part: &[u8]) -> Option<Extensions> {
        /// RFC 4884 §4: what is quoted is padded to so many bytes.
        const LEAST: usize = 128;
        let before = self.quoted.bytes.len() - part.len();
        let at = self.quoted_len.checked_sub(before).filter(|_| self.quoted_len >= LEAST)?;
        let extensions = part.get(at..).filter(|bytes| bytes.len() >= icmp_extensions::HEADER_LEN)?;
        Some(Extensions { at: at as u16, whole: icmp_extensions::are_whole(extensions) })
    }

    /// What a router allows on its next link, if the packet was too long for that; 0 if it does not say.
    pub(crate) fn allowed(&self) -> Option<u32> {
        (self.error == SocketError::MessageTooLong).then_some(self.info)
    }
}
