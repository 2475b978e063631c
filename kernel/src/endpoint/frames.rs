//! The rings of frames of a packet socket (PACKET_RX_RING, PACKET_TX_RING).

use super::{Endpoint, Kind};
use netstack::packet::ring::{RingView, RingViews};
use std::sync::Arc;

impl Endpoint {
    pub(crate) fn set_frames(&self, frames: RingViews) {
        *self.frames.write() = frames;
    }

    pub(crate) fn frames(&self) -> RingViews {
        self.frames.read().clone()
    }

    /// Is there something in the receive ring that the program has not given back?
    pub(super) fn has_frames(&self) -> bool {
        self.of_receive_ring(|ring| ring.readable()).unwrap_or(false)
    }

    /// How often the receive ring had something new for the program.
    pub(super) fn frames_given(&self) -> u64 {
        self.of_receive_ring(|ring| ring.given()).unwrap_or(0)
    }

    fn of_receive_ring<R>(&self, ask: impl FnOnce(&Arc<RingView>) -> R) -> Option<R> {
        match self.kind {
            Kind::Packet(_) => self.frames.read().rx.as_ref().map(ask),
            _ => None,
        }
    }
}
