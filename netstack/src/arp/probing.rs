//! Asking whether an address is free before it is used (RFC 5227 §2.1, RFC 3927 §2.2.1, RFC 2131 §4.4.1).

use core::net::Ipv4Addr;
use core::time::Duration;

use super::probe;
use crate::link::Mac;
use crate::rng::Rng;
use crate::time::Instant;
use crate::wire::arp::Packet;

/// How long, and how often, one asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timing {
    /// A random time up to this passes before the first probe.
    pub(crate) wait_ms: u32,
    pub(crate) probes: u8,
    /// Between probes.
    pub(crate) min_ms: u32,
    pub(crate) max_ms: u32,
    /// From the last probe until the address counts as free.
    pub(crate) announce_wait_ms: u32,
}

impl Timing {
    /// RFC 5227 §1.1, RFC 3927 §9: PROBE_WAIT, PROBE_NUM, PROBE_MIN, PROBE_MAX, ANNOUNCE_WAIT.
    pub(crate) const RFC_5227: Timing =
        Timing { wait_ms: 1000, probes: 3, min_ms: 1000, max_ms: 2000, announce_wait_ms: 2000 };
    /// For an address that its owner has just given us: a program that boots must not wait seven seconds for it. The
    /// probes of [`RFC_5227`](Self::RFC_5227) follow beside its use, see [`Claims`](super::Claims).
    pub(crate) const LEASED: Timing = Timing { wait_ms: 0, probes: 2, min_ms: 100, max_ms: 150, announce_wait_ms: 200 };
}

/// An address that is being asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Probing {
    pub(crate) addr: Ipv4Addr,
    mac: Mac,
    timing: Timing,
    sent: u8,
    pub(crate) deadline: Instant,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Broadcast this.
    Probe(Packet),
    /// Nobody has the address.
    Free,
}

impl Probing {
    pub(crate) fn new(now: Instant, mac: Mac, addr: Ipv4Addr, timing: Timing, rng: &mut Rng) -> Probing {
        let wait = Duration::from_millis(rng.below(timing.wait_ms).into());
        Probing { addr, mac, timing, sent: 0, deadline: now + wait }
    }

    /// Call it when [`deadline`](Self::deadline) has come.
    pub(crate) fn step(&mut self, now: Instant, rng: &mut Rng) -> Step {
        if self.sent == self.timing.probes {
            return Step::Free;
        }
        self.sent += 1;
        let wait = if self.sent == self.timing.probes {
            self.timing.announce_wait_ms
        } else {
            self.timing.min_ms + rng.below(self.timing.max_ms - self.timing.min_ms)
        };
        self.deadline = now + Duration::from_millis(wait.into());
        Step::Probe(probe(self.mac, self.addr))
    }

    /// Does the packet say that another station has the address, or wants it too (RFC 5227 §2.1.1)?
    pub(crate) fn conflicts(&self, packet: &Packet) -> bool {
        let theirs = packet.sender == self.addr;
        let wanted = packet.sender.is_unspecified() && packet.target == self.addr;
        packet.sender_mac != self.mac && (theirs || wanted)
    }
}
