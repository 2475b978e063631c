//! An address of 169.254/16 that the host chooses itself (RFC 3927).

use core::net::Ipv4Addr;
use core::time::Duration;
use std::collections::VecDeque;

use crate::arp::{Defence, Probing, Step, Timing};
use crate::link::Mac;
use crate::rng::Rng;
use crate::time::Instant;
use crate::wire::arp::Packet;

/// Conflicts until the host becomes slow (MAX_CONFLICTS, RFC 3927 §9).
const MAX_CONFLICTS: u32 = 10;
/// Between attempts then (RATE_LIMIT_INTERVAL).
const RATE_LIMIT_INTERVAL: Duration = Duration::from_secs(60);

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkLocalAction {
    /// Broadcast this.
    Arp(Packet),
    /// Use this address, with a prefix of 16, and announce it.
    Bound(Ipv4Addr),
    /// Do not use it any more: another station does not yield.
    Lost(Ipv4Addr),
}

enum State {
    /// Waits before it tries an address.
    Idle,
    Probing(Probing),
    Bound {
        addr: Ipv4Addr,
        defence: Defence,
    },
}

/// The machine of one interface: `handle_*` in, [`poll`](Self::poll) out.
pub(crate) struct LinkLocal {
    mac: Mac,
    /// Which addresses are tried, in the same order at each boot (RFC 3927 §2.1).
    candidates: Rng,
    state: State,
    deadline: Option<Instant>,
    conflicts: u32,
    actions: VecDeque<LinkLocalAction>,
    rng: Rng,
}

impl LinkLocal {
    pub(crate) fn new(now: Instant, mac: Mac, rng: &mut Rng) -> LinkLocal {
        let mut seed = [0; 32];
        seed[..6].copy_from_slice(&mac.0);
        LinkLocal {
            mac,
            candidates: Rng::new(seed),
            state: State::Idle,
            deadline: Some(now),
            conflicts: 0,
            actions: VecDeque::new(),
            rng: rng.fork(),
        }
    }

    pub(crate) fn poll(&mut self) -> Option<LinkLocalAction> {
        self.actions.pop_front()
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// The address that is in use.
    pub(crate) fn addr(&self) -> Option<Ipv4Addr> {
        match self.state {
            State::Bound { addr, .. } => Some(addr),
            _ => None,
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if self.deadline.is_none_or(|at| at > now) {
            return;
        }
        match &mut self.state {
            State::Idle => {
                let addr = candidate(&mut self.candidates);
                let probing = Probing::new(now, self.mac, addr, Timing::RFC_5227, &mut self.rng);
                self.deadline = Some(probing.deadline);
                self.state = State::Probing(probing);
            }
            State::Probing(probing) => match probing.step(now, &mut self.rng) {
                Step::Probe(packet) => {
                    self.deadline = Some(probing.deadline);
                    self.actions.push_back(LinkLocalAction::Arp(packet));
                }
                Step::Free => {
                    let addr = probing.addr;
                    self.conflicts = 0;
                    self.deadline = None;
                    self.state = State::Bound { addr, defence: Defence::default() };
                    self.actions.push_back(LinkLocalAction::Bound(addr));
                }
            },
            State::Bound { .. } => self.deadline = None,
        }
    }

    /// An ARP packet of another station was heard. The first conflict in ten seconds is left to who defends our
    /// addresses ([`Claims`](crate::arp::Claims)), the second ends the use of the address (RFC 3927 §2.5 (b)).
    pub(crate) fn handle_arp(&mut self, now: Instant, packet: &Packet) {
        match &mut self.state {
            State::Probing(probing) if probing.conflicts(packet) => self.try_another(now),
            State::Bound { addr, defence } if packet.sender == *addr && packet.sender_mac != self.mac => {
                let addr = *addr;
                if defence.is_overcome(now) {
                    self.actions.push_back(LinkLocalAction::Lost(addr));
                    self.try_another(now);
                }
            }
            _ => {}
        }
    }

    fn try_another(&mut self, now: Instant) {
        self.conflicts += 1;
        self.state = State::Idle;
        // RFC 3927 §2.2.1.
        self.deadline = Some(if self.conflicts >= MAX_CONFLICTS { now + RATE_LIMIT_INTERVAL } else { now });
    }
}

/// 169.254.1.0 to 169.254.254.255, all as likely (RFC 3927 §2.1).
fn candidate(rng: &mut Rng) -> Ipv4Addr {
    Ipv4Addr::from_bits(Ipv4Addr::new(169, 254, 1, 0).to_bits() + rng.below(254 << 8))
}
