//! An IPv6 packet and its extension headers (RFC 8200 §4).

use core::net::Ipv6Addr;

use super::{Arrival, Refusal};
use crate::icmp::Complaint;
use crate::iface::LOOPBACK;
use crate::ip::{Cast, Flaw, Fragment, Received, Whole};
use crate::link::IfIndex;
use crate::stack::Stack;
use crate::time::Instant;
use crate::wire::ipv6::{self, Extension, Extensions, Unrecognized};

/// Options that one options header may have (RFC 8504 §5.3); Linux's max_dst_opts_number and max_hbh_opts_number.
const MAX_OPTIONS: usize = 8;
/// Extension headers that one packet may have. RFC 8200 knows four, of which one may come twice.
const MAX_EXTENSIONS: usize = 8;

/// A packet that is for us.
#[derive(Clone, Copy)]
struct Accepted<'p, 'a> {
    arrival: Arrival,
    cast: Cast,
    /// The interface that its addresses are of.
    on: IfIndex,
    packet: &'p ipv6::Packet<'a>,
}

impl<'a> Accepted<'_, 'a> {
    /// As the transport gets it.
    fn received(&self, upper: &Extensions<'a>) -> Received<'a> {
        Received {
            cast: self.cast,
            checksum_good: self.arrival.checksum_good,
            segment_size: self.arrival.segment_size,
            link: self.arrival.link,
            ..Received::v6(self.packet, upper, self.on)
        }
    }
}

/// How the walk along the extension headers ended.
enum Walk<'a> {
    /// At the upper-layer header.
    Upper(Extensions<'a>),
    /// At a fragment header.
    Fragment(Extension<'a>),
    /// The packet is dropped, and what is said of it to the sender.
    Discard(Option<Complaint>),
}

impl Stack {
    /// Takes an IPv6 packet.
    pub(super) fn input_v6(&mut self, now: Instant, arrival: Arrival, bytes: &[u8]) {
        let outcome = match ipv6::Packet::parse(bytes) {
            Ok(packet) if self.is_to_forward_v6(arrival, &packet) => return self.forward_v6(now, arrival, &packet),
            Ok(packet) => self.accept_v6(arrival, &packet).map(|cast| (packet, cast)),
            Err(_) => Err(Refusal::Malformed),
        };
        self.count(arrival, bytes.len(), outcome.as_ref().err());
        let Ok((packet, cast)) = outcome else { return };
        let on = self.ip.zone_of(packet.dst().into(), arrival.on);
        let accepted = Accepted { arrival, cast, on, packet: &packet };
        match walk(&packet) {
            Walk::Upper(upper) => self.deliver(now, &accepted.received(&upper)),
            Walk::Discard(complaint) => self.complain(now, &accepted, complaint),
            Walk::Fragment(extension) => self.input_fragment(now, &accepted, &extension),
        }
    }

    fn complain(&mut self, now: Instant, accepted: &Accepted<'_, '_>, complaint: Option<Complaint>) {
        self.count_error(accepted.arrival.on);
        if let Some(complaint) = complaint {
            self.refuse(now, &accepted.received(&accepted.packet.extensions()), complaint);
        }
    }

    fn input_fragment(&mut self, now: Instant, accepted: &Accepted<'_, '_>, extension: &Extension<'_>) {
        let Accepted { arrival, packet, .. } = *accepted;
        let header = ipv6::fragment(extension.bytes);
        // RFC 7112 §5: the first fragment has all headers.
        if header.offset == 0 && header.more && !has_whole_chain(packet) {
            return self.complain(now, accepted, Some(Complaint::IncompleteChain));
        }
        let fragment = Fragment::v6(packet, extension);
        // RFC 6946 §4: an atomic fragment is a packet of its own, whatever else has its identification.
        let whole = if header.offset == 0 && !header.more {
            Ok(Some(Whole { bytes: fragment.alone(), longest: packet.bytes().len() as u16 }))
        } else {
            self.ip.reassembly.insert(now, arrival.on, &fragment, &mut *self.pool)
        };
        match whole {
            Ok(Some(whole)) => self.input_reassembled(now, accepted, &whole),
            Ok(None) => {}
            Err(flaw) => {
                let field = match flaw {
                    Flaw::Length => 4, // The payload length field of the fixed header.
                    Flaw::Offset => (extension.at + 2) as u32,
                };
                self.complain(now, accepted, Some(Complaint::Field(field)));
            }
        }
    }

    /// Takes the packet that fragments carried, of which `last` was the last to come.
    fn input_reassembled(&mut self, now: Instant, last: &Accepted<'_, '_>, whole: &Whole) {
        let Ok(packet) = ipv6::Packet::parse(&whole.bytes) else { return };
        // A link that vouches for fragments vouches for what they carry only if it has seen all of it.
        let arrival = Arrival { checksum_good: last.arrival.looped, ..last.arrival };
        let accepted = Accepted { arrival, cast: last.cast, on: last.on, packet: &packet };
        match walk(&packet) {
            Walk::Upper(upper) => {
                self.deliver(now, &Received { fragment_size: whole.longest, ..accepted.received(&upper) });
            }
            Walk::Discard(complaint) => self.complain(now, &accepted, complaint),
            Walk::Fragment(_) => self.count_error(arrival.on), // A fragment in a fragment: nobody honest makes it.
        }
    }

    /// Is the packet for us, and can it be what it claims to be?
    fn accept_v6(&self, arrival: Arrival, packet: &ipv6::Packet<'_>) -> Result<Cast, Refusal> {
        let (src, dst) = (packet.src(), packet.dst());
        let interfaces = &self.ip.interfaces;
        // RFC 4291 §2.5.2, §2.5.3, §2.7: what can be no source, no destination, or neither on a link.
        let mapped = |addr: Ipv6Addr| addr.to_ipv4_mapped().is_some();
        let impossible = src.is_multicast() || dst.is_unspecified() || mapped(src) || mapped(dst);
        let forged = !arrival.looped
            && (src.is_loopback() || dst.is_loopback() || self.is_our_source(src, arrival.on) || interface_local(dst));
        if impossible || forged {
            return Err(Refusal::Malformed);
        }
        if dst.is_multicast() {
            let joined = interfaces.get(arrival.on).is_some_and(|interface| interface.in_group(dst.into()));
            return if joined { Ok(Cast::Many) } else { Err(Refusal::NotForUs) };
        }
        let ours = match arrival.on {
            LOOPBACK => interfaces.is_local(dst),
            on if dst.is_unicast_link_local() => interfaces.owner(dst.into(), Some(on)).is_some(),
            _ => interfaces.owner(dst.into(), None).is_some(),
        };
        // A packet for one host in a frame for all is dropped, as RFC 1122 §3.3.6 says for IPv4.
        let strange = !arrival.unicast || src.is_unspecified();
        match ours {
            _ if strange => Err(Refusal::NotForUs),
            true => Ok(Cast::Unicast),
            false if interfaces.anycast_owner(dst, Some(arrival.on)).is_some() => Ok(Cast::Anycast),
            false => Err(Refusal::NotForUs),
        }
    }

    /// Nobody else sends from our addresses. What is only being tried may be another's.
    fn is_our_source(&self, src: Ipv6Addr, on: IfIndex) -> bool {
        self.ip.interfaces.owner(src.into(), src.is_unicast_link_local().then_some(on)).is_some()
            && !self.ndp.trials.contains_key(&(on, src))
    }
}

fn interface_local(dst: Ipv6Addr) -> bool {
    dst.is_multicast() && dst.octets()[1] & 15 <= 1
}

/// RFC 8200 §4: the extension headers in their order, up to the upper layer or a fragment header.
fn walk<'a>(packet: &ipv6::Packet<'a>) -> Walk<'a> {
    let mut extensions = packet.extensions();
    for count in 0.. {
        let extension = match extensions.advance() {
            Ok(Some(extension)) if count < MAX_EXTENSIONS => extension,
            Ok(None) => break,
            Ok(Some(_)) | Err(_) => return Walk::Discard(None),
        };
        let complaint = match extension.kind {
            // §4.3: only directly behind the fixed header.
            ipv6::HOP_BY_HOP if count > 0 => Some(Complaint::NextHeader(extension.kind_at as u32)),
            ipv6::HOP_BY_HOP | ipv6::DESTINATION_OPTIONS => match check_options(&extension) {
                Ok(()) => None,
                Err(complaint) => return Walk::Discard(complaint),
            },
            // RFC 5095 §3: type 0 is not known any more; nor is any other (§4.4).
            ipv6::ROUTING if extension.bytes[3] != 0 => Some(Complaint::Field((extension.at + 2) as u32)),
            ipv6::FRAGMENT => return Walk::Fragment(extension),
            _ => None,
        };
        if let Some(complaint) = complaint {
            return Walk::Discard(Some(complaint));
        }
    }
    Walk::Upper(extensions)
}

/// RFC 8200 §4.2: what is to be done with options that we do not know.
pub(in crate::stack) fn check_options(extension: &Extension<'_>) -> Result<(), Option<Complaint>> {
    for (count, option) in ipv6::options(extension.bytes).enumerate() {
        let Ok(option) = option else { return Err(None) };
        if count >= MAX_OPTIONS {
            return Err(None);
        }
        if option.kind == ipv6::ROUTER_ALERT && extension.kind == ipv6::HOP_BY_HOP {
            continue;
        }
        let pointer = (extension.at + option.at) as u32;
        match option.unrecognized() {
            Unrecognized::Skip => {}
            Unrecognized::Discard => return Err(None),
            Unrecognized::Report => return Err(Some(Complaint::Option { pointer, also_to_groups: true })),
            Unrecognized::ReportUnicast => return Err(Some(Complaint::Option { pointer, also_to_groups: false })),
        }
    }
    Ok(())
}

/// RFC 7112 §3: the upper-layer header begins in the first fragment, and is all there as far as we know it.
fn has_whole_chain(packet: &ipv6::Packet<'_>) -> bool {
    let Some((protocol, at)) = ipv6::upper(packet) else { return false };
    let least = match protocol {
        crate::wire::ipv4::TCP => 20,
        crate::wire::ipv4::UDP | ipv6::ICMPV6 => 8,
        _ => 0,
    };
    packet.bytes().len() >= at + least
}
