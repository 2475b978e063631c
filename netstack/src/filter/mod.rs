//! Classic BPF: the filters that programs attach to sockets (SO_ATTACH_FILTER; "The BSD Packet Filter", McCanne and
//! Jacobson, 1993, with Linux's ancillary loads).
//!
//! `code` has the instructions by name, `check` decides whether a program is one, `run` runs it on a [`View`] of a packet,
//! `ancillary` answers what a program asks of a packet besides its bytes. A program only jumps forward, so it ends.

mod ancillary;
mod check;
mod code;
mod run;
mod view;

pub use check::Invalid;
pub use view::View;

use std::sync::Arc;

/// An instruction (`struct sock_filter`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// What to do.
    pub code: u16,
    /// Instructions to pass over where a condition holds.
    pub jt: u8,
    /// Where it does not.
    pub jf: u8,
    /// The operand.
    pub k: u32,
}

/// A filter that has been checked: it ends, and stays inside of its memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    instructions: Arc<[Instruction]>,
}

/// Instructions that a program may have (BPF_MAXINSNS).
pub const MAX_INSTRUCTIONS: usize = 4096;

impl Program {
    /// Checks a program, as Linux's bpf_check_classic() does.
    pub fn new(instructions: Vec<Instruction>) -> Result<Program, Invalid> {
        check::check(&instructions)?;
        Ok(Program { instructions: instructions.into() })
    }

    /// Its instructions.
    pub fn instructions(&self) -> &[Instruction] {
        &self.instructions
    }

    /// Runs it: how many bytes of the packet are accepted, 0 for a packet that is not. `random` is asked only by a program
    /// that asks for it.
    pub fn run(&self, view: &View<'_>, random: &mut dyn FnMut() -> u32) -> u32 {
        run::run(&self.instructions, view, random)
    }
}

#[cfg(test)]
mod tests;
