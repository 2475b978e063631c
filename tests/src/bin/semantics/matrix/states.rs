//! The states of a socket, and how one comes into each. Every socket here is non-blocking.

use std::time::Duration;

use libc::{POLLERR, POLLHUP, POLLIN, POLLOUT, POLLRDHUP, SHUT_RD, SHUT_RDWR, SHUT_WR};

use super::kinds::{self, Kind};
use super::sock::{self, Name};
use crate::net::{must, settle, within};
use crate::sys::{self, Fd};

/// A socket in a state, and what belongs to it.
pub struct Subject {
    pub kind: &'static Kind,
    pub fd: Fd,
    /// The other end, where there is one.
    pub peer: Option<Fd>,
    /// A socket of the same kind that takes what comes: a listener, a bound datagram socket.
    pub target: Name,
    held: Vec<Fd>,
}

impl Drop for Subject {
    fn drop(&mut self) {
        for fd in self.held.drain(..).chain(self.peer).chain([self.fd]) {
            let _ = sys::close(fd);
        }
    }
}

/// A row: the name and how to get there.
pub struct State {
    pub name: &'static str,
    enter: fn(&mut Subject),
}

impl State {
    /// A fresh socket of this kind, brought into the state.
    pub fn make(&self, kind: &'static Kind) -> Subject {
        let (sink, target) = sink(kind);
        let mut subject = Subject { kind, fd: kind.socket(), peer: None, target, held: vec![sink] };
        (self.enter)(&mut subject);
        subject
    }
}

/// What a datagram, an echo and a stream's text all can be: eight bytes that are an ICMP echo request of either family's number.
pub fn payload(kind: &Kind) -> [u8; 8] {
    let kind = if kind.family == libc::AF_INET { 8 } else { 128 };
    [kind, 0, 0, 0, 0, 0, 0, 1]
}

const fn state(name: &'static str, enter: fn(&mut Subject)) -> State {
    State { name, enter }
}

const STREAM: &[State] = &[
    state("fresh", |_| {}),
    state("bound", bound),
    state("listening", |s| must_listen(s, 8)),
    state("listening, one waiting", one_waiting),
    state("listening, shut", |s| {
        must_listen(s, 8);
        must("shutdown", sys::shutdown(s.fd, SHUT_RD));
    }),
    state("connecting", connecting),
    state("refused", refused),
    state("refused, error read", |s| {
        refused(s);
        let _ = sys::get_option(s.fd, libc::SOL_SOCKET, libc::SO_ERROR);
    }),
    state("connected", connected),
    state("data waiting", data_waiting),
    state("shut for writing", |s| {
        connected(s);
        must("shutdown", sys::shutdown(s.fd, SHUT_WR));
        settle(s.peer(), POLLIN | POLLRDHUP);
    }),
    state("shut for reading", |s| {
        connected(s);
        must("shutdown", sys::shutdown(s.fd, SHUT_RD));
    }),
    state("shut both ways", |s| {
        connected(s);
        must("shutdown", sys::shutdown(s.fd, SHUT_RDWR));
        settle(s.peer(), POLLIN | POLLRDHUP);
    }),
    state("peer shut", |s| {
        connected(s);
        must("shutdown", sys::shutdown(s.peer(), SHUT_WR));
        settle(s.fd, POLLIN | POLLRDHUP);
    }),
    state("peer shut, data waiting", |s| {
        data_waiting(s);
        must("shutdown", sys::shutdown(s.peer(), SHUT_WR));
        settle(s.fd, POLLIN | POLLRDHUP);
    }),
    state("peer closed", peer_closed),
    state("both shut", |s| {
        connected(s);
        must("shutdown", sys::shutdown(s.peer(), SHUT_WR));
        settle(s.fd, POLLIN | POLLRDHUP);
        must("shutdown", sys::shutdown(s.fd, SHUT_WR));
        settle(s.fd, POLLHUP);
    }),
    state("reset", reset),
    state("reset, data waiting", |s| {
        data_waiting(s);
        abort(s);
    }),
    state("reset, error read", |s| {
        reset(s);
        let _ = sys::get_option(s.fd, libc::SOL_SOCKET, libc::SO_ERROR);
    }),
    state("written to a closed peer", |s| {
        peer_closed(s);
        must("send", sys::send(s.fd, b"lost", libc::MSG_NOSIGNAL));
        settle(s.fd, POLLERR | POLLHUP);
    }),
    state("disconnected", |s| {
        connected(s);
        must("connect", sock::connect(s.fd, &Name::any(libc::AF_UNSPEC, 0)));
    }),
    state("closed", closed),
];

const DATAGRAM: &[State] = &[
    state("fresh", |_| {}),
    state("bound", bound),
    state("connected", datagram_pair),
    state("data waiting", |s| {
        datagram_pair(s);
        must("send", sys::send(s.peer(), b"one datagram", 0));
        settle(s.fd, POLLIN);
    }),
    state("data waiting, not connected", |s| {
        bound(s);
        let at = must("getsockname", sock::getsockname(s.fd));
        must("sendto", sock::sendto(s.held[0], b"one datagram", 0, &at));
        settle(s.fd, POLLIN);
    }),
    state("unreachable", unreachable),
    state("unreachable, error read", |s| {
        unreachable(s);
        let _ = sys::get_option(s.fd, libc::SOL_SOCKET, libc::SO_ERROR);
    }),
    state("shut for writing", |s| {
        datagram_pair(s);
        must("shutdown", sys::shutdown(s.fd, SHUT_WR));
    }),
    state("shut for reading", |s| {
        datagram_pair(s);
        must("shutdown", sys::shutdown(s.fd, SHUT_RD));
    }),
    state("shut both ways", |s| {
        datagram_pair(s);
        must("shutdown", sys::shutdown(s.fd, SHUT_RDWR));
    }),
    state("disconnected", |s| {
        datagram_pair(s);
        must("connect", sock::connect(s.fd, &Name::any(libc::AF_UNSPEC, 0)));
    }),
    state("closed", closed),
];

/// Raw and ping sockets: they hear themselves.
const PACKETS: &[State] = &[
    state("fresh", |_| {}),
    state("bound", bound),
    state("connected", |s| {
        must("connect", sock::connect(s.fd, &Name::loopback(s.kind.family, 0)));
    }),
    state("disconnected", |s| {
        must("connect", sock::connect(s.fd, &Name::loopback(s.kind.family, 0)));
        must("connect", sock::connect(s.fd, &Name::any(libc::AF_UNSPEC, 0)));
    }),
];

/// Every kind with each of its states.
pub fn all() -> impl Iterator<Item = (&'static Kind, &'static State)> {
    let states = |kind: &Kind| match (kind.shape, kind.protocol) {
        (libc::SOCK_STREAM, _) => STREAM,
        (libc::SOCK_DGRAM, 0) => DATAGRAM,
        _ => PACKETS,
    };
    let internet = |kind: &&Kind| kind.family != libc::AF_PACKET;
    kinds::ALL.iter().filter(internet).flat_map(move |kind| states(kind).iter().map(move |state| (kind, state)))
}

impl Subject {
    pub fn peer(&self) -> Fd {
        self.peer.expect("a state with a peer")
    }

    /// An address where nobody is: the port of discard, which no socket gets that asks for any.
    pub fn nobody(&self) -> Name {
        Name::loopback(self.kind.family, 9)
    }
}

fn bind_anywhere(kind: &Kind, fd: Fd) -> Name {
    must("bind", sock::bind(fd, &Name::loopback(kind.family, 0)));
    must("getsockname", sock::getsockname(fd))
}

fn sink(kind: &'static Kind) -> (Fd, Name) {
    let fd = kind.socket();
    let name = bind_anywhere(kind, fd);
    if kind.is_stream() {
        must("listen", sys::listen(fd, 64));
    }
    (fd, name)
}

fn bound(s: &mut Subject) {
    bind_anywhere(s.kind, s.fd);
}

fn must_listen(s: &mut Subject, backlog: i32) {
    bound(s);
    must("listen", sys::listen(s.fd, backlog));
}

/// Begins; a loopback may or may not be done at once.
fn begin(fd: Fd, to: &Name) {
    match sock::connect(fd, to) {
        Ok(_) => {}
        Err(errno) if errno.0 == libc::EINPROGRESS => {}
        Err(errno) => panic!("setting up: connect: {errno}"),
    }
}

fn one_waiting(s: &mut Subject) {
    must_listen(s, 8);
    let client = s.kind.socket();
    s.held.push(client);
    begin(client, &must("getsockname", sock::getsockname(s.fd)));
    settle(s.fd, POLLIN);
}

/// The listener's queue is full: a SYN is not answered.
fn connecting(s: &mut Subject) {
    let listener = s.kind.socket();
    s.held.push(listener);
    let name = bind_anywhere(s.kind, listener);
    must("listen", sys::listen(listener, 0));
    let first = s.kind.socket();
    s.held.push(first);
    begin(first, &name);
    settle(listener, POLLIN);
    begin(s.fd, &name);
}

fn refused(s: &mut Subject) {
    let nobody = s.nobody();
    // On Linux a loopback's refusal may be there before connect returns, and is told later all the same.
    begin(s.fd, &nobody);
    settle(s.fd, POLLERR | POLLHUP);
}

fn connected(s: &mut Subject) {
    begin(s.fd, &s.target.clone());
    settle(s.fd, POLLOUT);
    let listener = s.held[0];
    settle(listener, POLLIN);
    let (peer, _) = must("accept", sock::accept4(listener, libc::SOCK_NONBLOCK));
    s.peer = Some(peer);
}

fn data_waiting(s: &mut Subject) {
    connected(s);
    must("send", sys::send(s.peer(), b"some text", 0));
    settle(s.fd, POLLIN);
}

fn peer_closed(s: &mut Subject) {
    connected(s);
    must("close", sys::close(s.peer()));
    s.peer = None;
    settle(s.fd, POLLIN | POLLRDHUP);
}

fn reset(s: &mut Subject) {
    connected(s);
    abort(s);
}

fn abort(s: &mut Subject) {
    must("linger", sys::set_linger(s.peer(), true, 0));
    must("close", sys::close(s.peer()));
    s.peer = None;
    settle(s.fd, POLLERR | POLLHUP);
}

fn closed(s: &mut Subject) {
    must("close", sys::close(s.fd));
    // A number that nothing will get while this lives.
    s.fd = 1_000_000;
}

/// Both connected to each other.
fn datagram_pair(s: &mut Subject) {
    let peer = s.kind.socket();
    s.peer = Some(peer);
    let (here, there) = (bind_anywhere(s.kind, s.fd), bind_anywhere(s.kind, peer));
    must("connect", sock::connect(s.fd, &there));
    must("connect", sock::connect(peer, &here));
}

fn unreachable(s: &mut Subject) {
    let nobody = s.nobody();
    must("connect", sock::connect(s.fd, &nobody));
    must("send", sys::send(s.fd, b"lost", 0));
    settle(s.fd, POLLERR);
}

/// What poll says of all that can be asked, when it has come to rest.
pub fn at_rest(fd: Fd) -> i16 {
    const ALL: i16 = POLLIN | libc::POLLPRI | POLLOUT | POLLRDHUP;
    let look = || sys::poll(&[(fd, ALL)], 0).map_or(0, |(_, events)| events[0]);
    let mut last = look();
    within(Duration::from_secs(1), || {
        std::thread::sleep(Duration::from_millis(1));
        let now = look();
        (std::mem::replace(&mut last, now) == now).then_some(now)
    })
    .unwrap_or(last)
}
