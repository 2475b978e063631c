//! Packet sockets: packet(7).

mod by_name;
mod ring;

pub use by_name::{DeviceAddr, SOCK_PACKET};

use super::datagram::{give, put};
use super::{DatagramInfo, LinkAddr, Name, Received, SendControl, Socket};
use crate::backend::{Call, PacketCall, Reply};
use crate::endpoint::Kind;
use crate::{Errno, Result};
use arena::{Consumer, fault};
use netstack::datagram::HEADER_LEN;
use netstack::link::{IfIndex, Mac};
use netstack::packet::{PacketKind, Record, VnetHeader};
use netstack::{LONGEST_UNCUT, PacketTo};
use std::io::{IoSlice, IoSliceMut};
use std::net::Ipv4Addr;

/// What is longer than a frame of any link is refused unread.
const LONGEST: usize = (1 << 16) + 64;

/// PACKET_AUXDATA: what a frame was besides its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Auxdata {
    /// Bytes of it, before a filter cut it.
    pub len: u32,
    /// Bytes that the socket got, whether the program had room for them or not.
    pub kept: u32,
    /// Where in them the network header is.
    pub network: u16,
    /// Its transport checksum was verified, or need not be.
    pub checksum_good: bool,
}

impl Socket {
    /// bind(2) of a packet socket: the interface and the protocol, 0 for any and for the one that it has. Errors: ENODEV,
    /// EINVAL (not a packet socket).
    pub fn bind_link(&self, addr: &LinkAddr) -> Result<()> {
        if !self.is_packet() {
            return Err(Errno::INVAL);
        }
        let on = (addr.interface != 0).then_some(IfIndex(addr.interface));
        self.packet(PacketCall::Bind(on, addr.protocol)).map(drop)
    }

    pub(super) fn is_packet(&self) -> bool {
        matches!(self.endpoint.kind, Kind::Packet(_))
    }

    pub(super) fn packet(&self, call: PacketCall<'_>) -> Result<Reply> {
        self.backend.call(Call::Packet(self.id(), call))
    }

    /// getsockname(2).
    pub(super) fn link_name(&self) -> Result<LinkAddr> {
        let Reply::PacketName(name) = self.packet(PacketCall::Name)? else { return Err(Errno::PROTO) };
        let unbound = LinkAddr { protocol: name.protocol, ..LinkAddr::default() };
        let Some(IfIndex(interface)) = name.on else { return Ok(unbound) };
        let list = self.interfaces()?;
        let Some(info) = list.iter().find(|info| info.index == interface) else { return Ok(unbound) };
        let mac = Mac(info.mac.unwrap_or_default());
        Ok(LinkAddr { interface, ..station(mac, info.loopback, name.protocol) })
    }

    pub(super) fn send_packet(
        &self,
        bufs: &[IoSlice<'_>],
        flags: i32,
        to: Option<LinkAddr>,
        control: &SendControl,
    ) -> Result<usize> {
        if let Some(error) = self.take_error() {
            return Err(error);
        }
        let to = to.map(|to| {
            let [a, b, c, d, e, f, ..] = to.addr;
            PacketTo { on: IfIndex(to.interface), protocol: to.protocol, mac: Mac([a, b, c, d, e, f]) }
        });
        let ring = self.endpoint.frames().tx.is_some();
        let longest = if self.settings.lock().vnet_header() > 0 { LONGEST_UNCUT } else { LONGEST };
        let parts: Vec<&[u8]> = bufs.iter().map(|buf| &**buf).collect();
        for part in parts.iter().filter(|_| !ring) {
            fault::readable(part.as_ptr(), part.len().min(longest)).map_err(|_| Errno::FAULT)?;
        }
        let tx_timestamp = self.tx_timestamp(control)?;
        let sent = match ring {
            true => self.send_ring(flags, to, tx_timestamp),
            false => self.when_there_is_room(flags, || self.packet(PacketCall::Send(to, &parts, tx_timestamp))),
        };
        if sent.is_err() {
            self.tx_timestamp_failed(control, tx_timestamp);
        }
        sent
    }

    #[inline(never)]
    pub(super) fn recv_packet(&self, bufs: &mut [IoSliceMut<'_>], flags: i32) -> Result<Received> {
        /// What packet_recvmsg() takes. The errors' queue was looked at before.
        const KNOWN: i32 = libc::MSG_PEEK | libc::MSG_DONTWAIT | libc::MSG_TRUNC;
        if flags & !KNOWN != 0 {
            return Err(Errno::INVAL);
        }
        let (nonblocking, deadline) = self.receive_patience(flags);
        self.block(nonblocking, deadline, || match self.take_error() {
            Some(error) => Err(error),
            None => self.take_packet(bufs, flags),
        })
    }

    fn take_packet(&self, bufs: &mut [IoSliceMut<'_>], flags: i32) -> Result<Option<Received>> {
        let Some(rings) = self.endpoint.rings() else { return Ok(None) };
        if rings.readable() == 0 {
            self.backend.look();
        }
        let mut rx = rings.rx.lock();
        let Some(record) = record_at(&rx) else { return Ok(None) };
        let len = record.len as usize;
        let before = self.settings.lock().vnet_header();
        let there = put_vnet_header(&record, before, bufs).and_then(|()| give(&rx, HEADER_LEN, len, bufs, before));
        if flags & libc::MSG_PEEK == 0 {
            let whole = (HEADER_LEN + len).min(rx.len());
            rx.consume(whole);
        }
        drop(rx);
        let copied = there?;
        let from =
            if self.goes_by_name() { Name::Device(self.device_from(&record)?) } else { Name::Link(from(&record)) };
        Ok(Some(Received {
            len: before + if flags & libc::MSG_TRUNC != 0 { len } else { copied },
            from: Some(from),
            flags: if copied < len { libc::MSG_TRUNC } else { 0 },
            info: Some(info(&record)),
            auxdata: Some(Auxdata {
                len: record.original,
                kept: record.len,
                network: record.network,
                checksum_good: record.checksum_good,
            }),
            ..Received::default()
        }))
    }

    /// FIONREAD: bytes of the next frame, 0 where there is none.
    pub(super) fn next_packet(&self) -> Result<usize> {
        self.backend.look();
        let rings = self.endpoint.rings().ok_or(Errno::INVAL)?;
        let rx = rings.rx.lock();
        Ok(record_at(&rx).map_or(0, |record| record.len as usize))
    }
}

/// The kind of packet socket that socket(2) asks for.
pub(super) fn kind(kind: i32) -> Result<Kind> {
    match kind {
        libc::SOCK_RAW => Ok(Kind::Packet(PacketKind::Frame)),
        libc::SOCK_DGRAM => Ok(Kind::Packet(PacketKind::Payload)),
        SOCK_PACKET => Ok(Kind::Packet(PacketKind::ByName)),
        _ => Err(Errno::SOCKTNOSUPPORT),
    }
}

/// What is left to do to a frame, in `len` bytes before it. EINVAL where there is no room for all of them.
fn put_vnet_header(record: &Record, len: usize, bufs: &mut [IoSliceMut<'_>]) -> Result<()> {
    let mut bytes = [0; u8::MAX as usize];
    bytes[..VnetHeader::LEN].copy_from_slice(&record.vnet_header.encode());
    if bufs.iter().map(|buf| buf.len()).sum::<usize>() < len {
        return Err(Errno::INVAL);
    }
    put(&bytes[..len], bufs).map(drop)
}

fn station(mac: Mac, loopback: bool, protocol: u16) -> LinkAddr {
    let mut addr = [0; 8];
    addr[..6].copy_from_slice(&mac.0);
    LinkAddr { protocol, interface: 0, hardware: hardware(loopback), packet_type: 0, len: 6, addr }
}

/// What Linux calls the hardware of an interface.
fn hardware(loopback: bool) -> u16 {
    if loopback { libc::ARPHRD_LOOPBACK } else { libc::ARPHRD_ETHER }
}

fn from(record: &Record) -> LinkAddr {
    let station = station(record.src, record.loopback, record.protocol);
    LinkAddr { interface: record.on.0, packet_type: record.kind as u8, ..station }
}

fn info(record: &Record) -> DatagramInfo {
    DatagramInfo {
        destination: Ipv4Addr::UNSPECIFIED.into(),
        port: 0,
        flow_label: 0,
        fragment_size: 0,
        interface: record.on.0,
        ttl: 0,
        tos: 0,
        segment: None,
        timestamp_ns: crate::clock::realtime_at(record.timestamp),
        drops: record.drops,
    }
}

/// The oldest record.
fn record_at(rx: &Consumer) -> Option<Record> {
    let mut bytes = [0; HEADER_LEN];
    (rx.peek_at(0, &mut bytes) == HEADER_LEN).then(|| Record::decode(&bytes)).flatten()
}

#[cfg(test)]
mod tests;
