//! The program's calls during and at the end of a connection: data, options, shutdown(2), close(2)
//! (RFC 9293 §3.10.2–3.10.5); and the end that a node's death brings.

use super::demux::Owner;
use super::socket::{Idle, Kind};
use super::state::State;
use super::tcb::Tcb;
use super::{Close, Tcp, TcpId};
use crate::events::Events;
use crate::slab::Handle;
use crate::socket::Shutdown;
use crate::time::Instant;
use core::net::IpAddr;

impl Tcp {
    /// The program put bytes into the tx ring.
    pub(crate) fn data_queued(&mut self, now: Instant, id: TcpId, more_comes: bool) {
        let Some(tcb) = self.tcb_mut(id.0) else { return };
        tcb.more_comes = more_comes;
        self.make_ready(now, id.0);
    }

    /// The program took bytes out of the rx ring, past the mark that `Producer::notify_after` set.
    pub(crate) fn space_freed(&mut self, now: Instant, id: TcpId) {
        let Some(tcb) = self.tcb_mut(id.0) else { return };
        tcb.watch_reading();
        if tcb.ack.is_due() {
            self.make_ready(now, id.0);
        }
    }

    /// Options were set through [`options`](Self::options): they take effect.
    pub(crate) fn options_changed(&mut self, now: Instant, id: TcpId) {
        let Some(tcb) = self.tcb_mut(id.0) else { return };
        tcb.restart_keepalive(now);
        tcb.switch_congestion();
        if tcb.congestion.windows().mss != tcb.path_mss() {
            tcb.change_segment_size(tcb.durable.snd_mss);
        }
        tcb.ack.set_mode(tcb.options.quickack);
        // Setting TCP_NODELAY, and clearing TCP_CORK, send what waits.
        self.make_ready(now, id.0);
    }

    /// shutdown(2).
    pub(crate) fn shutdown(&mut self, now: Instant, id: TcpId, how: Shutdown, events: &mut Events) {
        let Some(socket) = self.sockets.get_mut(id.0) else { return };
        match &mut socket.kind {
            Kind::Idle(_) => {}
            // inet_shutdown(): a listener stops listening, and keeps the port that bind(2) gave it.
            Kind::Listening(_) if how.read => self.disconnect(now, id, events),
            Kind::Listening(_) => {}
            Kind::Connection(tcb) if tcb.durable.state == State::SynSent => self.disconnect(now, id, events),
            Kind::Connection(tcb) => {
                if how.read && !tcb.read_shutdown {
                    tcb.read_shutdown = true;
                    tcb.touched = true;
                }
                if how.write {
                    close_writing(tcb);
                }
                self.settle(now, id.0, events);
            }
        }
    }

    /// close(2): the program hears nothing more but that the key is released, when the engine does not need the rings any more.
    pub(crate) fn close(&mut self, now: Instant, id: TcpId, how: Close, events: &mut Events) {
        self.stop_listening(now, id.0, events);
        let Some(socket) = self.sockets.get_mut(id.0) else { return };
        let Kind::Connection(tcb) = &mut socket.kind else { return self.forget(id.0, events) };
        tcb.orphan = true;
        match (tcb.durable.state, how) {
            // RFC 9293 §3.10.4: SYN-SENT: delete the TCB.
            (State::SynSent, _) | (_, Close::Abandon) => tcb.end(),
            // RFC 2525 §2.17.
            (_, Close::Abort | Close::Graceful { unread: true }) => tcb.abort(),
            (_, Close::Graceful { unread: false }) => close_writing(tcb),
        }
        self.settle(now, id.0, events);
    }

    /// connect(2) with `AF_UNSPEC`: abort, back to CLOSED. The id stays; a port that bind(2) asked for stays too.
    pub(crate) fn disconnect(&mut self, now: Instant, id: TcpId, events: &mut Events) {
        self.stop_listening(now, id.0, events);
        self.saved_syns.remove(&id.0);
        let Some(socket) = self.sockets.get_mut(id.0) else { return };
        match &mut socket.kind {
            Kind::Connection(tcb) => {
                tcb.abort();
                self.settle(now, id.0, events);
            }
            Kind::Listening(listener) => {
                socket.kind = Kind::Idle(Idle { options: listener.options.clone(), ..Idle::default() });
                if let Some(binding) = &mut socket.binding {
                    self.ports.stop_listening(binding);
                }
                // A port that bind(2) did not name is given back.
                if let Some(mut binding) = socket.binding.take_if(|binding| !binding.port_asked) {
                    self.ports.release(&binding);
                    binding.local.set_port(0);
                    socket.binding = Some(binding).filter(|binding| !binding.local.ip().is_unspecified());
                }
            }
            Kind::Idle(_) => {}
        }
        if let Some(socket) = self.sockets.get_mut(id.0) {
            if let Kind::Idle(idle) = &mut socket.kind {
                (idle.over, idle.info) = (None, None);
            }
            socket.error = None;
            events.touch(socket.key);
        }
    }

    /// The node at `addr` is gone: its connections are reset as by a RST.
    pub(crate) fn peer_died(&mut self, now: Instant, addr: IpAddr, events: &mut Events) {
        for owner in self.demux.towards(addr) {
            match owner {
                Owner::Request(handle) => self.drop_request(handle),
                Owner::Remnant(handle) => self.drop_remnant(handle),
                Owner::Connection(handle) => {
                    if let Some(tcb) = self.tcb_mut(handle) {
                        tcb.peer_reset();
                        self.settle(now, handle, events);
                    }
                }
            }
        }
    }

    fn tcb_mut(&mut self, handle: Handle) -> Option<&mut Tcb> {
        self.sockets.get_mut(handle)?.tcb_mut()
    }

    /// The connection may have something to send.
    pub(super) fn make_ready(&mut self, now: Instant, handle: Handle) {
        self.now = now;
        let Some(tcb) = self.sockets.get_mut(handle).and_then(|socket| socket.tcb_mut()) else { return };
        if !tcb.queued {
            tcb.queued = true;
            self.ready.push_back(handle);
        }
    }
}

/// RFC 9293 §3.10.4: the FIN goes after all that was written. In SYN-RECEIVED it waits for ESTABLISHED.
fn close_writing(tcb: &mut Tcb) {
    tcb.queue_fin();
    tcb.touched = true;
    tcb.durable.state = match tcb.durable.state {
        State::Established => State::FinWait1,
        State::CloseWait => State::LastAck,
        other => other,
    };
}
