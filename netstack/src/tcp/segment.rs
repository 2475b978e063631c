//! A segment arrives: for a connection, a half-open one, what is left of one, a listener, or nobody
//! (RFC 9293 §3.10.7).

use super::demux::{Owner, Tuple};
use super::packet_info::PacketInfo;
use super::remnant;
use super::reply::Reply;
use super::seam::{Env, IpMeta};
use super::syn_queue;
use super::{Tcp, Waiter};
use crate::ip::end;
use crate::link::IfIndex;
use crate::slab::Handle;
use crate::time::Instant;
use crate::wire::tcp::Segment;
use core::net::IpAddr;

/// A segment that has arrived, with what is known of it.
#[derive(Clone, Copy)]
pub(super) struct Incoming<'a> {
    pub(super) tuple: Tuple,
    pub(super) ip: &'a IpMeta<'a>,
    pub(super) segment: &'a Segment<'a>,
}

impl Tcp {
    /// A segment for one of our addresses, TCP header and payload; its checksum is known to be good.
    pub(crate) fn handle_segment(&mut self, now: Instant, ip: &IpMeta<'_>, bytes: &[u8], env: &mut Env<'_>) {
        self.now = now;
        let Ok(segment) = Segment::parse(bytes) else { return };
        let packet_text = match ip.packet.segment_size {
            0 => segment.packet_text,
            size => segment.packet_text.min(size.into()),
        };
        let segment = Segment { ecn: ip.packet.tos & 3, packet_text, ..segment };
        // RFC 9293 §3.9.2.3 (MUST-57, MUST-63): only from one host to one host.
        if !is_unicast(ip.packet.src) || !is_unicast(ip.packet.dst) {
            return;
        }
        let tuple = Tuple {
            local: end(ip.packet.dst, segment.header.dst_port, ip.packet.on),
            remote: end(ip.packet.src, segment.header.src_port, ip.packet.on),
        };
        let incoming = Incoming { tuple, ip, segment: &segment };
        match self.demux.owner(&tuple).filter(|owner| self.hears(*owner, ip.came_by)) {
            Some(owner) if !self.is_near(owner, ip) => {}
            Some(Owner::Connection(handle)) => self.segment_for_connection(now, handle, incoming, env),
            Some(Owner::Request(handle)) => self.segment_for_request(now, handle, incoming, env),
            Some(Owner::Remnant(handle)) => self.segment_for_remnant(now, handle, incoming, env),
            None => match self.demux.listener(&tuple, |socket| self.bound_to(socket), ip.came_by, ip.chosen) {
                Some(listener) if !self.is_near(Owner::Connection(listener), ip) => {}
                Some(listener) => self.segment_for_listener(now, listener, incoming, None, env),
                None => self.reset_sender(tuple, &segment),
            },
        }
    }

    /// SO_BINDTODEVICE: whether the owner of a four-tuple gets what comes by an interface.
    pub(super) fn hears(&self, owner: Owner, by: IfIndex) -> bool {
        let only = match owner {
            Owner::Connection(handle) => self.bound_to(handle),
            Owner::Request(handle) => self.requests.get(handle).and_then(|request| request.options.bound_to),
            Owner::Remnant(handle) => self.remnants.get(handle).and_then(|remnant| remnant.limits.on),
        };
        only.is_none_or(|only| only == by)
    }

    /// IP_MINTTL. What is left of a closed connection does not ask for it.
    fn is_near(&self, owner: Owner, ip: &IpMeta<'_>) -> bool {
        match owner {
            Owner::Connection(handle) => self.sockets.get(handle).is_none_or(|socket| socket.options().is_near(ip)),
            Owner::Request(handle) => self.requests.get(handle).is_none_or(|request| request.options.is_near(ip)),
            Owner::Remnant(_) => true,
        }
    }

    pub(super) fn bound_to(&self, socket: Handle) -> Option<IfIndex> {
        self.sockets.get(socket).and_then(|socket| socket.options().bound_to)
    }

    /// RFC 9293 §3.10.7.1: nobody has this four-tuple.
    pub(super) fn reset_sender(&mut self, tuple: Tuple, segment: &Segment<'_>) {
        if let Some(reply) = Reply::reset(tuple, segment) {
            self.replies.push(reply);
        }
    }

    pub(super) fn segment_for_connection(
        &mut self,
        now: Instant,
        handle: Handle,
        incoming: Incoming<'_>,
        env: &mut Env<'_>,
    ) {
        let Incoming { tuple, ip, segment } = incoming;
        let Some(socket) = self.sockets.get_mut(handle) else { return };
        let Some(tcb) = socket.tcb_mut() else { return };
        let reset = tcb.input(now, segment);
        tcb.tell_acknowledged(now, env.events);
        tcb.grow_rings(now, segment, env.pool);
        if ip.packet.src.is_ipv6() && segment.end() == tcb.durable.rcv_nxt {
            socket.packet_info = Some(PacketInfo::of(ip));
        }
        if reset {
            self.reset_sender(tuple, segment);
        }
        self.settle(now, handle, env.events);
    }

    fn segment_for_request(&mut self, now: Instant, handle: Handle, incoming: Incoming<'_>, env: &mut Env<'_>) {
        let Incoming { tuple, segment, .. } = incoming;
        let Some(request) = self.requests.get_mut(handle) else { return };
        match request.judge(now, segment) {
            syn_queue::Verdict::Ignore => {}
            syn_queue::Verdict::Repeat => self.replies.push(request.syn_ack(now)),
            syn_queue::Verdict::Acknowledge => self.replies.push(request.acknowledgement(now)),
            syn_queue::Verdict::Forget => self.drop_request(handle),
            syn_queue::Verdict::Reset => self.reset_sender(tuple, segment),
            syn_queue::Verdict::Complete => self.complete(now, handle, incoming, env),
        }
    }

    fn segment_for_remnant(&mut self, now: Instant, handle: Handle, incoming: Incoming<'_>, env: &mut Env<'_>) {
        let Incoming { tuple, ip, segment } = incoming;
        let Some(remnant) = self.remnants.get_mut(handle) else { return };
        match remnant.judge(now, segment) {
            remnant::Verdict::Ignore => {}
            remnant::Verdict::Acknowledge => self.replies.push(remnant.acknowledgement(now)),
            remnant::Verdict::Restart => {
                self.replies.push(remnant.acknowledgement(now));
                self.timers.set(Waiter::Remnant(handle), now + self.config.time_wait);
            }
            remnant::Verdict::Reset => {
                self.drop_remnant(handle);
                self.reset_sender(tuple, segment);
            }
            remnant::Verdict::Forget => self.drop_remnant(handle),
            remnant::Verdict::Reopen => {
                let acknowledgement = remnant.acknowledgement(now);
                let iss = remnant.successor_iss();
                match self.demux.listener(&tuple, |socket| self.bound_to(socket), ip.came_by, ip.chosen) {
                    Some(listener) => {
                        self.drop_remnant(handle);
                        self.segment_for_listener(now, listener, incoming, Some(iss), env);
                    }
                    None => self.replies.push(acknowledgement),
                }
            }
        }
    }
}

fn is_unicast(addr: IpAddr) -> bool {
    match addr {
        IpAddr::V4(addr) => !addr.is_multicast() && !addr.is_broadcast() && !addr.is_unspecified(),
        IpAddr::V6(addr) => !addr.is_multicast() && !addr.is_unspecified(),
    }
}
