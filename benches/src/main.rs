//! `netbench`: measures stream sockets between two processes.
//!
//! It knows nothing of rump: it calls the C library's socket functions (through `std::net`), and whoever
//! starts it decides by `LD_PRELOAD` which kernel answers. `cargo xtask bench` runs it on both in turn.
//!
//! `netbench serve ADDR` answers any number of clients, a thread a connection; `netbench bulk|roundtrip|connect ADDR`
//! measures for a time and prints `key=value` lines. Figures are of the client's wall clock, and a bulk figure ends when the
//! server has confirmed the last byte.

mod client;
mod protocol;
mod server;

use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use rustix::thread::{CpuSet, sched_setaffinity};

#[derive(Parser)]
#[command(about = "Measure stream sockets between two processes")]
struct Args {
    /// Run on this CPU alone (set before the first socket, so that a rump kernel's threads inherit it).
    #[arg(long, global = true)]
    cpu: Option<usize>,
    #[command(subcommand)]
    mode: Mode,
}

#[derive(Subcommand)]
enum Mode {
    /// Answer clients until killed.
    Serve { address: SocketAddr },
    /// One stream, one way: Gbit/s.
    Bulk {
        address: SocketAddr,
        /// Bytes in each write.
        #[arg(long, default_value_t = 131_072)]
        size: usize,
        /// Seconds to run.
        #[arg(long, default_value_t = 1.0)]
        seconds: f64,
    },
    /// One byte there and back: microseconds.
    Roundtrip {
        address: SocketAddr,
        /// Seconds to run.
        #[arg(long, default_value_t = 1.0)]
        seconds: f64,
    },
    /// One stream, one way, counted by the server in a window of time.
    Flow {
        address: SocketAddr,
        /// Seconds that the server lets pass first.
        #[arg(long, default_value_t = 0.0)]
        skip: f64,
        /// Seconds that it counts.
        #[arg(long, default_value_t = 5.0)]
        seconds: f64,
        /// TCP_CONGESTION; the kernel's own choice otherwise.
        #[arg(long)]
        congestion: Option<String>,
    },
    /// Connect, one byte, close: connections a second.
    Connect {
        address: SocketAddr,
        /// Connections to make.
        #[arg(long, default_value_t = 2000)]
        count: u32,
    },
}

fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("netbench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> io::Result<()> {
    if let Some(cpu) = args.cpu {
        let mut set = CpuSet::new();
        set.set(cpu);
        sched_setaffinity(None, &set)?;
    }
    match args.mode {
        Mode::Serve { address } => server::serve(address),
        Mode::Bulk { address, size, seconds } => client::bulk(address, size, Duration::from_secs_f64(seconds)),
        Mode::Roundtrip { address, seconds } => client::roundtrip(address, Duration::from_secs_f64(seconds)),
        Mode::Flow { address, skip, seconds, ref congestion } => {
            let [skip, seconds] = [skip, seconds].map(Duration::from_secs_f64);
            client::flow(address, skip, seconds, congestion.as_deref())
        }
        Mode::Connect { address, count } => client::connect(address, count),
    }
}
