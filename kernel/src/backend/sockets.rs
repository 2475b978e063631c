//! The list of all sockets.

use crate::engine::Engine;
use netstack::Listed;
use netstack::tcp::TcpInfo;
use netstack::time::Instant;

/// Whose sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// TCP's.
    Tcp,
    /// UDP's.
    Udp,
    /// UDP-Lite's.
    UdpLite,
    /// Raw sockets.
    Raw,
}

impl Engine {
    /// The sockets of a protocol, with TCP_INFO where that is wanted.
    pub(super) fn list(
        &mut self,
        now: Instant,
        transport: Transport,
        with_info: bool,
    ) -> Vec<(Listed, Option<TcpInfo>)> {
        let stack = &mut self.stack;
        let sockets = match transport {
            Transport::Tcp => stack.tcp_sockets(),
            Transport::Udp => stack.udp_sockets(false),
            Transport::UdpLite => stack.udp_sockets(true),
            Transport::Raw => stack.raw_sockets(),
        };
        let info = |listed: &Listed| listed.tcp.filter(|_| with_info).and_then(|(id, _)| stack.tcp_info(now, id));
        sockets.into_iter().map(|listed| (listed, info(&listed))).collect()
    }
}
