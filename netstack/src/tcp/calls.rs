//! The program's calls that begin something: socket(2), bind(2), listen(2), connect(2), accept(2), and what it may ask
//! and set (RFC 9293 §3.10.1–3.10.3, §3.10.6).

use super::demux::{Owner, Tuple};
use super::durable::{Durable, Timestamps};
use super::errors::TcpError;
use super::fast_open::FirstText;
use super::info::{TcpInfo, TcpStatus};
use super::listen::announced_mss;
use super::options::TcpOptions;
use super::ports::Binding;
use super::remnant::Remnant;
use super::seam::{Env, Path};
use super::seq::Seq;
use super::socket::{Idle, Kind, Listener, Socket};
use super::tcb::{Opening, Tcb};
use super::window::SCALE;
use super::{Accepted, Tcp, TcpId};
use crate::datagram::{ErrorReport, Reports};
use crate::events::Events;
use crate::ip::{end, plain};
use crate::slab::Handle;
use crate::socket::{BindError, BindOptions, ConnectError, Key, ListenError, PortRange};
use crate::time::Instant;
use arena::{Consumer, Producer};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What connect(2) begins with.
pub(super) struct Claimed {
    pub(super) tuple: Tuple,
    /// The sequence number to begin with, if an old connection in TIME-WAIT had the four-tuple.
    successor: Option<Seq>,
    path: Path,
    pub(super) options: TcpOptions,
    pub(super) advertised_mss: u16,
}

impl Tcp {
    /// socket(2).
    pub(crate) fn open(&mut self, key: Key) -> TcpId {
        let kind = Kind::Idle(Idle::default());
        TcpId(self.sockets.insert(Socket {
            key,
            binding: None,
            error: None,
            reports: Reports::default(),
            packet_info: None,
            kind,
        }))
    }

    /// bind(2). Port 0 takes an ephemeral port. Returns the address bound to.
    pub(crate) fn bind(
        &mut self,
        id: TcpId,
        local: SocketAddr,
        options: BindOptions,
        env: &mut Env<'_>,
    ) -> Result<SocketAddr, BindError> {
        let socket = self.sockets.get_mut(id.0).ok_or(BindError::NotFound)?;
        let foreign = !options.free && !local.ip().is_unspecified() && !env.paths.is_local(local.ip());
        let used = socket.binding.is_some_and(|binding| binding.has_port()) || !matches!(socket.kind, Kind::Idle(_));
        // Linux checks the address first for IPv4, and the state for IPv6.
        match (foreign, used) {
            (true, true) if local.is_ipv6() => return Err(BindError::InvalidState),
            (true, _) => return Err(BindError::AddrNotAvailable),
            (false, true) => return Err(BindError::InvalidState),
            (false, false) => {}
        }
        // A socket with a program of its own begins a group, and joins none.
        let alone = self.programs.contains_key(&id.0);
        let asked = BindOptions { reuse_port: options.reuse_port && !alone, ..options };
        let mut binding = self.ports.bind(plain(local), asked, env.rng)?;
        if binding.has_port() && asked != options {
            self.ports.release(&binding);
            binding.options = options;
            self.ports.hold(&binding);
        }
        socket.binding = Some(binding);
        Ok(binding.local)
    }

    /// listen(2). Again on a listener changes the backlog. An unbound socket gets an ephemeral port.
    pub(crate) fn listen(&mut self, id: TcpId, backlog: usize, env: &mut Env<'_>) -> Result<(), ListenError> {
        let socket = self.sockets.get_mut(id.0).ok_or(ListenError::NotFound)?;
        let options = match &mut socket.kind {
            Kind::Listening(listener) => {
                listener.backlog = backlog;
                return Ok(());
            }
            Kind::Connection(_) => return Err(ListenError::InvalidState),
            Kind::Idle(idle) => idle.options.clone(),
        };
        let mut binding = match socket.binding {
            Some(binding) if binding.has_port() => binding,
            binding => {
                let any = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0);
                let bound = binding.map(|binding| BindOptions { no_port: false, ..binding.options });
                let bound = bound.unwrap_or(BindOptions { ports: options.ports, ..BindOptions::default() });
                let local = binding.map_or(any, |binding| binding.local);
                self.ports.bind(local, bound, env.rng).map_err(|_| ListenError::NoPorts)?
            }
        };
        let free = self.ports.start_listening(&mut binding, options.bound_to);
        socket.binding = Some(binding);
        if !free {
            return Err(ListenError::AddrInUse);
        }
        socket.kind = Kind::Listening(Listener { options, backlog, ..Listener::default() });
        let program = self.programs.remove(&id.0).flatten();
        self.has_programs |= program.is_some();
        self.demux.add_listener(&binding, id.0, program);
        Ok(())
    }

    /// connect(2): the SYN is sent by the next poll, or when there is text for it.
    pub(crate) fn connect(
        &mut self,
        now: Instant,
        id: TcpId,
        remote: SocketAddr,
        (tx, rx): (Consumer, Producer),
        first: FirstText,
        env: &mut Env<'_>,
    ) -> Result<(), ConnectError> {
        let Claimed { tuple, successor, path, options, advertised_mss } = self.claim(now, id, remote, env)?;
        let remote = tuple.remote;
        let iss = successor.unwrap_or_else(|| self.secrets.isn(&tuple, now));
        let durable = Durable {
            rcv_scale: SCALE,
            snd_mss: advertised_mss,
            timestamps: Some(Timestamps {
                offset: self.secrets.timestamp_offset(&tuple),
                recent: 0,
                recent_age: now.millis(),
            }),
            sack: true,
            ecn: options.ecn,
            ..Durable::syn_sent(tuple.local, tuple.remote, iss)
        };
        let mut tcb = Tcb::new(now, Opening { durable, options: options.clone(), tx, rx, advertised_mss });
        let carried = advertised_mss.min(announced_mss(path.path_mtu, remote.is_ipv6(), None));
        let carried = carried.saturating_sub(tcb.options_behind_header() as u16);
        tcb.early = self.fast_open.active(now, &tuple, first, &options, carried);
        self.begin(now, id.0, tcb, env.events);
        Ok(())
    }

    /// The way to `remote`, and the four-tuple for a connection.
    pub(super) fn claim(
        &mut self,
        now: Instant,
        id: TcpId,
        remote: SocketAddr,
        env: &mut Env<'_>,
    ) -> Result<Claimed, ConnectError> {
        let remote = match loopback_for_any(remote.ip()) {
            addr if addr == remote.ip() => plain(remote),
            loopback => SocketAddr::new(loopback, remote.port()),
        };
        let socket = self.sockets.get(id.0).ok_or(ConnectError::NotFound)?;
        let options = match &socket.kind {
            Kind::Idle(idle) => idle.options.clone(),
            Kind::Listening(_) => return Err(ConnectError::InvalidState),
            Kind::Connection(tcb) if tcb.durable.state.is_synchronized() => return Err(ConnectError::IsConnected),
            Kind::Connection(_) => return Err(ConnectError::InProgress),
        };
        let bound = socket.binding.map(|binding| binding.local.ip()).filter(|addr| !addr.is_unspecified());
        let path = path_to(remote, bound, &options, env).ok_or(ConnectError::NetUnreachable)?;
        let (tuple, successor) = self.claim_tuple(now, id.0, path, remote, options.ports)?;
        let advertised_mss = announced_mss(path.mtu, remote.is_ipv6(), options.maxseg);
        Ok(Claimed { tuple, successor, path, options, advertised_mss })
    }

    /// The socket has a connection.
    pub(super) fn begin(&mut self, now: Instant, handle: Handle, tcb: Box<Tcb>, events: &mut Events) {
        if let Some(socket) = self.sockets.get_mut(handle) {
            socket.error = None;
            socket.kind = Kind::Connection(tcb);
        }
        self.settle(now, handle, events);
    }

    /// The four-tuple for a new connection: with the bound port, else with one that is free towards `remote`. Also the
    /// sequence number to begin with, if an old connection in TIME-WAIT had it.
    fn claim_tuple(
        &mut self,
        now: Instant,
        handle: Handle,
        path: Path,
        remote: SocketAddr,
        range: PortRange,
    ) -> Result<(Tuple, Option<Seq>), ConnectError> {
        let Tcp { demux, remnants, ports, sockets, .. } = self;
        let usable = |tuple: &Tuple| match demux.owner(tuple) {
            None => true,
            Some(Owner::Remnant(old)) => remnants.get(old).is_none_or(|remnant| remnant.reusable(now)),
            Some(_) => false,
        };
        let socket = sockets.get_mut(handle).ok_or(ConnectError::NotFound)?;
        let tuple = match socket.binding {
            Some(binding) if binding.has_port() => {
                let tuple = Tuple { local: end(path.src, binding.local.port(), path.on), remote };
                if !usable(&tuple) {
                    return Err(ConnectError::AddrNotAvailable);
                }
                tuple
            }
            _ => {
                let local = |port| end(path.src, port, path.on);
                let usable = |port| usable(&Tuple { local: local(port), remote });
                let port = ports.choose(path.src, remote, range, usable).ok_or(ConnectError::NoPorts)?;
                let local = local(port);
                let options = BindOptions::default();
                let binding = Binding { local, options, explicit: false, port_asked: false, listening: false };
                ports.hold(&binding);
                socket.binding = Some(binding);
                Tuple { local, remote }
            }
        };
        let mut successor = None;
        if let Some(Owner::Remnant(old)) = self.demux.owner(&tuple) {
            successor = self.remnants.get(old).map(Remnant::successor_iss);
            self.drop_remnant(old);
        }
        self.demux.claim(tuple, Owner::Connection(handle));
        Ok((tuple, successor))
    }

    /// accept(2).
    pub(crate) fn accept(&mut self, listener: TcpId) -> Option<Accepted> {
        loop {
            let child = self.sockets.get_mut(listener.0)?.listener_mut()?.accept_queue.pop_front()?;
            let Some(socket) = self.sockets.get(child) else { continue };
            let (local, remote) = match &socket.kind {
                Kind::Connection(tcb) => (tcb.durable.local, tcb.durable.remote),
                // Reset while it waited: Linux returns it all the same, and the program reads the error.
                Kind::Idle(Idle { over: Some(tuple), .. }) => (tuple.local, tuple.remote),
                _ => continue,
            };
            let header_options = socket.options().header_options.clone();
            return Some(Accepted { id: TcpId(child), key: socket.key, local, remote, header_options });
        }
    }

    pub(crate) fn key(&self, id: TcpId) -> Option<Key> {
        self.sockets.get(id.0).map(|socket| socket.key)
    }

    pub(crate) fn status(&self, id: TcpId) -> Option<TcpStatus> {
        self.sockets.get(id.0).map(Socket::status)
    }

    /// `SO_ERROR`: the error, which is thereby taken.
    pub(crate) fn take_error(&mut self, id: TcpId) -> Option<TcpError> {
        self.sockets.get_mut(id.0)?.error.take()
    }

    /// Takes an ICMP error that did not end the connection (Linux's sk_err_soft).
    pub(crate) fn take_soft_error(&mut self, id: TcpId) -> Option<TcpError> {
        self.sockets.get_mut(id.0)?.tcb_mut()?.soft_error.take()
    }

    pub(crate) fn take_reports(&mut self, id: TcpId) -> Vec<ErrorReport> {
        self.sockets.get_mut(id.0).map(|socket| socket.reports.take()).unwrap_or_default()
    }

    pub(crate) fn options(&mut self, id: TcpId) -> Option<&mut TcpOptions> {
        self.sockets.get_mut(id.0).map(Socket::options_mut)
    }

    pub(crate) fn info(&self, now: Instant, id: TcpId) -> Option<TcpInfo> {
        let socket = self.sockets.get(id.0)?;
        Some(match &socket.kind {
            Kind::Connection(tcb) => tcb.info(now),
            Kind::Listening(listener) => TcpInfo::listening(listener.accept_queue.len(), listener.backlog),
            Kind::Idle(idle) => idle.info.as_ref().map_or_else(TcpInfo::unconnected, |last| last.info(now)),
        })
    }

    pub(crate) fn snapshot(&self, id: TcpId) -> Option<Durable> {
        self.sockets.get(id.0)?.tcb().map(|tcb| tcb.durable)
    }
}

/// The route of a connection, from the address that the socket is bound to if it is.
fn path_to(remote: SocketAddr, bound: Option<IpAddr>, options: &TcpOptions, env: &Env<'_>) -> Option<Path> {
    // RFC 9293 §3.9.2.3 (MUST-46): only to one host.
    if remote.ip().is_multicast() || remote.ip() == IpAddr::V4(Ipv4Addr::BROADCAST) {
        return None;
    }
    if bound.is_some_and(|addr| !options.transparent && !env.paths.is_local(addr)) {
        return None;
    }
    env.paths.path(bound, remote, options.limits())
}

/// Linux takes a connect(2) to the unspecified address for one to this host.
fn loopback_for_any(addr: IpAddr) -> IpAddr {
    match addr {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        addr => addr,
    }
}
