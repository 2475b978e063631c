//! The count of changes of interfaces, addresses, routes and neighbours, by which a caller knows when to look.

mod common;

use std::net::Ipv4Addr;

use common::*;
use netstack::NeighborState;
use netstack::ip::IpNet;
use netstack::route::Route;
use netstack::time::Duration;

/// What the count is of.
fn tables(net: &mut Net, node: NodeId) -> String {
    let stack = net.stack(node);
    let links: Vec<_> = stack.interfaces().map(|link| (link.up, link.mtu, link.addresses.to_vec())).collect();
    let mut neighbors = stack.neighbors();
    // Those that are about to be asked are as they were before.
    for row in &mut neighbors {
        if row.state == NeighborState::Delay {
            row.state = NeighborState::Stale;
        }
    }
    format!("{links:?} {:?} {neighbors:?}", stack.routes())
}

/// Runs the network and sees that no change is missing in the count. Returns how many there were.
fn watched(net: &mut Net, node: NodeId, mut left: Duration) -> u64 {
    let step = Duration::from_millis(10);
    let begun = net.stack(node).network_changes();
    let mut known = (begun, tables(net, node));
    while !left.is_zero() {
        net.run_for(step);
        left = left.saturating_sub(step);
        let now = (net.stack(node).network_changes(), tables(net, node));
        assert!(now.1 == known.1 || now.0 > known.0, "{}\nbecame\n{}", known.1, now.1);
        known = now;
    }
    known.0 - begun
}

#[test]
fn what_the_caller_sets_is_counted() {
    let (mut net, a, _) = Net::pair(1, Link::default());
    let now = net.now();
    let stack = net.stack(a);
    let mut last = stack.network_changes();
    let mut counts = |stack: &mut netstack::Stack, what: &str| {
        assert!(stack.network_changes() > last, "{what}");
        last = stack.network_changes();
    };
    stack.add_address(now, ETH, Ipv4Addr::new(10, 0, 1, 1), 24).expect("a good address");
    counts(stack, "an address");
    let dst = IpNet::new(Ipv4Addr::new(10, 9, 0, 0), 16);
    let route = Route { dst, via: Some(Ipv4Addr::new(10, 0, 1, 9).into()), on: ETH, metric: 0 };
    stack.add_route(route).expect("a way");
    counts(stack, "a route");
    stack.remove_route(&route).expect("it is there");
    counts(stack, "a route that goes");
    stack.set_neighbor(now, ETH, Ipv4Addr::new(10, 0, 1, 9).into(), STRANGER).expect("an interface");
    counts(stack, "a neighbour");
    stack.forget_neighbor(now, ETH, Ipv4Addr::new(10, 0, 1, 9).into()).expect("it is there");
    counts(stack, "a neighbour that goes");
    stack.remove_address(now, ETH, Ipv4Addr::new(10, 0, 1, 1)).expect("it is there");
    counts(stack, "an address that goes");
    stack.set_up(now, ETH, false).expect("it is there");
    counts(stack, "down");
    stack.set_up(now, ETH, true).expect("it is there");
    counts(stack, "up");
}

#[test]
fn what_a_router_brings_and_time_takes_is_counted() {
    let (mut net, a) = listener(2);
    hear(&mut net, a, silent(), &[prefix(30, 20)]);
    assert!(watched(&mut net, a, Duration::from_secs(10)) > 0);
    // Another preference is another route.
    hear(&mut net, a, netstack::wire::ndp::RouterAdvertisement { preference: 1, ..silent() }, &[prefix(7200, 20)]);
    assert!(watched(&mut net, a, Duration::from_secs(40)) > 0);
}

#[test]
fn the_life_of_a_neighbour_is_counted() {
    let (mut net, a, b) = Net::pair(3, Link::default());
    let from = net.udp(a);
    let _to = net.udp_at(b, "10.0.0.2:7");
    for to in ["10.0.0.2:7", "10.0.0.3:7"] {
        net.udp_send(&from, to, b"x").expect("queued");
    }
    assert!(watched(&mut net, a, Duration::from_secs(60)) > 0);
    net.udp_send(&from, "10.0.0.2:7", b"x").expect("queued");
    assert!(watched(&mut net, a, Duration::from_secs(60)) > 0);
}

#[test]
fn traffic_is_no_change() {
    let (mut net, a, b) = Net::pair(4, Link::default());
    let from = net.udp(a);
    let _to = net.udp_at(b, "10.0.0.2:7");
    net.udp_send(&from, "10.0.0.2:7", b"x").expect("queued");
    net.run_for(Duration::from_millis(10));
    for _ in 0..100 {
        net.udp_send(&from, "10.0.0.2:7", b"x").expect("queued");
        assert_eq!(watched(&mut net, a, Duration::from_millis(20)), 0);
    }
}
