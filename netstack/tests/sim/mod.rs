//! Whole networks with programs in them, made from a seed.
//!
//! Reading order: [`scenario`] (what happens is decided before it begins), [`program`] (what an end of a connection does),
//! [`world`] (it happens, and what must hold is checked), [`trace`] (what one looks at when it does not hold).
#![allow(dead_code)] // Each test crate uses its own part.

pub mod program;
pub mod scenario;
pub mod trace;
pub mod world;
