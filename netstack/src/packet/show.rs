//! Showing a frame to the packet sockets that want it.

use super::ring::{Arrived, Put};
use super::{ALL, PacketKind, PacketName, PacketType, Passing, Record, Socket, Taps, VnetHeader};
use crate::filter::View;
use crate::link::{Checksum, Mac};
use crate::rng::Rng;
use crate::time::Instant;
use crate::wire::{checksum, ethernet};

/// A frame that is shown.
#[derive(Clone, Copy)]
struct Frame<'a> {
    /// With its checksum.
    whole: &'a [u8],
    /// As it passes.
    bare: &'a [u8],
}

impl Taps {
    /// Shows a frame to those who want it.
    #[cold]
    pub(crate) fn show(&mut self, now: Instant, passing: &Passing<'_>) {
        let (mut whole, mut bare) = (std::mem::take(&mut self.scratch), std::mem::take(&mut self.bare));
        whole.clear();
        passing.parts.iter().for_each(|part| whole.extend_from_slice(part));
        let vnet_header = VnetHeader::of(&whole, passing.checksum, passing.segments);
        let partial = passing.checksum == Checksum::Partial;
        if partial {
            bare.clone_from(&whole);
            checksum::complete(&mut whole);
        }
        if let Some(record) = record(now, passing, &whole, vnet_header) {
            self.give(&record, Frame { whole: &whole, bare: if partial { &bare } else { &whole } }, passing);
        }
        (self.scratch, self.bare) = (whole, bare);
    }

    /// Gives a frame to sockets that are in no group, and to one member of each group; not to its sender.
    fn give(&mut self, record: &Record, frame: Frame<'_>, passing: &Passing<'_>) {
        let Taps { sockets, listening, touched, rng, groups, .. } = self;
        for id in listening {
            let outgoing = record.kind == PacketType::Outgoing;
            let sent_it = outgoing && passing.sender.is_some_and(|sender| sender.id.0 == *id);
            if let Some(socket) = sockets.get_mut(*id)
                && !sent_it
                && socket.group.is_none()
                && wants(&socket.name, socket.options.ignore_outgoing, record)
                && deliver(socket, record, frame, rng)
            {
                touched.push(socket.key);
            }
        }
        groups.show(sockets, rng, (record, frame.whole), passing.sender, |socket, rng| {
            if deliver(socket, record, frame, rng) {
                touched.push(socket.key);
            }
        });
    }
}

/// What is said of a frame beside its bytes, but for how much a socket takes of it. None: it is no frame.
fn record(now: Instant, passing: &Passing<'_>, frame: &[u8], vnet_header: VnetHeader) -> Option<Record> {
    let Passing { interface, kind, checksum, sender, .. } = *passing;
    let (header, payload) = ethernet::parse(frame).ok()?;
    let outgoing = kind == PacketType::Outgoing;
    let protocol = match sender {
        Some(sender) if outgoing => sender.protocol,
        _ if outgoing => header.ethertype,
        _ => protocol(header.ethertype, payload),
    };
    Some(Record {
        len: 0,
        original: 0,
        on: interface.index,
        loopback: interface.is_loopback(),
        protocol,
        kind,
        src: header.src,
        network: 0,
        checksum_good: !outgoing && checksum != Checksum::Unknown,
        vnet_header,
        timestamp: now,
        drops: 0,
    })
}

/// Whether a socket with this binding wants a frame.
pub(super) fn wants(name: &PacketName, ignore_outgoing: bool, whole: &Record) -> bool {
    let outgoing = whole.kind == PacketType::Outgoing;
    let wanted = match name.protocol {
        ALL => !(outgoing && ignore_outgoing),
        mine => mine == whole.protocol && !outgoing,
    };
    wanted && name.on.is_none_or(|only| only == whole.on)
}

/// A frame as the filter of a socket sees it.
pub(super) fn view<'a>(kind: PacketKind, whole: &Record, frame: &'a [u8]) -> View<'a> {
    View {
        bytes: frame,
        start: if kind.has_link_header() { 0 } else { ethernet::HEADER_LEN },
        network: ethernet::HEADER_LEN,
        link: Some(0),
        protocol: whole.protocol,
        kind: whole.kind,
        on: whole.on,
        loopback: whole.loopback,
    }
}

/// Puts what the socket wants of a frame into its queue or its ring. False if that is nothing, or did not fit.
fn deliver(socket: &mut Socket, whole: &Record, frame: Frame<'_>, rng: &mut Rng) -> bool {
    let frame = if socket.options.vnet_header > 0 { frame.bare } else { frame.whole };
    let (bytes, network) = match socket.kind {
        PacketKind::Frame | PacketKind::ByName => (frame, ethernet::HEADER_LEN as u16),
        PacketKind::Payload => (&frame[ethernet::HEADER_LEN..], 0),
    };
    if bytes.is_empty() {
        // As on Linux, of nothing there is nothing to take.
        return false;
    }
    let Some(accepted) = socket.inbox.accepts(|| view(socket.kind, whole, frame), rng) else { return false };
    let original = bytes.len() as u32;
    let record = |bytes: &[u8]| Record { len: bytes.len() as u32, original, network, ..*whole };
    socket.packets = socket.packets.wrapping_add(1);
    let (charged, losing) = (frame.len() - ethernet::HEADER_LEN, socket.is_losing());
    let Some(ring) = &mut socket.rings.rx else {
        let bytes = &bytes[..bytes.len().min(accepted)];
        return socket.inbox.deliver(&record(bytes).encode(), &[bytes], charged);
    };
    let copies = socket.options.copies && socket.inbox.has_room(bytes.len());
    let vnet_header = socket.options.vnet_header.into();
    let arrived = Arrived { record: &record(bytes), kind: socket.kind, bytes, accepted, losing, copies, vnet_header };
    let given = ring.view.given();
    match ring.put(&arrived) {
        Put::Stored => {}
        Put::Copied => return socket.inbox.deliver(&arrived.record.encode(), &[bytes], charged),
        Put::Dropped => socket.lost = socket.lost.wrapping_add(1),
    }
    ring.view.given() != given
}

/// What Linux calls the protocol of a frame that came in (eth_type_trans()): IEEE 802.3 frames have a length where the
/// ethertype is, and Novell's no LLC behind it.
fn protocol(ethertype: u16, payload: &[u8]) -> u16 {
    const IEEE_802_3: u16 = 1;
    const IEEE_802_2: u16 = 4;
    match ethertype {
        0x600.. => ethertype,
        _ if payload.starts_with(&[0xff, 0xff]) => IEEE_802_3,
        _ => IEEE_802_2,
    }
}

/// What a frame to `dst` is to the station with address `ours`. `lo` has no address, nor one for all.
pub(crate) fn packet_type(dst: Mac, ours: Mac) -> PacketType {
    match dst {
        _ if dst == ours => PacketType::Host,
        Mac::BROADCAST if ours == Mac::default() => PacketType::Multicast,
        Mac::BROADCAST => PacketType::Broadcast,
        _ if ethernet::is_group(dst) => PacketType::Multicast,
        _ => PacketType::OtherHost,
    }
}
