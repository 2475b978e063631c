//! Is it a program?

use super::code::*;
use super::{Instruction, MAX_INSTRUCTIONS, ancillary};

/// The program is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invalid;

pub(super) fn check(program: &[Instruction]) -> Result<(), Invalid> {
    let good = (1..=MAX_INSTRUCTIONS).contains(&program.len())
        && program.iter().enumerate().all(|(at, instruction)| is_good(instruction, program.len() - at - 1))
        && program.last().is_some_and(|last| matches!(last.code, code if code == RET | K || code == RET | A))
        && loads_what_was_stored(program);
    if good { Ok(()) } else { Err(Invalid) }
}

/// `after`: how many instructions follow.
fn is_good(&Instruction { code, jt, jf, k }: &Instruction, after: usize) -> bool {
    let (class, rest) = (code & 7, code & !7);
    match class {
        LD => match rest {
            _ if matches!(rest & 0xe0, ABS | IND) && !matches!(rest & 0x1f, W | H | B) => false,
            _ if rest & !0x1f == ABS => ancillary::Field::of(k).is_some() || !ancillary::is_reserved(k),
            _ if rest & !0x1f == IND => true,
            MEM => (k as usize) < MEMORY,
            _ => rest == IMM || rest == LEN,
        },
        LDX => match rest {
            MEM => (k as usize) < MEMORY,
            _ => rest == IMM || rest == LEN || rest == B | MSH,
        },
        ST | STX => rest == 0 && (k as usize) < MEMORY,
        ALU => match (rest & !X, rest & X) {
            (DIV | MOD, K) => k != 0,
            (LSH | RSH, K) => k < 32,
            (NEG, operand) => operand == K,
            (operation, _) => {
                matches!(operation, ADD | SUB | MUL | DIV | MOD | AND | OR | XOR | LSH | RSH)
            }
        },
        JMP => match (rest & !X, rest & X) {
            (JA, K) => (k as usize) < after,
            (JEQ | JGT | JGE | JSET, _) => usize::from(jt.max(jf)) < after,
            _ => false,
        },
        RET => rest == K || rest == A,
        _ => rest == TAX || rest == TXA,
    }
}

/// Does no way through the program load a word of memory that was not stored before?
fn loads_what_was_stored(program: &[Instruction]) -> bool {
    // Words that are stored for sure when an instruction is reached.
    let mut stored = vec![u16::MAX; program.len() + 1];
    let mut here = 0;
    for (at, &Instruction { code, jt, jf, k }) in program.iter().enumerate() {
        here &= stored[at];
        let word = || 1u16 << (k as usize % MEMORY);
        match (code & 7, code & 0xe0) {
            (ST | STX, _) => here |= word(),
            (LD | LDX, MEM) if here & word() == 0 => return false,
            (JMP, _) => {
                let targets = if code == JMP | JA { [k as usize; 2] } else { [jt, jf].map(usize::from) };
                for target in targets {
                    stored[at + 1 + target] &= here;
                }
                here = u16::MAX;
            }
            _ => {}
        }
    }
    true
}
