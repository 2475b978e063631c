//! Stateless DHCPv6: what a server says besides addresses (RFC 8415 §18.2.6, §18.2.10.4).

use core::net::Ipv6Addr;
use core::time::Duration;

use super::lease::{MAX_ENTRIES, domains};
use crate::ip::is_unicast;
use crate::rng::Rng;
use crate::time::Instant;
use crate::wire::dhcpv6::{Message, emit, kind, option};

/// INF_MAX_DELAY, INF_TIMEOUT, INF_MAX_RT (RFC 8415 §7.6).
const MAX_DELAY_MS: u32 = 1_000;
const TIMEOUT: Duration = Duration::from_secs(1);
const MAX_RT: Duration = Duration::from_secs(3600);
/// What a server may say of INF_MAX_RT (§21.25).
const MAX_RT_RANGE: core::ops::RangeInclusive<u32> = 60..=86_400;
/// IRT_DEFAULT, IRT_MINIMUM (§7.6), and the time that means never (§21.23).
const REFRESH: u32 = 86_400;
const LEAST_REFRESH: u32 = 600;
const NEVER: u32 = u32::MAX;
/// What we want to be told.
const WANTED: [u16; 4] =
    [option::DNS_SERVERS, option::DOMAIN_LIST, option::INFORMATION_REFRESH_TIME, option::INF_MAX_RT];

/// What a server said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Information {
    /// Name servers, best first.
    pub dns: Vec<Ipv6Addr>,
    /// Domains to look up short names in.
    pub search: Vec<String>,
}

/// A client that asks for information, and again when it is old. It sends nothing itself: see
/// [`handle_timeout`](Inquiry::handle_timeout).
#[derive(Debug)]
pub(crate) struct Inquiry {
    /// Who we are (§11).
    duid: Vec<u8>,
    state: State,
    deadline: Option<Instant>,
    max_rt: Duration,
    information: Option<Information>,
}

#[derive(Debug)]
enum State {
    /// Nothing was asked. Deadline: ask, which is put off so that hosts that start together do not ask together.
    Waiting,
    /// Asked since `began`. Deadline: ask again, after twice as long.
    Asking { transaction: u32, began: Instant, timeout: Duration },
    /// Answered. Deadline: the answer is old.
    Informed,
}

impl Inquiry {
    pub(crate) fn new(now: Instant, duid: Vec<u8>, rng: &mut Rng) -> Inquiry {
        let deadline = Some(now + delay(rng));
        Inquiry { duid, state: State::Waiting, deadline, max_rt: MAX_RT, information: None }
    }

    /// What a server said, as far as one did.
    pub(crate) fn information(&self) -> Option<&Information> {
        self.information.as_ref()
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Its deadline has come. Returns a message for all servers.
    pub(crate) fn handle_timeout(&mut self, now: Instant, rng: &mut Rng) -> Option<Vec<u8>> {
        let (transaction, began, timeout) = match self.state {
            State::Informed => {
                self.state = State::Waiting;
                self.deadline = Some(now + delay(rng));
                return None;
            }
            State::Waiting => (rng.u32() >> 8, now, about(TIMEOUT, TIMEOUT, rng)),
            // §15: twice as long, the chance being that of what was.
            State::Asking { transaction, began, timeout } => (transaction, began, about(timeout * 2, timeout, rng)),
        };
        let timeout = if timeout > self.max_rt { about(self.max_rt, self.max_rt, rng) } else { timeout };
        self.state = State::Asking { transaction, began, timeout };
        self.deadline = Some(now + timeout);
        let elapsed = (now.since(began).as_millis() / 10).min(u16::MAX.into()) as u16;
        let wanted = WANTED.map(u16::to_be_bytes);
        let options = [
            (option::CLIENT_ID, &self.duid[..]),
            (option::OPTION_REQUEST, wanted.as_flattened()),
            (option::ELAPSED_TIME, &elapsed.to_be_bytes()),
        ];
        Some(emit(kind::INFORMATION_REQUEST, transaction, &options))
    }

    /// A message to our port. False: it answers nothing that we asked (§16.10).
    pub(crate) fn handle_reply(&mut self, now: Instant, message: &Message<'_>) -> bool {
        let State::Asking { transaction, .. } = self.state else { return false };
        let to_us = message.kind == kind::REPLY
            && message.transaction == transaction
            && message.option(option::CLIENT_ID) == Some(&self.duid)
            && message.option(option::SERVER_ID).is_some_and(|server| !server.is_empty());
        if !to_us {
            return false;
        }
        if let Some(seconds) = message.u32(option::INF_MAX_RT).filter(|seconds| MAX_RT_RANGE.contains(seconds)) {
            self.max_rt = Duration::from_secs(seconds.into());
        }
        // A server that could not (§21.13): it, or another, is asked again in time.
        if message.option(option::STATUS_CODE).is_some_and(|status| !status.starts_with(&[0, 0])) {
            return true;
        }
        let servers = message.option(option::DNS_SERVERS).unwrap_or_default().as_chunks::<16>().0;
        let servers = servers.iter().map(|server| Ipv6Addr::from(*server));
        let dns = servers.filter(|server| is_unicast(*server)).take(MAX_ENTRIES).collect();
        let search = message.option(option::DOMAIN_LIST).map(domains).unwrap_or_default();
        self.information = Some(Information { dns, search });
        self.state = State::Informed;
        let refresh = message.u32(option::INFORMATION_REFRESH_TIME).unwrap_or(REFRESH).max(LEAST_REFRESH);
        self.deadline = (refresh != NEVER).then(|| now + Duration::from_secs(refresh.into()));
        true
    }
}

fn delay(rng: &mut Rng) -> Duration {
    Duration::from_millis(rng.below(MAX_DELAY_MS).into())
}

/// §15: `time`, and at most a tenth of `of` more or less.
fn about(time: Duration, of: Duration, rng: &mut Rng) -> Duration {
    let tenth = (of / 10).as_millis() as u32;
    time + Duration::from_millis(rng.below(2 * tenth + 1).into()) - Duration::from_millis(tenth.into())
}

/// A DUID of a hardware address (DUID-LL, RFC 8415 §11.4).
pub(crate) fn duid_of_link(mac: crate::link::Mac) -> Vec<u8> {
    [&[0, 3, 0, 1][..], &mac.0].concat()
}

/// A DUID of a UUID (RFC 8415 §11.5), whose bits are of the node's own making (RFC 9562 §5.8).
pub(crate) fn duid_of_node(bits: u128) -> Vec<u8> {
    const VERSION_AND_VARIANT: u128 = 0xf000_c000_0000_0000_0000;
    const OURS: u128 = 0x8000_8000_0000_0000_0000;
    [&[0, 4][..], &(bits & !VERSION_AND_VARIANT | OURS).to_be_bytes()].concat()
}
