//! The two devices, joined, and when to sleep.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::thread::{NanosleepRelativeResult, nanosleep};
use rustix::time::{ClockId, clock_gettime};
use tapif::{Checksum, PartialChecksum, Receive, Tap, Transmit};

use crate::direction::{Direction, Settings};
use crate::frame::carries_data;
use crate::lateness::Lateness;

/// Frames taken from one end before the other gets its turn.
const BATCH: usize = 32;
/// While frames are due soon, one sleep: frames are this late at most where they come and where they leave. A timer costs a
/// virtual machine some microseconds, so shorter ones would be nothing but cost.
const NAP_NS: u64 = 20_000;
/// What is due later than this does not keep the wire from sleeping until a frame comes.
const SOON_NS: u64 = 200_000;

/// See the module.
pub struct Wire {
    ends: [Tap; 2],
    /// From each end to the other.
    directions: [Direction<Option<PartialChecksum>>; 2],
    lateness: Lateness,
    refused: u64,
    stop: Arc<AtomicBool>,
}

impl Wire {
    /// A wire between two TAP interfaces, with the settings of either direction.
    pub fn new(ends: [Tap; 2], settings: [Settings; 2]) -> io::Result<Wire> {
        let stop = Arc::new(AtomicBool::new(false));
        signal_hook::flag::register(signal_hook::consts::SIGTERM, stop.clone())?;
        Ok(Wire { ends, directions: settings.map(Direction::new), lateness: Lateness::new(), refused: 0, stop })
    }

    /// Carries frames until SIGTERM, then says what it did.
    pub fn carry(mut self) -> io::Result<()> {
        println!("ready");
        let mut buffer = vec![0; 65_550];
        while !self.stop.load(Ordering::Relaxed) {
            let more = self.take(&mut buffer)?;
            self.give();
            if !more {
                self.sleep()?;
            }
        }
        self.report();
        Ok(())
    }

    /// True if an end may have more.
    fn take(&mut self, buffer: &mut [u8]) -> io::Result<bool> {
        let mut more = false;
        for (end, direction) in self.ends.iter_mut().zip(&mut self.directions) {
            let now = now();
            for n in 0.. {
                if n == BATCH {
                    more = true;
                    break;
                }
                match end.receive(buffer) {
                    Receive::Frame { len, checksum, .. } => {
                        let frame = &buffer[..len];
                        direction.enter(now, frame, to_complete(checksum), carries_data(frame));
                    }
                    Receive::Empty => break,
                    Receive::Gone => return Err(io::Error::other(format!("{} was removed", end.name()))),
                }
            }
        }
        Ok(more)
    }

    fn give(&mut self) {
        let Wire { ends: [left, right], directions: [rightwards, leftwards], lateness, refused, .. } = self;
        for (direction, end) in [(rightwards, right), (leftwards, left)] {
            let mut now = now();
            direction.leave(now, |due, frame, checksum| {
                lateness.add(now.saturating_sub(due));
                if end.transmit(&[frame], checksum, None) != Transmit::Sent {
                    *refused += 1;
                }
                now = self::now();
            });
        }
    }

    fn sleep(&self) -> io::Result<()> {
        let now = now();
        let due = self.directions.iter().filter_map(Direction::next_due).min();
        let wait = due.map(|due| due.saturating_sub(now));
        match wait {
            Some(wait) if wait < SOON_NS => match nanosleep(&timespec(NAP_NS)) {
                NanosleepRelativeResult::Err(error) => return Err(error.into()),
                NanosleepRelativeResult::Ok | NanosleepRelativeResult::Interrupted(_) => {}
            },
            _ => {
                let [left, right] = &self.ends;
                let mut fds = [left.fd(), right.fd()].map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN));
                let timeout = wait.map(|wait| timespec(wait - SOON_NS / 2));
                match poll(&mut fds, timeout.as_ref()) {
                    Ok(_) | Err(rustix::io::Errno::INTR) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(())
    }

    fn report(&self) {
        for (name, direction) in ["right", "left"].into_iter().zip(&self.directions) {
            let counts = direction.counts();
            println!("carried_{name}={}", counts.carried);
            println!("lost_{name}={}", counts.lost);
            println!("overflowed_{name}={}", counts.overflowed);
            println!("held_{name}={}", counts.held);
        }
        println!("refused={}", self.refused);
        println!("late_median_us={}", self.lateness.quantile_us(0.5));
        println!("late_p99_us={}", self.lateness.quantile_us(0.99));
        println!("late_most_us={}", self.lateness.most_us());
        let spent = clock_gettime(ClockId::ProcessCPUTime);
        println!("cpu_s={:.2}", spent.tv_sec as f64 + spent.tv_nsec as f64 / 1e9);
    }
}

/// What the sender left to its device is left to the receiver's, as between virtual machines.
fn to_complete(checksum: Checksum) -> Option<PartialChecksum> {
    match checksum {
        Checksum::Partial(place) => Some(place),
        Checksum::Good | Checksum::Unknown => None,
    }
}

fn now() -> u64 {
    let t = clock_gettime(ClockId::Monotonic);
    t.tv_sec as u64 * 1_000_000_000 + t.tv_nsec as u64
}

fn timespec(ns: u64) -> Timespec {
    Timespec { tv_sec: (ns / 1_000_000_000).cast_signed(), tv_nsec: (ns % 1_000_000_000).cast_signed() as _ }
}
