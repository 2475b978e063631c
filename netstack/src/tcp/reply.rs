//! Segments that no TCB sends: SYN-ACKs of the SYN queue, RSTs, acknowledgements from TIME-WAIT.

use super::demux::Tuple;
use super::seam::{TcpOut, TcpSegmentOut};
use super::seq::Seq;
use crate::ip::{HeaderOptions, Limits};
use crate::link::TxResult;
use crate::wire::tcp::{Flags, Header, MAX_HEADER_LEN, Options, Segment};
use std::collections::VecDeque;
use std::sync::Arc;

/// Replies that wait for a link; more are dropped, since each answers something that the peer will say again.
const MAX_WAITING: usize = 4096;

/// A segment without text.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) tuple: Tuple,
    pub(super) seq: Seq,
    pub(super) ack: Seq,
    pub(super) flags: Flags,
    pub(super) window: u16,
    pub(super) options: Options,
    pub(super) ttl: Option<u8>,
    pub(super) tos: u8,
    pub(super) limits: Limits,
    pub(super) flow_label: Option<u32>,
    pub(super) header_options: Option<Arc<HeaderOptions>>,
}

impl Reply {
    /// RFC 9293 §3.10.7.1: the RST for a segment that belongs to no connection. None answers a RST.
    pub(super) fn reset(tuple: Tuple, segment: &Segment<'_>) -> Option<Reply> {
        let header = &segment.header;
        if header.has(Flags::RST) {
            return None;
        }
        let (seq, ack, flags) = if header.has(Flags::ACK) {
            (header.ack, Seq(0), Flags::RST)
        } else {
            (Seq(0), segment.end(), Flags::RST | Flags::ACK)
        };
        Some(Reply {
            tuple,
            seq,
            ack,
            flags,
            window: 0,
            options: Options::default(),
            ttl: None,
            tos: 0,
            limits: Limits::default(),
            flow_label: None,
            header_options: None,
        })
    }
}

/// Replies on their way out.
#[derive(Debug, Default)]
pub(super) struct Replies {
    waiting: VecDeque<Reply>,
}

impl Replies {
    pub(super) fn push(&mut self, reply: Reply) {
        if self.waiting.len() < MAX_WAITING {
            self.waiting.push_back(reply);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Sends all, or as many as the link takes. One that the link refuses goes to the end, so that it holds back only its
    /// own kind.
    pub(super) fn send(&mut self, out: &mut dyn TcpOut) -> TxResult {
        let mut result = TxResult::Sent;
        for _ in 0..self.waiting.len() {
            let Some(reply) = self.waiting.pop_front() else { break };
            if transmit(&reply, out) == TxResult::Full {
                self.waiting.push_back(reply);
                result = TxResult::Full;
            }
        }
        result
    }
}

fn transmit(reply: &Reply, out: &mut dyn TcpOut) -> TxResult {
    let Tuple { local, remote } = reply.tuple;
    let header = Header {
        src_port: local.port(),
        dst_port: remote.port(),
        seq: reply.seq,
        ack: reply.ack,
        flags: reply.flags,
        window: reply.window,
        urgent: 0,
        options: reply.options,
    };
    let mut bytes = [0; MAX_HEADER_LEN];
    let len = header.emit(&mut bytes);
    out.transmit(TcpSegmentOut {
        src: local.ip(),
        remote,
        limits: reply.limits,
        options: reply.header_options.as_deref(),
        flow_label: reply.flow_label,
        header: &bytes[..len],
        payload: (&[], &[]),
        ttl: reply.ttl,
        tos: reply.tos,
        segment_size: 0,
        tag: None,
    })
}
