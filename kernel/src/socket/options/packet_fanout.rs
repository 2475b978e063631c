//! SOL_PACKET: sockets that share what comes.

use super::filter::parsed;
use super::packet::int;
use super::rows::bytes;
use super::{Access, On, Row};
use crate::backend::{PacketCall, Reply};
use crate::socket::Socket;
use crate::{Errno, Result};
use libc::SOL_PACKET;
use netstack::packet::{Fanout, FanoutKind, RolloverCounts};

// linux/if_packet.h.
const PACKET_FANOUT: i32 = 18;
const PACKET_ROLLOVER_STATS: i32 = 21;
const PACKET_FANOUT_DATA: i32 = 22;

pub(super) static ROWS: &[Row] = &[
    bytes(SOL_PACKET, PACKET_FANOUT, On::Packet, Some(group), Some(join)),
    bytes(SOL_PACKET, PACKET_ROLLOVER_STATS, On::Packet, Some(rollover), None),
    Row {
        level: SOL_PACKET,
        name: PACKET_FANOUT_DATA,
        on: On::Packet,
        access: Access::Program {
            get: None,
            set: |s, value| s.packet(PacketCall::SetGroupProgram(parsed(value)?)).map(drop),
        },
    },
];

/// struct fanout_args: number, type and flags, the most members, which old programs leave out.
fn join(socket: &Socket, value: &[u8]) -> Result<()> {
    let (&[i0, i1, t0, t1], most) = value.split_first_chunk().ok_or(Errno::INVAL)?;
    let most = match most {
        [] => 0,
        _ => u32::from_ne_bytes(most.try_into().map_err(|_| Errno::INVAL)?),
    };
    let (id, [kind, flags]) = (u16::from_ne_bytes([i0, i1]), u16::from_ne_bytes([t0, t1]).to_le_bytes());
    let kind = FanoutKind::of(kind).ok_or(Errno::INVAL)?;
    if kind == FanoutKind::Rollover && flags & Fanout::ROLLS_OVER != 0 {
        return Err(Errno::INVAL);
    }
    let new = flags & Fanout::UNIQUE != 0;
    if new && id != 0 {
        return Err(Errno::INVAL);
    }
    let fanout = Fanout { id: (!new).then_some(id), kind, flags, most };
    socket.packet(PacketCall::FanOut(fanout)).map(drop)
}

fn asked(socket: &Socket) -> Result<Option<(Fanout, RolloverCounts)>> {
    match socket.packet(PacketCall::Group)? {
        Reply::PacketGroup(group) => Ok(group),
        _ => Err(Errno::PROTO),
    }
}

/// Number, type and flags; 0: none.
fn group(socket: &Socket) -> Result<Vec<u8>> {
    let Some((fanout, _)) = asked(socket)? else { return Ok(int(0)) };
    let asked = u16::from_le_bytes([fanout.kind as u8, fanout.flags]);
    Ok([fanout.id.unwrap_or(0).to_ne_bytes(), asked.to_ne_bytes()].concat())
}

/// struct tpacket_rollover_stats. EINVAL where nothing rolls over. Huge flows are not told apart.
fn rollover(socket: &Socket) -> Result<Vec<u8>> {
    match asked(socket)? {
        Some((fanout, counts)) if fanout.rolls_over() => {
            Ok([counts.moved, 0, counts.failed].iter().flat_map(|count| count.to_ne_bytes()).collect())
        }
        _ => Err(Errno::INVAL),
    }
}
