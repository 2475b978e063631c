//! How much may be in the network (RFC 5681). The algorithm is behind [`Congestion`]; which segments are lost is
//! [`recovery`](super::recovery)'s business.

mod new_reno;

pub(super) use new_reno::NewReno;

/// A congestion control algorithm. All quantities are in bytes.
pub(super) trait Congestion: Send {
    /// The congestion window.
    fn window(&self) -> u32;
    /// The slow start threshold.
    fn ssthresh(&self) -> u32;
    /// The sender's segment size changed.
    fn set_mss(&mut self, mss: u32);
    /// `acked` new bytes were acknowledged outside of recovery. `limited`: the window is what held the sender back.
    fn on_ack(&mut self, acked: u32, limited: bool);
    /// Duplicate acknowledgements told of a loss while `in_flight` were out (RFC 5681 §3.2 step 2).
    fn on_loss(&mut self, in_flight: u32);
    /// All that was out at the loss is acknowledged; `in_flight` is out now (RFC 6582 §3.2 step 3, full).
    fn on_recovered(&mut self, in_flight: u32);
    /// The retransmission timer expired (RFC 5681 §3.1). `again`: for the same segment as last time.
    fn on_timeout(&mut self, in_flight: u32, again: bool);
    /// Nothing was sent for longer than the retransmission timeout (RFC 5681 §4.1).
    fn on_idle(&mut self);
}
