//! The sender's side of its payload blocks: taking one, filling it, and knowing when it may be used again.
//!
//! All bookkeeping is private to the sender. For each target it remembers which block went to which ring position; when the
//! target's published head has passed the position, the target no longer needs the block. A block that nobody needs goes
//! back on a stack, so that the few blocks in use are those in the cache.

use crate::error::BusError;
use crate::file::{Area, BusFile};
use crate::format::{self, BIG_BLOCKS, BLOCKS, FRAME_CHECKSUM_PARTIAL, SMALL_BLOCKS};
use std::collections::VecDeque;
use std::sync::atomic::{Ordering, fence};

/// Room is asked of the host for this many small blocks at a time.
const SMALL_CHUNK: usize = 16;

/// Small or large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Small = 0,
    Big = 1,
}

impl Class {
    /// The smaller class that holds `length` bytes.
    pub(crate) fn of(length: usize) -> Class {
        if length <= format::block_capacity(0) { Class::Small } else { Class::Big }
    }

    fn of_block(block: u16) -> Class {
        if usize::from(block) < SMALL_BLOCKS { Class::Small } else { Class::Big }
    }
}

/// A sender's blocks.
pub(crate) struct Blocks {
    slot: usize,
    free: [Vec<u16>; 2],
    /// Blocks of each class that the host has room for, from the first: the rest has not been asked for yet.
    reserved: [usize; 2],
    /// The sequence last written to each block; odd until its first use.
    sequences: Box<[u64; BLOCKS]>,
    /// How many targets still need each block.
    users: Box<[u16; BLOCKS]>,
}

/// What a target has not read yet of ours, oldest first.
#[derive(Default)]
pub(crate) struct Outstanding {
    sent: VecDeque<(u16, u64)>,
    count: [usize; 2],
}

impl Blocks {
    /// The blocks of a node that just joined: asks the host for the first few, so that there is always one of each class.
    pub(crate) fn new(file: &BusFile, slot: usize, longest: usize) -> Result<Blocks, BusError> {
        let mut blocks = Blocks {
            slot,
            free: [Vec::with_capacity(SMALL_BLOCKS), Vec::with_capacity(BIG_BLOCKS)],
            reserved: [0; 2],
            sequences: Box::new([1; BLOCKS]),
            users: Box::new([0; BLOCKS]),
        };
        blocks.reserve(file, Class::Small)?;
        if Class::of(longest) == Class::Big {
            blocks.reserve(file, Class::Big)?;
        }
        Ok(blocks)
    }

    /// A free block, or `None`.
    pub(crate) fn take(&mut self, file: &BusFile, class: Class) -> Option<u16> {
        if self.free[class as usize].is_empty() {
            self.reserve(file, class).ok()?;
        }
        self.free[class as usize].pop()
    }

    /// Puts back a block that went to nobody.
    pub(crate) fn put_back(&mut self, block: u16) {
        self.free[Class::of_block(block) as usize].push(block);
    }

    /// Blocks of `class` that could still be taken.
    pub(crate) fn available(&self, class: Class) -> usize {
        let all = [SMALL_BLOCKS, BIG_BLOCKS][class as usize];
        self.free[class as usize].len() + all - self.reserved[class as usize]
    }

    /// Writes a frame into `block` and returns the sequence that its descriptor must carry.
    pub(crate) fn fill(
        &mut self,
        area: Area<'_>,
        block: u16,
        parts: &[&[u8]],
        checksum_partial: bool,
        now: u64,
    ) -> u64 {
        let Some(place) = area.block(block.into()) else {
            return 0;
        };
        let known = &mut self.sequences[usize::from(block)];
        if *known & 1 == 1 {
            // Go on from where the slot's last holder was, so that no descriptor of its fits ours.
            *known = place.header.sequence.load(Ordering::Relaxed) & !1;
        }
        let sequence = known.wrapping_add(2);
        *known = sequence;
        // Odd, then the frame, then even: a reader that copied meanwhile sees the change (it fences likewise).
        place.header.sequence.store(sequence | 1, Ordering::Relaxed);
        fence(Ordering::Release);
        let mut length = 0;
        for part in parts {
            place.write(length, part);
            length += part.len();
        }
        place.header.length.store(length as u32, Ordering::Relaxed);
        place.header.flags.store(if checksum_partial { FRAME_CHECKSUM_PARTIAL } else { 0 }, Ordering::Relaxed);
        place.header.timestamp.store(now, Ordering::Relaxed);
        place.header.sequence.store(sequence, Ordering::Release);
        sequence >> 1
    }

    /// Notes that `block` lies at `position` of a target's ring.
    pub(crate) fn sent(&mut self, to: &mut Outstanding, block: u16, position: u64) {
        self.users[usize::from(block)] += 1;
        to.count[Class::of_block(block) as usize] += 1;
        to.sent.push_back((block, position));
    }

    /// Takes back what a target has read, `head` being its published position.
    pub(crate) fn reap(&mut self, from: &mut Outstanding, head: u64) {
        while let Some(&(_, position)) = from.sent.front()
            && head.wrapping_sub(position).cast_signed() > 0
        {
            self.pop(from);
        }
    }

    /// Takes back everything from a target that is gone or does not move. If it reads a frame later after all, the
    /// sequence tells it that the block is another's now.
    pub(crate) fn forget(&mut self, from: &mut Outstanding) {
        while !from.sent.is_empty() {
            self.pop(from);
        }
    }

    fn pop(&mut self, from: &mut Outstanding) {
        let Some((block, _)) = from.sent.pop_front() else {
            return;
        };
        from.count[Class::of_block(block) as usize] -= 1;
        let users = &mut self.users[usize::from(block)];
        *users -= 1;
        if *users == 0 {
            self.put_back(block);
        }
    }

    /// Asks the host for the next blocks of `class`.
    fn reserve(&mut self, file: &BusFile, class: Class) -> Result<(), BusError> {
        let (all, first, chunk) = match class {
            Class::Small => (SMALL_BLOCKS, 0, SMALL_CHUNK),
            Class::Big => (BIG_BLOCKS, SMALL_BLOCKS, 1),
        };
        let have = &mut self.reserved[class as usize];
        let (Some((offset, bytes)), true) = (format::block_span(first + *have), *have < all) else {
            return Ok(());
        };
        file.reserve(self.slot, offset, bytes * chunk)?;
        // Lowest on top.
        self.free[class as usize].extend((first + *have..first + *have + chunk).rev().map(|block| block as u16));
        *have += chunk;
        Ok(())
    }
}

impl Outstanding {
    /// Blocks of `class` that the target has not read yet.
    pub(crate) fn count(&self, class: Class) -> usize {
        self.count[class as usize]
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.sent.is_empty()
    }
}
