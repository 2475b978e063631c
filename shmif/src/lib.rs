//! `shmif`: a virtual Ethernet bus in shared memory.
//!
//! A bus is one file that any number of nodes map. Each node has a receive ring of 64-bit descriptors and an area of
//! payload blocks that only it writes; a frame is copied into a block of the sender and published in the receiver's ring
//! by one compare-and-swap. `FORMAT.md` beside this crate documents every byte.
//!
//! Reading order: [`format`](self) (`format.rs`: what lies where), `ring.rs` (how a descriptor is published and read),
//! `blocks.rs` (where payloads live and when a block comes back), `port.rs` (sending and receiving), `table.rs` (who is on
//! the bus), `bell.rs` (sleeping and waking), `death.rs` (how a killed node is noticed), `guard.rs` (when somebody
//! truncates the file), `file.rs` and `file/` (the file, its locks, its mapping).
//!
//! What holds whatever the other nodes do, be they killed at any instruction or hostile: no access outside the mapping,
//! no crash, and bounded work in each call. What does not: a hostile node can make others lose frames, and can forge
//! frames, as on any Ethernet.
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

#[cfg(target_endian = "big")]
compile_error!("the bus format is little-endian and is accessed in place");

mod bell;
mod blocks;
mod bus;
mod claim;
mod death;
mod error;
mod file;
mod format;
pub mod guard;
mod node;
mod port;
mod ring;
mod table;
mod targets;

pub use bell::{Attender, Bell, Sleep, Token, Who};
pub use bus::{Bus, Join};
pub use error::BusError;
pub use format::{MAX_FRAME, MAX_MTU, MIN_MTU};
pub use port::{BusEvent, Port, Received, Transmit};
pub use table::{Counters, NodeGone, NodeInfo};
