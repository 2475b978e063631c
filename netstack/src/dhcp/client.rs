//! The client: the states of RFC 2131 figure 5, without INIT-REBOOT (a rump kernel remembers nothing).

use core::net::Ipv4Addr;
use core::time::Duration;
use std::collections::VecDeque;

use super::{Lease, backoff};
use crate::arp::{Defence, Probing, Step, Timing};
use crate::link::Mac;
use crate::rng::Rng;
use crate::time::Instant;
use crate::wire::arp;
use crate::wire::dhcp::{Kind, Message, MessageOut, option};

/// What we want to be told, best liked first; the classless routes before the routers (RFC 3442).
const WANTED: [u8; 10] = [
    option::SUBNET_MASK,
    option::CLASSLESS_ROUTES,
    option::ROUTERS,
    option::DNS_SERVERS,
    option::DOMAIN_NAME,
    option::DOMAIN_SEARCH,
    option::INTERFACE_MTU,
    option::LEASE_TIME,
    option::RENEWAL_TIME,
    option::REBINDING_TIME,
];
/// Requests for an offer before the client looks for another one (RFC 2131 §3.1.5: about 60 seconds).
const MAX_REQUESTS: u32 = 4;
/// From a decline to the next attempt (RFC 2131 §3.1.5).
const DECLINE_WAIT: Duration = Duration::from_secs(10);
/// The longest wait after refusals, each of which doubles it from one second on; the first one costs nothing.
const MAX_REFUSAL_WAIT: Duration = Duration::from_secs(64);
/// Bytes of the largest message that we take: an Ethernet's worth.
const MAX_MESSAGE_SIZE: u16 = 1500;

/// Where a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Destination {
    /// To all, from 0.0.0.0 or from our address.
    Broadcast { from: Ipv4Addr },
    /// To the server that gave the lease.
    Server { from: Ipv4Addr, server: Ipv4Addr },
}

/// What the client wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Send this from port 68 to port 67.
    Send(Destination, Vec<u8>),
    /// Broadcast this.
    Arp(arp::Packet),
    /// Use this: it is new, or replaces the one before.
    Bound(Lease),
    /// Do not use it any more.
    Lost(Lease),
    /// Do not use it any more: it was given back.
    Returned,
    /// Another station has the address that a server gave.
    Declined {
        /// The address.
        addr: Ipv4Addr,
        /// The other station.
        mac: Mac,
    },
    /// The server refused what was asked for.
    Refused,
}

enum State {
    /// Waits before it begins.
    Init,
    Selecting {
        attempt: u32,
    },
    Requesting {
        offer: Offer,
        attempt: u32,
    },
    /// Asks whether somebody has the address.
    Checking {
        lease: Lease,
        probing: Probing,
    },
    Bound {
        lease: Lease,
    },
    /// Asks its server for more time.
    Renewing {
        lease: Lease,
    },
    /// Asks any server for more time.
    Rebinding {
        lease: Lease,
    },
    /// Gave the address back.
    Released,
}

#[derive(Clone, Copy)]
struct Offer {
    addr: Ipv4Addr,
    server: Ipv4Addr,
}

/// A DHCP client of one interface.
///
/// Tell it what comes ([`handle_message`](Self::handle_message), [`handle_arp`](Self::handle_arp)) and that its
/// [`deadline`](Self::next_deadline) has come ([`handle_timeout`](Self::handle_timeout)); after each do what
/// [`poll`](Self::poll) says.
pub(crate) struct Client {
    mac: Mac,
    id: Vec<u8>,
    host_name: Option<String>,
    state: State,
    deadline: Option<Instant>,
    /// Of the exchange that goes on: its number, when it began, the `secs` field of its messages.
    xid: u32,
    began: Instant,
    secs: u16,
    /// When its first request was sent: from then on counts the lease (RFC 2131 §4.4.1).
    asked: Instant,
    refusals: u32,
    /// A message was not answered: perhaps the server could not reach us without our address (RFC 2131 §4.1).
    broadcast: bool,
    /// Of the address in use.
    defence: Defence,
    actions: VecDeque<Action>,
    rng: Rng,
}

impl Client {
    /// A client that begins at once. `interface` makes its identifier different from those of the host's other
    /// interfaces.
    pub(crate) fn new(now: Instant, mac: Mac, interface: u32, host_name: Option<String>, rng: &mut Rng) -> Client {
        Client {
            mac,
            id: client_id(mac, interface),
            host_name,
            state: State::Init,
            deadline: Some(now),
            xid: 0,
            began: now,
            secs: 0,
            asked: now,
            refusals: 0,
            broadcast: false,
            defence: Defence::default(),
            actions: VecDeque::new(),
            rng: rng.fork(),
        }
    }

    /// What is to be done next.
    pub(crate) fn poll(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// The lease that is in use.
    pub(crate) fn lease(&self) -> Option<&Lease> {
        match &self.state {
            State::Bound { lease } | State::Renewing { lease } | State::Rebinding { lease } => Some(lease),
            _ => None,
        }
    }

    /// Something is due.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if self.deadline.is_none_or(|at| at > now) {
            return;
        }
        self.deadline = None;
        match core::mem::replace(&mut self.state, State::Init) {
            State::Init => {
                self.begin_exchange(now);
                self.discover(now, 0);
            }
            State::Selecting { attempt } => self.discover(now, attempt + 1),
            State::Requesting { attempt, .. } if attempt + 1 >= MAX_REQUESTS => self.restart(now, Duration::ZERO),
            State::Requesting { offer, attempt } => self.request(now, offer, attempt + 1),
            State::Checking { lease, mut probing } => match probing.step(now, &mut self.rng) {
                Step::Probe(packet) => {
                    self.actions.push_back(Action::Arp(packet));
                    self.deadline = Some(probing.deadline);
                    self.state = State::Checking { lease, probing };
                }
                Step::Free => {
                    self.defence = Defence::default();
                    self.bind(lease);
                }
            },
            State::Bound { lease } => {
                self.begin_exchange(now);
                self.renew(now, lease);
            }
            State::Renewing { lease } if lease.rebind.is_some_and(|at| at <= now) => {
                self.begin_exchange(now);
                self.rebind(now, lease);
            }
            State::Renewing { lease } => self.renew(now, lease),
            State::Rebinding { lease } if lease.expires.is_some_and(|at| at <= now) => {
                self.lose(now, lease, Duration::ZERO);
            }
            State::Rebinding { lease } => self.rebind(now, lease),
            State::Released => self.state = State::Released,
        }
    }

    /// A message came from a server. Those of other exchanges, or for other clients, are ignored.
    pub(crate) fn handle_message(&mut self, now: Instant, message: &Message) {
        if message.xid != self.xid || message.mac != self.mac {
            return;
        }
        let server = message.addr(option::SERVER_ID);
        match (core::mem::replace(&mut self.state, State::Init), message.kind) {
            // The first offer will do (RFC 2131 §4.4.1 leaves the choice to the client).
            (State::Selecting { attempt }, Kind::Offer) => match offer(message) {
                Some(offer) => {
                    self.asked = now;
                    self.request(now, offer, 0);
                }
                None => self.state = State::Selecting { attempt },
            },
            (State::Requesting { offer, attempt }, kind @ (Kind::Ack | Kind::Nak)) if server == Some(offer.server) => {
                match (kind, self.lease_of(message)) {
                    (Kind::Ack, Some(lease)) => self.check(now, lease),
                    (Kind::Nak, _) => self.refused(now),
                    _ => self.state = State::Requesting { offer, attempt },
                }
            }
            (State::Renewing { lease }, Kind::Ack | Kind::Nak) if server == Some(lease.server) => {
                if let Some(lease) = self.renewed(now, message, lease) {
                    self.state = State::Renewing { lease };
                }
            }
            (State::Rebinding { lease }, Kind::Ack | Kind::Nak) => {
                if let Some(lease) = self.renewed(now, message, lease) {
                    self.state = State::Rebinding { lease };
                }
            }
            (state, _) => self.state = state,
        }
    }

    /// An ARP packet of another station was heard.
    pub(crate) fn handle_arp(&mut self, now: Instant, packet: &arp::Packet) {
        if let State::Checking { lease, probing } = &self.state {
            if probing.conflicts(packet) {
                self.decline(now, lease.addr.addr, lease.server, packet.sender_mac);
            }
            return;
        }
        let Some(lease) = self.lease().cloned() else { return };
        let theirs = packet.sender == lease.addr.addr && packet.sender_mac != self.mac;
        if theirs && self.defence.is_overcome(now) {
            let (addr, server) = (lease.addr.addr, lease.server);
            self.actions.push_back(Action::Lost(lease));
            self.begin_exchange(now);
            self.decline(now, addr, server, packet.sender_mac);
        }
    }

    /// Another station has the address (RFC 2131 §3.1.5, §4.4.4; RFC 5227 §2.4 (b)).
    fn decline(&mut self, now: Instant, addr: Ipv4Addr, server: Ipv4Addr, mac: Mac) {
        self.actions.push_back(Action::Declined { addr, mac });
        let to = Destination::Broadcast { from: Ipv4Addr::UNSPECIFIED };
        self.send(
            to,
            Kind::Decline,
            Ipv4Addr::UNSPECIFIED,
            &[(option::REQUESTED_ADDRESS, &addr.octets()), (option::SERVER_ID, &server.octets())],
        );
        self.restart(now, DECLINE_WAIT);
    }

    /// Gives the address back (RFC 2131 §4.4.6) and stays silent. The message goes from the address, which must still be
    /// there when it is sent: [`Action::Returned`] comes after it.
    pub(crate) fn release(&mut self, now: Instant) {
        self.deadline = None;
        let lease = self.lease().cloned();
        self.state = State::Released;
        let Some(lease) = lease else { return };
        self.begin_exchange(now);
        let (addr, server) = (lease.addr.addr, lease.server);
        let to = Destination::Server { from: addr, server };
        self.send(to, Kind::Release, addr, &[(option::SERVER_ID, &server.octets())]);
        self.actions.push_back(Action::Returned);
    }

    fn begin_exchange(&mut self, now: Instant) {
        (self.began, self.asked, self.xid) = (now, now, self.rng.u32());
    }

    fn discover(&mut self, now: Instant, attempt: u32) {
        self.count_seconds(now);
        self.ask(now, Kind::Discover, attempt, &[]);
        self.state = State::Selecting { attempt };
    }

    /// RFC 2131 §4.4.1: it says the same `secs` as the discover before it.
    fn request(&mut self, now: Instant, offer: Offer, attempt: u32) {
        let (addr, server) = (offer.addr.octets(), offer.server.octets());
        let options = [(option::REQUESTED_ADDRESS, &addr[..]), (option::SERVER_ID, &server[..])];
        self.ask(now, Kind::Request, attempt, &options);
        self.state = State::Requesting { offer, attempt };
    }

    /// Asks all servers, with no address of our own yet.
    fn ask(&mut self, now: Instant, kind: Kind, attempt: u32, options: &[(u8, &[u8])]) {
        let to = Destination::Broadcast { from: Ipv4Addr::UNSPECIFIED };
        self.broadcast |= attempt > 0;
        self.send_with(to, kind, Ipv4Addr::UNSPECIFIED, self.broadcast, options);
        self.deadline = Some(now + backoff::delay(attempt, &mut self.rng));
    }

    fn renew(&mut self, now: Instant, lease: Lease) {
        let addr = lease.addr.addr;
        self.count_seconds(now);
        self.send(Destination::Server { from: addr, server: lease.server }, Kind::Request, addr, &[]);
        self.deadline = lease.rebind.map(|rebind| backoff::within(now, rebind));
        self.state = State::Renewing { lease };
    }

    fn rebind(&mut self, now: Instant, lease: Lease) {
        let addr = lease.addr.addr;
        self.count_seconds(now);
        self.send(Destination::Broadcast { from: addr }, Kind::Request, addr, &[]);
        self.deadline = lease.expires.map(|expires| backoff::within(now, expires));
        self.state = State::Rebinding { lease };
    }

    /// An answer to a request for more time. Gives the lease back if it was none.
    fn renewed(&mut self, now: Instant, message: &Message, old: Lease) -> Option<Lease> {
        match (message.kind, self.lease_of(message)) {
            (Kind::Ack, Some(lease)) if lease.addr.addr == old.addr.addr => self.bind(lease),
            (Kind::Nak, _) => {
                self.actions.push_back(Action::Lost(old));
                self.refused(now);
            }
            _ => return Some(old),
        }
        None
    }

    fn lease_of(&mut self, message: &Message) -> Option<Lease> {
        Lease::of_ack(message, self.asked, &mut self.rng)
    }

    fn count_seconds(&mut self, now: Instant) {
        self.secs = now.since(self.began).as_secs().min(u16::MAX.into()) as u16;
    }

    fn check(&mut self, now: Instant, lease: Lease) {
        let probing = Probing::new(now, self.mac, lease.addr.addr, Timing::LEASED, &mut self.rng);
        self.deadline = Some(probing.deadline);
        self.state = State::Checking { lease, probing };
    }

    fn bind(&mut self, lease: Lease) {
        self.refusals = 0;
        self.deadline = lease.renew;
        self.actions.push_back(Action::Bound(lease.clone()));
        self.state = State::Bound { lease };
    }

    fn lose(&mut self, now: Instant, lease: Lease, wait: Duration) {
        self.actions.push_back(Action::Lost(lease));
        self.restart(now, wait);
    }

    fn refused(&mut self, now: Instant) {
        self.actions.push_back(Action::Refused);
        let wait = match self.refusals {
            0 => Duration::ZERO,
            n => Duration::from_secs(1 << (n - 1).min(6)).min(MAX_REFUSAL_WAIT),
        };
        self.refusals += 1;
        self.restart(now, wait);
    }

    fn restart(&mut self, now: Instant, wait: Duration) {
        self.state = State::Init;
        self.deadline = Some(now + wait);
    }

    fn send(&mut self, to: Destination, kind: Kind, ciaddr: Ipv4Addr, options: &[(u8, &[u8])]) {
        self.send_with(to, kind, ciaddr, false, options);
    }

    fn send_with(&mut self, to: Destination, kind: Kind, ciaddr: Ipv4Addr, broadcast: bool, options: &[(u8, &[u8])]) {
        let max = MAX_MESSAGE_SIZE.to_be_bytes();
        // RFC 2131 table 5: who declines or releases says nothing else.
        let asks = matches!(kind, Kind::Discover | Kind::Request);
        let id = [(option::CLIENT_ID, self.id.as_slice())];
        let wishes = [(option::PARAMETER_LIST, &WANTED[..]), (option::MAX_MESSAGE_SIZE, &max[..])];
        let name = self.host_name.as_ref().map(|name| (option::HOST_NAME, name.as_bytes()));
        let wishes = wishes.into_iter().chain(name).filter(|_| asks);
        let options: Vec<(u8, &[u8])> = id.into_iter().chain(options.iter().copied()).chain(wishes).collect();
        let secs = if asks { self.secs } else { 0 };
        let (xid, mac, yiaddr) = (self.xid, self.mac, Ipv4Addr::UNSPECIFIED);
        let request = MessageOut { kind, xid, secs, broadcast, ciaddr, yiaddr, mac, options: &options };
        self.actions.push_back(Action::Send(to, request.emit()));
    }
}

/// RFC 4361 §6.1: type 255, which interface (IAID), which host (a DUID-LL, RFC 8415 §11.4).
fn client_id(mac: Mac, interface: u32) -> Vec<u8> {
    [&[255][..], &interface.to_be_bytes(), &[0, 3, 0, 1], &mac.0].concat()
}

fn offer(message: &Message) -> Option<Offer> {
    let (addr, server) = (message.yiaddr, message.addr(option::SERVER_ID)?);
    (crate::ip::is_unicast(addr) && !addr.is_loopback()).then_some(Offer { addr, server })
}
