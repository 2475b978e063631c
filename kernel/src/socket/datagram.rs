//! UDP, ping and raw sockets: send and receive.

mod record;

use super::{DatagramInfo, Family, Received, SendControl, Socket};
use crate::backend::Call;
use crate::endpoint::{Kind, State};
use crate::{Errno, Result};
use arena::{Consumer, fault};
use netstack::datagram::Header;
use netstack::ip::HeaderOptions;
use netstack::link::IfIndex;
use netstack::socket::SendOptions;
use std::io::{IoSlice, IoSliceMut};
use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use record::{alike, before, header_at, options_at};

/// linux/socket.h, which libc does not name.
const MSG_PROBE: i32 = 0x10;

/// Bytes of the header of ICMP and of ICMPv6.
const ICMP_HEADER: usize = 8;

impl Socket {
    pub(super) fn send_datagram(
        &self,
        bufs: &[IoSlice<'_>],
        flags: i32,
        to: Option<SocketAddr>,
        control: &SendControl,
    ) -> Result<usize> {
        let len: usize = bufs.iter().map(|buf| buf.len()).sum();
        self.check_datagram(len, flags, to)?;
        let corked = self.is_corked();
        let typeless = self.lacks_icmp_type(len);
        // Linux: another piece of a datagram meets neither shutdown(2) nor an error.
        let refused = !corked && (typeless || self.refuses_datagrams());
        if control.tx_time && self.settings.lock().tx_time().is_none() {
            return Err(Errno::INVAL);
        }
        // As on Linux, a flow label that was given to connect(2) is not for another address.
        let label = control.flow_label.or(to.map(|to| self.flow_label_of(to)));
        let to = to.map(|to| self.to_reach(to)).transpose()?;
        let label_headers = if corked { None } else { self.label_headers(to, label, control)? };
        let parts = self.readable_parts(bufs)?;
        let (cork, segment, sticky) = {
            let settings = self.settings.lock();
            (settings.cork, control.segment.unwrap_or(settings.segment), settings.tcp.header_options.clone())
        };
        // What continues a datagram counts with it.
        let tx_timestamp = if corked { None } else { self.tx_timestamp(control)? };
        let options = SendOptions {
            source: control.source,
            on: control.interface.map(IfIndex),
            ttl: control.ttl,
            tos: control.tos,
            flow_label: label,
            more: cork || flags & libc::MSG_MORE != 0,
            refused,
            header_options: header_options(control, sticky, label_headers),
            dont_fragment: control.dont_fragment,
            dont_route: flags & libc::MSG_DONTROUTE != 0,
            probe: flags & MSG_PROBE != 0,
            segment: NonZeroU16::new(segment),
            tx_timestamp,
        };
        let sent = self.when_there_is_room(flags, || self.backend.call(Call::Send(self.id(), to, &parts, &options)));
        if sent.is_err() {
            self.tx_timestamp_failed(control, tx_timestamp);
        }
        if sent == Err(Errno::PIPE) {
            return Err(if typeless { Errno::FAULT } else { self.take_error().unwrap_or(Errno::PIPE) });
        }
        if self.endpoint.kind == Kind::Datagram && sent != Err(Errno::AGAIN) {
            self.corked.store(options.more && sent.is_ok(), Ordering::Release);
        }
        if sent == Err(Errno::MSGSIZE) {
            self.report_too_long(to, len, control.dont_fragment);
        }
        sent
    }

    /// What no socket of this kind sends, in the order of Linux's checks.
    fn check_datagram(&self, len: usize, flags: i32, to: Option<SocketAddr>) -> Result<()> {
        let (kind, inet) = (self.endpoint.kind, self.family() == Family::Inet);
        if len > usize::from(u16::MAX) && (inet || kind == Kind::Ping) {
            return Err(Errno::MSGSIZE);
        }
        // UDP over IPv6 ignores MSG_OOB on Linux.
        if flags & libc::MSG_OOB != 0 && (inet || kind != Kind::Datagram) {
            return Err(Errno::OPNOTSUPP);
        }
        if kind == Kind::Ping && len < ICMP_HEADER {
            return Err(Errno::INVAL);
        }
        // rawv6_sendmsg(): the port is the protocol, or says nothing.
        if let (Kind::Raw(protocol), Some(SocketAddr::V6(to))) = (kind, to)
            && to.port() != 0
            && to.port() != protocol.into()
            && i32::from(protocol) != libc::IPPROTO_RAW
        {
            return Err(Errno::INVAL);
        }
        Ok(())
    }

    /// Why send(2) takes no datagram, whatever it is: EDESTADDRREQ, the pending error, EPIPE. (Of packet sockets the packet tells.)
    pub fn check_datagrams(&self) -> Result<()> {
        if self.is_packet() {
            return Ok(());
        }
        let (_, peer) = self.backend.call(Call::Names(self.id()))?.names()?;
        peer.ok_or(Errno::DESTADDRREQ)?;
        self.take_pending()?;
        if self.refuses_datagrams() { Err(Errno::PIPE) } else { Ok(()) }
    }

    /// Whether shutdown(2) or a pending error keeps a datagram from being sent. On Linux neither concerns a raw packet before
    /// which the kernel puts the IP header.
    fn refuses_datagrams(&self) -> bool {
        let shut = self.endpoint.state().contains(State::NO_MORE_OUT);
        !self.makes_ip_header() && (shut || self.endpoint.record.error() != 0)
    }

    /// Whether a packet of ICMP is too short for its type, which Linux looks at (raw_probe_proto_opt()).
    fn lacks_icmp_type(&self, len: usize) -> bool {
        const ICMP: Kind = Kind::Raw(libc::IPPROTO_ICMP as u8);
        self.endpoint.kind == ICMP && self.family() == Family::Inet && len < 2 && self.makes_ip_header()
    }

    /// Whether this is a raw socket without IP_HDRINCL.
    fn makes_ip_header(&self) -> bool {
        matches!(self.endpoint.kind, Kind::Raw(_)) && !self.settings.lock().raw.header_included
    }

    /// The buffers as the engine copies them, under its lock. What is longer than any datagram is refused unread. Where memory is
    /// not there (EFAULT), the pieces before go, too.
    fn readable_parts<'a>(&self, bufs: &'a [IoSlice<'_>]) -> Result<Vec<&'a [u8]>> {
        let parts: Vec<&[u8]> = bufs.iter().map(|buf| &**buf).collect();
        let readable = |part: &&[u8]| fault::readable(part.as_ptr(), part.len().min(usize::from(u16::MAX))).is_ok();
        if !parts.iter().all(readable) {
            self.corked.store(false, Ordering::Release);
            self.backend.call(Call::DropCorked(self.id()))?;
            return Err(Errno::FAULT);
        }
        Ok(parts)
    }

    /// The extension headers of the flow label that is about to be sent. As on Linux ping sockets send any, and so do others that
    /// which connect(2) has said, unless the message says something else.
    fn label_headers(
        &self,
        to: Option<SocketAddr>,
        label: Option<u32>,
        control: &SendControl,
    ) -> Result<Option<Arc<HeaderOptions>>> {
        let looked_at = to.map_or(*control != SendControl::default(), |to| to.is_ipv6());
        match self.endpoint.kind {
            Kind::Datagram | Kind::Raw(_) if looked_at => {
                self.use_flow_label(label.unwrap_or_else(|| self.said_flow_label()))
            }
            _ => Ok(None),
        }
    }

    #[inline(never)]
    pub(super) fn recv_datagram(&self, bufs: &mut [IoSliceMut<'_>], flags: i32) -> Result<Received> {
        // Of UDP's Linux does not look at it.
        if flags & libc::MSG_OOB != 0 && self.endpoint.kind != Kind::Datagram {
            return Err(Errno::OPNOTSUPP);
        }
        if let Some(told) = self.take_path_mtu() {
            return Ok(told);
        }
        let (nonblocking, deadline) = self.receive_patience(flags);
        let received = self.block(nonblocking, deadline, || {
            let state = self.endpoint.state();
            if let Some(error) = self.take_error() {
                return Err(error);
            }
            if let Some(received) = self.take_datagram(bufs, flags)? {
                return Ok(Some(Some(received)));
            }
            // Linux looks at shutdown(SHUT_RD) only where it would wait.
            Ok((state.contains(State::NO_MORE_IN) && !nonblocking).then_some(None))
        })?;
        Ok(received.unwrap_or_default())
    }

    /// Size of the next datagram, 0 where there is none.
    pub(super) fn next_datagram(&self) -> Result<usize> {
        self.backend.look();
        let rings = self.endpoint.rings().ok_or(Errno::INVAL)?;
        let rx = rings.rx.lock();
        Ok(header_at(&rx, 0).map_or(0, |header| header.len as usize))
    }

    /// As on Linux, a datagram that meets memory that is not there (EFAULT) is gone.
    fn take_datagram(&self, bufs: &mut [IoSliceMut<'_>], flags: i32) -> Result<Option<Received>> {
        let Some(rings) = self.endpoint.rings() else { return Ok(None) };
        if rings.readable() == 0 {
            self.backend.look();
        }
        let mut rx = rings.rx.lock();
        let offset = self.peek_offset();
        if let (Some(offset), true) = (offset, flags & libc::MSG_PEEK != 0) {
            return self.peek_datagram(&rx, offset, bufs, flags);
        }
        let Some(header) = header_at(&rx, 0) else { return Ok(None) };
        let joins = {
            let settings = self.settings.lock();
            settings.gro && settings.raw.datagram.lite.is_none()
        };
        let count = if joins { alike(&rx, &header, bufs.iter().map(|buf| buf.len()).sum()) } else { 1 };
        let (mut copied, mut len, mut whole, mut there) = (0, 0, 0, Ok(()));
        let header_options = options_at(&rx, 0, &header);
        for _ in 0..count {
            let (one, before) = header_at(&rx, whole).map_or((0, 0), |header| (header.len as usize, before(&header)));
            whole += before;
            match give(&rx, whole, one, bufs, len) {
                Ok(n) => copied += n,
                Err(errno) => there = Err(errno),
            }
            len += one;
            whole += one;
        }
        if flags & libc::MSG_PEEK != 0 && len == 0 {
            self.peeked_at_nothing(&rx, 0);
        }
        if flags & libc::MSG_PEEK == 0 {
            // A producer that wrote a length beyond what it published would be our own engine's bug.
            let whole = whole.min(rx.len());
            rx.consume(whole);
        }
        drop(rx);
        there?;
        let told = if flags & libc::MSG_TRUNC != 0 { len } else { copied };
        if offset.is_some() && flags & libc::MSG_PEEK == 0 {
            self.peek_moves_back(told);
        }
        Ok(Some(Received {
            len: told,
            from: Some(self.family().shown(header.src).into()),
            flags: if copied < len { libc::MSG_TRUNC } else { 0 },
            info: Some(DatagramInfo { segment: (count > 1).then_some(header.len), ..DatagramInfo::of(&header) }),
            header_options,
            ..Received::default()
        }))
    }

    /// Looks at what is behind the first `offset` bytes of all that waits, of one datagram.
    fn peek_datagram(
        &self,
        rx: &Consumer,
        offset: usize,
        bufs: &mut [IoSliceMut<'_>],
        flags: i32,
    ) -> Result<Option<Received>> {
        let (mut at, mut skip) = (0, offset);
        let header = loop {
            let Some(header) = header_at(rx, at) else { return Ok(None) };
            let len = header.len as usize;
            if skip < len || skip + len == 0 && !self.has_peeked_at_nothing(rx, at) {
                break header;
            }
            skip -= len;
            at += before(&header) + len;
        };
        let len = header.len as usize;
        if len == 0 {
            self.peeked_at_nothing(rx, at);
        }
        let room: usize = bufs.iter().map(|buf| buf.len()).sum();
        let copied = give(rx, at + before(&header) + skip, len - skip, bufs, 0)?;
        let told = if flags & libc::MSG_TRUNC != 0 { len } else { copied };
        self.peek_moves_on(told);
        Ok(Some(Received {
            len: told,
            from: Some(self.family().shown(header.src).into()),
            // As Linux reckons, of what it has skipped, too.
            flags: if room <= len - skip && room < len { libc::MSG_TRUNC } else { 0 },
            info: Some(DatagramInfo::of(&header)),
            ..Received::default()
        }))
    }
}

impl DatagramInfo {
    /// What the engine says of a packet.
    pub(super) fn of(header: &Header) -> DatagramInfo {
        DatagramInfo {
            destination: header.dst.ip(),
            port: header.dst.port(),
            flow_label: header.flow_label,
            fragment_size: header.fragment_size,
            interface: header.on.0,
            ttl: header.ttl,
            tos: header.tos,
            segment: None,
            timestamp_ns: crate::clock::realtime_at(header.timestamp),
            drops: header.drops,
        }
    }
}

/// What goes out behind the IP header: as on Linux, extension headers of a message take the place of all of the socket's, and
/// those of a flow label of all that come before the destination's.
fn header_options(
    control: &SendControl,
    sticky: Option<Arc<HeaderOptions>>,
    of_label: Option<Arc<HeaderOptions>>,
) -> Option<Arc<HeaderOptions>> {
    let options = options_of(control, sticky);
    let Some(of_label) = of_label else { return options };
    let HeaderOptions { v4, destination, .. } = options.as_deref().cloned().unwrap_or_default();
    Some(Arc::new(HeaderOptions { v4, destination, ..(*of_label).clone() }))
}

fn options_of(control: &SendControl, sticky: Option<Arc<HeaderOptions>>) -> Option<Arc<HeaderOptions>> {
    if control.options.is_none() && control.extensions == HeaderOptions::default() {
        return sticky;
    }
    let sticky = sticky.as_deref().cloned().unwrap_or_default();
    let v4 = control.options.clone().unwrap_or_else(|| sticky.v4.clone());
    let v6 = if control.extensions == HeaderOptions::default() { sticky } else { control.extensions.clone() };
    Some(Arc::new(HeaderOptions { v4, ..v6 }))
}

/// Copies `len` bytes of the ring behind the first `skip` bytes of `bufs`, as many as fit.
pub(super) fn give(rx: &Consumer, at: usize, len: usize, bufs: &mut [IoSliceMut<'_>], skip: usize) -> Result<usize> {
    let (mut skip, mut copied) = (skip, 0);
    for buf in bufs {
        let from = skip.min(buf.len());
        skip -= from;
        let room = (buf.len() - from).min(len - copied);
        copied += rx.give_at(at + copied, &mut buf[from..from + room]).map_err(|_| Errno::FAULT)?;
    }
    Ok(copied)
}

/// Copies `bytes` into `bufs`, as many as fit.
pub(super) fn put(bytes: &[u8], bufs: &mut [IoSliceMut<'_>]) -> Result<usize> {
    let mut copied = 0;
    for buf in bufs {
        let room = buf.len().min(bytes.len() - copied);
        fault::copy(&mut buf[..room], &bytes[copied..copied + room]).map_err(|_| Errno::FAULT)?;
        copied += room;
    }
    Ok(copied)
}

#[cfg(test)]
mod tests;
