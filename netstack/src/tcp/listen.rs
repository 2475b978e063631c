//! The passive open: a SYN for a listener (RFC 9293 §3.10.7.2), the SYN queue, and cookies where it is full, the accept
//! queue.

use super::demux::Owner;
use super::durable::Timestamps;
use super::ecn;
use super::input::peer_mss;
use super::options::TcpOptions;
use super::packet_info::PacketInfo;
use super::retransmit::SYN_ACK_RETRIES;
use super::saved_syn;
use super::seam::{Env, IpMeta};
use super::segment::Incoming;
use super::seq::Seq;
use super::socket::{Kind, Socket};
use super::syn_cookie;
use super::syn_queue::Request;
use super::tcb::{Opening, Tcb};
use super::window::{MAX_UNSCALED, SCALE};
use super::{Tcp, Waiter};
use crate::datagram::Reports;
use crate::events::Events;
use crate::slab::Handle;
use crate::socket::Key;
use crate::time::Instant;
use crate::wire::tcp::Flags;

/// Bytes of IPv4 and TCP headers without options, which the MSS leaves out (RFC 9293 §3.7.1).
const HEADERS_V4: u32 = 40;
/// The same for IPv6.
const HEADERS_V6: u32 = 60;

impl Tcp {
    /// RFC 9293 §3.10.7.2. `iss`: the initial sequence number, if an old connection in TIME-WAIT requires one.
    pub(super) fn segment_for_listener(
        &mut self,
        now: Instant,
        listener: Handle,
        incoming: Incoming<'_>,
        iss: Option<Seq>,
        env: &mut Env<'_>,
    ) {
        let header = &incoming.segment.header;
        if header.has(Flags::RST) {
            return;
        }
        if header.has(Flags::ACK) {
            return match self.request_of_cookie(now, listener, incoming, env) {
                Some(request) => self.open_child(now, &request, None, incoming, env),
                None => self.reset_sender(incoming.tuple, incoming.segment),
            };
        }
        if header.has(Flags::SYN)
            && let Some(request) = self.request_of_syn(now, listener, incoming, iss, env)
        {
            self.answer_syn(now, request, incoming, env);
        }
    }

    /// What a SYN asks for, where there is room for the connection.
    fn request_of_syn(
        &self,
        now: Instant,
        listener: Handle,
        incoming: Incoming<'_>,
        iss: Option<Seq>,
        env: &mut Env<'_>,
    ) -> Option<Request> {
        let Incoming { tuple, ip, segment } = incoming;
        let header = &segment.header;
        let listening = self.sockets.get(listener).and_then(Socket::listener)?;
        // Linux drops a SYN for which accept(2) would have no room; the peer tries again.
        if listening.is_full() || !env.pool.has_stream() {
            return None;
        }
        let path = env.paths.path(Some(tuple.local.ip()), tuple.remote, listening.options.limits())?;
        let options = listening.options.answering(ip);
        let advertised_mss = announced_mss(path.mtu, tuple.remote.is_ipv6(), options.maxseg);
        let offset = self.secrets.timestamp_offset(&tuple);
        Some(Request {
            listener,
            tuple,
            iss: iss.unwrap_or_else(|| self.secrets.isn(&tuple, now)),
            irs: header.seq,
            snd_mss: advertised_mss.min(peer_mss(header.options.mss, tuple.remote.is_ipv6())),
            advertised_mss,
            scales: header.options.window_scale.map(|theirs| (theirs, SCALE)),
            timestamps: header.options.timestamps.map(|theirs| Timestamps {
                offset,
                recent: theirs.value,
                recent_age: now.millis(),
            }),
            sack: header.options.sack_permitted,
            ecn: ecn::asks(segment),
            snd_wnd: u32::from(header.window),
            rcv_wnd: window_of_syn_ack(env, &options),
            saved_syn: saved_syn::headers(&options, ip),
            options,
            sent_at: now,
            retries: 0,
            acked: false,
            last_answer: None,
        })
    }

    /// Opens the connection at once (Fast Open), or puts the request into the SYN queue, or answers with a cookie where that is
    /// full.
    fn answer_syn(&mut self, now: Instant, mut request: Request, incoming: Incoming<'_>, env: &mut Env<'_>) {
        let (listener, tuple) = (request.listener, request.tuple);
        let Some(listening) = self.sockets.get_mut(listener).and_then(Socket::listener_mut) else { return };
        if !listening.has_request_room(&self.requests) {
            listening.last_cookie = Some(now);
            request.iss = self.secrets.cookies.make(now, &tuple, request.irs, request.snd_mss);
            return self.replies.push(request.cookie(now));
        }
        let Err(fast_open) = self.open_early(now, &request, incoming, env) else { return };
        let Some(listening) = self.sockets.get_mut(listener).and_then(Socket::listener_mut) else { return };
        let mut syn_ack = request.syn_ack(now);
        syn_ack.options.fast_open = fast_open;
        self.replies.push(syn_ack);
        let deadline = request.deadline(now);
        let handle = self.requests.insert(request);
        listening.requests.push(handle);
        self.demux.claim(tuple, Owner::Request(handle));
        self.timers.set(Waiter::Request(handle), deadline);
    }

    /// The request that an acknowledgement completes, if its SYN was answered with a cookie.
    fn request_of_cookie(
        &self,
        now: Instant,
        listener: Handle,
        incoming: Incoming<'_>,
        env: &mut Env<'_>,
    ) -> Option<Request> {
        let Incoming { tuple, ip, segment } = incoming;
        let header = &segment.header;
        let listening = self.sockets.get(listener).and_then(Socket::listener)?;
        let recent = listening.last_cookie.is_some_and(|last| now.since(last) < syn_cookie::VALID);
        if !recent || header.has(Flags::SYN) {
            return None;
        }
        let (irs, iss) = (header.seq - 1, header.ack - 1);
        let mss = self.secrets.cookies.open(now, &tuple, irs, iss)?;
        let options = listening.options.answering(ip);
        let path = env.paths.path(Some(tuple.local.ip()), tuple.remote, options.limits())?;
        let advertised_mss = announced_mss(path.mtu, tuple.remote.is_ipv6(), options.maxseg);
        let stamps = header.options.timestamps;
        let told = stamps.map(|stamps| syn_cookie::options_of(stamps.echo)).unwrap_or_default();
        let offset = self.secrets.timestamp_offset(&tuple);
        Some(Request {
            listener,
            tuple,
            iss,
            irs,
            snd_mss: advertised_mss.min(mss),
            advertised_mss,
            scales: told.scale.map(|theirs| (theirs, SCALE)),
            timestamps: stamps.map(|theirs| Timestamps { offset, recent: theirs.value, recent_age: now.millis() }),
            sack: told.sack,
            ecn: told.ecn,
            snd_wnd: u32::from(header.window),
            rcv_wnd: window_of_syn_ack(env, &options),
            options,
            // It is not known when the SYN-ACK was sent.
            sent_at: now,
            retries: 1,
            acked: true,
            last_answer: None,
            saved_syn: None,
        })
    }

    /// The handshake's last acknowledgement: the connection gets its rings and its place in the accept queue. Where
    /// there is no room for either, the acknowledgement is dropped, as Linux does: the peer's data will bring it again.
    pub(super) fn complete(&mut self, now: Instant, handle: Handle, incoming: Incoming<'_>, env: &mut Env<'_>) {
        if let Some(request) = self.requests.get(handle).cloned() {
            self.open_child(now, &request, Some(handle), incoming, env);
        }
    }

    /// `queued`: the request in the SYN queue; none if it comes of a cookie.
    fn open_child(
        &mut self,
        now: Instant,
        request: &Request,
        queued: Option<Handle>,
        incoming: Incoming<'_>,
        env: &mut Env<'_>,
    ) {
        let Some((mut tcb, key)) = self.child_tcb(now, request, env) else { return };
        if let Some(handle) = queued {
            self.drop_request(handle);
        }
        tcb.note_syn_ack(request.sent_at, request.retries > 0);
        // RFC 6928 §2, as for SYNs. If it was acknowledged before, none was lost.
        if request.retries > 1 && !request.acked {
            tcb.begin_with_one_segment(now);
        }
        tcb.complete_handshake(now, incoming.segment);
        let child = self.adopt(request, incoming.ip, key, tcb, env);
        self.segment_for_connection(now, child, incoming, env);
    }

    /// The connection that a request becomes, with its rings, if the listener and the pool have room for it.
    pub(super) fn child_tcb(&self, now: Instant, request: &Request, env: &mut Env<'_>) -> Option<(Box<Tcb>, Key)> {
        let listening = self.sockets.get(request.listener)?.listener()?;
        if listening.is_full() {
            return None;
        }
        let buffers = env.pool.stream(request.options.buffers)?;
        let opening = Opening {
            durable: request.durable(buffers.rx.capacity()),
            options: request.options.clone(),
            tx: buffers.tx,
            rx: buffers.rx,
            advertised_mss: request.advertised_mss,
        };
        Some((Tcb::new(now, opening), buffers.key))
    }

    /// Makes the socket of a new connection, and puts it into the accept queue.
    pub(super) fn adopt(
        &mut self,
        request: &Request,
        ip: &IpMeta<'_>,
        key: Key,
        tcb: Box<Tcb>,
        env: &mut Env<'_>,
    ) -> Handle {
        let tuple = request.tuple;
        let binding = self.sockets.get(request.listener).and_then(|socket| socket.binding);
        let binding = binding.map(|binding| binding.inherited(tuple.local.ip()));
        if let Some(binding) = &binding {
            self.ports.hold(binding);
        }
        let child = self.sockets.insert(Socket {
            key,
            binding,
            error: None,
            reports: Reports::default(),
            packet_info: Some(PacketInfo::of(ip)),
            kind: Kind::Connection(tcb),
        });
        self.demux.claim(tuple, Owner::Connection(child));
        self.inherit_filter(child, request.listener);
        self.inherit_syn(child, request.saved_syn.as_deref());
        if let Some(socket) = self.sockets.get_mut(request.listener) {
            env.events.touch(socket.key);
            if let Some(listening) = socket.listener_mut() {
                listening.accept_queue.push_back(child);
            }
        }
        child
    }

    /// The SYN-ACK was not acknowledged in time (RFC 6298).
    pub(super) fn request_timer(&mut self, now: Instant, handle: Handle) {
        let Some(request) = self.requests.get_mut(handle) else { return };
        // TCP_DEFER_ACCEPT: a peer that has acknowledged gets no further SYN-ACK before the time is almost over (Linux's
        // syn_ack_recalc).
        let defer = request.options.defer_accept;
        let waits = request.acked && request.retries < defer;
        if request.retries >= SYN_ACK_RETRIES && !waits {
            return self.drop_request(handle);
        }
        let asks = !request.acked || request.retries + 1 >= defer;
        request.retries += 1;
        let (reply, deadline) = (request.syn_ack(now), request.deadline(now));
        if asks {
            self.replies.push(reply);
        }
        self.timers.set(Waiter::Request(handle), deadline);
    }

    pub(super) fn drop_request(&mut self, handle: Handle) {
        if let Some(request) = self.requests.remove(handle) {
            self.timers.cancel(Waiter::Request(handle));
            self.demux.yield_tuple(&request.tuple, Owner::Request(handle));
            if let Some(listening) = self.sockets.get_mut(request.listener).and_then(Socket::listener_mut) {
                listening.stale = true;
            }
        }
    }

    /// Nobody listens any more: half-open connections are forgotten, complete ones that nobody accepted are reset, as
    /// Linux does.
    pub(super) fn stop_listening(&mut self, now: Instant, handle: Handle, events: &mut Events) {
        let Some(socket) = self.sockets.get_mut(handle) else { return };
        let binding = socket.binding;
        let Some(listening) = socket.listener_mut() else { return };
        let (requests, children) =
            (core::mem::take(&mut listening.requests), core::mem::take(&mut listening.accept_queue));
        if let Some(binding) = binding {
            self.demux.remove_listener(binding.local.port(), handle);
        }
        for request in requests {
            self.drop_request(request);
        }
        for child in children {
            self.discard(now, child, events);
        }
    }

    /// Drops a connection that nobody has accepted: RST, and its key is released.
    fn discard(&mut self, now: Instant, handle: Handle, events: &mut Events) {
        let Some(socket) = self.sockets.get_mut(handle) else { return };
        match &mut socket.kind {
            Kind::Connection(tcb) => {
                tcb.orphan = true;
                tcb.abort();
                self.settle(now, handle, events);
            }
            _ => self.forget(handle, events),
        }
    }
}

/// The window that a SYN-ACK offers.
fn window_of_syn_ack(env: &Env<'_>, options: &TcpOptions) -> u32 {
    let most = options.window_clamp.unwrap_or(MAX_UNSCALED).min(MAX_UNSCALED);
    (env.pool.receive_size(options.buffers) as u32).min(options.buffers.receive.unwrap_or(most)).min(most)
}

/// The MSS option for a path (RFC 9293 §3.7.1): what fits its MTU, and what `TCP_MAXSEG` allows.
pub(super) fn announced_mss(mtu: u32, v6: bool, maxseg: Option<u16>) -> u16 {
    let headers = if v6 { HEADERS_V6 } else { HEADERS_V4 };
    let fits = u16::try_from(mtu.saturating_sub(headers)).unwrap_or(u16::MAX - HEADERS_V4 as u16);
    fits.min(maxseg.unwrap_or(u16::MAX)).max(1)
}
