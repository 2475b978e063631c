//! UDP sockets (RFC 768, RFC 1122 §4.1) and those of UDP-Lite (RFC 3828), whose ports are others: who is bound to what, and
//! who gets a datagram.
//!
//! User calls are in `stack::sockets::udp`, datagrams that arrive in `stack::input`.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::ops::RangeInclusive;
use std::collections::HashMap;

use arena::Producer;

use crate::datagram::{Admission, Corked, DatagramOptions, Errors, Inbox, Outbox};
use crate::filter::Program;
use crate::ip::{end, plain};
use crate::link::IfIndex;
use crate::multicast::Joined;
use crate::ports::{self, is_wildcard_for, overlap};
use crate::reuseport::{self, GroupProgramError};
use crate::rng::{HashKey, Rng};
use crate::slab::Slab;
use crate::socket::{BindError, BindOptions, Key, UdpId};

/// A UDP socket.
pub(crate) struct Socket {
    pub(crate) key: Key,
    pub(crate) inbox: Inbox,
    pub(crate) outbox: Outbox,
    pub(crate) options: DatagramOptions,
    pub(crate) errors: Errors,
    /// A datagram of which more pieces are to come (MSG_MORE, UDP_CORK).
    pub(crate) corked: Option<Corked>,
    pub(crate) groups: Joined,
    /// SO_ATTACH_REUSEPORT_CBPF: the program of the group that shares its address, or will.
    group_program: Option<Program>,
    /// It has had such a program before it was bound.
    begins_group: bool,
    binding: Option<Binding>,
    remote: Option<SocketAddr>,
}

/// Where a socket is bound. What bind(2) chose stays through connect(2) and its undoing; the rest was filled in.
#[derive(Clone, Copy)]
struct Binding {
    local: SocketAddr,
    /// What bind(2) gave, to go back to on disconnecting.
    asked: SocketAddr,
    /// bind(2) was given a port.
    port_asked: bool,
    reuse: BindOptions,
}

impl Socket {
    pub(crate) fn local(&self) -> Option<SocketAddr> {
        self.binding.map(|binding| binding.local)
    }

    pub(crate) fn remote(&self) -> Option<SocketAddr> {
        self.remote
    }

    /// Is it of UDP-Lite?
    pub(crate) fn is_lite(&self) -> bool {
        self.options.lite.is_some()
    }

    /// Is it one of those that share this address by SO_REUSEPORT?
    fn shares(&self, local: SocketAddr, v6_only: bool, on: Option<IfIndex>) -> bool {
        self.binding.is_some_and(|binding| {
            binding.reuse.reuse_port && (binding.asked, binding.reuse.v6_only) == (local, v6_only)
        }) && self.options.bound_to == on
    }

    /// IPV6_V6ONLY, as it was when it was bound.
    pub(crate) fn is_v6_only(&self) -> bool {
        self.binding.is_some_and(|binding| binding.reuse.v6_only && binding.local.is_ipv6())
    }

    fn hears(&self, local: IpAddr, by: IfIndex) -> bool {
        self.options.bound_to.is_none_or(|only| only == by) && !(self.is_v6_only() && local.is_ipv4())
    }
}

/// A datagram's ends, ours first.
type Ends = (SocketAddr, SocketAddr);

const ANY_V6: IpAddr = IpAddr::V6(core::net::Ipv6Addr::UNSPECIFIED);

/// All UDP sockets.
pub(crate) struct Udp {
    sockets: Slab<Socket>,
    // Each by whether it is UDP-Lite, too.
    /// All bound sockets, by port: for bind(2), and for broadcasts.
    by_port: HashMap<(bool, u16), Vec<UdpId>, HashKey>,
    /// Unconnected sockets.
    by_local: HashMap<(bool, SocketAddr), Vec<UdpId>, HashKey>,
    /// Connected sockets.
    by_ends: HashMap<(bool, Ends), Vec<UdpId>, HashKey>,
    spread: HashKey,
    ephemeral: RangeInclusive<u16>,
}

impl Udp {
    pub(crate) fn new(rng: &mut Rng, ephemeral: RangeInclusive<u16>) -> Udp {
        Udp {
            sockets: Slab::new(),
            by_port: HashMap::with_hasher(rng.hash_key()),
            by_local: HashMap::with_hasher(rng.hash_key()),
            by_ends: HashMap::with_hasher(rng.hash_key()),
            spread: rng.hash_key(),
            ephemeral,
        }
    }

    pub(crate) fn open(&mut self, key: Key, rx: Producer) -> UdpId {
        UdpId(self.sockets.insert(Socket {
            key,
            inbox: Inbox::new(rx, Admission::Fits),
            outbox: Outbox::new(),
            options: DatagramOptions::default(),
            errors: Errors::default(),
            corked: None,
            groups: Joined::new(),
            group_program: None,
            begins_group: false,
            binding: None,
            remote: None,
        }))
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut Socket> {
        self.sockets.values_mut()
    }

    pub(crate) fn get(&self, id: UdpId) -> Option<&Socket> {
        self.sockets.get(id.0)
    }

    pub(crate) fn get_mut(&mut self, id: UdpId) -> Option<&mut Socket> {
        self.sockets.get_mut(id.0)
    }

    pub(crate) fn close(&mut self, id: UdpId) -> Option<Socket> {
        self.unlist(id);
        if let Some(socket) = self.get(id)
            && let Some(local) = socket.local()
        {
            let port = (socket.is_lite(), local.port());
            remove(&mut self.by_port, &port, id);
        }
        self.sockets.remove(id.0)
    }

    /// Binds an unbound socket to an address that the caller knows to be ours, or to all. Port 0 takes an ephemeral one.
    pub(crate) fn bind(
        &mut self,
        id: UdpId,
        local: SocketAddr,
        reuse: BindOptions,
        rng: &mut Rng,
    ) -> Result<SocketAddr, BindError> {
        let socket = self.get(id).ok_or(BindError::NotFound)?;
        if socket.local().is_some_and(|local| local.port() != 0) {
            return Err(BindError::InvalidState);
        }
        if local.port() == 0 && reuse.no_port {
            let local = plain(local);
            if let Some(socket) = self.sockets.get_mut(id.0) {
                socket.binding = Some(Binding { local, asked: local, port_asked: false, reuse });
            }
            return Ok(local);
        }
        let (lite, on) = (socket.is_lite(), socket.options.bound_to);
        let port = if local.port() == 0 {
            let is_free = |port| !self.by_port.contains_key(&(lite, port));
            ports::ephemeral(&reuse.ports.within(&self.ephemeral), rng, is_free).ok_or(BindError::NoPorts)?
        } else {
            if self.is_taken(socket, local, reuse) {
                return Err(BindError::AddrInUse);
            }
            local.port()
        };
        let port_asked = local.port() != 0;
        let mut local = plain(local);
        local.set_port(port);
        let asked = local;
        let list = self.by_port.get(&(lite, port)).filter(|_| reuse.reuse_port);
        let mut members = list.into_iter().flatten().filter_map(|id| self.get(*id));
        let program =
            members.find(|member| member.shares(local, reuse.v6_only, on)).map(|one| one.group_program.clone());
        self.by_port.entry((lite, port)).or_default().push(id);
        if let Some(socket) = self.sockets.get_mut(id.0) {
            socket.binding = Some(Binding { local, asked, port_asked, reuse });
            if let Some(program) = program {
                socket.group_program = program;
            }
        }
        self.list(id);
        Ok(local)
    }

    /// Connects a bound socket. `from`: the address that it sends from, whose zone is `zone` if it needs one.
    pub(crate) fn connect(&mut self, id: UdpId, from: IpAddr, zone: IfIndex, remote: SocketAddr) {
        self.unlist(id);
        if let Some(socket) = self.sockets.get_mut(id.0)
            && let Some(binding) = &mut socket.binding
        {
            if binding.asked.ip().is_unspecified() {
                binding.local = end(from, binding.local.port(), zone);
            }
            socket.remote = Some(remote);
        }
        self.list(id);
    }

    /// Undoes connect: what bind(2) did not choose is forgotten, as on Linux.
    pub(crate) fn disconnect(&mut self, id: UdpId) {
        self.unlist(id);
        let Some(socket) = self.sockets.get_mut(id.0) else { return };
        socket.remote = None;
        let Some(binding) = &mut socket.binding else { return };
        binding.local = binding.asked;
        let port = (socket.options.lite.is_some(), binding.local.port());
        if binding.port_asked {
            self.list(id);
        } else {
            match binding.asked.ip().is_unspecified() {
                true => socket.binding = None,
                false => {
                    binding.asked.set_port(0);
                    binding.local.set_port(0);
                }
            }
            remove(&mut self.by_port, &port, id);
        }
    }

    /// Gives the socket's group a program, or takes it away. Of a socket that is not bound yet it is that of the group which it
    /// will begin. `shares`: the socket says SO_REUSEPORT.
    pub(crate) fn set_group_program(
        &mut self,
        id: UdpId,
        program: Option<Program>,
        shares: bool,
    ) -> Result<(), GroupProgramError> {
        let socket = self.get_mut(id).ok_or(GroupProgramError::NotShared)?;
        let bound = socket.binding.filter(|binding| binding.local.port() != 0);
        let is_group = bound.map_or(shares, |binding| binding.reuse.reuse_port);
        match (&program, &socket.group_program) {
            (None, None) if is_group || shares || socket.begins_group => return Err(GroupProgramError::NoProgram),
            (None, Some(_)) => {}
            _ if is_group => {}
            _ => return Err(GroupProgramError::NotShared),
        }
        socket.begins_group |= bound.is_none();
        socket.group_program = program.clone();
        let Some(Binding { asked, reuse, .. }) = bound else { return Ok(()) };
        let (place, on) = ((socket.is_lite(), asked.port()), socket.options.bound_to);
        for &id in self.by_port.get(&place).into_iter().flatten() {
            if let Some(member) = self.sockets.get_mut(id.0).filter(|member| member.shares(asked, reuse.v6_only, on)) {
                member.group_program = program.clone();
            }
        }
        Ok(())
    }

    /// The socket for a datagram to one of our unicast addresses: a connected one, else one bound to the address, else
    /// one bound to all of its family, else one bound to all of both.
    pub(crate) fn find(&self, lite: bool, local: SocketAddr, remote: SocketAddr, by: IfIndex) -> Option<UdpId> {
        self.receiver(lite, local, remote, by, |_| None)
    }

    /// The same, with the choice of a group's program.
    pub(crate) fn receiver<'a>(
        &'a self,
        lite: bool,
        local: SocketAddr,
        remote: SocketAddr,
        by: IfIndex,
        mut choose: impl FnMut(&Program) -> Option<u32>,
    ) -> Option<UdpId> {
        let any = match local {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => ANY_V6,
        };
        let ends = (local, remote);
        let connected = |remote| self.by_ends.get(&(lite, (local, remote)));
        let bound = |ip| self.by_local.get(&(lite, SocketAddr::new(ip, local.port())));
        let places: [&dyn Fn() -> Option<&'a Vec<UdpId>>; 5] = [
            &|| connected(remote),
            &|| connected(of_any_port(remote)),
            &|| self.by_local.get(&(lite, local)),
            &|| bound(any),
            &|| if local.is_ipv4() { bound(ANY_V6) } else { None },
        ];
        places.iter().find_map(|place| self.pick(place()?, &ends, by, &mut choose))
    }

    /// All sockets for a datagram to a broadcast or multicast address,
    /// that `also` takes.
    pub(crate) fn find_all(
        &self,
        lite: bool,
        local: SocketAddr,
        remote: SocketAddr,
        by: IfIndex,
        also: impl Fn(&Socket) -> bool,
    ) -> Vec<UdpId> {
        let wants = |id: &&UdpId| {
            let Some(socket) = self.get(**id) else { return false };
            let bound = socket.binding.is_some_and(|binding| {
                binding.asked.ip() == local.ip()
                    || is_wildcard_for(binding.asked.ip(), binding.reuse.v6_only, local.ip())
            });
            bound
                && also(socket)
                && socket.remote.is_none_or(|peer| peer == remote || peer == of_any_port(remote))
                && socket.hears(local.ip(), by)
        };
        self.by_port
            .get(&(lite, local.port()))
            .map(|list| list.iter().filter(wants).copied().collect())
            .unwrap_or_default()
    }

    /// Linux's rule: two sockets may share a port if their addresses differ, or if both asked for SO_REUSEADDR, or both
    /// for SO_REUSEPORT.
    fn is_taken(&self, socket: &Socket, local: SocketAddr, reuse: BindOptions) -> bool {
        let Some(list) = self.by_port.get(&(socket.is_lite(), local.port())) else { return false };
        list.iter().filter_map(|id| self.get(*id)).any(|other| {
            let Some(binding) = other.binding else { return false };
            let same_address = overlap((local.ip(), reuse.v6_only), (binding.local.ip(), binding.reuse.v6_only));
            let same_device = match (socket.options.bound_to, other.options.bound_to) {
                (Some(ours), Some(theirs)) => ours == theirs,
                _ => true,
            };
            // A socket with a program of its own begins a group, and joins none.
            let joins = reuse.reuse_port && !socket.begins_group;
            let shared = reuse.reuse_addr && binding.reuse.reuse_addr || joins && binding.reuse.reuse_port;
            same_address && same_device && !shared
        })
    }

    /// Of sockets with the same binding: those that are bound to the interface come first. SO_REUSEPORT spreads flows over all
    /// of them, or as their program says by `choose`; else the newest gets everything.
    fn pick(
        &self,
        list: &[UdpId],
        ends: &Ends,
        by: IfIndex,
        choose: &mut dyn FnMut(&Program) -> Option<u32>,
    ) -> Option<UdpId> {
        if let [id] = list {
            return self.get(*id)?.hears(ends.0.ip(), by).then_some(*id);
        }
        let hears = |id: &&UdpId| self.get(**id).is_some_and(|socket| socket.hears(ends.0.ip(), by));
        let bound = |id: &&UdpId| self.get(**id).is_some_and(|socket| socket.options.bound_to.is_some());
        let best = list.iter().filter(hears).max_by_key(bound)?;
        if !self.get(*best)?.binding?.reuse.reuse_port {
            return Some(*best);
        }
        let mut group = list.iter().filter(|id| hears(id) && bound(id) == bound(&best));
        let count = group.clone().count();
        let chosen = self.get(*best)?.group_program.as_ref().and_then(choose);
        group.nth(reuseport::member(count, chosen, self.spread.hash(ends))).copied()
    }

    fn list(&mut self, id: UdpId) {
        let Some(socket) = self.sockets.get(id.0) else { return };
        let lite = socket.is_lite();
        match (socket.local().filter(|local| local.port() != 0), socket.remote) {
            (Some(local), Some(remote)) => self.by_ends.entry((lite, (local, remote))).or_default().push(id),
            (Some(local), None) => self.by_local.entry((lite, local)).or_default().push(id),
            (None, _) => {}
        }
    }

    fn unlist(&mut self, id: UdpId) {
        let Some(socket) = self.sockets.get(id.0) else { return };
        let lite = socket.is_lite();
        match (socket.local(), socket.remote) {
            (Some(local), Some(remote)) => remove(&mut self.by_ends, &(lite, (local, remote)), id),
            (Some(local), None) if socket.binding.is_some_and(|binding| binding.reuse.reuse_port) => {
                if let Some(list) = self.by_local.get_mut(&(lite, local))
                    && let Some(at) = list.iter().position(|other| *other == id)
                {
                    reuseport::leave(list, at, |_| true);
                }
                remove(&mut self.by_local, &(lite, local), id);
            }
            (Some(local), None) => remove(&mut self.by_local, &(lite, local), id),
            (None, _) => {}
        }
    }
}

/// The peer of a socket that was connected to `remote`'s address and port 0: any port of it.
fn of_any_port(mut remote: SocketAddr) -> SocketAddr {
    remote.set_port(0);
    remote
}

fn remove<K: Eq + core::hash::Hash>(table: &mut HashMap<K, Vec<UdpId>, HashKey>, key: &K, id: UdpId) {
    if let Some(list) = table.get_mut(key) {
        list.retain(|other| *other != id);
        if list.is_empty() {
            table.remove(key);
        }
    }
}

#[cfg(test)]
mod tests;
