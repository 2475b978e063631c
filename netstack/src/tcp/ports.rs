//! Who holds which local port: bind(2)'s conflict rules, and ephemeral ports (RFC 6056).

use crate::link::IfIndex;
use crate::ports::overlap;
use crate::rng::{HashKey, Rng};
use crate::socket::{BindError, BindOptions, PortRange};
use core::net::{IpAddr, SocketAddr};
use core::ops::RangeInclusive;
use std::collections::HashMap;

/// One socket's hold on a port. Connections that a listener accepts, and their TIME-WAIT, hold it too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Binding {
    pub(super) local: SocketAddr,
    pub(super) options: BindOptions,
    /// bind(2) asked for it, or inherited from a listener: not only a connect(2) that took any port.
    pub(super) explicit: bool,
    /// bind(2) named the port; otherwise it goes back with what it was taken for.
    pub(super) port_asked: bool,
    pub(super) listening: bool,
}

impl Binding {
    /// IP_BIND_ADDRESS_NO_PORT has none before connect(2) or listen(2).
    pub(super) fn has_port(&self) -> bool {
        self.local.port() != 0
    }

    /// `SO_REUSEADDR` lets others in, but not beside a listener.
    fn shares_addr(&self) -> bool {
        self.options.reuse_addr && !self.listening
    }

    fn class(&self) -> usize {
        usize::from(self.shares_addr()) + 2 * usize::from(self.options.reuse_port)
    }

    /// The hold of a connection accepted from this listener.
    pub(super) fn inherited(&self, addr: IpAddr) -> Binding {
        Binding { local: SocketAddr::new(addr, self.local.port()), listening: false, ..*self }
    }
}

/// How many sockets of each class ([`Binding::class`]) hold a port at an address.
#[derive(Clone, Copy, Debug)]
struct Holders {
    addr: IpAddr,
    /// IPV6_V6ONLY: `::` stands for no IPv4 address.
    v6_only: bool,
    /// SO_BINDTODEVICE: the only interface.
    on: Option<IfIndex>,
    classes: [u32; 4],
}

impl Holders {
    fn is_at(&self, binding: &Binding) -> bool {
        let BindOptions { v6_only, on, .. } = binding.options;
        (self.addr, self.v6_only, self.on) == (binding.local.ip(), v6_only, on)
    }
}

#[derive(Debug, Default)]
struct Port {
    holders: Vec<Holders>,
    explicit: u32,
}

/// All held ports.
pub(super) struct Ports {
    ports: HashMap<u16, Port, HashKey>,
    ephemeral: RangeInclusive<u16>,
    key: HashKey,
    /// RFC 6056 §3.3.3: counts connections, so that each begins its search after the one before.
    next: u32,
}

impl Ports {
    pub(super) fn new(ephemeral: RangeInclusive<u16>, key: HashKey) -> Ports {
        Ports { ports: HashMap::with_hasher(key), ephemeral, key, next: 0 }
    }

    /// bind(2): holds `local`, whose port 0 means any, or with IP_BIND_ADDRESS_NO_PORT none yet.
    pub(super) fn bind(
        &mut self,
        local: SocketAddr,
        options: BindOptions,
        rng: &mut Rng,
    ) -> Result<Binding, BindError> {
        let mut binding = Binding { local, options, explicit: true, port_asked: local.port() != 0, listening: false };
        if local.port() == 0 && options.no_port {
            return Ok(binding);
        }
        if local.port() == 0 {
            let offset = rng.u32();
            let free = self.candidates(offset, options.ports).find(|port| !self.ports.contains_key(port));
            binding.local.set_port(free.ok_or(BindError::NoPorts)?);
        } else if !options.forced && self.conflicts(&binding) {
            return Err(BindError::AddrInUse);
        }
        self.hold(&binding);
        Ok(binding)
    }

    /// listen(2): a listener shares its port with other listeners only by `SO_REUSEPORT`. False: it may not.
    /// `on`: the interface that it is bound to by now.
    pub(super) fn start_listening(&mut self, binding: &mut Binding, on: Option<IfIndex>) -> bool {
        self.release(binding);
        binding.options.on = on;
        binding.listening = true;
        let free = !self.conflicts(binding);
        binding.listening = free;
        self.hold(binding);
        free
    }

    /// The listener is one no more, but keeps its port.
    pub(super) fn stop_listening(&mut self, binding: &mut Binding) {
        self.release(binding);
        binding.listening = false;
        self.hold(binding);
    }

    /// A port for a connection from `src` to `remote` (RFC 6056 §3.3.3, algorithm 3): the first from a place that depends
    /// on the destination for which `usable` says yes. A port that somebody bound is left alone, as on Linux.
    pub(super) fn choose(
        &mut self,
        src: IpAddr,
        remote: SocketAddr,
        range: PortRange,
        mut usable: impl FnMut(u16) -> bool,
    ) -> Option<u16> {
        let offset = self.key.hash(&(src, remote)) as u32;
        let start = offset.wrapping_add(self.next);
        self.next = self.next.wrapping_add(1);
        self.candidates(start, range)
            .find(|&port| self.ports.get(&port).is_none_or(|held| held.explicit == 0) && usable(port))
    }

    /// Counts `binding` among the holders of its port, without asking.
    pub(super) fn hold(&mut self, binding: &Binding) {
        let port = self.ports.entry(binding.local.port()).or_default();
        port.explicit += u32::from(binding.explicit);
        let BindOptions { v6_only, on, .. } = binding.options;
        let addr = binding.local.ip();
        match port.holders.iter_mut().find(|holders| holders.is_at(binding)) {
            Some(holders) => holders.classes[binding.class()] += 1,
            None => {
                let mut classes = [0; 4];
                classes[binding.class()] = 1;
                port.holders.push(Holders { addr, v6_only, on, classes });
            }
        }
    }

    /// Takes back one [`hold`](Self::hold) of the same binding.
    pub(super) fn release(&mut self, binding: &Binding) {
        let number = binding.local.port();
        let Some(port) = self.ports.get_mut(&number) else { return };
        port.explicit = port.explicit.saturating_sub(u32::from(binding.explicit));
        if let Some(at) = port.holders.iter().position(|holders| holders.is_at(binding)) {
            let holders = &mut port.holders[at];
            holders.classes[binding.class()] = holders.classes[binding.class()].saturating_sub(1);
            if holders.classes == [0; 4] {
                port.holders.swap_remove(at);
            }
        }
        if port.holders.is_empty() {
            self.ports.remove(&number);
        }
    }

    /// socket(7): two sockets may hold overlapping addresses if both said `SO_REUSEADDR` and neither listens, or both
    /// said `SO_REUSEPORT`. Those that are bound to different interfaces never meet.
    fn conflicts(&self, binding: &Binding) -> bool {
        let Some(port) = self.ports.get(&binding.local.port()) else { return false };
        let ours = (binding.local.ip(), binding.options.v6_only);
        let meets = |holders: &&Holders| {
            let elsewhere = matches!((holders.on, binding.options.on), (Some(theirs), Some(ours)) if theirs != ours);
            !elsewhere && overlap((holders.addr, holders.v6_only), ours)
        };
        port.holders.iter().filter(meets).any(|holders| {
            holders.classes.iter().enumerate().any(|(class, &count)| {
                let by_addr = binding.options.reuse_addr && class & 1 != 0;
                let by_port = binding.options.reuse_port && class & 2 != 0;
                count > 0 && !by_addr && !by_port
            })
        })
    }

    /// Every ephemeral port of `range` once, from a place that `offset` gives.
    fn candidates(&self, offset: u32, range: PortRange) -> impl Iterator<Item = u16> + use<> {
        let (first, last) = range.within(&self.ephemeral).into_inner();
        let count = u32::from(last.saturating_sub(first)) + 1;
        (0..count).map(move |i| first + ((offset % count + i) % count) as u16)
    }
}
