//! Property: whatever the links do, the bytes arrive once, in order, whole, or the connection reports an error; memory stays
//! in its bound, no timer is lost, and in the end both stacks fall silent (`sim::world` says it in detail).
//!
//! `SIM_SEEDS=50000 cargo test --release -p netstack --test sim_seeds` tries more seeds; `SIM_SEED=17` one, and shows it.

mod common;
mod sim;
mod tcp_common;

use common::seeds::seeds;
use std::sync::Mutex;

#[test]
fn bytes_arrive_whole_or_an_error_is_reported() {
    let totals = Mutex::new((0, 0, 0, 0));
    seeds(2_000, |seed| {
        let report = sim::world::run(seed);
        let mut totals = totals.lock().expect("nobody panics here");
        totals.0 += report.ends;
        totals.1 += report.failures;
        totals.2 += report.received;
        totals.3 += report.too_big;
    });
    let (ends, failures, received, too_big) = totals.into_inner().expect("nobody panics here");
    println!("{ends} ends, {failures} failed, {} MiB received, {too_big} packets too big", received >> 20);
    // Of one seed alone it says nothing.
    assert!(ends < 100 || too_big > 0, "no path of IPv6 was narrower than its first link");
    assert!(
        ends < 100 || failures * 20 <= ends,
        "{failures} of {ends} ends were given up: a connection bears more than that"
    );
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in 0..10 {
        assert_eq!(sim::world::run(seed), sim::world::run(seed), "seed {seed}");
    }
}
