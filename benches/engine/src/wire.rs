//! The wire between two stacks in one thread: frames are copied once, into buffers that are used again.

use std::collections::VecDeque;

/// A frame and what the link says of it.
pub struct Frame {
    pub bytes: Vec<u8>,
    /// Its checksum need not be looked at.
    pub good: bool,
    /// It is several segments of this many bytes of text; 0: it is one.
    pub segment_size: u16,
}

/// Frames on their way.
#[derive(Default)]
pub struct Wire {
    frames: VecDeque<Frame>,
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

    /// Sends a frame.
    pub fn send(&mut self, frame: Frame) {
        self.sent += 1;
        self.frames.push_back(frame);
    }

    /// The oldest frame, to be given back when it has been looked at.
    pub fn receive(&mut self) -> Option<Frame> {
        self.frames.pop_front()
    }

    /// A buffer whose frame has been looked at.
    pub fn give_back(&mut self, buffer: Vec<u8>) {
        self.spare.push(buffer);
    }
}
