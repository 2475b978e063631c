//! Sockets with POSIX meaning: blocking, errors and options as Linux has them, over a [`Backend`].
//!
//! A socket begins to end when the last `Arc` of it goes: the descriptor table holds one, and so does every call that is
//! under way, so that, as on Linux, a call that blocks in a socket puts its end off.

mod blocking;
mod datagram;
mod error_queue;
mod family;
mod name;
mod options;
mod packet;
mod path_mtu;
mod plain;
mod stamp;
mod stream;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod urgent;

use crate::backend::{Backend, Buffers, Call, Reply};
use crate::config::TcpDefaults;
use crate::endpoint::{Driven, Endpoint, Kind, State};
pub use crate::endpoint::{Origin, QueuedError};
use crate::{Errno, Events, Kernel, Result, Watcher};
pub use family::Family;
pub use name::{LinkAddr, Name};
use netstack::datagram::Coverage;
pub use netstack::filter::MAX_INSTRUCTIONS;
pub use netstack::ip::HeaderOptions;
use netstack::packet::PacketKind;
use netstack::tcp::Close;
pub use netstack::wire::ipv4_options::answering as return_options;
use options::Settings;
pub use options::{v4_options, whole_header};
pub use packet::Auxdata;
use parking_lot::Mutex;
pub use path_mtu::PathMtu;
use stamp::LastStamp;
use std::io::{IoSlice, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

/// A socket of the rump kernel.
pub struct Socket {
    backend: Arc<dyn Backend>,
    endpoint: Arc<Endpoint>,
    opened_as: Family,
    /// IPV6_ADDRFORM: a socket of AF_INET6 has become one of AF_INET.
    converted: AtomicBool,
    nonblocking: AtomicBool,
    /// connect(2) has begun and no call has told its end yet (Linux's SS_CONNECTING).
    connecting: AtomicBool,
    /// A UDP datagram waits for more pieces (MSG_MORE, UDP_CORK).
    corked: AtomicBool,
    settings: Mutex<Settings>,
    /// What is to be told by IPV6_RECVPATHMTU.
    path_mtu: Mutex<Option<PathMtu>>,
    /// Whom the last connect(2) named, or who was accepted.
    peer: Mutex<Option<SocketAddr>>,
    /// SO_PEEK_OFF.
    peek_offset: AtomicI32,
    /// What SIOCGSTAMP tells.
    last_stamp: LastStamp,
}

/// What recv gives.
#[derive(Clone, Debug, Default)]
pub struct Received {
    /// Bytes copied, or the datagram's whole length under MSG_TRUNC.
    pub len: usize,
    /// Who sent it (datagrams).
    pub from: Option<Name>,
    /// MSG_TRUNC and its like.
    pub flags: i32,
    /// What control messages are made of (datagrams).
    pub info: Option<DatagramInfo>,
    /// Of packet sockets.
    pub auxdata: Option<Auxdata>,
    /// From the error queue (MSG_ERRQUEUE).
    pub error: Option<QueuedError>,
    /// The options of IPv4 of a datagram, or the extension headers of IPv6 behind the byte that says what the first is.
    pub header_options: Vec<u8>,
    /// Instead of a datagram (IPV6_RECVPATHMTU).
    pub path_mtu: Option<PathMtu>,
}

/// What a datagram carried besides its bytes.
#[derive(Clone, Copy, Debug)]
pub struct DatagramInfo {
    /// The address it was sent to.
    pub destination: IpAddr,
    /// The port of it.
    pub port: u16,
    /// The flow label of IPv6.
    pub flow_label: u32,
    /// Bytes of the longest fragment that it came in; 0 of what came whole.
    pub fragment_size: u16,
    /// The interface it came by.
    pub interface: u32,
    /// Time to live as received.
    pub ttl: u8,
    /// Type of service as received.
    pub tos: u8,
    /// UDP_GRO: it is several datagrams of this many bytes, the last may be shorter.
    pub segment: Option<u32>,
    /// When it came, CLOCK_REALTIME nanoseconds.
    pub timestamp_ns: u64,
    /// How many were dropped before it.
    pub drops: u32,
}

/// What the control messages of sendmsg ask for.
#[derive(Clone, Debug, Default)]
pub struct SendControl {
    /// IP_PKTINFO: source address.
    pub source: Option<IpAddr>,
    /// IP_PKTINFO: interface index.
    pub interface: Option<u32>,
    /// IP_TTL.
    pub ttl: Option<u8>,
    /// IP_TOS.
    pub tos: Option<u8>,
    /// IP_RETOPTS: options of IPv4 in place of the socket's, which may be none.
    pub options: Option<Vec<u8>>,
    /// IPV6_HOPOPTS and its kin: extension headers in place of all that the socket has.
    pub extensions: HeaderOptions,
    /// IPV6_FLOWINFO: the flow label.
    pub flow_label: Option<u32>,
    /// IPV6_DONTFRAG.
    pub dont_fragment: Option<bool>,
    /// SCM_TXTIME: it is taken where SO_TXTIME was set.
    pub tx_time: bool,
    /// UDP_SEGMENT; 0 for none.
    pub segment: Option<u16>,
}

/// Which control messages a program wants with what it receives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WantedInfo {
    /// IP_PKTINFO.
    pub packet_info: bool,
    /// IP_RECVTTL.
    pub ttl: bool,
    /// IP_RECVTOS.
    pub tos: bool,
    /// SO_TIMESTAMP and its kin.
    pub stamps: Stamps,
    /// SO_RXQ_OVFL.
    pub drops: bool,
    /// IPV6_RECVPKTINFO.
    pub packet_info6: bool,
    /// IPV6_RECVHOPLIMIT.
    pub hop_limit: bool,
    /// IPV6_RECVTCLASS.
    pub traffic_class: bool,
    /// IP_RECVORIGDSTADDR.
    pub original_destination: bool,
    /// IPV6_RECVORIGDSTADDR.
    pub original_destination6: bool,
    /// IPV6_FLOWINFO.
    pub flow_info: bool,
    /// IP_RECVFRAGSIZE.
    pub fragment_size: bool,
    /// IPV6_RECVFRAGSIZE.
    pub fragment_size6: bool,
    /// IPV6_RECVPATHMTU.
    pub path_mtu: bool,
    /// IP_RECVOPTS.
    pub options: bool,
    /// IP_RETOPTS.
    pub return_options: bool,
    /// IPV6_RECVHOPOPTS.
    pub hop_options: bool,
    /// IPV6_RECVDSTOPTS.
    pub destination_options: bool,
    /// IPV6_RECVRTHDR.
    pub routing: bool,
    /// IPV6_2292HOPOPTS.
    pub old_hop_options: bool,
    /// IPV6_2292DSTOPTS.
    pub old_destination_options: bool,
    /// IPV6_2292RTHDR.
    pub old_routing: bool,
    /// IPV6_2292PKTINFO.
    pub old_packet_info6: bool,
    /// IPV6_2292HOPLIMIT.
    pub old_hop_limit: bool,
    /// TCP_INQ.
    pub inq: bool,
    /// PACKET_AUXDATA.
    pub auxdata: bool,
}

/// Which times a program wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamps {
    /// SO_TIMESTAMP, SO_TIMESTAMPNS.
    pub unit: Option<Stamp>,
    /// By the names and with the types that end in _NEW.
    pub new: bool,
    /// SO_TIMESTAMPING.
    pub flags: u32,
}

/// The fraction of a second of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stamp {
    /// As of `struct timeval`.
    Micros,
    /// As of `struct timespec`.
    Nanos,
}

impl Kernel {
    /// socket(2), without descriptor and without the flags in `kind`.
    ///
    /// Errors: EAFNOSUPPORT for every domain but AF_INET, AF_INET6 and AF_PACKET, ESOCKTNOSUPPORT, EPROTONOSUPPORT,
    /// EINVAL, ENOBUFS.
    pub fn socket(self: &Arc<Self>, domain: i32, kind: i32, protocol: i32) -> Result<Arc<Socket>> {
        let family = match domain {
            libc::AF_INET => Family::Inet,
            libc::AF_INET6 => Family::Inet6,
            libc::AF_PACKET => {
                let socket = self.open_in(Family::Packet, packet::kind(kind)?)?;
                // Of the number's 32 bits Linux looks at those that an ethertype has, in network order.
                let protocol = u16::from_be(protocol as u16);
                socket.bind_link(&LinkAddr { protocol, ..LinkAddr::default() })?;
                return Ok(socket);
            }
            _ => return Err(Errno::AFNOSUPPORT),
        };
        /// IPPROTO_MAX of Linux, above IPPROTO_MPTCP.
        const PROTOCOLS: std::ops::Range<i32> = 0..263;
        if !PROTOCOLS.contains(&protocol) {
            return Err(Errno::INVAL);
        }
        let kind = match (kind, protocol) {
            (libc::SOCK_DGRAM, libc::IPPROTO_ICMP) if family == Family::Inet6 => return Err(Errno::PROTONOSUPPORT),
            (libc::SOCK_DGRAM, libc::IPPROTO_ICMPV6) if family == Family::Inet6 => Kind::Ping,
            (libc::SOCK_STREAM, 0 | libc::IPPROTO_TCP) => Kind::Stream,
            (libc::SOCK_DGRAM, 0 | libc::IPPROTO_UDP) => Kind::Datagram,
            (libc::SOCK_DGRAM, libc::IPPROTO_UDPLITE) => return self.open_lite(family),
            (libc::SOCK_DGRAM, libc::IPPROTO_ICMP) => Kind::Ping,
            (libc::SOCK_RAW, 1..=255) => Kind::Raw(protocol as u8),
            (libc::SOCK_STREAM | libc::SOCK_DGRAM | libc::SOCK_RAW, _) => return Err(Errno::PROTONOSUPPORT),
            (libc::SOCK_RDM | libc::SOCK_SEQPACKET, _) => return Err(Errno::SOCKTNOSUPPORT),
            _ => return Err(Errno::INVAL),
        };
        self.open_in(family, kind)
    }

    /// socket(2) of AF_INET for who has no numbers. Errors: ENOBUFS.
    pub fn open(&self, kind: Kind) -> Result<Arc<Socket>> {
        self.open_in(Family::Inet, kind)
    }

    /// A socket of UDP-Lite: one of UDP that says so before it does anything.
    fn open_lite(&self, family: Family) -> Result<Arc<Socket>> {
        let socket = self.open_in(family, Kind::Datagram)?;
        let mut settings = socket.settings.lock();
        settings.raw.datagram.lite = Some(Coverage::default());
        socket.backend.call(Call::SetDatagramOptions(socket.id(), settings.raw))?;
        drop(settings);
        Ok(socket)
    }

    /// socket(2) for who has no numbers. Errors: ENOBUFS.
    pub fn open_in(&self, family: Family, kind: Kind) -> Result<Arc<Socket>> {
        let backend = self.backend().clone();
        let settings = Settings::new(family, kind, self.config().tcp);
        let endpoint = backend.call(Call::Open(family, kind, settings.buffers()))?.socket()?;
        if kind == Kind::Stream && self.config().tcp != TcpDefaults::default() {
            backend.call(Call::SetTcpOptions(endpoint.id(), settings.tcp))?;
        }
        if kind != Kind::Stream && family == Family::Inet6 {
            backend.call(Call::SetDatagramOptions(endpoint.id(), settings.raw))?;
        }
        Ok(Arc::new(Socket::new(backend, endpoint, family, settings)))
    }
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
            last_stamp: LastStamp::default(),
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

    /// As [`connect`](Self::connect), with what is wrong with the address: a stream looks at its state first.
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

    /// An address as the program and as the engine has it; what it says of the flow is the socket's from now on.
    fn toward(&self, addr: Result<SocketAddr>) -> Result<(SocketAddr, SocketAddr)> {
        let addr = addr?;
        let said = self.flow_label_of(addr);
        let to = self.to_connect(addr)?;
        self.set_flow_label(said)?;
        Ok((addr, to))
    }

    /// connect(2) with AF_UNSPEC: the socket is as if it had never been connected.
    pub fn disconnect(&self) -> Result<()> {
        self.connecting.store(false, Ordering::Release);
        self.backend.call(Call::Disconnect(self.id()))?;
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
        // As bind(2) in Linux: whoever connects or has been connected must dissolve that first.
        if self.connecting.load(Ordering::Acquire) || self.endpoint.state().contains(State::CONNECTED) {
            return Err(Errno::INVAL);
        }
        if self.family() == Family::Inet6
            && self.endpoint.state().contains(State::CLOSED)
            && self.local_addr()? == SocketAddr::new(self.family().unspecified(), 0)
        {
            self.bind(SocketAddr::new(self.family().unspecified(), 0))?;
        }
        // Linux takes the number as unsigned and cuts it at somaxconn.
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
                Ok(Reply::Accepted(endpoint, peer)) => {
                    let settings = self.settings.lock().inherited();
                    endpoint.set_low_water(self.endpoint.low_water());
                    endpoint.set_oob_inline(self.endpoint.oob_inline());
                    endpoint.set_not_sent_low_water(self.endpoint.not_sent_low_water());
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
            (Kind::Packet(_), None) => return self.send_packet(bufs, flags, None),
            (Kind::Packet(_), Some(Name::Link(to))) => return self.send_packet(bufs, flags, Some(to)),
            (Kind::Packet(_), Some(Name::Inet(_))) => return Err(Errno::INVAL),
            (_, None) => None,
            (_, Some(to)) => Some(to.inet().ok_or(Errno::AFNOSUPPORT)?),
        };
        let sent = match self.endpoint.kind {
            Kind::Stream => self.send_stream(bufs, flags, to),
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
            // inet_shutdown(): a connection that nobody was told of counts as told.
            Kind::Stream if self.endpoint.state() & (State::CONNECTED | State::CLOSED) == State::CONNECTED => {
                self.connecting.store(false, Ordering::Release);
            }
            Kind::Stream if !self.endpoint.state().contains(State::CLOSED) => {}
            kind => {
                // inet_shutdown(): without a peer it is ENOTCONN, and takes effect: whoever waits in recv(2) is let go.
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

    /// getsockname(2): the unspecified address and port 0 before the socket has one.
    pub fn local_addr(&self) -> Result<SocketAddr> {
        let (local, _) = self.backend.call(Call::Names(self.id()))?.names()?;
        let mut local =
            local.map_or(SocketAddr::new(self.family().unspecified(), 0), |local| self.family().shown(local));
        // Linux has it there.
        if let Kind::Raw(protocol) = self.endpoint.kind {
            local.set_port(u16::from(protocol));
        }
        Ok(local)
    }

    /// getsockname(2) of any socket.
    pub fn name(&self) -> Result<Name> {
        if self.is_packet() { self.link_name().map(Name::Link) } else { self.local_addr().map(Name::Inet) }
    }

    /// getpeername(2): ENOTCONN without a peer, and with one of port 0, as on Linux.
    pub fn peer_addr(&self) -> Result<SocketAddr> {
        let state = self.endpoint.state();
        if self.endpoint.kind == Kind::Stream && state.intersects(State::CLOSED | State::CONNECTING | State::LISTENING)
        {
            return Err(Errno::NOTCONN);
        }
        let (_, remote) = self.backend.call(Call::Names(self.id()))?.names()?;
        let mut remote = remote.map(|remote| self.family().shown(remote)).ok_or(Errno::NOTCONN)?;
        // To the engine ports mean nothing to raw and ping sockets.
        if matches!(self.endpoint.kind, Kind::Raw(_) | Kind::Ping) {
            remote.set_port(self.peer.lock().map_or(0, |peer| peer.port()));
        }
        if remote.port() == 0 { Err(Errno::NOTCONN) } else { Ok(remote) }
    }

    /// SO_PEERNAME: of a stream also before the connection is there and when it is over.
    fn last_peer(&self) -> Result<SocketAddr> {
        match self.endpoint.kind {
            Kind::Stream => self.peer.lock().ok_or(Errno::NOTCONN),
            _ => self.peer_addr(),
        }
    }

    /// getsockopt(2) of what reads what the program has put where the answer goes, and gives as much as that asks for; None:
    /// another option.
    pub fn getsockopt_answer(&self, level: i32, name: i32, asked: &[u8]) -> Result<Option<Vec<u8>>> {
        options::answer(self, level, name, asked)
    }

    /// Whether [`getsockopt`](Self::getsockopt) wants to find in `into` what the program has put there.
    pub fn getsockopt_asks(level: i32, name: i32) -> bool {
        options::asks(level, name)
    }

    /// getsockopt(2): writes the value into `into`, cut to its length; returns the length of what was written.
    pub fn getsockopt(&self, level: i32, name: i32, into: &mut [u8]) -> Result<usize> {
        options::get(self, level, name, into)
    }

    /// How much getsockopt(2) gives to a negative length.
    pub fn negative_room(&self, level: i32) -> Result<usize> {
        options::negative_room(self, level)
    }

    /// Whether [`setsockopt`](Self::setsockopt) wants the instructions to which the program's `struct sock_fprog` points.
    pub fn setsockopt_follows(level: i32, name: i32) -> bool {
        options::is_program(level, name)
    }

    /// setsockopt(2).
    pub fn setsockopt(&self, level: i32, name: i32, value: &[u8]) -> Result<()> {
        options::set(self, level, name, value)
    }

    /// FIONREAD: bytes that can be read; for datagrams the size of the next one.
    pub fn inq(&self) -> Result<usize> {
        match self.endpoint.kind {
            Kind::Ping => Err(Errno::NOTTY),
            Kind::Stream if self.endpoint.state().contains(State::LISTENING) => Err(Errno::INVAL),
            Kind::Stream => Ok(self.endpoint.rings().map_or(0, |rings| self.readable_to_mark(&rings))),
            Kind::Packet(_) => self.next_packet(),
            _ => self.next_datagram(),
        }
    }

    /// What TCP_INQ tells after a read: bytes that have come, and 1 at the end of the stream, which is to be read, too.
    pub fn inq_hint(&self) -> u32 {
        let readable = self.endpoint.rings().map_or(0, |rings| rings.readable());
        let ended = self.endpoint.state().contains(State::NO_MORE_IN);
        if readable == 0 { u32::from(ended) } else { u32::try_from(readable).unwrap_or(u32::MAX) }
    }

    /// SIOCOUTQ: bytes written and not acknowledged.
    pub fn outq(&self) -> Result<usize> {
        if self.endpoint.state().contains(State::LISTENING) {
            return Err(Errno::INVAL);
        }
        if self.endpoint.kind == Kind::Ping {
            return Err(Errno::NOTTY);
        }
        Ok(self.endpoint.rings().map_or(0, |rings| rings.unsent()))
    }

    /// SIOCOUTQNSD: bytes written that have not left. ENOTTY of what is no stream.
    pub fn outq_not_sent(&self) -> Result<usize> {
        match self.endpoint.kind {
            Kind::Stream if self.endpoint.state().contains(State::LISTENING) => Err(Errno::INVAL),
            Kind::Stream => Ok(self.endpoint.rings().map_or(0, |rings| rings.not_sent())),
            _ => Err(Errno::NOTTY),
        }
    }

    /// Whether a UDP datagram waits for more pieces: what comes with the next one for its way does not count.
    pub fn is_corked(&self) -> bool {
        self.corked.load(Ordering::Acquire)
    }

    /// The pending error (SO_ERROR), which is thereby taken.
    pub fn take_pending(&self) -> Result<()> {
        self.take_error().map_or(Ok(()), Err)
    }

    /// An error that the next call is to meet.
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
    pub fn driven(&self) -> Driven {
        self.endpoint.driven()
    }

    /// Sets it. Signals begin with what comes from now on.
    pub fn set_driven(&self, driven: Driven) {
        self.endpoint.set_driven(driven);
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

    /// Which control messages the program asked for with what it receives.
    pub fn wanted_info(&self) -> WantedInfo {
        self.settings.lock().wanted
    }

    /// poll(2) bits that hold now, from the socket itself.
    pub fn readiness(&self) -> Events {
        self.endpoint.readiness()
    }

    /// Grows with every arrival and state change: an edge-triggered watcher reports again when it differs.
    pub fn arrivals(&self) -> u64 {
        self.endpoint.record.arrivals()
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
    /// The last close: SO_LINGER decides between FIN and RST, unread data makes it a RST.
    fn drop(&mut self) {
        if self.endpoint.is_watched() {
            crate::poll::socket_closed(&self.endpoint);
        }
        let linger = self.settings.get_mut().linger;
        let unread = self.endpoint.rings().is_some_and(|rings| rings.readable() > 0);
        let how = match linger {
            Some(0) => Close::Abort,
            _ => Close::Graceful { unread },
        };
        let _ = self.backend.call(Call::Close(self.id(), how));
        // Linux waits on a non-blocking socket, too.
        if let Some(seconds @ 1..) = linger
            && self.endpoint.kind == Kind::Stream
        {
            self.linger(seconds);
        }
    }
}
