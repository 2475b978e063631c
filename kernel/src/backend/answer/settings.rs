//! Options of sockets that the engine heeds: setsockopt(2), and what getsockopt(2) asks of it.

use super::super::{GroupChange, Reply};
use crate::endpoint::SocketId;
use crate::engine::{Engine, Handle};
use crate::{Errno, Result, errno};
use netstack::filter::Program;
use netstack::link::IfIndex;
use netstack::raw::RawOptions;
use netstack::socket::Key;
use netstack::tcp::TcpOptions;
use netstack::time::Instant;
use netstack::{Filter, GroupProgramError};
use std::net::{IpAddr, Ipv6Addr};

impl Engine {
    pub(super) fn set_tcp_options(&mut self, now: Instant, id: SocketId, options: TcpOptions) -> Result<Reply> {
        let tcp = self.stream(id)?;
        *self.stack.tcp_options(tcp).ok_or(Errno::BADF)? = options;
        self.stack.tcp_options_changed(now, tcp);
        Ok(Reply::Done)
    }

    pub(super) fn set_datagram_options(&mut self, id: SocketId, options: RawOptions) -> Result<Reply> {
        match self.handle(id)? {
            Handle::Tcp(_) => return Err(Errno::NOPROTOOPT),
            Handle::Udp(udp) => *self.stack.udp_options(udp).ok_or(Errno::BADF)? = options.datagram,
            Handle::Raw(raw) => *self.stack.raw_options(raw).ok_or(Errno::BADF)? = options,
            // As on Linux what says how IP is sent, SO_BINDTODEVICE among it, is kept and means nothing to it.
            Handle::Packet(_) => {}
        }
        Ok(Reply::Done)
    }

    pub(super) fn set_receive_buffer(&mut self, id: SocketId, bytes: usize) -> Result<Reply> {
        let socket = self.without_ring(id)?;
        self.stack.set_receive_buffer(socket, bytes);
        Ok(Reply::Done)
    }

    pub(super) fn set_send_buffer(&mut self, id: SocketId, bytes: usize) -> Result<Reply> {
        let socket = self.without_ring(id)?;
        self.stack.set_send_buffer(socket, bytes);
        Ok(Reply::Done)
    }

    pub(super) fn attach(&mut self, id: SocketId, filter: Option<Program>) -> Result<Reply> {
        match self.handle(id)? {
            Handle::Tcp(tcp) => self.stack.tcp_attach(tcp, filter),
            Handle::Udp(udp) => self.stack.udp_attach(udp, filter),
            Handle::Raw(raw) => self.stack.raw_attach(raw, filter),
            Handle::Packet(packet) => self.stack.packet_attach(packet, filter),
        }
        Ok(Reply::Done)
    }

    pub(super) fn set_group_program(&mut self, id: SocketId, program: Option<Program>, shares: bool) -> Result<Reply> {
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

    pub(super) fn change_group(
        &mut self,
        id: SocketId,
        change: GroupChange,
        group: IpAddr,
        interface: u32,
    ) -> Result<Reply> {
        let socket = self.datagrams(id)?;
        let (stack, on) = (&mut self.stack, named(interface));
        let changed = match change {
            GroupChange::Join => stack.group_join(socket, group, on),
            GroupChange::Leave => stack.group_leave(socket, group, on),
            GroupChange::Source(source, change) => stack.group_change_source(socket, group, on, source, change),
            GroupChange::Filter(filter) => stack.group_set_filter(socket, group, on, filter),
        };
        changed.map(|()| Reply::Done).map_err(errno::group)
    }

    pub(super) fn group_filter(&mut self, id: SocketId, group: IpAddr, interface: Option<u32>) -> Result<Reply> {
        let socket = self.datagrams(id)?;
        let filter = self.stack.group_filter(socket, group, interface.map(IfIndex)).map_err(errno::group)?;
        if filter == Filter::NONE { Err(Errno::ADDRNOTAVAIL) } else { Ok(Reply::Filter(filter)) }
    }

    pub(super) fn anycast(&mut self, id: SocketId, join: bool, addr: Ipv6Addr, interface: u32) -> Result<Reply> {
        let (key, on) = (Key(id), named(interface));
        let changed = match join {
            true => self.stack.anycast_join(key, addr, on),
            false => self.stack.anycast_leave(key, addr, on),
        };
        changed.map(|()| Reply::Done).map_err(errno::anycast)
    }
}

/// The interface of an index; 0 names none.
fn named(interface: u32) -> Option<IfIndex> {
    (interface != 0).then_some(IfIndex(interface))
}
