//! The ring of what is to be sent: a place a frame, in every version.

use std::sync::Arc;

use arena::Window;

use super::header::{self, Request};
use super::{Layout, RingOptions, Version};
use crate::packet::PacketKind;
use crate::socket::SendError;

/// The place is the program's again (TP_STATUS_AVAILABLE).
const AVAILABLE: u32 = 0;
/// The frame is to be sent (TP_STATUS_SEND_REQUEST).
const SEND_REQUEST: u32 = 1;
/// It cannot be (TP_STATUS_WRONG_FORMAT).
const WRONG_FORMAT: u32 = 4;

pub(crate) struct Outgoing {
    window: Arc<Window>,
    layout: Layout,
    version: Version,
    /// What cannot be sent is passed over.
    passes_over: bool,
    has_offset: bool,
    /// The next place.
    head: u32,
}

impl Outgoing {
    pub(super) fn new(window: Arc<Window>, layout: Layout, options: &RingOptions) -> Outgoing {
        let RingOptions { version, passes_over, has_offset, .. } = *options;
        Outgoing { window, layout, version, passes_over, has_offset, head: 0 }
    }

    /// Its memory.
    pub(crate) fn window(&self) -> &Arc<Window> {
        &self.window
    }

    /// How many frames it has room for.
    pub(crate) fn frames(&self) -> u32 {
        self.layout.frames
    }

    /// The frame that is to be sent next, into `frame`; None: there is none. `mtu`: that of its link, if the frame has to fit it.
    pub(crate) fn next(
        &self,
        mtu: Option<usize>,
        kind: PacketKind,
        frame: &mut Vec<u8>,
    ) -> Option<Result<(), SendError>> {
        let at = self.layout.frame(self.head);
        if self.window.load(at + self.version.status()) != SEND_REQUEST {
            return None;
        }
        let least = self.version.header_len();
        let most = mtu.map_or(usize::MAX, |mtu| mtu + header::link_room(kind)).min(self.layout.frame_size - least);
        let Request { len, offset, next } = header::read(&self.window, at, self.version, kind);
        if next != 0 {
            return Some(Err(SendError::InvalidDestination));
        }
        if len > most {
            return Some(Err(SendError::MessageTooLong));
        }
        let offset = if self.has_offset { offset } else { least };
        if !(least..=self.layout.frame_size - len).contains(&offset) {
            return Some(Err(SendError::InvalidDestination));
        }
        frame.resize(len, 0);
        self.window.read(at + offset, frame);
        Some(Ok(()))
    }

    /// The frame has been taken: the place is free, and the next one's turn.
    pub(crate) fn sent(&mut self) {
        self.window.store(self.layout.frame(self.head) + self.version.status(), AVAILABLE);
        self.head = self.layout.after(self.head);
    }

    /// The frame cannot be sent. True where the next one's turn is.
    pub(crate) fn refuse(&mut self) -> bool {
        if self.passes_over {
            self.sent();
        } else {
            self.window.store(self.layout.frame(self.head) + self.version.status(), WRONG_FORMAT);
        }
        self.passes_over
    }
}
