//! ICMP errors about our segments (RFC 5461, RFC 5927, RFC 1191).

use super::Tcp;
use super::demux::{Owner, Tuple};
use super::errors::TcpError;
use super::seam::IcmpError;
use super::seq::Seq;
use super::socket::{Kind, Socket};
use super::state::State;
use super::tcb::Tcb;
use crate::datagram::ErrorReport;
use crate::events::Events;
use crate::time::Instant;
use core::net::SocketAddr;

impl Tcp {
    /// Whether a quoted segment is in flight. Only then is the error about this connection (RFC 5927 §4).
    pub(crate) fn is_in_flight(&self, local: SocketAddr, remote: SocketAddr, quoted_seq: u32) -> bool {
        let Some(Owner::Connection(handle)) = self.demux.owner(&Tuple { local, remote }) else { return false };
        let tcb = self.sockets.get(handle).and_then(|socket| socket.tcb());
        tcb.is_some_and(|tcb| tcb.has_in_flight(Seq(quoted_seq)))
    }

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
        let Some(socket) = self.sockets.get_mut(handle) else { return };
        let Some(tcb) = socket.tcb_mut() else { return };
        if !tcb.has_in_flight(Seq(quoted_seq)) {
            return;
        }
        match error {
            IcmpError::PathMtu(mtu) => tcb.shrink_segments(mtu),
            IcmpError::Undelivered(report) => socket.undelivered(report, events),
        }
        self.settle(now, handle, events);
    }
}

impl Tcb {
    fn has_in_flight(&self, seq: Seq) -> bool {
        seq.at_or_after(self.durable.snd_una) && seq.before(self.durable.snd_nxt)
    }
}

impl Socket {
    /// An error ends a connection that is being opened, and its report is kept, for IPv4 even if nobody asked (Linux's tcp_v4_err()).
    /// Later an error is only noted (RFC 1122 §4.2.3.9, RFC 5461 §3), or reported once if the program asked (IP_RECVERR).
    fn undelivered(&mut self, mut report: ErrorReport, events: &mut Events) {
        let Kind::Connection(tcb) = &mut self.kind else { return };
        let why = TcpError::Network(report.error);
        let remote = tcb.durable.remote;
        let asked = tcb.options.reports_errors(remote);
        match tcb.durable.state {
            State::SynSent | State::SynReceived if !tcb.is_early() => {
                if asked || remote.is_ipv4() {
                    report.extensions = report.extensions.filter(|_| tcb.options.reports_extensions(remote));
                    self.reports.push(report);
                }
                tcb.fail(why);
            }
            _ if asked => {
                self.error = Some(why);
                events.touch(self.key);
            }
            _ => tcb.soft_error = Some(why),
        }
    }
}
