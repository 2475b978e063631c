//! Property: whatever the link does, the bytes arrive once, in order, whole, both ways; then both stacks fall silent.
//!
//! `TCP_SEEDS=5000 cargo test -p netstack --test tcp_transfer` tries more seeds; `TCP_SEED=17` one.

mod common;
mod tcp_common;

use common::Link;
use netstack::rng::Rng;
use netstack::time::Duration;
use tcp_common::seeds::seeds;
use tcp_common::transfer::{Plan, run};

fn random_plan(rng: &mut Rng, bytes: u32) -> Plan {
    let bytes = rng.below(bytes) as usize;
    Plan {
        bytes,
        // Thousands of pieces at most, so that a run is short.
        chunk: (1 << (4 + rng.below(14))).max(bytes / 2000),
        lazy: 1 + rng.below(4),
        nodelay: rng.below(2) == 0,
    }
}

fn rng(seed: u64) -> Rng {
    let mut bytes = [7; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    Rng::new(bytes)
}

#[test]
fn a_perfect_ethernet() {
    seeds(30, |seed| {
        let mut rng = rng(seed);
        let plans = [random_plan(&mut rng, 1 << 20), random_plan(&mut rng, 1 << 20)];
        let outcome = run(seed, Link::default(), 1 << 16, plans, Duration::from_micros(30), Duration::from_secs(60));
        assert_eq!(outcome.retransmits, 0, "seed {seed}: nothing was lost");
    });
}

#[test]
fn a_perfect_bus() {
    seeds(30, |seed| {
        let mut rng = rng(seed);
        let plans = [random_plan(&mut rng, 4 << 20), random_plan(&mut rng, 4 << 20)];
        let outcome = run(seed, Link::bus(), 1 << 18, plans, Duration::from_micros(10), Duration::from_secs(60));
        assert_eq!(outcome.retransmits, 0, "seed {seed}: nothing was lost");
    });
}

#[test]
fn a_bad_link() {
    seeds(30, |seed| {
        let mut rng = rng(seed);
        let plans = [random_plan(&mut rng, 1 << 18), random_plan(&mut rng, 1 << 18)];
        let link = Link {
            mtu: [576, 1500, 9000, 65535][rng.below(4) as usize],
            delay: Duration::from_micros(u64::from(rng.below(50_000))),
            jitter: Duration::from_micros(u64::from(rng.below(20_000))),
            loss: rng.below(1000),
            duplication: rng.below(500),
            corruption: rng.below(200),
            ..Link::default()
        };
        run(seed, link, 1 << (12 + rng.below(7)), plans, Duration::from_millis(5), Duration::from_secs(3600 * 4));
    });
}

#[test]
fn a_slow_link_with_a_short_queue() {
    seeds(30, |seed| {
        let mut rng = rng(seed);
        let plans = [random_plan(&mut rng, 1 << 19), random_plan(&mut rng, 1 << 19)];
        let link = Link {
            delay: Duration::from_millis(u64::from(rng.below(50))),
            rate: Some(1 << (16 + rng.below(8))),
            queue: 3000 << rng.below(6),
            drop_tail: rng.below(2) == 0,
            ..Link::default()
        };
        run(seed, link, 1 << 17, plans, Duration::from_millis(1), Duration::from_secs(3600));
    });
}
