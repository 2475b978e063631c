//! The engine: the stack and its links. It runs in whichever thread owns it at the moment ([`owner`]).

mod automatic;
mod describe;
mod owner;
mod pool;
mod publish;

pub use describe::Description;
pub(crate) use owner::Owner;
pub(crate) use pool::{Pool, Sockets, first_ring};

use crate::capture::Capture;
use crate::endpoint::{DATA_QUEUED, Endpoint, SPACE_FREED, SocketId};
use crate::link::{Attached, News};
use crate::netlink::Monitor;
use crate::{clock, log};
use netstack::link::{Checksum, IfIndex, Sink, TxFrame, TxResult};
use netstack::socket::{Key, PacketId, RawId, UdpId};
use netstack::tcp::TcpId;
use netstack::time::Instant;
use netstack::tx_timestamp::TxTimestamp;
use netstack::{Notice, Stack};
use std::net::IpAddr;
use std::sync::Arc;

/// Frames taken from one link before the stack answers them.
const BATCH: usize = 32;
/// Frames taken from a link that has news: as many as fit a node's ring, but a bounded number, however fast others send.
const WHOLE_RING: usize = 4096;
/// Rounds of input and output before the owner lets others have the lock.
const ROUNDS: usize = 64;

/// The engine's name for a socket.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Handle {
    Tcp(TcpId),
    Udp(UdpId),
    Raw(RawId),
    Packet(PacketId),
}

/// See the module.
pub(crate) struct Engine {
    pub(crate) stack: Stack,
    pub(crate) links: Vec<Attached>,
    pub(crate) sockets: Arc<Sockets>,
    touched: Vec<Key>,
    released: Vec<Key>,
    tx_timestamps: Vec<TxTimestamp>,
    notices: Vec<Notice>,
    gone: Vec<IpAddr>,
    /// Who is told of changes of the tables.
    pub(crate) monitor: Monitor,
}

/// The links as the stack sees them.
struct Outlets<'a>(&'a mut [Attached]);

impl Sink for Outlets<'_> {
    fn transmit(&mut self, on: IfIndex, frame: &TxFrame<'_>) -> TxResult {
        let Some(attached) = self.0.iter_mut().find(|attached| attached.index == on) else {
            return TxResult::Sent;
        };
        let result = attached.link.transmit(frame);
        if result == TxResult::Sent
            && let Some(capture) = &mut attached.capture
        {
            record(capture, &frame.parts(), frame.checksum_partial);
        }
        result
    }
}

/// A capture that fails says so once, and takes no frames from then on.
fn record(capture: &mut Capture, parts: &[&[u8]], checksum_partial: bool) {
    if let Err(error) = capture.frame(clock::realtime_ns(), parts, checksum_partial) {
        log::warn(&error.to_string());
    }
}

impl Engine {
    pub(crate) fn new(stack: Stack, sockets: Arc<Sockets>) -> Engine {
        Engine {
            stack,
            links: Vec::new(),
            sockets,
            touched: Vec::new(),
            released: Vec::new(),
            tx_timestamps: Vec::new(),
            notices: Vec::new(),
            gone: Vec::new(),
            monitor: Monitor::default(),
        }
    }

    /// Does the work that programs left at the lock.
    fn work(&mut self, now: Instant, marked: &mut Vec<Arc<Endpoint>>) {
        for endpoint in marked.drain(..) {
            let marks = endpoint.take_marks();
            let Some(Handle::Tcp(id)) = self.sockets.handle(endpoint.id()) else { continue };
            if marks & DATA_QUEUED != 0 {
                match endpoint.more_comes() {
                    false => self.stack.tcp_data_queued(now, id),
                    true => self.stack.tcp_part_queued(now, id),
                }
            }
            if marks & SPACE_FREED != 0 {
                self.stack.tcp_space_freed(now, id);
            }
        }
    }

    /// Takes what the links have; returns how many frames.
    fn input(&mut self, now: Instant) -> usize {
        let mut frames = 0;
        for Attached { index, link, capture } in &mut self.links {
            // News are read before the frames and acted on after them, so that what a node sent before it died counts.
            let news = link.news();
            let max = if news.is_empty() { BATCH } else { WHOLE_RING };
            frames += link.receive(max, &mut |frame, meta| {
                if let Some(capture) = capture {
                    record(capture, &[frame], meta.checksum == Checksum::Partial);
                }
                self.stack.input(now, *index, frame, meta);
            });
            for news in news {
                match news {
                    News::PeerGone(addresses) => self.gone.extend(addresses),
                    News::Warning(line) => log::warn(&line),
                }
            }
        }
        for addr in self.gone.drain(..) {
            self.stack.peer_died(now, addr);
        }
        frames
    }

    /// One round: input, timers, output, and what programs must hear of. Returns how many frames came in.
    fn round(&mut self, now: Instant) -> usize {
        let frames = self.input(now);
        self.stack.poll(now, &mut Outlets(&mut self.links));
        self.publish();
        self.tell_changes(now);
        frames
    }

    /// Tells those who have asked for it what became of interfaces, addresses, routes and neighbours.
    fn tell_changes(&mut self, now: Instant) {
        let count = self.stack.network_changes();
        if self.monitor.is_behind(count) {
            let network = self.network(now);
            self.monitor.tell(network, count);
        }
    }

    /// Brings the record of one socket up to date now.
    pub(crate) fn publish_socket(&mut self, id: SocketId) {
        publish::socket(&mut self.stack, &self.sockets, id);
    }

    /// Tells the programs what changed.
    fn publish(&mut self) {
        let mut touched = std::mem::take(&mut self.touched);
        self.stack.take_touched(&mut touched);
        for Key(id) in touched.drain(..) {
            publish::socket(&mut self.stack, &self.sockets, id);
        }
        self.touched = touched;
        let mut tx_timestamps = std::mem::take(&mut self.tx_timestamps);
        self.stack.take_tx_timestamps(&mut tx_timestamps);
        tx_timestamps.drain(..).for_each(|tx_timestamp| publish::tx_timestamp(&self.sockets, tx_timestamp));
        self.tx_timestamps = tx_timestamps;
        self.stack.take_released(&mut self.released);
        for Key(id) in self.released.drain(..) {
            self.sockets.forget(id);
        }
        let mut notices = std::mem::take(&mut self.notices);
        self.stack.take_notices(&mut notices);
        notices.drain(..).for_each(|notice| self.heard(&notice));
        self.notices = notices;
    }
}
