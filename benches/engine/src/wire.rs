//! The wire between two stacks in one thread: frames are copied once, into buffers that are used again.

use std::collections::VecDeque;

/// Frames on their way.
#[derive(Default)]
pub struct Wire {
    frames: VecDeque<(Vec<u8>, bool)>,
    spare: Vec<Vec<u8>>,
    /// Frames ever sent.
    pub sent: u64,
}

impl Wire {
    /// An empty buffer for the next frame.
    pub fn buffer(&mut self) -> Vec<u8> {
        let mut buffer = self.spare.pop().unwrap_or_default();
        buffer.clear();
        buffer
    }

    /// Sends a frame; `good`: its checksum need not be looked at.
    pub fn send(&mut self, frame: Vec<u8>, good: bool) {
        self.sent += 1;
        self.frames.push_back((frame, good));
    }

    /// The oldest frame, to be given back when it has been looked at.
    pub fn receive(&mut self) -> Option<(Vec<u8>, bool)> {
        self.frames.pop_front()
    }

    /// A buffer whose frame has been looked at.
    pub fn give_back(&mut self, buffer: Vec<u8>) {
        self.spare.push(buffer);
    }
}
