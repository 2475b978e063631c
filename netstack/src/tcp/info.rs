//! What a program or a tool can see of a connection.

use super::errors::TcpError;
use super::state::State;
use core::net::SocketAddr;
use core::time::Duration;

/// What readiness, errors and netstat need.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpStatus {
    /// As getsockopt(TCP_INFO) shows it. A connection in TIME-WAIT lives on apart from its socket, which is CLOSED.
    pub state: State,
    /// Our address, once bound.
    pub local: Option<SocketAddr>,
    /// The peer's address, once connecting.
    pub remote: Option<SocketAddr>,
    /// Sticky until taken.
    pub error: Option<TcpError>,
    /// The FIN has come and all data before it is published: reading gives end of file after what the ring holds. Also
    /// true for a connection that is over, and after a shutdown of the reading side.
    pub peer_closed: bool,
    /// Nothing more can be written: FIN queued or sent, or the connection is over.
    pub write_closed: bool,
    /// Connections that accept(2) can take.
    pub accept_queue: usize,
    /// Bytes in the tx ring that were never sent.
    pub unsent: usize,
    /// Bytes sent and not acknowledged.
    pub unacked: usize,
}

/// What getsockopt(TCP_INFO) shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpInfo {
    /// State of the socket.
    pub state: State,
    /// Consecutive retransmission timeouts.
    pub backoff: u8,
    /// Zero-window or keepalive probes without an answer.
    pub probes: u8,
    /// Timestamps are in use.
    pub timestamps: bool,
    /// Window scales are in use, and which: the peer's, ours.
    pub scales: Option<(u8, u8)>,
    /// Retransmission timeout.
    pub rto: Duration,
    /// Smoothed round trip time; zero before the first measurement.
    pub srtt: Duration,
    /// Its mean deviation.
    pub rttvar: Duration,
    /// Smallest round trip seen.
    pub min_rtt: Duration,
    /// Payload of the largest segment that we send, in bytes.
    pub snd_mss: u32,
    /// Estimate of the peer's segment size, in bytes.
    pub rcv_mss: u32,
    /// MSS that we announced, in bytes.
    pub advmss: u32,
    /// Path MTU, in bytes.
    pub pmtu: u32,
    /// Congestion window, in bytes.
    pub cwnd: u32,
    /// Slow start threshold, in bytes.
    pub ssthresh: u32,
    /// The peer's window, in bytes.
    pub snd_wnd: u32,
    /// Our window as the peer knows it, in bytes.
    pub rcv_wnd: u32,
    /// Size of the receive ring, in bytes.
    pub rcv_space: u32,
    /// Bytes sent and not acknowledged.
    pub unacked: u32,
    /// Bytes queued and never sent.
    pub unsent: u32,
    /// Segments sent again, ever.
    pub retransmits: u32,
    /// Bytes sent again, ever.
    pub bytes_retransmitted: u64,
    /// Bytes acknowledged by the peer, ever.
    pub bytes_acked: u64,
    /// Bytes received in order, ever.
    pub bytes_received: u64,
    /// Bytes sent, ever, repetitions counted.
    pub bytes_sent: u64,
    /// Segments sent, ever.
    pub segs_out: u64,
    /// Segments received, ever.
    pub segs_in: u64,
    /// Segments with payload sent, ever.
    pub data_segs_out: u64,
    /// Segments with payload received, ever.
    pub data_segs_in: u64,
    /// Time since data was last sent.
    pub last_data_sent: Duration,
    /// Time since data last came.
    pub last_data_recv: Duration,
    /// Time since an acknowledgement last came.
    pub last_ack_recv: Duration,
    /// Ranges waiting out of order.
    pub reordering: u32,
}
