//! Packets that are passed on (RFC 1812 §5, RFC 8200 §3): the header's changes, and fragments of packets with options.

use core::net::{IpAddr, Ipv6Addr};

use super::output::{MAX_TRANSPORT, filled};
use super::{Account, Header, HeaderOptions, Hop, Ip, Outgoing, OutputError, Packet};
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
        let outcome = self.send_pieces(now, pool, hop, made.payload(), mtu, Account::default());
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

    /// Queues a packet of ours with what the program wants behind its IP header.
    pub(super) fn send_behind(
        &mut self,
        now: Instant,
        pool: &mut dyn BufferPool,
        hop: Hop,
        out: &Outgoing<'_>,
        options: &HeaderOptions,
    ) -> Result<(), OutputError> {
        match (out.header.src, out.header.dst) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => {
                let time = (now.0 / 1_000_000) as u32;
                let leaving = options.leaving_v4(src, dst, time);
                self.send_with_options(now, pool, hop, out, &leaving)
            }
            (_, IpAddr::V6(dst)) => self.send_with_extensions(now, pool, hop, out, options, dst),
            _ => Err(OutputError::TooLong),
        }
    }

    /// RFC 8200 §4.5: the fragments of a packet have its unfragmentable part each.
    fn send_with_extensions(
        &mut self,
        now: Instant,
        pool: &mut dyn BufferPool,
        hop: Hop,
        out: &Outgoing<'_>,
        options: &HeaderOptions,
        dst: Ipv6Addr,
    ) -> Result<(), OutputError> {
        let chain = options.chain(out.header.protocol, dst);
        let transport_len = out.transport.len() + out.payload.iter().map(|part| part.len()).sum::<usize>();
        let mut space = [0; MAX_TRANSPORT];
        let mut rest = chain.fragmentable.clone();
        rest.extend_from_slice(filled(&mut space, out, transport_len, false));
        out.payload.iter().for_each(|part| rest.extend_from_slice(part));
        // The checksum is that of the last destination (§8.1), the header says the first.
        let header = Header { dst: options.first_stop(out.header.dst), ..out.header };
        let (mtu, most) = self.limits_of(hop, out);
        let len = ipv6::HEADER_LEN + chain.unfragmentable.len() + rest.len();
        if len > most && header.dont_fragment {
            return Err(OutputError::TooLong);
        }
        if len <= mtu {
            let fixed = header.v6(chain.first).emit(chain.unfragmentable.len() + rest.len());
            let packet = self.packets.make(pool, &[&fixed, &chain.unfragmentable, &rest], false);
            let mut packet = packet.ok_or(OutputError::NoBuffers)?;
            self.packets.enter(out.account, &mut packet);
            self.dispatch(now, pool, hop, packet, out.multicast_loop);
            return Ok(());
        }
        let identification = self.identified(header, true).identification;
        let next_header = chain.inner;
        let (first, before) = chain.before_fragment();
        let step = most.saturating_sub(ipv6::HEADER_LEN + before.len() + ipv6::FRAGMENT_LEN) & !7;
        if step == 0 {
            return Err(OutputError::TooLong);
        }
        for (index, piece) in rest.chunks(step).enumerate() {
            let more = (index + 1) * step < rest.len();
            let fragment = ipv6::Fragment { next_header, offset: index * step, more, identification }.emit();
            let fixed = header.v6(first).emit(before.len() + fragment.len() + piece.len());
            let packet = self.packets.make(pool, &[&fixed, &before, &fragment, piece], false);
            let mut packet = packet.ok_or(OutputError::NoBuffers)?;
            self.packets.enter(out.account.of_piece(index), &mut packet);
            self.dispatch(now, pool, hop, packet, out.multicast_loop);
        }
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
        let mut space = [0; MAX_TRANSPORT];
        let transport = filled(&mut space, out, transport_len, false);
        let mut fixed = [0; ipv4::HEADER_LEN];
        let first = out.options.map_or(out.header.dst, |options| options.first_stop(out.header.dst));
        self.identified(Header { dst: first, ..out.header }, false).emit(&mut fixed, options.len() + transport_len);
        let parts: Vec<&[u8]> =
            [&fixed[..], options, transport].into_iter().chain(out.payload.iter().copied()).collect();
        let mut made = self.packets.make(pool, &parts, false).ok_or(OutputError::NoBuffers)?;
        made.payload_mut()[0] += (options.len() / 4) as u8; // The header length, in words.
        renew_checksum(made.payload_mut());
        let (mtu, most) = self.limits_of(hop, out);
        if len > most && out.header.dont_fragment {
            self.packets.give_back(pool, made);
            return Err(OutputError::TooLong);
        }
        if len <= mtu {
            self.packets.enter(out.account, &mut made);
            self.dispatch(now, pool, hop, made, out.multicast_loop);
            return Ok(());
        }
        let outcome = self.send_pieces(now, pool, hop, made.payload(), most, out.account);
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
        account: Account,
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
            self.packets.enter(account.of_piece(index), &mut packet);
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
