//! Raw sockets (raw(7)) and ping sockets (icmp(7), "IPPROTO_ICMP datagram sockets").
//!
//! User calls are in `stack::sockets::raw`, packets that arrive in `stack::input`.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::collections::HashMap;

use arena::Producer;

use crate::datagram::{Admission, Corked, DatagramOptions, Errors, Inbox, Outbox};
use crate::ip::Received;
use crate::link::IfIndex;
use crate::multicast::Joined;
use crate::ports;
use crate::rng::{HashKey, Rng};
use crate::slab::Slab;
use crate::socket::{BindError, Key, RawId};
use crate::wire::checksum::Sum;
use crate::wire::{icmpv4, icmpv6, ipv4, ipv6};

/// What a socket below the transports is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RawKind {
    /// SOCK_RAW: gets every packet of a protocol, IP header included. 255 (IPPROTO_RAW) only sends, and brings its own
    /// IP header.
    Raw {
        /// IP protocol number.
        protocol: u8,
    },
    /// SOCK_DGRAM with IPPROTO_ICMP: sends echo requests, gets the replies to them. The engine sets identifier and
    /// checksum. Messages begin with the ICMP header.
    Ping,
    /// SOCK_RAW of AF_INET6: gets every packet of a protocol, from the upper-layer header on. 255 (IPPROTO_RAW) only
    /// sends, and brings its own IP header.
    Raw6 {
        /// Protocol number.
        protocol: u8,
    },
    /// SOCK_DGRAM with IPPROTO_ICMPV6, as [`Ping`](Self::Ping).
    Ping6,
}

impl RawKind {
    /// Is it of AF_INET6?
    pub fn is_v6(self) -> bool {
        matches!(self, RawKind::Raw6 { .. } | RawKind::Ping6)
    }

    fn is_ping(self) -> bool {
        matches!(self, RawKind::Ping | RawKind::Ping6)
    }

    /// The unspecified address of its family.
    pub(crate) fn any(self) -> IpAddr {
        if self.is_v6() { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() }
    }
}

/// Options of a raw or ping socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RawOptions {
    /// Those that all datagram sockets have.
    pub datagram: DatagramOptions,
    /// IP_HDRINCL: what is sent begins with an IP header.
    pub header_included: bool,
    /// ICMP_FILTER: a set bit n keeps messages of ICMP type n away.
    pub icmp_filter: u32,
    /// ICMP6_FILTER: a set bit n (of the 32-bit words in their order) keeps messages of ICMPv6 type n away.
    pub icmp6_filter: [u32; 8],
    /// IPV6_CHECKSUM: where in what is sent the checksum is to be put, and verified in what comes; an even offset. Raw
    /// sockets of ICMPv6 always have it, at 2.
    pub checksum_at: Option<u16>,
    /// IP_ROUTER_ALERT, IPV6_ROUTER_ALERT: packets of the socket's protocol on their way to others that have this option come
    /// here instead. Of IPv6 those whose option has this value, to sockets of IPPROTO_RAW.
    pub router_alert: Option<u32>,
}

/// A raw or ping socket.
pub(crate) struct Socket {
    pub(crate) key: Key,
    pub(crate) kind: RawKind,
    pub(crate) inbox: Inbox,
    pub(crate) outbox: Outbox,
    pub(crate) options: RawOptions,
    pub(crate) errors: Errors,
    /// A packet of which more pieces are to come (MSG_MORE).
    pub(crate) corked: Option<Corked>,
    pub(crate) groups: Joined,
    /// Unspecified: all our addresses.
    pub(crate) local: IpAddr,
    /// bind(2) chose `local`, so it stays when the socket is disconnected.
    pub(crate) bound: bool,
    pub(crate) remote: Option<IpAddr>,
    /// The interface that a link-local `local` or `remote` is on.
    pub(crate) zone: Option<IfIndex>,
    /// Of a ping socket, once it has one.
    pub(crate) identifier: Option<u16>,
    /// bind(2) chose it.
    pub(crate) identifier_asked: bool,
    /// Others may have it as well (SO_REUSEADDR, which ping sockets have unless they say otherwise).
    reuse: bool,
}

impl Socket {
    /// Is a packet between these addresses for this socket?
    pub(crate) fn wants(&self, src: IpAddr, dst: IpAddr, on: IfIndex) -> bool {
        self.kind.is_v6() == src.is_ipv6()
            && (self.local.is_unspecified() || self.local == dst)
            && self.remote.is_none_or(|remote| remote == src)
            && self.options.datagram.bound_to.or(self.zone).is_none_or(|only| only == on)
    }

    fn wants_packet(&self, packet: &Received<'_>, by: IfIndex) -> bool {
        let kind = packet.payload.first().copied();
        let filtered = match packet.protocol {
            ipv4::ICMP => kind.is_some_and(|kind| kind < 32 && self.options.icmp_filter & 1 << kind != 0),
            ipv6::ICMPV6 => {
                kind.is_some_and(|kind| self.options.icmp6_filter[usize::from(kind) / 32] & 1 << (kind % 32) != 0)
            }
            _ => false,
        };
        self.wants(packet.src, packet.dst, by) && !filtered && self.checksum_is_good(packet)
    }

    /// RFC 3542 §3.1: with IPV6_CHECKSUM the kernel also verifies.
    fn checksum_is_good(&self, packet: &Received<'_>) -> bool {
        let asked = self.options.checksum_at.is_some() && packet.protocol != ipv6::ICMPV6;
        let sum = || Sum::pseudo(packet.src, packet.dst, packet.protocol, packet.payload.len()).bytes(packet.payload);
        !asked || packet.checksum_good || sum().finish() == 0
    }
}

/// All raw and ping sockets.
pub(crate) struct Raw {
    sockets: Slab<Socket>,
    /// Raw sockets by protocol number.
    by_protocol: Box<[Vec<RawId>; 256]>,
    /// Ping sockets by family (is it IPv6?) and identifier.
    by_identifier: HashMap<(bool, u16), Vec<RawId>, HashKey>,
}

impl Raw {
    pub(crate) fn new(rng: &mut Rng) -> Raw {
        Raw {
            sockets: Slab::new(),
            by_protocol: Box::new([const { Vec::new() }; 256]),
            by_identifier: HashMap::with_hasher(rng.hash_key()),
        }
    }

    pub(crate) fn open(&mut self, key: Key, rx: Producer, kind: RawKind) -> RawId {
        let header_included =
            matches!(kind, RawKind::Raw { protocol: ipv4::RAW } | RawKind::Raw6 { protocol: ipv4::RAW });
        let checksum_at = (kind == RawKind::Raw6 { protocol: ipv6::ICMPV6 }).then_some(2);
        let id = RawId(self.sockets.insert(Socket {
            key,
            kind,
            inbox: Inbox::new(rx, Admission::NotFull),
            outbox: Outbox::new(),
            options: RawOptions { header_included, checksum_at, ..RawOptions::default() },
            errors: Errors::default(),
            corked: None,
            groups: Joined::new(),
            local: kind.any(),
            bound: false,
            remote: None,
            zone: None,
            identifier: None,
            identifier_asked: false,
            reuse: true,
        }));
        match kind {
            RawKind::Raw { protocol: ipv4::RAW } | RawKind::Raw6 { protocol: ipv4::RAW } => {}
            RawKind::Ping | RawKind::Ping6 => {}
            RawKind::Raw { protocol } | RawKind::Raw6 { protocol } => self.by_protocol[usize::from(protocol)].push(id),
        }
        id
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut Socket> {
        self.sockets.values_mut()
    }

    pub(crate) fn get(&self, id: RawId) -> Option<&Socket> {
        self.sockets.get(id.0)
    }

    pub(crate) fn get_mut(&mut self, id: RawId) -> Option<&mut Socket> {
        self.sockets.get_mut(id.0)
    }

    pub(crate) fn close(&mut self, id: RawId) -> Option<Socket> {
        self.forget_identifier(id);
        self.forget_protocol(id);
        self.sockets.remove(id.0)
    }

    /// From now on a raw socket hears nothing.
    pub(crate) fn forget_protocol(&mut self, id: RawId) {
        if let Some(Socket { kind: RawKind::Raw { protocol } | RawKind::Raw6 { protocol }, .. }) = self.get(id) {
            self.by_protocol[usize::from(*protocol)].retain(|other| *other != id);
        }
    }

    /// Takes a ping socket's identifier away.
    pub(crate) fn forget_identifier(&mut self, id: RawId) {
        let Some(socket) = self.sockets.get_mut(id.0) else { return };
        let Some(identifier) = socket.identifier.take() else { return };
        let key = (socket.kind.is_v6(), identifier);
        if let Some(list) = self.by_identifier.get_mut(&key) {
            list.retain(|other| *other != id);
            if list.is_empty() {
                self.by_identifier.remove(&key);
            }
        }
    }

    /// Gives a ping socket its identifier: the one asked for, which others that say so too may have as well,
    /// or for 0 a free one. Raw sockets have none.
    pub(crate) fn identify(&mut self, id: RawId, asked: u16, reuse: bool, rng: &mut Rng) -> Result<(), BindError> {
        let socket = self.sockets.get(id.0).ok_or(BindError::NotFound)?;
        if !socket.kind.is_ping() {
            return Ok(());
        }
        let v6 = socket.kind.is_v6();
        let identifier = match (asked, socket.identifier) {
            (0, Some(_)) => return Ok(()),
            (0, None) => ports::ephemeral(&(1..=u16::MAX), rng, |n| !self.by_identifier.contains_key(&(v6, n)))
                .ok_or(BindError::NoPorts)?,
            (asked, None) => {
                let others = self.by_identifier.get(&(v6, asked)).into_iter().flatten();
                if others.filter_map(|id| self.sockets.get(id.0)).any(|other| !(reuse && other.reuse)) {
                    return Err(BindError::AddrInUse);
                }
                asked
            }
            (_, Some(_)) => return Err(BindError::InvalidState),
        };
        if let Some(socket) = self.sockets.get_mut(id.0) {
            (socket.identifier, socket.reuse) = (Some(identifier), reuse);
        }
        self.by_identifier.entry((v6, identifier)).or_default().push(id);
        Ok(())
    }

    /// The raw sockets that get a copy of a packet.
    pub(crate) fn find_all(&self, packet: &Received<'_>, by: IfIndex) -> Vec<RawId> {
        let list = &self.by_protocol[usize::from(packet.protocol)];
        list.iter().filter(|id| self.get(**id).is_some_and(|socket| socket.wants_packet(packet, by))).copied().collect()
    }

    /// The raw sockets that want IPv4 packets for others with the router alert option, of what came by an interface.
    pub(crate) fn find_alerted(&self, protocol: u8, by: IfIndex) -> Vec<RawId> {
        self.alerted(by, |socket| socket.kind == RawKind::Raw { protocol } && socket.options.router_alert.is_some())
    }

    /// The raw sockets that want IPv6 packets for others whose router alert option has this value.
    pub(crate) fn find_alerted_v6(&self, value: u16, by: IfIndex) -> Vec<RawId> {
        self.alerted(by, |socket| socket.kind.is_v6() && socket.options.router_alert == Some(value.into()))
    }

    /// Such packets are rare: all sockets are looked at.
    fn alerted(&self, by: IfIndex, wants: impl Fn(&Socket) -> bool) -> Vec<RawId> {
        let hears = |socket: &Socket| socket.options.datagram.bound_to.is_none_or(|only| only == by);
        let found = self.sockets.iter().filter(|(_, socket)| wants(socket) && hears(socket));
        found.map(|(handle, _)| RawId(handle)).collect()
    }

    /// The raw sockets to be told of an error about a packet of ours from `src` to `dst`.
    pub(crate) fn find_senders(&self, protocol: u8, src: IpAddr, dst: IpAddr, on: IfIndex) -> Vec<RawId> {
        let list = &self.by_protocol[usize::from(protocol)];
        let wants = |id: &&RawId| self.get(**id).is_some_and(|socket| socket.wants(dst, src, on));
        list.iter().filter(wants).copied().collect()
    }

    /// The ping socket that sent echo requests with this identifier: the last one of those that have it.
    pub(crate) fn find_ping(&self, identifier: u16, src: IpAddr, dst: IpAddr, on: IfIndex) -> Option<RawId> {
        let list = self.by_identifier.get(&(src.is_ipv6(), identifier))?;
        let wants = |id: &&RawId| self.get(**id).is_some_and(|socket| socket.wants(src, dst, on));
        list.iter().rev().find(wants).copied()
    }
}

/// Makes a ping socket's message an echo request of its own: the program's header names only the sequence number. The
/// checksum of ICMPv6, which covers the addresses, is left zero.
pub(crate) fn prepare_echo(message: &mut [u8], v6: bool, identifier: u16) -> bool {
    let request = if v6 { icmpv6::ECHO_REQUEST } else { icmpv4::ECHO_REQUEST };
    if message.len() < icmpv4::HEADER_LEN || message[0] != request || message[1] != 0 {
        return false;
    }
    message[4..6].copy_from_slice(&identifier.to_be_bytes());
    if v6 {
        message[2..4].fill(0)
    } else {
        icmpv4::fill_checksum(message)
    }
    true
}
