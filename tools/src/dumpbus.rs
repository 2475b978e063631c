//! `rump dumpbus`: all frames of a bus, into a file or as a line each.

mod summary;

use std::io::{ErrorKind, Write, stdout};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use kernel::capture::Capture;
use shmif::{Bell, Bus, Join, Port, Received, Who};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::Failure;

/// Captures the frames of a bus
///
/// It joins the bus as a node without an address that receives a copy of every frame, and makes the bus if it is not there, so
/// that nothing is missed that comes later. SIGINT and SIGTERM end it; then it says on stderr how many frames it had and lost.
#[derive(clap::Args)]
pub struct Dumpbus {
    /// The path of the bus
    bus: PathBuf,
    /// Write a pcap file that tcpdump and Wireshark read, `-` for standard output; a line a frame otherwise
    #[arg(short, value_name = "FILE")]
    write: Option<PathBuf>,
    /// End after this many frames
    #[arg(short, value_name = "COUNT")]
    count: Option<u64>,
    /// End after this many seconds
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    timeout: Option<Duration>,
}

impl Dumpbus {
    pub fn run(self) -> Result<(), Failure> {
        let mut output = Output::begin(self.write.as_deref())?;
        let bus = Bus::open(&self.bus, true).map_err(Failure::new)?;
        let join = Join { name: "rump dumpbus".to_owned(), mac: None, mtu: shmif::MAX_MTU, promiscuous: true };
        let (mut port, bell) = bus.join(join).map_err(Failure::new)?;
        let interrupted = end_on_signal(bell.clone()).map_err(|error| Failure::new(format!("signals: {error}")))?;
        eprintln!("rump: capturing on {} as node {}", self.bus.display(), port.slot());

        let deadline = self.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut left = self.count.unwrap_or(u64::MAX);
        let mut captured = 0;
        while left > 0 && !output.ended {
            // A bus without a pause must not keep a signal or the deadline from being seen.
            let batch = usize::try_from(left).unwrap_or(usize::MAX).min(256);
            let received = port.receive(batch, &mut |frame, meta| output.frame(frame, meta)) as u64;
            output.flush();
            (left, captured) = (left - received.min(left), captured + received);
            port.table_changes();
            for event in port.events() {
                eprintln!("rump: {}", summary::event(event, &self.bus));
                output.ended |= event != shmif::BusEvent::Removed;
            }
            if interrupted.load(Ordering::Acquire) || deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                break;
            }
            if received == 0 {
                sleep(&bell, &interrupted, deadline);
            }
        }
        report(captured, &port);
        output.error.map_or(Ok(()), Err)
    }
}

fn sleep(bell: &Bell, interrupted: &AtomicBool, deadline: Option<Instant>) {
    let token = bell.prepare(Who::Background);
    if bell.has_input() || interrupted.load(Ordering::Acquire) {
        bell.cancel(Who::Background);
        return;
    }
    let timeout = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
    bell.sleep(Who::Background, token, timeout);
}

/// A thread that waits for the signals, so that one that comes just before a sleep is not missed.
fn end_on_signal(bell: Bell) -> std::io::Result<Arc<AtomicBool>> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let flag = Arc::clone(&interrupted);
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for _ in signals.forever() {
            flag.store(true, Ordering::Release);
            bell.ring(Who::Background);
        }
    })?;
    Ok(interrupted)
}

fn report(captured: u64, port: &Port) {
    let counters = port.counters();
    let frames = if captured == 1 { "frame" } else { "frames" };
    let (missed, torn) = (counters.rx_overruns, counters.rx_torn);
    eprintln!("rump: {captured} {frames} captured, {missed} missed because they came too fast, {torn} damaged");
}

/// Where the frames go.
struct Output {
    to: To,
    /// Nobody wants more: the reader is gone, or there is an error.
    ended: bool,
    error: Option<Failure>,
}

enum To {
    Pcap(Capture),
    Lines(std::io::StdoutLock<'static>),
}

impl Output {
    fn begin(write: Option<&Path>) -> Result<Output, Failure> {
        let to = match write {
            None => To::Lines(stdout().lock()),
            Some(path) if path == "-" => {
                let out = stdout()
                    .as_fd()
                    .try_clone_to_owned()
                    .map_err(|error| Failure::new(format!("standard output: {error}")))?;
                To::Pcap(Capture::to(out, Path::new("standard output")).map_err(Failure::new)?)
            }
            Some(path) => To::Pcap(Capture::create(path).map_err(Failure::new)?),
        };
        Ok(Output { to, ended: false, error: None })
    }

    fn frame(&mut self, frame: &[u8], meta: Received) {
        let outcome = match &mut self.to {
            To::Pcap(capture) => match capture.frame(meta.timestamp_ns, &[frame], meta.checksum_partial) {
                Err(kernel::capture::CaptureError::Write(_, rustix::io::Errno::PIPE)) => Err(None),
                outcome => outcome.map_err(|error| Some(error.to_string())),
            },
            To::Lines(out) => lines(writeln!(out, "{}", summary::line(frame, meta.timestamp_ns))),
        };
        self.see(outcome);
    }

    fn flush(&mut self) {
        if let To::Lines(out) = &mut self.to {
            let outcome = lines(out.flush());
            self.see(outcome);
        }
    }

    fn see(&mut self, outcome: Result<(), Option<String>>) {
        if let Err(error) = outcome {
            self.ended = true;
            self.error = self.error.take().or(error.map(Failure::new));
        }
    }
}

/// A reader that has gone, as `head` does, is an end and no error.
fn lines(outcome: std::io::Result<()>) -> Result<(), Option<String>> {
    outcome.map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => None,
        _ => Some(format!("standard output: {error}")),
    })
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "it takes a number of seconds, such as 10 or 0.5".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}
