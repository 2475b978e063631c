//! What counts for IPv6 on a link, as its routers say (RFC 4861 §6.3.2, §6.3.4).

use core::time::Duration;

use crate::wire::ipv6::MIN_MTU;
use crate::wire::ndp::{Opt, RouterAdvertisement};

/// MAX_REACHABLE_TIME: no router may say more (RFC 4861 §6.2.1).
const MAX_REACHABLE_MS: u32 = 3_600_000;
/// Linux: nobody is asked more often, whatever a router says.
const LEAST_REACHABLE_MS: u32 = 100;
const LEAST_RETRANSMIT_MS: u32 = 10;

/// Variables of an interface that its routers may set. What one does not say stays as another said it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkParameters {
    /// CurHopLimit: of packets whose sender says none.
    pub hop_limit: u8,
    /// LinkMTU, where a router says less than the link carries.
    pub mtu: Option<u32>,
    /// BaseReachableTime: about how long a neighbour that has answered is believed.
    pub reachable: Duration,
    /// RetransTimer: between solicitations of a neighbour, and how long an address is tried.
    pub retransmit: Duration,
}

impl Default for LinkParameters {
    /// RFC 4861 §10.
    fn default() -> LinkParameters {
        LinkParameters {
            hop_limit: 64,
            mtu: None,
            reachable: Duration::from_secs(30),
            retransmit: Duration::from_secs(1),
        }
    }
}

impl LinkParameters {
    /// Takes over what a router says (RFC 4861 §6.3.4). `link_mtu`: what the link carries.
    pub(crate) fn follow(&mut self, offer: &RouterAdvertisement<'_>, link_mtu: u32) {
        if offer.hop_limit != 0 {
            self.hop_limit = offer.hop_limit;
        }
        if offer.reachable_time != 0 {
            let said = offer.reachable_time.clamp(LEAST_REACHABLE_MS, MAX_REACHABLE_MS);
            self.reachable = Duration::from_millis(said.into());
        }
        if offer.retransmit_time != 0 {
            self.retransmit = Duration::from_millis(offer.retransmit_time.max(LEAST_RETRANSMIT_MS).into());
        }
        for option in offer.options.iter() {
            if let Opt::Mtu(mtu) = option
                && (MIN_MTU as u32..=link_mtu).contains(&mtu)
            {
                self.mtu = Some(mtu);
            }
        }
    }
}
