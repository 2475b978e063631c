//! Frames that get past the first check: the lengths and checksums are right, the rest is arbitrary.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use arbitrary::Arbitrary;
use etherparse::PacketBuilder;
use netstack::wire::checksum::Sum;
use netstack::wire::{arp, dhcp, icmpv4, icmpv6, mld, ndp, udp};

use super::extended::{Extended, Optioned};
use super::said::{Dhcpv6, Offer, Query};
use super::world::{MAC, PEER_MAC, Seen};

/// Ports that programs and strangers choose from: few, so that they meet.
pub const PORTS: [u16; 4] = [80, 7, 5353, 40000];

/// A frame from a stranger on the link.
#[derive(Arbitrary, Debug)]
pub enum Frame {
    /// Bytes.
    Raw(Vec<u8>),
    Tcp(Tcp),
    Udp {
        v6: bool,
        from: u8,
        to: u8,
        len: u16,
    },
    /// An ICMP or ICMPv6 message; `quote`: with the packet that the stack sent last. One of MLD is about a group that `rest`
    /// chooses.
    Icmp {
        v6: bool,
        kind: u8,
        code: u8,
        rest: [u8; 4],
        quote: bool,
        payload: Vec<u8>,
    },
    /// A packet of any protocol, perhaps a fragment, with options or extension headers in `payload`.
    Ip {
        v6: bool,
        to: u8,
        protocol: u8,
        identification: u8,
        offset: u8,
        more: bool,
        len: u16,
        payload: Vec<u8>,
    },
    Arp {
        reply: bool,
        from: u8,
        about: u8,
    },
    /// An IGMP message.
    Igmp(Vec<u8>),
    /// What a DHCP server says to the question that was asked last.
    Dhcp {
        kind: u8,
        options: Vec<(u8, Vec<u8>)>,
    },
    Dhcpv6(Dhcpv6),
    Offer(Offer),
    Query(Query),
    Extended(Extended),
    Optioned(Optioned),
}

/// A segment, told by how it differs from what the stack expects.
#[derive(Arbitrary, Debug)]
pub struct Tcp {
    pub v6: bool,
    /// Which of the connections that were seen; beyond them, none.
    pub flow: u8,
    pub from: u8,
    pub to: u8,
    pub seq: i16,
    pub ack: i16,
    pub flags: u8,
    pub window: u16,
    pub urgent: u16,
    pub options: Vec<u8>,
    /// Timestamps that go on from those seen.
    pub stamps: Option<(i8, i8)>,
    pub len: u16,
}

/// The stranger's addresses.
pub const PEER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
pub const PEER6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2);
/// And on the link alone.
const NEIGHBOR: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2);
/// The stack's.
pub const OURS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
pub const OURS6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1);

impl Frame {
    /// The frame's bytes.
    pub fn build(self, seen: &Seen) -> Vec<u8> {
        match self {
            Frame::Raw(bytes) => bytes,
            Frame::Dhcpv6(message) => message.build(seen),
            Frame::Offer(offer) => offer.build(),
            Frame::Query(query) => query.build(),
            Frame::Extended(packet) => packet.build(),
            Frame::Optioned(packet) => packet.build(),
            Frame::Tcp(segment) => segment.build(seen),
            Frame::Udp { v6, from, to, len } => {
                let mut out = Vec::new();
                let (from, payload) = (port(from), text(len));
                let builder = PacketBuilder::ethernet2(PEER_MAC.0, MAC.0);
                let builder = match v6 {
                    false => builder.ipv4(PEER.octets(), OURS.octets(), 64),
                    true => builder.ipv6(PEER6.octets(), OURS6.octets(), 64),
                };
                builder.udp(from, port(to)).write(&mut out, &payload).expect("a vector takes all");
                out
            }
            Frame::Icmp { v6, kind, code, rest, quote, payload } => {
                let quoted = if quote { seen.last_packet(v6) } else { &[] };
                let body = [&payload[..], quoted].concat();
                let body = &body[..body.len().min(1400)];
                let about = if v6 && icmpv6::is_about_groups(kind) {
                    group_asked_for(rest[3]).octets().to_vec()
                } else {
                    Vec::new()
                };
                let message = [&[kind, code, 0, 0], &rest[..], &about, body].concat();
                if v6 { message_v6(kind, message) } else { icmpv4(message) }
            }
            Frame::Ip { v6: false, to, protocol, identification, offset, more, len, payload } => {
                let body = [payload, text(len)].concat();
                ipv4(addr(to), protocol, u16::from(identification), u16::from(offset), more, &body)
            }
            Frame::Ip { v6: true, to, protocol, identification, offset, more, len, payload } => {
                let body = [payload, text(len)].concat();
                let word = u16::from(offset) << 3 | u16::from(more);
                let fragment = [&[protocol, 0], &word.to_be_bytes()[..], &[0, 0, 0, identification]].concat();
                let plain = offset == 0 && !more && identification == 0;
                let body = if plain { body } else { [fragment, body].concat() };
                ipv6(addr6(to), if plain { protocol } else { 44 }, 255, &body)
            }
            Frame::Arp { reply, from, about } => {
                let operation = if reply { arp::Operation::Reply } else { arp::Operation::Request };
                let (sender, target) = (addr(from), addr(about));
                let packet = arp::Packet { operation, sender_mac: PEER_MAC, sender, target_mac: MAC, target };
                ethernet(0x0806, &packet.emit())
            }
            Frame::Igmp(mut message) => {
                message.truncate(1400);
                if message.len() >= 4 {
                    icmpv4::fill_checksum(&mut message);
                }
                ipv4(Ipv4Addr::new(224, 0, 0, 1), 2, 0, 0, false, &[&message[..]].concat())
            }
            Frame::Dhcp { kind, options } => {
                let kinds = [dhcp::Kind::Offer, dhcp::Kind::Ack, dhcp::Kind::Nak];
                let options: Vec<_> = options.iter().take(16).map(|(number, value)| (*number, &value[..])).collect();
                let message = dhcp::MessageOut {
                    kind: kinds[usize::from(kind) % kinds.len()],
                    xid: seen.dhcp_xid,
                    secs: 0,
                    broadcast: false,
                    ciaddr: Ipv4Addr::UNSPECIFIED,
                    yiaddr: Ipv4Addr::new(10, 0, 0, 77),
                    mac: MAC,
                    options: &options,
                };
                let mut out = Vec::new();
                let builder = PacketBuilder::ethernet2(PEER_MAC.0, MAC.0).ipv4(PEER.octets(), [255; 4], 64);
                builder.udp(67, 68).write(&mut out, &message.emit()).expect("a vector takes all");
                out
            }
        }
    }
}

impl Tcp {
    fn build(self, seen: &Seen) -> Vec<u8> {
        let flow = seen.flows.get(usize::from(self.flow));
        let (from, to, next, expected, stamps) = match flow {
            Some(flow) => (flow.theirs, flow.ours, flow.ack, flow.next, flow.stamps),
            None => (port(self.from), port(self.to), 1000, 0, (0, 0)),
        };
        let seq = next.wrapping_add_signed(self.seq.into());
        let ack = expected.wrapping_add_signed(self.ack.into());
        let mut options = self.options;
        options.truncate(28);
        if let Some((ahead, behind)) = self.stamps {
            let value = stamps.1.wrapping_add_signed(ahead.into());
            let echo = stamps.0.wrapping_add_signed(behind.into());
            options.splice(0..0, [&[1, 1, 8, 10], &value.to_be_bytes()[..], &echo.to_be_bytes()].concat());
        }
        options.resize(options.len().next_multiple_of(4), 0);
        let payload = text(self.len);
        let mut segment = [from.to_be_bytes(), to.to_be_bytes()].concat();
        segment.extend([seq.to_be_bytes(), ack.to_be_bytes()].concat());
        segment.extend([(5 + options.len() as u8 / 4) << 4, self.flags]);
        segment.extend([self.window.to_be_bytes(), [0, 0], self.urgent.to_be_bytes()].concat());
        segment.extend(options);
        segment.extend(payload);
        let v6 = flow.map_or(self.v6, |flow| flow.v6);
        let (src, dst): (IpAddr, IpAddr) = if v6 { (PEER6.into(), OURS6.into()) } else { (PEER.into(), OURS.into()) };
        let sum = Sum::pseudo(src, dst, 6, segment.len()).bytes(&segment).finish();
        segment[16..18].copy_from_slice(&sum.to_be_bytes());
        if v6 { ipv6(OURS6, 6, 64, &segment) } else { ipv4(OURS, 6, 0, 0, false, &segment) }
    }
}

pub fn port(which: u8) -> u16 {
    PORTS[usize::from(which) % PORTS.len()]
}

fn text(len: u16) -> Vec<u8> {
    vec![b'x'; usize::from(len) % 3000]
}

/// Addresses that packets come for or are about.
pub fn addr(which: u8) -> Ipv4Addr {
    match which % 8 {
        0 => PEER,
        1 => Ipv4Addr::BROADCAST,
        2 => Ipv4Addr::new(224, 0, 0, 251),
        3 => Ipv4Addr::new(10, 0, 0, which),
        4 => Ipv4Addr::new(192, 168, 7, which),
        5 => Ipv4Addr::UNSPECIFIED,
        _ => OURS,
    }
}

pub fn addr6(which: u8) -> Ipv6Addr {
    match which % 8 {
        0 => PEER6,
        1 => Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1),
        2 => Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb),
        3 => Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, which.into()),
        4 => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, which.into()),
        _ => OURS6,
    }
}

fn ethernet(ethertype: u16, packet: &[u8]) -> Vec<u8> {
    [&MAC.0, &PEER_MAC.0, &ethertype.to_be_bytes()[..], packet].concat()
}

pub fn ipv4(dst: Ipv4Addr, protocol: u8, identification: u16, offset: u16, more: bool, body: &[u8]) -> Vec<u8> {
    ipv4_with(&[], dst, protocol, identification, offset, more, body)
}

/// With options, whole words of them.
pub fn ipv4_with(
    options: &[u8],
    dst: Ipv4Addr,
    protocol: u8,
    identification: u16,
    offset: u16,
    more: bool,
    body: &[u8],
) -> Vec<u8> {
    let mut header = etherparse::Ipv4Header {
        identification,
        dont_fragment: false,
        more_fragments: more,
        fragment_offset: etherparse::IpFragOffset::try_new(offset).expect("eight bits"),
        time_to_live: if protocol == 2 { 1 } else { 64 },
        protocol: etherparse::IpNumber(protocol),
        source: PEER.octets(),
        destination: dst.octets(),
        options: options.try_into().expect("whole words"),
        ..Default::default()
    };
    header.set_payload_len(body.len()).expect("a short one");
    header.header_checksum = header.calc_header_checksum();
    ethernet(0x0800, &[&header.to_bytes()[..], body].concat())
}

pub fn ipv6(dst: Ipv6Addr, next: u8, hop_limit: u8, body: &[u8]) -> Vec<u8> {
    let header = etherparse::Ipv6Header {
        payload_length: body.len() as u16,
        next_header: etherparse::IpNumber(next),
        hop_limit,
        source: PEER6.octets(),
        destination: dst.octets(),
        ..Default::default()
    };
    ethernet(0x86dd, &[&header.to_bytes()[..], body].concat())
}

/// A datagram with its checksum.
pub fn datagram(src: IpAddr, dst: IpAddr, (from, to): (u16, u16), payload: &[u8]) -> Vec<u8> {
    let mut out = [&udp::emit(from, to, payload.len())[..], payload].concat();
    let sum = Sum::pseudo(src, dst, 17, out.len()).bytes(&out).finish();
    out[6..8].copy_from_slice(&sum.to_be_bytes());
    out
}

/// One of a neighbour's, from its link-local address.
pub fn datagram_v6(dst: Ipv6Addr, ports: (u16, u16), payload: &[u8]) -> Vec<u8> {
    let mut frame = ipv6(dst, 17, 64, &datagram(NEIGHBOR.into(), dst.into(), ports, payload));
    frame[22..38].copy_from_slice(&NEIGHBOR.octets());
    frame
}

fn icmpv4(mut message: Vec<u8>) -> Vec<u8> {
    icmpv4::fill_checksum(&mut message);
    ipv4(OURS, 1, 0, 0, false, &message)
}

/// All groups, or one that a program may have joined, or that of our address.
pub fn group_asked_for(which: u8) -> Ipv6Addr {
    match which % 4 {
        0 => Ipv6Addr::UNSPECIFIED,
        1 => ndp::solicited_node(OURS6),
        _ => addr6(which),
    }
}

/// Neighbour discovery and MLD come from link-local addresses, to all nodes or to us, MLD with an extension header.
pub fn message_v6(kind: u8, mut message: Vec<u8>) -> Vec<u8> {
    let local = matches!(kind, 130..=137 | 143);
    let src = if local { NEIGHBOR } else { PEER6 };
    let dst = if icmpv6::is_about_groups(kind) || kind == 134 { addr6(1) } else { OURS6 };
    let sum = Sum::pseudo_v6(src, dst, 58, message.len() as u32).bytes(&message).finish();
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    let mut frame = match icmpv6::is_about_groups(kind) {
        true => ipv6(dst, 0, mld::HOP_LIMIT, &[&mld::ROUTER_ALERT[..], &message].concat()),
        false => ipv6(dst, 58, 255, &message),
    };
    frame[22..38].copy_from_slice(&src.octets());
    frame
}
