//! A TCP socket: what a program's descriptor stands for, in whichever state.

use super::demux::Tuple;
use super::errors::TcpError;
use super::fast_open::Queue;
use super::info::{LastInfo, TcpStatus};
use super::options::TcpOptions;
use super::packet_info::PacketInfo;
use super::ports::Binding;
use super::state::State;
use super::syn_queue::Request;
use super::tcb::Tcb;
use super::times::Times;
use crate::datagram::Reports;
use crate::slab::{Handle, Slab};
use crate::socket::Key;
use crate::time::Instant;
use core::net::SocketAddr;
use std::collections::VecDeque;

/// One entry of the socket table.
pub(super) struct Socket {
    pub(super) key: Key,
    pub(super) binding: Option<Binding>,
    /// Sticky until taken.
    pub(super) error: Option<TcpError>,
    /// For MSG_ERRQUEUE.
    pub(super) reports: Reports,
    pub(super) packet_info: Option<PacketInfo>,
    pub(super) kind: Kind,
}

/// What a socket is at the moment.
pub(super) enum Kind {
    /// CLOSED: no connection yet, or no more.
    Idle(Idle),
    /// LISTEN.
    Listening(Listener),
    /// From SYN-SENT or ESTABLISHED on. Boxed: the others are small, and the table holds all in one row.
    Connection(Box<Tcb>),
}

/// A socket in CLOSED.
#[derive(Clone, Debug, Default)]
pub(super) struct Idle {
    pub(super) options: TcpOptions,
    /// The ends of the connection that is over.
    pub(super) over: Option<Tuple>,
    /// When what it left unread came.
    pub(super) times: Option<Box<Times>>,
    /// Its figures.
    pub(super) info: Option<Box<LastInfo>>,
}

/// A socket in LISTEN.
#[derive(Clone, Debug, Default)]
pub(super) struct Listener {
    pub(super) options: TcpOptions,
    /// As listen(2) was told. The accept queue holds one more (Linux's `sk_acceptq_is_full`).
    pub(super) backlog: usize,
    pub(super) accept_queue: VecDeque<Handle>,
    /// The SYN queue; where `stale` says so, some have moved on.
    pub(super) requests: Vec<Handle>,
    pub(super) stale: bool,
    /// Connections that Fast Open has opened.
    pub(super) early: Queue,
    /// When a SYN was last answered with a cookie.
    pub(super) last_cookie: Option<Instant>,
}

impl Listener {
    pub(super) fn is_full(&self) -> bool {
        self.accept_queue.len() > self.backlog
    }

    /// Whether one more may be in the SYN queue.
    pub(super) fn has_request_room(&mut self, requests: &Slab<Request>) -> bool {
        let most = self.backlog.max(128);
        if self.requests.len() >= most && core::mem::take(&mut self.stale) {
            self.requests.retain(|&handle| requests.get(handle).is_some());
        }
        self.requests.len() < most
    }
}

impl Socket {
    pub(super) fn options_mut(&mut self) -> &mut TcpOptions {
        match &mut self.kind {
            Kind::Idle(idle) => &mut idle.options,
            Kind::Listening(listener) => &mut listener.options,
            Kind::Connection(tcb) => &mut tcb.options,
        }
    }

    pub(super) fn options(&self) -> &TcpOptions {
        match &self.kind {
            Kind::Idle(idle) => &idle.options,
            Kind::Listening(listener) => &listener.options,
            Kind::Connection(tcb) => &tcb.options,
        }
    }

    pub(super) fn tcb(&self) -> Option<&Tcb> {
        match &self.kind {
            Kind::Connection(tcb) => Some(tcb),
            _ => None,
        }
    }

    pub(super) fn tcb_mut(&mut self) -> Option<&mut Tcb> {
        match &mut self.kind {
            Kind::Connection(tcb) => Some(tcb),
            _ => None,
        }
    }

    /// Of a connection, or of what it left.
    pub(super) fn times_mut(&mut self) -> Option<&mut Times> {
        match &mut self.kind {
            Kind::Connection(tcb) => tcb.times.as_deref_mut(),
            Kind::Idle(idle) => idle.times.as_deref_mut(),
            Kind::Listening(_) => None,
        }
    }

    pub(super) fn listener(&self) -> Option<&Listener> {
        match &self.kind {
            Kind::Listening(listener) => Some(listener),
            _ => None,
        }
    }

    pub(super) fn listener_mut(&mut self) -> Option<&mut Listener> {
        match &mut self.kind {
            Kind::Listening(listener) => Some(listener),
            _ => None,
        }
    }

    /// Our address and port, as getsockname(2) shows them.
    pub(super) fn local(&self) -> Option<SocketAddr> {
        match &self.kind {
            Kind::Connection(tcb) => Some(tcb.durable.local),
            Kind::Idle(Idle { over: Some(tuple), .. }) => Some(tuple.local),
            _ => self.binding.map(|binding| binding.local),
        }
    }

    pub(super) fn status(&self) -> TcpStatus {
        let status = match &self.kind {
            Kind::Connection(tcb) => tcb.status(),
            Kind::Listening(listener) => {
                TcpStatus { state: State::Listen, accept_queue: listener.accept_queue.len(), ..TcpStatus::default() }
            }
            Kind::Idle(idle) => TcpStatus {
                remote: idle.over.map(|tuple| tuple.remote),
                peer_closed: idle.over.is_some(),
                write_closed: idle.over.is_some(),
                ..TcpStatus::default()
            },
        };
        TcpStatus { local: self.local(), error: self.error, ..status }
    }
}
