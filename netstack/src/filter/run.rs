//! Running a program that has been checked.

use super::Instruction;
use super::ancillary::Field;
use super::code::*;
use super::view::View;

/// What a program has besides the packet.
struct Machine<'a> {
    a: u32,
    x: u32,
    memory: [u32; MEMORY],
    view: &'a View<'a>,
}

/// How many bytes are accepted. As Linux, a load beyond the packet and a division by zero end a program with 0.
pub(super) fn run(program: &[Instruction], view: &View<'_>, random: &mut dyn FnMut() -> u32) -> u32 {
    let mut m = Machine { a: 0, x: 0, memory: [0; MEMORY], view };
    let mut at = 0;
    while let Some(&Instruction { code, jt, jf, k }) = program.get(at) {
        at += 1;
        let done = match code & 7 {
            LD => m.load(code, k, random),
            LDX => m.load_index(code, k),
            ST => m.store(k, m.a),
            STX => m.store(k, m.x),
            ALU => m.compute(code, k),
            JMP if code == JMP | JA => {
                at += k as usize;
                Some(())
            }
            JMP => {
                at += usize::from(if m.holds(code, k) { jt } else { jf });
                Some(())
            }
            RET => return if code == RET | A { m.a } else { k },
            _ if code == MISC | TAX => {
                m.x = m.a;
                Some(())
            }
            _ => {
                m.a = m.x;
                Some(())
            }
        };
        if done.is_none() {
            return 0;
        }
    }
    0
}

impl Machine<'_> {
    fn load(&mut self, code: u16, k: u32, random: &mut dyn FnMut() -> u32) -> Option<()> {
        self.a = match code & 0xe0 {
            ABS => match Field::of(k) {
                Some(field) => field.load(self.view, self.a, self.x, random),
                None => self.bytes(code, k.cast_signed())?,
            },
            IND => self.bytes(code, self.x.wrapping_add(k).cast_signed())?,
            MEM => self.memory[k as usize % MEMORY],
            LEN => self.view.len(),
            _ => k,
        };
        Some(())
    }

    fn load_index(&mut self, code: u16, k: u32) -> Option<()> {
        self.x = match code & 0xe0 {
            // Four times the lower half of a byte: the length of an IPv4 header.
            MSH => u32::from(self.view.load::<1>(k.cast_signed())?[0] & 0xf) * 4,
            MEM => self.memory[k as usize % MEMORY],
            LEN => self.view.len(),
            _ => k,
        };
        Some(())
    }

    fn bytes(&self, code: u16, offset: i32) -> Option<u32> {
        Some(match code & 0x18 {
            W => u32::from_be_bytes(self.view.load(offset)?),
            H => u16::from_be_bytes(self.view.load(offset)?).into(),
            _ => self.view.load::<1>(offset)?[0].into(),
        })
    }

    fn store(&mut self, k: u32, value: u32) -> Option<()> {
        self.memory[k as usize % MEMORY] = value;
        Some(())
    }

    fn operand(&self, code: u16, k: u32) -> u32 {
        if code & X != 0 { self.x } else { k }
    }

    fn compute(&mut self, code: u16, k: u32) -> Option<()> {
        let (a, b) = (self.a, self.operand(code, k));
        self.a = match code & 0xf0 {
            ADD => a.wrapping_add(b),
            SUB => a.wrapping_sub(b),
            MUL => a.wrapping_mul(b),
            DIV => a.checked_div(b)?,
            MOD => a.checked_rem(b)?,
            AND => a & b,
            OR => a | b,
            XOR => a ^ b,
            // What the register says more than 31 of is taken modulo 32.
            LSH => a.wrapping_shl(b),
            RSH => a.wrapping_shr(b),
            _ => a.wrapping_neg(),
        };
        Some(())
    }

    fn holds(&self, code: u16, k: u32) -> bool {
        let (a, b) = (self.a, self.operand(code, k));
        match code & 0xf0 {
            JEQ => a == b,
            JGT => a > b,
            JGE => a >= b,
            _ => a & b != 0,
        }
    }
}
