//! Classic BPF filters of SOL_SOCKET: socket(7), SO_ATTACH_FILTER.
//!
//! SO_GET_FILTER has the number of SO_ATTACH_FILTER.

use super::Access::{self, Int};
use super::rows::bytes;
use super::{On, Row, values};
use crate::backend::Call;
use crate::socket::Socket;
use crate::{Errno, Result};
use libc::SOL_SOCKET;
use netstack::filter::{Instruction, Program};

/// Code, two jumps, operand.
const INSTRUCTION: usize = size_of::<libc::sock_filter>();

pub(super) static ROWS: &[Row] = &[
    Row {
        level: SOL_SOCKET,
        name: libc::SO_ATTACH_FILTER,
        on: On::All,
        access: Access::Program { get: Some(program), set: attach },
    },
    bytes(
        SOL_SOCKET,
        libc::SO_DETACH_FILTER,
        On::All,
        None,
        Some(|s, value| {
            values::int(value)?;
            change(s, |had| if had { Ok(None) } else { Err(Errno::NOENT) })
        }),
    ),
    Row {
        level: SOL_SOCKET,
        name: libc::SO_ATTACH_REUSEPORT_CBPF,
        on: On::All,
        access: Access::Program {
            get: None,
            set: |s, value| {
                if s.settings.lock().filter.locked {
                    return Err(Errno::PERM);
                }
                set_group_program(s, Some(parsed(value)?))
            },
        },
    },
    bytes(
        SOL_SOCKET,
        SO_DETACH_REUSEPORT_BPF,
        On::All,
        None,
        Some(|s, value| {
            values::int(value)?;
            set_group_program(s, None)
        }),
    ),
    Row {
        level: SOL_SOCKET,
        name: libc::SO_LOCK_FILTER,
        on: On::All,
        access: Int {
            get: |s| Ok(i32::from(s.settings.lock().filter.locked)),
            set: Some(|s, v| {
                let locked = &mut s.settings.lock().filter.locked;
                // Once and for all.
                if *locked && v == 0 {
                    return Err(Errno::PERM);
                }
                *locked = v != 0;
                Ok(())
            }),
        },
    },
];

const SO_DETACH_REUSEPORT_BPF: i32 = 68;

/// The filter, which the engine has as well.
#[derive(Clone, Default)]
pub(in crate::socket) struct FilterSettings {
    program: Option<Program>,
    /// SO_LOCK_FILTER.
    locked: bool,
}

/// Changes the filter to what `to` says, which is told whether there is one.
fn change(socket: &Socket, to: impl FnOnce(bool) -> Result<Option<Program>>) -> Result<()> {
    let filter = &mut socket.settings.lock().filter;
    if filter.locked {
        return Err(Errno::PERM);
    }
    let program = to(filter.program.is_some())?;
    socket.backend.call(Call::Attach(socket.id(), program.clone()))?;
    filter.program = program;
    Ok(())
}

fn set_group_program(socket: &Socket, program: Option<Program>) -> Result<()> {
    let shares = socket.settings.lock().reuse_port;
    socket.backend.call(Call::SetGroupProgram(socket.id(), program, shares)).map(drop)
}

fn attach(socket: &Socket, value: &[u8]) -> Result<()> {
    change(socket, |_| parsed(value).map(Some))
}

/// The program of these instructions. EINVAL where it is none.
pub(super) fn parsed(value: &[u8]) -> Result<Program> {
    let (instructions, rest) = value.as_chunks::<INSTRUCTION>();
    let instructions = instructions.iter().map(|&[c0, c1, jt, jf, k0, k1, k2, k3]| Instruction {
        code: u16::from_ne_bytes([c0, c1]),
        jt,
        jf,
        k: u32::from_ne_bytes([k0, k1, k2, k3]),
    });
    Program::new(instructions.collect()).ok().filter(|_| rest.is_empty()).ok_or(Errno::INVAL)
}

/// SO_GET_FILTER. Empty where there is none.
fn program(socket: &Socket) -> Result<Vec<u8>> {
    let settings = socket.settings.lock();
    let instructions = settings.filter.program.iter().flat_map(|program| program.instructions());
    let bytes = |&Instruction { code, jt, jf, k }: &Instruction| {
        let ([c0, c1], [k0, k1, k2, k3]) = (code.to_ne_bytes(), k.to_ne_bytes());
        [c0, c1, jt, jf, k0, k1, k2, k3]
    };
    Ok(instructions.flat_map(bytes).collect())
}
