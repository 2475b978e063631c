//! The generated part of the socket-semantics suite, a group a test: each option, each call in each state, each bad pointer.

use system_tests::{Outcome, compat};

#[test]
fn options() -> Outcome {
    compat::check("option/")
}

#[test]
fn calls() -> Outcome {
    compat::check("call/")
}

#[test]
fn pointers() -> Outcome {
    compat::check("pointer/")
}
