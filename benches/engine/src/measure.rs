//! The measurements. Each prints its table.

use std::time::{Duration, Instant};

use crate::memory;
use crate::pair::{CLIENT, End, Offload, Pair, SERVER};
use crate::peer;

const RING: usize = 256 << 10;
/// What a round of both stacks takes on their clock.
const STEP: Duration = Duration::from_micros(20);

/// Bytes a second one way, beside smoltcp.
pub fn throughput(rounds: usize, bytes: usize) {
    println!("| bytes one way, rings of 256 KiB | rump | smoltcp | ratio | goal |\n|---|---|---|---|---|");
    for (mtu, offload, what) in [
        (1500, Offload::None, "checksums computed"),
        (1500, Offload::Checksums, "checksums left to the link"),
        (1500, Offload::Segments, "segments cut by the link (smoltcp cuts them itself)"),
        (65535, Offload::None, "checksums computed"),
        (65535, Offload::Checksums, "checksums left to the link"),
    ] {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            ours.push(gbit(bytes, || our_transfer(mtu, offload, bytes)));
            theirs.push(gbit(bytes, || their_transfer(mtu, offload, bytes)));
        }
        let (ours, theirs) = (median(&mut ours), median(&mut theirs));
        let ratio = ours / theirs;
        let missed = if ratio >= 2.0 { "" } else { " **missed**" };
        println!("| MTU {mtu}, {what} | {ours:.1} Gbit/s | {theirs:.1} Gbit/s | {ratio:.2} | ≥ 2{missed} |");
    }
}

fn our_transfer(mtu: u32, offload: Offload, bytes: usize) {
    let mut pair = Pair::new(mtu, offload, RING, 1);
    let (mut client, mut server) = pair.connect(1);
    let data = vec![7; RING];
    let mut received = 0;
    let mut into = vec![0; RING];
    while received < bytes {
        if client.tx.write(&data) > 0 {
            pair.stacks[CLIENT].tcp_data_queued(pair.now, client.id);
        }
        pair.pass(STEP);
        let (n, tell) = server.rx.read(&mut into);
        received += n;
        if tell {
            pair.stacks[SERVER].tcp_space_freed(pair.now, server.id);
        }
    }
}

fn their_transfer(mtu: u32, offload: Offload, bytes: usize) {
    let mut pair = peer::Pair::new(mtu, offload, RING);
    let data = vec![7; RING];
    let mut received = 0;
    let mut into = vec![0; RING];
    while received < bytes {
        let _ = pair.socket(0).send_slice(&data).expect("connected");
        pair.pass(STEP.into());
        let socket = pair.socket(1);
        while socket.can_recv() {
            received += socket.recv_slice(&mut into).expect("connected");
        }
    }
}

/// Segments a second, sending and receiving timed apart.
pub fn segments(rounds: usize, bytes: usize) {
    println!("\n| segments of 1448 bytes | a second | each |\n|---|---|---|");
    let (mut out, mut into) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let (sending, receiving, segments) = timed_transfer(bytes);
        out.push(sending.as_nanos() as f64 / segments as f64);
        into.push(receiving.as_nanos() as f64 / segments as f64);
    }
    for (what, ns) in [("out", median(&mut out)), ("in, acknowledged", median(&mut into))] {
        println!("| {what} | {:.2} million | {ns:.0} ns |", 1e3 / ns);
    }
}

fn timed_transfer(bytes: usize) -> (Duration, Duration, u64) {
    let mut pair = Pair::new(1500, Offload::Checksums, RING, 1);
    let (mut client, mut server) = pair.connect(1);
    let (mut sending, mut receiving) = (Duration::ZERO, Duration::ZERO);
    let mut received = 0;
    let (data, before) = (vec![7; RING], pair.wires[CLIENT].sent);
    while received < bytes {
        client.tx.write(&data);
        let start = Instant::now();
        pair.stacks[CLIENT].tcp_data_queued(pair.now, client.id);
        pair.send(CLIENT);
        let sent = Instant::now();
        pair.receive(SERVER);
        pair.send(SERVER);
        receiving += sent.elapsed();
        sending += sent - start;
        pair.receive(CLIENT);
        let n = server.rx.len();
        received += n;
        if server.rx.consume(n) {
            pair.stacks[SERVER].tcp_space_freed(pair.now, server.id);
        }
        pair.now = pair.now + STEP;
    }
    (sending, receiving, pair.wires[CLIENT].sent - before)
}

/// Connections opened, accepted and closed.
pub fn churn(rounds: usize) {
    const TIMES: usize = 50_000;
    let mut rates: Vec<f64> = (0..rounds)
        .map(|_| {
            let mut pair = Pair::new(1500, Offload::Checksums, 4096, 1);
            let start = Instant::now();
            for _ in 0..TIMES {
                let (client, server) = pair.connect(1);
                pair.close(client, server);
            }
            TIMES as f64 / start.elapsed().as_secs_f64()
        })
        .collect();
    let rate = median(&mut rates);
    println!("\nset-up and tear-down, both ends: {rate:.0} connections a second, {:.1} µs each", 1e6 / rate);
}

/// What a connection costs in memory, and a round trip in time, however many there are.
pub fn scale(most: usize) {
    // Smaller rings, offered in units of the window scale, would be offered as nothing.
    const RING: usize = 2048;
    println!(
        "\n| connections | a round trip of one byte, both ends | bytes of an idle end, without its rings |\n|---|---|---|"
    );
    for count in [10, 1000, 100_000].map(|count: usize| count.min(most)) {
        let mut pair = Pair::new(1500, Offload::Checksums, RING, 8);
        let ring = ring_bytes(RING);
        let before = memory::used();
        let mut ends: Vec<(End, End)> = Vec::with_capacity(count);
        for number in 0..count {
            ends.push(pair.connect(1 + (number % 8) as u16));
        }
        // What is left of opening them.
        (0..100).for_each(|_| pair.pass(Duration::from_millis(10)));
        let held = memory::used() - before - count * (size_of::<(End, End)>() + 4 * ring);
        let mut times: Vec<f64> = (0..5).map(|_| round_trips(&mut pair, &mut ends)).collect();
        println!("| {count} | {:.0} ns | {} |", median(&mut times), held / count / 2);
    }
}

/// Nanoseconds of a round trip, over connections far from each other.
fn round_trips(pair: &mut Pair, ends: &mut [(End, End)]) -> f64 {
    const TIMES: usize = 100_000;
    let (mut at, count) = (0, ends.len());
    let start = Instant::now();
    for _ in 0..TIMES {
        at = (at + 7919) % count;
        let (client, server) = &mut ends[at];
        pass_a_byte(pair, (CLIENT, client), (SERVER, server));
        pass_a_byte(pair, (SERVER, server), (CLIENT, client));
        pair.now = pair.now + STEP;
    }
    start.elapsed().as_nanos() as f64 / TIMES as f64
}

fn pass_a_byte(pair: &mut Pair, (from, sender): (usize, &mut End), (to, receiver): (usize, &mut End)) {
    sender.tx.write(&[1]);
    pair.stacks[from].tcp_data_queued(pair.now, sender.id);
    pair.send(from);
    pair.receive(to);
    let (n, tell) = receiver.rx.read(&mut [0]);
    assert_eq!(n, 1, "the byte has come");
    if tell {
        pair.stacks[to].tcp_space_freed(pair.now, receiver.id);
    }
}

/// Bytes of the heap that a ring takes.
fn ring_bytes(capacity: usize) -> usize {
    let before = memory::used();
    let ring = arena::ring::heap(capacity);
    let bytes = memory::used() - before;
    drop(ring);
    bytes
}

fn gbit(bytes: usize, transfer: impl FnOnce()) -> f64 {
    let start = Instant::now();
    transfer();
    bytes as f64 * 8.0 / start.elapsed().as_nanos() as f64
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
