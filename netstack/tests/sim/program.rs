//! A program at one end of a connection. It behaves as one over sockets does: it goes on when the engine has touched its
//! socket, or when a time has come that it chose itself, and never looks without a reason.

use std::sync::LazyLock;

use crate::common::Net;
use crate::common::seeds;
use crate::tcp_common::Socket;
use netstack::Key;
use netstack::tcp::{Close, State, TcpError};
use netstack::time::{Duration, Instant};

/// Most bytes of a stream.
pub const LONGEST: usize = 4 << 20;

static BYTES: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut rng = seeds::rng(0, 0xb7);
    (0..LONGEST + (1 << 16)).map(|_| rng.u32() as u8).collect()
});

/// Bytes `from..to` of stream `number`.
pub fn stream(number: usize, from: usize, to: usize) -> &'static [u8] {
    let shift = number * 977;
    &BYTES[shift + from..shift + to]
}

/// What an end sends and how it behaves.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Bytes to send.
    pub bytes: usize,
    /// Bytes of one write and of one read.
    pub write: usize,
    pub read: usize,
    /// Rests between writes and reads; zero: it does what it can.
    pub write_rest: Duration,
    pub read_rest: Duration,
    pub nodelay: bool,
    /// TCP_CORK, taken off at the end.
    pub cork: bool,
    pub maxseg: Option<u16>,
    /// SO_KEEPALIVE, so that who waits for a peer that is gone finds out. Elsewhere it would hide a timer that is lost.
    pub keepalive: bool,
    pub end: End,
}

impl Default for Plan {
    fn default() -> Plan {
        Plan {
            bytes: 0,
            write: 1 << 14,
            read: 1 << 14,
            write_rest: Duration::ZERO,
            read_rest: Duration::ZERO,
            nodelay: false,
            cork: false,
            maxseg: None,
            keepalive: false,
            end: End::HalfClose,
        }
    }
}

/// How an end ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Shuts its writing side down after its last byte, reads to the end of file, closes.
    HalfClose,
    /// Sends all, reads all that it knows to come, and closes without a word.
    Close,
    /// Closes right after its last write; the peer sends nothing.
    CloseUnsent,
    /// SO_LINGER 0 after so many bytes received.
    Abort(usize),
    /// Closes with bytes unread after so many.
    WalkAway(usize),
}

impl End {
    /// The peer sees an error.
    pub fn is_rude(self) -> bool {
        matches!(self, End::Abort(_) | End::WalkAway(_))
    }
}

/// How it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All sent, all received, end of file seen where the plan says so.
    Done,
    /// It ended the connection as its plan says, without a care for the rest.
    LeftEarly,
    /// Its node started again.
    Vanished,
    Failed(TcpError),
}

pub struct Program {
    pub socket: Socket,
    pub plan: Plan,
    /// Which stream it sends, and which it should get.
    streams: (usize, usize),
    /// What the peer means to send.
    expected: usize,
    pub sent: usize,
    pub received: usize,
    pub outcome: Option<Outcome>,
    /// It has been connected.
    pub opened: bool,
    pub retransmits: u32,
    shut: bool,
    next_write: Instant,
    next_read: Instant,
}

impl Program {
    pub fn new(net: &mut Net, socket: Socket, plan: Plan, streams: (usize, usize), expected: usize) -> Program {
        let now = net.now();
        let stack = net.stack(socket.node);
        let options = stack.tcp_options(socket.id).expect("an open socket");
        (options.nodelay, options.cork) = (plan.nodelay, plan.cork);
        options.keepalive.on = plan.keepalive;
        options.keepalive.idle = Duration::from_secs(60);
        options.keepalive.interval = Duration::from_secs(20);
        stack.tcp_options_changed(now, socket.id);
        net.poll(socket.node);
        Program {
            socket,
            plan,
            streams,
            expected,
            sent: 0,
            received: 0,
            outcome: None,
            opened: false,
            retransmits: 0,
            shut: false,
            next_write: now,
            next_read: now,
        }
    }

    pub fn key(&self) -> Key {
        self.socket.key
    }

    /// Does what can be done. The answer is when it wants to go on even if the engine says nothing.
    pub fn run(&mut self, net: &mut Net) -> Option<Instant> {
        if self.outcome.is_some() {
            return None;
        }
        let status = self.socket.status(net);
        if status.state == State::SynSent {
            return None;
        }
        self.opened |= status.error.is_none();
        self.read(net);
        self.write(net);
        self.outcome = self.decide(net);
        if self.outcome.is_some() {
            return None;
        }
        let now = net.now();
        let writes = (!self.plan.write_rest.is_zero() && self.sent < self.plan.bytes && self.socket.tx.free() > 0)
            .then_some(self.next_write);
        let reads = (!self.plan.read_rest.is_zero() && !self.socket.rx.is_empty()).then_some(self.next_read);
        writes.into_iter().chain(reads).filter(|at| *at > now).min()
    }

    fn read(&mut self, net: &mut Net) {
        let now = net.now();
        while now >= self.next_read && !self.socket.rx.is_empty() && !self.is_tired() {
            let data = self.socket.read(net, self.plan.read);
            let until = self.received + data.len();
            assert!(until <= self.expected, "{until} bytes came, the peer sends {}", self.expected);
            let right = stream(self.streams.1, self.received, until);
            if data != right {
                let at = (0..data.len()).find(|i| data[*i] != right[*i]).unwrap_or_default();
                panic!("byte {} of the stream is wrong", self.received + at);
            }
            self.received = until;
            self.next_read = now + self.plan.read_rest;
            if !self.plan.read_rest.is_zero() {
                break;
            }
        }
    }

    fn is_tired(&self) -> bool {
        matches!(self.plan.end, End::Abort(after) | End::WalkAway(after) if self.received >= after)
    }

    fn write(&mut self, net: &mut Net) {
        let now = net.now();
        while now >= self.next_write && self.sent < self.plan.bytes && self.socket.tx.free() > 0 {
            if self.socket.status(net).write_closed {
                return;
            }
            let until = self.plan.bytes.min(self.sent + self.plan.write);
            self.sent += self.socket.write(net, stream(self.streams.0, self.sent, until));
            self.next_write = now + self.plan.write_rest;
            if !self.plan.write_rest.is_zero() {
                break;
            }
        }
        if self.sent == self.plan.bytes && !self.shut {
            if self.plan.cork {
                self.plan.cork = false;
                let stack = net.stack(self.socket.node);
                stack.tcp_options(self.socket.id).expect("an open socket").cork = false;
                stack.tcp_options_changed(now, self.socket.id);
                net.poll(self.socket.node);
            }
            if self.plan.end == End::HalfClose {
                self.shut = true;
                self.socket.shutdown_write(net);
            }
        }
    }

    /// Whether it is over, and how.
    fn decide(&mut self, net: &mut Net) -> Option<Outcome> {
        self.retransmits = self.retransmits.max(self.socket.info(net).retransmits);
        let status = self.socket.status(net);
        if let Some(error) = status.error {
            // What came before the error can still be read.
            if self.socket.rx.is_empty() || self.is_tired() {
                self.socket.close(net);
                return Some(Outcome::Failed(error));
            }
            return None;
        }
        let all = self.sent == self.plan.bytes && self.received == self.expected;
        match self.plan.end {
            End::HalfClose if self.socket.rx.is_empty() && status.peer_closed => {
                assert_eq!(self.received, self.expected, "bytes before the end of file");
                if !all {
                    return None;
                }
                self.socket.close(net);
                Some(Outcome::Done)
            }
            End::Close if all => {
                self.socket.close(net);
                Some(Outcome::Done)
            }
            End::CloseUnsent if self.sent == self.plan.bytes => {
                self.socket.close(net);
                Some(Outcome::Done)
            }
            End::Abort(_) if self.is_tired() => {
                self.socket.close_as(net, Close::Abort);
                Some(Outcome::LeftEarly)
            }
            End::WalkAway(_) if self.is_tired() && !self.socket.rx.is_empty() => {
                self.socket.close(net);
                Some(Outcome::LeftEarly)
            }
            // All was read before it could walk away: a graceful close would look like the end of what it has to say.
            End::WalkAway(_) if self.is_tired() && status.peer_closed => {
                self.socket.close_as(net, Close::Abort);
                Some(Outcome::LeftEarly)
            }
            _ => None,
        }
    }
}
