//! The protocols of rump: a sans-I/O TCP/IP stack.
//!
//! No I/O, no clock, no thread, no unsafe, no errno. Frames come in with the time they came, frames go out through a
//! [`link::Sink`], and the caller asks when the engine wants to be run next. All randomness comes from one seed, so the
//! same seed and the same input give the same run.

#![forbid(unsafe_code)]

pub mod link;
pub mod rng;
pub mod socket;
pub mod time;
pub mod wire;

pub(crate) mod events;
pub(crate) mod slab;

pub use events::Notice;
