//! A socket's description in its record: what an observer shows and an adopter starts from.

use crate::endpoint::{Endpoint, Kind};
use arena::record::WORDS;
use netstack::packet::PacketKind;
use netstack::tcp::{Durable, TcpStatus};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Where what lies in the words of a record.
mod at {
    pub const WHAT: usize = 0;
    pub const LOCAL: usize = 1;
    pub const REMOTE: usize = 3;
    pub const SEND: usize = 5;
    pub const SEND_WINDOW: usize = 6;
    pub const UPDATE: usize = 7;
    pub const RECEIVE: usize = 8;
    pub const START: usize = 9;
    pub const FIN: usize = 10;
    pub const OPTIONS: usize = 11;
    pub const TIMESTAMPS: usize = 12;
}

/// The description of a stream.
pub(super) fn stream(endpoint: &Endpoint, status: &TcpStatus, durable: Option<&Durable>) -> [u64; WORDS] {
    let mut words = names(endpoint, status.state as u8, status.local, status.remote);
    if let Some(d) = durable {
        let pair = |a: u32, b: u32| u64::from(a) << 32 | u64::from(b);
        words[at::SEND] = pair(d.snd_una.0, d.snd_nxt.0);
        words[at::SEND_WINDOW] = pair(d.snd_wnd, d.snd_wnd_max);
        words[at::UPDATE] = pair(d.snd_wl1.0, d.snd_wl2.0);
        words[at::RECEIVE] = pair(d.rcv_nxt.0, d.rcv_adv.0);
        words[at::START] = pair(d.iss.0, d.irs.0);
        words[at::FIN] = d.fin.map_or(0, |fin| pair(1, fin.0));
        words[at::OPTIONS] = pair(u32::from(d.snd_mss), u32::from(d.snd_scale) << 8 | u32::from(d.rcv_scale));
        if let Some(t) = d.timestamps {
            words[at::TIMESTAMPS] = 1;
            words[at::TIMESTAMPS + 1] = pair(t.offset, t.recent);
            words[at::TIMESTAMPS + 2] = u64::from(t.recent_age);
        }
    }
    words
}

/// The description of a datagram socket, and the beginning of every other.
pub(super) fn names(
    endpoint: &Endpoint,
    state: u8,
    local: Option<SocketAddr>,
    remote: Option<SocketAddr>,
) -> [u64; WORDS] {
    let mut words = [0; WORDS];
    let (code, protocol) = match endpoint.kind {
        Kind::Stream => (1, 6),
        Kind::Datagram => (2, 17),
        Kind::Ping => (3, 1),
        Kind::Raw(protocol) => (4, protocol),
        Kind::Packet(PacketKind::Frame) => (5, 0),
        Kind::Packet(PacketKind::Payload) => (6, 0),
        Kind::Packet(PacketKind::ByName) => (7, 0),
    };
    let port = |a: Option<SocketAddr>| u64::from(a.map_or(0, |a| a.port()));
    words[at::WHAT] = code | u64::from(protocol) << 8 | u64::from(state) << 16 | port(local) << 32 | port(remote) << 48;
    let nobody = match local {
        Some(SocketAddr::V6(_)) => Ipv6Addr::UNSPECIFIED,
        _ => Ipv4Addr::UNSPECIFIED.to_ipv6_mapped(),
    };
    for (addr, at) in [(local, at::LOCAL), (remote, at::REMOTE)] {
        let bits = addr.map_or(nobody, |addr| address(addr.ip())).to_bits();
        words[at] = (bits >> 64) as u64;
        words[at + 1] = bits as u64;
    }
    words
}

/// An address as 128 bits: IPv4 in its mapped form.
fn address(ip: IpAddr) -> Ipv6Addr {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    }
}

/// What an observer reads out of a record's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Description {
    /// What the socket is.
    pub kind: Kind,
    /// State of a stream, as `/proc/net/tcp` numbers would not tell: the name.
    pub state: &'static str,
    /// Its address; port 0 and the unspecified address where it has none.
    pub local: SocketAddr,
    /// Its peer's.
    pub remote: SocketAddr,
}

impl Description {
    /// Decodes a record's words. None for a record that describes nothing yet.
    pub fn decode(words: &[u64; WORDS]) -> Option<Description> {
        const STATES: [&str; 11] = [
            "CLOSED",
            "LISTEN",
            "SYN-SENT",
            "SYN-RECV",
            "ESTAB",
            "FIN-WAIT-1",
            "FIN-WAIT-2",
            "CLOSE-WAIT",
            "CLOSING",
            "LAST-ACK",
            "TIME-WAIT",
        ];
        let what = words[at::WHAT];
        let kind = match what as u8 {
            1 => Kind::Stream,
            2 => Kind::Datagram,
            3 => Kind::Ping,
            4 => Kind::Raw((what >> 8) as u8),
            5 => Kind::Packet(PacketKind::Frame),
            6 => Kind::Packet(PacketKind::Payload),
            7 => Kind::Packet(PacketKind::ByName),
            _ => return None,
        };
        let state = match kind {
            Kind::Stream => STATES.get((what >> 16) as u8 as usize)?,
            _ => "UNCONN",
        };
        let end = |at: usize, port: u64| {
            let ip = Ipv6Addr::from_bits(u128::from(words[at]) << 64 | u128::from(words[at + 1]));
            SocketAddr::new(ip.to_canonical(), port as u16)
        };
        Some(Description { kind, state, local: end(at::LOCAL, what >> 32), remote: end(at::REMOTE, what >> 48) })
    }
}
