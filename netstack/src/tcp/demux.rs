//! Finds the owner of a segment: by four-tuple, else the listener.

use super::ports::Binding;
use crate::filter::Program;
use crate::link::IfIndex;
use crate::ports::is_wildcard_for;
use crate::reuseport;
use crate::rng::HashKey;
use crate::slab::Handle;
use crate::socket::BindOptions;
use core::hash::{Hash, Hasher};
use core::net::{IpAddr, SocketAddr};
use std::collections::HashMap;

/// The two ends of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tuple {
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
}

/// Few words for the hasher instead of the many small writes that a derived one makes.
impl Hash for Tuple {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for addr in [self.local.ip(), self.remote.ip()] {
            match addr {
                IpAddr::V4(addr) => state.write_u32(addr.to_bits()),
                IpAddr::V6(addr) => state.write_u128(addr.to_bits()),
            }
        }
        state.write_u32(u32::from(self.local.port()) << 16 | u32::from(self.remote.port()));
    }
}

/// Who has a four-tuple. Each handle is of the table that its variant names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    Connection(Handle),
    /// A passive open whose SYN-ACK is not acknowledged.
    Request(Handle),
    /// TIME-WAIT, or FIN-WAIT-2 of a closed socket.
    Remnant(Handle),
}

#[derive(Clone, Debug)]
struct Listening {
    addr: IpAddr,
    v6_only: bool,
    /// SO_BINDTODEVICE, when it began to listen.
    on: Option<IfIndex>,
    socket: Handle,
    /// The program of its SO_REUSEPORT group; all members have the same.
    program: Option<Program>,
}

impl Listening {
    fn shares_with(&self, other: &Listening) -> bool {
        (self.addr, self.v6_only, self.on) == (other.addr, other.v6_only, other.on)
    }
}

/// The tables. Look-ups are O(1).
pub(super) struct Demux {
    tuples: HashMap<Tuple, Owner, HashKey>,
    listeners: HashMap<u16, Vec<Listening>, HashKey>,
    key: HashKey,
}

impl Demux {
    pub(super) fn new(key: HashKey) -> Demux {
        Demux { tuples: HashMap::with_hasher(key), listeners: HashMap::with_hasher(key), key }
    }

    pub(super) fn owner(&self, tuple: &Tuple) -> Option<Owner> {
        self.tuples.get(tuple).copied()
    }

    pub(super) fn claim(&mut self, tuple: Tuple, owner: Owner) {
        self.tuples.insert(tuple, owner);
    }

    /// Gives the tuple back, if `owner` still has it.
    pub(super) fn yield_tuple(&mut self, tuple: &Tuple, owner: Owner) {
        if self.tuples.get(tuple) == Some(&owner) {
            self.tuples.remove(tuple);
        }
    }

    /// All tuples towards `addr`. For the rare event of a node's death: it looks at every connection.
    pub(super) fn towards(&self, addr: IpAddr) -> Vec<Owner> {
        let mut found: Vec<_> = self.tuples.iter().filter(|(tuple, _)| tuple.remote.ip() == addr).collect();
        // A fixed order, so that runs with one seed are the same.
        found.sort_unstable_by_key(|(tuple, _)| (tuple.local, tuple.remote));
        found.into_iter().map(|(_, owner)| *owner).collect()
    }

    /// `program`: that of its group, if it is the first of it.
    pub(super) fn add_listener(&mut self, binding: &Binding, socket: Handle, program: Option<Program>) {
        let BindOptions { v6_only, on, .. } = binding.options;
        let mut new = Listening { addr: binding.local.ip(), v6_only, on, socket, program };
        let listeners = self.listeners.entry(binding.local.port()).or_default();
        if let Some(member) = listeners.iter().find(|other| other.shares_with(&new)) {
            new.program = member.program.clone();
        }
        listeners.push(new);
    }

    /// Gives a listener's group a program, or none; returns which it had.
    pub(super) fn set_program(&mut self, port: u16, socket: Handle, program: Option<&Program>) -> Option<Program> {
        let listeners = self.listeners.get_mut(&port)?;
        let of = listeners.iter().find(|listening| listening.socket == socket)?.clone();
        for member in listeners.iter_mut().filter(|other| other.shares_with(&of)) {
            member.program = program.cloned();
        }
        of.program
    }

    pub(super) fn remove_listener(&mut self, port: u16, socket: Handle) {
        if let Some(listeners) = self.listeners.get_mut(&port) {
            if let Some(at) = listeners.iter().position(|listening| listening.socket == socket) {
                let gone = listeners[at].clone();
                reuseport::leave(listeners, at, |other| other.shares_with(&gone));
            }
            if listeners.is_empty() {
                self.listeners.remove(&port);
            }
        }
    }

    /// The listener for a SYN. One that is bound to this address goes before one that is bound to any; then one that is bound to the
    /// interface (SO_BINDTODEVICE, by `bound_to`) before one that is not, and one of the address's family before one of both. Of
    /// several (`SO_REUSEPORT`) it is the one that the group's program has `chosen`, else one by the hash of the tuple, so that a
    /// repeated SYN finds the same one.
    pub(super) fn listener(
        &self,
        tuple: &Tuple,
        bound_to: impl Fn(Handle) -> Option<IfIndex>,
        by: IfIndex,
        chosen: Option<u32>,
    ) -> Option<Handle> {
        self.best(tuple, bound_to, by, chosen).map(|listening| listening.socket)
    }

    /// The program of the group that gets a SYN.
    pub(super) fn program(
        &self,
        tuple: &Tuple,
        bound_to: impl Fn(Handle) -> Option<IfIndex>,
        by: IfIndex,
    ) -> Option<&Program> {
        self.best(tuple, bound_to, by, None)?.program.as_ref()
    }

    fn best(
        &self,
        tuple: &Tuple,
        bound_to: impl Fn(Handle) -> Option<IfIndex>,
        by: IfIndex,
        chosen: Option<u32>,
    ) -> Option<&Listening> {
        let listeners = self.listeners.get(&tuple.local.port())?;
        let addr = tuple.local.ip();
        let rank = |listening: &Listening| {
            let only = bound_to(listening.socket);
            let any_address = match listening.addr {
                bound if bound == addr => false,
                bound if is_wildcard_for(bound, listening.v6_only, addr) => true,
                _ => return None,
            };
            let other_family = listening.addr.is_ipv4() != addr.is_ipv4();
            only.is_none_or(|only| only == by).then_some((any_address, only.is_none(), other_family))
        };
        let best = listeners.iter().filter_map(rank).min()?;
        let mut equals = listeners.iter().filter(|listening| rank(listening) == Some(best));
        let count = equals.clone().count();
        equals.nth(reuseport::member(count, chosen, self.key.hash(tuple)))
    }
}
