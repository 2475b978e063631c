//! What the engine costs by itself: two stacks back to back in one thread, no I/O, a clock that is only told. smoltcp runs in
//! the same harness: the same wire, the same MTU, the same buffers, by turns.
//!
//! Prints a table in Markdown; `cargo xtask bench-engine` builds and runs it.

mod measure;
mod memory;
mod pair;
mod peer;
mod wire;

use clap::Parser;

#[global_allocator]
static ALLOCATOR: memory::Counted = memory::Counted;

#[derive(Parser)]
#[command(about = "What the engine costs by itself, without I/O, and smoltcp beside it")]
struct Args {
    /// Interleaved rounds; the medians are shown.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// MiB of each transfer.
    #[arg(long, default_value_t = 512)]
    mib: usize,
    /// The most connections at once.
    #[arg(long, default_value_t = 100_000)]
    connections: usize,
}

fn main() {
    let Args { rounds, mib, connections } = Args::parse();
    measure::throughput(rounds, mib << 20);
    measure::segments(rounds, mib << 20);
    measure::churn(rounds);
    measure::scale(connections);
}
