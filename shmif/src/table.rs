//! Who is on the bus: reading the node table, and noticing what changed in it.
//!
//! The table is written by other processes. What is read here may be nonsense, and is treated as a claim: sizes are
//! bounded, text is cleaned, and that a node is dead is checked against the lock on its slot.

use crate::bus::Bus;
use crate::file::BusFile;
use crate::format::{self, Life, NODE_PROMISCUOUS, Record, SLOTS, State};
use crate::node::monotonic_ns;
use rustix::thread::futex;
use std::net::Ipv4Addr;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};

/// A node as the table shows it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NodeInfo {
    /// Its place on the bus.
    pub slot: u32,
    /// Its process, as numbered in that process's own pid namespace.
    pub pid: u32,
    /// The program.
    pub name: String,
    /// Its Ethernet address.
    pub mac: [u8; 6],
    /// The addresses that it claimed, with prefix lengths in bits.
    pub addresses: Vec<(Ipv4Addr, u8)>,
    /// Its interface MTU in bytes.
    pub mtu: u32,
    /// It receives a copy of every frame.
    pub promiscuous: bool,
    /// When it joined: nanoseconds of CLOCK_REALTIME.
    pub joined_ns: u64,
    /// Its process lives. False only in the moments between a death and its notice.
    pub alive: bool,
    /// What it has moved.
    pub counters: Counters,
}

/// What a node has moved and lost. All counts are since its join.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Frames received.
    pub rx_frames: u64,
    /// Bytes received, with Ethernet headers.
    pub rx_bytes: u64,
    /// Frames that were not as their sender said when they were read, and were dropped.
    pub rx_torn: u64,
    /// Frames from others that found this node's ring full, or its share of a sender's blocks used up, and were dropped.
    pub rx_overruns: u64,
    /// Frames sent.
    pub tx_frames: u64,
    /// Bytes sent, with Ethernet headers.
    pub tx_bytes: u64,
    /// Times that a frame could not be sent at once ([`Transmit::Full`](crate::Transmit::Full)). Nothing was lost by that.
    pub tx_full: u64,
    /// Frames dropped because the target does not move, the host has no memory for a block, or the bus is dead.
    pub tx_dropped: u64,
}

/// A node that is no longer on the bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeGone {
    /// The addresses that it had claimed, with prefix lengths in bits.
    pub addresses: Vec<(Ipv4Addr, u8)>,
    /// Its Ethernet address.
    pub mac: [u8; 6],
    /// True where it died (a signal, exec, a crash), false where it left as a node should.
    pub died: bool,
    /// The program.
    pub name: String,
    /// Its process.
    pub pid: u32,
}

/// A live node as this process last saw it.
pub(crate) struct Seen {
    pub(crate) slot: usize,
    pub(crate) generation: u64,
    pub(crate) info: NodeInfo,
}

/// This process's view of the table: the live nodes but for itself, in slot order.
#[derive(Default)]
pub(crate) struct View {
    version: Option<u64>,
    pub(crate) live: Vec<Seen>,
    gone: Vec<NodeGone>,
}

impl View {
    /// True where the table may have changed since [`View::refresh`].
    #[inline]
    pub(crate) fn is_stale(&self, file: &BusFile) -> bool {
        self.version != Some(file.header().table_version.load(Acquire))
    }

    /// Reads the table again. `own` is left out.
    pub(crate) fn refresh(&mut self, file: &BusFile, own: usize) {
        // The version before the records: what changes meanwhile is seen by the next refresh.
        self.version = Some(file.header().table_version.load(Acquire));
        let mut before = std::mem::take(&mut self.live).into_iter().peekable();
        for slot in (0..SLOTS).filter(|slot| *slot != own) {
            let known = before.next_if(|seen| seen.slot == slot);
            let record = file.record(slot);
            let life = record.life();
            match known {
                Some(mut seen) if seen.generation == life.generation && !has_ended(file, slot, life) => {
                    seen.info = read(record, slot);
                    self.live.push(seen);
                }
                Some(seen) => {
                    self.gone.push(farewell(seen, life));
                    self.meet(record, slot, life);
                }
                None => self.meet(record, slot, life),
            }
        }
    }

    fn meet(&mut self, record: &Record, slot: usize, life: Life) {
        if life.is_live() {
            self.live.push(Seen { slot, generation: life.generation, info: read(record, slot) });
        }
    }

    /// The nodes that went since the last call, each once.
    pub(crate) fn take_gone(&mut self) -> Vec<NodeGone> {
        std::mem::take(&mut self.gone)
    }
}

/// Whether the holder of this life is off the bus. A word in the table alone does not end a live node.
fn has_ended(file: &BusFile, slot: usize, life: Life) -> bool {
    !life.is_live() && (!file.slot_is_held(slot) || owner_died(file.record(slot)))
}

fn farewell(seen: Seen, now: Life) -> NodeGone {
    let end = if now.generation == seen.generation { now.state } else { now.before };
    let NodeInfo { addresses, mac, name, pid, .. } = seen.info;
    NodeGone { addresses, mac, died: end != State::Left, name, pid }
}

/// The host's kernel says that the node's background thread ended without taking its leave.
pub(crate) fn owner_died(record: &Record) -> bool {
    record.alive.load(Acquire) & futex::OWNER_DIED != 0
}

/// Marks the node as dead; true for the one caller that did it.
pub(crate) fn mark_died(file: &BusFile, slot: usize, life: Life) -> bool {
    let record = file.record(slot);
    let died = life.with(State::Died).bits();
    let marked = record.life.compare_exchange(life.bits(), died, AcqRel, Relaxed).is_ok();
    if marked {
        record.ended.store(monotonic_ns(), Relaxed);
    }
    marked
}

/// Marks every dead node that nobody has marked yet; true where there was one. The caller holds the join lock.
pub(crate) fn bury_dead(file: &BusFile, own: Option<usize>) -> bool {
    let mut any = false;
    for slot in (0..SLOTS).filter(|slot| Some(*slot) != own) {
        let life = file.record(slot).life();
        if life.is_live() && !file.slot_is_held(slot) {
            any |= mark_died(file, slot, life);
        }
    }
    any
}

/// The nodes that the table shows as live, in slot order.
pub(crate) fn listed(file: &BusFile) -> Vec<NodeInfo> {
    let records = (0..SLOTS).map(|slot| (slot, file.record(slot)));
    records.filter(|(_, record)| record.life().is_live()).map(|(slot, record)| read(record, slot)).collect()
}

/// The nodes that the table shows as live, and whether they are. `own` is ours, which we need not ask for.
pub(crate) fn nodes(file: &BusFile, own: Option<usize>) -> Vec<NodeInfo> {
    let mut nodes = listed(file);
    nodes.iter_mut().for_each(|node| {
        let slot = node.slot as usize;
        node.alive = own == Some(slot) || file.slot_is_held(slot);
    });
    nodes
}

impl Bus {
    /// The nodes that are on the bus now, in slot order.
    pub fn nodes(&self) -> Vec<NodeInfo> {
        nodes(self.file(), None)
    }
}

/// Reads a record. `alive` is what the table says; the caller may know better.
fn read(record: &Record, slot: usize) -> NodeInfo {
    NodeInfo {
        slot: slot as u32,
        pid: record.pid.load(Relaxed),
        name: read_name(record),
        mac: format::mac_of(record.mac.load(Relaxed)),
        addresses: record.addresses.iter().filter_map(|word| format::address_of(word.load(Relaxed))).collect(),
        mtu: record.mtu.load(Relaxed),
        promiscuous: record.flags.load(Relaxed) & NODE_PROMISCUOUS != 0,
        joined_ns: record.joined.load(Relaxed),
        alive: record.life().is_live(),
        counters: read_counters(record),
    }
}

/// A program's name as text that is safe to print.
fn read_name(record: &Record) -> String {
    let mut bytes = [0; 64];
    for (part, word) in bytes.as_chunks_mut().0.iter_mut().zip(&record.name) {
        *part = word.load(Relaxed).to_le_bytes();
    }
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let clean = |c: char| if c.is_control() { '?' } else { c };
    String::from_utf8_lossy(&bytes[..end]).chars().map(clean).collect()
}

fn read_counters(record: &Record) -> Counters {
    let words = &record.counters;
    Counters {
        rx_frames: words.rx_frames.load(Relaxed),
        rx_bytes: words.rx_bytes.load(Relaxed),
        rx_torn: words.rx_torn.load(Relaxed),
        rx_overruns: record.overruns.load(Relaxed),
        tx_frames: words.tx_frames.load(Relaxed),
        tx_bytes: words.tx_bytes.load(Relaxed),
        tx_full: words.tx_full.load(Relaxed),
        tx_dropped: words.tx_dropped.load(Relaxed),
    }
}

impl Counters {
    /// Publishes all but `rx_overruns`, which the senders count.
    pub(crate) fn publish(&self, record: &Record) {
        let Counters { rx_frames, rx_bytes, rx_torn, rx_overruns: _, tx_frames, tx_bytes, tx_full, tx_dropped } = *self;
        let words = &record.counters;
        words.rx_frames.store(rx_frames, Relaxed);
        words.rx_bytes.store(rx_bytes, Relaxed);
        words.rx_torn.store(rx_torn, Relaxed);
        words.tx_frames.store(tx_frames, Relaxed);
        words.tx_bytes.store(tx_bytes, Relaxed);
        words.tx_full.store(tx_full, Relaxed);
        words.tx_dropped.store(tx_dropped, Relaxed);
    }
}
