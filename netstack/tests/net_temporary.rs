//! Temporary addresses (RFC 8981).

mod common;
mod tcp_common;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};

use common::*;
use netstack::TemporaryAddresses;
use netstack::iface::{Address, AddressOrigin, AddressState};
use netstack::link::Mac;
use netstack::time::Duration;
use netstack::wire::ethernet;
use netstack::wire::ndp;
use tcp_common::Socket;

const HOUR: u64 = 3600;
const FOREVER: u32 = u32::MAX;

/// A node that makes temporary addresses, and has heard a router offer its prefix for these times in seconds.
fn host(seed: u64, how: TemporaryAddresses, valid: u32, preferred: u32) -> (Net, NodeId) {
    let (mut net, a) = listener(seed);
    net.stack(a).use_temporary_addresses(ETH, how).expect("attached");
    hear(&mut net, a, silent(), &[prefix(valid, preferred)]);
    net.run_for(Duration::from_secs(3));
    (net, a)
}

/// Addresses of this origin, oldest first.
fn addresses(net: &mut Net, a: NodeId, origin: AddressOrigin) -> Vec<Address> {
    let view = net.stack(a).interfaces().find(|i| i.index == ETH).expect("attached");
    view.addresses.iter().filter(|address| address.origin == origin).copied().collect()
}

fn temporary(net: &mut Net, a: NodeId) -> Vec<Address> {
    addresses(net, a, AddressOrigin::Temporary)
}

/// Where packets to a neighbour in the network come from.
fn source(net: &mut Net, a: NodeId) -> Option<IpAddr> {
    net.stack(a).source_for(Ipv6Addr::from_bits(NET.to_bits() | 0x77).into())
}

#[test]
fn without_being_asked_a_host_makes_none() {
    let (mut net, a) = host(1, TemporaryAddresses::Off, 7200, 3600);
    assert_eq!(temporary(&mut net, a), []);
    assert_eq!(addresses(&mut net, a, AddressOrigin::Stable).len(), 1);
}

#[test]
fn who_prefers_them_sends_from_them() {
    for (how, from) in
        [(TemporaryAddresses::On, AddressOrigin::Stable), (TemporaryAddresses::Preferred, AddressOrigin::Temporary)]
    {
        let (mut net, a) = host(2, how, 7200, 3600);
        assert_eq!(temporary(&mut net, a).len(), 1);
        let from = addresses(&mut net, a, from)[0];
        assert_eq!((source(&mut net, a), from.state), (Some(from.net.addr), AddressState::Preferred));
    }
}

#[test]
fn a_temporary_address_lasts_as_long_as_the_router_says_and_no_longer_than_a_day() {
    let (mut net, a) = host(3, TemporaryAddresses::Preferred, FOREVER, FOREVER);
    let now = net.now();
    let one = temporary(&mut net, a)[0];
    let lasts = |until: Option<netstack::time::Instant>| until.expect("an end").since(now).as_secs();
    // A day less DESYNC_FACTOR, which is at most two fifths of it; two days.
    assert!((24 * HOUR * 3 / 5 - 4..=24 * HOUR).contains(&lasts(one.preferred_until)));
    assert!((48 * HOUR - 4..=48 * HOUR).contains(&lasts(one.valid_until)));
    // A router that says less is heeded, with the two hours of RFC 4862 §5.5.3 (e).
    hear(&mut net, a, silent(), &[prefix(8000, 600)]);
    let [one] = temporary(&mut net, a)[..] else { panic!("one") };
    assert_eq!((lasts(one.preferred_until), lasts(one.valid_until)), (600, 8000));
    // One that says more again does not make it last longer than it would have.
    hear(&mut net, a, silent(), &[prefix(FOREVER, FOREVER)]);
    let again = temporary(&mut net, a)[0];
    assert!(lasts(again.preferred_until) <= 24 * HOUR && lasts(again.valid_until) <= 48 * HOUR);
    // One that would end at once is not made: REGEN_ADVANCE is five seconds.
    for (preferred, count) in [(0, 0), (5, 0), (9, 1)] {
        let (mut net, a) = host(4, TemporaryAddresses::Preferred, 7200, preferred);
        assert_eq!(temporary(&mut net, a).len(), count, "{preferred}");
    }
}

#[test]
fn each_is_preferred_for_a_time_of_its_own() {
    // RFC 8981 §3.8, DESYNC_FACTOR: those who hear of a prefix at once do not all change at once.
    let minutes = |seed| {
        let (mut net, a) = host(seed, TemporaryAddresses::Preferred, FOREVER, FOREVER);
        let until = temporary(&mut net, a)[0].preferred_until.expect("an end");
        until.since(net.now()).as_secs() / 60
    };
    let seen: BTreeSet<u64> = (0..20).map(minutes).collect();
    assert!(seen.len() > 15 && seen.first() < Some(&(18 * 60)) && seen.last() > Some(&(21 * 60)), "{seen:?}");
}

#[test]
fn another_one_takes_its_place_before_it_is_deprecated() {
    let (mut net, a) = host(5, TemporaryAddresses::Preferred, FOREVER, FOREVER);
    let mut used = vec![source(&mut net, a)];
    let mut most = 0;
    for _ in 0..7 * 24 * 60 {
        net.run_for(Duration::from_secs(60));
        let from = source(&mut net, a);
        if used.last() != Some(&from) {
            used.push(from);
        }
        let all = temporary(&mut net, a);
        most = most.max(all.len());
        let ours = all.iter().find(|address| Some(address.net.addr) == from).expect("always a temporary one");
        assert_eq!(ours.state, AddressState::Preferred);
    }
    // Seven days of addresses that last from 0.6 to 1 day, and each is there for two.
    assert!((7..=12).contains(&used.len()) && (2..=4).contains(&most), "{} {most}", used.len());
    let distinct: BTreeSet<_> = used.iter().collect();
    assert_eq!(distinct.len(), used.len());
}

#[test]
fn one_that_is_taken_is_replaced_and_after_four_there_are_no_more() {
    let (mut net, a) = listener(6);
    net.stack(a).use_temporary_addresses(ETH, TemporaryAddresses::Preferred).expect("attached");
    hear(&mut net, a, silent(), &[prefix(7200, 3600)]);
    let mut seen = Vec::new();
    for _ in 0..4 {
        let [.., last] = temporary(&mut net, a)[..] else { panic!("one is tried") };
        assert_eq!(last.state, AddressState::Tentative);
        seen.push(last.net.addr);
        let IpAddr::V6(addr) = last.net.addr else { panic!("of IPv6") };
        let claim = ndp::neighbor_advertisement(addr, STRANGER, false, false, true);
        let claim = icmpv6_packet(addr, ndp::ALL_NODES, 255, claim);
        net.inject(a, ETH, &ethernet_frame(Mac([0xb2, 0xa0, 0, 0, 0, 1]), STRANGER, ethernet::IPV6, &claim));
    }
    seen.dedup();
    assert_eq!(seen.len(), 4);
    hear(&mut net, a, silent(), &[prefix(7200, 3600)]);
    net.run_for(Duration::from_secs(3));
    assert!(temporary(&mut net, a).iter().all(|address| address.state == AddressState::Duplicate));
    assert_eq!(source(&mut net, a), Some(addresses(&mut net, a, AddressOrigin::Stable)[0].net.addr));
}

#[test]
fn a_program_may_prefer_the_other_kind() {
    for (how, wish) in [(TemporaryAddresses::On, true), (TemporaryAddresses::Preferred, false)] {
        let (mut net, a) = host(7, how, 7200, 3600);
        let of = |net: &mut Net, temporary: bool| {
            let origin = if temporary { AddressOrigin::Temporary } else { AddressOrigin::Stable };
            addresses(net, a, origin)[0].net.addr
        };
        let there = "[2001:db8:0:1::77]:9";
        let connected = |net: &mut Net, wish: Option<bool>| {
            let udp = net.udp(a);
            net.stack(a).udp_options(udp.id).expect("open").v6.temporary = wish;
            net.stack(a).udp_connect(udp.id, Some(there.parse().expect("good"))).expect("a way");
            net.stack(a).udp_local(udp.id).expect("bound").ip()
        };
        assert_eq!(connected(&mut net, None), of(&mut net, !wish));
        assert_eq!(connected(&mut net, Some(wish)), of(&mut net, wish));
        let stream = Socket::connect_with(&mut net, a, there, 4096, |options| options.temporary = Some(wish));
        assert_eq!(stream.status(&mut net).local.expect("chosen").ip(), of(&mut net, wish));
    }
}
