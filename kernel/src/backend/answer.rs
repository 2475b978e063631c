//! The engine's answers to [`Call`]s, an arm a call. [`lifecycle`]: from socket(2) to close(2). [`settings`]: options.

mod lifecycle;
mod settings;

use super::{Call, Reply};
use crate::endpoint::SocketId;
use crate::engine::{Engine, Handle};
use crate::netlink::{Link, Network};
use crate::{Errno, InterfaceInfo, Result, errno};
use netstack::iface::InterfaceView;
use netstack::link::{IfIndex, Mac};
use netstack::socket::{DatagramId, SendError, SendOptions};
use netstack::tcp::TcpId;
use netstack::time::Instant;
use std::net::{IpAddr, SocketAddr};

impl Engine {
    /// Answers a call.
    pub(super) fn answer(&mut self, now: Instant, call: Call<'_>) -> Result<Reply> {
        match call {
            // From socket(2) to close(2).
            Call::Open(family, kind, buffers) => self.open(family, kind, buffers),
            Call::Bind(id, addr, options) => self.bind(id, addr, options),
            Call::Listen(id, backlog) => self.listen(id, backlog),
            Call::Connect(id, remote, buffers) => self.connect(now, id, remote, buffers),
            Call::ConnectFast(id, remote, buffers, text) => self.connect_fast(now, id, remote, buffers, text),
            Call::SendSyn(id, text) => self.send_syn(now, id, text),
            Call::Accept(id) => self.accept(id),
            Call::Disconnect(id) => self.disconnect(now, id),
            Call::Shutdown(id, how) => self.shutdown(now, id, how),
            Call::Close(id, how) => self.close(now, id, how),

            // Datagrams.
            Call::Send(id, to, payload, options) => self.send(now, id, to, payload, options),
            Call::Uncork(id) => self.uncork(now, id),
            Call::DropCorked(id) => self.drop_corked(id),

            // Options.
            Call::SetTcpOptions(id, options) => self.set_tcp_options(now, id, options),
            Call::SetDatagramOptions(id, options) => self.set_datagram_options(id, options),
            Call::SetReceiveBuffer(id, bytes) => self.set_receive_buffer(id, bytes),
            Call::SetSendBuffer(id, bytes) => self.set_send_buffer(id, bytes),
            Call::Attach(id, filter) => self.attach(id, filter),
            Call::SetGroupProgram(id, program, shares) => self.set_group_program(id, program, shares),
            Call::Group(id, change, group, interface) => self.change_group(id, change, group, interface),
            Call::GroupFilter(id, group, interface) => self.group_filter(id, group, interface),
            Call::Anycast(id, join, addr, interface) => self.anycast(id, join, addr, interface),
            Call::FlowLabel(id, call) => self.answer_flow_label(now, id, call),
            Call::Repair(id, call) => self.answer_repair(now, id, call),
            Call::Packet(id, call) => self.answer_packet(now, id, call),

            // What a socket can be asked.
            Call::Names(id) => self.names(id),
            Call::Memory(id) => {
                let socket = self.without_ring(id)?;
                self.stack.datagram_memory(socket).map(Reply::Memory).ok_or(Errno::BADF)
            }
            Call::TcpInfo(id) => {
                let tcp = self.stream(id)?;
                Ok(Reply::TcpInfo(Box::new(self.stack.tcp_info(now, tcp).ok_or(Errno::BADF)?)))
            }
            Call::TakeSavedSyn(id, room) => {
                let tcp = self.stream(id)?;
                Ok(Reply::SavedSyn(self.stack.tcp_take_saved_syn(tcp, room)))
            }
            Call::TakeSoftError(id) => {
                let tcp = self.stream(id)?;
                Ok(Reply::SoftError(self.stack.tcp_take_soft_error(tcp).map(errno::tcp)))
            }
            Call::PacketInfo(id) => {
                let tcp = self.stream(id)?;
                Ok(Reply::PacketInfo(self.stack.tcp_packet_info(tcp)))
            }
            Call::RequestTxTimestamp(id, end, request) => {
                let tcp = self.stream(id)?;
                self.stack.tcp_request_tx_timestamp(now, tcp, end, request);
                Ok(Reply::Done)
            }
            Call::Arrival(id, position, read) => {
                let tcp = self.stream(id)?;
                Ok(Reply::Arrival(self.stack.tcp_arrival(tcp, position, read)))
            }

            // What the kernel as a whole can be asked.
            Call::Interfaces => Ok(Reply::Interfaces(self.interfaces())),
            Call::Network => Ok(Reply::Network(Box::new(self.network(now)))),
            Call::Monitor(mailbox) => {
                let mut monitor = std::mem::take(&mut self.monitor);
                monitor.add(mailbox, || (self.network(now), self.stack.network_changes()));
                self.monitor = monitor;
                Ok(Reply::Done)
            }
            Call::SetNeighbor(on, addr, mac) => self.set_neighbor(now, IfIndex(on), addr, mac.map(Mac)),
            Call::Sockets(transport, with_info) => Ok(Reply::Sockets(self.list(now, transport, with_info))),
            Call::HopLimit(to) => self.stack.hop_limit(to).map(Reply::HopLimit).ok_or(Errno::NOTCONN),
            Call::PathMtu(to) => self.stack.path_mtu(to).map(Reply::PathMtu).ok_or(Errno::NOTCONN),
            Call::SourceFor(to) => self.stack.source_for(to).map(Reply::Source).ok_or(Errno::NETUNREACH),
            Call::Learned => Ok(Reply::Learned(self.learned())),
        }
    }

    pub(super) fn handle(&self, id: SocketId) -> Result<Handle> {
        self.sockets.handle(id).ok_or(Errno::BADF)
    }

    /// What became of a send. If there was no room, the socket's readiness says so before the caller looks at it.
    pub(super) fn sent(&mut self, id: SocketId, sent: std::result::Result<usize, SendError>) -> Result<Reply> {
        if sent == Err(SendError::Full) {
            self.publish_socket(id);
        }
        Reply::of_send(sent)
    }

    /// A socket without a tx ring: it sends by calls.
    fn without_ring(&self, id: SocketId) -> Result<DatagramId> {
        match self.handle(id)? {
            Handle::Udp(udp) => Ok(udp.into()),
            Handle::Raw(raw) => Ok(raw.into()),
            Handle::Packet(packet) => Ok(packet.into()),
            Handle::Tcp(_) => Err(Errno::PROTO),
        }
    }

    /// A socket that can join multicast groups.
    fn datagrams(&self, id: SocketId) -> Result<DatagramId> {
        match self.handle(id)? {
            Handle::Udp(udp) => Ok(udp.into()),
            Handle::Raw(raw) => Ok(raw.into()),
            Handle::Tcp(_) => Err(Errno::INVAL),
            Handle::Packet(_) => Err(Errno::NOPROTOOPT),
        }
    }

    pub(super) fn stream(&self, id: SocketId) -> Result<TcpId> {
        match self.handle(id)? {
            Handle::Tcp(tcp) => Ok(tcp),
            _ => Err(Errno::OPNOTSUPP),
        }
    }

    /// Publishes the socket's state at once, so that the caller sees what its call did.
    pub(super) fn described(&mut self, id: SocketId) -> Reply {
        self.publish_socket(id);
        Reply::Done
    }

    fn send(
        &mut self,
        now: Instant,
        id: SocketId,
        to: Option<SocketAddr>,
        payload: &[&[u8]],
        options: &SendOptions,
    ) -> Result<Reply> {
        let sent = match self.handle(id)? {
            Handle::Tcp(_) | Handle::Packet(_) => return Err(Errno::PROTO),
            Handle::Udp(udp) => self.stack.udp_send(now, udp, to, payload, options),
            Handle::Raw(raw) => self.stack.raw_send(now, raw, to, payload, options),
        };
        self.sent(id, sent)
    }

    fn uncork(&mut self, now: Instant, id: SocketId) -> Result<Reply> {
        if let Handle::Udp(udp) = self.handle(id)? {
            self.stack.udp_uncork(now, udp);
        }
        Ok(Reply::Done)
    }

    fn drop_corked(&mut self, id: SocketId) -> Result<Reply> {
        match self.handle(id)? {
            Handle::Tcp(_) | Handle::Packet(_) => {}
            Handle::Udp(udp) => self.stack.udp_drop_corked(udp),
            Handle::Raw(raw) => self.stack.raw_drop_corked(raw),
        }
        Ok(Reply::Done)
    }

    fn names(&self, id: SocketId) -> Result<Reply> {
        Ok(match self.handle(id)? {
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
        })
    }

    fn set_neighbor(&mut self, now: Instant, on: IfIndex, addr: IpAddr, mac: Option<Mac>) -> Result<Reply> {
        let set = match mac {
            Some(mac) => self.stack.set_neighbor(now, on, addr, mac),
            None => self.stack.forget_neighbor(now, on, addr),
        };
        set.map(|()| Reply::Done).map_err(errno::neighbor)
    }

    fn interfaces(&self) -> Vec<InterfaceInfo> {
        self.stack.interfaces().map(|interface| InterfaceInfo::of(&interface)).collect()
    }

    pub(crate) fn network(&self, now: Instant) -> Network {
        let link = |interface: InterfaceView<'_>| Link {
            info: InterfaceInfo::of(&interface),
            addresses: interface.addresses.to_vec(),
            counters: interface.counters,
        };
        let links = self.stack.interfaces().map(link).collect();
        Network { now, links, routes: self.stack.routes().to_vec(), neighbors: self.stack.neighbors() }
    }
}
