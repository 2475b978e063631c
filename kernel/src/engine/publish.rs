//! From the stack's state of a socket to what its program sees: record bits, pending error, readiness, wake-ups.

use super::describe;
use super::{Handle, Sockets};
use crate::endpoint::{Endpoint, Origin, QueuedError, SocketId, State};
use crate::errno;
use crate::socket::queued_tx_timestamp;
use netstack::Stack;
use netstack::datagram::ErrorReport;
use netstack::tcp::{self, TcpStatus};
use netstack::tx_timestamp::TxTimestamp;

/// Brings one socket's record up to date and notifies its watchers.
pub(super) fn socket(stack: &mut Stack, sockets: &Sockets, id: SocketId) {
    let Some((endpoint, Some(handle))) = sockets.get(id) else { return };
    match handle {
        Handle::Tcp(tcp) => {
            let Some(status) = stack.tcp_status(tcp) else { return };
            queue(&endpoint, stack.tcp_take_reports(tcp));
            if status.error.is_some()
                && let Some(error) = stack.tcp_take_error(tcp)
            {
                endpoint.fail(errno::tcp(error).raw_os_error());
            }
            let durable = stack.tcp_snapshot(tcp);
            stream(&endpoint, &status);
            endpoint.record.describe(&describe::stream(&endpoint, &status, durable.as_ref()));
        }
        Handle::Udp(udp) => {
            queue(&endpoint, stack.udp_take_reports(udp));
            if let Some(error) = stack.udp_take_error(udp) {
                endpoint.fail(errno::pending(error).raw_os_error());
            }
            endpoint.set_full(!stack.is_writable(udp));
            let names = (stack.udp_local(udp), stack.udp_remote(udp));
            endpoint.record.describe(&describe::names(&endpoint, 0, names.0, names.1));
        }
        Handle::Raw(raw) => {
            queue(&endpoint, stack.raw_take_reports(raw));
            endpoint.set_full(!stack.is_writable(raw));
            if let Some(error) = stack.raw_take_error(raw) {
                endpoint.fail(errno::pending(error).raw_os_error());
            }
        }
        Handle::Packet(packet) => {
            endpoint.set_full(!stack.is_writable(packet));
            if let Some(error) = stack.packet_take_error(packet) {
                endpoint.fail(errno::pending(error).raw_os_error());
            }
            endpoint.record.describe(&describe::names(&endpoint, 0, None, None));
        }
    }
    endpoint.settle();
}

/// Queues ICMP errors for MSG_ERRQUEUE.
fn queue(endpoint: &Endpoint, reports: Vec<ErrorReport>) {
    for ErrorReport { error, message: (kind, code), info, icmp_header, destination, payload, extensions } in reports {
        let errno = errno::pending(error).raw_os_error();
        let origin = Origin::Icmp { kind, code, icmp_header, extensions };
        endpoint.errors.push(QueuedError { errno, origin, info, destination, payload });
    }
}

/// Queues a timestamp of what a socket sent, for MSG_ERRQUEUE.
pub(super) fn tx_timestamp(sockets: &Sockets, tx_timestamp: TxTimestamp) {
    if let Some((endpoint, _)) = sockets.get(tx_timestamp.key.0) {
        endpoint.errors.push(queued_tx_timestamp(tx_timestamp));
        endpoint.changed();
        endpoint.signal_error();
    }
}

/// The state bits of a stream. CONNECTED and USED stay once set, so that a fresh socket differs from one that is over.
fn stream(endpoint: &Endpoint, status: &TcpStatus) {
    let mut state = endpoint.state() & (State::CONNECTED | State::USED);
    match status.state {
        tcp::State::Closed if state.contains(State::USED) => {
            state |= State::CLOSED | State::NO_MORE_IN | State::NO_MORE_OUT;
        }
        tcp::State::Closed => state |= State::CLOSED,
        tcp::State::Listen => state |= State::LISTENING,
        tcp::State::SynSent | tcp::State::SynReceived if !status.early => {
            state |= State::CONNECTING | State::USED;
            state.set(State::DEFERRED, status.deferred);
        }
        _ => state |= State::CONNECTED | State::USED,
    }
    if status.state != tcp::State::Closed {
        state.set(State::NO_MORE_IN, status.peer_closed);
        state.set(State::NO_MORE_OUT, status.write_closed);
    }
    // A connection in TIME-WAIT has left its socket, which is CLOSED.
    let over = status.state == tcp::State::Closed && status.peer_closed;
    endpoint.set_fin(over || status.state.peer_closed());
    endpoint.record.set_accept_queue(u32::try_from(status.accept_queue).unwrap_or(u32::MAX));
    endpoint.record.set_state(state.bits());
}
