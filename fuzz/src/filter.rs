//! Classic BPF: what passes the check runs to its end on any packet, accepts no differently the second time, and jumps and
//! loads only inside of what it has. What does not pass is refused, and a program stays what it was.

use netstack::filter::{Instruction, Program, View};
use netstack::link::IfIndex;
use netstack::packet::PacketType;

/// The first byte says how many instructions there are (of eight bytes each, in the order of `struct sock_filter`), the second
/// where the packet's headers begin; what is left is the packet.
pub fn run(data: &[u8]) {
    let [count, headers, rest @ ..] = data else { return };
    let (instructions, packet) = rest.split_at((usize::from(*count) * 8).min(rest.len() / 8 * 8));
    let instructions: Vec<Instruction> = instructions
        .chunks_exact(8)
        .map(|bytes| Instruction {
            code: u16::from_le_bytes([bytes[0], bytes[1]]),
            jt: bytes[2],
            jf: bytes[3],
            k: u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]),
        })
        .collect();
    let Ok(program) = Program::new(instructions.clone()) else { return };
    assert_eq!(program.instructions(), instructions);
    let last = instructions.last().map(|last| last.code & 7);
    assert_eq!(last, Some(6), "a program ends by returning");
    let view = View {
        bytes: packet,
        start: usize::from(headers & 31),
        network: usize::from(headers >> 5) * 4,
        link: (headers & 1 == 0).then_some(0),
        protocol: if headers & 2 == 0 { 0x0800 } else { 0x86dd },
        kind: if headers & 4 == 0 { PacketType::Host } else { PacketType::Outgoing },
        on: IfIndex(u32::from(*headers)),
        loopback: headers & 8 == 0,
    };
    let mut asked = 0;
    let accepted = program.run(&view, &mut || {
        asked += 1;
        4
    });
    assert!(asked <= instructions.len(), "no instruction runs twice");
    assert_eq!(program.run(&view, &mut || 4), accepted);
}
