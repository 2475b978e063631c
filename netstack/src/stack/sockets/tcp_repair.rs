//! User calls of TCP sockets under repair (Linux's TCP_REPAIR).

use core::net::SocketAddr;

use arena::{Consumer, Producer};

use crate::socket::ConnectError;
use crate::stack::Stack;
use crate::tcp::{Agreement, Sequences, TcpId, Windows};
use crate::time::Instant;

impl Stack {
    /// connect(2): the socket has a connection that was established elsewhere. Nothing is sent.
    pub fn tcp_restore(
        &mut self,
        now: Instant,
        id: TcpId,
        remote: SocketAddr,
        tx: Consumer,
        rx: Producer,
        sequences: Sequences,
    ) -> Result<(), ConnectError> {
        self.now = now;
        let (tcp, mut env) = self.tcp_env();
        tcp.restore(now, id, remote, (tx, rx), sequences, &mut env)
    }

    /// The connection goes without a word to the peer; the socket is in CLOSED again, with [`TcpError::Aborted`](crate::tcp::TcpError).
    pub fn tcp_abandon(&mut self, now: Instant, id: TcpId) {
        self.now = now;
        self.tcp.abandon(now, id, &mut self.events);
    }

    /// TCP_QUEUE_SEQ; `None` without a connection.
    pub fn tcp_sequences(&self, id: TcpId) -> Option<Sequences> {
        self.tcp.sequences(id)
    }

    /// TCP_REPAIR_OPTIONS. False: the connection is not in ESTABLISHED, or has sent something since.
    pub fn tcp_agree(&mut self, now: Instant, id: TcpId, agreements: &[Agreement]) -> bool {
        self.now = now;
        let (tcp, env) = self.tcp_env();
        tcp.agree(now, id, agreements, &env)
    }

    /// TCP_MAXSEG under repair: what [`Agreement::Mss`] says; `None` without a connection.
    pub fn tcp_peer_mss(&self, id: TcpId) -> Option<u16> {
        self.tcp.peer_mss(id)
    }

    /// TCP_TIMESTAMP of a connection that has timestamps.
    pub fn tcp_set_timestamp_offset(&mut self, id: TcpId, offset: u32) {
        self.tcp.set_timestamp_offset(id, offset);
    }

    /// TCP_REPAIR_WINDOW; `None` without a connection.
    pub fn tcp_windows(&self, id: TcpId) -> Option<Windows> {
        self.tcp.windows(id)
    }

    /// TCP_REPAIR_WINDOW. False: no connection has such windows.
    pub fn tcp_set_windows(&mut self, now: Instant, id: TcpId, windows: Windows) -> bool {
        self.now = now;
        self.tcp.set_windows(now, id, windows)
    }

    /// All that the program has put into the tx ring counts as sent.
    pub fn tcp_count_as_sent(&mut self, now: Instant, id: TcpId) {
        self.now = now;
        self.tcp.count_as_sent(now, id, &mut self.events);
    }

    /// Text is there to be read as if the peer had sent it. Returns how much of it fits into the rx ring.
    pub fn tcp_put_received(&mut self, now: Instant, id: TcpId, text: &[&[u8]]) -> usize {
        self.now = now;
        self.tcp.put_received(now, id, text, &mut self.events)
    }

    /// Up to `most` bytes of the text that is written and not acknowledged.
    pub fn tcp_unacknowledged(&self, id: TcpId, most: usize) -> Vec<u8> {
        self.tcp.unacknowledged(id, most)
    }

    /// The end of a repair: asks the peer for its window.
    pub fn tcp_probe_window(&mut self, now: Instant, id: TcpId) {
        self.now = now;
        self.tcp.probe_window(now, id);
    }
}
