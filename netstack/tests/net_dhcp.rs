//! DHCP and link-local addresses: a node on a link with a server that the script plays.

mod common;

use std::net::{IpAddr, Ipv4Addr};

use common::*;
use netstack::iface::AddressOrigin;
use netstack::link::Mac;
use netstack::route::Route;
use netstack::time::Duration;
use netstack::wire::arp::{Operation, Packet};
use netstack::wire::dhcp::{Kind, Message, MessageOut, option};
use netstack::wire::{ethernet, ipv4, udp};
use netstack::{AutoConfig, Ipv4Net, Notice};

const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const GIVEN: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 50);

/// A node that asks for an address, and the script's place on its link.
struct Asking {
    net: Net,
    node: NodeId,
    /// Frames of the trace that were looked at.
    seen: usize,
}

impl Asking {
    fn new(seed: u64, how: AutoConfig) -> Asking {
        let mut net = Net::new(seed);
        let node = net.node();
        let link = net.link(Link::default());
        net.attach(node, link);
        let now = net.now();
        net.stack(node).configure_automatically(now, ETH, how).expect("an interface");
        net.poll(node);
        Asking { net, node, seen: 0 }
    }

    /// The next message that the node sends within `limit`: its addresses and itself.
    fn hears(&mut self, limit: Duration) -> Option<(Mac, Ipv4Addr, Ipv4Addr, Message)> {
        let mut found = None;
        let seen = &mut self.seen;
        self.net.run_until(limit, |net| {
            while found.is_none() && *seen < net.trace.len() {
                found = as_dhcp(&net.trace[*seen].frame);
                *seen += 1;
            }
            found.is_some()
        });
        found
    }

    fn expects(&mut self, kind: Kind) -> (Mac, Ipv4Addr, Ipv4Addr, Message) {
        let heard = self.hears(Duration::from_secs(3600)).expect("a message");
        assert_eq!(heard.3.kind, kind);
        heard
    }

    /// The server answers a message, with a frame to `mac` and a packet to `dst`.
    fn says_to(&mut self, mac: Mac, dst: Ipv4Addr, kind: Kind, to: &Message, options: &[(u8, &[u8])]) {
        let usual = [(option::SERVER_ID, &SERVER.octets()[..])];
        let options: Vec<_> = usual.into_iter().chain(options.iter().copied()).collect();
        let (ciaddr, yiaddr) = (to.ciaddr, GIVEN);
        let out =
            MessageOut { kind, xid: to.xid, secs: 0, broadcast: false, ciaddr, yiaddr, mac: to.mac, options: &options };
        let segment = udp_segment((SERVER, 67), (dst, 68), &out.emit());
        let packet = ipv4_packet(SERVER, dst, ipv4::UDP, &segment);
        self.net.inject(self.node, ETH, &ethernet_frame(mac, STRANGER, ethernet::IPV4, &packet));
    }

    /// As most servers: to the hardware address, and to the protocol address that the client does not have yet.
    fn says(&mut self, kind: Kind, to: &Message, options: &[(u8, &[u8])]) {
        self.says_to(to.mac, GIVEN, kind, to, options);
    }

    /// Gives a lease of `seconds` to a node that asks.
    fn gives(&mut self, seconds: u32, options: &[(u8, &[u8])]) {
        let discover = self.expects(Kind::Discover).3;
        self.says(Kind::Offer, &discover, &[]);
        let request = self.expects(Kind::Request).3;
        self.acks(&request, seconds, options);
        self.net.run_for(Duration::from_secs(1));
    }

    fn acks(&mut self, request: &Message, seconds: u32, options: &[(u8, &[u8])]) {
        let time = seconds.to_be_bytes();
        let usual = [(option::LEASE_TIME, &time[..]), (option::SUBNET_MASK, &[255, 255, 255, 0])];
        let options: Vec<_> = usual.into_iter().chain(options.iter().copied()).collect();
        self.says(Kind::Ack, request, &options);
    }

    fn addresses(&mut self) -> Vec<String> {
        let stack = self.net.stack(self.node);
        stack
            .interfaces()
            .filter(|i| i.index == ETH)
            .flat_map(|i| i.addresses.iter().map(|a| a.net.to_string()))
            .collect()
    }

    fn origins(&mut self) -> Vec<AddressOrigin> {
        let stack = self.net.stack(self.node);
        stack.interfaces().filter(|i| i.index == ETH).flat_map(|i| i.addresses.iter().map(|a| a.origin)).collect()
    }

    fn mtu(&mut self) -> u32 {
        self.net.stack(self.node).interfaces().find(|i| i.index == ETH).expect("it is there").mtu
    }

    fn routes(&mut self) -> Vec<(String, Option<IpAddr>, u32)> {
        let show = |route: &Route| (route.dst.to_string(), route.via, route.metric);
        self.net.stack(self.node).routes().iter().map(show).collect()
    }

    fn hears_arp(&mut self, sender: Ipv4Addr, target: Ipv4Addr) {
        let packet =
            Packet { operation: Operation::Request, sender_mac: STRANGER, sender, target_mac: Mac::default(), target };
        self.net.inject(self.node, ETH, &arp_frame(Mac::BROADCAST, packet));
    }
}

fn as_dhcp(frame: &[u8]) -> Option<(Mac, Ipv4Addr, Ipv4Addr, Message)> {
    let packet = as_ipv4(frame)?;
    let datagram = udp::Datagram::parse(packet.src(), packet.dst(), packet.payload(), false).ok()?;
    if (packet.protocol(), datagram.src_port, datagram.dst_port) != (ipv4::UDP, 68, 67) {
        return None;
    }
    let (link, _) = ethernet::parse(frame).ok()?;
    Some((link.dst, packet.src(), packet.dst(), Message::parse(datagram.payload).expect("a message")))
}

#[test]
fn a_node_without_an_address_gets_one_with_routes_mtu_and_names() {
    let mut a = Asking::new(1, AutoConfig { metric: 7, ..AutoConfig::default() });
    let (mac, src, dst, discover) = a.expects(Kind::Discover);
    assert_eq!((mac, src, dst), (Mac::BROADCAST, Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST));
    a.says(Kind::Offer, &discover, &[]);
    let request = a.expects(Kind::Request).3;
    assert!(a.addresses().is_empty());
    let options = [
        (option::ROUTERS, &[10, 0, 0, 254][..]),
        (option::INTERFACE_MTU, &1400u16.to_be_bytes()[..]),
        (option::DNS_SERVERS, &[10, 0, 0, 53]),
        (option::DOMAIN_NAME, b"example.org"),
    ];
    a.acks(&request, 3600, &options);
    assert!(a.addresses().is_empty(), "it is probed for first");
    a.net.run_for(Duration::from_secs(1));
    assert_eq!(a.addresses(), ["10.0.0.50/24"]);
    assert_eq!(a.origins(), [AddressOrigin::Dhcp], "by which the boot sees that it came");
    assert_eq!(a.mtu(), 1400);
    let gateway = Some(Ipv4Addr::new(10, 0, 0, 254).into());
    assert_eq!(a.routes(), [("10.0.0.0/24".into(), None, 0), ("0.0.0.0/0".into(), gateway, 7)]);
    let node = a.node;
    let lease = a.net.stack(node).lease(ETH).expect("a lease").clone();
    assert_eq!(
        (lease.dns.as_slice(), lease.search.as_slice()),
        (&[Ipv4Addr::new(10, 0, 0, 53)][..], &["example.org".to_owned()][..])
    );
    let net = Ipv4Net { addr: GIVEN, prefix_len: 24 };
    assert_eq!(a.net.notices(node), [Notice::Leased { addr: net, server: SERVER, on: ETH }]);
}

#[test]
fn answers_by_broadcast_are_as_good() {
    let mut a = Asking::new(2, AutoConfig::default());
    let discover = a.expects(Kind::Discover).3;
    a.says_to(Mac::BROADCAST, Ipv4Addr::BROADCAST, Kind::Offer, &discover, &[]);
    let request = a.expects(Kind::Request).3;
    let ack = [(option::LEASE_TIME, &[0, 0, 14, 16][..])];
    a.says_to(Mac::BROADCAST, Ipv4Addr::BROADCAST, Kind::Ack, &request, &ack);
    a.net.run_for(Duration::from_secs(1));
    assert_eq!(a.addresses(), ["10.0.0.50/8"]);
}

#[test]
fn what_a_renewal_does_not_say_any_more_goes() {
    let mut a = Asking::new(3, AutoConfig::default());
    let routes = [24, 192, 168, 1, 10, 0, 0, 7, 24, 192, 168, 2, 10, 0, 0, 7];
    a.gives(1000, &[(option::CLASSLESS_ROUTES, &routes), (option::INTERFACE_MTU, &[5, 120])]);
    let nets = |a: &mut Asking| a.routes().into_iter().map(|route| route.0).collect::<Vec<_>>();
    assert_eq!(nets(&mut a), ["10.0.0.0/24", "192.168.1.0/24", "192.168.2.0/24"]);
    // The node asks the server's hardware address first.
    let (_, src, dst, renewal) = loop {
        match a.hears(Duration::from_secs(600)) {
            Some(heard) => break heard,
            None => a.hears_arp(SERVER, GIVEN),
        }
    };
    assert_eq!((src, dst, renewal.kind, renewal.ciaddr), (GIVEN, SERVER, Kind::Request, GIVEN));
    a.acks(&renewal, 1000, &[(option::CLASSLESS_ROUTES, &routes[8..])]);
    assert_eq!(nets(&mut a), ["10.0.0.0/24", "192.168.2.0/24"]);
    assert_eq!((a.addresses(), a.mtu()), (vec!["10.0.0.50/24".to_owned()], 1500));
}

#[test]
fn a_router_outside_a_net_of_one_address_is_reached_by_a_route_of_its_own() {
    let mut a = Asking::new(4, AutoConfig::default());
    let mask = (option::SUBNET_MASK, &[255, 255, 255, 255][..]);
    let discover = a.expects(Kind::Discover).3;
    a.says(Kind::Offer, &discover, &[]);
    let request = a.expects(Kind::Request).3;
    let lease = [(option::LEASE_TIME, &[0, 0, 14, 16][..]), mask, (option::ROUTERS, &[172, 16, 0, 1])];
    a.says(Kind::Ack, &request, &lease);
    a.net.run_for(Duration::from_secs(1));
    let gateway = IpAddr::from([172, 16, 0, 1]);
    let expected =
        [("10.0.0.50/32".into(), None, 0), ("172.16.0.1/32".into(), None, 0), ("0.0.0.0/0".into(), Some(gateway), 0)];
    assert_eq!(a.routes(), expected);
}

#[test]
fn an_expired_lease_takes_everything_with_it() {
    let mut a = Asking::new(5, AutoConfig::default());
    a.gives(600, &[(option::ROUTERS, &[10, 0, 0, 1]), (option::INTERFACE_MTU, &[5, 120])]);
    let node = a.node;
    a.net.notices(node);
    a.net.run_for(Duration::from_secs(590));
    assert_eq!(a.addresses(), ["10.0.0.50/24"]);
    a.net.run_for(Duration::from_secs(10));
    assert!(a.addresses().is_empty() && a.routes().is_empty());
    assert_eq!(a.mtu(), 1500);
    assert_eq!(a.net.notices(node), [Notice::LeaseLost { addr: GIVEN, on: ETH }]);
    a.seen = a.net.trace.len();
    a.gives(600, &[]);
    assert_eq!(a.addresses(), ["10.0.0.50/24"]);
}

#[test]
fn a_renewal_may_bring_another_mtu_which_is_a_change() {
    let mut a = Asking::new(16, AutoConfig::default());
    a.gives(600, &[]);
    let renewal = a.expects(Kind::Request).3;
    let before = a.net.stack(a.node).network_changes();
    a.acks(&renewal, 600, &[(option::INTERFACE_MTU, &[5, 120])]);
    assert_eq!(a.mtu(), 1400);
    assert!(a.net.stack(a.node).network_changes() > before);
}

#[test]
fn an_address_in_use_is_declined_and_said() {
    let mut a = Asking::new(6, AutoConfig::default());
    let discover = a.expects(Kind::Discover).3;
    a.says(Kind::Offer, &discover, &[]);
    let request = a.expects(Kind::Request).3;
    a.acks(&request, 3600, &[]);
    a.net.run_for(Duration::from_millis(50));
    a.hears_arp(GIVEN, GIVEN);
    let (_, src, dst, decline) = a.expects(Kind::Decline);
    assert_eq!((src, dst), (Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST));
    assert_eq!(decline.addr(option::REQUESTED_ADDRESS), Some(GIVEN));
    let node = a.node;
    assert_eq!(a.net.notices(node), [Notice::AddressConflict { addr: GIVEN, mac: STRANGER, on: ETH }]);
    assert!(a.addresses().is_empty());
}

#[test]
fn a_leased_address_that_another_station_does_not_yield_is_given_up() {
    let mut a = Asking::new(12, AutoConfig::default());
    a.gives(3600, &[(option::ROUTERS, &[10, 0, 0, 1])]);
    a.net.run_for(Duration::from_secs(20));
    let node = a.node;
    a.net.notices(node);
    a.hears_arp(GIVEN, GIVEN);
    assert_eq!(a.addresses(), ["10.0.0.50/24"], "defended once");
    a.hears_arp(GIVEN, GIVEN);
    let conflict = Notice::AddressConflict { addr: GIVEN, mac: STRANGER, on: ETH };
    assert_eq!(a.net.notices(node), [conflict, Notice::LeaseLost { addr: GIVEN, on: ETH }, conflict]);
    let (_, src, _, decline) = a.expects(Kind::Decline);
    assert_eq!((src, decline.addr(option::REQUESTED_ADDRESS)), (Ipv4Addr::UNSPECIFIED, Some(GIVEN)));
    assert!(a.addresses().is_empty() && a.routes().is_empty());
    a.gives(3600, &[]);
    assert_eq!(a.addresses(), ["10.0.0.50/24"]);
}

#[test]
fn a_lease_is_given_back_at_a_clean_end() {
    let mut a = Asking::new(7, AutoConfig::default());
    a.gives(3600, &[]);
    a.hears_arp(SERVER, GIVEN);
    let (now, node) = (a.net.now(), a.node);
    a.net.notices(node);
    a.net.stack(node).release_leases(now);
    a.net.poll(node);
    let (_, src, dst, release) = a.expects(Kind::Release);
    assert_eq!((src, dst, release.ciaddr), (GIVEN, SERVER, GIVEN));
    assert!(a.addresses().is_empty());
    assert!(a.hears(Duration::from_secs(600)).is_none(), "and silence");
    assert_eq!(a.net.notices(node), [], "nobody took it from us");
}

#[test]
fn a_node_that_nobody_answers_uses_a_link_local_address_until_there_is_a_lease() {
    let mut a = Asking::new(8, AutoConfig { link_local: true, ..AutoConfig::default() });
    a.net.run_for(Duration::from_secs(11));
    let addresses = a.addresses();
    assert!(addresses.len() == 1 && addresses[0].starts_with("169.254."), "{addresses:?}");
    let node = a.node;
    assert!(matches!(a.net.notices(node)[..], [Notice::LinkLocal { on: ETH, .. }]));
    a.net.run_for(Duration::from_secs(5));
    let announced = |seen: &&Seen| as_arp(&seen.frame).is_some_and(|p| p.sender == p.target);
    assert_eq!(a.net.trace.iter().filter(announced).count(), 2, "RFC 5227 ANNOUNCE_NUM");
    a.seen = a.net.trace.len();
    a.gives(600, &[]);
    assert_eq!(a.addresses(), ["10.0.0.50/24"]);
    a.net.run_for(Duration::from_secs(620));
    assert!(a.addresses()[0].starts_with("169.254."), "the lease is over");
}

#[test]
fn two_nodes_without_a_server_find_different_addresses_and_talk() {
    let mut net = Net::new(9);
    let (a, b) = (net.node(), net.node());
    let link = net.link(Link::default());
    for node in [a, b] {
        net.attach(node, link);
        let now = net.now();
        let how = AutoConfig { link_local: true, ..AutoConfig::default() };
        net.stack(node).configure_automatically(now, ETH, how).expect("an interface");
        net.poll(node);
    }
    net.run_for(Duration::from_secs(12));
    let mut addr = |node| {
        let stack = net.stack(node);
        stack.interfaces().find(|i| i.index == ETH).expect("it is there").addresses[0].net.addr
    };
    let (at_a, at_b) = (addr(a), addr(b));
    assert_ne!(at_a, at_b);
    let from = net.udp(a);
    let mut to = net.udp_at(b, "0.0.0.0:7");
    net.trace.clear();
    net.udp_send(&from, &format!("{at_b}:7"), b"hello").expect("queued");
    net.run_for(Duration::from_millis(10));
    assert_eq!(to.recv().expect("it came").1, b"hello");
    // RFC 3927 §2.5: all ARP with a link-local sender goes to everybody, so that conflicts are seen.
    let arp = |seen: &&Seen| as_arp(&seen.frame).is_some();
    let packets: Vec<&Seen> = net.trace.iter().filter(arp).collect();
    assert_eq!(packets.len(), 2);
    assert!(packets.iter().all(|seen| seen.frame[..6] == Mac::BROADCAST.0));
}

#[test]
fn what_is_for_a_link_local_address_goes_to_no_router() {
    let (mut net, a, _) = Net::pair(11, Link::default());
    let via = Some(Ipv4Addr::new(10, 0, 0, 2));
    net.stack(a)
        .add_route(Route { dst: netstack::IpNet::DEFAULT_V4, via: via.map(IpAddr::V4), on: ETH, metric: 0 })
        .expect("a good route");
    let from = net.udp(a);
    net.trace.clear();
    net.udp_send(&from, "169.254.7.7:7", b"hello").expect("queued");
    let asked: Vec<_> = net.trace.iter().filter_map(|seen| as_arp(&seen.frame)).map(|packet| packet.target).collect();
    assert_eq!(asked, [Ipv4Addr::new(169, 254, 7, 7)], "RFC 3927 §2.6.2");
}

#[test]
fn a_second_conflict_in_ten_seconds_ends_the_use_of_a_link_local_address() {
    let mut a = Asking::new(10, AutoConfig { link_local: true, ..AutoConfig::default() });
    a.net.run_for(Duration::from_secs(20));
    let first = a.addresses();
    let addr: Ipv4Addr = first[0].trim_end_matches("/16").parse().expect("an address");
    assert_eq!(a.origins(), [AddressOrigin::LinkLocal]);
    a.hears_arp(addr, addr);
    assert_eq!(a.addresses(), first, "defended once");
    a.hears_arp(addr, addr);
    assert!(a.addresses().is_empty());
    a.net.run_for(Duration::from_secs(8));
    assert_ne!(a.addresses(), first);
    assert_eq!(a.addresses().len(), 1);
}
