//! Ports: bind(2)'s conflicts as on Linux, ephemeral ports, four-tuples that are used again.

mod common;
mod tcp_common;

use common::{Link, Net, NodeId};
use netstack::socket::{BindError, BindOptions, ConnectError, ListenError, PortRange};
use netstack::tcp::{Close, State, TcpError, TcpId};
use netstack::time::Duration;
use netstack::{Config, Key};
use std::collections::HashSet;
use tcp_common::{Listener, Socket};

const ANY_PORT: PortRange = PortRange { least: 0, most: 0 };
const PLAIN: BindOptions = BindOptions {
    reuse_addr: false,
    reuse_port: false,
    forced: false,
    v6_only: false,
    free: false,
    on: None,
    ports: ANY_PORT,
    no_port: false,
};
const REUSE: BindOptions = BindOptions { reuse_addr: true, ..PLAIN };
const SHARE: BindOptions = BindOptions { reuse_port: true, ..PLAIN };

fn open(net: &mut Net, node: NodeId) -> TcpId {
    let key = net.memory(node).new_key();
    net.stack(node).tcp_open(key)
}

fn bind(net: &mut Net, node: NodeId, local: &str, options: BindOptions) -> Result<TcpId, BindError> {
    let id = open(net, node);
    net.stack(node).tcp_bind(id, local.parse().unwrap(), options).map(|_| id)
}

#[test]
fn two_sockets_share_a_port_only_by_the_rules() {
    // What Linux says to each, tried there. First, second, may the second be bound?
    let cases = [
        ("0.0.0.0:80", PLAIN, "0.0.0.0:80", PLAIN, false),
        ("0.0.0.0:80", PLAIN, "10.0.0.1:80", PLAIN, false),
        ("10.0.0.1:80", PLAIN, "0.0.0.0:80", PLAIN, false),
        ("10.0.0.1:80", PLAIN, "127.0.0.1:80", PLAIN, true),
        ("10.0.0.1:80", PLAIN, "10.0.0.1:81", PLAIN, true),
        ("0.0.0.0:80", REUSE, "0.0.0.0:80", REUSE, true),
        ("0.0.0.0:80", REUSE, "0.0.0.0:80", PLAIN, false),
        ("0.0.0.0:80", PLAIN, "0.0.0.0:80", REUSE, false),
        ("0.0.0.0:80", SHARE, "0.0.0.0:80", SHARE, true),
        ("0.0.0.0:80", SHARE, "0.0.0.0:80", REUSE, false),
    ];
    for (first, first_options, second, second_options, allowed) in cases {
        let (mut net, a, _) = Net::pair(1, Link::default());
        bind(&mut net, a, first, first_options).unwrap();
        let result = bind(&mut net, a, second, second_options);
        let case = format!("{first} {first_options:?}, {second} {second_options:?}");
        assert_eq!(result.is_ok(), allowed, "{case}");
        assert!(allowed || result == Err(BindError::AddrInUse), "{case}");
    }
}

#[test]
fn a_listener_shares_its_port_only_with_listeners_that_share() {
    let (mut net, a, _) = Net::pair(1, Link::default());
    let [first, second] = [0; 2].map(|_| bind(&mut net, a, "0.0.0.0:80", REUSE).unwrap());
    assert_eq!(net.stack(a).tcp_listen(first, 5), Ok(()));
    assert_eq!(net.stack(a).tcp_listen(second, 5), Err(ListenError::AddrInUse));
    assert_eq!(bind(&mut net, a, "0.0.0.0:80", REUSE), Err(BindError::AddrInUse));
    let [first, second] = [0; 2].map(|_| bind(&mut net, a, "0.0.0.0:81", SHARE).unwrap());
    assert_eq!(net.stack(a).tcp_listen(first, 5), Ok(()));
    assert_eq!(net.stack(a).tcp_listen(second, 5), Ok(()));
}

#[test]
fn close_frees_the_port_at_once() {
    let (mut net, a, _) = Net::pair(1, Link::default());
    for _ in 0..3 {
        let id = bind(&mut net, a, "0.0.0.0:80", PLAIN).unwrap();
        net.stack(a).tcp_listen(id, 5).unwrap();
        let now = net.now();
        net.stack(a).tcp_close(now, id, Close::Graceful { unread: false });
    }
}

#[test]
fn addresses_must_be_ours_and_a_socket_is_bound_once() {
    let (mut net, a, _) = Net::pair(1, Link::default());
    assert_eq!(bind(&mut net, a, "10.0.0.2:80", PLAIN), Err(BindError::AddrNotAvailable));
    let id = bind(&mut net, a, "127.0.0.1:0", PLAIN).unwrap();
    let local = net.stack(a).tcp_status(id).unwrap().local.unwrap();
    assert!((32768..=60999).contains(&local.port()));
    let again = net.stack(a).tcp_bind(id, "127.0.0.1:80".parse().unwrap(), PLAIN);
    assert_eq!(again, Err(BindError::InvalidState));
}

#[test]
fn ephemeral_ports_run_out_and_come_back() {
    let (mut net, a, _) = Net::pair(1, Link::default());
    let small = net.node_with(Config { ephemeral: 40000..=40009, ..Config::default() });
    let ids: Vec<_> = (0..10).map(|_| bind(&mut net, small, "127.0.0.1:0", PLAIN).unwrap()).collect();
    let ports: HashSet<_> = ids.iter().map(|&id| net.stack(small).tcp_status(id).unwrap().local).collect();
    assert_eq!(ports.len(), 10);
    assert_eq!(bind(&mut net, small, "127.0.0.1:0", PLAIN), Err(BindError::NoPorts));
    let now = net.now();
    net.stack(small).tcp_close(now, ids[3], Close::Graceful { unread: false });
    assert!(bind(&mut net, small, "127.0.0.1:0", PLAIN).is_ok());
    let _ = a;
}

#[test]
fn connections_to_different_places_share_an_ephemeral_port() {
    let mut net = Net::new(1);
    let a = net.node_with(Config { ephemeral: 40000..=40000, ..Config::default() });
    let b = net.node();
    let link = net.link(Link::default());
    net.join(a, link, "10.0.0.1/24");
    net.join(b, link, "10.0.0.2/24");
    let listeners = ["0.0.0.0:80", "0.0.0.0:81"].map(|local| Listener::new(&mut net, b, local, 5));
    let sockets = ["10.0.0.2:80", "10.0.0.2:81"].map(|to| Socket::connect(&mut net, a, to, 4096));
    net.run_for(Duration::from_millis(10));
    for (socket, listener) in sockets.iter().zip(&listeners) {
        assert_eq!(socket.state(&mut net), State::Established);
        assert!(listener.accept(&mut net).is_some());
    }
    assert_eq!(Socket::try_connect(&mut net, a, "10.0.0.2:80", 4096).err(), Some(ConnectError::NoPorts));
}

#[test]
fn time_wait_gives_its_port_to_a_new_connection_after_a_second() {
    // RFC 6191, by timestamps.
    let mut net = Net::new(1);
    let a = net.node_with(Config { ephemeral: 40000..=40000, ..Config::default() });
    let b = net.node();
    let link = net.link(Link::default());
    net.join(a, link, "10.0.0.1/24");
    net.join(b, link, "10.0.0.2/24");
    let listener = Listener::new(&mut net, b, "0.0.0.0:80", 5);
    for _ in 0..20 {
        let client = Socket::connect(&mut net, a, "10.0.0.2:80", 4096);
        net.run_for(Duration::from_millis(10));
        let server = listener.accept(&mut net).expect("a connection");
        client.close(&mut net);
        net.run_for(Duration::from_millis(1));
        server.close(&mut net);
        net.run_for(Duration::from_millis(10));
        assert_eq!(Socket::try_connect(&mut net, a, "10.0.0.2:80", 4096).err(), Some(ConnectError::NoPorts));
        net.run_for(Duration::from_millis(1000));
    }
}

#[test]
fn a_server_that_closed_first_lets_the_same_client_port_come_again() {
    let mut net = Net::new(1);
    let a = net.node_with(Config { ephemeral: 40000..=40000, ..Config::default() });
    let b = net.node();
    let link = net.link(Link::default());
    net.join(a, link, "10.0.0.1/24");
    net.join(b, link, "10.0.0.2/24");
    let listener = Listener::new(&mut net, b, "0.0.0.0:80", 5);
    for _ in 0..20 {
        let client = Socket::connect(&mut net, a, "10.0.0.2:80", 4096);
        net.run_for(Duration::from_millis(5));
        let server = listener.accept(&mut net).expect("a SYN newer than TIME-WAIT is let in");
        server.close(&mut net);
        net.run_for(Duration::from_millis(1));
        client.close(&mut net);
        net.run_for(Duration::from_millis(5));
    }
}

#[test]
fn a_stale_id_names_nothing() {
    let (mut net, a, _) = Net::pair(1, Link::default());
    let id = open(&mut net, a);
    let now = net.now();
    net.stack(a).tcp_close(now, id, Close::Abort);
    let other = net.stack(a).tcp_open(Key(77));
    assert_ne!(id, other);
    assert_eq!(net.stack(a).tcp_status(id), None);
    assert_eq!(net.stack(a).tcp_listen(id, 5), Err(ListenError::NotFound));
    net.stack(a).tcp_data_queued(now, id);
    net.stack(a).tcp_close(now, id, Close::Abort);
    assert!(net.stack(a).tcp_status(other).is_some());
}

#[test]
fn disconnect_takes_a_socket_back_to_closed_to_connect_again() {
    // connect(2) with AF_UNSPEC.
    let (mut net, a, b) = Net::pair(1, Link::default());
    let listener = Listener::new(&mut net, b, "0.0.0.0:80", 5);
    let mut client = Socket::connect(&mut net, a, "10.0.0.2:80", 4096);
    net.run_for(Duration::from_millis(1));
    let server = listener.accept(&mut net).expect("a connection");
    let now = net.now();
    net.stack(a).tcp_disconnect(now, client.id);
    net.run_for(Duration::from_millis(1));
    assert_eq!(server.error(&mut net), Some(TcpError::Reset));
    let status = client.status(&mut net);
    assert_eq!((status.state, status.error, status.peer_closed), (State::Closed, None, false));
    let (tx, engine_tx) = arena::ring::heap(4096);
    let (engine_rx, rx) = arena::ring::heap(4096);
    let now = net.now();
    net.stack(a).tcp_connect(now, client.id, "10.0.0.2:80".parse().unwrap(), engine_tx, engine_rx).unwrap();
    (client.tx, client.rx) = (tx, rx);
    net.run_for(Duration::from_millis(1));
    assert_eq!(client.state(&mut net), State::Established);
}

#[test]
fn a_socket_can_be_connected_to_itself() {
    let (mut net, a, _) = Net::pair(1, Link::default());
    let id = bind(&mut net, a, "127.0.0.1:5000", PLAIN).unwrap();
    let (mut tx, engine_tx) = arena::ring::heap(4096);
    let (engine_rx, mut rx) = arena::ring::heap(4096);
    let now = net.now();
    net.stack(a).tcp_connect(now, id, "127.0.0.1:5000".parse().unwrap(), engine_tx, engine_rx).unwrap();
    net.run_for(Duration::from_millis(1));
    assert_eq!(net.stack(a).tcp_status(id).unwrap().state, State::Established);
    tx.write(b"echo");
    let now = net.now();
    net.stack(a).tcp_data_queued(now, id);
    net.run_for(Duration::from_millis(1));
    let mut buf = [0; 8];
    assert_eq!((rx.read(&mut buf).0, &buf[..4]), (4, &b"echo"[..]));
}

#[test]
fn without_memory_for_rings_a_syn_is_not_answered() {
    let (mut net, a, b) = Net::pair(1, Link::default());
    net.memory(b).offer_streams(false);
    let listener = Listener::new(&mut net, b, "0.0.0.0:80", 5);
    let client = Socket::connect(&mut net, a, "10.0.0.2:80", 4096);
    net.run_for(Duration::from_millis(500));
    assert_eq!(net.stack(a).tcp_status(client.id).unwrap().state, State::SynSent);
    net.memory(b).offer_streams(true);
    net.run_for(Duration::from_secs(5));
    assert!(listener.accept(&mut net).is_some(), "the SYN was sent again");
}

#[test]
fn without_memory_for_rings_the_connection_waits() {
    let (mut net, a, b) = Net::pair(1, Link::default());
    net.memory(b).set_streams(0);
    let listener = Listener::new(&mut net, b, "0.0.0.0:80", 5);
    let mut client = Socket::connect(&mut net, a, "10.0.0.2:80", 4096);
    net.run_for(Duration::from_millis(100));
    client.write(&mut net, b"hello");
    net.run_for(Duration::from_millis(500));
    assert!(listener.accept(&mut net).is_none());
    net.memory(b).set_streams(1);
    net.run_for(Duration::from_secs(5));
    let mut server = listener.accept(&mut net).expect("the client's data completed the handshake");
    assert_eq!(server.read(&mut net, 10), b"hello");
}

#[test]
fn a_socket_gets_ports_of_its_own_range() {
    let (mut net, a, b) = Net::pair(1, Link::default());
    let ports = PortRange { least: 40_000, most: 40_001 };
    let mut got: Vec<u16> = (0..2)
        .map(|_| {
            let id = open(&mut net, a);
            let options = BindOptions { ports, ..PLAIN };
            net.stack(a).tcp_bind(id, "0.0.0.0:0".parse().unwrap(), options).unwrap().port()
        })
        .collect();
    got.sort_unstable();
    assert_eq!(got, [40_000, 40_001]);
    let id = open(&mut net, a);
    let third = net.stack(a).tcp_bind(id, "0.0.0.0:0".parse().unwrap(), BindOptions { ports, ..PLAIN });
    assert_eq!(third, Err(BindError::NoPorts));
    Listener::new(&mut net, b, "0.0.0.0:80", 5);
    let ports = PortRange { least: 50_000, most: 50_000 };
    let client = Socket::connect_with(&mut net, a, "10.0.0.2:80", 4096, |options| options.ports = ports);
    assert_eq!(client.status(&mut net).local.unwrap().port(), 50_000);
    // What has nothing of the stack's own range does not count.
    let id = open(&mut net, a);
    let ports = PortRange { least: 1, most: 2 };
    let got = net.stack(a).tcp_bind(id, "0.0.0.0:0".parse().unwrap(), BindOptions { ports, ..PLAIN }).unwrap();
    assert!((32768..=60999).contains(&got.port()));
}

#[test]
fn an_address_that_is_bound_without_a_port_gets_one_by_its_destination() {
    let (mut net, a, b) = Net::pair(1, Link::default());
    for port in ["80", "81"] {
        Listener::new(&mut net, b, &format!("0.0.0.0:{port}"), 5);
    }
    let ports = PortRange { least: 40_000, most: 40_000 };
    let mut connect = |to: &str, no_port| {
        let key = net.memory(a).new_key();
        let id = net.stack(a).tcp_open(key);
        net.stack(a).tcp_options(id).unwrap().ports = ports;
        let options = BindOptions { ports, no_port, ..PLAIN };
        let bound = net.stack(a).tcp_bind(id, "10.0.0.1:0".parse().unwrap(), options)?;
        let ((_tx, engine_tx), (engine_rx, _rx)) = (arena::ring::heap(4096), arena::ring::heap(4096));
        let now = net.now();
        net.stack(a).tcp_connect(now, id, to.parse().unwrap(), engine_tx, engine_rx).unwrap();
        let local = net.stack(a).tcp_status(id).unwrap().local.unwrap();
        Ok((bound.port(), local.port(), local.ip().to_string()))
    };
    // One port serves both, since their other ends differ.
    let expected = Ok((0, 40_000, "10.0.0.1".to_owned()));
    assert_eq!(connect("10.0.0.2:80", true), expected);
    assert_eq!(connect("10.0.0.2:81", true), expected);
    assert_eq!(connect("10.0.0.2:80", false), Err(BindError::NoPorts));
}

#[test]
fn a_transparent_socket_speaks_for_addresses_that_are_not_its_hosts() {
    let (mut net, a, b) = Net::pair(1, Link::default());
    let connect = |net: &mut Net, transparent| {
        let id = open(net, a);
        net.stack(a).tcp_options(id).unwrap().transparent = transparent;
        let options = BindOptions { free: true, ..PLAIN };
        net.stack(a).tcp_bind(id, "10.0.0.77:0".parse().unwrap(), options).unwrap();
        let ((_tx, engine_tx), (engine_rx, _rx)) = (arena::ring::heap(4096), arena::ring::heap(4096));
        let now = net.now();
        net.stack(a).tcp_connect(now, id, "10.0.0.2:80".parse().unwrap(), engine_tx, engine_rx)
    };
    Listener::new(&mut net, b, "0.0.0.0:80", 5);
    assert_eq!(connect(&mut net, false), Err(ConnectError::NetUnreachable));
    assert_eq!(connect(&mut net, true), Ok(()));
    net.poll(a);
    net.run_for(Duration::from_millis(20));
    let from_there = net.trace.iter().any(|seen| seen.frame.get(26..30) == Some(&[10, 0, 0, 77]));
    assert!(from_there, "the SYN has the foreign address");
}
