use super::*;
use crate::InterfaceInfo;
use crate::netlink::answer::notification;
use crate::netlink::testing::messages;
use netlink_packet_core::NetlinkPayload;
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::neighbour::NeighbourMessage;
use netlink_packet_route::route::{RouteAttribute, RouteType};
use netstack::iface::AddressOrigin;
use netstack::link::Mac;

const ETH: IfIndex = IfIndex(2);

/// One interface, `eth0`, without anything.
fn bare() -> Network {
    let info = InterfaceInfo {
        name: "eth0".into(),
        index: ETH.0,
        mac: Some([2, 0, 0, 0, 0, 1]),
        mtu: 1500,
        up: true,
        loopback: false,
        long_segments: false,
        addresses: Vec::new(),
    };
    let link = Link { info, addresses: Vec::new(), counters: Default::default() };
    Network { now: Instant(0), links: vec![link], routes: Vec::new(), neighbors: Vec::new() }
}

fn net(text: &str) -> IpNet {
    let (addr, prefix_len) = text.split_once('/').expect("a net");
    IpNet::new(addr.parse::<IpAddr>().expect("an address"), prefix_len.parse().expect("a length"))
}

fn route(dst: &str, via: Option<&str>) -> Route {
    Route { dst: net(dst), via: via.map(|via| via.parse().expect("an address")), on: ETH, metric: 0 }
}

fn neighbor(state: NeighborState, mac: Option<Mac>) -> Neighbor {
    Neighbor { addr: IpAddr::from([10, 0, 0, 9]), mac, on: ETH, state }
}

fn line((row, flags): News) -> String {
    let told = messages::<Message>(&[notification(row, flags)]).remove(0);
    let NetlinkPayload::InnerMessage(message) = told else { panic!("{told:?}") };
    let said = match &message {
        Message::NewLink(_) => "link".to_owned(),
        Message::NewAddress(row) => format!("address {}", address(row)),
        Message::DelAddress(row) => format!("no address {}", address(row)),
        Message::NewRoute(row) => way(row),
        Message::DelRoute(row) => format!("no {}", way(row)),
        Message::NewNeighbour(row) => state(row),
        Message::DelNeighbour(row) => format!("no {}", state(row)),
        other => panic!("{other:?}"),
    };
    if flags == 0 { said } else { format!("{said} {flags:#x}") }
}

fn address(row: &AddressMessage) -> IpAddr {
    let found = row.attributes.iter().find_map(|attribute| match attribute {
        AddressAttribute::Address(addr) => Some(*addr),
        _ => None,
    });
    found.expect("an address")
}

fn way(row: &RouteMessage) -> String {
    let gateway = row.attributes.iter().any(|attribute| matches!(attribute, RouteAttribute::Gateway(_)));
    match row.header.kind {
        RouteType::Local => "local".to_owned(),
        _ => format!("route /{}{}", row.header.destination_prefix_length, if gateway { " by gateway" } else { "" }),
    }
}

fn state(row: &NeighbourMessage) -> String {
    format!("neighbour {:?}", row.header.state)
}

fn told(old: &Network, new: &Network) -> Vec<String> {
    changes(old, new).into_iter().map(line).collect()
}

#[test]
fn a_lease_comes_as_a_client_of_linux_sets_it_and_goes_the_other_way() {
    let (before, mut leased) = (bare(), bare());
    leased.links[0].info.mtu = 1400;
    leased.links[0].addresses.push(Address::manual(net("10.0.0.50/24")));
    leased.routes = vec![route("10.0.0.0/24", None), route("0.0.0.0/0", Some("10.0.0.1"))];
    let came = ["link", "address 10.0.0.50", "local 0x600", "route /24 0x600", "route /0 by gateway 0x600"];
    assert_eq!(told(&before, &leased), came);
    let went = ["link", "no route /0 by gateway", "no address 10.0.0.50", "no route /24", "no local"];
    assert_eq!(told(&leased, &before), went);
    assert!(told(&leased, &leased).is_empty());
}

#[test]
fn what_a_router_offers_is_told_at_once_and_the_address_when_it_was_tried() {
    let end = |seconds: u64| Some(Instant::from_millis(seconds * 1000));
    let mut made = Address::manual(net("2001:db8::7/64"));
    (made.origin, made.state, made.valid_until) = (AddressOrigin::Stable, AddressState::Tentative, end(100));
    let (before, mut tried) = (bare(), bare());
    tried.links[0].addresses.push(made);
    tried.routes = vec![route("2001:db8::/64", None), route("::/0", Some("fe80::1"))];
    assert_eq!(told(&before, &tried), ["route /0 by gateway 0x600", "route /64 0x600"]);
    let mut usable = tried.clone();
    usable.links[0].addresses[0].state = AddressState::Preferred;
    assert_eq!(told(&tried, &usable), ["address 2001:db8::7", "local 0x600"]);
    let mut longer = usable.clone();
    longer.links[0].addresses[0].valid_until = end(200);
    assert_eq!(told(&usable, &longer), ["address 2001:db8::7"]);
    let mut old = longer.clone();
    old.links[0].addresses[0].state = AddressState::Deprecated;
    assert_eq!(told(&longer, &old), ["address 2001:db8::7"]);
    let mut gone = old.clone();
    gone.links[0].addresses.clear();
    gone.routes.clear();
    assert_eq!(told(&old, &gone), ["no route /0 by gateway", "no address 2001:db8::7", "no local", "no route /64"]);
}

#[test]
fn of_a_second_gateway_is_told_that_it_is_not_the_first() {
    let (mut one, mut two) = (bare(), bare());
    one.routes = vec![route("::/0", Some("fe80::1"))];
    two.routes = vec![route("::/0", Some("fe80::1")), route("::/0", Some("fe80::2"))];
    assert_eq!(told(&one, &two), ["route /0 by gateway 0x400"]);
}

#[test]
fn a_neighbour_is_told_when_it_answers_and_when_it_does_not() {
    let mac = Some(Mac([2, 0, 0, 0, 0, 9]));
    let at = |state, mac| Network { neighbors: vec![neighbor(state, mac)], ..bare() };
    let asked = at(NeighborState::Incomplete, None);
    let there = at(NeighborState::Reachable, mac);
    let doubted = at(NeighborState::Delay, mac);
    let moved = at(NeighborState::Reachable, Some(Mac([2, 0, 0, 0, 0, 8])));
    assert!(told(&bare(), &asked).is_empty());
    assert_eq!(told(&asked, &there), ["neighbour Reachable"]);
    assert_eq!(told(&there, &moved), ["neighbour Reachable"]);
    assert!(told(&there, &doubted).is_empty());
    assert_eq!(told(&doubted, &at(NeighborState::Probe, mac)), ["neighbour Probe"]);
    assert_eq!(told(&asked, &bare()), ["neighbour Failed", "no neighbour Failed"]);
}
