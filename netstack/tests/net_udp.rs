//! UDP: who gets what, broadcast, multicast, sizes, and full links.

mod common;

use std::net::{Ipv4Addr, SocketAddr};

use common::*;
use netstack::link::IfIndex;
use netstack::socket::{BindError, BindOptions, ConnectError, GroupError, SendError, SendOptions};
use netstack::time::Duration;
use netstack::wire::ipv4;

const B: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

fn addr(text: &str) -> SocketAddr {
    text.parse().expect("an address and port")
}

fn settle(net: &mut Net) {
    net.run_for(Duration::from_millis(10));
}

#[test]
fn a_datagram_and_its_answer() {
    let (mut net, a, b) = Net::pair(1, Link::default());
    let mut client = net.udp(a);
    let mut server = net.udp_at(b, "0.0.0.0:53");
    net.udp_send(&client, "10.0.0.2:53", b"question").expect("sent");
    settle(&mut net);
    let (header, payload) = server.recv().expect("the question");
    assert_eq!(
        (payload, header.dst, header.src.ip()),
        (b"question".to_vec(), addr("10.0.0.2:53"), addr("10.0.0.1:1").ip())
    );
    assert!((32768..=60999).contains(&header.src.port()));
    assert_eq!((header.on, header.ttl, header.timestamp), (IfIndex(2), 64, header.timestamp));
    assert_eq!(net.touched(b), [server.key]);
    net.udp_send(&server, &header.src.to_string(), b"answer").expect("sent");
    settle(&mut net);
    assert_eq!(client.recv().expect("the answer").1, b"answer");
}

#[test]
fn every_size_up_to_the_largest_over_every_mtu() {
    for link in
        [Link::default(), Link { mtu: 68, ..Link::default() }, Link { mtu: 9001, ..Link::default() }, Link::bus()]
    {
        let (mut net, a, b) = Net::pair(2, link);
        let from = net.udp(a);
        // Of the shortest there are many fragments.
        net.stack(a).set_send_buffer(from.id, 4 << 20);
        let mut to = net.udp_at(b, "10.0.0.2:7");
        for len in [0, 1, 7, 8, 39, 40, 41, 1471, 1472, 1473, 2952, 2953, 8973, 8974, 30_000, 65_506, 65_507] {
            let payload: Vec<u8> = (0..len as u32).map(|n| (n * 7 + len as u32) as u8).collect();
            assert_eq!(net.udp_send(&from, "10.0.0.2:7", &payload), Ok(len));
            settle(&mut net);
            assert_eq!(to.recv().map(|(_, data)| data.len()), Some(len));
        }
        assert_eq!(net.udp_send(&from, "10.0.0.2:7", &[0; 65_508]), Err(SendError::MessageTooLong));
    }
}

#[test]
fn the_largest_datagram_is_one_frame_on_the_bus() {
    let (mut net, a, b) = Net::pair(3, Link::bus());
    let from = net.udp(a);
    net.udp_at(b, "10.0.0.2:7");
    net.udp_send(&from, "10.0.0.2:7", b"resolve").expect("sent");
    settle(&mut net);
    net.trace.clear();
    net.udp_send(&from, "10.0.0.2:7", &[1; 65_507]).expect("sent");
    let frames: Vec<usize> = net.trace.iter().map(|seen| seen.frame.len()).collect();
    assert_eq!(frames, [65_549]);
}

#[test]
fn what_must_not_be_fragmented_is_not() {
    let (mut net, a, _) = Net::pair(4, Link::default());
    let from = net.udp(a);
    net.stack(a).udp_options(from.id).expect("open").mtu_discovery = netstack::datagram::MtuDiscovery::Do;
    assert_eq!(net.udp_send(&from, "10.0.0.2:7", &[0; 1473]), Err(SendError::MessageTooLong));
    assert_eq!(net.udp_send(&from, "10.0.0.2:7", &[0; 1472]), Ok(1472));
}

#[test]
fn our_own_addresses_are_reached_over_loopback() {
    let (mut net, a, _) = Net::pair(5, Link::default());
    settle(&mut net);
    net.trace.clear();
    let from = net.udp(a);
    let mut any = net.udp_at(a, "0.0.0.0:7");
    for (to, src) in [
        ("127.0.0.1:7", "127.0.0.1"),
        ("127.9.9.9:7", "127.9.9.9"),
        ("10.0.0.1:7", "10.0.0.1"),
        ("0.0.0.0:7", "127.0.0.1"),
    ] {
        net.udp_send(&from, to, b"to myself").expect("sent");
        let (header, payload) = any.recv().expect("there at once");
        assert_eq!((header.src.ip().to_string(), header.on, payload.len()), (src.to_string(), IfIndex(1), 9));
    }
    assert!(net.trace.is_empty(), "no frame on any link");
    let lo = net.stack(a).interfaces().next().expect("lo").counters;
    assert_eq!((lo.rx.packets, lo.tx.packets), (4, 4));
}

#[test]
fn a_loopback_address_is_no_source_outside() {
    let (mut net, a, _) = Net::pair(5, Link::default());
    settle(&mut net);
    net.trace.clear();
    let bound = net.udp_at(a, "127.0.0.1:5000");
    assert_eq!(net.udp_send(&bound, "10.0.0.2:7", b"x"), Err(SendError::NetUnreachable));
    assert_eq!(net.stack(a).udp_connect(bound.id, Some(addr("10.0.0.2:7"))), Err(ConnectError::NetUnreachable));
    net.udp_send(&bound, "10.0.0.1:7", b"x").expect("our other address is inside");
    assert!(net.trace.is_empty(), "no frame on any link");
}

#[test]
fn a_closed_port_on_loopback_refuses_at_once() {
    let mut net = Net::new(6);
    let a = net.node();
    let socket = net.udp(a);
    net.stack(a).udp_connect(socket.id, Some(addr("127.0.0.1:9"))).expect("lo is always there");
    for _ in 0..50 {
        net.udp_send(&socket, "127.0.0.1:9", b"anybody?").expect("sent");
        let error = net.stack(a).udp_take_error(socket.id);
        assert_eq!(error, Some(netstack::socket::SocketError::Refused), "not rate-limited");
    }
}

#[test]
fn no_route_is_an_error_at_once() {
    let mut net = Net::new(7);
    let a = net.node();
    let socket = net.udp(a);
    assert_eq!(net.udp_send(&socket, "10.0.0.2:7", b"x"), Err(SendError::NetUnreachable));
    assert_eq!(net.udp_send(&socket, "255.255.255.255:7", b"x"), Err(SendError::NetUnreachable));
    assert_eq!(net.stack(a).udp_connect(socket.id, Some(addr("10.0.0.2:7"))), Err(ConnectError::NetUnreachable));
}

#[test]
fn a_connected_socket_hears_its_peer_alone_and_is_found_first() {
    let (mut net, a, b) = Net::pair(8, Link::default());
    let (peer, other) = (net.udp_at(a, "10.0.0.1:1000"), net.udp_at(a, "10.0.0.1:2000"));
    let both = BindOptions { reuse_addr: true, ..BindOptions::default() };
    let (mut connected, mut open) = (net.udp(b), net.udp(b));
    for socket in [&connected, &open] {
        net.stack(b).udp_bind(socket.id, addr("10.0.0.2:7"), both).expect("shared");
    }
    net.stack(b).udp_connect(connected.id, Some(addr("10.0.0.1:1000"))).expect("a route");
    net.udp_send(&peer, "10.0.0.2:7", b"peer").expect("sent");
    net.udp_send(&other, "10.0.0.2:7", b"other").expect("sent");
    settle(&mut net);
    assert_eq!(connected.recv().expect("from its peer").1, b"peer");
    assert!(connected.recv().is_none());
    assert_eq!(open.recv().expect("from everybody else").1, b"other");
    net.stack(b).udp_connect(connected.id, None).expect("disconnected");
    assert_eq!(net.stack(b).udp_status(connected.id).expect("open").local, addr("10.0.0.2:7"), "bind stays");
}

#[test]
fn disconnecting_forgets_what_connecting_chose() {
    let (mut net, a, _) = Net::pair(9, Link::default());
    let socket = net.udp(a);
    net.stack(a).udp_connect(socket.id, Some(addr("10.0.0.2:7"))).expect("a route");
    let status = net.stack(a).udp_status(socket.id).expect("open");
    assert_eq!((status.local.ip(), status.remote), (addr("10.0.0.1:0").ip(), Some(addr("10.0.0.2:7"))));
    net.stack(a).udp_connect(socket.id, None).expect("disconnected");
    let status = net.stack(a).udp_status(socket.id).expect("open");
    assert_eq!((status.local, status.remote), (addr("0.0.0.0:0"), None));
    let now = net.now();
    assert_eq!(
        net.stack(a).udp_send(now, socket.id, None, &[b"x"], &Default::default()),
        Err(SendError::DestinationRequired)
    );
}

#[test]
fn the_rules_of_bind() {
    let (mut net, a, _) = Net::pair(10, Link::default());
    let plain = BindOptions::default();
    let addr_reuse = BindOptions { reuse_addr: true, ..BindOptions::default() };
    let port_reuse = BindOptions { reuse_port: true, ..BindOptions::default() };
    let in_use = Err(BindError::AddrInUse);
    // First bind, second bind, what becomes of the second.
    for (first, second, outcome) in [
        (("0.0.0.0:7", plain), ("0.0.0.0:7", plain), in_use),
        (("0.0.0.0:7", plain), ("10.0.0.1:7", plain), in_use),
        (("10.0.0.1:7", plain), ("0.0.0.0:7", plain), in_use),
        (("10.0.0.1:7", plain), ("127.0.0.1:7", plain), Ok(addr("127.0.0.1:7"))),
        (("10.0.0.1:7", plain), ("10.0.0.1:8", plain), Ok(addr("10.0.0.1:8"))),
        (("0.0.0.0:7", addr_reuse), ("0.0.0.0:7", plain), in_use),
        (("0.0.0.0:7", plain), ("0.0.0.0:7", addr_reuse), in_use),
        (("0.0.0.0:7", addr_reuse), ("0.0.0.0:7", addr_reuse), Ok(addr("0.0.0.0:7"))),
        (("0.0.0.0:7", port_reuse), ("0.0.0.0:7", port_reuse), Ok(addr("0.0.0.0:7"))),
        (("0.0.0.0:7", port_reuse), ("0.0.0.0:7", addr_reuse), in_use),
        (("0.0.0.0:7", plain), ("10.0.0.3:7", plain), Err(BindError::AddrNotAvailable)),
        (("0.0.0.0:7", plain), ("10.0.0.255:8", plain), Ok(addr("10.0.0.255:8"))),
        (("0.0.0.0:7", plain), ("239.1.1.1:8", plain), Ok(addr("239.1.1.1:8"))),
    ] {
        let (one, two) = (net.udp(a), net.udp(a));
        net.stack(a).udp_bind(one.id, addr(first.0), first.1).expect("the first");
        assert_eq!(net.stack(a).udp_bind(two.id, addr(second.0), second.1), outcome, "{first:?} {second:?}");
        assert_eq!(net.stack(a).udp_bind(one.id, addr("0.0.0.0:99"), plain), Err(BindError::InvalidState));
        net.stack(a).udp_close(one.id);
        net.stack(a).udp_close(two.id);
        let (keys, stale) = ([one.key, two.key], one.id);
        net.poll(a);
        assert_eq!(net.released(a), keys);
        assert_eq!(net.stack(a).udp_bind(stale, addr("0.0.0.0:7"), plain), Err(BindError::NotFound));
    }
}

#[test]
fn reuseport_spreads_flows_and_keeps_each_together() {
    let (mut net, a, b) = Net::pair(11, Link::default());
    let reuse = BindOptions { reuse_port: true, ..BindOptions::default() };
    let mut workers: Vec<Udp> = (0..4).map(|_| net.udp(b)).collect();
    for worker in &workers {
        net.stack(b).udp_bind(worker.id, addr("0.0.0.0:7"), reuse).expect("shared");
    }
    for _ in 0..40 {
        let client = net.udp(a);
        net.udp_send(&client, "10.0.0.2:7", b"1").expect("sent");
        net.udp_send(&client, "10.0.0.2:7", b"2").expect("sent");
        settle(&mut net);
    }
    let mut total = 0;
    for worker in &mut workers {
        let ports: Vec<u16> = std::iter::from_fn(|| worker.recv()).map(|(header, _)| header.src.port()).collect();
        assert!(ports.len() > 2, "every worker gets some");
        assert!(ports.chunks(2).all(|pair| pair[0] == pair[1]), "a flow stays with one");
        total += ports.len();
    }
    assert_eq!(total, 80);
}

#[test]
fn broadcast_must_be_asked_for_and_reaches_everybody() {
    let mut net = Net::new(12);
    let link = net.link(Link::default());
    let nodes: Vec<NodeId> = (0..3).map(|_| net.node()).collect();
    for (n, node) in nodes.iter().enumerate() {
        net.join(*node, link, &format!("10.0.0.{}/24", n + 1));
    }
    let mut ears: Vec<Udp> = nodes.iter().map(|node| net.udp_at(*node, "0.0.0.0:67")).collect();
    let mut deaf = net.udp_at(nodes[1], "10.0.0.2:67".replace("67", "68").as_str());
    let from = net.udp(nodes[0]);
    assert_eq!(net.udp_send(&from, "10.0.0.255:67", b"hello all"), Err(SendError::AccessDenied));
    assert_eq!(net.stack(nodes[0]).udp_connect(from.id, Some(addr("10.0.0.255:67"))), Err(ConnectError::AccessDenied));
    net.stack(nodes[0]).udp_options(from.id).expect("open").broadcast = true;
    assert_eq!(net.udp_send(&from, "10.0.0.255:67", b"hello all"), Ok(9));
    assert_eq!(net.udp_send(&from, "10.0.0.255:68", b"hello some"), Ok(10));
    settle(&mut net);
    for ear in &mut ears {
        let (header, payload) = ear.recv().expect("every node, the sender too");
        assert_eq!((header.dst, payload), (addr("10.0.0.255:67"), b"hello all".to_vec()));
        assert!(ear.recv().is_none());
    }
    assert!(deaf.recv().is_none(), "bound to a unicast address");
    let sink = IfIndex(2);
    net.stack(nodes[0]).udp_options(from.id).expect("open").bound_to = Some(sink);
    assert_eq!(net.udp_send(&from, "255.255.255.255:67", b"limited"), Ok(7));
    settle(&mut net);
    assert_eq!(ears[2].recv().expect("the limited broadcast").1, b"limited");
}

#[test]
fn multicast_reaches_those_who_joined() {
    let mut net = Net::new(13);
    let link = net.link(Link::default());
    let nodes: Vec<NodeId> = (0..3).map(|_| net.node()).collect();
    for (n, node) in nodes.iter().enumerate() {
        net.join(*node, link, &format!("10.0.0.{}/24", n + 1));
    }
    let group = Ipv4Addr::new(239, 1, 2, 3);
    let on = Some(IfIndex(2));
    let mut ears: Vec<Udp> = nodes.iter().map(|node| net.udp_at(*node, "0.0.0.0:5353")).collect();
    assert_eq!(net.stack(nodes[1]).group_join(ears[1].id, group, on), Ok(()));
    assert_eq!(net.stack(nodes[1]).group_join(ears[1].id, group, on), Err(GroupError::AlreadyMember));
    assert_eq!(net.stack(nodes[1]).group_join(ears[1].id, B, on), Err(GroupError::Invalid));
    assert_eq!(net.stack(nodes[1]).group_join(ears[1].id, group, None), Err(GroupError::NoInterface), "no route");
    let from = net.udp(nodes[0]);
    net.stack(nodes[0]).udp_options(from.id).expect("open").multicast_on = on;
    net.udp_send(&from, "239.1.2.3:5353", b"members").expect("sent");
    settle(&mut net);
    let (header, payload) = ears[1].recv().expect("a member");
    assert_eq!((payload, header.ttl, header.dst), (b"members".to_vec(), 1, addr("239.1.2.3:5353")));
    assert!(ears[0].recv().is_none() && ears[2].recv().is_none());
    // The sender's own host, once it is a member, and unless it says otherwise (IP_MULTICAST_LOOP).
    net.stack(nodes[0]).group_join(ears[0].id, group, on).expect("joined");
    net.udp_send(&from, "239.1.2.3:5353", b"loop").expect("sent");
    assert_eq!(ears[0].recv().expect("looped").1, b"loop");
    net.stack(nodes[0]).udp_options(from.id).expect("open").multicast_loop = false;
    net.udp_send(&from, "239.1.2.3:5353", b"no loop").expect("sent");
    settle(&mut net);
    assert!(ears[0].recv().is_none());
    while ears[1].recv().is_some() {}
    net.stack(nodes[1]).group_leave(ears[1].id, group, on).expect("left");
    assert_eq!(net.stack(nodes[1]).group_leave(ears[1].id, group, on), Err(GroupError::NotMember));
    net.udp_send(&from, "239.1.2.3:5353", b"gone").expect("sent");
    settle(&mut net);
    assert!(ears[1].recv().is_none());
}

#[test]
fn a_full_ring_drops_and_counts() {
    let (mut net, a, b) = Net::pair(14, Link::default());
    let from = net.udp(a);
    let mut to = net.udp_at(b, "10.0.0.2:7");
    for _ in 0..300 {
        net.udp_send(&from, "10.0.0.2:7", &[0; 1400]).expect("sent");
        net.run_for(Duration::from_millis(1));
    }
    let dropped = net.stack(b).udp_status(to.id).expect("open").dropped;
    let received = std::iter::from_fn(|| to.recv()).count() as u64;
    assert!(dropped > 0);
    assert_eq!(received + dropped, 300);
}

#[test]
fn a_full_link_makes_senders_wait_and_touches_them() {
    let slow = Link { rate: Some(1_000_000), queue: 10_000, ..Link::default() };
    let (mut net, a, b) = Net::pair(15, slow);
    let from = net.udp(a);
    let mut to = net.udp_at(b, "10.0.0.2:7");
    net.udp_send(&from, "10.0.0.2:7", b"resolve").expect("sent");
    settle(&mut net);
    assert_eq!(to.recv().expect("first").1, b"resolve");
    let mut sent = 0;
    while net.udp_send(&from, "10.0.0.2:7", &[0; 1400]).is_ok() {
        sent += 1;
        assert!(sent < 2000, "no end of room");
    }
    assert!(!net.stack(a).is_writable(from.id));
    assert!(net.memory(a).charged() < 2 << 20);
    net.touched(a);
    assert!(net.run_until(Duration::from_secs(5), |net| net.touched(a).contains(&from.key)));
    assert!(net.stack(a).is_writable(from.id));
    net.run_for(Duration::from_secs(1));
    let dropped = net.stack(b).udp_status(to.id).expect("open").dropped as usize;
    assert_eq!(std::iter::from_fn(|| to.recv()).count() + dropped, sent, "what was taken was sent");
    assert_eq!(net.memory(a).charged(), 0);
}

#[test]
fn at_the_memory_limit_nothing_is_queued() {
    let (mut net, a, _) = Net::pair(16, Link::default());
    settle(&mut net);
    net.memory(a).set_limit(1000);
    let from = net.udp(a);
    assert_eq!(net.udp_send(&from, "10.0.0.2:7", &[0; 1400]), Err(SendError::NoBuffers));
    net.memory(a).set_limit(usize::MAX);
    assert_eq!(net.udp_send(&from, "10.0.0.2:7", &[0; 1400]), Ok(1400));
}

#[test]
fn a_gateway_leads_out_of_the_net() {
    let (mut net, a, b) = Net::pair(17, Link::default());
    let on = IfIndex(2);
    let mut far = net.udp_at(b, "0.0.0.0:7");
    let now = net.now();
    net.stack(b).add_address(now, on, Ipv4Addr::new(192, 0, 2, 1), 24).expect("a second net");
    let route = |via: Ipv4Addr| netstack::route::Route {
        dst: netstack::IpNet::DEFAULT_V4,
        via: Some(via.into()),
        on,
        metric: 0,
    };
    let gateway = Ipv4Addr::new(172, 16, 0, 1);
    assert_eq!(net.stack(a).add_route(route(gateway)), Err(netstack::socket::RouteError::GatewayUnreachable));
    net.stack(a).add_route(route(B)).expect("on the link");
    let from = net.udp(a);
    net.udp_send(&from, "192.0.2.1:7", b"far").expect("sent");
    settle(&mut net);
    let (header, payload) = far.recv().expect("by way of the gateway");
    assert_eq!((header.src.ip(), payload), (addr("10.0.0.1:0").ip(), b"far".to_vec()));
}

#[test]
fn an_interface_that_is_down_carries_nothing() {
    let (mut net, a, b) = Net::pair(18, Link::default());
    let from = net.udp(a);
    let mut to = net.udp_at(b, "10.0.0.2:7");
    let (now, on) = (net.now(), IfIndex(2));
    net.stack(a).set_up(now, on, false).expect("there");
    assert_eq!(net.udp_send(&from, "10.0.0.2:7", b"x"), Err(SendError::NetUnreachable));
    net.stack(a).set_up(now, on, true).expect("there");
    assert_eq!(net.udp_send(&from, "10.0.0.2:7", b"x"), Ok(1));
    net.stack(b).set_up(now, on, false).expect("there");
    settle(&mut net);
    assert!(to.recv().is_none());
}

#[test]
fn a_noisy_link_never_delivers_rubbish() {
    let noisy =
        Link { corruption: 3000, duplication: 1000, loss: 500, jitter: Duration::from_millis(3), ..Link::default() };
    let (mut net, a, b) = Net::pair(19, noisy);
    let from = net.udp(a);
    let mut to = net.udp_at(b, "10.0.0.2:7");
    let mut received = 0;
    for n in 0..500u32 {
        let payload: Vec<u8> = (0..n * 10 % 4000).map(|k| (k * 31 + n) as u8).collect();
        let _ = net.udp_send(&from, "10.0.0.2:7", &[&n.to_be_bytes()[..], &payload].concat());
        net.run_for(Duration::from_millis(5));
        while let Some((_, data)) = to.recv() {
            let n = u32::from_be_bytes(data[..4].try_into().expect("four bytes"));
            let sent: Vec<u8> = (0..n * 10 % 4000).map(|k| (k * 31 + n) as u8).collect();
            assert_eq!(data[4..], sent);
            received += 1;
        }
    }
    assert!(received > 100, "{received}");
}

#[test]
fn a_peer_of_port_0_refuses_and_stands_for_every_port_of_its_address() {
    let (mut net, a, b) = Net::pair(40, Link::default());
    let (peer, other) = (net.udp_at(a, "10.0.0.1:1000"), net.udp_at(a, "10.0.0.1:2000"));
    let mut connected = net.udp_at(b, "10.0.0.2:7");
    assert_eq!(net.udp_send(&connected, "10.0.0.1:0", b"x"), Err(SendError::InvalidDestination), "sendto(2)");
    net.stack(b).udp_connect(connected.id, Some(addr("10.0.0.1:0"))).expect("a route");
    let now = net.now();
    let sent = net.stack(b).udp_send(now, connected.id, None, &[b"x"], &SendOptions::default());
    assert_eq!(sent, Ok(1), "send(2)");
    net.poll(b);
    settle(&mut net);
    assert_eq!(net.stack(b).udp_take_error(connected.id), Some(netstack::socket::SocketError::Refused));
    for from in [&peer, &other] {
        net.udp_send(from, "10.0.0.2:7", b"any port").expect("sent");
    }
    settle(&mut net);
    assert!(connected.recv().is_some() && connected.recv().is_some());
}

/// SO_NO_CHECK.
#[test]
fn who_wants_none_sends_no_checksum_by_ipv4() {
    let (mut net, a, b) = Net::pair(1, Link::default());
    let (from, mut ear) = (net.udp(a), net.udp_at(b, "10.0.0.2:7"));
    for no_checksum in [false, true] {
        net.stack(a).udp_options(from.id).expect("open").no_checksum = no_checksum;
        net.trace.clear();
        net.udp_send(&from, "10.0.0.2:7", b"x").expect("a way");
        net.run_for(Duration::from_millis(100));
        assert_eq!(ear.recv().expect("it came").1, b"x");
        let sent =
            net.trace.iter().filter_map(|seen| as_ipv4(&seen.frame)).find(|packet| packet.protocol() == ipv4::UDP);
        assert_eq!(sent.expect("sent").payload()[6..8] == [0, 0], no_checksum);
    }
}
