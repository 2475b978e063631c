//! Sockets that are bound to an interface (SO_BINDTODEVICE), and those that use no router (SO_DONTROUTE). What Linux says to each
//! was tried with two namespaces on two veth pairs.

mod common;
mod tcp_common;

use common::{Link, Net, NodeId};
use netstack::link::IfIndex;
use netstack::route::Route;
use netstack::socket::{BindError, BindOptions, ConnectError, SendError, SendOptions};
use netstack::tcp::{State, TcpId, TcpOptions};
use netstack::time::Duration;
use tcp_common::Socket;

const FIRST: IfIndex = IfIndex(2);
const SECOND: IfIndex = IfIndex(3);
const LO: IfIndex = IfIndex(1);

/// Two nodes, joined by two links: 10.0.0.0/24 and 10.1.0.0/24.
fn twice_joined() -> (Net, NodeId, NodeId) {
    let mut net = Net::new(1);
    let (a, b) = (net.node(), net.node());
    for n in 0..2 {
        let link = net.link(Link::default());
        net.join(a, link, &format!("10.{n}.0.1/24"));
        net.join(b, link, &format!("10.{n}.0.2/24"));
    }
    (net, a, b)
}

fn settle(net: &mut Net) {
    net.run_for(Duration::from_millis(50));
}

fn listener(net: &mut Net, node: NodeId, on: Option<IfIndex>) -> Result<TcpId, BindError> {
    let key = net.memory(node).new_key();
    let stack = net.stack(node);
    let id = stack.tcp_open(key);
    stack.tcp_options(id).unwrap().bound_to = on;
    let options = BindOptions { on, reuse_port: true, ..BindOptions::default() };
    stack.tcp_bind(id, "0.0.0.0:80".parse().unwrap(), options)?;
    stack.tcp_listen(id, 5).unwrap();
    Ok(id)
}

fn connect(net: &mut Net, node: NodeId, remote: &str, set: impl FnOnce(&mut TcpOptions)) -> Socket {
    let socket = Socket::connect_with(net, node, remote, 4096, set);
    settle(net);
    socket
}

#[test]
fn a_listener_takes_what_comes_by_its_interface_and_goes_before_one_that_is_bound_to_none() {
    let (mut net, a, b) = twice_joined();
    let all = listener(&mut net, b, None).unwrap();
    let first = listener(&mut net, b, Some(FIRST)).unwrap();
    let lo = listener(&mut net, b, Some(LO)).unwrap();
    for (from, to, taker) in [
        (a, "10.0.0.2:80", first),
        (a, "10.1.0.2:80", all),
        // To oneself: by the interface that has the address.
        (b, "10.0.0.2:80", first),
        (b, "10.1.0.2:80", all),
        (b, "127.0.0.1:80", lo),
    ] {
        let client = connect(&mut net, from, to, |_| {});
        assert_eq!(client.state(&mut net), State::Established, "{to}");
        for listener in [all, first, lo] {
            let took = net.stack(b).tcp_accept(listener);
            assert_eq!(took.is_some(), listener == taker, "{to}");
            // What is accepted stays on its listener's interface.
            if let Some(took) = took {
                let bound_to = net.stack(b).tcp_options(took.id).unwrap().bound_to;
                assert_eq!(bound_to.is_some(), listener != all);
            }
        }
    }
}

#[test]
fn listeners_on_different_interfaces_do_not_meet() {
    let (mut net, _, b) = twice_joined();
    let bind = |net: &mut Net, on| {
        let key = net.memory(b).new_key();
        let id = net.stack(b).tcp_open(key);
        let options = BindOptions { on, ..BindOptions::default() };
        net.stack(b).tcp_bind(id, "0.0.0.0:80".parse().unwrap(), options).map(drop)
    };
    assert_eq!(bind(&mut net, Some(FIRST)), Ok(()));
    assert_eq!(bind(&mut net, Some(SECOND)), Ok(()));
    assert_eq!(bind(&mut net, Some(SECOND)), Err(BindError::AddrInUse));
    assert_eq!(bind(&mut net, None), Err(BindError::AddrInUse));
}

#[test]
fn a_connection_leaves_by_the_interface_that_it_is_bound_to_and_hears_no_other() {
    let (mut net, a, b) = twice_joined();
    listener(&mut net, b, None).unwrap();
    // No route by that link leads there: it is taken to be on it, as on Linux. Nobody answers.
    let lost = connect(&mut net, a, "10.1.0.2:80", |options| options.bound_to = Some(FIRST));
    assert_eq!(lost.state(&mut net), State::SynSent);
    let mut client = connect(&mut net, a, "10.0.0.2:80", |options| options.bound_to = Some(FIRST));
    assert_eq!(client.state(&mut net), State::Established);
    let now = net.now();
    net.stack(a).tcp_options(client.id).unwrap().bound_to = Some(SECOND);
    net.stack(a).tcp_options_changed(now, client.id);
    let local = client.status(&mut net).local.unwrap();
    client.write(&mut net, b"by the other link");
    settle(&mut net);
    let packets = net.trace.iter().filter(|seen| seen.frame.windows(4).any(|bytes| bytes == b"othe")).count();
    assert_eq!(packets, 0, "nobody there has the peer's address: {local}");
    // To ourselves, by a link that does not have the address: it is not ours there.
    let own = connect(&mut net, a, "10.1.0.1:80", |options| options.bound_to = Some(FIRST));
    assert_eq!(own.state(&mut net), State::SynSent);
}

#[test]
fn a_loopback_address_is_on_no_link() {
    let (mut net, a, _) = twice_joined();
    let key = net.memory(a).new_key();
    let id = net.stack(a).tcp_open(key);
    net.stack(a).tcp_options(id).unwrap().bound_to = Some(FIRST);
    let ((tx, engine_tx), (engine_rx, rx)) = (arena::ring::heap(4096), arena::ring::heap(4096));
    let now = net.now();
    let connected = net.stack(a).tcp_connect(now, id, "127.0.0.1:80".parse().unwrap(), engine_tx, engine_rx);
    assert_eq!(connected, Err(ConnectError::NetUnreachable));
    drop((tx, rx));
}

#[test]
fn who_uses_no_router_reaches_neighbours_alone() {
    let (mut net, a, b) = twice_joined();
    let via = Some("10.0.0.2".parse().unwrap());
    let route = Route { dst: netstack::ip::IpNet::DEFAULT_V4, via, on: FIRST, metric: 0 };
    net.stack(a).add_route(route).unwrap();
    listener(&mut net, b, None).unwrap();
    let near = connect(&mut net, a, "10.0.0.2:80", |options| options.dont_route = true);
    assert_eq!(near.state(&mut net), State::Established);
    let key = net.memory(a).new_key();
    let id = net.stack(a).tcp_open(key);
    net.stack(a).tcp_options(id).unwrap().dont_route = true;
    let ((_tx, engine_tx), (engine_rx, _rx)) = (arena::ring::heap(4096), arena::ring::heap(4096));
    let now = net.now();
    let far = net.stack(a).tcp_connect(now, id, "99.1.1.1:80".parse().unwrap(), engine_tx, engine_rx);
    assert_eq!(far, Err(ConnectError::NetUnreachable));
    // MSG_DONTROUTE, of one datagram.
    let socket = net.udp(a);
    let how = SendOptions { dont_route: true, ..SendOptions::default() };
    for (to, sent) in [("10.0.0.2:9", Ok(1)), ("127.0.0.1:9", Ok(1)), ("99.1.1.1:9", Err(SendError::NetUnreachable))] {
        assert_eq!(net.stack(a).udp_send(now, socket.id, Some(to.parse().unwrap()), &[b"x"], &how), sent);
    }
}
