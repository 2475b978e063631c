use super::hosts;
use std::net::Ipv4Addr;

fn ends(net: [u8; 4], prefix: u8) -> (Ipv4Addr, Ipv4Addr) {
    let mut hosts = hosts(net.into(), prefix).expect("a net").map(Ipv4Addr::from_bits);
    let first = hosts.next().expect("a host");
    (first, hosts.last().unwrap_or(first))
}

#[test]
fn a_net_without_its_own_and_its_broadcast_address() {
    assert_eq!(ends([10, 0, 0, 0], 24), ([10, 0, 0, 1].into(), [10, 0, 0, 254].into()));
    assert_eq!(ends([10, 0, 0, 77], 24), ([10, 0, 0, 1].into(), [10, 0, 0, 254].into()));
    assert_eq!(ends([10, 0, 0, 4], 30), ([10, 0, 0, 5].into(), [10, 0, 0, 6].into()));
}

#[test]
fn nets_too_small_for_these_use_every_address() {
    assert_eq!(ends([10, 0, 0, 4], 31), ([10, 0, 0, 4].into(), [10, 0, 0, 5].into()));
    assert_eq!(ends([10, 0, 0, 4], 32), ([10, 0, 0, 4].into(), [10, 0, 0, 4].into()));
}

#[test]
fn the_largest_net_and_none() {
    assert_eq!(hosts(Ipv4Addr::UNSPECIFIED, 0).expect("a net").next(), Some(1));
    assert!(hosts(Ipv4Addr::UNSPECIFIED, 33).is_none());
}
