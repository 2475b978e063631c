//! Opening a bus and joining it.

use crate::bell::{self, Bell};
use crate::blocks::Blocks;
use crate::error::BusError;
use crate::file::BusFile;
use crate::format::{self, LINK_HEADER, MAX_MTU, MIN_MTU, RING, SLOTS, State};
use crate::guard;
use crate::node::{Identity, Node, monotonic_ns};
use crate::port::Port;
use crate::table;
use rustix::io::Errno;
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicI32;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How long a slot rests after its holder went, if others are free: so long its last frames can still be read.
const REST: Duration = Duration::from_secs(2);

/// An open bus file. It can be looked at ([`Bus::nodes`]) without being joined.
pub struct Bus {
    file: Arc<BusFile>,
}

/// How to join.
#[derive(Clone, Debug)]
pub struct Join {
    /// The program's name, for tools and error messages. The first 64 bytes count.
    pub name: String,
    /// An Ethernet address, or `None` for a random one that begins with b2:a0, as NetBSD's shmif has.
    pub mac: Option<[u8; 6]>,
    /// The largest packet that this node sends, in bytes without the Ethernet header: 68 to 65,535.
    pub mtu: u32,
    /// Receive a copy of every frame on the bus.
    pub promiscuous: bool,
}

impl Bus {
    /// Opens the bus at `path`. With `create`, makes one where there is no file or an empty one; who may use it is then the
    /// caller's user alone.
    ///
    /// # Errors
    /// The path cannot be opened, or is not a bus of this version; such a file is left as it is.
    pub fn open(path: &Path, create: bool) -> Result<Bus, BusError> {
        let refused = |source| BusError::Io { path: path.to_owned(), doing: "catch SIGBUS for", source };
        guard::install().map_err(refused)?;
        Ok(Bus { file: Arc::new(BusFile::open(path, create)?) })
    }

    /// The number of the bus's descriptor. Whoever duplicates it to another number, to have it out of the way, stores that
    /// here and closes the old one.
    pub fn number(&self) -> &Arc<AtomicI32> {
        self.file.number()
    }

    /// Joins the bus as a new node. What comes back are its two ends: the [`Port`] for who runs the protocols, the [`Bell`]
    /// for the threads that sleep until something comes.
    ///
    /// # Errors
    /// No room (on the bus, in the file system, under RLIMIT_FSIZE), a MAC that is not one or that a live node has, an MTU out
    /// of range.
    pub fn join(self, join: Join) -> Result<(Port, Bell), BusError> {
        let Join { name, mac, mtu, promiscuous } = join;
        if !(MIN_MTU..=MAX_MTU).contains(&mtu) {
            return Err(BusError::BadMtu { mtu });
        }
        if let Some(mac) = mac.filter(|mac| mac[0] & 1 == 1 || *mac == [0; 6]) {
            return Err(BusError::BadMac { mac });
        }
        let Bus { file } = self;
        let lock = file.join_lock()?;
        table::bury_dead(&file, None);
        let mac = choose_mac(&file, mac)?;
        let slot = hold_a_slot(&file)?;
        let longest = mtu as usize + LINK_HEADER;
        file.extend_to(slot)?;
        file.reserve(slot, format::RING_OFFSET, RING * 8 + 4096)?;
        let blocks = Blocks::new(&file, slot, longest)?;
        if file.area(slot).is_none() {
            return Err(BusError::Io { path: file.path().to_owned(), doing: "map", source: Errno::NOMEM.into() });
        }
        let node = Arc::new(Node::enter(Arc::clone(&file), slot, Identity { name, mac, mtu, promiscuous }));
        drop(lock);
        bell::ring_predecessor(&node);
        Ok((Port::new(Arc::clone(&node), blocks), Bell::new(node)))
    }

    /// The open file: a program that closes descriptors that it did not open must leave this one.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.file.fd()
    }

    pub(crate) fn file(&self) -> &BusFile {
        &self.file
    }
}

/// Becomes the holder of a slot: of those that rest long enough the lowest, else of those never used, else the one that
/// rested longest. The caller holds the join lock.
fn hold_a_slot(file: &BusFile) -> Result<usize, BusError> {
    let now = monotonic_ns();
    let mut candidates: Vec<(u8, u64, usize)> = (0..SLOTS)
        .filter_map(|slot| {
            let record = file.record(slot);
            let life = record.life();
            let rested = now.saturating_sub(record.ended.load(Ordering::Relaxed));
            match life.state {
                State::Live => None,
                State::Free if life.generation == 0 => Some((1, 0, slot)),
                _ if rested >= REST.as_nanos() as u64 => Some((0, 0, slot)),
                _ => Some((2, u64::MAX - rested, slot)),
            }
        })
        .collect();
    candidates.sort_unstable();
    for (_, _, slot) in candidates {
        if file.hold_slot(slot).map_err(|source| BusError::Io {
            path: file.path().to_owned(),
            doing: "lock",
            source,
        })? {
            return Ok(slot);
        }
    }
    Err(BusError::Full { path: file.path().to_owned() })
}

/// The MAC asked for, if no live node has it, or a random one.
fn choose_mac(file: &BusFile, wanted: Option<[u8; 6]>) -> Result<[u8; 6], BusError> {
    let nodes = table::listed(file);
    let holder = |mac: [u8; 6]| nodes.iter().find(|node| node.mac == mac);
    if let Some(mac) = wanted {
        return match holder(mac) {
            None => Ok(mac),
            Some(node) => Err(BusError::MacInUse { mac, node: node.name.clone(), pid: node.pid }),
        };
    }
    // As many tries as nodes and one more: one is free unless the host's randomness is broken.
    for _ in 0..=nodes.len() {
        let mut random = [0; 4];
        let failed = |e: Errno| BusError::Io {
            path: file.path().to_owned(),
            doing: "get a random address for",
            source: e.into(),
        };
        rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty()).map_err(failed)?;
        let [c, d, e, f] = random;
        let mac = [0xb2, 0xa0, c, d, e, f];
        if holder(mac).is_none() {
            return Ok(mac);
        }
    }
    Err(BusError::Full { path: file.path().to_owned() })
}
