//! Rings of frames in memory that the program maps (PACKET_RX_RING, PACKET_TX_RING; packet(7) and Linux's packet_mmap.rst).
//!
//! `header` is what stands before a frame, `frames` the receive ring of versions 1 and 2, whose places are as large as a frame may be,
//! `blocks` that of version 3, whose blocks hold as many frames as fit, `outgoing` the ring of what is to be sent. A word of status
//! says whose a place is. We keep the count ourselves, and believe the memory nothing but the status.

mod blocks;
mod frames;
mod header;
mod outgoing;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use arena::Window;

use super::{PacketKind, Record, Room};
use crate::time::{Duration, Instant};
use blocks::Blocks;
use frames::Frames;
pub use header::Version;
pub(crate) use outgoing::Outgoing;

/// A place is ours (TP_STATUS_KERNEL).
const KERNEL: u32 = 0;
/// A place is the program's (TP_STATUS_USER).
const USER: u32 = 1;
/// Frames were lost since the program asked for the last time (TP_STATUS_LOSING).
const LOSING: u32 = 4;

/// Where frames go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// PACKET_RX_RING.
    In,
    /// PACKET_TX_RING.
    Out,
}

/// What a ring is to be like (`struct tpacket_req3`); no blocks: it is to go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RingRequest {
    /// Bytes of a block.
    pub block_size: u32,
    /// Blocks.
    pub blocks: u32,
    /// Bytes of a place for a frame.
    pub frame_size: u32,
    /// Places in all blocks.
    pub frames: u32,
    /// Milliseconds after which a block is given to the program, full or not; 0: we choose.
    pub retire_ms: u32,
    /// Bytes of each block that are the program's own.
    pub private: u32,
    /// TP_FT_REQ_FILL_RXHASH, which we leave zero.
    pub features: u32,
}

/// What counts for rings that are made later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RingOptions {
    /// PACKET_VERSION.
    pub version: Version,
    /// PACKET_RESERVE: bytes that are left free before a frame.
    pub reserve: u32,
    /// PACKET_LOSS: what cannot be sent is passed over.
    pub passes_over: bool,
    /// PACKET_TX_HAS_OFF: the program says where in its place a frame begins.
    pub has_offset: bool,
}

/// Why a ring was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RingError {
    /// No such socket.
    NotFound,
    /// There is one already.
    Busy,
    /// The request makes no sense.
    Invalid,
    /// There is no memory for it.
    NoMemory,
}

/// What the caller gives to a ring besides the request.
pub struct Ground<'a> {
    /// Bytes of a page: blocks are whole ones.
    pub page: usize,
    /// Makes memory of so many bytes, zeroed.
    pub window: &'a mut dyn FnMut(usize) -> Option<Arc<Window>>,
    /// What a moment is on the clock on the wall, in nanoseconds since 1970.
    pub wall: fn(Instant) -> u64,
    /// The moment.
    pub now: Instant,
}

/// A ring as the program's side sees it.
pub struct RingView {
    window: Arc<Window>,
    /// Where the status is of what was given last.
    latest: AtomicUsize,
    given: AtomicU64,
}

impl RingView {
    fn new(window: Arc<Window>, latest: usize) -> Arc<RingView> {
        Arc::new(RingView { window, latest: AtomicUsize::new(latest), given: AtomicU64::new(0) })
    }

    /// Its memory.
    pub fn window(&self) -> &Arc<Window> {
        &self.window
    }

    /// poll(2): the program has not given back what it got last.
    pub fn readable(&self) -> bool {
        self.window.load(self.latest.load(Ordering::Acquire)) != KERNEL
    }

    /// Frames, or blocks of them, that the program ever got.
    pub fn given(&self) -> u64 {
        self.given.load(Ordering::Acquire)
    }

    /// A place is the program's from now on.
    fn give(&self, at: usize, status: u32) {
        self.window.store(at, status);
        self.latest.store(at, Ordering::Release);
        self.given.fetch_add(1, Ordering::AcqRel);
    }
}

/// What a program's side has of the rings of a socket.
#[derive(Clone, Default)]
pub struct RingViews {
    /// Of what comes.
    pub rx: Option<Arc<RingView>>,
    /// The memory of what goes.
    pub tx: Option<Arc<Window>>,
}

impl RingViews {
    /// Their memory in the order in which it is mapped.
    pub fn windows(&self) -> impl Iterator<Item = &Arc<Window>> {
        self.rx.iter().map(|ring| ring.window()).chain(&self.tx)
    }
}

/// Where places are.
#[derive(Clone, Copy, Debug)]
struct Layout {
    block_size: usize,
    blocks: u32,
    frame_size: usize,
    frames: u32,
    per_block: u32,
}

impl Layout {
    /// packet_set_ring(): is it a ring?
    fn of(request: &RingRequest, options: &RingOptions, page: usize) -> Result<Layout, RingError> {
        let RingRequest { block_size, blocks, frame_size, frames, private, .. } = *request;
        let least = options.version.whole_len() as u64 + u64::from(options.reserve);
        let aligned = block_size.cast_signed() > 0 && (block_size as usize).is_multiple_of(page);
        let block = if options.version == Version::V3 { blocks::first(private) as u64 + least } else { 0 };
        if !aligned
            || u64::from(block_size) < block
            || u64::from(frame_size) < least
            || !(frame_size as usize).is_multiple_of(header::ALIGNMENT)
        {
            return Err(RingError::Invalid);
        }
        let per_block = block_size / frame_size;
        if per_block == 0 || per_block.checked_mul(blocks) != Some(frames) {
            return Err(RingError::Invalid);
        }
        let (block_size, frame_size) = (block_size as usize, frame_size as usize);
        Ok(Layout { block_size, blocks, frame_size, frames, per_block })
    }

    fn bytes(&self) -> Option<usize> {
        self.block_size.checked_mul(self.blocks as usize)
    }

    /// Where a frame's place begins.
    fn frame(&self, number: u32) -> usize {
        (number / self.per_block) as usize * self.block_size + (number % self.per_block) as usize * self.frame_size
    }

    fn after(&self, number: u32) -> u32 {
        if number + 1 < self.frames { number + 1 } else { 0 }
    }
}

/// A frame for a socket with a ring.
pub(super) struct Arrived<'a> {
    pub(super) record: &'a Record,
    pub(super) kind: PacketKind,
    /// What the socket sees of it.
    pub(super) bytes: &'a [u8],
    /// Bytes that its filter takes.
    pub(super) accepted: usize,
    /// Frames were lost.
    pub(super) losing: bool,
    /// What is too long for its place is put into the queue, whole.
    pub(super) copies: bool,
    /// Bytes that are left for what tells what is left to do to it.
    pub(super) vnet_header: usize,
}

/// What became of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Put {
    Stored,
    /// Cut, and to be put into the queue whole.
    Copied,
    Dropped,
}

/// A ring of what comes.
pub(crate) struct Incoming {
    pub(crate) view: Arc<RingView>,
    wall: fn(Instant) -> u64,
    places: Places,
}

enum Places {
    Frames(Frames),
    Blocks(Blocks),
}

impl Incoming {
    pub(super) fn put(&mut self, arrived: &Arrived<'_>) -> Put {
        let time = self.wall_of(arrived.record.timestamp);
        match &mut self.places {
            Places::Frames(frames) => frames.put(&self.view, arrived, time),
            Places::Blocks(blocks) => blocks.put(&self.view, arrived, time),
        }
    }

    /// Is the place that is next ours, and the one that is a quarter of all behind it?
    pub(super) fn room(&self) -> Room {
        let is_ours = |at: usize| self.view.window.load(at) == KERNEL;
        let (next, later) = match &self.places {
            Places::Frames(frames) => (frames.status_at(0), frames.status_at(4)),
            Places::Blocks(blocks) => (blocks.status_at(0), blocks.status_at(4)),
        };
        match (is_ours(later), is_ours(next)) {
            (true, _) => Room::Plenty,
            (false, true) => Room::Low,
            (false, false) => Room::None,
        }
    }

    fn wall_of(&self, at: Instant) -> Time {
        let ns = (self.wall)(at);
        Time { sec: (ns / 1_000_000_000) as u32, nsec: (ns % 1_000_000_000) as u32 }
    }

    /// When a block is to be given to the program.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.places {
            Places::Frames(_) => None,
            Places::Blocks(blocks) => blocks.deadline(),
        }
    }

    /// Gives a block to the program that is not full, but whose time has come. True if there was one.
    pub(super) fn expire(&mut self, now: Instant, losing: bool) -> bool {
        let time = self.wall_of(now);
        match &mut self.places {
            Places::Blocks(blocks) if blocks.deadline().is_some_and(|at| at <= now) => {
                blocks.expire(&self.view, now, time, losing)
            }
            _ => false,
        }
    }

    /// How often there was no block to go on with since the last time (`tp_freeze_q_cnt`).
    pub(super) fn take_freezes(&mut self) -> u32 {
        match &mut self.places {
            Places::Frames(_) => 0,
            Places::Blocks(blocks) => std::mem::take(&mut blocks.freezes),
        }
    }
}

/// A moment on the wall.
#[derive(Clone, Copy)]
struct Time {
    sec: u32,
    nsec: u32,
}

impl Time {
    fn bytes(self) -> [u8; 8] {
        let mut bytes = [0; 8];
        bytes[..4].copy_from_slice(&self.sec.to_ne_bytes());
        bytes[4..].copy_from_slice(&self.nsec.to_ne_bytes());
        bytes
    }
}

/// A new ring of what comes.
pub(super) fn incoming(
    request: &RingRequest,
    options: &RingOptions,
    ground: &mut Ground<'_>,
) -> Result<Incoming, RingError> {
    let (layout, window) = made(request, options, ground)?;
    let wall = ground.wall;
    if options.version == Version::V3 {
        let view = RingView::new(window, blocks::status(&layout, layout.blocks - 1));
        let retire = match request.retire_ms {
            0 => blocks::RETIRE,
            ms => Duration::from_millis(ms.into()),
        };
        let mut ring = Incoming {
            view,
            wall,
            places: Places::Blocks(Blocks::new(layout, options.reserve, request.private, retire)),
        };
        let time = ring.wall_of(ground.now);
        if let Places::Blocks(blocks) = &mut ring.places {
            blocks.open(&ring.view, ground.now, time);
        }
        return Ok(ring);
    }
    let view = RingView::new(window, layout.frame(layout.frames - 1));
    let places = Places::Frames(Frames::new(layout, options.version, options.reserve));
    Ok(Incoming { view, wall, places })
}

/// A new ring of what is to be sent.
pub(super) fn outgoing(
    request: &RingRequest,
    options: &RingOptions,
    ground: &mut Ground<'_>,
) -> Result<Outgoing, RingError> {
    let (layout, window) = made(request, options, ground)?;
    if options.version == Version::V3 && (request.retire_ms, request.private, request.features) != (0, 0, 0) {
        return Err(RingError::Invalid);
    }
    Ok(Outgoing::new(window, layout, options))
}

fn made(
    request: &RingRequest,
    options: &RingOptions,
    ground: &mut Ground<'_>,
) -> Result<(Layout, Arc<Window>), RingError> {
    let layout = Layout::of(request, options, ground.page)?;
    let window = layout.bytes().and_then(|bytes| (ground.window)(bytes)).ok_or(RingError::NoMemory)?;
    Ok((layout, window))
}
