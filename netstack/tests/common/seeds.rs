//! Many runs of one scenario, each from a seed; the one that fails is named with the command that repeats it.
//!
//! `SIM_SEEDS=50000` tries so many, with `SIM_FROM=40000` from there on; `SIM_SEED=17` that one alone.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use netstack::rng::Rng;

/// Runs `scenario` for the seeds from `SIM_FROM`, by default 0, up to `SIM_SEEDS`, by default `usual`, on every CPU; or for `SIM_SEED` alone.
pub fn seeds(usual: u64, scenario: impl Fn(u64) + Sync) {
    if let Some(seed) = single() {
        return scenario(seed);
    }
    let end = number("SIM_SEEDS").unwrap_or(usual);
    let (next, failed) = (AtomicU64::new(number("SIM_FROM").unwrap_or(0)), AtomicU64::new(u64::MAX));
    let name = std::thread::current().name().unwrap_or_default().to_owned();
    let work = || {
        while failed.load(Ordering::Relaxed) == u64::MAX {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end {
                return;
            }
            if catch_unwind(AssertUnwindSafe(|| scenario(seed))).is_err() {
                failed.fetch_min(seed, Ordering::Relaxed);
            }
        }
    };
    std::thread::scope(|scope| {
        let helpers = std::thread::available_parallelism().map_or(1, usize::from);
        (0..helpers).for_each(|_| drop(scope.spawn(work)));
    });
    let failed = failed.into_inner();
    if failed < u64::MAX {
        let crate_name = env!("CARGO_CRATE_NAME");
        panic!("again by: SIM_SEED={failed} cargo test -p netstack --test {crate_name} {name} -- --nocapture");
    }
}

/// The only seed to run, if one is asked for: who runs it may tell more.
pub fn single() -> Option<u64> {
    number("SIM_SEED")
}

/// A generator for a part of a run.
pub fn rng(seed: u64, part: u8) -> Rng {
    let mut bytes = [part; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    Rng::new(bytes)
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}
