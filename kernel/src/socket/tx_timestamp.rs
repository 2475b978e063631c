//! Transmit timestamps (Documentation/networking/timestamping.rst): what SO_TIMESTAMPING asks of a send, and what the error queue
//! gets.

use super::{SendControl, Socket};
use crate::backend::Call;
use crate::endpoint::{Kind, Origin, QueuedError};
use crate::{Errno, clock};
use netstack::tx_timestamp::{TimestampPoint, TxTimestamp, TxTimestampRequest};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Flags of SO_TIMESTAMPING (linux/net_tstamp.h).
pub mod stamping {
    /// When the device has sent it, by the device's clock.
    pub const TX_HARDWARE: u32 = 1;
    /// When it is given to the device.
    pub const TX_SOFTWARE: u32 = 1 << 1;
    /// When it came.
    pub const RX_SOFTWARE: u32 = 1 << 3;
    /// Times of the host's clock are told.
    pub const SOFTWARE: u32 = 1 << 4;
    /// Sends are counted.
    pub const OPT_ID: u32 = 1 << 7;
    /// When it enters the queue of the device.
    pub const TX_SCHED: u32 = 1 << 8;
    /// When the peer has acknowledged it.
    pub const TX_ACK: u32 = 1 << 9;
    /// The address of an interface goes with times.
    pub const OPT_CMSG: u32 = 1 << 10;
    /// Times come without the packet.
    pub const OPT_TSONLY: u32 = 1 << 11;
    /// A stream's bytes are counted from what is written.
    pub const OPT_ID_TCP: u32 = 1 << 16;
    /// When the device says that it is done.
    pub const TX_COMPLETION: u32 = 1 << 18;
    /// What a control message may ask for.
    pub const TX: u32 = TX_HARDWARE | TX_SOFTWARE | TX_SCHED | TX_ACK | TX_COMPLETION;
}

use stamping::{OPT_CMSG, OPT_ID, OPT_ID_TCP, OPT_TSONLY, TX, TX_ACK, TX_SCHED, TX_SOFTWARE};

/// How sends are counted.
#[derive(Default)]
pub(super) struct TxTimestampCount {
    /// The number of the next datagram.
    next: AtomicU32,
    /// The position in a stream that has number 0.
    first: AtomicU64,
}

impl Socket {
    /// SO_TIMESTAMPING is about to be set: numbers begin anew where they were not wanted before.
    pub(super) fn count_tx_timestamps(&self, before: u32, flags: u32) {
        if flags & OPT_ID == 0 || before & OPT_ID != 0 {
            return;
        }
        self.tx_timestamps.next.store(0, Ordering::Relaxed);
        if let Some(rings) = self.endpoint.rings()
            && let Some((tx, view)) = &rings.tx
        {
            let first = if flags & OPT_ID_TCP != 0 { tx.lock().position() } else { view.freed() };
            self.tx_timestamps.first.store(first, Ordering::Relaxed);
        }
    }

    /// What a send's control messages and the socket ask for. EINVAL: a number without OPT_ID, or of a stream.
    fn asked(&self, control: &SendControl) -> Result<(u32, u32), Errno> {
        let flags = self.settings.lock().wanted.stamps.flags;
        if control.tx_timestamp_id.is_some() && (flags & OPT_ID == 0 || self.endpoint.kind == Kind::Stream) {
            return Err(Errno::INVAL);
        }
        Ok((flags, control.tx_timestamp.unwrap_or(flags & TX)))
    }

    /// The timestamps that a datagram or a frame is to have. This takes a number, which a send that fails gives
    /// [back](Self::tx_timestamp_failed).
    pub(super) fn tx_timestamp(&self, control: &SendControl) -> Result<Option<TxTimestampRequest>, Errno> {
        let (flags, asked) = self.asked(control)?;
        if asked & !TX_ACK == 0 {
            return Ok(None);
        }
        let id = match control.tx_timestamp_id {
            Some(id) => id,
            None if flags & OPT_ID != 0 => self.tx_timestamps.next.fetch_add(1, Ordering::Relaxed),
            None => 0,
        };
        Ok(Some(TxTimestampRequest {
            scheduled: asked & TX_SCHED != 0,
            sent: asked & TX_SOFTWARE != 0,
            acknowledged: false,
            bare: flags & OPT_TSONLY != 0,
            id,
        }))
    }

    /// Nothing was sent that [`tx_timestamp`](Self::tx_timestamp) had counted.
    pub(super) fn tx_timestamp_failed(&self, control: &SendControl, request: Option<TxTimestampRequest>) {
        let counted = request.is_some() && control.tx_timestamp_id.is_none();
        if counted && self.settings.lock().wanted.stamps.flags & OPT_ID != 0 {
            self.tx_timestamps.next.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// The timestamps that a send of a stream is to have.
    pub(super) fn stream_tx_timestamp(&self, control: &SendControl) -> Result<Option<StreamTxTimestamp>, Errno> {
        let (flags, asked) = self.asked(control)?;
        if asked & (TX_SOFTWARE | TX_SCHED | TX_ACK) == 0 {
            return Ok(None);
        }
        let request = TxTimestampRequest {
            scheduled: asked & TX_SCHED != 0,
            sent: asked & TX_SOFTWARE != 0,
            acknowledged: asked & TX_ACK != 0,
            bare: flags & OPT_TSONLY != 0,
            id: 0,
        };
        let first = (flags & OPT_ID != 0).then(|| self.tx_timestamps.first.load(Ordering::Relaxed));
        Ok(Some(StreamTxTimestamp { request, first }))
    }

    /// Asks the engine for timestamps of what a send put before `end` in the tx ring. Its number is that of its last byte.
    pub(super) fn request_tx_timestamp(&self, asked: &StreamTxTimestamp, end: u64) {
        let id = asked.first.map_or(0, |first| end.wrapping_sub(first + 1) as u32);
        let request = TxTimestampRequest { id, ..asked.request };
        // A connection that is over has nothing to tell.
        let _ = self.backend.call(Call::RequestTxTimestamp(self.id(), end, request));
    }

    /// SOF_TIMESTAMPING_OPT_CMSG, without which IPv4 does not say from which address a packet went.
    pub(super) fn shows_source(&self, id: &Origin) -> Option<IpAddr> {
        let Origin::TxTimestamp { source, .. } = id else { return None };
        match source {
            Some(IpAddr::V4(_))
                if self.domain() == libc::AF_INET && self.settings.lock().wanted.stamps.flags & OPT_CMSG == 0 =>
            {
                None
            }
            source => *source,
        }
    }
}

/// The timestamps that a send of a stream is to have.
#[derive(Clone, Copy, Debug)]
pub(super) struct StreamTxTimestamp {
    request: TxTimestampRequest,
    /// The position that has number 0, where bytes are counted.
    first: Option<u64>,
}

/// A timestamp as the error queue has it. `errno` is no error (ENOMSG), `info` one of SCM_TSTAMP_*.
pub(crate) fn queued_tx_timestamp(tx_timestamp: TxTimestamp) -> QueuedError {
    let TxTimestamp { point, at, id, bytes, .. } = tx_timestamp;
    let (info, source) = match point {
        TimestampPoint::Sent => (0, source(&bytes)),
        TimestampPoint::Scheduled => (1, source(&bytes)),
        TimestampPoint::Acknowledged => (2, None),
    };
    QueuedError {
        errno: Errno::NOMSG.raw_os_error(),
        origin: Origin::TxTimestamp { id, at_ns: clock::realtime_at(at), source },
        info,
        destination: SocketAddr::from(([0, 0, 0, 0], 0)),
        payload: bytes,
    }
}

/// The source address of the packet in an Ethernet frame.
fn source(frame: &[u8]) -> Option<IpAddr> {
    const HEADER: usize = netstack::wire::ethernet::HEADER_LEN;
    let packet = frame.get(HEADER..)?;
    match packet.first()? >> 4 {
        4 => packet.get(12..16)?.first_chunk::<4>().map(|address| IpAddr::from(*address)),
        6 => packet.get(8..24)?.first_chunk::<16>().map(|address| IpAddr::from(*address)),
        _ => None,
    }
}
