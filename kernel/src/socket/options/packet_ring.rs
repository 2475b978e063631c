//! SOL_PACKET: rings of frames in memory that the program maps.

use super::packet::{exactly, int, set_options};
use super::rows::bytes;
use super::{Access, GetBytes, On, Row, SetBytes, values};
use crate::backend::PacketCall;
use crate::socket::Socket;
use crate::{Errno, Result};
use libc::SOL_PACKET;
use netstack::packet::PacketOptions;
use netstack::packet::ring::{Direction, RingOptions, RingRequest, Version};

// linux/if_packet.h.
const PACKET_RX_RING: i32 = 5;
const PACKET_COPY_THRESH: i32 = 7;
const PACKET_VERSION: i32 = 10;
const PACKET_HDRLEN: i32 = 11;
const PACKET_RESERVE: i32 = 12;
const PACKET_TX_RING: i32 = 13;
const PACKET_LOSS: i32 = 14;
const PACKET_TIMESTAMP: i32 = 17;
const PACKET_TX_HAS_OFF: i32 = 19;

pub(super) static ROWS: &[Row] = &[
    Row { level: SOL_PACKET, name: PACKET_HDRLEN, on: On::Packet, access: Access::Asked { get: header_len } },
    bytes(SOL_PACKET, PACKET_RX_RING, On::Packet, None, Some(|s, value| set_ring(s, Direction::In, value))),
    bytes(SOL_PACKET, PACKET_TX_RING, On::Packet, None, Some(|s, value| set_ring(s, Direction::Out, value))),
    row(
        PACKET_VERSION,
        |s| Ok(int(s.settings.lock().packet.ring.version as i32)),
        |s, value| {
            let version = Version::of(exactly(value)?).ok_or(Errno::INVAL)?;
            change(s, |ring| ring.version = version)
        },
    ),
    row(
        PACKET_RESERVE,
        |s| Ok(s.settings.lock().packet.ring.reserve.to_ne_bytes().to_vec()),
        |s, value| {
            let reserve = u32::try_from(exactly(value)?).map_err(|_| Errno::INVAL)?;
            change(s, |ring| ring.reserve = reserve)
        },
    ),
    row(
        PACKET_LOSS,
        |s| Ok(int(s.settings.lock().packet.ring.passes_over)),
        |s, value| {
            let passes_over = exactly(value)? != 0;
            change(s, |ring| ring.passes_over = passes_over)
        },
    ),
    row(
        PACKET_TX_HAS_OFF,
        |s| Ok(int(s.settings.lock().packet.ring.has_offset)),
        |s, value| {
            let has_offset = exactly(value)? != 0;
            // Linux does not say that it comes too late.
            match change(s, |ring| ring.has_offset = has_offset) {
                Err(Errno::BUSY) => Ok(()),
                result => result,
            }
        },
    ),
    row(
        PACKET_COPY_THRESH,
        |s| Ok(int(s.settings.lock().packet.copy_threshold)),
        |s, value| {
            let threshold = exactly(value)?;
            let mut settings = s.settings.lock();
            let options = PacketOptions { copies: threshold != 0, ..settings.packet.options };
            set_options(s, options, &mut settings.packet)?;
            settings.packet.copy_threshold = threshold;
            Ok(())
        },
    ),
    // What there is, is the time at which the engine saw the frame: whatever is asked for.
    row(
        PACKET_TIMESTAMP,
        |s| Ok(int(s.settings.lock().packet.timestamp)),
        |s, value| {
            s.settings.lock().packet.timestamp = exactly(value)?;
            Ok(())
        },
    ),
];

const fn row(name: i32, get: GetBytes, set: SetBytes) -> Row {
    bytes(SOL_PACKET, name, On::Packet, Some(get), Some(set))
}

/// Changes what counts for rings. EBUSY where there is one.
fn change(socket: &Socket, change: impl FnOnce(&mut RingOptions)) -> Result<()> {
    let mut settings = socket.settings.lock();
    let mut ring = settings.packet.ring;
    change(&mut ring);
    socket.packet(PacketCall::SetRingOptions(ring))?;
    settings.packet.ring = ring;
    Ok(())
}

/// Bytes of the header of a version.
fn header_len(version: &[u8]) -> Result<Vec<u8>> {
    let version = Version::of(values::int(version)?).ok_or(Errno::INVAL)?;
    Ok(int(version.header_len() as i32))
}

/// struct tpacket_req, or of TPACKET_V3 struct tpacket_req3.
fn set_ring(socket: &Socket, direction: Direction, value: &[u8]) -> Result<()> {
    let version = socket.settings.lock().packet.ring.version;
    let words = if version == Version::V3 { 7 } else { 4 };
    let (all, _) = value.as_chunks::<4>();
    let given = all.get(..words).ok_or(Errno::INVAL)?;
    let word = |at: usize| given.get(at).map_or(0, |bytes| u32::from_ne_bytes(*bytes));
    let request = RingRequest {
        block_size: word(0),
        blocks: word(1),
        frame_size: word(2),
        frames: word(3),
        retire_ms: word(4),
        private: word(5),
        features: word(6),
    };
    socket.set_ring(direction, request)
}
