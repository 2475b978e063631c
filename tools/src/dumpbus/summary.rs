//! A frame in one line, and what can happen to a bus in one sentence.

use std::net::Ipv4Addr;
use std::path::Path;

use netstack::wire::tcp::{Flags, Segment};
use netstack::wire::{arp, ethernet, icmpv4, ipv4};
use shmif::BusEvent;

use crate::table::mac;

/// Time of day in UTC, and what the frame holds as far as it can be read.
pub fn line(frame: &[u8], realtime_ns: u64) -> String {
    let (seconds, ns) = (realtime_ns / 1_000_000_000 % 86_400, realtime_ns % 1_000_000_000);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{hours:02}:{minutes:02}:{seconds:02}.{ns:09} {}", content(frame))
}

pub fn event(event: BusEvent, bus: &Path) -> String {
    let bus = bus.display();
    match event {
        BusEvent::Removed => {
            format!("the file of the bus {bus} was removed: its nodes go on, but nobody can join them")
        }
        BusEvent::Truncated => format!("the file of the bus {bus} was truncated: the bus is dead"),
        event => format!("the bus {bus} is lost: {event:?}"),
    }
}

fn content(frame: &[u8]) -> String {
    let Ok((header, payload)) = ethernet::parse(frame) else { return format!("malformed, {} bytes", frame.len()) };
    let known = match header.ethertype {
        ethernet::ARP => arp::Packet::parse(payload).ok().map(|packet| arp(&packet)),
        ethernet::IPV4 => ipv4::Packet::parse(payload).ok().map(|packet| ip(&packet)),
        _ => None,
    };
    known.unwrap_or_else(|| {
        let (src, dst) = (mac(header.src.0), mac(header.dst.0));
        format!("{src} > {dst}: type {:#06x}, {} bytes", header.ethertype, payload.len())
    })
}

fn arp(packet: &arp::Packet) -> String {
    let arp::Packet { operation, sender_mac, sender, target, .. } = packet;
    match operation {
        arp::Operation::Request => format!("ARP who has {target}? tell {sender} at {sender_mac}"),
        arp::Operation::Reply => format!("ARP {sender} is at {sender_mac}"),
    }
}

fn ip(packet: &ipv4::Packet<'_>) -> String {
    let (src, dst, payload) = (packet.src(), packet.dst(), packet.payload());
    if packet.fragment_offset() > 0 {
        let (protocol, offset) = (packet.protocol(), packet.fragment_offset());
        return format!("IP {src} > {dst}: protocol {protocol}, fragment at {offset}, {} bytes", payload.len());
    }
    match (packet.protocol(), payload) {
        (ipv4::UDP, [a, b, c, d, _, _, _, _, data @ ..]) => {
            let [from, to] = [[*a, *b], [*c, *d]].map(u16::from_be_bytes);
            format!("UDP {src}:{from} > {dst}:{to}: {} bytes", data.len())
        }
        (ipv4::TCP, segment) => format!("TCP {}", tcp(src, dst, segment)),
        (ipv4::ICMP, message) => match icmpv4::Message::parse(message) {
            Ok(message) => format!("ICMP {src} > {dst}: {}", icmp(&message)),
            Err(_) => format!("ICMP {src} > {dst}: malformed, {} bytes", message.len()),
        },
        (protocol, payload) => format!("IP {src} > {dst}: protocol {protocol}, {} bytes", payload.len()),
    }
}

fn tcp(src: Ipv4Addr, dst: Ipv4Addr, segment: &[u8]) -> String {
    let Ok(Segment { header, payload, .. }) = Segment::parse(segment) else {
        return format!("{src} > {dst}: malformed, {} bytes", segment.len());
    };
    let letters = [
        (Flags::SYN, 'S'),
        (Flags::FIN, 'F'),
        (Flags::RST, 'R'),
        (Flags::PSH, 'P'),
        (Flags::ACK, '.'),
        (Flags::URG, 'U'),
        (Flags::ECE, 'E'),
        (Flags::CWR, 'W'),
    ];
    let flags: String = letters.iter().filter(|(flag, _)| header.has(*flag)).map(|(_, letter)| letter).collect();
    let ack = if header.has(Flags::ACK) { format!(" ack {}", header.ack.0) } else { String::new() };
    let (from, to, seq, window) = (header.src_port, header.dst_port, header.seq.0, header.window);
    format!("{src}:{from} > {dst}:{to}: [{flags}] seq {seq}{ack} win {window}, {} bytes", payload.len())
}

fn icmp(message: &icmpv4::Message<'_>) -> String {
    let sequence = message.rest as u16;
    match message.kind {
        icmpv4::ECHO_REQUEST => format!("echo request {sequence} of {}", message.identifier()),
        icmpv4::ECHO_REPLY => format!("echo reply {sequence} of {}", message.identifier()),
        icmpv4::UNREACHABLE => format!("unreachable, code {}", message.code),
        icmpv4::TIME_EXCEEDED => format!("time exceeded, code {}", message.code),
        kind => format!("type {kind}, code {}", message.code),
    }
}

#[cfg(test)]
mod tests;
