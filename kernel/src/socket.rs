//! Sockets with POSIX meaning: blocking, errors and options as Linux has them, over a [`Backend`].
//!
//! A socket is closed when its last `Arc` is dropped. The descriptor table holds one, and so does every call that is under way:
//! as on Linux, a call that is blocked in a socket keeps it open.

mod blocking;
mod datagram;
mod error_queue;
mod family;
mod message;
mod name;
mod open;
mod options;
mod packet;
mod path_mtu;
mod peek_offset;
mod plain;
mod queued;
mod repair;
mod send_control;
mod stamp;
mod stream;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod tx_timestamp;
mod urgent;

use crate::backend::{Backend, Buffers, Call, Reply};
use crate::endpoint::{Endpoint, Kind, SignalDriven, State};
pub use crate::endpoint::{Origin, QueuedError};
use crate::{Errno, Events, InterfaceInfo, Result, Watcher};
use arena::record::Counts;
pub use family::Family;
pub use message::{DatagramInfo, Received, SendControl, Stamp, Stamps, WantedInfo};
pub use name::{LinkAddr, Name};
pub use netstack::filter::MAX_INSTRUCTIONS;
pub use netstack::ip::HeaderOptions;
use netstack::packet::PacketKind;
pub use netstack::wire::ipv4_options::answering as return_options;
use options::Settings;
pub use options::{Passing, SocketOption};
use options::{v4_options, whole_header};
pub use packet::{Auxdata, DeviceAddr, SOCK_PACKET};
use parking_lot::Mutex;
pub use path_mtu::PathMtu;
use repair::Repair;
use stamp::LastStamp;
use std::io::{IoSlice, IoSliceMut};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use tx_timestamp::TxTimestampCount;
pub(crate) use tx_timestamp::queued_tx_timestamp;
pub use tx_timestamp::stamping;

/// A socket of the rump kernel.
pub struct Socket {
    backend: Arc<dyn Backend>,
    endpoint: Arc<Endpoint>,
    opened_as: Family,
    /// IPV6_ADDRFORM: a socket of AF_INET6 has become one of AF_INET.
    converted: AtomicBool,
    nonblocking: AtomicBool,
    /// connect(2) has begun, and no call has returned its outcome yet (Linux's SS_CONNECTING).
    connecting: AtomicBool,
    /// A UDP datagram waits for more pieces (MSG_MORE, UDP_CORK).
    corked: AtomicBool,
    settings: Mutex<Settings>,
    /// A path MTU that IPV6_RECVPATHMTU is to report.
    path_mtu: Mutex<Option<PathMtu>>,
    /// The address of the last connect(2), or of the peer that was accepted.
    peer: Mutex<Option<SocketAddr>>,
    /// SO_PEEK_OFF.
    peek_offset: AtomicI32,
    /// Up to where in the ring empty datagrams have been peeked at.
    peeked_nothing: AtomicU64,
    /// TCP_REPAIR.
    repair: Mutex<Repair>,
    /// For SIOCGSTAMP.
    last_stamp: LastStamp,
    /// Numbers of sends (SOF_TIMESTAMPING_OPT_ID).
    tx_timestamps: TxTimestampCount,
}

impl Socket {
    fn new(backend: Arc<dyn Backend>, endpoint: Arc<Endpoint>, family: Family, settings: Settings) -> Socket {
        Socket {
            backend,
            endpoint,
            opened_as: family,
            converted: AtomicBool::new(false),
            nonblocking: AtomicBool::new(false),
            connecting: AtomicBool::new(false),
            corked: AtomicBool::new(false),
            settings: Mutex::new(settings),
            path_mtu: Mutex::new(None),
            peer: Mutex::new(None),
            peek_offset: AtomicI32::new(-1),
            peeked_nothing: AtomicU64::new(0),
            repair: Mutex::default(),
            last_stamp: LastStamp::default(),
            tx_timestamps: TxTimestampCount::default(),
        }
    }

    /// bind(2). Errors: EADDRINUSE, EADDRNOTAVAIL, EINVAL (already bound), EAFNOSUPPORT.
    pub fn bind(&self, addr: SocketAddr) -> Result<()> {
        if self.is_packet() {
            return Err(Errno::INVAL);
        }
        let addr = self.to_bind(addr)?;
        let options = self.settings.lock().bind();
        self.backend.call(Call::Bind(self.id(), addr, options)).map(drop)
    }

    /// connect(2). Blocks unless [`nonblocking`](Self::nonblocking); then EINPROGRESS, EALREADY, EISCONN as on Linux.
    pub fn connect(&self, addr: SocketAddr) -> Result<()> {
        self.connect_named(Ok(addr))
    }

    /// As [`connect`](Self::connect), also with an address that could not be read: a stream reports its state first.
    pub fn connect_named(&self, addr: Result<SocketAddr>) -> Result<()> {
        match self.endpoint.kind {
            Kind::Packet(_) => Err(Errno::OPNOTSUPP),
            Kind::Stream => self.connect_stream(addr),
            _ => {
                let (addr, to) = self.toward(addr)?;
                self.backend.call(Call::Connect(self.id(), to, self.buffers()))?;
                *self.peer.lock() = Some(addr);
                Ok(())
            }
        }
    }

    /// The address as the program names it, and as the engine does. Its flow label is the socket's from now on.
    fn toward(&self, addr: Result<SocketAddr>) -> Result<(SocketAddr, SocketAddr)> {
        let addr = addr?;
        let said = self.flow_label_of(addr);
        let to = self.to_connect(addr)?;
        // As on Linux, a datagram socket does not check the label if the address is one of IPv4.
        if to.is_ipv6() || self.endpoint.kind == Kind::Stream {
            self.use_flow_label(said)?;
        }
        self.set_flow_label(said)?;
        Ok((addr, to))
    }

    /// connect(2) with AF_UNSPEC: the socket is as if it had never been connected.
    pub fn disconnect(&self) -> Result<()> {
        self.connecting.store(false, Ordering::Release);
        match self.repairs() && !self.endpoint.state().contains(State::LISTENING) {
            true => self.abandon()?,
            false => drop(self.backend.call(Call::Disconnect(self.id()))?),
        }
        *self.peer.lock() = None;
        if self.endpoint.kind == Kind::Stream {
            // tcp_disconnect() reports an error, whether there is one or not.
            self.endpoint.signal_error();
        }
        Ok(())
    }

    /// listen(2). Errors: EOPNOTSUPP, EADDRINUSE, EINVAL (connected).
    pub fn listen(&self, backlog: i32) -> Result<()> {
        if self.endpoint.kind != Kind::Stream {
            return Err(Errno::OPNOTSUPP);
        }
        // As on Linux, a socket that connects or has been connected must be disconnected first.
        if self.connecting.load(Ordering::Acquire) || self.endpoint.state().contains(State::CONNECTED) {
            return Err(Errno::INVAL);
        }
        if self.family() == Family::Inet6
            && self.endpoint.state().contains(State::CLOSED)
            && self.local_addr()? == SocketAddr::new(self.family().unspecified(), 0)
        {
            self.bind(SocketAddr::new(self.family().unspecified(), 0))?;
        }
        // Linux reads the number as unsigned and bounds it by somaxconn.
        let backlog = usize::try_from(backlog).unwrap_or(SOMAXCONN).min(SOMAXCONN);
        self.backend.call(Call::Listen(self.id(), backlog)).map(drop)
    }

    /// accept(2). Errors: EAGAIN, EINVAL (not listening), EOPNOTSUPP, EINTR.
    pub fn accept(&self) -> Result<(Arc<Socket>, SocketAddr)> {
        self.accept_with(|| Ok(())).map(|(socket, peer, ())| (socket, peer))
    }

    /// As [`accept`](Self::accept); `prepare` is called when there is a connection, before it is taken: where it fails, the
    /// connection stays in the queue.
    pub fn accept_with<R>(&self, mut prepare: impl FnMut() -> Result<R>) -> Result<(Arc<Socket>, SocketAddr, R)> {
        if self.endpoint.kind != Kind::Stream {
            return Err(Errno::OPNOTSUPP);
        }
        let deadline = self.receive_deadline();
        self.block(self.nonblocking(), deadline, || {
            if !self.endpoint.state().contains(State::LISTENING) {
                return Err(Errno::INVAL);
            }
            if self.endpoint.record.accept_queue() == 0 {
                self.backend.look();
            }
            if self.endpoint.record.accept_queue() == 0 {
                return Ok(None);
            }
            let prepared = prepare()?;
            match self.backend.call(Call::Accept(self.id())) {
                Ok(Reply::Accepted(endpoint, peer, header_options)) => {
                    let settings = self.settings.lock().inherited(header_options);
                    endpoint.set_low_water(self.endpoint.low_water());
                    endpoint.set_oob_inline(self.endpoint.oob_inline());
                    endpoint.set_resets(settings.linger == Some(0));
                    endpoint.set_not_sent_low_water(self.endpoint.not_sent_low_water());
                    settings.bound_rings(&endpoint);
                    let socket = Socket::new(self.backend.clone(), endpoint, self.family(), settings);
                    *socket.peer.lock() = Some(self.family().shown(peer));
                    socket.peek_offset.store(self.peek_offset.load(Ordering::Relaxed), Ordering::Relaxed);
                    Ok(Some((Arc::new(socket), self.family().shown(peer), prepared)))
                }
                Ok(_) => Err(Errno::PROTO),
                Err(Errno::AGAIN) => Ok(None),
                Err(error) => Err(error),
            }
        })
    }

    /// send(2), sendto(2), sendmsg(2). EPIPE: the caller raises SIGPIPE unless MSG_NOSIGNAL.
    pub fn send(&self, bufs: &[IoSlice<'_>], flags: i32, to: Option<Name>, control: &SendControl) -> Result<usize> {
        let to = match (self.endpoint.kind, to) {
            (Kind::Packet(PacketKind::ByName), to) => {
                return self.send_packet(bufs, flags, Some(self.device_to(to)?), control);
            }
            (Kind::Packet(_), None) => return self.send_packet(bufs, flags, None, control),
            (Kind::Packet(_), Some(Name::Link(to))) => return self.send_packet(bufs, flags, Some(to), control),
            (Kind::Packet(_), Some(Name::Inet(_) | Name::Device(_))) => return Err(Errno::INVAL),
            (_, None) => None,
            (_, Some(to)) => Some(to.inet().ok_or(Errno::AFNOSUPPORT)?),
        };
        let sent = match self.endpoint.kind {
            Kind::Stream => self.send_stream(bufs, flags, to, control),
            _ => self.send_datagram(bufs, flags, to, control),
        }?;
        if flags & libc::MSG_ZEROCOPY != 0 {
            self.report_copied(sent);
        }
        Ok(sent)
    }

    /// recv(2), recvfrom(2), recvmsg(2).
    pub fn recv(&self, bufs: &mut [IoSliceMut<'_>], flags: i32) -> Result<Received> {
        if flags & libc::MSG_ERRQUEUE != 0 {
            return self.recv_error(bufs);
        }
        let received = match self.endpoint.kind {
            Kind::Stream => return self.recv_stream(bufs, flags),
            Kind::Packet(_) => self.recv_packet(bufs, flags),
            _ => self.recv_datagram(bufs, flags),
        }?;
        if let Some(info) = &received.info {
            self.last_stamp.received(info.timestamp_ns, || self.settings.lock().wanted.stamps.unit.is_some());
        }
        Ok(received)
    }

    /// shutdown(2). Errors: ENOTCONN, EINVAL.
    pub fn shutdown(&self, how: i32) -> Result<()> {
        let (read, write) = match how {
            libc::SHUT_RD => (true, false),
            libc::SHUT_WR => (false, true),
            libc::SHUT_RDWR => (true, true),
            _ => return Err(Errno::INVAL),
        };
        let how = netstack::socket::Shutdown { read, write };
        match self.endpoint.kind {
            Kind::Packet(_) => return Err(Errno::OPNOTSUPP),
            // tcp_disconnect() in Linux.
            Kind::Stream if self.endpoint.state() & (State::CONNECTING | State::DEFERRED) == State::CONNECTING => {
                return self.disconnect();
            }
            // inet_shutdown(): the outcome of connect(2) counts as returned.
            Kind::Stream if self.endpoint.state() & (State::CONNECTED | State::CLOSED) == State::CONNECTED => {
                self.connecting.store(false, Ordering::Release);
            }
            Kind::Stream if !self.endpoint.state().contains(State::CLOSED) => {}
            kind => {
                // inet_shutdown(): without a peer it is ENOTCONN, but takes effect: calls that wait in recv(2) return.
                let mut state = self.endpoint.state();
                state.set(State::NO_MORE_IN, read || state.contains(State::NO_MORE_IN));
                state.set(State::NO_MORE_OUT, write || state.contains(State::NO_MORE_OUT));
                self.endpoint.record.set_state(state.bits());
                self.endpoint.changed();
                let connected = kind != Kind::Stream && self.backend.call(Call::Names(self.id()))?.names()?.1.is_some();
                if !connected {
                    return Err(Errno::NOTCONN);
                }
            }
        }
        self.backend.call(Call::Shutdown(self.id(), how)).map(drop)
    }

    /// Whether a UDP datagram waits for more pieces: the address and the control messages of further pieces do not count.
    pub fn is_corked(&self) -> bool {
        self.corked.load(Ordering::Acquire)
    }

    /// The pending error (SO_ERROR), which is thereby taken.
    pub fn take_pending(&self) -> Result<()> {
        self.take_error().map_or(Ok(()), Err)
    }

    /// Leaves an error for the next call.
    pub fn leave_error(&self, error: Errno) {
        self.endpoint.fail(error.raw_os_error());
        self.endpoint.changed();
    }

    /// O_NONBLOCK.
    pub fn nonblocking(&self) -> bool {
        self.nonblocking.load(Ordering::Relaxed)
    }

    /// Sets O_NONBLOCK.
    pub fn set_nonblocking(&self, on: bool) {
        self.nonblocking.store(on, Ordering::Relaxed);
    }

    /// Signal-driven I/O, as the program has set it by fcntl(2).
    pub fn signal_driven(&self) -> SignalDriven {
        self.endpoint.signal_driven()
    }

    /// Sets it, for events from now on.
    pub fn set_signal_driven(&self, settings: SignalDriven) {
        self.endpoint.set_signal_driven(settings);
    }

    /// SO_DOMAIN.
    pub fn domain(&self) -> i32 {
        match self.family() {
            Family::Inet => libc::AF_INET,
            Family::Inet6 => libc::AF_INET6,
            Family::Packet => libc::AF_PACKET,
        }
    }

    /// SO_TYPE.
    pub fn kind(&self) -> i32 {
        match self.endpoint.kind {
            Kind::Stream => libc::SOCK_STREAM,
            Kind::Datagram | Kind::Ping => libc::SOCK_DGRAM,
            Kind::Packet(PacketKind::Payload) => libc::SOCK_DGRAM,
            Kind::Packet(PacketKind::ByName) => SOCK_PACKET,
            Kind::Raw(_) | Kind::Packet(PacketKind::Frame) => libc::SOCK_RAW,
        }
    }

    /// SO_PROTOCOL.
    pub fn protocol(&self) -> i32 {
        match self.endpoint.kind {
            Kind::Stream => libc::IPPROTO_TCP,
            Kind::Datagram if self.settings.lock().raw.datagram.lite.is_some() => libc::IPPROTO_UDPLITE,
            Kind::Datagram => libc::IPPROTO_UDP,
            Kind::Ping if self.family() == Family::Inet6 => libc::IPPROTO_ICMPV6,
            Kind::Ping => libc::IPPROTO_ICMP,
            Kind::Raw(protocol) => i32::from(protocol),
            Kind::Packet(_) => 0,
        }
    }

    /// Which control messages the program wants with what it receives.
    pub fn wanted_info(&self) -> WantedInfo {
        self.settings.lock().wanted
    }

    /// poll(2) bits that hold now, from the socket itself.
    pub fn readiness(&self) -> Events {
        self.endpoint.readiness()
    }

    /// What an edge-triggered watcher may see, counted.
    pub fn counts(&self) -> Counts {
        self.endpoint.record.counts()
    }

    /// Tells `watcher` of changes until [`unwatch`](Self::unwatch).
    pub fn watch(&self, watcher: &Arc<dyn Watcher>, token: u64) {
        self.endpoint.watch(watcher, token);
    }

    /// Ends what [`watch`](Self::watch) began.
    pub fn unwatch(&self, watcher: &Arc<dyn Watcher>, token: u64) {
        self.endpoint.unwatch(watcher, token);
    }

    pub(crate) fn endpoint(&self) -> &Arc<Endpoint> {
        &self.endpoint
    }

    fn interfaces(&self) -> Result<Vec<InterfaceInfo>> {
        match self.backend.call(Call::Interfaces)? {
            Reply::Interfaces(list) => Ok(list),
            _ => Err(Errno::PROTO),
        }
    }

    fn id(&self) -> crate::endpoint::SocketId {
        self.endpoint.id()
    }

    fn buffers(&self) -> Buffers {
        self.settings.lock().buffers()
    }
}

/// net.core.somaxconn.
const SOMAXCONN: usize = 4096;

impl Drop for Socket {
    /// The last close: see `Endpoint::ending`.
    fn drop(&mut self) {
        if self.endpoint.is_watched() {
            crate::poll::socket_closed(&self.endpoint);
        }
        let linger = self.settings.get_mut().linger;
        let _ = self.backend.call(Call::Close(self.id(), self.endpoint.ending()));
        // Linux waits on a non-blocking socket, too.
        if let Some(seconds @ 1..) = linger
            && self.endpoint.kind == Kind::Stream
        {
            self.linger(seconds);
        }
    }
}
