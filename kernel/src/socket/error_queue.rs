//! MSG_ERRQUEUE: reading what the network said of what was sent, and which sends with MSG_ZEROCOPY are complete.

use super::datagram::put;
use super::{DatagramInfo, Received, Socket};
use crate::backend::{Call, Reply};
use crate::endpoint::{Kind, Origin, QueuedError};
use crate::{Errno, Result};
use std::io::IoSliceMut;
use std::net::SocketAddr;

/// Bytes of the longest packet of IPv4. What a program sends that is longer by itself, without headers, is refused without a report
/// (udp_sendmsg()).
const LONGEST: usize = 65535;

impl Socket {
    /// recvmsg(2) with MSG_ERRQUEUE. It never waits: EAGAIN where there is nothing.
    #[inline(never)]
    pub(super) fn recv_error(&self, bufs: &mut [IoSliceMut<'_>]) -> Result<Received> {
        self.backend.look();
        let (mut report, pending) = self.endpoint.errors.take().ok_or(Errno::AGAIN)?;
        if let Some(errno) = pending {
            self.endpoint.record.set_error(errno);
        }
        if let Origin::TxTimestamp { id, at_ns, .. } = report.origin {
            let source =
                self.shows_source(&report.origin).map(|source| self.family().shown(SocketAddr::new(source, 0)).ip());
            report.origin = Origin::TxTimestamp { id, at_ns, source };
            report.destination = SocketAddr::new(self.family().unspecified(), 0);
        }
        let copied = put(&report.payload, bufs)?;
        let cut = if copied < report.payload.len() { libc::MSG_TRUNC } else { 0 };
        Ok(Received {
            len: copied,
            from: match report.origin {
                Origin::Copied { .. } | Origin::TxTimestamp { .. } => None,
                _ => Some(self.family().shown(report.destination).into()),
            },
            flags: libc::MSG_ERRQUEUE | cut,
            info: match &report.origin {
                Origin::Icmp { icmp_header, .. } => Some(DatagramInfo::of(icmp_header)),
                Origin::Local | Origin::Copied { .. } | Origin::TxTimestamp { .. } => None,
            },
            time_ns: match report.origin {
                Origin::TxTimestamp { at_ns, .. } => Some(at_ns),
                _ => None,
            },
            error: Some(Box::new(report)),
            ..Received::default()
        })
    }

    /// A send with MSG_ZEROCOPY has succeeded. It was copied, so it is complete at once.
    pub(super) fn report_copied(&self, sent: usize) {
        if !self.settings.lock().zerocopy || sent == 0 && self.endpoint.kind == Kind::Stream {
            return;
        }
        self.endpoint.errors.copied(SocketAddr::new(self.family().unspecified(), 0));
        self.endpoint.changed();
        self.endpoint.signal_error();
    }

    /// EMSGSIZE of a datagram that the path does not take: who asked for reports is told the path's MTU (Linux's
    /// ip_local_error(), ipv6_local_error(), ipv6_local_rxpmtu()).
    pub(super) fn report_too_long(&self, to: Option<SocketAddr>, len: usize, dont_fragment: Option<bool>) {
        let Ok((_, remote)) = self.backend.call(Call::Names(self.id())).and_then(Reply::names) else { return };
        let Some(to) = to.or(remote) else { return };
        let options = self.settings.lock().raw.datagram;
        let v6 = to.is_ipv6();
        let asked = if v6 { options.v6.report_errors } else { options.report_errors && len <= LONGEST };
        let noted = v6 && dont_fragment.unwrap_or(options.v6.dont_fragment);
        if !asked && !noted {
            return;
        }
        let mtu = match self.backend.call(Call::PathMtu(to)) {
            Ok(Reply::PathMtu(mtu)) => mtu,
            _ => 0,
        };
        let info = options.v6.most.filter(|_| v6).map_or(mtu, |most| mtu.min(most.into()));
        if noted {
            self.note_path_mtu(to, info);
        }
        if !asked {
            return;
        }
        // The port is the peer's: without one it is none.
        let destination = SocketAddr::new(to.ip(), remote.map_or(0, |remote| remote.port()));
        let errno = Errno::MSGSIZE.raw_os_error();
        self.endpoint.errors.push(QueuedError { errno, origin: Origin::Local, info, destination, payload: Vec::new() });
        self.endpoint.changed();
    }
}
