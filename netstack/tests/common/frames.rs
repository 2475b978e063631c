//! Frames made and read by hand, for scripts that play the other side.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use netstack::link::Mac;
use netstack::wire::checksum::Sum;
use netstack::wire::{arp, ethernet, icmpv4, ipv4, ipv6, udp};

/// The station that scripts play.
pub const STRANGER: Mac = Mac([2, 0, 0, 0, 0, 0x99]);

pub fn ethernet_frame(dst: Mac, src: Mac, ethertype: u16, payload: &[u8]) -> Vec<u8> {
    [&ethernet::Header { dst, src, ethertype }.emit(), payload].concat()
}

pub fn arp_frame(dst: Mac, packet: arp::Packet) -> Vec<u8> {
    ethernet_frame(dst, packet.sender_mac, ethernet::ARP, &packet.emit())
}

/// An IPv4 packet that is no fragment.
pub fn ipv4_packet(src: Ipv4Addr, dst: Ipv4Addr, protocol: u8, payload: &[u8]) -> Vec<u8> {
    [&ipv4::Header::atomic(src, dst, protocol, 64, 0).emit(payload.len()), payload].concat()
}

/// A fragment: `more` says that others follow.
pub fn fragment(
    src: Ipv4Addr,
    dst: Ipv4Addr,
    protocol: u8,
    identification: u16,
    offset: u16,
    more: bool,
    payload: &[u8],
) -> Vec<u8> {
    let header = ipv4::Header {
        identification,
        dont_fragment: false,
        more_fragments: more,
        fragment_offset: offset,
        ..ipv4::Header::atomic(src, dst, protocol, 64, 0)
    };
    [&header.emit(payload.len()), payload].concat()
}

pub fn udp_segment(src: (Ipv4Addr, u16), dst: (Ipv4Addr, u16), payload: &[u8]) -> Vec<u8> {
    let mut segment = udp::emit(src.1, dst.1, payload.len()).to_vec();
    segment.extend(payload);
    let sum = Sum::pseudo_v4(src.0, dst.0, ipv4::UDP, segment.len() as u16).bytes(&segment).finish();
    segment[6..8].copy_from_slice(&sum.to_be_bytes());
    segment
}

pub fn echo_request(identifier: u16, sequence: u16, payload: &[u8]) -> Vec<u8> {
    let rest = u32::from(identifier) << 16 | u32::from(sequence);
    [&icmpv4::emit(icmpv4::ECHO_REQUEST, 0, rest, payload), payload].concat()
}

/// The ARP packet in a frame, if it is one.
pub fn as_arp(frame: &[u8]) -> Option<arp::Packet> {
    let (header, payload) = ethernet::parse(frame).ok()?;
    (header.ethertype == ethernet::ARP).then(|| arp::Packet::parse(payload).ok())?
}

/// The IPv4 packet in a frame, if it is one.
pub fn as_ipv4(frame: &[u8]) -> Option<ipv4::Packet<'_>> {
    let (header, payload) = ethernet::parse(frame).ok()?;
    (header.ethertype == ethernet::IPV4).then(|| ipv4::Packet::parse(payload).ok())?
}

/// The ICMP message in a frame, if it is one and no fragment.
pub fn as_icmp(frame: &[u8]) -> Option<icmpv4::Message<'_>> {
    let packet = as_ipv4(frame)?;
    (packet.protocol() == ipv4::ICMP && !packet.is_fragment()).then(|| icmpv4::Message::parse(packet.payload()).ok())?
}

/// The IPv6 packet in a frame.
pub fn as_ipv6(frame: &[u8]) -> Option<ipv6::Packet<'_>> {
    let (header, payload) = ethernet::parse(frame).ok()?;
    (header.ethertype == ethernet::IPV6).then(|| ipv6::Packet::parse(payload).ok())?
}

/// What is in a packet of either family that is no fragment.
#[derive(Clone, Copy)]
pub struct Inside<'a> {
    pub src: IpAddr,
    pub dst: IpAddr,
    pub protocol: u8,
    pub bytes: &'a [u8],
}

impl Inside<'_> {
    /// Its checksum with the pseudo-header is right; ICMP of IPv4 has none with it.
    pub fn has_good_sum(&self) -> bool {
        let sum = || Sum::pseudo(self.src, self.dst, self.protocol, self.bytes.len()).bytes(self.bytes).finish();
        self.protocol == ipv4::ICMP || sum() == 0
    }
}

/// What is in the packet in a frame, if it is one and no fragment.
pub fn inside(frame: &[u8]) -> Option<Inside<'_>> {
    if let Some(packet) = as_ipv4(frame).filter(|packet| !packet.is_fragment()) {
        let (src, dst) = (packet.src().into(), packet.dst().into());
        return Some(Inside { src, dst, protocol: packet.protocol(), bytes: packet.payload() });
    }
    let packet = as_ipv6(frame)?;
    let mut extensions = packet.extensions();
    while let Some(extension) = extensions.advance().ok()? {
        if extension.kind == ipv6::FRAGMENT {
            return None;
        }
    }
    let (src, dst) = (packet.src().into(), packet.dst().into());
    Some(Inside { src, dst, protocol: extensions.kind(), bytes: extensions.rest() })
}

/// An IPv6 packet.
pub fn ipv6_packet(src: Ipv6Addr, dst: Ipv6Addr, next_header: u8, hop_limit: u8, payload: &[u8]) -> Vec<u8> {
    let header = ipv6::Header { src, dst, next_header, hop_limit, traffic_class: 0, flow_label: 0 };
    [&header.emit(payload.len())[..], payload].concat()
}

/// An IPv6 packet with a message of ICMPv6, whose checksum is filled in.
pub fn icmpv6_packet(src: Ipv6Addr, dst: Ipv6Addr, hop_limit: u8, mut message: Vec<u8>) -> Vec<u8> {
    let sum = Sum::pseudo_v6(src, dst, ipv6::ICMPV6, message.len() as u32).bytes(&message).finish();
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    ipv6_packet(src, dst, ipv6::ICMPV6, hop_limit, &message)
}

/// A datagram of a program that wants no checksum (RFC 6935).
fn sends_no_sum(inside: &Inside<'_>) -> bool {
    inside.protocol == ipv4::UDP && inside.bytes.get(6..8) == Some(&[0, 0])
}

/// Fails if a frame that claims to be complete has a wrong checksum anywhere.
pub fn assert_checksums(frame: &[u8]) {
    let (header, payload) = ethernet::parse(frame).expect("an Ethernet frame");
    if header.ethertype == ethernet::IPV6 {
        let known = |inside: &Inside<'_>| matches!(inside.protocol, ipv4::TCP | ipv4::UDP | ipv6::ICMPV6);
        let good = inside(frame).filter(known).is_none_or(|inside| inside.has_good_sum() || sends_no_sum(&inside));
        assert!(good, "a wrong checksum");
        return;
    }
    if header.ethertype != ethernet::IPV4 {
        return;
    }
    let packet = ipv4::Packet::parse(payload).expect("a well-formed packet");
    // On a source route the checksum is that of its end.
    if packet.is_fragment() || packet.is_source_routed() {
        return;
    }
    let segment = packet.payload();
    match packet.protocol() {
        ipv4::TCP => {
            let sum = Sum::pseudo_v4(packet.src(), packet.dst(), ipv4::TCP, segment.len() as u16).bytes(segment);
            assert_eq!(sum.finish(), 0, "a TCP segment with a wrong checksum");
        }
        ipv4::UDP => {
            udp::Datagram::parse(packet.src(), packet.dst(), segment, false).expect("a good datagram");
        }
        ipv4::ICMP => {
            icmpv4::Message::parse(segment).expect("a good message");
        }
        _ => {}
    }
}
