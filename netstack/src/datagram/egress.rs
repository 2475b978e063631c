//! What is decided of a datagram before it is sent.

use core::num::NonZeroU16;
use std::sync::Arc;

use super::MtuDiscovery;
use crate::ip::{Account, Header, HeaderOptions, Hop};

/// How a datagram leaves: the next hop, the IP header and what the socket's options ask, decided before its bytes are looked at.
#[derive(Clone, Debug)]
pub(crate) struct Egress {
    pub(crate) hop: Hop,
    pub(crate) header: Header,
    pub(crate) discovery: MtuDiscovery,
    pub(crate) multicast_loop: bool,
    /// UDP: our port and the destination's.
    pub(crate) ports: (u16, u16),
    /// UDP_SEGMENT.
    pub(crate) segment: Option<NonZeroU16>,
    /// UDP: whether there is a checksum.
    pub(crate) checksum: bool,
    /// UDP-Lite: how many bytes the checksum covers.
    pub(crate) coverage: Option<u16>,
    /// IPV6_AUTOFLOWLABEL: without a label the flow gets one of its own.
    pub(crate) auto_flow_label: bool,
    /// IPV6_MTU: bytes of the longest packet.
    pub(crate) most: Option<u16>,
    /// IP options or extension headers.
    pub(crate) options: Option<Arc<HeaderOptions>>,
    pub(crate) account: Account,
}
