//! Being on a bus: what a node's two ends, [`Port`](crate::Port) and [`Bell`](crate::Bell), share.

use crate::bell::{self, Who};
use crate::death::Watch;
use crate::file::{BusFile, Health};
use crate::format::{self, BellWord, Life, Record, State};
use crate::ring::Ring;
use rustix::time::ClockId;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A node of this process. What the file says of it is for others; what counts is here.
pub(crate) struct Node {
    pub(crate) file: Arc<BusFile>,
    pub(crate) slot: usize,
    life: Life,
    pub(crate) identity: Identity,
    addresses: Mutex<Vec<(Ipv4Addr, u8)>>,
    /// Position of the next frame to read.
    pub(crate) head: AtomicU64,
    pub(crate) watch: Watch,
    /// Its own bells, for when the shared ones are no longer ours.
    private: [BellWord; 2],
    /// It wants a copy of every frame, now.
    promiscuous: AtomicBool,
    /// Off the bus: left, evicted, truncated, or a fork child's copy.
    gone: AtomicBool,
    /// Events seen and not yet told, as bits.
    events: AtomicU8,
    /// The events that were ever seen.
    seen: AtomicU8,
}

/// What a node says of itself when it joins.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) name: String,
    pub(crate) mac: [u8; 6],
    pub(crate) mtu: u32,
    pub(crate) promiscuous: bool,
}

/// Bits of [`Node::events`].
pub(crate) const REMOVED: u8 = 1;
pub(crate) const TRUNCATED: u8 = 2;
pub(crate) const EVICTED: u8 = 4;
pub(crate) const CLOSED: u8 = 8;

impl Node {
    /// Enters the node into the table. The caller holds the join lock and the slot's, and the slot's area is there.
    pub(crate) fn enter(file: Arc<BusFile>, slot: usize, identity: Identity) -> Node {
        let life = file.record(slot).life().next();
        let node = Node {
            file,
            slot,
            life,
            promiscuous: AtomicBool::new(identity.promiscuous),
            identity,
            addresses: Mutex::default(),
            head: AtomicU64::new(0),
            watch: Watch::default(),
            private: [BellWord::private(), BellWord::private()],
            gone: AtomicBool::new(false),
            events: AtomicU8::new(0),
            seen: AtomicU8::new(0),
        };
        node.clear();
        node.describe();
        node
    }

    pub(crate) fn record(&self) -> &Record {
        self.file.record(self.slot)
    }

    /// The ring of `slot`; `None` where it cannot be mapped.
    pub(crate) fn ring_of(&self, slot: usize) -> Option<Ring<'_>> {
        let Record { head, tail, .. } = self.file.record(slot);
        Some(Ring { entries: self.file.area(slot)?.ring(), head, tail })
    }

    /// True once this node is off the bus for good.
    pub(crate) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }

    /// Adds an address. The caller holds the join lock.
    pub(crate) fn add_address(&self, address: Ipv4Addr, prefix: u8) {
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner).push((address, prefix));
        self.describe();
    }

    /// Whether it gets copies of frames for other nodes. The record has one writer, its node.
    pub(crate) fn set_promiscuous(&self, on: bool) {
        if self.promiscuous.swap(on, Ordering::Relaxed) != on && !self.is_gone() {
            self.describe();
        }
    }

    /// The addresses that this node claimed.
    pub(crate) fn addresses(&self) -> Vec<(Ipv4Addr, u8)> {
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Empties what the slot's last holder left.
    fn clear(&self) {
        let record = self.record();
        if let Some(area) = self.file.area(self.slot) {
            area.ring().iter().for_each(|entry| entry.store(0, Ordering::Relaxed));
            area.room().any.store(0, Ordering::Relaxed);
            area.room().slots.iter().for_each(|word| word.store(0, Ordering::Relaxed));
        }
        record.head.store(0, Ordering::Relaxed);
        record.tail.store(0, Ordering::Relaxed);
        record.alive.store(0, Ordering::Relaxed);
        record.kicked.store(0, Ordering::Relaxed);
        record.attended.store(0, Ordering::Relaxed);
        record.foreground.sleeping.store(0, Ordering::Relaxed);
        record.background.sleeping.store(0, Ordering::Relaxed);
        record.overruns.store(0, Ordering::Relaxed);
        record.joined.store(realtime_ns(), Ordering::Relaxed);
    }

    /// Writes what this node is into its record, and tells everybody that the table changed.
    fn describe(&self) {
        let record = self.record();
        let Identity { name, mac, mtu, promiscuous: _ } = &self.identity;
        let promiscuous = self.promiscuous.load(Ordering::Relaxed);
        let mut bytes = [0; 64];
        let fitting = name.floor_char_boundary(bytes.len());
        bytes[..fitting].copy_from_slice(&name.as_bytes()[..fitting]);
        for (word, part) in record.name.iter().zip(bytes.as_chunks().0) {
            word.store(u64::from_le_bytes(*part), Ordering::Relaxed);
        }
        record.mac.store(format::mac_word(*mac), Ordering::Relaxed);
        record.pid.store(std::process::id(), Ordering::Relaxed);
        record.mtu.store(*mtu, Ordering::Relaxed);
        record.flags.store(if promiscuous { format::NODE_PROMISCUOUS } else { 0 }, Ordering::Relaxed);
        let mut addresses = self.addresses().into_iter();
        for word in &record.addresses {
            let value = addresses.next().map_or(0, |(address, prefix)| format::address_word(address, prefix));
            word.store(value, Ordering::Relaxed);
        }
        record.life.store(self.life.bits(), Ordering::Release);
        self.table_changed();
    }

    /// Makes every node look at the table again, now or when it next does anything.
    pub(crate) fn table_changed(&self) {
        self.file.header().table_version.fetch_add(1, Ordering::AcqRel);
    }

    /// Checks that the table still says who we are, and puts it right where somebody scribbled on it.
    pub(crate) fn check_own_record(&self) {
        let record = self.record();
        let same = record.life.load(Ordering::Relaxed) == self.life.bits()
            && record.mac.load(Ordering::Relaxed) == format::mac_word(self.identity.mac);
        if same || self.is_gone() {
            return;
        }
        // Whoever has the slot's lock is right. Taking again what we hold changes nothing.
        if matches!(self.file.hold_slot(self.slot), Ok(false)) {
            self.go(EVICTED);
        } else {
            self.describe();
        }
    }

    /// Puts the shared positions of our ring right.
    pub(crate) fn mend_ring(&self) {
        let head = self.head.load(Ordering::Acquire);
        if !self.is_gone()
            && let Some(ring) = self.ring_of(self.slot)
            && ring.peek(head).is_none()
        {
            ring.repair(head);
        }
    }

    /// Looks at the file, and notes what happened to it.
    pub(crate) fn check_file(&self) {
        if self.is_gone() {
            return;
        }
        match self.file.health(self.slot) {
            Health::Good => self.file.mend_header(),
            Health::Removed => self.note(REMOVED),
            Health::Closed => self.note(CLOSED),
            Health::Truncated => self.go(TRUNCATED),
        }
    }

    /// Off the bus, for the reason that `event` names. Our sleepers wake up and from now on use the private bells.
    fn go(&self, event: u8) {
        self.note(event);
        if !self.gone.swap(true, Ordering::AcqRel) {
            bell::ring(&self.record().foreground);
            bell::ring(&self.record().background);
        }
    }

    /// The bells that our sleepers use.
    pub(crate) fn bell(&self, who: Who) -> &BellWord {
        let [foreground, background] = &self.private;
        let record = self.record();
        match (self.is_gone(), who) {
            (true, Who::Foreground) => foreground,
            (true, Who::Background) => background,
            (false, Who::Foreground) => &record.foreground,
            (false, Who::Background) => &record.background,
        }
    }

    fn note(&self, event: u8) {
        if self.seen.fetch_or(event, Ordering::Relaxed) & event == 0 {
            self.events.fetch_or(event, Ordering::Relaxed);
        }
    }

    /// The events since the last call, as bits.
    pub(crate) fn take_events(&self) -> u8 {
        match self.events.load(Ordering::Relaxed) {
            0 => 0,
            _ => self.events.swap(0, Ordering::Relaxed),
        }
    }

    /// True while there are events that nobody took.
    pub(crate) fn has_events(&self) -> bool {
        self.events.load(Ordering::Relaxed) != 0
    }

    /// Leaves the bus. Safe to call again.
    pub(crate) fn leave(&self) {
        if self.gone.swap(true, Ordering::Relaxed) {
            return;
        }
        let record = self.record();
        record.alive.store(0, Ordering::Relaxed);
        record.ended.store(monotonic_ns(), Ordering::Relaxed);
        let left = self.life.with(State::Left).bits();
        let _ = record.life.compare_exchange(self.life.bits(), left, Ordering::AcqRel, Ordering::Relaxed);
        self.file.release_slot(self.slot);
        self.table_changed();
        self.kick_all();
        // Our own sleepers have nothing left to wait for.
        bell::kick(record);
    }

    /// Wakes every live node.
    pub(crate) fn kick_all(&self) {
        for slot in 0..format::SLOTS {
            let record = self.file.record(slot);
            if slot != self.slot && record.life().is_live() {
                bell::kick(record);
            }
        }
    }

    /// In a fork child: gives up everything that would keep the parent's node alive. The child's copy is off the bus.
    pub(crate) fn close_in_child(&self) {
        self.gone.store(true, Ordering::Relaxed);
        self.file.close_in_child();
    }
}

/// CLOCK_REALTIME in nanoseconds.
pub(crate) fn realtime_ns() -> u64 {
    clock_ns(ClockId::Realtime)
}

/// CLOCK_MONOTONIC in nanoseconds.
pub(crate) fn monotonic_ns() -> u64 {
    clock_ns(ClockId::Monotonic)
}

fn clock_ns(clock: ClockId) -> u64 {
    let now = rustix::time::clock_gettime(clock);
    (now.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(now.tv_nsec as u64)
}
