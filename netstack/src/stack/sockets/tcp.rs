//! User calls of TCP sockets (RFC 9293 §3.10).

use core::net::SocketAddr;

use arena::{Consumer, Producer};

use crate::datagram::ErrorReport;
use crate::filter::Program;
use crate::reuseport::GroupProgramError;
use crate::socket::{BindError, BindOptions, ConnectError, Key, ListenError, Shutdown};
use crate::stack::Stack;
use crate::tcp::{Accepted, Close, Durable, FirstText, PacketInfo, TcpError, TcpId, TcpInfo, TcpOptions, TcpStatus};
use crate::time::Instant;
use crate::tx_timestamp::TxTimestampRequest;

impl Stack {
    /// socket(2): a socket in CLOSED.
    pub fn tcp_open(&mut self, key: Key) -> TcpId {
        self.tcp.open(key)
    }

    /// SO_ATTACH_FILTER, SO_DETACH_FILTER: which segments the socket gets from now on.
    pub fn tcp_attach(&mut self, id: TcpId, filter: Option<Program>) {
        self.tcp.attach(id, filter);
    }

    /// SO_ATTACH_REUSEPORT_CBPF, SO_DETACH_REUSEPORT_BPF: the program that chooses which of the listeners that share this one's
    /// address gets a connection. `shares`: the socket has SO_REUSEPORT, which matters before it listens.
    pub fn tcp_set_group_program(
        &mut self,
        id: TcpId,
        program: Option<Program>,
        shares: bool,
    ) -> Result<(), GroupProgramError> {
        self.tcp.set_group_program(id, program, shares)
    }

    /// bind(2). 0.0.0.0 is all our addresses, port 0 an ephemeral one. Returns the address bound to.
    pub fn tcp_bind(&mut self, id: TcpId, local: SocketAddr, reuse: BindOptions) -> Result<SocketAddr, BindError> {
        let (tcp, mut env) = self.tcp_env();
        tcp.bind(id, local, reuse, &mut env)
    }

    /// listen(2). Again on a listener changes the backlog. The accept queue holds `backlog` + 1, as on Linux.
    pub fn tcp_listen(&mut self, id: TcpId, backlog: usize) -> Result<(), ListenError> {
        let (tcp, mut env) = self.tcp_env();
        tcp.listen(id, backlog, &mut env)
    }

    /// connect(2). Binds if needed; the SYN goes at the next poll.
    pub fn tcp_connect(
        &mut self,
        now: Instant,
        id: TcpId,
        remote: SocketAddr,
        tx: Consumer,
        rx: Producer,
    ) -> Result<(), ConnectError> {
        self.tcp_fast_open(now, id, remote, tx, rx, FirstText::Ordinary)
    }

    /// connect(2) with Fast Open (RFC 7413): the SYN carries what is in the tx ring at the next poll, up to
    /// [`tcp_syn_room`](Self::tcp_syn_room). With [`FirstText::SynWaits`], a SYN that has room for text is sent when
    /// [`tcp_send_syn`](Self::tcp_send_syn) is called.
    pub fn tcp_fast_open(
        &mut self,
        now: Instant,
        id: TcpId,
        remote: SocketAddr,
        tx: Consumer,
        rx: Producer,
        first: FirstText,
    ) -> Result<(), ConnectError> {
        self.now = now;
        let (tcp, mut env) = self.tcp_env();
        tcp.connect(now, id, remote, (tx, rx), first, &mut env)
    }

    /// How many bytes the SYN can carry; `None` once it has been sent.
    pub fn tcp_syn_room(&self, id: TcpId) -> Option<u32> {
        self.tcp.syn_room(id)
    }

    /// Lets a SYN that waits for text go, at the next poll.
    pub fn tcp_send_syn(&mut self, now: Instant, id: TcpId) {
        self.now = now;
        self.tcp.send_syn(now, id);
    }

    /// accept(2): the oldest connection in a listener's queue.
    pub fn tcp_accept(&mut self, listener: TcpId) -> Option<Accepted> {
        self.tcp.accept(listener)
    }

    /// The program put bytes into the tx ring.
    pub fn tcp_data_queued(&mut self, now: Instant, id: TcpId) {
        self.now = now;
        self.tcp.data_queued(now, id, false);
    }

    /// The program put bytes into the tx ring, and is about to put more there (MSG_MORE): a segment that is not full waits for
    /// them, at most 200 ms.
    pub fn tcp_part_queued(&mut self, now: Instant, id: TcpId) {
        self.now = now;
        self.tcp.data_queued(now, id, true);
    }

    /// The program took bytes out of the rx ring, past the mark that the engine set there.
    pub fn tcp_space_freed(&mut self, now: Instant, id: TcpId) {
        self.now = now;
        self.tcp.space_freed(now, id);
    }

    /// shutdown(2).
    pub fn tcp_shutdown(&mut self, now: Instant, id: TcpId, how: Shutdown) {
        self.now = now;
        self.tcp.shutdown(now, id, how, &mut self.events);
    }

    /// close(2). The id is stale from now on; the key is released when the engine does not need the rings any more.
    pub fn tcp_close(&mut self, now: Instant, id: TcpId, how: Close) {
        self.now = now;
        if let Some(key) = self.tcp.key(id) {
            self.let_go(key);
        }
        self.tcp.close(now, id, how, &mut self.events);
    }

    /// connect(2) with AF_UNSPEC: aborts, and the socket is in CLOSED again.
    pub fn tcp_disconnect(&mut self, now: Instant, id: TcpId) {
        self.now = now;
        self.tcp.disconnect(now, id, &mut self.events);
    }

    /// The socket as seen from outside.
    pub fn tcp_status(&self, id: TcpId) -> Option<TcpStatus> {
        self.tcp.status(id)
    }

    /// SO_ERROR: takes the sticky error.
    pub fn tcp_take_error(&mut self, id: TcpId) -> Option<TcpError> {
        self.tcp.take_error(id)
    }

    /// SO_ERROR if no error is pending: takes an ICMP error that did not end the connection.
    pub fn tcp_take_soft_error(&mut self, id: TcpId) -> Option<TcpError> {
        self.tcp.take_soft_error(id)
    }

    /// MSG_ERRQUEUE: takes what ICMP said of an attempt to connect.
    pub fn tcp_take_reports(&mut self, id: TcpId) -> Vec<ErrorReport> {
        self.tcp.take_reports(id)
    }

    /// SO_TIMESTAMP: when the byte at a position of the rx ring arrived, if that is kept. Bytes before `read` will not be asked for
    /// again.
    pub fn tcp_arrival(&mut self, id: TcpId, position: u64, read: u64) -> Option<Instant> {
        self.tcp.arrival(id, position, read)
    }

    /// Asks for timestamps of the text before a position of the tx ring; best done before
    /// [`tcp_data_queued`](Self::tcp_data_queued), since the text may leave at once.
    pub fn tcp_request_tx_timestamp(&mut self, now: Instant, id: TcpId, end: u64, request: TxTimestampRequest) {
        self.now = now;
        self.tcp.request_tx_timestamp(now, id, end, request, &mut self.events);
    }

    /// The socket's options; call [`tcp_options_changed`](Self::tcp_options_changed) after a change.
    pub fn tcp_options(&mut self, id: TcpId) -> Option<&mut TcpOptions> {
        self.tcp.options(id)
    }

    /// Applies changed options.
    pub fn tcp_options_changed(&mut self, now: Instant, id: TcpId) {
        self.now = now;
        self.tcp.options_changed(now, id);
    }

    /// IP_PKTOPTIONS, IPV6_2292PKTOPTIONS: the IP header fields of the connection's segments.
    pub fn tcp_packet_info(&self, id: TcpId) -> Option<PacketInfo> {
        self.tcp.packet_info(id)
    }

    /// TCP_SAVED_SYN: takes the headers of the SYN that opened an accepted connection; empty if they have been taken already.
    ///
    /// # Errors
    /// Their length, if that is more than `room`: they stay.
    pub fn tcp_take_saved_syn(&mut self, id: TcpId, room: usize) -> Result<Box<[u8]>, usize> {
        self.tcp.take_saved_syn(id, room)
    }

    /// TCP_INFO.
    pub fn tcp_info(&self, now: Instant, id: TcpId) -> Option<TcpInfo> {
        self.tcp.info(now, id)
    }

    /// What another engine needs to go on with the connection.
    pub fn tcp_snapshot(&self, id: TcpId) -> Option<Durable> {
        self.tcp.snapshot(id)
    }

    /// Bytes and FINs that peers have not acknowledged yet: what would be lost if the stack stopped now.
    pub fn tcp_undelivered(&self) -> usize {
        self.tcp.undelivered()
    }
}
