//! Memory that a rump kernel shares with its programs: byte rings and socket records.
//!
//! Reading order: [`ring`] (how bytes move between a program and the engine) and `growth` (how a ring gets larger), `urgent` (a
//! byte that stands out), [`record`] (what an observer or an adopter can read about a socket), [`Window`] (what a program maps),
//! [`Arena`] (where all of them live), [`fault`] (when the program's memory is not there).
//!
//! The rings are the whole data path: a program copies in or out without the engine's lock, the engine segments from
//! and reassembles into the same bytes.

mod allocator;
pub mod fault;
mod growth;
mod mapping;
mod memory;
pub mod observe;
pub mod record;
pub mod ring;
mod urgent;
mod window;

pub use allocator::{Arena, Side};
pub use memory::Region;
pub use record::Record;
pub use ring::{Consumer, Producer, View};
pub use urgent::{Mark, UrgentByte};
pub use window::Window;
