//! Networks of many nodes.

mod common;
mod sim;
mod tcp_common;

use common::{Link, Net, NodeId};
use netstack::time::Duration;
use sim::program::{End, Outcome, Plan, Program};
use sim::world::chain;
use std::collections::HashMap;
use tcp_common::{Listener, Socket};

fn plan(bytes: usize, end: End) -> Plan {
    Plan { bytes, end, ..Plan::default() }
}

/// Runs programs, which go on whenever their sockets are touched, to their ends.
fn finish(net: &mut Net, programs: &mut [Program], limit: Duration) {
    let of: HashMap<_, usize> =
        programs.iter().enumerate().map(|(i, program)| ((program.socket.node.0, program.key()), i)).collect();
    for program in programs.iter_mut() {
        program.run(net);
    }
    let (end, mut awake) = (net.now() + limit, Vec::new());
    while programs.iter().any(|program| program.outcome.is_none()) {
        assert!(net.step(end), "hangs");
        net.take_awake(&mut awake);
        for node in awake.drain(..) {
            for key in net.touched(node) {
                if let Some(program) = of.get(&(node.0, key)) {
                    programs[*program].run(net);
                }
            }
        }
    }
    assert!(programs.iter().all(|program| program.outcome == Some(Outcome::Done)), "a connection failed");
}

#[test]
fn a_chain_of_fifty_routers_carries_a_connection() {
    let links = vec![Link { loss: 5, ..Link::default() }.delay_ms(1); 51];
    let (mut net, nodes, addresses) = chain(50, &links, false);
    net.keep_trace = false;
    let listener = Listener::new(&mut net, nodes[1], "0.0.0.0:80", 1);
    let client = Socket::connect(&mut net, nodes[0], &format!("{}:80", addresses[1]), 1 << 18);
    let client = Program::new(&mut net, client, plan(1 << 20, End::HalfClose), (0, 1), 1 << 20);
    let mut server = None;
    assert!(net.run_until(Duration::from_secs(60), |net| {
        server = server.take().or_else(|| listener.accept(net));
        server.is_some()
    }));
    let server = Program::new(&mut net, server.expect("accepted"), plan(1 << 20, End::HalfClose), (1, 0), 1 << 20);
    finish(&mut net, &mut [client, server], Duration::from_secs(3600));
}

#[test]
fn two_hundred_hosts_on_one_bus_talk_each_to_each() {
    const HOSTS: usize = 200;
    const BYTES: usize = 3000;
    let mut net = Net::new(200);
    net.keep_trace = false;
    let bus = net.link(Link::bus());
    let nodes: Vec<NodeId> = (0..HOSTS).map(|_| net.node()).collect();
    let listeners: Vec<Listener> = nodes
        .iter()
        .map(|node| {
            net.join(*node, bus, &format!("10.0.0.{}/24", node.0 + 1));
            net.memory(*node).set_ring(1 << 12);
            Listener::new(&mut net, *node, "0.0.0.0:80", 8)
        })
        .collect();
    net.run_for(Duration::from_secs(10));
    for round in 1..HOSTS {
        let mut programs = Vec::new();
        for node in &nodes {
            let to = (node.0 + round) % HOSTS + 1;
            let socket = Socket::connect(&mut net, *node, &format!("10.0.0.{to}:80"), 1 << 12);
            programs.push(Program::new(&mut net, socket, plan(BYTES, End::Close), (0, 1), BYTES));
        }
        net.run_for(Duration::from_micros(100));
        for listener in &listeners {
            let socket = listener.accept(&mut net).expect("one connection a round");
            programs.push(Program::new(&mut net, socket, plan(BYTES, End::Close), (1, 0), BYTES));
        }
        finish(&mut net, &mut programs, Duration::from_secs(1));
    }
    net.run_for(Duration::from_secs(100));
    let before = net.tcp_frames;
    net.run_for(Duration::from_secs(1000));
    assert_eq!(net.tcp_frames, before, "somebody goes on talking");
    assert!(nodes.iter().all(|node| net.memory(*node).charged() == 0), "a queue that is never emptied");
}
