//! The life of sockets and connections, from socket(2) to close(2).

use super::super::{Buffers, Reply};
use crate::endpoint::{Endpoint, Kind, SocketId};
use crate::engine::{Engine, Handle};
use crate::socket::Family;
use crate::{Errno, Result, errno};
use arena::{Consumer, Producer};
use netstack::Stack;
use netstack::raw::RawKind;
use netstack::socket::{BindOptions, ConnectError, Key, Shutdown};
use netstack::tcp::{Accepted, Close, FirstText, State, TcpId, TcpStatus};
use netstack::time::Instant;
use std::net::SocketAddr;
use std::sync::Arc;

impl Engine {
    pub(super) fn open(&mut self, family: Family, kind: Kind, buffers: Buffers) -> Result<Reply> {
        if !self.sockets.has_reserve() {
            return Err(Errno::NOBUFS);
        }
        let endpoint = self.sockets.create(kind)?;
        let key = Key(endpoint.id());
        let handle = match kind {
            Kind::Stream => Ok(Handle::Tcp(self.stack.tcp_open(key))),
            _ => self.open_datagrams(&endpoint, family, buffers.receive),
        };
        let handle = handle.inspect_err(|_| self.sockets.forget(endpoint.id()))?;
        self.sockets.set_handle(endpoint.id(), handle);
        self.publish_socket(endpoint.id());
        Ok(Reply::Socket(endpoint))
    }

    /// A socket of the engine for datagrams or frames, with the ring into which they come.
    fn open_datagrams(&mut self, endpoint: &Arc<Endpoint>, family: Family, receive: usize) -> Result<Handle> {
        let (rings, rx) = self.sockets.datagram_ring(endpoint, receive)?;
        endpoint.set_rings(Some(rings));
        let key = Key(endpoint.id());
        let raw = match (endpoint.kind, family) {
            (Kind::Packet(kind), _) => return Ok(Handle::Packet(self.stack.packet_open(key, rx, kind))),
            (Kind::Raw(protocol), Family::Inet) => RawKind::Raw { protocol },
            (Kind::Raw(protocol), Family::Inet6) => RawKind::Raw6 { protocol },
            (Kind::Ping, Family::Inet) => RawKind::Ping,
            (Kind::Ping, Family::Inet6) => RawKind::Ping6,
            _ => return Ok(Handle::Udp(self.stack.udp_open(key, rx))),
        };
        Ok(Handle::Raw(self.stack.raw_open(key, rx, raw)))
    }

    pub(super) fn bind(&mut self, id: SocketId, addr: SocketAddr, options: BindOptions) -> Result<Reply> {
        match self.handle(id)? {
            Handle::Tcp(tcp) => self.stack.tcp_bind(tcp, addr, options),
            Handle::Udp(udp) => self.stack.udp_bind(udp, addr, options),
            Handle::Raw(raw) => self.stack.raw_bind(raw, addr, options),
            Handle::Packet(_) => return Err(Errno::INVAL),
        }
        .map_err(errno::bind)?;
        Ok(self.described(id))
    }

    pub(super) fn listen(&mut self, id: SocketId, backlog: usize) -> Result<Reply> {
        let tcp = self.stream(id)?;
        self.stack.tcp_listen(tcp, backlog).map_err(errno::listen)?;
        Ok(self.described(id))
    }

    pub(super) fn connect(
        &mut self,
        now: Instant,
        id: SocketId,
        remote: SocketAddr,
        buffers: Buffers,
    ) -> Result<Reply> {
        match self.handle(id)? {
            Handle::Tcp(tcp) => {
                self.connect_stream(id, tcp, buffers, |stack, tx, rx| stack.tcp_connect(now, tcp, remote, tx, rx))?
            }
            Handle::Udp(udp) => self.stack.udp_connect(udp, Some(remote)).map_err(errno::connect)?,
            Handle::Raw(raw) => self.stack.raw_connect(raw, Some(remote)).map_err(errno::connect)?,
            Handle::Packet(_) => return Err(Errno::OPNOTSUPP),
        }
        Ok(self.described(id))
    }

    pub(in crate::backend) fn connect_stream(
        &mut self,
        id: SocketId,
        tcp: TcpId,
        buffers: Buffers,
        connect: impl FnOnce(&mut Stack, Consumer, Producer) -> std::result::Result<(), ConnectError>,
    ) -> Result<()> {
        match self.stack.tcp_status(tcp).ok_or(Errno::BADF)?.state {
            State::Closed => {}
            State::SynSent | State::SynReceived => return Err(Errno::ALREADY),
            _ => return Err(Errno::ISCONN),
        }
        let (endpoint, _) = self.sockets.get(id).ok_or(Errno::BADF)?;
        endpoint.set_rings(None);
        let (rings, tx, rx) = self.sockets.stream_rings(&endpoint, buffers.send, buffers.receive)?;
        // The other end may be here, too, where a SYN without room for it would be dropped.
        if !self.sockets.has_stream() {
            return Err(Errno::NOBUFS);
        }
        connect(&mut self.stack, tx, rx).map_err(errno::connect)?;
        // tcp_connect_init() in Linux.
        endpoint.record.set_error(0);
        endpoint.set_rings(Some(rings));
        Ok(())
    }

    pub(super) fn connect_fast(
        &mut self,
        now: Instant,
        id: SocketId,
        remote: SocketAddr,
        buffers: Buffers,
        text: Option<&[&[u8]]>,
    ) -> Result<Reply> {
        let tcp = self.stream(id)?;
        let first = if text.is_some() { FirstText::InSyn } else { FirstText::SynWaits };
        self.connect_stream(id, tcp, buffers, |stack, tx, rx| stack.tcp_fast_open(now, tcp, remote, tx, rx, first))?;
        match text {
            Some(text) => self.send_syn(now, id, text),
            None => Ok(self.described(id)),
        }
    }

    /// A SYN that has not left takes along what it has room for, which the caller has seen to be readable.
    pub(super) fn send_syn(&mut self, now: Instant, id: SocketId, text: &[&[u8]]) -> Result<Reply> {
        let tcp = self.stream(id)?;
        let (endpoint, _) = self.sockets.get(id).ok_or(Errno::BADF)?;
        let mut room = self.stack.tcp_syn_room(tcp).unwrap_or(0) as usize;
        let mut sent = 0;
        // Another thread that writes is past the SYN.
        if let Some(rings) = endpoint.rings()
            && let Some(mut tx) = rings.tx.as_ref().and_then(|(tx, _)| tx.try_lock())
        {
            for part in text {
                let taken = tx.write(&part[..part.len().min(room)]);
                room -= taken;
                sent += taken;
            }
        }
        self.stack.tcp_send_syn(now, tcp);
        self.described(id);
        Ok(Reply::Sent(sent))
    }

    pub(super) fn disconnect(&mut self, now: Instant, id: SocketId) -> Result<Reply> {
        match self.handle(id)? {
            Handle::Tcp(tcp) => {
                let status = self.stack.tcp_status(tcp).ok_or(Errno::BADF)?;
                self.stack.tcp_disconnect(now, tcp);
                if let Some((endpoint, _)) = self.sockets.get(id) {
                    endpoint.set_rings(None);
                    endpoint.forget_history();
                    if is_broken_off(&status) {
                        endpoint.fail(Errno::CONNRESET.raw_os_error());
                    }
                }
            }
            Handle::Udp(udp) => self.stack.udp_connect(udp, None).map_err(errno::connect)?,
            Handle::Raw(raw) => self.stack.raw_connect(raw, None).map_err(errno::connect)?,
            Handle::Packet(_) => return Err(Errno::OPNOTSUPP),
        }
        Ok(self.described(id))
    }

    pub(super) fn accept(&mut self, listener: SocketId) -> Result<Reply> {
        let tcp = self.stream(listener)?;
        let (endpoint, _) = self.sockets.get(listener).ok_or(Errno::BADF)?;
        let Some(Accepted { id, key: Key(child), remote, header_options, .. }) = self.stack.tcp_accept(tcp) else {
            return Err(Errno::AGAIN);
        };
        endpoint.accepted_one();
        self.sockets.set_handle(child, Handle::Tcp(id));
        self.publish_socket(child);
        let (child, _) = self.sockets.get(child).ok_or(Errno::CONNABORTED)?;
        Ok(Reply::Accepted(child, remote, header_options))
    }

    pub(super) fn shutdown(&mut self, now: Instant, id: SocketId, how: Shutdown) -> Result<Reply> {
        if let Handle::Tcp(tcp) = self.handle(id)? {
            self.stack.tcp_shutdown(now, tcp, how);
        }
        Ok(self.described(id))
    }

    pub(super) fn close(&mut self, now: Instant, id: SocketId, how: Close) -> Result<Reply> {
        match self.sockets.take_handle(id) {
            Some(Handle::Tcp(tcp)) => self.stack.tcp_close(now, tcp, how),
            Some(Handle::Udp(udp)) => self.stack.udp_close(udp),
            Some(Handle::Raw(raw)) => self.stack.raw_close(raw),
            Some(Handle::Packet(packet)) => {
                self.stack.packet_close(packet);
                self.tell_links();
            }
            None => {}
        }
        Ok(Reply::Done)
    }
}

/// Whether dissolving a connection leaves its socket ECONNRESET (Linux: tcp_need_reset(), and SYN-SENT).
fn is_broken_off(status: &TcpStatus) -> bool {
    match status.state {
        State::Established | State::SynReceived | State::FinWait1 | State::FinWait2 | State::CloseWait => true,
        State::SynSent => !status.deferred,
        _ => false,
    }
}
