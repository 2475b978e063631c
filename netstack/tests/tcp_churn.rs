//! Property: programs that connect, write, read, half-close, close and abort at random, over a bad link, never see a
//! wrong byte, and in the end nothing is left: every key is released, no timer runs, nobody talks.
//!
//! `SIM_SEEDS=2000` tries more seeds; `SIM_SEED=17` one.

mod common;
mod tcp_common;

use common::seeds::{self, seeds};
use common::{Link, Net, NodeId};
use netstack::Key;
use netstack::rng::Rng;
use netstack::tcp::{Close, State};
use netstack::time::Duration;
use std::collections::HashSet;
use tcp_common::{Listener, Socket, byte};

/// A program's connection.
struct Program {
    socket: Socket,
    /// The stream that it writes, and the one that it should read. The server learns them from the first byte.
    stream: u8,
    sent: usize,
    received: usize,
    shut: bool,
    /// It has read its last: end of file or an error.
    ended: bool,
}

impl Program {
    fn new(socket: Socket, stream: u8) -> Program {
        Program { socket, stream, sent: 0, received: 0, shut: false, ended: false }
    }

    /// Does something. False: it has closed its socket.
    fn act(&mut self, net: &mut Net, rng: &mut Rng) -> bool {
        match rng.below(100) {
            0..40 => self.write(net, rng),
            40..90 => self.read(net, rng),
            90..94 => self.shut_down(net),
            94..98 => {
                self.socket.close(net);
                return false;
            }
            98 => {
                self.socket.close_as(net, Close::Abort);
                return false;
            }
            _ => {}
        }
        true
    }

    fn write(&mut self, net: &mut Net, rng: &mut Rng) {
        if self.shut || self.socket.status(net).write_closed {
            return;
        }
        let n = 1 + rng.below(3000) as usize;
        let data: Vec<u8> = (self.sent..self.sent + n).map(|at| byte(self.stream, at)).collect();
        self.sent += self.socket.write(net, &data);
    }

    fn read(&mut self, net: &mut Net, rng: &mut Rng) {
        for got in self.socket.read(net, 1 + rng.below(5000) as usize) {
            assert_eq!(got, byte(!self.stream, self.received), "byte {}", self.received);
            self.received += 1;
        }
        let status = self.socket.status(net);
        self.ended |= self.socket.rx.is_empty() && (status.peer_closed || status.error.is_some());
    }

    fn shut_down(&mut self, net: &mut Net) {
        if self.socket.state(net) != State::SynSent {
            self.shut = true;
            self.socket.shutdown_write(net);
        }
    }
}

struct World {
    net: Net,
    rng: Rng,
    a: NodeId,
    b: NodeId,
    clients: Vec<Program>,
    servers: Vec<Program>,
    keys: [HashSet<Key>; 2],
    released: [HashSet<Key>; 2],
}

impl World {
    fn step(&mut self, listener: &Listener) {
        if self.clients.len() < 8 && self.rng.below(3) == 0 {
            let socket = Socket::connect(&mut self.net, self.a, "10.0.0.2:80", 1 << 14);
            self.keys[0].insert(socket.key);
            self.clients.push(Program::new(socket, 0));
        }
        if let Some(socket) = listener.accept(&mut self.net) {
            self.servers.push(Program::new(socket, 0xff));
        }
        let World { net, rng, clients, servers, .. } = self;
        for programs in [clients, servers] {
            programs.retain_mut(|program| program.act(net, rng));
        }
        self.net.run_for(Duration::from_micros(1000) * self.rng.below(20));
        self.collect();
    }

    fn collect(&mut self) {
        for (side, node) in [self.a, self.b].into_iter().enumerate() {
            for key in self.net.released(node) {
                assert!(self.released[side].insert(key), "released twice");
            }
        }
    }
}

#[test]
fn nothing_is_left_of_connections_that_come_and_go() {
    seeds(20, |seed| {
        let mut rng = seeds::rng(seed, 9);
        let link = Link {
            delay: Duration::from_micros(u64::from(rng.below(10_000))),
            jitter: Duration::from_micros(u64::from(rng.below(10_000))),
            loss: rng.below(1500),
            duplication: rng.below(500),
            corruption: rng.below(200),
            ..Link::default()
        };
        let (mut net, a, b) = Net::pair(seed, link);
        net.memory(b).set_ring(1 << 13);
        let listener = Listener::new(&mut net, b, "0.0.0.0:80", rng.below(4) as usize);
        let mut world = World {
            net,
            rng,
            a,
            b,
            clients: Vec::new(),
            servers: Vec::new(),
            keys: Default::default(),
            released: Default::default(),
        };
        for _ in 0..400 {
            world.step(&listener);
        }
        let World { net, clients, servers, .. } = &mut world;
        for program in clients.drain(..).chain(servers.drain(..)) {
            program.socket.close(net);
        }
        listener.close(net);
        // A closed socket whose peer does not read is given up last, after some ten doublings from 0.2 to 120 s.
        net.run_for(Duration::from_secs(2000));
        world.collect();
        assert_eq!(world.released[0], world.keys[0], "seed {seed}: the clients' keys");
        let given = world.net.memory(b).streams_given() + 1;
        assert_eq!(world.released[1].len(), given, "seed {seed}: the servers' keys and the listener's");
        let frames = world.net.trace.len();
        world.net.run_for(Duration::from_secs(10_000));
        let tcp = world.net.trace[frames..].iter().filter(|seen| seen.frame.get(23) == Some(&6)).count();
        assert_eq!(tcp, 0, "seed {seed}: somebody goes on talking");
    });
}
