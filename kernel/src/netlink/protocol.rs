//! The protocols of netlink that are answered here, a row each.

use super::answer::{Told, Wish};
use super::{route, sock_diag};
use crate::{Kernel, Result};

/// A protocol of netlink.
pub(super) struct Protocol {
    /// As socket(2) is given it.
    pub(super) number: i32,
    /// How many multicast groups it has.
    pub(super) groups: u32,
    /// What there is to tell of a request with this type and body. The error is for the request as a whole.
    pub(super) ask: fn(&Kernel, u16, &[u8], Wish) -> Result<Told>,
}

static PROTOCOLS: [Protocol; 2] = [route::PROTOCOL, sock_diag::PROTOCOL];

/// The protocol of a number.
pub(super) fn find(number: i32) -> Option<&'static Protocol> {
    PROTOCOLS.iter().find(|protocol| protocol.number == number)
}
