//! `impair`: a bad wire. It joins two TAP interfaces and delays, drops, limits and reorders what passes between them.
//!
//! Reading order: [`direction`] (what happens to a frame; pure, on a clock that is given), [`frame`] (which frames can be
//! lost), [`wire`] (the two devices and the sleeping), [`lateness`] (how true the wire is to its own times).
//!
//! It prints `ready` when it carries frames, and on SIGTERM what it did, as `key=value` lines. Both directions are alike.

mod direction;
mod frame;
mod lateness;
mod wire;

use std::fmt::Display;
use std::io;
use std::process::ExitCode;
use std::str::FromStr;

use clap::Parser;
use direction::Settings;
use rustix::fs::{Mode, OFlags};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tapif::Tap;

#[derive(Parser)]
#[command(about = "Join two TAP interfaces by a bad wire")]
struct Args {
    /// One end: the name of a network namespace (ip-netns(8)), a colon, the name of a TAP interface.
    left: End,
    /// The other end.
    right: End,
    /// Mbit/s each way, Ethernet headers included.
    #[arg(long)]
    mbit: f64,
    /// Round-trip time of an empty wire in milliseconds, half of it each way.
    #[arg(long)]
    rtt_ms: f64,
    /// Bytes that may wait for their turn, each way; what comes when they do is dropped.
    #[arg(long)]
    queue: u64,
    /// Percentage of TCP segments with data that are lost.
    #[arg(long, default_value_t = 0.0)]
    loss: f64,
    /// Percentage of frames that are held back on the way, so that later ones pass them.
    #[arg(long, default_value_t = 0.0)]
    reorder: f64,
    /// For how many milliseconds they are held back.
    #[arg(long, default_value_t = 2.0)]
    hold_ms: f64,
    /// What is lost and held back is the same for the same seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// A TAP interface in a namespace.
#[derive(Clone)]
struct End {
    namespace: String,
    device: String,
}

impl FromStr for End {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<End, Self::Err> {
        let (namespace, device) = text.split_once(':').ok_or("wants NAMESPACE:TAP")?;
        Ok(End { namespace: namespace.to_owned(), device: device.to_owned() })
    }
}

impl End {
    fn open(&self) -> io::Result<Tap> {
        let path = format!("/run/netns/{}", self.namespace);
        let named = |error: &dyn Display| io::Error::other(format!("{path}: {error}"));
        let namespace =
            rustix::fs::open(&path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).map_err(|e| named(&e))?;
        move_into_link_name_space(std::os::fd::AsFd::as_fd(&namespace), Some(LinkNameSpaceType::Network))
            .map_err(|e| named(&e))?;
        Tap::open(&self.device, None).map_err(io::Error::other)
    }
}

impl Args {
    fn settings(&self, salt: u64) -> Settings {
        const NS_PER_MS: f64 = 1e6;
        Settings {
            ns_per_byte: 8e3 / self.mbit,
            delay_ns: (self.rtt_ms / 2.0 * NS_PER_MS) as u64,
            queue_bytes: self.queue,
            loss: self.loss / 100.0,
            reorder: self.reorder / 100.0,
            hold_ns: (self.hold_ms * NS_PER_MS) as u64,
            seed: self.seed * 2 + salt,
        }
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    let run = || -> io::Result<()> {
        let ends = [args.left.open()?, args.right.open()?];
        wire::Wire::new(ends, [args.settings(0), args.settings(1)])?.carry()
    };
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("impair: {error}");
            ExitCode::FAILURE
        }
    }
}
