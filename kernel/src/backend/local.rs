//! The kernel in this process: a call is a function call into the engine.

use super::spin::Spin;
use super::{Backend, Buffers, Call, GroupChange, Mark, Reply};
use crate::endpoint::{DATA_QUEUED, Endpoint, Kind, SPACE_FREED, SocketId};
use crate::engine::{Engine, Handle, Owner};
use crate::link::Lead;
use crate::netlink::{Link, Network};
use crate::socket::Family;
use crate::wait::{Waiter, left};
use crate::{Errno, InterfaceInfo, Result, errno, signal};
use arena::{Consumer, Producer};
use netstack::iface::InterfaceView;
use netstack::link::{IfIndex, Mac};
use netstack::raw::{RawKind, RawOptions};
use netstack::socket::{ConnectError, DatagramId, Key, SendError};
use netstack::tcp::{Accepted, Close, State, TcpId, TcpStatus};
use netstack::time::Instant as Now;
use netstack::{Filter, GroupProgramError, Stack};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// See the module.
pub struct Local {
    pub(crate) owner: Owner,
    /// The one bus on which a blocked thread may wait for frames itself; none where there are other links beside it.
    lead: Option<Arc<dyn Lead>>,
    led: AtomicBool,
    spin: Spin,
}

impl Local {
    pub(crate) fn new(owner: Owner, lead: Option<Arc<dyn Lead>>, spin: Option<Duration>) -> Local {
        Local { owner, lead, led: AtomicBool::new(false), spin: Spin::new(spin) }
    }

    /// The leader sleeps on the link's own doorbell, so that the peer's wake-up reaches it directly: one context switch
    /// a direction instead of two. It leads no longer than it sleeps; the link's thread takes the frames of the others.
    fn lead(&self, lead: &Arc<dyn Lead>, waiter: &Waiter, deadline: Option<Instant>) -> Result<bool> {
        let mark = signal::mark();
        waiter.on_doorbell(lead, || {
            if self.spin.worth_it() && self.spin(lead, waiter) {
                return Ok(true);
            }
            loop {
                let token = lead.prepare();
                self.look();
                let left = left(deadline);
                let sleeps = !waiter.notified() && !waiter.interrupted_since(mark) && left != Some(Duration::ZERO);
                let interrupted = sleeps && signal::around_sleep(Some(lead.word()), || lead.sleep(token, left));
                lead.cancel();
                // A frame that came since the last look has woken nobody, or nobody but this thread.
                self.look();
                if waiter.notified() {
                    return Ok(true);
                }
                if interrupted || waiter.interrupted_since(mark) {
                    return Err(Errno::INTR);
                }
                if !sleeps {
                    return Ok(false);
                }
            }
        })
    }
}

impl Local {
    /// Looks for input for a while before sleeping. True when notified.
    fn spin(&self, lead: &Arc<dyn Lead>, waiter: &Waiter) -> bool {
        lead.spin_begins();
        let notified = self.spin.look(|| {
            self.look();
            waiter.notified()
        });
        lead.spin_ends();
        // A frame that came since the last look has woken nobody.
        self.look();
        notified
    }
}

impl Backend for Local {
    fn call(&self, call: Call<'_>) -> Result<Reply> {
        self.owner.with(|engine, now| engine.answer(now, call))
    }

    fn mark(&self, endpoint: &Arc<Endpoint>, mark: Mark) {
        let what = match mark {
            Mark::DataQueued => DATA_QUEUED,
            Mark::SpaceFreed => SPACE_FREED,
        };
        self.owner.mark(endpoint, what);
    }

    fn look(&self) {
        if self.owner.has_input() {
            self.owner.run_now();
        }
    }

    fn sleep(&self, waiter: &Waiter, deadline: Option<Instant>) -> Result<bool> {
        match &self.lead {
            Some(lead) if !self.led.swap(true, Ordering::Acquire) => {
                let result = self.lead(lead, waiter, deadline);
                self.led.store(false, Ordering::Release);
                result
            }
            _ => waiter.sleep_on_word(deadline),
        }
    }
}

impl Engine {
    fn answer(&mut self, now: Now, call: Call<'_>) -> Result<Reply> {
        match call {
            Call::Open(family, kind, buffers) => self.open(family, kind, buffers),
            Call::Bind(id, addr, options) => match self.handle(id)? {
                Handle::Tcp(tcp) => self.stack.tcp_bind(tcp, addr, options).map_err(errno::bind).map(drop),
                Handle::Udp(udp) => self.stack.udp_bind(udp, addr, options).map_err(errno::bind).map(drop),
                Handle::Raw(raw) => self.stack.raw_bind(raw, addr, options).map_err(errno::bind).map(drop),
                Handle::Packet(_) => Err(Errno::INVAL),
            }
            .map(|()| self.described(id)),
            Call::Connect(id, remote, buffers) => self.connect(now, id, remote, buffers),
            Call::ConnectFast(id, remote, buffers, text) => self.connect_fast(now, id, remote, buffers, text),
            Call::SendSyn(id, text) => self.send_syn(now, id, text),
            Call::Disconnect(id) => self.disconnect(now, id),
            Call::Listen(id, backlog) => {
                let tcp = self.stream(id)?;
                self.stack.tcp_listen(tcp, backlog).map_err(errno::listen)?;
                Ok(self.described(id))
            }
            Call::Accept(id) => self.accept(id),
            Call::Shutdown(id, how) => {
                if let Handle::Tcp(tcp) = self.handle(id)? {
                    self.stack.tcp_shutdown(now, tcp, how);
                }
                Ok(self.described(id))
            }
            Call::Close(id, how) => {
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
            Call::Send(id, to, payload, options) => {
                let sent = match self.handle(id)? {
                    Handle::Tcp(_) | Handle::Packet(_) => return Err(Errno::PROTO),
                    Handle::Udp(udp) => self.stack.udp_send(now, udp, to, payload, options),
                    Handle::Raw(raw) => self.stack.raw_send(now, raw, to, payload, options),
                };
                self.sent(id, sent)
            }
            Call::Attach(id, filter) => {
                match self.handle(id)? {
                    Handle::Tcp(tcp) => self.stack.tcp_attach(tcp, filter),
                    Handle::Udp(udp) => self.stack.udp_attach(udp, filter),
                    Handle::Raw(raw) => self.stack.raw_attach(raw, filter),
                    Handle::Packet(packet) => self.stack.packet_attach(packet, filter),
                }
                Ok(Reply::Done)
            }
            Call::SetGroupProgram(id, program, shares) => {
                let set = match self.handle(id)? {
                    Handle::Tcp(tcp) => self.stack.tcp_set_group_program(tcp, program, shares),
                    Handle::Udp(udp) => self.stack.udp_set_group_program(udp, program, shares),
                    // Their addresses are no ports: each hears all.
                    Handle::Raw(_) | Handle::Packet(_) => Err(match (program, shares) {
                        (None, true) => GroupProgramError::NoProgram,
                        _ => GroupProgramError::NotShared,
                    }),
                };
                set.map(|()| Reply::Done).map_err(errno::group_program)
            }
            Call::SetReceiveBuffer(id, bytes) => {
                let socket = self.without_ring(id)?;
                self.stack.set_receive_buffer(socket, bytes);
                Ok(Reply::Done)
            }
            Call::SetSendBuffer(id, bytes) => {
                let socket = self.without_ring(id)?;
                self.stack.set_send_buffer(socket, bytes);
                Ok(Reply::Done)
            }
            Call::Memory(id) => {
                let socket = self.without_ring(id)?;
                self.stack.datagram_memory(socket).map(Reply::Memory).ok_or(Errno::BADF)
            }
            Call::Anycast(id, join, addr, interface) => {
                let on = (interface != 0).then_some(IfIndex(interface));
                let changed = match join {
                    true => self.stack.anycast_join(Key(id), addr, on),
                    false => self.stack.anycast_leave(Key(id), addr, on),
                };
                changed.map(|()| Reply::Done).map_err(errno::anycast)
            }
            Call::FlowLabel(id, call) => self.answer_flow_label(now, id, call),
            Call::Packet(id, call) => self.answer_packet(now, id, call),
            Call::Uncork(id) => {
                if let Handle::Udp(udp) = self.handle(id)? {
                    self.stack.udp_uncork(now, udp);
                }
                Ok(Reply::Done)
            }
            Call::DropCorked(id) => {
                match self.handle(id)? {
                    Handle::Tcp(_) | Handle::Packet(_) => {}
                    Handle::Udp(udp) => self.stack.udp_drop_corked(udp),
                    Handle::Raw(raw) => self.stack.raw_drop_corked(raw),
                }
                Ok(Reply::Done)
            }
            Call::SetTcpOptions(id, options) => {
                let tcp = self.stream(id)?;
                *self.stack.tcp_options(tcp).ok_or(Errno::BADF)? = options;
                self.stack.tcp_options_changed(now, tcp);
                Ok(Reply::Done)
            }
            Call::SetDatagramOptions(id, options) => self.set_datagram_options(id, options),
            Call::Group(id, change, group, interface) => {
                let socket = self.datagrams(id)?;
                let on = (interface != 0).then_some(IfIndex(interface));
                let stack = &mut self.stack;
                let result = match change {
                    GroupChange::Join => stack.group_join(socket, group, on),
                    GroupChange::Leave => stack.group_leave(socket, group, on),
                    GroupChange::Source(source, change) => stack.group_change_source(socket, group, on, source, change),
                    GroupChange::Filter(filter) => stack.group_set_filter(socket, group, on, filter),
                };
                result.map_err(errno::group).map(|()| Reply::Done)
            }
            Call::GroupFilter(id, group, interface) => {
                let socket = self.datagrams(id)?;
                let filter = self.stack.group_filter(socket, group, interface.map(IfIndex)).map_err(errno::group)?;
                if filter == Filter::NONE { Err(Errno::ADDRNOTAVAIL) } else { Ok(Reply::Filter(filter)) }
            }
            Call::Names(id) => Ok(match self.handle(id)? {
                Handle::Tcp(tcp) => {
                    let status = self.stack.tcp_status(tcp).ok_or(Errno::BADF)?;
                    Reply::Names(status.local, status.remote)
                }
                Handle::Udp(udp) => Reply::Names(self.stack.udp_local(udp), self.stack.udp_remote(udp)),
                Handle::Raw(raw) => {
                    let status = self.stack.raw_status(raw).ok_or(Errno::BADF)?;
                    Reply::Names(Some(status.local), status.remote)
                }
                Handle::Packet(_) => return Err(Errno::OPNOTSUPP),
            }),
            Call::TcpInfo(id) => {
                let tcp = self.stream(id)?;
                Ok(Reply::TcpInfo(Box::new(self.stack.tcp_info(now, tcp).ok_or(Errno::BADF)?)))
            }
            Call::TakeSavedSyn(id, room) => {
                let tcp = self.stream(id)?;
                Ok(Reply::SavedSyn(self.stack.tcp_take_saved_syn(tcp, room)))
            }
            Call::Carrier(id) => {
                let tcp = self.stream(id)?;
                Ok(Reply::Carrier(self.stack.tcp_carrier(tcp)))
            }
            Call::AskDeparture(id, end, request) => {
                let tcp = self.stream(id)?;
                self.stack.tcp_ask_departure(now, tcp, end, request);
                Ok(Reply::Done)
            }
            Call::Arrival(id, position, read) => {
                let tcp = self.stream(id)?;
                Ok(Reply::Arrival(self.stack.tcp_arrival(tcp, position, read)))
            }
            Call::TakeSoftError(id) => {
                let tcp = self.stream(id)?;
                Ok(Reply::SoftError(self.stack.tcp_take_soft_error(tcp).map(errno::tcp)))
            }
            Call::Interfaces => Ok(Reply::Interfaces(self.interfaces())),
            Call::Network => Ok(Reply::Network(Box::new(self.network(now)))),
            Call::SetNeighbor(on, addr, Some(mac)) => {
                self.stack.set_neighbor(now, IfIndex(on), addr, Mac(mac)).map_err(errno::neighbor)?;
                Ok(Reply::Done)
            }
            Call::SetNeighbor(on, addr, None) => {
                self.stack.forget_neighbor(now, IfIndex(on), addr).map_err(errno::neighbor)?;
                Ok(Reply::Done)
            }
            Call::Sockets(transport, with_info) => Ok(Reply::Sockets(self.list(now, transport, with_info))),
            Call::HopLimit(to) => self.stack.hop_limit(to).map(Reply::HopLimit).ok_or(Errno::NOTCONN),
            Call::PathMtu(to) => self.stack.path_mtu(to).map(Reply::PathMtu).ok_or(Errno::NOTCONN),
            Call::Learned => Ok(Reply::Learned(self.learned())),
            Call::SourceFor(to) => self.stack.source_for(to).map(Reply::Source).ok_or(Errno::NETUNREACH),
        }
    }

    pub(super) fn handle(&self, id: SocketId) -> Result<Handle> {
        self.sockets.handle(id).ok_or(Errno::BADF)
    }

    /// What became of a send. Where there was no room, the socket shows that before the caller looks.
    pub(super) fn sent(&mut self, id: SocketId, sent: std::result::Result<usize, SendError>) -> Result<Reply> {
        if sent == Err(SendError::Full) {
            self.publish_socket(id);
        }
        Reply::of_send(sent)
    }

    /// A socket whose sends go by calls, not by a ring.
    fn without_ring(&self, id: SocketId) -> Result<DatagramId> {
        match self.handle(id)? {
            Handle::Udp(udp) => Ok(udp.into()),
            Handle::Raw(raw) => Ok(raw.into()),
            Handle::Packet(packet) => Ok(packet.into()),
            Handle::Tcp(_) => Err(Errno::PROTO),
        }
    }

    /// A socket that can be in groups.
    fn datagrams(&self, id: SocketId) -> Result<DatagramId> {
        match self.handle(id)? {
            Handle::Udp(udp) => Ok(udp.into()),
            Handle::Raw(raw) => Ok(raw.into()),
            Handle::Tcp(_) => Err(Errno::INVAL),
            Handle::Packet(_) => Err(Errno::NOPROTOOPT),
        }
    }

    fn stream(&self, id: SocketId) -> Result<TcpId> {
        match self.handle(id)? {
            Handle::Tcp(tcp) => Ok(tcp),
            _ => Err(Errno::OPNOTSUPP),
        }
    }

    /// The record follows the state at once, so that the caller's next look sees what its call did.
    pub(super) fn described(&mut self, id: SocketId) -> Reply {
        self.publish_socket(id);
        Reply::Done
    }

    fn open(&mut self, family: Family, kind: Kind, buffers: Buffers) -> Result<Reply> {
        let endpoint = self.sockets.create(kind)?;
        let key = Key(endpoint.id());
        let handle = match kind {
            Kind::Stream => Handle::Tcp(self.stack.tcp_open(key)),
            Kind::Datagram | Kind::Ping | Kind::Raw(_) | Kind::Packet(_) => {
                let (rings, rx) = match self.sockets.datagram_ring(&endpoint, buffers.receive) {
                    Ok(made) => made,
                    Err(error) => {
                        self.sockets.forget(endpoint.id());
                        return Err(error);
                    }
                };
                endpoint.set_rings(Some(rings));
                let raw = match (kind, family) {
                    (Kind::Raw(protocol), Family::Inet) => Some(RawKind::Raw { protocol }),
                    (Kind::Raw(protocol), Family::Inet6) => Some(RawKind::Raw6 { protocol }),
                    (Kind::Ping, Family::Inet) => Some(RawKind::Ping),
                    (Kind::Ping, Family::Inet6) => Some(RawKind::Ping6),
                    _ => None,
                };
                match raw {
                    _ if let Kind::Packet(kind) = kind => Handle::Packet(self.stack.packet_open(key, rx, kind)),
                    Some(kind) => Handle::Raw(self.stack.raw_open(key, rx, kind)),
                    None => Handle::Udp(self.stack.udp_open(key, rx)),
                }
            }
        };
        self.sockets.set_handle(endpoint.id(), handle);
        self.publish_socket(endpoint.id());
        Ok(Reply::Socket(endpoint))
    }

    fn connect(&mut self, now: Now, id: SocketId, remote: SocketAddr, buffers: Buffers) -> Result<Reply> {
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

    fn connect_stream(
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
        connect(&mut self.stack, tx, rx).map_err(errno::connect)?;
        // tcp_connect_init() in Linux.
        endpoint.record.set_error(0);
        endpoint.set_rings(Some(rings));
        Ok(())
    }

    fn connect_fast(
        &mut self,
        now: Now,
        id: SocketId,
        remote: SocketAddr,
        buffers: Buffers,
        text: Option<&[&[u8]]>,
    ) -> Result<Reply> {
        let tcp = self.stream(id)?;
        let waits = text.is_none();
        self.connect_stream(id, tcp, buffers, |stack, tx, rx| stack.tcp_fast_open(now, tcp, remote, tx, rx, waits))?;
        match text {
            Some(text) => self.send_syn(now, id, text),
            None => Ok(self.described(id)),
        }
    }

    /// A SYN that has not left takes along what it has room for, which the caller has seen to be readable.
    fn send_syn(&mut self, now: Now, id: SocketId, text: &[&[u8]]) -> Result<Reply> {
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

    fn disconnect(&mut self, now: Now, id: SocketId) -> Result<Reply> {
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

    fn accept(&mut self, listener: SocketId) -> Result<Reply> {
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

    fn set_datagram_options(&mut self, id: SocketId, options: RawOptions) -> Result<Reply> {
        match self.handle(id)? {
            Handle::Tcp(_) => return Err(Errno::NOPROTOOPT),
            Handle::Udp(udp) => *self.stack.udp_options(udp).ok_or(Errno::BADF)? = options.datagram,
            Handle::Raw(raw) => *self.stack.raw_options(raw).ok_or(Errno::BADF)? = options,
            // As on Linux what says how IP is sent, SO_BINDTODEVICE among it, is kept and means nothing to it.
            Handle::Packet(_) => {}
        }
        Ok(Reply::Done)
    }

    fn interfaces(&self) -> Vec<InterfaceInfo> {
        self.stack.interfaces().map(|interface| InterfaceInfo::of(&interface)).collect()
    }

    fn network(&self, now: Now) -> Network {
        let link = |interface: InterfaceView<'_>| Link {
            info: InterfaceInfo::of(&interface),
            addresses: interface.addresses.to_vec(),
            counters: interface.counters,
        };
        let links = self.stack.interfaces().map(link).collect();
        Network { now, links, routes: self.stack.routes().to_vec(), neighbors: self.stack.neighbors() }
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

/// The end.
impl Local {
    /// Closes every socket as the end of a process does. None where the engine could not be had in time.
    pub(crate) fn close_all(&self, patience: Duration) -> Option<()> {
        self.owner.with_patience(patience, |engine, now| {
            for (endpoint, _) in engine.sockets.open() {
                let unread = endpoint.rings().is_some_and(|rings| rings.readable() > 0);
                let _ = engine.answer(now, Call::Close(endpoint.id(), Close::Graceful { unread }));
            }
        })
    }

    /// Bytes and FINs that peers have not acknowledged yet.
    pub(crate) fn undelivered(&self, patience: Duration) -> Option<usize> {
        self.owner.with_patience(patience, |engine, _| engine.stack.tcp_undelivered())
    }

    /// Gives addresses back to the servers that gave them, and says to hosts that we are a router no more. True if something
    /// has to be waited for.
    pub(crate) fn take_leave(&self, patience: Duration) -> bool {
        let release = |engine: &mut Engine, now| {
            let any = engine.links.iter().any(|attached| engine.stack.lease(attached.index).is_some());
            engine.stack.release_leases(now);
            engine.stack.stop_advertising(now) || any
        };
        self.owner.with_patience(patience, release).unwrap_or(false)
    }

    /// Whether packets wait for a link or for a neighbour's answer.
    pub(crate) fn has_queued(&self, patience: Duration) -> bool {
        self.owner.with_patience(patience, |engine, _| engine.stack.has_queued()).unwrap_or(false)
    }

    /// Stops the engine and leaves the links.
    pub(crate) fn halt(&self, patience: Duration) {
        self.owner.halt();
        self.owner.with_patience(patience, |engine, _| {
            for attached in &mut engine.links {
                attached.link.leave();
            }
        });
    }

    /// In a child of a fork: the links are the parent's.
    pub(crate) fn close_in_child(&self) {
        self.owner.close_in_child();
    }
}
