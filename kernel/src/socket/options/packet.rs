//! SOL_PACKET: packet(7).

use super::rows::{bytes, local, within};
use super::{On, Row, values};
use crate::backend::{PacketCall, Reply};
use crate::endpoint::Kind;
use crate::socket::Socket;
use crate::{Errno, Result};
use libc::SOL_PACKET;
use netstack::link::{IfIndex, Mac};
use netstack::packet::ring::{RingOptions, Version};
use netstack::packet::{Membership, MembershipKind, PacketKind, PacketOptions, VnetHeader};

// linux/if_packet.h, as far as libc does not name them.
const PACKET_ORIGDEV: i32 = 9;
const PACKET_VNET_HDR: i32 = 15;
const PACKET_QDISC_BYPASS: i32 = 20;
const PACKET_IGNORE_OUTGOING: i32 = 23;
const PACKET_VNET_HDR_SZ: i32 = 24;
const PACKET_MR_UNICAST: u16 = 3;

/// Bytes of `struct virtio_net_hdr`.
const VNET_HDR: u8 = VnetHeader::LEN as u8;
/// Of `struct virtio_net_hdr_mrg_rxbuf`, which has a number of buffers behind it: 0.
const VNET_HDR_MRG_RXBUF: u8 = VNET_HDR + 2;

pub(super) static ROWS: &[Row] = &[
    membership(libc::PACKET_ADD_MEMBERSHIP, |s, value| {
        let wanted = asked(value)?.ok_or(Errno::INVAL)?;
        s.packet(PacketCall::Join(wanted)).map(drop)
    }),
    membership(libc::PACKET_DROP_MEMBERSHIP, |s, value| {
        // What the socket does not have, and what cannot be, is no error.
        match asked(value)? {
            Some(wanted) => s.packet(PacketCall::Leave(wanted)).map(drop),
            None => Ok(()),
        }
    }),
    bytes(SOL_PACKET, libc::PACKET_STATISTICS, On::Packet, Some(statistics), None),
    local!(SOL_PACKET, libc::PACKET_AUXDATA, On::Packet, s => s.wanted.auxdata, v => s.wanted.auxdata = v != 0),
    // An interface here is never made of others: the one that a frame came in by is the one that it is shown on.
    local!(SOL_PACKET, PACKET_ORIGDEV, On::Packet, s => s.packet.original_device, v => s.packet.original_device = v != 0),
    bytes(
        SOL_PACKET,
        PACKET_VNET_HDR,
        On::Packet,
        Some(|s| Ok(int(s.settings.lock().packet.options.vnet_header > 0))),
        Some(|s, value| set_vnet_header(s, value, |wanted| Some(if wanted != 0 { VNET_HDR } else { 0 }))),
    ),
    bytes(
        SOL_PACKET,
        PACKET_VNET_HDR_SZ,
        On::Packet,
        Some(|s| Ok(int(s.settings.lock().packet.options.vnet_header))),
        Some(|s, value| {
            set_vnet_header(s, value, |len| {
                [0, VNET_HDR, VNET_HDR_MRG_RXBUF].into_iter().find(|known| i32::from(*known) == len)
            })
        }),
    ),
    // There are no queueing disciplines to bypass.
    bytes(
        SOL_PACKET,
        PACKET_QDISC_BYPASS,
        On::Packet,
        Some(|s| Ok(int(s.settings.lock().packet.bypass))),
        Some(|s, value| {
            s.settings.lock().packet.bypass = exactly(value)? != 0;
            Ok(())
        }),
    ),
    bytes(
        SOL_PACKET,
        PACKET_IGNORE_OUTGOING,
        On::Packet,
        Some(|s| Ok(int(s.settings.lock().packet.options.ignore_outgoing))),
        Some(|s, value| {
            let ignore_outgoing = within(exactly(value)?, 0, 1)? == 1;
            let mut settings = s.settings.lock();
            set_options(s, PacketOptions { ignore_outgoing, ..settings.packet.options }, &mut settings.packet)
        }),
    ),
];

/// PACKET_VNET_HDR, PACKET_VNET_HDR_SZ: the bytes before a frame. Errors: EINVAL (what is sent is not the frame), EBUSY (there is a
/// ring).
fn set_vnet_header(socket: &Socket, value: &[u8], len: fn(i32) -> Option<u8>) -> Result<()> {
    if socket.endpoint.kind != Kind::Packet(PacketKind::Frame) {
        return Err(Errno::INVAL);
    }
    let vnet_header = len(values::int(value)?).ok_or(Errno::INVAL)?;
    if socket.endpoint.frames().windows().next().is_some() {
        return Err(Errno::BUSY);
    }
    let mut settings = socket.settings.lock();
    set_options(socket, PacketOptions { vnet_header, ..settings.packet.options }, &mut settings.packet)
}

/// Changes what the engine has to know.
pub(super) fn set_options(socket: &Socket, options: PacketOptions, settings: &mut PacketSettings) -> Result<()> {
    socket.packet(PacketCall::SetOptions(options))?;
    settings.options = options;
    Ok(())
}

/// An `int`, and nothing behind it.
pub(super) fn exactly(value: &[u8]) -> Result<i32> {
    if value.len() == size_of::<i32>() { values::int(value) } else { Err(Errno::INVAL) }
}

pub(super) fn int(value: impl Into<i32>) -> Vec<u8> {
    let value: i32 = value.into();
    value.to_ne_bytes().to_vec()
}

const fn membership(name: i32, set: super::SetBytes) -> Row {
    bytes(SOL_PACKET, name, On::Packet, None, Some(set))
}

/// What of packet(7) only this side looks at.
#[derive(Clone, Default)]
pub(in crate::socket) struct PacketSettings {
    original_device: bool,
    bypass: bool,
    pub(super) options: PacketOptions,
    pub(super) ring: RingOptions,
    /// PACKET_COPY_THRESH and PACKET_TIMESTAMP, as the program has set them.
    pub(super) copy_threshold: i32,
    pub(super) timestamp: i32,
}

/// struct packet_mreq: interface, type, length of the address, address. None where there is no such membership.
fn asked(value: &[u8]) -> Result<Option<Membership>> {
    /// Of a Linux interface's address.
    const STATION: usize = 6;
    let request = value.first_chunk::<16>().ok_or(Errno::INVAL)?;
    let index = values::int(request)?.cast_unsigned();
    let half = |at: usize| u16::from_ne_bytes([request[at], request[at + 1]]);
    let (kind, len) = (half(4), usize::from(half(6)));
    let mac = Mac([request[8], request[9], request[10], request[11], request[12], request[13]]);
    let kind = match i32::from(kind) {
        _ if len > STATION => return Ok(None),
        libc::PACKET_MR_MULTICAST if len == STATION => MembershipKind::Multicast(mac),
        libc::PACKET_MR_PROMISC => MembershipKind::Promiscuous,
        libc::PACKET_MR_ALLMULTI => MembershipKind::AllMulticast,
        _ if kind == PACKET_MR_UNICAST && len == STATION => MembershipKind::Unicast(mac),
        _ => return Ok(None),
    };
    Ok(Some(Membership { on: IfIndex(index), kind }))
}

/// struct tpacket_stats, or of TPACKET_V3 tpacket_stats_v3.
fn statistics(socket: &Socket) -> Result<Vec<u8>> {
    let Reply::PacketStatistics(statistics) = socket.packet(PacketCall::TakeStatistics)? else {
        return Err(Errno::PROTO);
    };
    let mut bytes = [statistics.packets.to_ne_bytes(), statistics.drops.to_ne_bytes()].concat();
    if socket.settings.lock().packet.ring.version == Version::V3 {
        bytes.extend(statistics.freezes.to_ne_bytes());
    }
    Ok(bytes)
}
