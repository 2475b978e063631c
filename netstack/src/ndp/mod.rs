//! What an interface knows by neighbour discovery besides its neighbours (RFC 4861, RFC 4862): addresses that are being
//! tried, routers, prefixes, name servers, and when each ends.
//!
//! Messages that arrive are in `stack::neighbors::ndp`; what is done at which time is in `stack::configuration`.

mod advertiser;
mod identifier;
pub(crate) mod names;
mod temporary;

pub use advertiser::Advertising;
pub(crate) use advertiser::{Advertiser, MAX_NETWORKS, PREFERRED, VALID};
pub(crate) use identifier::{Secret, in_network};
pub use temporary::TemporaryAddresses;
pub(crate) use temporary::{Temporary, regenerate_advance};

use core::net::Ipv6Addr;
use core::time::Duration;
use std::collections::BTreeMap;

use crate::dhcp::Inquiry;
use crate::ip::IpNet;
use crate::link::IfIndex;
use crate::rng::Rng;
use crate::time::Instant;
use crate::timer::TimerQueue;

/// MAX_RTR_SOLICITATIONS, RTR_SOLICITATION_INTERVAL, MAX_RTR_SOLICITATION_DELAY (RFC 4861 §10).
pub(crate) const MAX_SOLICITATIONS: u8 = 3;
pub(crate) const SOLICITATION_INTERVAL: Duration = Duration::from_secs(4);
pub(crate) const MAX_SOLICITATION_DELAY_MS: u32 = 1000;
/// IDGEN_RETRIES: how often a generated address that another station has is replaced by the next (RFC 7217 §6).
pub(crate) const ID_RETRIES: u8 = 3;
/// Routers, prefixes and name servers of one interface; a hostile neighbour can announce any number.
pub(crate) const MAX_ANNOUNCED: usize = 16;
/// Metric of routes that routers announce (Linux IP6_RT_PRIO_USER).
pub(crate) const METRIC: u32 = 1024;
/// A lifetime of all ones is for ever (RFC 4861 §4.6.2).
pub(crate) const FOREVER: u32 = u32::MAX;

/// What is to be done at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Task {
    /// An address was tried for long enough: it is ours. Or its first try is due.
    Try(IfIndex, Ipv6Addr),
    /// An address becomes deprecated, or goes.
    Age(IfIndex, Ipv6Addr),
    /// A temporary address will soon be deprecated: another one takes its place.
    Regenerate(IfIndex, Ipv6Addr),
    /// Say that we are a router.
    Advertise(IfIndex),
    /// Ask a DHCPv6 server, or again.
    Inquire(IfIndex),
    /// Ask for routers.
    Solicit(IfIndex),
    /// A router's lifetime is over.
    Router(IfIndex, Ipv6Addr),
    /// A prefix is not on the link any more.
    Prefix(IfIndex, IpNet),
}

/// An address that is being tried (RFC 4862 §5.4).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trial {
    /// What tells our own solicitation, reflected, from another's (RFC 7527 §4).
    pub(crate) nonce: [u8; 6],
    /// The solicitation has gone.
    pub(crate) asked: bool,
    /// How many addresses of its prefix were tried before it; none of a kind that cannot be replaced.
    pub(crate) retries: Option<u8>,
}

/// What one interface was told.
#[derive(Debug, Default)]
pub(crate) struct Link {
    /// Listens to router advertisements.
    pub(crate) router_discovery: bool,
    /// Router solicitations sent since the interface came up.
    pub(crate) solicitations: u8,
    /// A router answered.
    pub(crate) answered: bool,
    /// No temporary addresses are made any more: too many were taken (RFC 8981 §3.4).
    pub(crate) temporaries_failed: bool,
    /// What DHCPv6 servers are asked, once a router says that there are some.
    pub(crate) inquiry: Option<Inquiry>,
    /// We are a router there, and say so.
    pub(crate) advertiser: Option<Advertiser>,
    /// Default routers.
    pub(crate) routers: Vec<Ipv6Addr>,
    /// Prefixes that routers say are on the link.
    pub(crate) prefixes: Vec<IpNet>,
    /// Name servers.
    pub(crate) servers: names::Announced<Ipv6Addr>,
    /// Domains to look up short names in.
    pub(crate) search: names::Announced<String>,
}

/// All of it, for all interfaces.
pub(crate) struct Ndp {
    pub(crate) secret: Secret,
    pub(crate) tasks: TimerQueue<Task>,
    pub(crate) trials: BTreeMap<(IfIndex, Ipv6Addr), Trial>,
    pub(crate) links: BTreeMap<IfIndex, Link>,
    pub(crate) temporaries: BTreeMap<(IfIndex, Ipv6Addr), Temporary>,
}

impl Ndp {
    pub(crate) fn new(secret: Option<[u8; 16]>, rng: &mut Rng) -> Ndp {
        Ndp {
            secret: Secret::new(secret, rng),
            tasks: TimerQueue::new(),
            trials: BTreeMap::new(),
            links: BTreeMap::new(),
            temporaries: BTreeMap::new(),
        }
    }
}

/// The end of a lifetime in seconds; None: never.
pub(crate) fn until(now: Instant, lifetime: u32) -> Option<Instant> {
    (lifetime != FOREVER).then(|| now + Duration::from_secs(lifetime.into()))
}
