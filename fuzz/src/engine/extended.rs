//! Packets with options behind the fixed header, whose lengths are right as far as that is wanted.

use arbitrary::Arbitrary;
use netstack::wire::{ipv4, ipv6, udp};

use super::frame;

/// Most headers, and most options of one.
const MOST: usize = 10;

/// An IPv6 packet with extension headers, and a datagram or whatever `protocol` is behind them.
#[derive(Arbitrary, Debug)]
pub struct Extended {
    to: u8,
    headers: Vec<Header>,
    protocol: u8,
    port: u8,
}

#[derive(Arbitrary, Debug)]
enum Header {
    HopByHop(Vec<Option6>),
    Destination(Vec<Option6>),
    Routing { kind: u8, left: u8, segments: u8 },
    Fragment { offset: u8, more: bool, identification: u8 },
}

/// An option of a header: its type and the bytes of its data.
#[derive(Arbitrary, Debug)]
struct Option6(u8, u8);

impl Header {
    fn kind(&self) -> u8 {
        match self {
            Header::HopByHop(_) => ipv6::HOP_BY_HOP,
            Header::Destination(_) => ipv6::DESTINATION_OPTIONS,
            Header::Routing { .. } => ipv6::ROUTING,
            Header::Fragment { .. } => ipv6::FRAGMENT,
        }
    }

    fn bytes(&self, next: u8) -> Vec<u8> {
        let mut out = vec![next, 0];
        match self {
            Header::HopByHop(options) | Header::Destination(options) => {
                for Option6(kind, len) in options.iter().take(MOST) {
                    match kind % 8 {
                        0 => out.push(0),
                        1 => out.extend([1, len % 8].into_iter().chain(vec![0; usize::from(len % 8)])),
                        2 => out.extend([ipv6::ROUTER_ALERT, 2, 0, len % 3]),
                        _ => out.extend([*kind, len % 24].into_iter().chain(vec![*len; usize::from(len % 24)])),
                    }
                }
            }
            Header::Routing { kind, left, segments } => {
                let segments = segments % 4;
                out.extend([*kind, *left, segments.saturating_sub(1), 0, 0, 0]);
                (0..segments).for_each(|which| out.extend(frame::addr6(which).octets()));
            }
            Header::Fragment { offset, more, identification } => {
                out.extend((u16::from(*offset) << 3 | u16::from(*more)).to_be_bytes());
                out.extend([0, 0, 0, *identification]);
            }
        }
        out.resize(out.len().next_multiple_of(8), 0);
        if !matches!(self, Header::Fragment { .. }) {
            out[1] = (out.len() / 8 - 1) as u8;
        }
        out
    }
}

impl Extended {
    pub fn build(self) -> Vec<u8> {
        let protocol = if self.protocol < 192 { ipv4::UDP } else { self.protocol };
        let dst = frame::addr6(self.to);
        let mut body = match protocol {
            ipv4::UDP => frame::datagram(frame::PEER6.into(), dst.into(), (9, frame::port(self.port)), b"extended"),
            _ => vec![self.port; 24],
        };
        let mut next = protocol;
        for header in self.headers.iter().take(MOST).rev() {
            body = [header.bytes(next), body].concat();
            next = header.kind();
        }
        frame::ipv6(dst, next, 64, &body)
    }
}

/// An IPv4 packet with options, and a datagram behind them.
#[derive(Arbitrary, Debug)]
pub struct Optioned {
    to: u8,
    options: Vec<Option4>,
    port: u8,
    offset: u8,
    more: bool,
}

/// Its type, where it points, and bytes; `wrong`: what its length differs by.
#[derive(Arbitrary, Debug)]
struct Option4 {
    kind: u8,
    pointer: u8,
    data: u8,
    wrong: u8,
}

impl Optioned {
    pub fn build(self) -> Vec<u8> {
        let mut options = Vec::new();
        for Option4 { kind, pointer, data, wrong } in self.options.iter().take(MOST) {
            let number = [1, 7, 68, 131, 137, 148, 130, *kind][usize::from(kind % 8)];
            if number == 1 {
                options.push(1);
                continue;
            }
            let data_len = data % 20;
            let len = (3 + data_len).wrapping_add(if *wrong < 224 { 0 } else { *wrong });
            options.extend([number, len, pointer % 32]);
            options.extend(vec![*data; usize::from(data_len)]);
        }
        options.truncate(ipv4::MAX_HEADER_LEN - ipv4::HEADER_LEN);
        options.resize(options.len().next_multiple_of(4), 0);
        let dst = frame::addr(self.to);
        let body = frame::datagram(frame::PEER.into(), dst.into(), (9, frame::port(self.port)), &[7; 24]);
        debug_assert!(body.len() > udp::HEADER_LEN);
        frame::ipv4_with(&options, dst, ipv4::UDP, 7, self.offset.into(), self.more, &body)
    }
}

#[cfg(test)]
mod tests {
    use super::super::frame::Frame;
    use super::super::op::{Op, Setting};
    use super::super::world::World;
    use super::*;

    /// What the stack says last of a packet.
    fn said(frame: Frame, v6: bool) -> Vec<u8> {
        let setting = Setting { mtu: 1400, checksum_offload: false, forwarding: false, automatic: false, limit: 0 };
        let mut world = World::new(setting);
        // Where the stranger is must be known.
        world.step(Op::Frame(Frame::Arp { reply: false, from: 0, about: 7 }));
        world.step(Op::Pass(12_000));
        world.step(Op::Frame(frame));
        world.step(Op::Pass(10));
        world.seen().last_packet(v6).to_vec()
    }

    #[test]
    fn options_are_looked_at_and_what_is_behind_them_too() {
        let options = |kind| vec![Header::HopByHop(vec![Option6(2, 0)]), Header::Destination(vec![Option6(kind, 5)])];
        let packet = |headers| Frame::Extended(Extended { to: 7, headers, protocol: 0, port: 3 });
        // An unknown one that is to be told of, and one that is passed over, behind which nobody is at the port. Both ask where
        // the stranger is.
        for kind in [0x83, 0x03] {
            assert_eq!(said(packet(options(kind)), true)[40], 135);
        }
        let recorded = Option4 { kind: 1, pointer: 4, data: 8, wrong: 0 };
        let packet = Optioned { to: 7, options: vec![recorded], port: 3, offset: 0, more: false };
        let answer = said(Frame::Optioned(packet), false);
        assert_eq!(answer[20..22], [3, 3], "nobody is at the port");
        assert_eq!(answer[28] & 15, 8, "of a packet with three words of options");
    }
}
