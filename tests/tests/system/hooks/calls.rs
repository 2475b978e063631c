//! Who calls whom inside of libc, by its disassembly.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;

use system_tests::{Outcome, Program};

/// An instruction: where it is, what it does, and with what.
struct Instruction<'a> {
    at: u64,
    operation: &'a str,
    operands: &'a str,
}

impl<'a> Instruction<'a> {
    /// A line of `objdump -d --no-show-raw-insn`: `  13ef9c:<tab>call   1230a0 <socket@@GLIBC_2.2.5>`.
    fn read(line: &'a str) -> Option<Instruction<'a>> {
        let (at, text) = line.trim_start().split_once(":\t")?;
        let (operation, operands) = text.split_once(' ').unwrap_or((text, ""));
        Some(Instruction { at: u64::from_str_radix(at, 16).ok()?, operation, operands: operands.trim() })
    }

    fn calls(&self) -> bool {
        self.operation == "call"
    }

    /// Where a call or a jump goes, if the instruction says so.
    fn goes_to(&self) -> Option<u64> {
        let goes = self.calls() || self.operation.starts_with('j');
        let target = self.operands.split(' ').next().filter(|_| goes)?;
        u64::from_str_radix(target, 16).ok()
    }

    /// What it puts into the register of the first argument, if it does.
    fn first_argument(&self) -> Option<&'a str> {
        let (value, register) = self.operands.rsplit_once(',')?;
        matches!(register, "%edi" | "%rdi").then_some(value)
    }
}

/// Families of sockets that lead to no network: AF_UNIX, AF_NETLINK.
const NOT_OF_THE_INTERNET: [&str; 2] = ["$0x1", "$0x10"];

/// Those of `functions` from which calls and jumps lead to one of socket(2), of a family that may be the Internet's. A call through a
/// pointer is not seen.
pub fn reaching_a_socket(library: &Path, functions: &[(String, Range<u64>)]) -> Outcome<Vec<String>> {
    let text = Program::new("objdump").args(["-d", "--no-show-raw-insn"]).arg(library).run()?.text();
    let code: Vec<Instruction<'_>> = text.lines().filter_map(Instruction::read).collect();
    let socket = functions.iter().find(|(name, _)| name == "socket").expect("libc has it").1.start;
    // libc has no names for its inner functions: one begins where a call goes, or where another ends.
    let called = code.iter().filter(|instruction| instruction.calls()).filter_map(Instruction::goes_to);
    let bounds = functions.iter().flat_map(|(_, at)| [at.start, at.end]);
    let beginnings: BTreeSet<u64> = bounds.chain(called).collect();
    let function_at = |at: u64| beginnings.range(..=at).next_back().copied().unwrap_or(0);

    let mut callers: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    let mut reaching = Vec::new();
    let mut family = "";
    for instruction in &code {
        family = instruction.first_argument().unwrap_or(family);
        let Some(target) = instruction.goes_to() else { continue };
        let caller = function_at(instruction.at);
        if target != socket {
            callers.entry(function_at(target)).or_default().push(caller);
        } else if !NOT_OF_THE_INTERNET.contains(&family) {
            reaching.push(caller);
        }
    }
    let mut seen = BTreeSet::new();
    while let Some(function) = reaching.pop() {
        if seen.insert(function) {
            reaching.extend(callers.get(&function).into_iter().flatten());
        }
    }
    Ok(functions.iter().filter(|(_, at)| seen.contains(&at.start)).map(|(name, _)| name.clone()).collect())
}
