//! `rump dumpbus`: all frames of a bus, into a file or as a line each.

mod summary;

use std::io::{BufWriter, ErrorKind, Stdout, Write, stdout};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use kernel::capture::{Capture, CaptureError};
use shmif::{Bell, Bus, BusEvent, Join, Port, Received, Who};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::Failure;

/// Captures the frames of a bus
///
/// It joins the bus as a node without an address that receives a copy of every frame, and makes the bus if it is not there, so
/// that nothing is missed that comes later. SIGINT and SIGTERM end it; then it says on stderr how many frames it had and
/// missed: the nodes do not wait for it, as they do for a kernel's own `pcap=`, which misses none.
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
        let output = Output::begin(self.write.as_deref())?;
        let bus = Bus::open(&self.bus, true).map_err(Failure::new)?;
        let join = Join { name: "rump dumpbus".to_owned(), mac: None, mtu: shmif::MAX_MTU, promiscuous: true };
        let (mut port, bell) = bus.join(join).map_err(Failure::new)?;
        let ended = Arc::new(AtomicBool::new(false));
        let failed = |error| Failure::new(format!("a thread: {error}"));
        end_on_signal(bell.clone(), Arc::clone(&ended)).map_err(failed)?;
        let (frames, writer) = output.in_a_thread(bell.clone(), Arc::clone(&ended)).map_err(failed)?;
        eprintln!("rump: capturing on {} as node {}", self.bus.display(), port.slot());

        let captured = self.capture(&mut port, &bell, &ended, &frames);
        drop(frames);
        let outcome = writer.join().unwrap_or_else(|_| Err(Failure::new("the writer crashed")));
        report(captured, &port);
        outcome
    }

    /// Takes frames until there is a reason to end; returns how many.
    fn capture(&self, port: &mut Port, bell: &Bell, ended: &AtomicBool, frames: &SyncSender<Frame>) -> u64 {
        let deadline = self.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut left = self.count.unwrap_or(u64::MAX);
        let mut captured = 0;
        while left > 0 {
            // A bus without a pause must not keep a signal or the deadline from being seen.
            let batch = usize::try_from(left).unwrap_or(usize::MAX).min(64);
            let received = port.receive(batch, &mut |frame, meta| {
                // The writer goes away only when it has ended.
                let _ = frames.send((frame.to_vec(), meta));
            }) as u64;
            (left, captured) = (left - received.min(left), captured + received);
            port.table_changes();
            for event in port.events() {
                eprintln!("rump: {}", summary::event(event, &self.bus));
                if event != BusEvent::Removed {
                    return captured;
                }
            }
            if ended.load(Ordering::Acquire) || deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                break;
            }
            if received == 0 {
                sleep(bell, ended, deadline);
            }
        }
        captured
    }
}

fn sleep(bell: &Bell, ended: &AtomicBool, deadline: Option<Instant>) {
    let token = bell.prepare(Who::Background);
    if bell.has_input() || ended.load(Ordering::Acquire) {
        bell.cancel(Who::Background);
        return;
    }
    let timeout = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
    bell.sleep(Who::Background, token, timeout);
}

/// A thread that waits for the signals, so that one that comes just before a sleep is not missed.
fn end_on_signal(bell: Bell, ended: Arc<AtomicBool>) -> std::io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let wait = move || {
        for _ in signals.forever() {
            end(&bell, &ended);
        }
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(wait).map(drop)
}

fn end(bell: &Bell, ended: &AtomicBool) {
    ended.store(true, Ordering::Release);
    bell.ring(Who::Background);
}

fn report(captured: u64, port: &Port) {
    let counters = port.counters();
    let frames = if captured == 1 { "frame" } else { "frames" };
    let (missed, torn) = (counters.rx_overruns, counters.rx_torn);
    eprintln!("rump: {captured} {frames} captured, {missed} missed because they came too fast, {torn} damaged");
}

type Frame = (Vec<u8>, Received);
type Writer = JoinHandle<Result<(), Failure>>;

/// Frames between the bus and the writer. A file is slower than a bus at times, and a bus waits for nobody.
const QUEUE: usize = 4096;

/// Where the frames go.
enum Output {
    Pcap(Capture),
    Lines(BufWriter<Stdout>),
}

impl Output {
    fn begin(write: Option<&Path>) -> Result<Output, Failure> {
        let capture = match write {
            None => return Ok(Output::Lines(BufWriter::new(stdout()))),
            Some(path) if path == "-" => {
                let out = stdout().as_fd().try_clone_to_owned();
                let out = out.map_err(|error| Failure::new(format!("standard output: {error}")))?;
                Capture::to(out, Path::new("standard output"))
            }
            Some(path) => Capture::create(path),
        };
        capture.map(Output::Pcap).map_err(Failure::new)
    }

    /// Writes in a thread of its own, until its queue is closed, or nobody wants more.
    fn in_a_thread(mut self, bell: Bell, ended: Arc<AtomicBool>) -> std::io::Result<(SyncSender<Frame>, Writer)> {
        let (sender, queue) = sync_channel(QUEUE);
        let write = move || {
            let outcome = self.write_all(&queue);
            end(&bell, &ended);
            match outcome {
                Err(Some(error)) => Err(Failure::new(error)),
                Ok(()) | Err(None) => Ok(()),
            }
        };
        Ok((sender, std::thread::Builder::new().name("writer".to_owned()).spawn(write)?))
    }

    fn write_all(&mut self, queue: &Receiver<Frame>) -> Result<(), Option<String>> {
        while let Ok(first) = queue.recv() {
            for (frame, meta) in std::iter::once(first).chain(queue.try_iter()) {
                self.write(&frame, meta)?;
            }
            if let Output::Lines(out) = self {
                lines(out.flush())?;
            }
        }
        Ok(())
    }

    fn write(&mut self, frame: &[u8], meta: Received) -> Result<(), Option<String>> {
        match self {
            Output::Pcap(capture) => match capture.frame(meta.timestamp_ns, &[frame], meta.checksum_partial) {
                Err(CaptureError::Write(_, rustix::io::Errno::PIPE)) => Err(None),
                outcome => outcome.map_err(|error| Some(error.to_string())),
            },
            Output::Lines(out) => lines(writeln!(out, "{}", summary::line(frame, meta.timestamp_ns))),
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
