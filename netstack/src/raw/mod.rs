//! Raw sockets (raw(7)) and ping sockets (icmp(7), "IPPROTO_ICMP datagram sockets").
//!
//! User calls are in `stack::raw`, packets that arrive in `stack::input` and `stack::icmp`.

use core::net::Ipv4Addr;
use std::collections::HashMap;

use arena::Producer;

use crate::datagram::{DatagramOptions, Errors, Inbox};
use crate::link::IfIndex;
use crate::ports;
use crate::rng::{HashKey, Rng};
use crate::slab::Slab;
use crate::socket::{BindError, Key, RawId};
use crate::wire::icmpv4;
use crate::wire::ipv4::{self, Packet};

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
}

/// A raw or ping socket.
pub(crate) struct Socket {
    pub(crate) key: Key,
    pub(crate) kind: RawKind,
    pub(crate) inbox: Inbox,
    pub(crate) options: RawOptions,
    pub(crate) errors: Errors,
    /// Unspecified: all our addresses.
    pub(crate) local: Ipv4Addr,
    /// bind(2) chose `local`, so it stays when the socket is disconnected.
    pub(crate) bound: bool,
    pub(crate) remote: Option<Ipv4Addr>,
    /// Of a ping socket, once it has one.
    pub(crate) identifier: Option<u16>,
}

impl Socket {
    /// Is a packet between these addresses for this socket?
    pub(crate) fn wants(&self, src: Ipv4Addr, dst: Ipv4Addr, on: IfIndex) -> bool {
        (self.local.is_unspecified() || self.local == dst)
            && self.remote.is_none_or(|remote| remote == src)
            && self.options.datagram.bound_to.is_none_or(|only| only == on)
    }

    fn wants_packet(&self, packet: &Packet<'_>, on: IfIndex) -> bool {
        let filtered = packet.protocol() == ipv4::ICMP
            && packet.payload().first().is_some_and(|kind| *kind < 32 && self.options.icmp_filter & 1 << *kind != 0);
        self.wants(packet.src(), packet.dst(), on) && !filtered
    }
}

/// All raw and ping sockets.
pub(crate) struct Raw {
    sockets: Slab<Socket>,
    /// Raw sockets by protocol number.
    by_protocol: Box<[Vec<RawId>; 256]>,
    by_identifier: HashMap<u16, RawId, HashKey>,
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
        let header_included = kind == RawKind::Raw { protocol: ipv4::RAW };
        let id = RawId(self.sockets.insert(Socket {
            key,
            kind,
            inbox: Inbox::new(rx),
            options: RawOptions { header_included, ..RawOptions::default() },
            errors: Errors::default(),
            local: Ipv4Addr::UNSPECIFIED,
            bound: false,
            remote: None,
            identifier: None,
        }));
        match kind {
            RawKind::Raw { protocol: ipv4::RAW } | RawKind::Ping => {}
            RawKind::Raw { protocol } => self.by_protocol[usize::from(protocol)].push(id),
        }
        id
    }

    pub(crate) fn get(&self, id: RawId) -> Option<&Socket> {
        self.sockets.get(id.0)
    }

    pub(crate) fn get_mut(&mut self, id: RawId) -> Option<&mut Socket> {
        self.sockets.get_mut(id.0)
    }

    pub(crate) fn close(&mut self, id: RawId) -> Option<Socket> {
        let socket = self.sockets.remove(id.0)?;
        if let Some(identifier) = socket.identifier {
            self.by_identifier.remove(&identifier);
        }
        if let RawKind::Raw { protocol } = socket.kind {
            self.by_protocol[usize::from(protocol)].retain(|other| *other != id);
        }
        Some(socket)
    }

    /// Gives a ping socket its identifier: the one asked for, or for 0 a free one. Raw sockets have none.
    pub(crate) fn identify(&mut self, id: RawId, asked: u16, rng: &mut Rng) -> Result<(), BindError> {
        let socket = self.sockets.get_mut(id.0).ok_or(BindError::NotFound)?;
        if socket.kind != RawKind::Ping {
            return Ok(());
        }
        let identifier = match (asked, socket.identifier) {
            (0, Some(_)) => return Ok(()),
            (0, None) => ports::ephemeral(&(1..=u16::MAX), rng, |n| !self.by_identifier.contains_key(&n))
                .ok_or(BindError::NoPorts)?,
            (asked, None) if self.by_identifier.contains_key(&asked) => return Err(BindError::AddrInUse),
            (asked, None) => asked,
            (_, Some(_)) => return Err(BindError::InvalidState),
        };
        socket.identifier = Some(identifier);
        self.by_identifier.insert(identifier, id);
        Ok(())
    }

    /// The raw sockets that get a copy of a packet.
    pub(crate) fn find_all(&self, packet: &Packet<'_>, on: IfIndex) -> Vec<RawId> {
        let list = &self.by_protocol[usize::from(packet.protocol())];
        list.iter().filter(|id| self.get(**id).is_some_and(|socket| socket.wants_packet(packet, on))).copied().collect()
    }

    /// The raw sockets to be told of an error about a packet of ours from `src` to `dst`.
    pub(crate) fn find_senders(&self, quoted: &Packet<'_>, on: IfIndex) -> Vec<RawId> {
        let list = &self.by_protocol[usize::from(quoted.protocol())];
        let wants = |id: &&RawId| self.get(**id).is_some_and(|socket| socket.wants(quoted.dst(), quoted.src(), on));
        list.iter().filter(wants).copied().collect()
    }

    /// The ping socket that sent echo requests with this identifier.
    pub(crate) fn find_ping(&self, identifier: u16, src: Ipv4Addr, dst: Ipv4Addr, on: IfIndex) -> Option<RawId> {
        let id = *self.by_identifier.get(&identifier)?;
        self.get(id)?.wants(src, dst, on).then_some(id)
    }
}

/// Makes a ping socket's message an echo request of its own: the program's header names only the sequence number.
pub(crate) fn prepare_echo(message: &mut [u8], identifier: u16) -> bool {
    if message.len() < icmpv4::HEADER_LEN || message[0] != icmpv4::ECHO_REQUEST || message[1] != 0 {
        return false;
    }
    message[4..6].copy_from_slice(&identifier.to_be_bytes());
    icmpv4::fill_checksum(message);
    true
}
