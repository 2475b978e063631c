//! What ICMP says of our segments (RFC 5461, RFC 5927, RFC 1191).

use super::Tcp;
use super::demux::{Owner, Tuple};
use super::errors::TcpError;
use super::listen::announced_mss;
use super::seam::IcmpError;
use super::seq::Seq;
use super::state::State;
use super::tcb::Tcb;
use crate::events::Events;
use crate::time::Instant;
use core::net::SocketAddr;

/// Smaller MTUs are taken for lies (`min_pmtu`).
const MIN_PATH_MTU: u32 = 552;

impl Tcp {
    /// An ICMP error that quotes a segment from `local` to `remote` with sequence number `quoted_seq`.
    pub(crate) fn handle_icmp_error(
        &mut self,
        now: Instant,
        error: IcmpError,
        local: SocketAddr,
        remote: SocketAddr,
        quoted_seq: u32,
        events: &mut Events,
    ) {
        let Some(Owner::Connection(handle)) = self.demux.owner(&Tuple { local, remote }) else { return };
        let Some(tcb) = self.sockets.get_mut(handle).and_then(|socket| socket.tcb_mut()) else { return };
        let quoted = Seq(quoted_seq);
        // RFC 5927 §4: only an error about something that is in flight is about this connection.
        if quoted.before(tcb.durable.snd_una) || !quoted.before(tcb.durable.snd_nxt) {
            return;
        }
        match error {
            IcmpError::PacketTooBig(mtu) => tcb.shrink_segments(mtu),
            error => tcb.unreachable(meaning(error)),
        }
        self.settle(now, handle, events);
    }
}

impl Tcb {
    /// An error ends a connection that is being opened, as on Linux; later it is only remembered
    /// (RFC 1122 §4.2.3.9, RFC 5461 §3).
    fn unreachable(&mut self, why: TcpError) {
        match self.durable.state {
            State::SynSent | State::SynReceived if !self.is_early() => self.fail(why),
            _ => self.soft_error = Some(why),
        }
    }

    /// RFC 1191 §6.5: the segment is sent again at once, smaller.
    fn shrink_segments(&mut self, mtu: u32) {
        if mtu < MIN_PATH_MTU {
            return;
        }
        let mss = announced_mss(mtu, self.durable.remote.is_ipv6(), None);
        self.bound_mtu_search(mss);
        if mss >= self.durable.snd_mss {
            return;
        }
        self.durable.snd_mss = mss;
        let mss = self.path_mss();
        self.congestion.set_mss(mss);
        if self.durable.state.is_synchronized() {
            self.repeat_without_reduction(mss);
        }
    }
}

fn meaning(error: IcmpError) -> TcpError {
    match error {
        IcmpError::PortUnreachable => TcpError::Refused,
        IcmpError::ProtocolUnreachable => TcpError::ProtocolUnreachable,
        IcmpError::NetUnreachable => TcpError::NetUnreachable,
        _ => TcpError::HostUnreachable,
    }
}
