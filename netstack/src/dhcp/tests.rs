//! Dialogues with a server, and with stations that have the address already.

use core::net::Ipv4Addr;
use core::time::Duration;

use super::*;
use crate::arp::announcement;
use crate::ip::Ipv4Net;
use crate::link::Mac;
use crate::rng::Rng;
use crate::time::Instant;
use crate::wire::arp;
use crate::wire::dhcp::{Kind, Message, MessageOut, option};

const US: Mac = Mac([2, 0, 0, 0, 0, 1]);
const OTHER: Mac = Mac([2, 0, 0, 0, 0, 2]);
const ADDR: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 5);
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const NOBODY: Ipv4Addr = Ipv4Addr::UNSPECIFIED;
const START: Instant = Instant::from_millis(1_000);

/// A client and its clock.
struct Dialogue {
    client: Client,
    now: Instant,
}

impl Dialogue {
    fn new(seed: u8) -> Dialogue {
        let client = Client::new(START, US, 2, Some("node".to_owned()), &mut Rng::new([seed; 32]));
        Dialogue { client, now: START }
    }

    /// Goes to the next deadline and says what is done then, and how many seconds later.
    fn wait(&mut self) -> (f64, Vec<Action>) {
        let before = self.now;
        self.now = self.client.next_deadline().expect("a deadline").max(self.now);
        self.client.handle_timeout(self.now);
        (self.now.since(before).as_secs_f64(), self.actions())
    }

    /// Waits, and gives the one message that is sent.
    fn sends(&mut self) -> (f64, Destination, Message) {
        let (seconds, mut actions) = self.wait();
        let Some(Action::Send(to, bytes)) = actions.pop() else { panic!("{actions:?}") };
        assert!(actions.is_empty(), "{actions:?}");
        (seconds, to, Message::parse(&bytes).expect("our own message"))
    }

    fn actions(&mut self) -> Vec<Action> {
        core::iter::from_fn(|| self.client.poll()).collect()
    }

    /// The server says something about the exchange of `to`.
    fn hears(&mut self, to: &Message, kind: Kind, options: &[(u8, &[u8])]) -> Vec<Action> {
        let usual = [(option::SERVER_ID, &SERVER.octets()[..])];
        let options: Vec<_> = usual.into_iter().chain(options.iter().copied()).collect();
        self.hears_exactly(to, kind, ADDR, &options)
    }

    fn hears_exactly(&mut self, to: &Message, kind: Kind, yiaddr: Ipv4Addr, options: &[(u8, &[u8])]) -> Vec<Action> {
        let (xid, mac) = (to.xid, to.mac);
        let out = MessageOut { kind, xid, secs: 0, broadcast: false, ciaddr: NOBODY, yiaddr, mac, options };
        self.client.handle_message(self.now, &Message::parse(&out.emit()).expect("a message"));
        self.actions()
    }

    /// Runs through everything until the address is in use for `seconds`.
    fn binds(&mut self, seconds: u32) -> Lease {
        let (_, _, discover) = self.sends();
        let Some(Action::Send(_, bytes)) = self.hears(&discover, Kind::Offer, &[]).pop() else { panic!("no request") };
        let request = Message::parse(&bytes).expect("our own message");
        assert_eq!(self.hears(&request, Kind::Ack, &[(option::LEASE_TIME, &seconds.to_be_bytes())]), []);
        self.checks_and_binds()
    }

    fn checks_and_binds(&mut self) -> Lease {
        loop {
            match self.wait().1.as_slice() {
                [Action::Arp(packet)] => assert!(packet.sender.is_unspecified() && packet.target == ADDR),
                [Action::Bound(lease)] => return lease.clone(),
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn discover_offer_request_ack_two_probes_and_the_address_is_ours() {
    let mut d = Dialogue::new(1);
    let (waited, to, discover) = d.sends();
    assert_eq!((waited, to, discover.kind), (0.0, Destination::Broadcast { from: NOBODY }, Kind::Discover));
    assert_eq!(discover.option(option::CLIENT_ID), Some(&[255, 0, 0, 0, 2, 0, 3, 0, 1, 2, 0, 0, 0, 0, 1][..]));
    assert_eq!(discover.option(option::HOST_NAME), Some(&b"node"[..]));
    let wanted = discover.option(option::PARAMETER_LIST).expect("a list");
    let place = |number| wanted.iter().position(|wanted| *wanted == number);
    assert!(place(option::CLASSLESS_ROUTES) < place(option::ROUTERS), "RFC 3442");
    d.now = d.now + Duration::from_secs(2);
    let actions = d.hears(&discover, Kind::Offer, &[]);
    let [Action::Send(to, bytes)] = actions.as_slice() else { panic!("{actions:?}") };
    let request = Message::parse(bytes).expect("our own message");
    assert_eq!((*to, request.kind, request.ciaddr), (Destination::Broadcast { from: NOBODY }, Kind::Request, NOBODY));
    assert_eq!((request.xid, request.secs), (discover.xid, discover.secs), "RFC 2131 §4.4.1");
    assert_eq!(request.addr(option::REQUESTED_ADDRESS), Some(ADDR));
    assert_eq!(request.addr(option::SERVER_ID), Some(SERVER));
    let asked = d.now;
    d.now = d.now + Duration::from_millis(500);
    let mask = [255, 255, 255, 0];
    let lease_time = 3600u32.to_be_bytes();
    let ack = [(option::LEASE_TIME, &lease_time[..]), (option::SUBNET_MASK, &mask)];
    assert_eq!(d.hears(&request, Kind::Ack, &ack), []);
    let before = d.now;
    let lease = d.checks_and_binds();
    assert!(d.now.since(before) < Duration::from_millis(500), "boot does not wait long");
    assert_eq!(lease.addr, Ipv4Net { addr: ADDR, prefix_len: 24 });
    assert_eq!(lease.expires, Some(asked + Duration::from_secs(3600)), "counted from the request");
    let t1 = lease.renew.expect("a time").since(asked).as_secs_f64();
    let t2 = lease.rebind.expect("a time").since(asked).as_secs_f64();
    assert!((1728.0..=1800.0).contains(&t1) && (3024.0..=3150.0).contains(&t2), "{t1} {t2}");
}

#[test]
fn silence_is_answered_by_asking_again_after_4_8_16_32_64_64_seconds() {
    let mut d = Dialogue::new(2);
    let first = d.sends().2;
    assert!(!first.broadcast);
    for expected in [4.0, 8.0, 16.0, 32.0, 64.0, 64.0] {
        let (waited, _, again) = d.sends();
        assert!((waited - expected).abs() <= 1.0, "{waited} for {expected}");
        assert_eq!((again.xid, again.kind), (first.xid, Kind::Discover));
        assert!(again.broadcast, "perhaps it could not reach us by unicast");
        assert_eq!(u64::from(again.secs), d.now.since(START).as_secs());
    }
    let actions = d.hears(&first, Kind::Offer, &[]);
    let [Action::Send(_, bytes)] = actions.as_slice() else { panic!("{actions:?}") };
    assert!(Message::parse(bytes).expect("our own message").broadcast, "nor can it with the next answer");
}

#[test]
fn an_offer_that_is_not_kept_is_given_up_after_four_requests() {
    let mut d = Dialogue::new(3);
    let discover = d.sends().2;
    d.hears(&discover, Kind::Offer, &[]);
    for _ in 0..3 {
        assert_eq!(d.sends().2.kind, Kind::Request);
    }
    assert_eq!(d.wait().1, []);
    let again = d.sends().2;
    assert_eq!(again.kind, Kind::Discover);
    assert_ne!(again.xid, discover.xid);
}

#[test]
fn answers_to_others_other_exchanges_and_other_servers_are_ignored() {
    let mut d = Dialogue::new(4);
    let discover = d.sends().2;
    let (mut not_ours, mut for_another) = (discover.clone(), discover.clone());
    not_ours.xid ^= 1;
    for_another.mac = OTHER;
    assert_eq!(d.hears(&not_ours, Kind::Offer, &[]), []);
    assert_eq!(d.hears(&for_another, Kind::Offer, &[]), []);
    assert_eq!(d.hears_exactly(&discover, Kind::Offer, ADDR, &[]), [], "no server identifier");
    let server = [(option::SERVER_ID, &SERVER.octets()[..])];
    for bad in ["0.0.0.0", "127.0.0.1", "224.0.0.5", "255.255.255.255", "240.0.0.1"] {
        let bad = bad.parse().expect("an address");
        assert_eq!(d.hears_exactly(&discover, Kind::Offer, bad, &server), [], "{bad}");
    }
    assert_eq!(d.hears(&discover, Kind::Ack, &[]), [], "not asked for yet");
    assert_eq!(d.hears(&discover, Kind::Offer, &[]).len(), 1);
    assert_eq!(d.hears(&discover, Kind::Offer, &[]), [], "the first will do");
    let other = [(option::SERVER_ID, &[10, 0, 0, 2][..]), (option::LEASE_TIME, &[0, 0, 14, 16])];
    assert_eq!(d.hears_exactly(&discover, Kind::Nak, NOBODY, &other), []);
    assert_eq!(d.hears_exactly(&discover, Kind::Ack, ADDR, &other), []);
    let zero = [(option::LEASE_TIME, &[0, 0, 0, 0][..])];
    assert_eq!(d.hears(&discover, Kind::Ack, &zero), []);
    assert_eq!(d.sends().2.kind, Kind::Request, "it goes on asking the first");
}

#[test]
fn a_refusal_begins_again_and_repeated_ones_wait() {
    let mut d = Dialogue::new(5);
    for expected in [0.0, 0.0, 1.0, 2.0, 4.0] {
        let (waited, _, discover) = d.sends();
        assert_eq!(waited, expected);
        d.hears(&discover, Kind::Offer, &[]);
        assert_eq!(d.hears(&discover, Kind::Nak, &[]), [Action::Refused]);
    }
}

#[test]
fn an_address_that_another_station_has_is_declined() {
    for theirs in [announcement(OTHER, ADDR), crate::arp::probe(OTHER, ADDR)] {
        let mut d = Dialogue::new(6);
        let discover = d.sends().2;
        d.hears(&discover, Kind::Offer, &[]);
        d.hears(&discover, Kind::Ack, &[(option::LEASE_TIME, &3600u32.to_be_bytes())]);
        assert!(matches!(d.wait().1.as_slice(), [Action::Arp(_)]));
        d.client.handle_arp(d.now, &arp::Packet { sender_mac: US, ..theirs });
        assert_eq!(d.actions(), [], "our own, reflected");
        d.client.handle_arp(d.now, &theirs);
        let actions = d.actions();
        let [Action::Declined { addr: ADDR, mac: OTHER }, Action::Send(to, bytes)] = actions.as_slice() else {
            panic!("{actions:?}")
        };
        let decline = Message::parse(bytes).expect("our own message");
        assert_eq!((*to, decline.kind), (Destination::Broadcast { from: NOBODY }, Kind::Decline));
        assert_eq!(decline.addr(option::REQUESTED_ADDRESS), Some(ADDR));
        assert_eq!(decline.addr(option::SERVER_ID), Some(SERVER));
        assert_eq!(decline.option(option::PARAMETER_LIST), None, "RFC 2131 table 5");
        let (waited, _, again) = d.sends();
        assert_eq!((waited, again.kind), (10.0, Kind::Discover));
    }
}

#[test]
fn an_address_in_use_is_declined_at_the_second_conflict_in_ten_seconds() {
    let mut d = Dialogue::new(9);
    let lease = d.binds(3600);
    let theirs = announcement(OTHER, ADDR);
    for later in [0, 11] {
        d.now = d.now + Duration::from_secs(later);
        d.client.handle_arp(d.now, &theirs);
        assert_eq!(d.actions(), [], "it is defended");
    }
    d.now = d.now + Duration::from_secs(9);
    d.client.handle_arp(d.now, &crate::arp::probe(OTHER, ADDR));
    assert_eq!(d.actions(), [], "who only asks gets an answer");
    d.client.handle_arp(d.now, &theirs);
    let actions = d.actions();
    let [Action::Lost(lost), Action::Declined { addr: ADDR, mac: OTHER }, Action::Send(to, bytes)] = actions.as_slice()
    else {
        panic!("{actions:?}")
    };
    assert_eq!(*lost, lease);
    let decline = Message::parse(bytes).expect("our own message");
    assert_eq!((*to, decline.kind), (Destination::Broadcast { from: NOBODY }, Kind::Decline));
    assert_eq!(decline.addr(option::REQUESTED_ADDRESS), Some(ADDR));
    assert_eq!(d.client.lease(), None);
    let (waited, _, again) = d.sends();
    assert_eq!((waited, again.kind), (10.0, Kind::Discover));
}

#[test]
fn a_lease_is_renewed_by_unicast_at_t1() {
    let mut d = Dialogue::new(7);
    let lease = d.binds(1000);
    let (_, to, request) = d.sends();
    assert_eq!(d.now, lease.renew.expect("a time"));
    assert_eq!((to, request.kind), (Destination::Server { from: ADDR, server: SERVER }, Kind::Request));
    assert_eq!((request.ciaddr, request.secs), (ADDR, 0));
    // RFC 2131 table 5: neither goes into a renewal.
    assert_eq!((request.addr(option::REQUESTED_ADDRESS), request.addr(option::SERVER_ID)), (None, None));
    let asked = d.now;
    d.now = d.now + Duration::from_secs(1);
    let actions = d.hears(&request, Kind::Ack, &[(option::LEASE_TIME, &2000u32.to_be_bytes())]);
    let [Action::Bound(renewed)] = actions.as_slice() else { panic!("{actions:?}") };
    assert_eq!(renewed.expires, Some(asked + Duration::from_secs(2000)));
    assert_eq!(d.client.lease(), Some(renewed));
    assert_eq!(d.client.next_deadline(), renewed.renew);
}

#[test]
fn a_silent_server_is_asked_again_then_all_servers_then_the_address_is_gone() {
    let mut d = Dialogue::new(8);
    let lease = d.binds(4000);
    let (mut unicast, mut broadcast) = (Vec::new(), Vec::new());
    loop {
        let (_, actions) = d.wait();
        match actions.as_slice() {
            [Action::Send(Destination::Server { .. }, _)] => unicast.push(d.now),
            [Action::Send(Destination::Broadcast { from: ADDR }, bytes)] => {
                assert_eq!(Message::parse(bytes).expect("ours").ciaddr, ADDR);
                broadcast.push(d.now);
            }
            [Action::Lost(lost)] => {
                assert_eq!(*lost, lease);
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(unicast[0], lease.renew.expect("a time"));
    assert_eq!(broadcast[0], lease.rebind.expect("a time"));
    assert_eq!(d.now, lease.expires.expect("a time"));
    for times in [&unicast, &broadcast] {
        assert!(times.len() > 2);
        assert!(times.windows(2).all(|pair| pair[1].since(pair[0]) >= Duration::from_secs(60)), "{times:?}");
    }
    assert_eq!(d.client.lease(), None);
    let (waited, _, discover) = d.sends();
    assert_eq!((waited, discover.kind), (0.0, Kind::Discover));
}

#[test]
fn another_server_may_extend_the_lease_while_rebinding() {
    let mut d = Dialogue::new(9);
    d.binds(1000);
    let request = loop {
        let (_, to, request) = d.sends();
        if matches!(to, Destination::Broadcast { .. }) {
            break request;
        }
    };
    let other = [(option::SERVER_ID, &[10, 0, 0, 9][..]), (option::LEASE_TIME, &[0, 0, 14, 16])];
    let actions = d.hears_exactly(&request, Kind::Ack, ADDR, &other);
    let [Action::Bound(lease)] = actions.as_slice() else { panic!("{actions:?}") };
    assert_eq!(lease.server, Ipv4Addr::new(10, 0, 0, 9));
    assert_eq!(d.sends().1, Destination::Server { from: ADDR, server: lease.server });
}

#[test]
fn a_refusal_while_renewing_takes_the_address_away_at_once() {
    let mut d = Dialogue::new(10);
    let lease = d.binds(1000);
    let request = d.sends().2;
    assert_eq!(d.hears(&request, Kind::Nak, &[]), [Action::Lost(lease), Action::Refused]);
    assert_eq!(d.sends().2.kind, Kind::Discover);
}

#[test]
fn a_renewal_that_gives_another_address_is_no_renewal() {
    let mut d = Dialogue::new(11);
    let lease = d.binds(1000);
    let request = d.sends().2;
    let options = [(option::SERVER_ID, &SERVER.octets()[..]), (option::LEASE_TIME, &[0, 0, 14, 16])];
    assert_eq!(d.hears_exactly(&request, Kind::Ack, Ipv4Addr::new(10, 0, 0, 6), &options), []);
    assert_eq!(d.client.lease(), Some(&lease));
}

#[test]
fn a_lease_for_ever_is_never_renewed() {
    let mut d = Dialogue::new(12);
    let lease = d.binds(u32::MAX);
    assert_eq!((lease.renew, lease.rebind, lease.expires), (None, None, None));
    assert_eq!(d.client.next_deadline(), None);
}

#[test]
fn a_clean_exit_gives_the_address_back() {
    let mut d = Dialogue::new(13);
    d.binds(1000);
    d.client.release(d.now);
    let actions = d.actions();
    let [Action::Send(to, bytes), Action::Returned] = actions.as_slice() else { panic!("{actions:?}") };
    let release = Message::parse(bytes).expect("our own message");
    assert_eq!(*to, Destination::Server { from: ADDR, server: SERVER });
    assert_eq!((release.kind, release.ciaddr, release.addr(option::SERVER_ID)), (Kind::Release, ADDR, Some(SERVER)));
    assert_eq!((d.client.lease(), d.client.next_deadline()), (None, None));
    let mut asking = Dialogue::new(14);
    asking.sends();
    asking.client.release(asking.now);
    assert_eq!((asking.actions(), asking.client.next_deadline()), (vec![], None), "there was nothing to give back");
}

/// The lease of an acknowledgement with these options.
fn lease_with(options: &[(u8, &[u8])]) -> Option<Lease> {
    let usual = [(option::SERVER_ID, &SERVER.octets()[..]), (option::LEASE_TIME, &[0, 0, 14, 16])];
    let options: Vec<_> = usual.into_iter().chain(options.iter().copied()).collect();
    let (kind, yiaddr, mac) = (Kind::Ack, ADDR, US);
    let out = MessageOut { kind, xid: 1, secs: 0, broadcast: false, ciaddr: NOBODY, yiaddr, mac, options: &options };
    Lease::of_ack(&Message::parse(&out.emit()).expect("a message"), START, &mut Rng::new([0; 32]))
}

#[test]
fn classless_routes_replace_the_routers() {
    let router = (option::ROUTERS, &[10, 0, 0, 1, 10, 0, 0, 2][..]);
    let default = LeasedRoute { dst: Ipv4Net::DEFAULT, via: Some(SERVER) };
    assert_eq!(lease_with(&[router]).expect("a lease").routes, [default]);
    let classless = [
        0, 10, 0, 0, 9, /* */ 24, 192, 168, 7, 0, 0, 0, 0, /* host bits are masked */ 9, 172, 255, 10, 0, 0,
        3,
    ];
    let net = |a, b, c, d, prefix_len| Ipv4Net { addr: Ipv4Addr::new(a, b, c, d), prefix_len };
    assert_eq!(
        lease_with(&[router, (option::CLASSLESS_ROUTES, &classless)]).expect("a lease").routes,
        [
            LeasedRoute { dst: Ipv4Net::DEFAULT, via: Some(Ipv4Addr::new(10, 0, 0, 9)) },
            LeasedRoute { dst: net(192, 168, 7, 0, 24), via: None },
            LeasedRoute { dst: net(172, 128, 0, 0, 9), via: Some(Ipv4Addr::new(10, 0, 0, 3)) },
        ]
    );
    for broken in [&[33, 1, 2, 3, 4, 5, 1, 2, 3, 4][..], &[24, 1, 2, 3, 10, 0, 0], &[]] {
        let lease = lease_with(&[router, (option::CLASSLESS_ROUTES, broken)]).expect("a lease");
        assert_eq!(lease.routes, [default], "{broken:?}");
    }
}

#[test]
fn names_mtu_and_mask() {
    let domain = (option::DOMAIN_NAME, &b"example.org."[..]);
    assert_eq!(lease_with(&[domain]).expect("a lease").search, ["example.org"]);
    // eng.example.org, then a pointer: marketing + example.org.
    let list = b"\x03eng\x07example\x03org\0\x09marketing\xc0\x04";
    let lease = lease_with(&[domain, (option::DOMAIN_SEARCH, list)]).expect("a lease");
    assert_eq!(lease.search, ["eng.example.org", "marketing.example.org"]);
    for hostile in [&b"\xc0\x00"[..], b"\x03a b\0", b"\x02a\n\0", b"\x3fx", b"\xc0"] {
        let lease = lease_with(&[(option::DOMAIN_SEARCH, hostile)]).expect("a lease");
        assert!(lease.search.is_empty(), "{hostile:?}");
    }
    let evil = (option::DOMAIN_NAME, &b"a\noptions debug"[..]);
    assert!(lease_with(&[evil]).expect("a lease").search.is_empty());
    for (mtu, used) in [(1400u16, Some(1400)), (68, None), (0, None)] {
        assert_eq!(lease_with(&[(option::INTERFACE_MTU, &mtu.to_be_bytes())]).expect("a lease").mtu, used);
    }
    for (mask, len) in [([255, 255, 255, 240], 28), ([255, 255, 255, 255], 32), ([255, 0, 255, 0], 8), ([0; 4], 8)] {
        assert_eq!(lease_with(&[(option::SUBNET_MASK, &mask)]).expect("a lease").addr.prefix_len, len, "{mask:?}");
    }
    let dns = [10, 0, 0, 3, 0, 0, 0, 0, 224, 0, 0, 1, 8, 8, 8, 8, 1];
    let lease = lease_with(&[(option::DNS_SERVERS, &dns)]).expect("a lease");
    assert_eq!(lease.dns, [Ipv4Addr::new(10, 0, 0, 3), Ipv4Addr::new(8, 8, 8, 8)]);
}

#[test]
fn times_out_of_order_are_replaced_and_a_server_cannot_keep_us_asking() {
    let times = |t1: u32, t2: u32| {
        let (t1, t2) = (t1.to_be_bytes(), t2.to_be_bytes());
        let lease = lease_with(&[(option::RENEWAL_TIME, &t1), (option::REBINDING_TIME, &t2)]).expect("a lease");
        [lease.renew, lease.rebind].map(|time| time.expect("a time").since(START).as_secs_f64())
    };
    let close = |[t1, t2]: [f64; 2], [a, b]: [f64; 2]| {
        assert!((a * 0.96..=a).contains(&t1) && (b * 0.96..=b).contains(&t2), "{t1} {t2}, not {a} {b}");
    };
    close(times(600, 1200), [600.0, 1200.0]);
    close(times(1200, 600), [1800.0, 3150.0]);
    close(times(600, 4000), [1800.0, 3150.0]);
    assert_eq!(times(0, 1200)[0], 1.0);
    let asked_for = |seconds: u32| lease_with(&[(option::LEASE_TIME, &seconds.to_be_bytes())]);
    assert!(asked_for(3600).is_none(), "twice the option is one of eight bytes (RFC 3396)");
}

#[test]
fn a_link_local_address_is_probed_for_seven_seconds_at_most_and_is_the_same_at_each_boot() {
    let mut found = Vec::new();
    for seed in 1..=2 {
        let mut machine = LinkLocal::new(START, US, &mut Rng::new([seed; 32]));
        let mut probes = 0;
        let (at, addr) = loop {
            let now = machine.next_deadline().expect("a deadline");
            machine.handle_timeout(now);
            match machine.poll() {
                Some(LinkLocalAction::Arp(packet)) => {
                    assert!(packet.sender.is_unspecified());
                    probes += 1;
                }
                Some(LinkLocalAction::Bound(addr)) => break (now, addr),
                Some(LinkLocalAction::Lost(_)) => panic!("it was never had"),
                None => {}
            }
        };
        assert_eq!(probes, 3);
        assert!((4.0..=7.0).contains(&at.since(START).as_secs_f64()));
        let [169, 254, third, _] = addr.octets() else { panic!("{addr}") };
        assert!((1..=254).contains(&third));
        found.push(addr);
    }
    assert_eq!(found[0], found[1]);
}

#[test]
fn a_link_local_address_is_given_up_at_the_second_conflict_in_ten_seconds() {
    let mut machine = LinkLocal::new(START, US, &mut Rng::new([3; 32]));
    let mut now = START;
    while machine.addr().is_none() {
        now = machine.next_deadline().expect("a deadline");
        machine.handle_timeout(now);
    }
    let addr = machine.addr().expect("bound");
    while machine.poll().is_some() {}
    machine.handle_arp(now, &announcement(OTHER, addr));
    now = now + Duration::from_secs(11);
    machine.handle_arp(now, &announcement(OTHER, addr));
    assert_eq!((machine.poll(), machine.addr()), (None, Some(addr)));
    now = now + Duration::from_secs(1);
    machine.handle_arp(now, &announcement(OTHER, addr));
    assert_eq!((machine.poll(), machine.addr()), (Some(LinkLocalAction::Lost(addr)), None));
    assert_eq!(machine.next_deadline(), Some(now), "and another one is tried");
}

#[test]
fn a_link_local_host_that_meets_ten_conflicts_becomes_slow() {
    let mut machine = LinkLocal::new(START, US, &mut Rng::new([4; 32]));
    let mut tried = Vec::new();
    let mut now = START;
    for conflicts in 1..=11 {
        let waited = machine.next_deadline().expect("a deadline").since(now).as_secs();
        assert_eq!(waited, if conflicts == 11 { 60 } else { 0 });
        let addr = loop {
            now = machine.next_deadline().expect("a deadline");
            machine.handle_timeout(now);
            if let Some(LinkLocalAction::Arp(packet)) = machine.poll() {
                break packet.target;
            }
        };
        tried.push(addr);
        machine.handle_arp(now, &announcement(OTHER, addr));
    }
    tried.dedup();
    assert_eq!(tried.len(), 11);
}
