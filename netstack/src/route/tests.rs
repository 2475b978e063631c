use core::net::Ipv4Addr;

use super::*;

fn net(text: &str) -> IpNet {
    let (addr, len) = text.split_once('/').expect("a slash");
    IpNet { addr: addr.parse().expect("an address"), prefix_len: len.parse().expect("a length") }
}

fn route(dst: &str, on: u32, metric: u32) -> Route {
    Route { dst: net(dst), via: None, on: IfIndex(on), metric }
}

#[test]
fn longest_prefix_then_lowest_metric_then_oldest() {
    let mut routes = Routes::default();
    for r in [
        route("0.0.0.0/0", 2, 0),
        route("10.0.0.0/8", 3, 5),
        route("10.1.0.0/16", 4, 100),
        route("10.0.0.0/8", 5, 1),
        route("10.0.0.0/8", 6, 1),
    ] {
        routes.add(r).expect("a good route");
    }
    let to = |dst: [u8; 4]| routes.lookup(Ipv4Addr::from(dst).into(), |_| true).map(|r| r.on.0);
    assert_eq!(to([10, 1, 2, 3]), Some(4));
    assert_eq!(to([10, 2, 2, 3]), Some(5));
    assert_eq!(to([8, 8, 8, 8]), Some(2));
    let without = |down| routes.lookup(Ipv4Addr::new(10, 2, 0, 1).into(), |on| on != IfIndex(down)).map(|r| r.on.0);
    assert_eq!(without(5), Some(6), "a route by an interface that is down is passed over");
}

#[test]
fn what_is_no_route_is_refused() {
    let mut routes = Routes::default();
    assert_eq!(routes.add(route("10.0.0.1/8", 2, 0)), Err(RouteError::Invalid));
    assert_eq!(routes.add(route("10.0.0.1/33", 2, 0)), Err(RouteError::Invalid));
    assert_eq!(routes.add(route("10.0.0.0/8", 2, 0)), Ok(()));
    assert_eq!(routes.add(route("10.0.0.0/8", 2, 0)), Err(RouteError::Exists));
    assert_eq!(routes.remove(&route("10.0.0.0/8", 2, 1)), Err(RouteError::NotFound));
    assert_eq!(routes.remove(&route("10.0.0.0/8", 2, 0)), Ok(()));
    assert!(routes.lookup(Ipv4Addr::new(10, 0, 0, 1).into(), |_| true).is_none());
}

#[test]
fn nets_of_every_length() {
    assert_eq!(net("10.1.2.3/0").mask(), IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    assert_eq!(net("10.1.2.3/32").mask(), IpAddr::V4(Ipv4Addr::BROADCAST));
    assert_eq!(net("10.1.2.3/24").network(), net("10.1.2.0/24"));
    assert_eq!(net("10.1.2.3/24").broadcast(), Some(Ipv4Addr::new(10, 1, 2, 255)));
    assert_eq!(net("10.1.2.3/31").broadcast(), None);
    assert!(net("10.1.2.3/31").contains(Ipv4Addr::new(10, 1, 2, 2).into()));
    assert!(!net("10.1.2.3/31").contains(Ipv4Addr::new(10, 1, 2, 4).into()));
}
