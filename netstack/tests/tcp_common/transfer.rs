//! Both ends of a connection send each other a known stream in pieces of random size, over a link that does its worst.

use super::notation::Line;
use super::{Listener, Socket};
use crate::common::{Link, Net, NodeId, as_ipv4};
use netstack::rng::Rng;
use netstack::tcp::{Seq, State};
use netstack::time::Duration;
use netstack::wire::ipv4;
use netstack::wire::tcp::Segment;

/// What one end sends and how it behaves.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Bytes to send.
    pub bytes: usize,
    /// Most bytes of one write or read.
    pub chunk: usize,
    /// Reads and writes this rarely: one chance in so many steps.
    pub lazy: u32,
    /// TCP_NODELAY.
    pub nodelay: bool,
}

/// One end at work.
struct End {
    socket: Socket,
    plan: Plan,
    /// Which stream it sends, so that two never look alike.
    stream: u8,
    sent: usize,
    received: usize,
    shut: bool,
}

/// Byte `at` of a stream.
pub fn byte(stream: u8, at: usize) -> u8 {
    (at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(17) as u8 ^ stream
}

impl End {
    fn new(net: &mut Net, socket: Socket, plan: Plan, stream: u8) -> End {
        if plan.nodelay {
            let now = net.now();
            let stack = net.stack(socket.node);
            stack.tcp_options(socket.id).unwrap().nodelay = true;
            stack.tcp_options_changed(now, socket.id);
        }
        End { socket, plan, stream, sent: 0, received: 0, shut: false }
    }

    fn step(&mut self, net: &mut Net, rng: &mut Rng) {
        if rng.below(self.plan.lazy) == 0 {
            self.write(net, rng);
        }
        if rng.below(self.plan.lazy) == 0 {
            self.read(net, rng);
        }
    }

    fn write(&mut self, net: &mut Net, rng: &mut Rng) {
        let left = self.plan.bytes - self.sent;
        if left > 0 {
            let n = left.min(1 + rng.below(self.plan.chunk as u32) as usize);
            let data: Vec<u8> = (self.sent..self.sent + n).map(|at| byte(self.stream, at)).collect();
            self.sent += self.socket.write(net, &data);
        } else if !self.shut && self.socket.state(net) != State::SynSent {
            self.shut = true;
            self.socket.shutdown_write(net);
        }
    }

    fn read(&mut self, net: &mut Net, rng: &mut Rng) {
        let data = self.socket.read(net, 1 + rng.below(self.plan.chunk as u32) as usize);
        for got in data {
            assert_eq!(got, byte(self.stream ^ 0xff, self.received), "byte {} of the stream", self.received);
            self.received += 1;
        }
    }

    /// All is sent and received, and both FINs are through.
    fn is_done(&self, net: &mut Net, other: &Plan) -> bool {
        let status = self.socket.status(net);
        let over = status.state == State::Closed || status.state == State::FinWait2 && status.unacked == 0;
        assert!(self.received <= other.bytes, "more bytes than were sent");
        self.received == other.bytes && status.peer_closed && self.shut && over
    }
}

/// What a transfer over a link came to.
#[derive(Debug)]
pub struct Outcome {
    pub time: Duration,
    pub frames: usize,
    /// Segments sent again, by both.
    pub retransmits: u32,
}

/// Runs one transfer both ways to its end and lets both stacks fall silent; the programs do something every `pace`, more
/// or less. Panics if bytes are lost, doubled, changed or
/// reordered, if it does not end within `limit`, or if a stack goes on sending afterwards.
pub fn run(seed: u64, link: Link, ring: usize, plans: [Plan; 2], pace: Duration, limit: Duration) -> Outcome {
    let mut seed_bytes = [0; 32];
    seed_bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let mut rng = Rng::new(seed_bytes);
    let (mut net, a, b) = Net::pair(seed as u8, link);
    net.memory(b).set_ring(ring);
    let listener = Listener::new(&mut net, b, "0.0.0.0:80", 5);
    let start = net.now();
    let client = Socket::connect(&mut net, a, "10.0.0.2:80", ring);
    let mut client = End::new(&mut net, client, plans[0], 0x00);
    let mut server = None;
    let (mut ended, mut most_retransmits) = (false, [0; 2]);
    while !ended && net.now().since(start) < limit {
        if server.is_none() {
            server = listener.accept(&mut net).map(|socket| End::new(&mut net, socket, plans[1], 0xff));
        }
        for end in [Some(&mut client), server.as_mut()].into_iter().flatten() {
            end.step(&mut net, &mut rng);
            assert_eq!(end.socket.error(&mut net), None, "seed {seed}: an end failed");
        }
        for (end, most) in [Some(&client), server.as_ref()].into_iter().flatten().zip(&mut most_retransmits) {
            // A connection that is over has no figures any more.
            *most = (*most).max(end.socket.info(&mut net).retransmits);
        }
        net.run_for(pace / 1000 * rng.below(2000));
        ended = server
            .as_ref()
            .is_some_and(|server| client.is_done(&mut net, &plans[1]) && server.is_done(&mut net, &plans[0]));
    }
    if !ended {
        print_trace(&net, 60);
    }
    let server = server.unwrap_or_else(|| panic!("seed {seed}: nothing was accepted"));
    assert!(ended, "seed {seed}: hangs; {}", describe(&mut net, &client, &server));
    let retransmits = most_retransmits.iter().sum();
    let outcome = Outcome { time: net.now().since(start), frames: net.trace.len(), retransmits };
    client.socket.close(&mut net);
    server.socket.close(&mut net);
    listener.close(&mut net);
    falls_silent(&mut net, a, b, seed);
    outcome
}

/// The last segments of a run, for whoever looks for its fault.
pub fn print_trace(net: &Net, last: usize) {
    let mut first: [Option<Seq>; 2] = [None; 2];
    for (number, seen) in net.trace.iter().enumerate() {
        let Some(packet) = as_ipv4(&seen.frame).filter(|packet| packet.protocol() == ipv4::TCP) else { continue };
        let Ok(segment) = Segment::parse(packet.payload()) else { continue };
        let (us, them) = (seen.from.0, 1 - seen.from.0);
        let ours = *first[us].get_or_insert(segment.header.seq);
        if number + last >= net.trace.len() {
            let line = Line::of(&segment, ours, first[them].unwrap_or_default());
            let ms = seen.at.0 as f64 / 1e6;
            println!("{ms:12.3} {} {line}{}", ["->", "  <-"][us], if seen.lost { " LOST" } else { "" });
        }
    }
}

fn describe(net: &mut Net, client: &End, server: &End) -> String {
    let mut text = String::new();
    for (name, end) in [("client", client), ("server", server)] {
        let (now, id) = (net.now(), end.socket.id);
        let stack = net.stack(end.socket.node);
        let (status, info) = (stack.tcp_status(id), stack.tcp_info(now, id));
        let snapshot = stack.tcp_snapshot(id);
        text += &format!("\n{name}: sent {} received {}\n{status:?}\n{info:?}\n{snapshot:?}", end.sent, end.received);
    }
    text
}

fn falls_silent(net: &mut Net, a: NodeId, b: NodeId, seed: u64) {
    net.run_for(Duration::from_secs(300));
    let frames = net.trace.len();
    net.run_for(Duration::from_secs(100_000));
    let tcp = net.trace[frames..].iter().filter(|seen| seen.frame.get(23) == Some(&6)).count();
    assert_eq!(tcp, 0, "seed {seed}: somebody goes on talking");
    let quiet = net.now();
    for node in [a, b] {
        let deadline = net.stack(node).next_deadline();
        assert!(deadline.is_none_or(|at| at > quiet), "seed {seed}: a timer is due for ever");
    }
}
