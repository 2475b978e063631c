//! The receive ring of TPACKET_V1 and TPACKET_V2: a place a frame.

use super::header::{self, Offsets, Said};
use super::{Arrived, KERNEL, LOSING, Layout, Put, RingView, Time, Version};

/// It was cut, and lies in the queue whole (TP_STATUS_COPY).
const COPY: u32 = 2;

pub(super) struct Frames {
    layout: Layout,
    version: Version,
    reserve: u32,
    /// The next place.
    head: u32,
}

impl Frames {
    pub(super) fn new(layout: Layout, version: Version, reserve: u32) -> Frames {
        Frames { layout, version, reserve, head: 0 }
    }

    /// Where the status of the next place is, or of the one that is a `part`th of all behind it.
    pub(super) fn status_at(&self, part: u32) -> usize {
        let behind = self.layout.frames.checked_div(part).unwrap_or(0);
        self.layout.frame(((u64::from(self.head) + u64::from(behind)) % u64::from(self.layout.frames)) as u32)
    }

    pub(super) fn put(&mut self, view: &RingView, arrived: &Arrived<'_>, time: Time) -> Put {
        let Frames { layout, version, reserve, head } = *self;
        let at = layout.frame(head);
        let Some(offsets) = Offsets::of(version, reserve, arrived) else { return Put::Dropped };
        if view.window.load(at) != KERNEL {
            return Put::Dropped;
        }
        let wanted = arrived.bytes.len().min(arrived.accepted);
        let room = layout.frame_size.saturating_sub(offsets.mac);
        let copied = wanted > room && arrived.copies;
        let said = Said { offsets, kept: wanted.min(room), time, next: 0 };
        header::write(&view.window, at, version, arrived, &said);
        if offsets.mac <= layout.frame_size {
            header::write_vnet(&view.window, at, offsets, arrived);
        }
        let copy = if copied { COPY } else { 0 };
        let losing = if arrived.losing { LOSING } else { 0 };
        view.give(at, header::status(arrived) | copy | losing);
        self.head = layout.after(head);
        if copied { Put::Copied } else { Put::Stored }
    }
}
