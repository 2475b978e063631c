//! The error queue of a socket (ip(7), IP_RECVERR): what the network said of what the program sent, and that sends with
//! MSG_ZEROCOPY are complete or when something left, until it reads it with MSG_ERRQUEUE.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use netstack::datagram::{Extensions, Header, RECEIVE_BUFFER};
use parking_lot::Mutex;

/// Errors that nobody reads do not pile up past this many.
const MOST: usize = 64;
/// Nor do times, and the packets that come with them are no more than SO_RCVBUF is by itself.
const MOST_TIMES: usize = 256;
const MOST_TIME_BYTES: usize = RECEIVE_BUFFER;

/// Who reports an error (`ee_origin`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// This kernel, before anything was sent.
    Local,
    /// An ICMP or ICMPv6 message.
    Icmp {
        /// Its type.
        kind: u8,
        /// Its code.
        code: u8,
        /// Of the packet that brought it: its source is the offender (SO_EE_OFFENDER).
        icmp_header: Header,
        /// What routers added, for who asked (IP_RECVERR_RFC4884).
        extensions: Option<Extensions>,
    },
    /// No error: what was sent has passed a point where a timestamp was wanted (SOF_TIMESTAMPING_TX_*).
    TxTimestamp {
        /// Its number.
        id: u32,
        /// When, CLOCK_REALTIME nanoseconds.
        at_ns: u64,
        /// The address that it went from, where the packet is there to tell.
        source: Option<IpAddr>,
    },
    /// No error: sends with MSG_ZEROCOPY have been copied, and their memory is the program's again.
    Copied {
        /// The number of the first of them; the socket counts them from 0, and over.
        first: u32,
        /// The number of the last.
        last: u32,
    },
}

/// An error about one datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuedError {
    /// What it is as errno.
    pub errno: i32,
    /// Who reports it.
    pub origin: Origin,
    /// `ee_info`: the MTU that was told, in bytes, or 0.
    pub info: u32,
    /// Where the datagram was sent to; of what is no error, the unspecified address of the socket's family.
    pub destination: SocketAddr,
    /// Its payload, as far as the report quotes it.
    pub payload: Vec<u8>,
}

impl QueuedError {
    fn is_time(&self) -> bool {
        matches!(self.origin, Origin::TxTimestamp { .. })
    }

    fn is_icmp(&self) -> bool {
        matches!(self.origin, Origin::Icmp { .. })
    }
}

/// The queue.
#[derive(Default)]
pub(crate) struct ErrorQueue {
    errors: Mutex<VecDeque<QueuedError>>,
    /// Sends with MSG_ZEROCOPY so far. Changes under the lock.
    copied: AtomicU32,
    /// How many there are, for who only looks.
    len: AtomicUsize,
}

impl ErrorQueue {
    /// Adds an error, or a time, unless there are too many of them.
    pub(crate) fn push(&self, error: QueuedError) {
        let mut queue = self.errors.lock();
        let alike = queue.iter().filter(|other| other.is_time() == error.is_time());
        let (count, bytes) = alike.fold((1, error.payload.len()), |(n, bytes), one| (n + 1, bytes + one.payload.len()));
        let (most, most_bytes) = if error.is_time() { (MOST_TIMES, MOST_TIME_BYTES) } else { (MOST, usize::MAX) };
        if count <= most && bytes <= most_bytes {
            queue.push_back(error);
            self.len.store(queue.len(), Ordering::SeqCst);
        }
    }

    /// A send with MSG_ZEROCOPY has been copied: it gets the next number, and goes into the newest report if that is of the
    /// sends before it. None is left out for want of room: the program waits for it.
    pub(crate) fn copied(&self, unspecified: SocketAddr) {
        let mut queue = self.errors.lock();
        let number = self.copied.fetch_add(1, Ordering::Relaxed);
        if let Some(QueuedError { origin: Origin::Copied { last, .. }, .. }) = queue.back_mut() {
            *last = number;
            return;
        }
        let origin = Origin::Copied { first: number, last: number };
        queue.push_back(QueuedError { errno: 0, origin, info: 0, destination: unspecified, payload: Vec::new() });
        self.len.store(queue.len(), Ordering::SeqCst);
    }

    /// Forgets them all.
    pub(crate) fn clear(&self) {
        let mut queue = self.errors.lock();
        queue.clear();
        self.len.store(0, Ordering::SeqCst);
    }

    /// The oldest error, and what the pending error (SO_ERROR) becomes by taking it: the next one's, or nothing; where neither
    /// is the network's it stays (Linux's sock_dequeue_err_skb()).
    pub(crate) fn take(&self) -> Option<(QueuedError, Option<i32>)> {
        let mut queue = self.errors.lock();
        let error = queue.pop_front()?;
        self.len.store(queue.len(), Ordering::SeqCst);
        let pending = match queue.front() {
            Some(next) if next.is_icmp() => Some(next.errno),
            _ => error.is_icmp().then_some(0),
        };
        Some((error, pending))
    }

    /// Whether there is nothing to read.
    pub(crate) fn is_empty(&self) -> bool {
        self.len.load(Ordering::SeqCst) == 0
    }
}
