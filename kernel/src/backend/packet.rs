//! Calls of packet sockets.

use super::Reply;
use crate::endpoint::SocketId;
use crate::engine::{Engine, Handle};
use crate::{Errno, Result, clock, errno};
use netstack::PacketTo;
use netstack::filter::Program;
use netstack::link::IfIndex;
use netstack::packet::ring::{Direction, Ground, RingOptions, RingRequest};
use netstack::packet::{Fanout, Membership, PacketOptions};
use netstack::time::Instant;
use netstack::tx_timestamp::TxTimestampRequest;

/// What a packet socket asks of its kernel.
#[derive(Debug)]
pub enum PacketCall<'a> {
    /// bind(2): the interface (none: all), and the protocol (0: the one it has).
    Bind(Option<IfIndex>, u16),
    /// Sends a frame: [`Reply::Sent`].
    Send(Option<PacketTo>, &'a [&'a [u8]], Option<TxTimestampRequest>),
    /// Sends the frames that wait in its ring, as many as fit now: [`Reply::Sent`], 0 where none waits any more.
    SendRing(Option<PacketTo>, Option<TxTimestampRequest>),
    /// Its options.
    SetOptions(PacketOptions),
    /// What counts for its rings.
    SetRingOptions(RingOptions),
    /// PACKET_RX_RING, PACKET_TX_RING.
    SetRing(Direction, RingRequest),
    /// PACKET_FANOUT.
    FanOut(Fanout),
    /// PACKET_FANOUT_DATA.
    SetGroupProgram(Program),
    /// The group that it is in: [`Reply::PacketGroup`].
    Group,
    /// PACKET_ADD_MEMBERSHIP.
    Join(Membership),
    /// PACKET_DROP_MEMBERSHIP.
    Leave(Membership),
    /// Takes the counts: [`Reply::PacketStatistics`].
    TakeStatistics,
    /// Where it is bound: [`Reply::PacketName`].
    Name,
}

impl Engine {
    pub(super) fn answer_packet(&mut self, now: Instant, id: SocketId, call: PacketCall<'_>) -> Result<Reply> {
        let Handle::Packet(packet) = self.handle(id)? else { return Err(Errno::OPNOTSUPP) };
        match call {
            PacketCall::Bind(on, protocol) => {
                self.stack.packet_bind(packet, on, protocol).map_err(errno::group)?;
                Ok(self.described(id))
            }
            PacketCall::Send(to, payload, tx_timestamp) => {
                let sent = self.stack.packet_send(now, packet, to, payload, tx_timestamp);
                self.sent(id, sent)
            }
            PacketCall::SendRing(to, tx_timestamp) => {
                let sent = self.stack.packet_send_ring(now, packet, to, tx_timestamp);
                self.sent(id, sent)
            }
            PacketCall::SetRingOptions(options) => {
                self.stack.packet_set_ring_options(packet, options).map_err(errno::ring)?;
                Ok(Reply::Done)
            }
            PacketCall::SetRing(direction, request) => {
                let (endpoint, _) = self.sockets.get(id).ok_or(Errno::BADF)?;
                let ground = Ground {
                    page: rustix::param::page_size(),
                    window: &mut |bytes| self.sockets.window(bytes),
                    wall: clock::realtime_at,
                    now,
                };
                self.stack.packet_set_ring(packet, direction, &request, ground).map_err(errno::ring)?;
                endpoint.set_frames(self.stack.packet_rings(packet).ok_or(Errno::BADF)?);
                Ok(Reply::Done)
            }
            PacketCall::FanOut(asked) => {
                self.stack.packet_fan_out(packet, asked).map_err(errno::fanout)?;
                Ok(Reply::Done)
            }
            PacketCall::SetGroupProgram(program) => {
                self.stack.packet_set_group_program(packet, program).map_err(errno::fanout)?;
                Ok(Reply::Done)
            }
            PacketCall::Group => Ok(Reply::PacketGroup(self.stack.packet_group(packet))),
            PacketCall::SetOptions(options) => {
                *self.stack.packet_options(packet).ok_or(Errno::BADF)? = options;
                Ok(Reply::Done)
            }
            PacketCall::Join(membership) => {
                self.stack.packet_join(packet, membership).map_err(errno::group)?;
                self.tell_links();
                Ok(Reply::Done)
            }
            PacketCall::Leave(membership) => {
                self.stack.packet_leave(packet, membership).map_err(errno::group)?;
                self.tell_links();
                Ok(Reply::Done)
            }
            PacketCall::TakeStatistics => {
                self.stack.packet_take_statistics(packet).map(Reply::PacketStatistics).ok_or(Errno::BADF)
            }
            PacketCall::Name => self.stack.packet_name(packet).map(Reply::PacketName).ok_or(Errno::BADF),
        }
    }

    /// Links hand over what is for other stations as long as a packet socket wants it.
    pub(super) fn tell_links(&mut self) {
        for attached in &mut self.links {
            attached.link.set_promiscuous(self.stack.is_promiscuous(attached.index));
        }
    }
}
