//! What sockets under repair (TCP_REPAIR) ask, and the engine's answers.

use super::{Buffers, Reply};
use crate::endpoint::SocketId;
use crate::engine::Engine;
use crate::{Errno, Result};
use netstack::tcp::{Agreement, Sequences, Windows};
use netstack::time::Instant;
use std::net::SocketAddr;

/// What a socket under repair asks of its kernel.
#[derive(Debug)]
pub enum RepairCall<'a> {
    /// connect(2): there is a connection, which was established elsewhere.
    Restore(SocketAddr, Buffers, Sequences),
    /// connect(2) with AF_UNSPEC: the connection goes without a word.
    Abandon,
    /// TCP_QUEUE_SEQ: [`Reply::Sequences`], `None` without a connection.
    Sequences,
    /// TCP_REPAIR_OPTIONS. Errors: EPERM.
    Agree(&'a [Agreement]),
    /// TCP_MAXSEG: [`Reply::PeerMss`], `None` without a connection.
    PeerMss,
    /// TCP_TIMESTAMP: what is added to the clock.
    SetTimestampOffset(u32),
    /// TCP_REPAIR_WINDOW: [`Reply::Windows`], `None` without a connection.
    Windows,
    /// TCP_REPAIR_WINDOW. Errors: EINVAL.
    SetWindows(Windows),
    /// Writes text that counts as sent: [`Reply::Sent`], as much of it as there is room for.
    PutSent(&'a [&'a [u8]]),
    /// Text of ours counts as received: [`Reply::Sent`], as much of it as there is room for.
    PutReceived(&'a [u8]),
    /// So much of what is written and not acknowledged: [`Reply::Text`].
    PeekSent(usize),
    /// The end of a repair.
    ProbeWindow,
}

impl Engine {
    pub(super) fn answer_repair(&mut self, now: Instant, id: SocketId, call: RepairCall<'_>) -> Result<Reply> {
        let tcp = self.stream(id)?;
        let (endpoint, _) = self.sockets.get(id).ok_or(Errno::BADF)?;
        Ok(match call {
            RepairCall::Restore(remote, buffers, sequences) => {
                self.connect_stream(id, tcp, buffers, |stack, tx, rx| {
                    stack.tcp_restore(now, tcp, remote, tx, rx, sequences)
                })?;
                self.described(id)
            }
            RepairCall::Abandon => {
                self.stack.tcp_abandon(now, tcp);
                endpoint.set_rings(None);
                endpoint.forget_history();
                endpoint.fail(Errno::CONNABORTED.raw_os_error());
                self.described(id)
            }
            RepairCall::Sequences => Reply::Sequences(self.stack.tcp_sequences(tcp)),
            RepairCall::Agree(agreements) => match self.stack.tcp_agree(now, tcp, agreements) {
                true => Reply::Done,
                false => return Err(Errno::PERM),
            },
            RepairCall::PeerMss => Reply::PeerMss(self.stack.tcp_peer_mss(tcp)),
            RepairCall::SetTimestampOffset(offset) => {
                self.stack.tcp_set_timestamp_offset(tcp, offset);
                Reply::Done
            }
            RepairCall::Windows => Reply::Windows(self.stack.tcp_windows(tcp)),
            RepairCall::SetWindows(windows) => match self.stack.tcp_set_windows(now, tcp, windows) {
                true => Reply::Done,
                false => return Err(Errno::INVAL),
            },
            RepairCall::PutSent(text) => {
                let rings = endpoint.rings().ok_or(Errno::PIPE)?;
                let (tx, _) = rings.tx.as_ref().ok_or(Errno::PIPE)?;
                let mut sent = 0;
                // Another thread that writes is past the repair.
                if let Some(mut tx) = tx.try_lock() {
                    let room = endpoint.may_write(&rings);
                    for part in text {
                        sent += tx.fill_at(sent, &part[..part.len().min(room - sent)]).map_err(|_| Errno::FAULT)?;
                    }
                    tx.publish(sent);
                }
                self.stack.tcp_count_as_sent(now, tcp);
                Reply::Sent(sent)
            }
            RepairCall::PutReceived(text) => {
                let received = self.stack.tcp_put_received(now, tcp, &[text]);
                self.described(id);
                Reply::Sent(received)
            }
            RepairCall::PeekSent(most) => Reply::Text(self.stack.tcp_unacknowledged(tcp, most)),
            RepairCall::ProbeWindow => {
                self.stack.tcp_probe_window(now, tcp);
                Reply::Done
            }
        })
    }
}
