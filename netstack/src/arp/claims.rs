//! Our own addresses: probed for, announced, and defended (RFC 5227).
//!
//! An address is in use from the moment it is added, as on Linux; the probes run beside and only make a conflict known.
//! An address is never given up here: a conflict is answered by an announcement and a notice (§2.4 (c)). Who got it from a
//! server, or chose it itself, gives it up ([`Defence`](super::Defence)).

use core::net::Ipv4Addr;
use core::time::Duration;
use std::collections::BTreeMap;

use super::{announcement, probe};
use crate::link::{IfIndex, Mac};
use crate::rng::Rng;
use crate::time::Instant;
use crate::timer::TimerQueue;
use crate::wire::arp::Packet;

/// PROBE_WAIT, PROBE_MIN, PROBE_MAX: before the first probe, and between probes (RFC 5227 §1.1).
const PROBE_WAIT_MS: u32 = 1000;
const PROBE_MIN_MS: u32 = 1000;
const PROBE_MAX_MS: u32 = 2000;
/// PROBE_NUM.
const PROBES: u8 = 3;
/// ANNOUNCE_WAIT and ANNOUNCE_INTERVAL.
const ANNOUNCE_INTERVAL: Duration = Duration::from_secs(2);
/// ANNOUNCE_NUM.
const ANNOUNCEMENTS: u8 = 2;
/// DEFEND_INTERVAL: between two announcements in defence, and between two notices.
const DEFEND_INTERVAL: Duration = Duration::from_secs(10);

type Id = (IfIndex, Ipv4Addr);

struct Claim {
    mac: Mac,
    /// Timer: send what comes next.
    phase: Phase,
    defended: Option<Instant>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Probing { sent: u8 },
    Announcing { sent: u8 },
    Held,
}

/// A packet to be broadcast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Emission {
    pub(crate) on: IfIndex,
    pub(crate) packet: Packet,
}

/// All addresses that we claim on links.
pub(crate) struct Claims {
    table: BTreeMap<Id, Claim>,
    timers: TimerQueue<Id>,
}

impl Claims {
    pub(crate) fn new() -> Claims {
        Claims { table: BTreeMap::new(), timers: TimerQueue::new() }
    }

    /// Begins to claim an address. The announcement, to be sent at once, corrects everybody's tables. `probed`: nobody
    /// else has it, only announcements follow.
    pub(crate) fn claim(
        &mut self,
        now: Instant,
        on: IfIndex,
        mac: Mac,
        addr: Ipv4Addr,
        probed: bool,
        rng: &mut Rng,
    ) -> Emission {
        let (phase, wait) = match probed {
            true => (Phase::Announcing { sent: 1 }, ANNOUNCE_INTERVAL),
            false => (Phase::Probing { sent: 0 }, Duration::from_millis(u64::from(rng.below(PROBE_WAIT_MS)))),
        };
        self.timers.set((on, addr), now + wait);
        self.table.insert((on, addr), Claim { mac, phase, defended: None });
        Emission { on, packet: announcement(mac, addr) }
    }

    pub(crate) fn give_up(&mut self, on: IfIndex, addr: Ipv4Addr) {
        self.table.remove(&(on, addr));
        self.timers.cancel((on, addr));
    }

    /// Runs one timer that is due.
    pub(crate) fn expire(&mut self, now: Instant, rng: &mut Rng) -> Option<Emission> {
        let id = self.timers.pop_expired(now)?;
        let claim = self.table.get_mut(&id)?;
        let (packet, next, wait) = match claim.phase {
            Phase::Probing { sent } if sent + 1 < PROBES => {
                let wait = PROBE_MIN_MS + rng.below(PROBE_MAX_MS - PROBE_MIN_MS);
                (probe(claim.mac, id.1), Phase::Probing { sent: sent + 1 }, Duration::from_millis(wait.into()))
            }
            Phase::Probing { .. } => (probe(claim.mac, id.1), Phase::Announcing { sent: 0 }, ANNOUNCE_INTERVAL),
            Phase::Announcing { sent } if sent + 1 < ANNOUNCEMENTS => {
                (announcement(claim.mac, id.1), Phase::Announcing { sent: sent + 1 }, ANNOUNCE_INTERVAL)
            }
            Phase::Announcing { .. } | Phase::Held => {
                claim.phase = Phase::Held;
                return Some(Emission { on: id.0, packet: announcement(claim.mac, id.1) });
            }
        };
        claim.phase = next;
        self.timers.set(id, now + wait);
        Some(Emission { on: id.0, packet })
    }

    /// Looks at an ARP packet of another station. If it conflicts with a claim of ours, and we have not defended that
    /// one lately, returns the address and the announcement that defends it (RFC 5227 §2.4).
    pub(crate) fn conflict(&mut self, now: Instant, on: IfIndex, packet: &Packet) -> Option<(Ipv4Addr, Emission)> {
        // A station that uses the address, or probes for it while we do (§2.1.1).
        let addr = if packet.sender.is_unspecified() { packet.target } else { packet.sender };
        let claim = self.table.get_mut(&(on, addr))?;
        let only_probes = packet.sender.is_unspecified();
        if packet.sender_mac == claim.mac || only_probes && !matches!(claim.phase, Phase::Probing { .. }) {
            return None;
        }
        if claim.defended.is_some_and(|at| now.since(at) < DEFEND_INTERVAL) {
            return None;
        }
        claim.defended = Some(now);
        Some((addr, Emission { on, packet: announcement(claim.mac, addr) }))
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.timers.next()
    }
}
