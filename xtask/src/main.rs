//! `cargo xtask …`: what a developer or a newcomer runs, one file a task.

mod bench;
mod build;
mod compat;
mod demo;
mod fuzz;
mod install;
mod linux_peer;
mod matrix;
mod setup;
mod suite;
mod test;
mod unprivileged;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use system_tests::Outcome;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Development tasks of rump")]
struct Args {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// A web server in one rump kernel, curl in another, on a bus of their own. No root needed.
    Demo {
        /// Where to write the capture of the exchange.
        #[arg(long, value_name = "FILE", default_value = "rump-demo.pcap")]
        pcap: PathBuf,
        /// Take the library from where it was built (or from RUMP_BUILD) instead of building it.
        #[arg(long)]
        no_build: bool,
        /// As root: run the built demo as an unprivileged user, and prove by strace that no Internet socket of the host was opened.
        #[arg(long)]
        unprivileged_check: bool,
    },
    /// Install what the demo and the tests need: by apt-get as root, else print the command.
    Setup,
    /// Set up, build, run every test, then the demo.
    Test {
        /// More arguments for the test runner (a filter, say).
        #[arg(last = true)]
        runner: Vec<String>,
    },
    /// Measure against the kernel's loopback and print a table of ratios.
    Bench {
        /// Interleaved rounds; the medians are shown.
        #[arg(long, default_value_t = 5)]
        rounds: usize,
        /// Seconds of each bulk and round-trip run.
        #[arg(long, default_value_t = 1.0)]
        seconds: f64,
        /// Only the measurements whose name contains this.
        #[arg(long)]
        only: Option<String>,
    },
    /// Measure the engine alone, two stacks back to back without I/O, beside smoltcp.
    BenchEngine {
        /// More arguments for the program (`--rounds 3`).
        #[arg(last = true)]
        more: Vec<String>,
    },
    /// Measure goodput against Linux's TCP over bad wires, and write docs/LINUX-PEER.md. Needs root.
    LinuxPeer {
        /// Runs of each pair on each path.
        #[arg(long, default_value_t = 5)]
        runs: usize,
        /// Every third path, two runs.
        #[arg(long)]
        quick: bool,
        /// Only the paths whose name contains this (`1000mbit`, `loss`, `reorder`, `share`); the others keep their figures.
        #[arg(long)]
        only: Option<String>,
    },
    /// Ask every socket option and every call in every state of a socket, on the host kernel and on rump; write the table of what is the same.
    Compat {
        /// Where the table goes.
        #[arg(long, value_name = "FILE", default_value = "docs/COMPATIBILITY.md")]
        table: PathBuf,
        /// Only the cases that begin with this (`option/`, `call/tcp/`, `pointer/`): print the differences, write nothing.
        #[arg(long)]
        only: Option<String>,
    },
    /// Run real programs with real workloads on rump networks, and write docs/PROGRAMS.md. Needs root, for TAP.
    Matrix {
        /// Only the rows whose name contains this; the table is not written then.
        #[arg(long)]
        only: Option<String>,
    },
    /// Run other people's test suites on the host kernel and on rump, compare, and write docs/SUITES.md.
    Suite {
        /// Only this one (`python`, `perl`, `tokio`); the others keep their sections of the table.
        name: Option<String>,
        /// Only this part of it (`test_socket`, `IO`, `tcp_stream`); writes nothing.
        part: Option<String>,
    },
    /// Fuzz the parsers, the engine and the configuration. Needs the nightly toolchain and cargo-fuzz.
    Fuzz {
        /// Seconds for each target.
        #[arg(long, default_value_t = 60)]
        seconds: u32,
        /// Only the target of this name (a file of fuzz/corpus).
        #[arg(long)]
        only: Option<String>,
        /// Add what was found to the kept inputs, fuzz/corpus.
        #[arg(long)]
        keep: bool,
    },
    /// Install `rump` and the library where a bare `rump run` finds them.
    Install {
        /// Where bin/ and lib/ are; /usr/local as root, ~/.local otherwise.
        #[arg(long)]
        prefix: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    match run(Args::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Outcome {
    match task {
        Task::Demo { unprivileged_check: true, no_build, .. } => unprivileged::check(no_build),
        Task::Demo { pcap, no_build, .. } => demo::demo(&pcap, no_build),
        Task::Setup => setup::everything(),
        Task::Test { runner } => test::test(&runner),
        Task::Bench { rounds, seconds, only } => bench::bench(&bench::Plan { rounds, seconds, only }),
        Task::BenchEngine { more } => bench::engine(&more),
        Task::LinuxPeer { runs, quick, only } => linux_peer::linux_peer(&linux_peer::Plan { runs, quick, only }),
        Task::Compat { only: Some(only), .. } => compat::print(&only),
        Task::Compat { table, only: None } => compat::write(&table),
        Task::Matrix { only } => matrix::run(only.as_deref()),
        Task::Suite { name, part } => suite::run(name.as_deref(), part.as_deref()),
        Task::Fuzz { seconds, only, keep } => fuzz::fuzz(&fuzz::Plan { seconds, only, keep }),
        Task::Install { prefix } => install::install(prefix),
    }
}
