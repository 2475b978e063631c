//! A scenario happens, and what must hold whatever the links do is checked:
//!
//! - bytes arrive once, in order, whole, or the connection reports an error, and an error has a cause;
//! - who waits for the engine is told: no timer and no wake-up is lost;
//! - the engine's queues stay small, and in the end hold nothing;
//! - when all is closed, both stacks fall silent for ever and release every socket.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::program::{End, Outcome, Program, stream};
use super::scenario::{Flow, Scenario};
use super::trace;
use crate::common::{Link, Net, NodeId, seeds};
use crate::tcp_common::{Listener, Socket};
use netstack::link::IfIndex;
use netstack::route::Route;
use netstack::socket::SocketError;
use netstack::tcp::{FastOpenModes, FirstText, TcpError};
use netstack::time::{Duration, Instant};
use netstack::{Config, IpNet, Key};

/// The most that the engine's queues may hold for a node.
const MOST_QUEUED: usize = 6 << 20;
/// How long closed sockets may have business: retransmissions are given up after some 16 minutes.
const AFTERMATH: Duration = Duration::from_secs(3000);
/// No timer but those of the neighbour tables is as long.
const SILENCE: Duration = Duration::from_secs(100_000);

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Frames, and a hash of all of them.
    pub fingerprint: (u64, u64),
    /// Segments sent again.
    pub retransmits: u32,
    /// Ends that failed though nobody broke off.
    pub failures: usize,
    pub ends: usize,
    /// Bytes that programs received.
    pub received: usize,
    /// Packets of IPv6 that were too long for a link on their way.
    pub too_big: u64,
    /// Until the last end was done.
    pub took: Duration,
}

struct World {
    scenario: Scenario,
    net: Net,
    nodes: [NodeId; 2],
    addresses: [IpAddr; 2],
    listeners: [Listener; 2],
    programs: Vec<Program>,
    by_key: HashMap<(usize, Key), usize>,
    /// Of each flow: who opened it, and who accepted it.
    ends: Vec<[Option<usize>; 2]>,
    /// The port of who opened each flow.
    ports: HashMap<(usize, u16), usize>,
    /// What is to happen when.
    agenda: BinaryHeap<Reverse<(Instant, Due)>>,
    keys: [BTreeSet<Key>; 2],
    awake: Vec<NodeId>,
    rebooted: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Program(usize),
    Flow(usize),
    Cut,
    Mend,
    Reboot,
}

/// Runs the scenario of a seed. Panics if something does not hold.
pub fn run(seed: u64) -> Report {
    let scenario = Scenario::new(seed);
    let verbose = seeds::single().is_some();
    if verbose {
        println!("{scenario:#?}");
    }
    let mut world = World::new(scenario);
    let finished = world.play(verbose);
    if verbose {
        trace::print(&world.net, usize::MAX);
    }
    if let Err(why) = finished {
        panic!("seed {seed}: {why}\n{}", world.describe());
    }
    world.judge()
}

impl World {
    fn new(scenario: Scenario) -> World {
        let (mut net, nodes, addresses) = chain(scenario.seed, &scenario.links, scenario.v6);
        net.keep_trace = seeds::single().is_some();
        for (node, ring) in nodes.into_iter().zip(scenario.rings) {
            net.memory(node).set_ring(ring);
        }
        let listeners = nodes.map(|node| Listener::new(&mut net, node, scenario.server(), 16));
        for listener in &listeners {
            net.stack(listener.node).tcp_options(listener.id).expect("a listener").fast_open.queue = 8;
        }
        let start = net.now();
        let mut agenda = BinaryHeap::new();
        let mut plan = |at: Duration, due| agenda.push(Reverse((start + at, due)));
        scenario.flows.iter().enumerate().for_each(|(number, flow)| plan(flow.start, Due::Flow(number)));
        if let Some((_, from, length)) = scenario.outage {
            plan(from, Due::Cut);
            plan(from + length, Due::Mend);
        }
        scenario.reboot.into_iter().for_each(|at| plan(at, Due::Reboot));
        World {
            keys: [BTreeSet::from([listeners[0].key]), BTreeSet::from([listeners[1].key])],
            ends: vec![[None; 2]; scenario.flows.len()],
            scenario,
            net,
            nodes,
            addresses,
            listeners,
            programs: Vec::new(),
            by_key: HashMap::new(),
            ports: HashMap::new(),
            agenda,
            awake: Vec::new(),
            rebooted: false,
        }
    }

    /// From the first event to the last.
    fn play(&mut self, verbose: bool) -> Result<(), String> {
        let end = self.net.now() + self.scenario.limit();
        while !self.all_done() {
            // The last event may have been what a program waited for.
            if !self.step(end) && !self.all_done() {
                return Err("hangs".into());
            }
        }
        if verbose {
            println!("all ends are done at {:?}", self.net.now());
        }
        for listener in &self.listeners {
            listener.close(&mut self.net);
        }
        let quiet = self.net.now() + AFTERMATH;
        while self.step(quiet) {}
        let frames = self.net.tcp_frames;
        let silent = self.net.now() + SILENCE;
        while self.step(silent) {}
        match self.net.tcp_frames - frames {
            0 => Ok(()),
            more => Err(format!("somebody goes on talking: {more} frames")),
        }
    }

    fn all_done(&self) -> bool {
        // Who writes all and closes is done before the handshake is; a peer that starts again has then forgotten it.
        let lost = |opener: usize| self.rebooted || self.programs[opener].outcome != Some(Outcome::Done);
        let started =
            |[opener, acceptor]: &[Option<usize>; 2]| opener.is_some_and(|opener| acceptor.is_some() || lost(opener));
        let started = self.ends.iter().all(started);
        self.agenda.is_empty() && started && self.programs.iter().all(|program| program.outcome.is_some())
    }

    /// The next thing happens. No: nothing does until `end`.
    fn step(&mut self, end: Instant) -> bool {
        self.wake_programs();
        let due = self.agenda.peek().map(|Reverse((at, _))| *at);
        if self.net.step(due.unwrap_or(end).min(end)) {
            return true;
        }
        let now = self.net.now();
        let Some(Reverse((_, due))) = self.agenda.peek().copied().filter(|Reverse((at, _))| *at <= now) else {
            return false;
        };
        self.agenda.pop();
        match due {
            Due::Program(number) => self.run_program(number),
            Due::Flow(number) => self.open(number),
            Due::Cut | Due::Mend => {
                let (link, ..) = self.scenario.outage.expect("that is why");
                self.net.change_link(link, |link| link.cut = due == Due::Cut);
            }
            Due::Reboot => self.reboot(),
        }
        true
    }

    fn wake_programs(&mut self) {
        loop {
            let mut awake = std::mem::take(&mut self.awake);
            self.net.take_awake(&mut awake);
            if awake.is_empty() {
                self.awake = awake;
                return;
            }
            for node in awake.drain(..) {
                for key in self.net.touched(node) {
                    if key == self.listeners[node.0].key {
                        self.accept(node.0);
                    } else if let Some(number) = self.by_key.get(&(node.0, key)) {
                        self.run_program(*number);
                    }
                }
            }
            self.awake = awake;
        }
    }

    fn run_program(&mut self, number: usize) {
        if let Some(at) = self.programs[number].run(&mut self.net) {
            self.agenda.push(Reverse((at, Due::Program(number))));
        }
    }

    /// `sent`: bytes that its SYN has taken along.
    fn add_program(&mut self, socket: Socket, flow: usize, side: usize, sent: usize) {
        let plans = &self.scenario.flows[flow].plans;
        let streams = (2 * flow + side, 2 * flow + 1 - side);
        let node = socket.node.0;
        self.keys[node].insert(socket.key);
        let mut program = Program::new(&mut self.net, socket, plans[side].clone(), streams, plans[1 - side].bytes);
        program.sent = sent;
        let number = self.programs.len();
        self.by_key.insert((node, program.key()), number);
        self.ends[flow][side] = Some(number);
        self.programs.push(program);
        self.run_program(number);
    }

    fn open(&mut self, number: usize) {
        let Flow { from_left, plans, ring, .. } = &self.scenario.flows[number];
        let (from, to) = if *from_left { (0, 1) } else { (1, 0) };
        let node = self.nodes[from];
        let key = self.net.memory(node).new_key();
        let now = self.net.now();
        let (mut tx, engine_tx) = arena::ring::heap(*ring);
        let (engine_rx, rx) = arena::ring::heap(*ring);
        let remote = (self.addresses[to], 80).into();
        let stack = self.net.stack(node);
        let id = stack.tcp_open(key);
        let options = stack.tcp_options(id).expect("an open socket");
        // On a bad path, a SYN may need many tries.
        (options.maxseg, options.syn_retries) = (plans[0].maxseg, 12);
        let mut sent = 0;
        if self.scenario.fast_open {
            stack.tcp_fast_open(now, id, remote, engine_tx, engine_rx, FirstText::InSyn).expect("a route and a port");
            let room = stack.tcp_syn_room(id).expect("it has not left") as usize;
            sent = tx.write(stream(2 * number, 0, room.min(plans[0].bytes)));
        } else {
            stack.tcp_connect(now, id, remote, engine_tx, engine_rx).expect("a route and a port");
        }
        let port = stack.tcp_status(id).and_then(|status| status.local).expect("bound").port();
        self.net.poll(node);
        self.ports.insert((from, port), number);
        self.add_program(Socket { node, id, key, tx, rx }, number, 0, sent);
    }

    fn accept(&mut self, node: usize) {
        while let Some(socket) = self.listeners[node].accept(&mut self.net) {
            let remote = socket.status(&mut self.net).remote.expect("connected");
            match self.ports.get(&(1 - node, remote.port())).copied() {
                Some(flow) if self.ends[flow][1].is_none() => self.add_program(socket, flow, 1, 0),
                flow => {
                    // Another life of a connection whose first answer was given up, or one whose other end has started again since.
                    assert!(flow.is_some() || self.rebooted, "somebody connects from there");
                    self.keys[node].insert(socket.key);
                    socket.close(&mut self.net);
                }
            }
        }
    }

    fn reboot(&mut self) {
        let node = self.nodes[1];
        self.rebooted = true;
        self.programs.iter_mut().filter(|program| program.socket.node == node).for_each(|program| {
            program.outcome.get_or_insert(Outcome::Vanished);
        });
        self.by_key.retain(|(of, _), _| *of != node.0);
        self.ports.retain(|(of, _), _| *of != node.0);
        let (_, _) = (self.net.touched(node), self.net.released(node));
        self.net.reboot(node).set_ring(self.scenario.rings[1]);
        self.listeners[1] = Listener::new(&mut self.net, node, self.scenario.server(), 16);
        self.keys[1] = BTreeSet::from([self.listeners[1].key]);
    }

    /// What must hold at the end.
    fn judge(mut self) -> Report {
        let seed = self.scenario.seed;
        let mut failures = 0;
        for (number, flow) in self.scenario.flows.iter().enumerate() {
            let ends = self.ends[number].map(|end| end.map(|end| &self.programs[end]));
            failures += judge_flow(&self.scenario, self.rebooted, flow, ends);
        }
        let retransmits = self.programs.iter().map(|program| program.retransmits).sum();
        for (side, node) in self.nodes.into_iter().enumerate() {
            let released: BTreeSet<Key> = self.net.released(node).into_iter().collect();
            let kept: Vec<_> = self.keys[side].difference(&released).collect();
            assert!(kept.is_empty(), "seed {seed}: node {side} never released {kept:?}");
            let memory = self.net.memory(node);
            assert_eq!(memory.charged(), 0, "seed {seed}: node {side} holds memory in the end");
            let most = memory.most_charged();
            assert!(most <= MOST_QUEUED, "seed {seed}: node {side} had {most} bytes in queues");
            let (now, deadline) = (self.net.now(), self.net.stack(node).next_deadline());
            assert!(deadline.is_none_or(|at| at > now), "seed {seed}: a timer of node {side} is due for ever");
        }
        Report {
            fingerprint: self.net.fingerprint(),
            retransmits,
            failures,
            ends: self.programs.len(),
            received: self.programs.iter().map(|program| program.received).sum(),
            too_big: self.net.too_big,
            took: self.net.now().since(Instant::from_millis(1000)) - AFTERMATH - SILENCE,
        }
    }

    fn describe(&mut self) -> String {
        let mut text = String::new();
        for (number, ends) in self.ends.iter().enumerate() {
            for (who, end) in ["opener", "acceptor"].into_iter().zip(ends) {
                text += &format!("flow {number} {who}: ");
                let Some(end) = end else {
                    text += "none\n";
                    continue;
                };
                let program = &self.programs[*end];
                let (id, now) = (program.socket.id, self.net.now());
                let stack = self.net.stack(program.socket.node);
                text += &format!(
                    "sent {} of {} received {} {:?} in its ring {} {:?}\n  {:?}\n  {:?}\n",
                    program.sent,
                    program.plan.bytes,
                    program.received,
                    program.outcome,
                    program.socket.rx.len(),
                    program.plan.end,
                    stack.tcp_status(id),
                    stack.tcp_info(now, id),
                );
            }
        }
        text
    }
}

/// Checks the outcome of a connection. The answer is how many of its ends failed because the path was too bad.
fn judge_flow(scenario: &Scenario, rebooted: bool, flow: &Flow, ends: [Option<&Program>; 2]) -> usize {
    let seed = scenario.seed;
    let outcomes = ends.map(|end| end.and_then(|end| end.outcome));
    let [opener, acceptor] = outcomes;
    if acceptor.is_none() && (scenario.loses() || scenario.queues_for_seconds()) {
        match opener {
            // Who connects has three questions who has the next hop's address, a second apart: a link that loses may lose all of
            // them, and in a long queue they come too late.
            Some(Outcome::Failed(TcpError::Network(SocketError::HostUnreachable))) => return 1,
            // It was answered, and nothing that it said came before the SYN queue forgot it.
            Some(Outcome::Failed(TcpError::Reset)) => return 1,
            _ => {}
        }
    }
    let mut failures = 0;
    if scenario.is_faithful() && !flow.is_rude() {
        let again: u32 = ends.iter().flatten().map(|end| end.retransmits).sum();
        assert_eq!(again, 0, "seed {seed}: nothing was lost in {flow:?}");
    }
    for (side, outcome) in outcomes.into_iter().enumerate() {
        let peer = outcomes[1 - side];
        let what = || format!("seed {seed}: an end saw {outcome:?}, its peer {peer:?}: {flow:?}");
        match outcome {
            Some(Outcome::Failed(error)) => {
                let broken_off = matches!(peer, Some(Outcome::LeftEarly));
                failures += usize::from(!broken_off);
                assert!(broken_off || scenario.is_harsh(), "{}", what());
                if broken_off && !scenario.is_harsh() {
                    assert!(matches!(error, TcpError::Reset | TcpError::BrokenPipe), "{}", what());
                }
            }
            // Who read to an end of file had a peer that sent all.
            Some(Outcome::Done) if flow.plans[side].end == End::HalfClose => {
                let aborted = peer == Some(Outcome::LeftEarly) && matches!(flow.plans[1 - side].end, End::Abort(_));
                assert!(!aborted, "{}", what());
            }
            Some(_) => {}
            None => assert!(opener != Some(Outcome::Done) || rebooted, "{}", what()),
        }
    }
    if !scenario.is_harsh() && !flow.is_rude() {
        assert_eq!((opener, acceptor), (Some(Outcome::Done), Some(Outcome::Done)), "seed {seed}: {flow:?}");
    }
    failures
}

/// Two nodes, their addresses, and between them the links with a router between each two.
pub fn chain(seed: u64, links: &[Link], v6: bool) -> (Net, [NodeId; 2], [IpAddr; 2]) {
    let mut net = Net::new(seed);
    // Text goes in SYNs, and is taken from them, where a program asks for that.
    let config = Config { fast_open: FastOpenModes::all() - FastOpenModes::ALL_LISTENERS, ..Config::default() };
    let nodes = [net.node_with(config.clone()), net.node_with(config)];
    let links: Vec<usize> = links.iter().map(|link| net.link(link.clone())).collect();
    let addresses = if v6 { chain_v6(&mut net, nodes, &links) } else { chain_v4(&mut net, nodes, &links) };
    (net, nodes, addresses)
}

/// The link of number n is 10.0.n.0/24.
fn chain_v4(net: &mut Net, nodes: [NodeId; 2], links: &[usize]) -> [IpAddr; 2] {
    let last = links.len() as u8 - 1;
    let left = net.join(nodes[0], links[0], "10.0.0.1/24");
    let right = net.join(nodes[1], links[usize::from(last)], &format!("10.0.{last}.2/24"));
    for number in 0..last {
        let router = net.router();
        let [before, after] = [usize::from(number), usize::from(number) + 1].map(|number| links[number]);
        net.join_router(router, before, &format!("10.0.{number}.2/24"));
        net.join_router(router, after, &format!("10.0.{}.1/24", number + 1));
        if number > 0 {
            net.router_route(router, "10.0.0.0/24", Ipv4Addr::new(10, 0, number, 1));
        }
        if number + 1 < last {
            net.router_route(router, &format!("10.0.{last}.0/24"), Ipv4Addr::new(10, 0, number + 1, 2));
        }
    }
    if last > 0 {
        add_route(net, nodes[0], left, IpNet::DEFAULT_V4, Ipv4Addr::new(10, 0, 0, 2).into());
        add_route(net, nodes[1], right, IpNet::DEFAULT_V4, Ipv4Addr::new(10, 0, last, 1).into());
    }
    [Ipv4Addr::new(10, 0, 0, 1).into(), Ipv4Addr::new(10, 0, last, 2).into()]
}

/// The link of number n is fd00:0:0:n::/64. The routers are stacks as well.
fn chain_v6(net: &mut Net, nodes: [NodeId; 2], links: &[usize]) -> [IpAddr; 2] {
    let addr = |link: usize, host: u16| Ipv6Addr::new(0xfd00, 0, 0, link as u16, 0, 0, 0, host);
    let last = links.len() - 1;
    let left = join_v6(net, nodes[0], links[0], addr(0, 1));
    let right = join_v6(net, nodes[1], links[last], addr(last, 2));
    for number in 0..last {
        let router = net.forwarder();
        let before = join_v6(net, router, links[number], addr(number, 2));
        let after = join_v6(net, router, links[number + 1], addr(number + 1, 1));
        if number > 0 {
            add_route(net, router, before, IpNet::new(addr(0, 0), 64), addr(number, 1).into());
        }
        if number + 1 < last {
            add_route(net, router, after, IpNet::new(addr(last, 0), 64), addr(number + 1, 2).into());
        }
    }
    if last > 0 {
        add_route(net, nodes[0], left, IpNet::DEFAULT_V6, addr(0, 2).into());
        add_route(net, nodes[1], right, IpNet::DEFAULT_V6, addr(last, 1).into());
    }
    [addr(0, 1).into(), addr(last, 2).into()]
}

fn join_v6(net: &mut Net, node: NodeId, link: usize, addr: Ipv6Addr) -> IfIndex {
    let (on, now) = (net.attach(node, link), net.now());
    net.stack(node).add_address(now, on, addr, 64).expect("a good address");
    net.poll(node);
    on
}

fn add_route(net: &mut Net, node: NodeId, on: IfIndex, dst: IpNet, via: IpAddr) {
    net.stack(node).add_route(Route { dst, via: Some(via), on, metric: 0 }).expect("a gateway on the link");
}
