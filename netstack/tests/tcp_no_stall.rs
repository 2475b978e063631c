//! On a link that loses nothing and programs that do their part, no timer is ever needed: a transfer that waits for a
//! delayed acknowledgement, a window or a retransmission shows at once, since a virtual clock moves by nothing else.

mod common;
mod tcp_common;

use common::{Link, Net};
use netstack::time::Duration;
use tcp_common::{Listener, Socket};

const KIB: usize = 1024;

/// Moves `bytes` one way; the sender writes pieces of `write`, the receiver reads pieces of `read`. Returns the time.
fn bulk(mtu: u32, ring: usize, write: usize, read: usize, bytes: usize, nodelay: bool) -> Duration {
    let link = Link { mtu, ..Link::bus() };
    let (mut net, a, b) = Net::pair(1, link);
    net.memory(b).set_ring(ring);
    let listener = Listener::new(&mut net, b, "0.0.0.0:80", 5);
    let mut sender = Socket::connect(&mut net, a, "10.0.0.2:80", ring);
    net.run_for(Duration::from_millis(10));
    let mut receiver = listener.accept(&mut net).expect("a connection");
    let now = net.now();
    net.stack(a).tcp_options(sender.id).unwrap().nodelay = nodelay;
    net.stack(a).tcp_options_changed(now, sender.id);
    let start = net.now();
    let (mut sent, mut received) = (0, 0);
    let piece = vec![7; write];
    while received < bytes {
        // A blocking program: it writes when there is room for the piece, reads when there is something.
        let want = write.min(bytes - sent);
        if want > 0 && sender.tx.free() > 0 {
            sent += sender.write(&mut net, &piece[..want]);
        }
        received += receiver.read(&mut net, read).len();
        net.run_for(Duration::from_micros(2));
        assert!(net.now().since(start) < Duration::from_secs(10), "hangs after {received} of {bytes}");
        net.trace.clear();
    }
    net.now().since(start)
}

#[test]
fn bulk_never_waits_for_a_timer() {
    for mtu in [1500, 9000, 65535] {
        for ring in [64 * KIB, 128 * KIB, 256 * KIB, 2048 * KIB] {
            for write in [1000, 16 * KIB, 128 * KIB] {
                for read in [1000, 16 * KIB, 128 * KIB] {
                    for nodelay in [false, true] {
                        let bytes = 1000 * write.min(read).min(4 * KIB);
                        let time = bulk(mtu, ring, write, read, bytes, nodelay);
                        let pieces = (bytes / write.min(read)) as u32;
                        // Each piece costs its program a step of 2 µs; a window costs a round trip of 10.
                        let fair = Duration::from_micros(2) * pieces
                            + Duration::from_micros(12) * (bytes / ring.min(32 * KIB)) as u32;
                        assert!(
                            time < fair * 2 + Duration::from_millis(1),
                            "mtu {mtu} ring {ring} write {write} read {read} nodelay {nodelay}: {time:?}, not {fair:?}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn a_request_and_its_answer_cost_two_segments() {
    for mtu in [1500, 65535] {
        let (mut net, a, b) = Net::pair(1, Link { mtu, ..Link::bus() });
        let listener = Listener::new(&mut net, b, "0.0.0.0:80", 5);
        let mut client = Socket::connect(&mut net, a, "10.0.0.2:80", 256 * KIB);
        net.run_for(Duration::from_millis(1));
        let mut server = listener.accept(&mut net).expect("a connection");
        let mut frames = 0;
        for round in 0..1000 {
            if round == 50 {
                frames = net.trace.len();
            }
            client.write(&mut net, b"request");
            net.run_for(Duration::from_micros(20));
            assert_eq!(server.read(&mut net, 100), b"request");
            server.write(&mut net, b"answer");
            net.run_for(Duration::from_micros(20));
            assert_eq!(client.read(&mut net, 100), b"answer");
        }
        assert_eq!(net.trace.len() - frames, 2 * 950);
    }
}

#[test]
fn a_large_answer_to_a_small_request_does_not_wait() {
    for mtu in [1500, 65535] {
        for size in [10 * KIB, 100 * KIB, 1000 * KIB, 1024 * KIB + 1] {
            let (mut net, a, b) = Net::pair(1, Link { mtu, ..Link::bus() });
            let listener = Listener::new(&mut net, b, "0.0.0.0:80", 5);
            let mut client = Socket::connect(&mut net, a, "10.0.0.2:80", 256 * KIB);
            net.run_for(Duration::from_millis(1));
            let mut server = listener.accept(&mut net).expect("a connection");
            for _ in 0..20 {
                let start = net.now();
                client.write(&mut net, b"request");
                net.run_for(Duration::from_micros(20));
                assert_eq!(server.read(&mut net, 100), b"request");
                let (mut sent, mut received) = (0, 0);
                while received < size {
                    if sent < size {
                        sent += server.write(&mut net, &vec![1; (64 * KIB).min(size - sent)]);
                    }
                    net.run_for(Duration::from_micros(2));
                    received += client.read(&mut net, 64 * KIB).len();
                    assert!(
                        net.now().since(start) < Duration::from_millis(2 + size as u64 / 100_000),
                        "{size} at {mtu}: {received}"
                    );
                }
            }
        }
    }
}

/// A link that one connection keeps full serves others, too.
#[test]
fn connections_share_a_full_link() {
    let link = Link { rate: Some(100_000), queue: 20_000, ..Link::default() };
    let (mut net, a, b) = Net::pair(1, link);
    let listener = Listener::new(&mut net, b, "0.0.0.0:80", 8);
    let (mut senders, mut receivers, mut received) = (Vec::new(), Vec::new(), [0; 4]);
    for round in 0..2000 {
        if round == 0 {
            senders.push(Socket::connect(&mut net, a, "10.0.0.2:80", 64 * KIB));
        } else if round == 200 {
            senders.extend((1..4).map(|_| Socket::connect(&mut net, a, "10.0.0.2:80", 64 * KIB)));
        }
        for sender in &mut senders {
            sender.write(&mut net, &[7; 8 * KIB]);
        }
        receivers.extend(listener.accept(&mut net));
        for (receiver, received) in receivers.iter_mut().zip(&mut received) {
            *received += receiver.read(&mut net, 64 * KIB).len();
        }
        net.run_for(Duration::from_millis(10));
    }
    let total: usize = received.iter().sum();
    assert!(total > 1_500_000, "{total} bytes in 20 s of 100,000 a second");
    assert!(received.iter().all(|&part| part > total / 8), "{received:?}");
}
