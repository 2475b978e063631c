//! Packets that are passed on (RFC 1812 §5, RFC 8200 §3): the header's changes, and fragments of packets with options.

use super::{Hop, Ip, Outgoing, OutputError, Packet};
use crate::link::Mac;
use crate::socket::BufferPool;
use crate::time::Instant;
use crate::wire::checksum;
use crate::wire::{be16, ethernet, ipv4, ipv4_options, ipv6};

impl Ip {
    /// Queues a packet of somebody else's, time to live decremented. `options`: what its options have become.
    /// `complete`: its transport checksum may not be filled in.
    pub(crate) fn pass_on(
        &mut self,
        now: Instant,
        pool: &mut dyn BufferPool,
        hop: Hop,
        packet: &ipv4::Packet<'_>,
        options: &[u8],
        complete: bool,
    ) -> Result<(), OutputError> {
        let mtu = self.mtu(hop.on, hop.src);
        let whole = packet.bytes().len() <= mtu;
        if !whole && packet.dont_fragment() {
            return Err(OutputError::TooLong);
        }
        if !self.has_room(hop, packet.bytes().len()) {
            return Err(OutputError::Full);
        }
        let (fixed, payload) = (&packet.header()[..ipv4::HEADER_LEN], packet.payload());
        let mut made = self.packets.make(pool, &[fixed, options, payload], false).ok_or(OutputError::NoBuffers)?;
        made.payload_mut()[8] -= 1;
        renew_checksum(made.payload_mut());
        if complete {
            let none = Mac::default();
            made.set_link_header(ethernet::Header { dst: none, src: none, ethertype: ethernet::IPV4 });
            checksum::complete(made.frame_mut());
        }
        if whole {
            self.dispatch(now, pool, hop, made, false);
            return Ok(());
        }
        let outcome = self.send_pieces(now, pool, hop, made.payload(), mtu);
        self.packets.give_back(pool, made);
        outcome
    }

    /// The same of IPv6, which nobody cuts on the way (RFC 8200 §5).
    pub(crate) fn pass_on_v6(
        &mut self,
        now: Instant,
        pool: &mut dyn BufferPool,
        hop: Hop,
        packet: &ipv6::Packet<'_>,
        complete: bool,
    ) -> Result<(), OutputError> {
        let len = packet.bytes().len();
        if len > self.mtu(hop.on, hop.src) {
            return Err(OutputError::TooLong);
        }
        if !self.has_room(hop, len) {
            return Err(OutputError::Full);
        }
        let mut made = self.packets.make(pool, &[packet.bytes()], false).ok_or(OutputError::NoBuffers)?;
        made.payload_mut()[7] -= 1;
        if complete {
            let none = Mac::default();
            made.set_link_header(ethernet::Header { dst: none, src: none, ethertype: ethernet::IPV6 });
            checksum::complete(made.frame_mut());
        }
        self.dispatch(now, pool, hop, made, false);
        Ok(())
    }

    /// Queues a packet of ours with options, which are padded to a multiple of four bytes.
    pub(crate) fn send_with_options(
        &mut self,
        now: Instant,
        pool: &mut dyn BufferPool,
        hop: Hop,
        out: &Outgoing<'_>,
        options: &[u8],
    ) -> Result<(), OutputError> {
        let transport_len = out.transport.len() + out.payload.iter().map(|part| part.len()).sum::<usize>();
        let len = ipv4::HEADER_LEN + options.len() + transport_len;
        if len > ipv4::MAX_LEN {
            return Err(OutputError::TooLong);
        }
        if !self.has_room(hop, len) {
            return Err(OutputError::Full);
        }
        let mut fixed = [0; ipv4::HEADER_LEN];
        self.identified(out.header, false).emit(&mut fixed, options.len() + transport_len);
        let parts: Vec<&[u8]> =
            [&fixed[..], options, out.transport].into_iter().chain(out.payload.iter().copied()).collect();
        let mut made = self.packets.make(pool, &parts, false).ok_or(OutputError::NoBuffers)?;
        made.payload_mut()[0] += (options.len() / 4) as u8; // The header length, in words.
        renew_checksum(made.payload_mut());
        let mtu = self.mtu(hop.on, hop.src);
        if len <= mtu {
            self.dispatch(now, pool, hop, made, out.multicast_loop);
            return Ok(());
        }
        let outcome = self.send_pieces(now, pool, hop, made.payload(), mtu);
        self.packets.give_back(pool, made);
        outcome
    }

    /// Cuts a packet, or a fragment, into fragments of at most `mtu` bytes (RFC 791 §3.2).
    pub(crate) fn send_pieces(
        &mut self,
        now: Instant,
        pool: &mut dyn BufferPool,
        hop: Hop,
        bytes: &[u8],
        mtu: usize,
    ) -> Result<(), OutputError> {
        let header_len = usize::from(bytes[0] & 15) * 4;
        let (header, payload) = bytes.split_at(header_len);
        let (flags, first) = (be16(header, 6) & !0x1fff, be16(header, 6) & 0x1fff);
        let step = mtu.saturating_sub(header_len) & !7;
        if step == 0 {
            return Err(OutputError::TooLong);
        }
        for (index, piece) in payload.chunks(step).enumerate() {
            let last = (index + 1) * step >= payload.len();
            let parts = [header, piece];
            let mut packet = self.packets.make(pool, &parts, false).ok_or(OutputError::NoBuffers)?;
            let bytes = packet.payload_mut();
            let more = if last { flags } else { flags | ipv4::MORE_FRAGMENTS };
            let place = more | (first + (index * step / 8) as u16);
            bytes[2..4].copy_from_slice(&((header_len + piece.len()) as u16).to_be_bytes());
            bytes[6..8].copy_from_slice(&place.to_be_bytes());
            if index > 0 {
                ipv4_options::blank_first_only(&mut bytes[ipv4::HEADER_LEN..header_len]);
            }
            renew_checksum(bytes);
            self.dispatch(now, pool, hop, packet, false);
        }
        Ok(())
    }
}

fn renew_checksum(packet: &mut [u8]) {
    let header_len = usize::from(packet[0] & 15) * 4;
    packet[10..12].fill(0);
    let sum = checksum::checksum(&packet[..header_len]);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
}

impl Packet {
    fn payload_mut(&mut self) -> &mut [u8] {
        &mut self.frame_mut()[ethernet::HEADER_LEN..]
    }
}
