//! What is fuzzed, a function a target: [`wire`] every parser, [`engine`] the whole stack, [`config`] what users write,
//! [`filter`] the filters of sockets.
//!
//! `cargo xtask fuzz` runs them under libFuzzer (`libfuzzer/` has its entry points). The inputs worth keeping are in
//! `corpus/`, a file a target and an input a line, in hexadecimal; the tests run them all on any toolchain, with mutations
//! of each. A failure is a panic.

pub mod config;
pub mod corpus;
pub mod engine;
pub mod filter;
pub mod wire;

#[path = "../../netstack/tests/common/memory.rs"]
#[expect(dead_code, reason = "the tests of netstack use the rest")]
mod memory;

/// A target: panics if what it tries does not hold for these bytes.
pub type Target = fn(&[u8]);

/// All of them, by name.
pub const TARGETS: &[(&str, Target)] =
    &[("wire", wire::run), ("engine", engine::run), ("config", config::run), ("filter", filter::run)];
