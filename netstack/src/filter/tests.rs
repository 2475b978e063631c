use super::code::*;
use super::{Instruction, Invalid, Program, View};
use crate::link::IfIndex;
use crate::packet::PacketType;

const fn op(code: u16, k: u32) -> Instruction {
    Instruction { code, jt: 0, jf: 0, k }
}

const fn jump(code: u16, k: u32, jt: u8, jf: u8) -> Instruction {
    Instruction { code, jt, jf, k }
}

const ACCEPT: Instruction = op(RET | K, 100);
/// An offset of SKF_AD_OFF's kind.
const fn ancillary(field: i32) -> u32 {
    (-0x1000 + field) as u32
}

fn is_valid(program: &[Instruction]) -> bool {
    Program::new(program.to_vec()).is_ok()
}

/// A UDP datagram of three bytes in a frame, as a packet socket sees it.
fn view(bytes: &[u8]) -> View<'_> {
    View {
        bytes,
        start: 0,
        network: 14,
        link: Some(0),
        protocol: 0x0800,
        kind: PacketType::Multicast,
        on: IfIndex(7),
        loopback: true,
    }
}

fn frame() -> Vec<u8> {
    let mut bytes: Vec<u8> = (1..=12).collect();
    bytes.extend([0x08, 0x00, 0x45, 0, 0, 31, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    bytes.extend([0x12, 0x34, 0, 9, 0, 11, 0, 0, b'a', b'b', b'c']);
    bytes
}

fn run(program: &[Instruction], view: &View<'_>) -> u32 {
    Program::new(program.to_vec()).expect("a program").run(view, &mut || 4242)
}

/// What a load leaves in the accumulator; 0 where it ends the program, too.
fn loaded(before: &[Instruction], load: Instruction) -> u32 {
    run(&[before, &[load, op(RET | A, 0)]].concat(), &view(&frame()))
}

/// Linux 6.18, asked for each code with operand 0 and with operand 1.
#[test]
fn the_codes_are_linuxs() {
    const VALID: [u16; 47] = [
        0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x0c, 0x14, 0x15, 0x16, 0x1c, 0x1d, 0x20, 0x24, 0x25, 0x28,
        0x2c, 0x2d, 0x30, 0x34, 0x35, 0x3c, 0x3d, 0x40, 0x44, 0x45, 0x48, 0x4c, 0x4d, 0x50, 0x54, 0x5c, 0x64, 0x6c,
        0x74, 0x7c, 0x80, 0x81, 0x84, 0x87, 0x94, 0x9c, 0xa4, 0xac, 0xb1,
    ];
    for code in 0..=u16::MAX {
        let found = [0, 1].map(|k| is_valid(&[op(code, k), ACCEPT]));
        assert_eq!(found[0] || found[1], VALID.contains(&code), "code {code:#x}");
    }
    // A division by 0 alone, and a jump beyond the end, depend on the operand.
    let bound: Vec<u16> = VALID.into_iter().filter(|code| !is_valid(&[op(*code, 0), ACCEPT])).collect();
    assert_eq!(bound, [0x34, 0x94]);
    let bound: Vec<u16> = VALID.into_iter().filter(|code| !is_valid(&[op(*code, 1), ACCEPT])).collect();
    assert_eq!(bound, [0x05]);
}

#[test]
fn what_is_no_program() {
    assert_eq!(Program::new(Vec::new()), Err(Invalid));
    assert!(is_valid(&[&vec![op(LD, 0); 4095][..], &[ACCEPT]].concat()));
    assert!(!is_valid(&[&vec![op(LD, 0); 4096][..], &[ACCEPT]].concat()));
    assert!(!is_valid(&[op(LD, 0)]), "it does not end");
    assert!(!is_valid(&[jump(JMP | JA, u32::MAX, 0, 0), ACCEPT]));
    assert!(!is_valid(&[jump(JMP | JEQ, 0, 1, 0), ACCEPT]) && !is_valid(&[jump(JMP | JEQ, 0, 0, 1), ACCEPT]));
    assert!(is_valid(&[op(ALU | LSH | K, 31), ACCEPT]) && !is_valid(&[op(ALU | LSH | K, 32), ACCEPT]));
    assert!(!is_valid(&[op(ALU | RSH | K, 32), ACCEPT]));
    assert!(is_valid(&[op(ST, 15), ACCEPT]) && !is_valid(&[op(ST, 16), ACCEPT]) && !is_valid(&[op(STX, 16), ACCEPT]));
    for k in -0x1000..0 {
        let known = k % 4 == 0 && k + 0x1000 <= 60;
        assert_eq!(is_valid(&[op(LD | B | ABS, k as u32), ACCEPT]), known, "SKF_AD_OFF + {}", k + 0x1000);
        assert!(is_valid(&[op(LD | B | IND, k as u32), ACCEPT]));
    }
}

#[test]
fn memory_is_stored_before_it_is_loaded_on_every_way() {
    let (store, load) = (op(ST, 1), op(LD | MEM, 1));
    assert!(!is_valid(&[load, ACCEPT]));
    assert!(is_valid(&[store, load, ACCEPT]));
    assert!(!is_valid(&[op(ST, 2), load, ACCEPT]) && !is_valid(&[op(ST, 2), op(LDX | MEM, 1), ACCEPT]));
    assert!(!is_valid(&[jump(JMP | JEQ | K, 0, 0, 1), store, load, ACCEPT]));
    assert!(is_valid(&[jump(JMP | JEQ | K, 0, 0, 2), store, op(JMP | JA, 1), store, load, ACCEPT]));
    assert!(!is_valid(&[jump(JMP | JEQ | K, 0, 0, 2), store, op(JMP | JA, 1), op(ST, 2), load, ACCEPT]));
}

#[test]
fn loads_are_of_the_packet_and_its_headers() {
    assert_eq!(loaded(&[], op(LD | W | ABS, 0)), 0x0102_0304);
    assert_eq!(loaded(&[], op(LD | H | ABS, 12)), 0x0800);
    assert_eq!(loaded(&[], op(LD | B | ABS, 44)), b'c'.into());
    assert_eq!(loaded(&[op(LD, 5)], op(LD | B | ABS, 45)), 0, "beyond the end the packet is not wanted");
    assert_eq!(loaded(&[op(LDX, 10)], op(LD | H | IND, 2)), 0x0800);
    assert_eq!(loaded(&[op(LDX, 10)], op(LD | B | IND, -4_i32 as u32)), 7);
    // SKF_NET_OFF, SKF_LL_OFF.
    assert_eq!(loaded(&[], op(LD | B | ABS, (-0x10_0000 + 9) as u32)), 17);
    assert_eq!(loaded(&[], op(LD | H | ABS, (-0x20_0000 + 12) as u32)), 0x0800);
    assert_eq!(loaded(&[], op(LD | W | ABS, i32::MIN as u32)), 0);
    let headless = View { link: None, ..view(b"") };
    assert_eq!(run(&[op(LD | B | ABS, -0x20_0000_i32 as u32), ACCEPT], &headless), 0);
    assert_eq!(loaded(&[], op(LD | LEN, 0)), 45);
    assert_eq!(loaded(&[op(LDX | LEN, 0)], op(MISC | TXA, 0)), 45);
    assert_eq!(loaded(&[op(LDX | B | MSH, 14)], op(MISC | TXA, 0)), 20);
    assert_eq!(loaded(&[op(LD, 9), op(ST, 3), op(LDX | MEM, 3)], op(MISC | TXA, 0)), 9);
}

#[test]
fn ancillary_loads_answer_what_the_packet_is() {
    let cases = [(0, 0x0800), (4, 2), (8, 7), (20, 0), (28, 772), (36, 0), (44, 0), (52, 42), (56, 4242)];
    for (field, value) in cases {
        assert_eq!(loaded(&[op(LD, 99)], op(LD | W | ABS, ancillary(field))), value, "SKF_AD_OFF + {field}");
    }
    assert_eq!(loaded(&[op(LDX, 6), op(LD, 5)], op(LD | W | ABS, ancillary(40))), 3);
}

#[test]
fn netlink_attributes_are_found() {
    // Type 1 of five bytes, padded; type 2, in which there is one of type 3.
    let words: [[u16; 2]; 5] = [[5, 1], [0, 0], [12, 2], [8, 3], [0xabcd, 0]];
    let bytes: Vec<u8> = words.as_flattened().iter().flat_map(|half| half.to_ne_bytes()).collect();
    let find = |from: u32, kind: u32, field: i32| {
        let program = [op(LDX, kind), op(LD, from), op(LD | W | ABS, ancillary(field)), op(RET | A, 0)];
        run(&program, &View { network: 0, ..view(&bytes) })
    };
    assert_eq!([find(0, 2, 12), find(0, 9, 12), find(u32::MAX, 1, 12)], [8, 0, 0]);
    assert_eq!([find(8, 3, 16), find(0, 3, 16), find(u32::MAX - 2, 3, 16)], [12, 0, 0]);
}

#[test]
fn arithmetic_wraps_and_division_by_zero_ends_it() {
    let compute = |operation: u16, a: u32, b: u32| {
        let by_k = loaded(&[op(LD, a)], op(ALU | operation | K, b));
        let by_x = loaded(&[op(LD, a), op(LDX, b)], op(ALU | operation | X, 0));
        assert_eq!(by_k, by_x, "{operation:#x}");
        by_k
    };
    assert_eq!([compute(ADD, u32::MAX, 3), compute(SUB, 1, 2), compute(MUL, 1 << 31, 3)], [2, u32::MAX, 1 << 31]);
    assert_eq!([compute(DIV, 17, 5), compute(MOD, 17, 5), compute(XOR, 6, 5)], [3, 2, 3]);
    assert_eq!(
        [compute(AND, 6, 5), compute(OR, 6, 5), compute(LSH, 1, 31), compute(RSH, 1 << 31, 31)],
        [4, 7, 1 << 31, 1]
    );
    assert_eq!(loaded(&[op(LD, 5)], op(ALU | NEG, 0)), -5_i32 as u32);
    // In the index register anything may be.
    assert_eq!(loaded(&[op(LD, 1), op(LDX, 33)], op(ALU | LSH | X, 0)), 2);
    assert_eq!(loaded(&[op(LD, 1), op(LDX, 0)], op(ALU | DIV | X, 0)), 0);
    assert_eq!(loaded(&[op(LD, 1), op(LDX, 0)], op(ALU | MOD | X, 0)), 0);
}

#[test]
fn jumps_go_where_the_condition_says() {
    let holds = |condition: u16, a: u32, b: u32| {
        let ends = [op(RET | K, 1), op(RET | K, 2)];
        let by_k = [op(LD, a), jump(JMP | condition | K, b, 1, 0)];
        let by_x = [op(LD, a), op(LDX, b), jump(JMP | condition | X, 0, 1, 0)];
        let [by_k, by_x] = [&by_k[..], &by_x].map(|head| run(&[head, &ends].concat(), &view(&frame())));
        assert_eq!(by_k, by_x);
        by_k == 2
    };
    assert!(holds(JEQ, 4, 4) && !holds(JEQ, 4, 5));
    assert!(holds(JGT, 5, 4) && !holds(JGT, 4, 4) && holds(JGT, u32::MAX, 1));
    assert!(holds(JGE, 4, 4) && !holds(JGE, 3, 4));
    assert!(holds(JSET, 6, 2) && !holds(JSET, 6, 9));
    assert_eq!(run(&[op(JMP | JA, 1), op(RET | K, 1), op(RET | K, 2)], &view(b"")), 2);
}
