//! How long an address that can be given up stands up to another station (RFC 5227 §2.4 (b), RFC 3927 §2.5 (b)).

use core::time::Duration;

use crate::time::Instant;

/// A second conflict within this time ends the use of the address (DEFEND_INTERVAL).
const DEFEND_INTERVAL: Duration = Duration::from_secs(10);

/// The last conflict over one address in use. The announcement that answers it is up to [`Claims`](super::Claims).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Defence(Option<Instant>);

impl Defence {
    /// Another station uses the address. True if it does not yield.
    pub(crate) fn is_overcome(&mut self, now: Instant) -> bool {
        self.0.replace(now).is_some_and(|before| now.since(before) < DEFEND_INTERVAL)
    }
}
