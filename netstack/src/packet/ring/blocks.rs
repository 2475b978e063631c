//! The receive ring of TPACKET_V3: blocks with as many frames as fit, which the program gets when they are full or their time has
//! come.

use arena::Window;

use super::header::{self, Offsets, Said};
use super::{Arrived, KERNEL, LOSING, Layout, Put, RingView, Time, USER, Version};
use crate::time::{Duration, Instant};

/// Bytes of a block's header (`struct tpacket_block_desc`).
const HEADER: usize = 48;
/// In blocks everything is a multiple of it (V3_ALIGNMENT).
const ALIGNMENT: usize = 8;
/// The block was given for the time it took (TP_STATUS_BLK_TMO).
const TIMED_OUT: u32 = 1 << 5;
/// How long Linux lets a block wait where it does not know how fast the link is.
pub(super) const RETIRE: Duration = Duration::from_millis(8);

/// Places in a block's header.
mod field {
    pub(super) const PRIVATE: usize = 4;
    pub(super) const STATUS: usize = 8;
    pub(super) const FRAMES: usize = 12;
    pub(super) const FIRST: usize = 16;
    pub(super) const LEN: usize = 20;
    pub(super) const NUMBER: usize = 24;
    pub(super) const FIRST_TIME: usize = 32;
    pub(super) const LAST_TIME: usize = 40;
}

pub(super) struct Blocks {
    layout: Layout,
    reserve: u32,
    /// Where in a block frames begin.
    first: usize,
    retire: Duration,
    /// The number of the next block that is opened.
    number: u64,
    /// The block that is being filled.
    active: u32,
    /// Where in it the next frame goes, and where the last one is.
    next: usize,
    last: usize,
    /// The last one's time; none: there are no frames in it.
    last_time: Option<Time>,
    frames: u32,
    opened: Instant,
    deadline: Option<Instant>,
    /// The program still has the block that is next.
    frozen: bool,
    pub(super) freezes: u32,
}

/// Where in a block frames begin, behind `private` bytes of the program's.
pub(super) fn first(private: u32) -> usize {
    HEADER + (private as usize).next_multiple_of(ALIGNMENT)
}

/// Where a block's status is.
pub(super) fn status(layout: &Layout, block: u32) -> usize {
    block as usize * layout.block_size + field::STATUS
}

impl Blocks {
    pub(super) fn new(layout: Layout, reserve: u32, private: u32, retire: Duration) -> Blocks {
        let first = first(private);
        Blocks {
            layout,
            reserve,
            first,
            retire,
            number: 1,
            active: 0,
            next: first,
            last: first,
            last_time: None,
            frames: 0,
            opened: Instant::default(),
            deadline: None,
            frozen: false,
            freezes: 0,
        }
    }

    /// When the block is to be given to the program, if anything is in it.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Where the status of the block is that is being filled, or of the one that is a `part`th of all behind it.
    pub(super) fn status_at(&self, part: u32) -> usize {
        let behind = self.layout.blocks.checked_div(part).unwrap_or(0);
        let block = (u64::from(self.active) + u64::from(behind)) % u64::from(self.layout.blocks);
        status(&self.layout, block as u32)
    }

    fn at(&self) -> usize {
        self.active as usize * self.layout.block_size
    }

    fn set(&self, window: &Window, field: usize, word: u32) {
        window.write(self.at() + field, &word.to_ne_bytes());
    }

    /// prb_open_block(): the block is ours, and empty.
    pub(super) fn open(&mut self, view: &RingView, now: Instant, time: Time) {
        let window = &view.window;
        self.set(window, 0, Version::V3 as u32);
        self.set(window, field::PRIVATE, HEADER as u32);
        self.set(window, field::FRAMES, 0);
        self.set(window, field::FIRST, self.first as u32);
        self.set(window, field::LEN, self.first as u32);
        window.write(self.at() + field::NUMBER, &self.number.to_ne_bytes());
        window.write(self.at() + field::FIRST_TIME, &time.bytes());
        self.number += 1;
        (self.next, self.last, self.last_time, self.frames) = (self.first, self.first, None, 0);
        (self.opened, self.deadline, self.frozen) = (now, None, false);
    }

    pub(super) fn put(&mut self, view: &RingView, arrived: &Arrived<'_>, time: Time) -> Put {
        let now = arrived.record.timestamp;
        let most = self.layout.block_size - self.first;
        let Some(mut offsets) = Offsets::of(Version::V3, self.reserve, arrived) else { return Put::Dropped };
        let wanted = arrived.bytes.len().min(arrived.accepted);
        let kept = wanted.min(most.saturating_sub(offsets.mac));
        let begins = offsets.mac <= most;
        offsets.mac = offsets.mac.min(most);
        let taken = (offsets.mac + kept).next_multiple_of(ALIGNMENT);
        if self.frozen {
            if !self.is_ours(view) {
                return Put::Dropped;
            }
            self.open(view, now, time);
        }
        if self.next + taken >= self.layout.block_size {
            self.close(view, time, if arrived.losing { LOSING } else { 0 });
            if !self.go_on(view, now, time) {
                return Put::Dropped;
            }
        }
        let said = Said { offsets, kept, time, next: taken as u32 };
        header::write(&view.window, self.at() + self.next, Version::V3, arrived, &said);
        if begins {
            header::write_vnet(&view.window, self.at() + self.next, offsets, arrived);
        }
        (self.last, self.last_time) = (self.next, Some(time));
        self.next += taken;
        self.frames += 1;
        self.set(&view.window, field::FRAMES, self.frames);
        self.set(&view.window, field::LEN, self.next as u32);
        if self.deadline.is_none() {
            // Linux looks each time that so much has passed since the block was opened.
            let (passed, retire) = ((now - self.opened).as_nanos(), self.retire.as_nanos());
            let looks = u32::try_from(passed / retire + 1).unwrap_or(u32::MAX);
            self.deadline = Some(self.opened + self.retire.saturating_mul(looks));
        }
        Put::Stored
    }

    /// The block's time has come.
    pub(super) fn expire(&mut self, view: &RingView, now: Instant, time: Time, losing: bool) -> bool {
        self.deadline = None;
        self.close(view, time, TIMED_OUT | if losing { LOSING } else { 0 });
        self.go_on(view, now, time);
        true
    }

    fn is_ours(&self, view: &RingView) -> bool {
        view.window.load(self.at() + field::STATUS) == KERNEL
    }

    /// prb_retire_current_block(): the block is the program's.
    fn close(&mut self, view: &RingView, time: Time, status: u32) {
        self.deadline = None;
        if !self.is_ours(view) {
            return;
        }
        let (at, window) = (self.at(), &view.window);
        self.set(window, self.last, 0);
        window.write(at + field::LAST_TIME, &self.last_time.unwrap_or(time).bytes());
        view.give(at + field::STATUS, USER | status);
        self.active = if self.active + 1 < self.layout.blocks { self.active + 1 } else { 0 };
    }

    /// prb_dispatch_next_block(). False: the program still has it.
    fn go_on(&mut self, view: &RingView, now: Instant, time: Time) -> bool {
        if view.window.load(self.at() + field::STATUS) & USER != 0 {
            self.frozen = true;
            self.freezes = self.freezes.wrapping_add(1);
            return false;
        }
        self.open(view, now, time);
        true
    }
}
