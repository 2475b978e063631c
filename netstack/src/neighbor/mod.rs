//! The table of neighbours: the states of RFC 4861 §7.3.2, one table for ARP and neighbour discovery, as on Linux.
//!
//! Requests are made in `ip::control` ([`Outcome::Ask`]); answers are read in `stack::neighbors`.

use core::net::IpAddr;
use core::time::Duration;
use std::collections::{BTreeMap, HashMap, VecDeque};

use crate::datagram::truesize;
use crate::iface::LinkParameters;
use crate::ip::Packet;
use crate::link::{IfIndex, Mac};
use crate::rng::{HashKey, Rng};
use crate::time::Instant;
use crate::timer::TimerQueue;

/// Requests before a neighbour is given up.
const MAX_REQUESTS: u8 = 3;
/// How long a stale entry is used before it is asked for again.
const DELAY: Duration = Duration::from_secs(5);
/// Neighbours at most; beyond it old ones are forgotten.
const MAX_NEIGHBORS: usize = 1024;
/// What waits for one neighbour at most, as Linux counts it (`unres_qlen_bytes`); beyond it the oldest packets are dropped.
const MAX_HELD: usize = 212_992;
/// What waits for all neighbours together; beyond it new packets are dropped.
const MAX_HELD_BY_ALL: usize = 4 << 20;

type Id = (IfIndex, IpAddr);

/// What is known of a neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NeighborState {
    /// Asked, not answered yet. Timer: ask again, then give up.
    Incomplete,
    /// It answered lately. Timer: becomes stale.
    Reachable,
    /// Believed until it is used. No timer.
    Stale,
    /// Used while stale. Timer: becomes a probe.
    Delay,
    /// Asked by unicast whether it is still there. Timer: ask again, then give up.
    Probe,
}

/// A row of the neighbour table, as of `ip neigh`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Neighbor {
    /// Its protocol address.
    pub addr: IpAddr,
    /// Its hardware address, once known.
    pub mac: Option<Mac>,
    /// The link it is on.
    pub on: IfIndex,
    /// How sure that is.
    pub state: NeighborState,
}

struct Entry {
    state: NeighborState,
    mac: Option<Mac>,
    /// Requests sent since the last answer.
    requests: u8,
    held: VecDeque<Packet>,
    held_bytes: usize,
}

/// Where to send a packet for a neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resolution {
    Known(Mac),
    /// Hold the packet; `ask`: nobody has asked yet.
    Wait {
        ask: bool,
    },
}

/// How a neighbour's address became known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Evidence {
    /// It answered us.
    Reply,
    /// It asked us, so it will want an answer.
    AskedUs,
    /// It said so to others.
    Overheard,
}

/// What a neighbour advertisement says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Advertisement {
    pub(crate) mac: Option<Mac>,
    /// The neighbour is a router.
    pub(crate) router: bool,
    /// It answers us.
    pub(crate) solicited: bool,
    /// It overrides what is known.
    pub(crate) over: bool,
}

/// What a neighbour's timer wants done.
pub(crate) enum Outcome {
    /// Ask for it, of everybody or of the station that had it last.
    Ask { on: IfIndex, addr: IpAddr, last: Option<Mac> },
    /// It does not answer: these packets will not be delivered.
    Failed { on: IfIndex, addr: IpAddr, held: VecDeque<Packet> },
}

/// All neighbours on all links.
pub(crate) struct Neighbors {
    table: HashMap<Id, Entry, HashKey>,
    /// In the order in which they came in, or were last passed over for eviction.
    order: VecDeque<Id>,
    timers: TimerQueue<Id>,
    /// What routers say of a link, for neighbours of IPv6.
    links: BTreeMap<IfIndex, LinkParameters>,
    jitter: Rng,
    /// Bytes that wait for all neighbours.
    held_bytes: usize,
    /// Packets of evicted entries, to be given back.
    orphans: Vec<Packet>,
    changes: u64,
}

impl Neighbors {
    pub(crate) fn new(rng: &mut Rng) -> Neighbors {
        Neighbors {
            table: HashMap::with_hasher(rng.hash_key()),
            order: VecDeque::new(),
            timers: TimerQueue::new(),
            links: BTreeMap::new(),
            jitter: rng.fork(),
            held_bytes: 0,
            orphans: Vec::new(),
            changes: 0,
        }
    }

    /// From now on this counts for neighbours of IPv6 on a link.
    pub(crate) fn follow(&mut self, on: IfIndex, parameters: LinkParameters) {
        self.links.insert(on, parameters);
    }

    /// How often one came, went, moved, or passed to another state than [`Delay`](NeighborState::Delay).
    pub(crate) fn changes(&self) -> u64 {
        self.changes
    }

    fn parameters(&self, (on, addr): Id) -> LinkParameters {
        self.links.get(&on).filter(|_| addr.is_ipv6()).copied().unwrap_or_default()
    }

    /// The hardware address of a neighbour that needs no attention.
    pub(crate) fn lookup(&self, on: IfIndex, addr: IpAddr) -> Option<Mac> {
        let entry = self.table.get(&(on, addr))?;
        if entry.state == NeighborState::Stale { None } else { entry.mac }
    }

    /// The hardware address of a neighbour as far as it was ever told.
    pub(crate) fn last_known(&self, on: IfIndex, addr: IpAddr) -> Option<Mac> {
        self.table.get(&(on, addr))?.mac
    }

    /// The hardware address of a neighbour to whom something is about to be sent.
    pub(crate) fn resolve(&mut self, now: Instant, on: IfIndex, addr: IpAddr) -> Resolution {
        let id = (on, addr);
        if let Some(entry) = self.table.get_mut(&id) {
            let Some(mac) = entry.mac else { return Resolution::Wait { ask: false } };
            if entry.state == NeighborState::Stale {
                entry.state = NeighborState::Delay;
                self.timers.set(id, now + DELAY);
            }
            return Resolution::Known(mac);
        }
        self.insert(id, NeighborState::Incomplete, None);
        self.timers.set(id, now + self.parameters(id).retransmit);
        Resolution::Wait { ask: true }
    }

    /// Keeps a packet until its neighbour answers. Returns older ones that made room.
    pub(crate) fn hold(&mut self, on: IfIndex, addr: IpAddr, packet: Packet) -> Vec<Packet> {
        let mut dropped = core::mem::take(&mut self.orphans);
        let len = truesize(packet.payload().len());
        let Some(entry) = self.table.get_mut(&(on, addr)).filter(|_| self.held_bytes + len <= MAX_HELD_BY_ALL) else {
            dropped.push(packet);
            return dropped;
        };
        entry.held_bytes += len;
        self.held_bytes += len;
        entry.held.push_back(packet);
        while entry.held_bytes > MAX_HELD
            && let Some(oldest) = entry.held.pop_front()
        {
            let len = truesize(oldest.payload().len());
            entry.held_bytes -= len;
            self.held_bytes -= len;
            dropped.push(oldest);
        }
        dropped
    }

    /// Somebody said that `addr` is at `mac`. Returns the packets that waited for it.
    pub(crate) fn learn(
        &mut self,
        now: Instant,
        on: IfIndex,
        addr: IpAddr,
        mac: Mac,
        evidence: Evidence,
    ) -> VecDeque<Packet> {
        let id = (on, addr);
        if !self.table.contains_key(&id) {
            // RFC 826: only who is concerned makes a new entry.
            if evidence != Evidence::AskedUs {
                return VecDeque::new();
            }
            self.insert(id, NeighborState::Stale, Some(mac));
        }
        let reachable = self.parameters(id).reachable;
        let Some(entry) = self.table.get_mut(&id) else { return VecDeque::new() };
        let waited = entry.state == NeighborState::Incomplete;
        let moved = entry.mac != Some(mac);
        let confirmed = evidence == Evidence::Reply && entry.state != NeighborState::Reachable;
        self.changes += u64::from(moved || confirmed);
        entry.mac = Some(mac);
        if evidence == Evidence::Reply {
            entry.state = NeighborState::Reachable;
            entry.requests = 0;
            // RFC 4861 §6.3.2: from half to one and a half of it.
            let half = (reachable / 2).as_millis() as u32;
            let lifetime = Duration::from_millis(u64::from(half + self.jitter.below(2 * half)));
            self.timers.set(id, now + lifetime);
        } else if waited {
            // What waited is sent now, which is a use of a stale entry.
            entry.state = NeighborState::Delay;
            self.timers.set(id, now + DELAY);
        } else if moved {
            entry.state = NeighborState::Stale;
            self.timers.cancel(id);
        }
        self.held_bytes -= core::mem::take(&mut entry.held_bytes);
        core::mem::take(&mut entry.held)
    }

    /// A neighbour advertisement (RFC 4861 §7.2.5). Returns where the neighbour is and the packets that waited for it;
    /// `None` if it is nobody whom we asked for, or says nothing new.
    pub(crate) fn advertised(
        &mut self,
        now: Instant,
        on: IfIndex,
        addr: IpAddr,
        heard: Advertisement,
    ) -> Option<(Mac, VecDeque<Packet>)> {
        let id = (on, addr);
        let entry = self.table.get_mut(&id)?;
        let moved = heard.mac.is_some_and(|mac| entry.mac.is_some_and(|known| known != mac));
        if moved && !heard.over {
            // Another address without leave to believe it: whether the one that we have is still right must be asked.
            if entry.state == NeighborState::Reachable {
                entry.state = NeighborState::Stale;
                self.changes += 1;
                self.timers.cancel(id);
            }
            return None;
        }
        let mac = heard.mac.or(entry.mac)?;
        if heard.solicited {
            return Some((mac, self.learn(now, on, addr, mac, Evidence::Reply)));
        }
        Some((mac, self.learn(now, on, addr, mac, Evidence::Overheard)))
    }

    /// Runs one timer that is due.
    pub(crate) fn expire(&mut self, now: Instant) -> Option<Outcome> {
        while let Some(id) = self.timers.pop_expired(now) {
            let again = now + self.parameters(id).retransmit;
            let Some(entry) = self.table.get_mut(&id) else { continue };
            match entry.state {
                NeighborState::Reachable => {
                    entry.state = NeighborState::Stale;
                    self.changes += 1;
                }
                NeighborState::Stale => {}
                NeighborState::Delay => {
                    self.changes += 1;
                    entry.state = NeighborState::Probe;
                    entry.requests = 1;
                    self.timers.set(id, again);
                    return Some(Outcome::Ask { on: id.0, addr: id.1, last: entry.mac });
                }
                NeighborState::Incomplete | NeighborState::Probe if entry.requests < MAX_REQUESTS => {
                    entry.requests += 1;
                    self.timers.set(id, again);
                    return Some(Outcome::Ask { on: id.0, addr: id.1, last: entry.mac });
                }
                NeighborState::Incomplete | NeighborState::Probe => {
                    let held = self.remove(id).map(|entry| entry.held).unwrap_or_default();
                    return Some(Outcome::Failed { on: id.0, addr: id.1, held });
                }
            }
        }
        None
    }

    /// Does a packet wait for its neighbour?
    pub(crate) fn has_held(&self) -> bool {
        self.held_bytes > 0
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Forgets one address, or everything on a link. Returns what waited.
    pub(crate) fn forget(&mut self, on: IfIndex, addr: Option<IpAddr>) -> Vec<Packet> {
        let mut dropped = core::mem::take(&mut self.orphans);
        let gone: Vec<Id> =
            self.table.keys().filter(|id| id.0 == on && addr.is_none_or(|addr| id.1 == addr)).copied().collect();
        for id in gone {
            dropped.extend(self.remove(id).into_iter().flat_map(|entry| entry.held));
        }
        dropped
    }

    /// The table, by link and address.
    pub(crate) fn rows(&self) -> Vec<Neighbor> {
        let row = |(id, entry): (&Id, &Entry)| Neighbor { addr: id.1, mac: entry.mac, on: id.0, state: entry.state };
        let mut rows: Vec<Neighbor> = self.table.iter().map(row).collect();
        rows.sort_unstable_by_key(|row| (row.on, row.addr));
        rows
    }

    fn insert(&mut self, id: Id, state: NeighborState, mac: Option<Mac>) {
        if self.table.len() >= MAX_NEIGHBORS {
            self.evict();
        }
        self.order.push_back(id);
        self.changes += 1;
        let entry = Entry { state, mac, requests: 1, held: VecDeque::new(), held_bytes: 0 };
        self.table.insert(id, entry);
    }

    fn remove(&mut self, id: Id) -> Option<Entry> {
        self.timers.cancel(id);
        self.order.retain(|other| *other != id);
        let entry = self.table.remove(&id)?;
        self.changes += 1;
        self.held_bytes -= entry.held_bytes;
        Some(entry)
    }

    /// Forgets an old neighbour, if possible not one that is in use.
    fn evict(&mut self) {
        let mut spared = 0;
        while let Some(id) = self.order.pop_front() {
            let Some(entry) = self.table.get(&id) else { continue };
            let in_use = !matches!(entry.state, NeighborState::Stale | NeighborState::Incomplete);
            if in_use && spared < 16 {
                spared += 1;
                self.order.push_back(id);
                continue;
            }
            if let Some(entry) = self.remove(id) {
                self.orphans.extend(entry.held);
            }
            return;
        }
    }
}

#[cfg(test)]
mod tests;
