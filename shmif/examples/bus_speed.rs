//! How fast the bus is between two processes: `cargo run --release -p shmif --example bus_speed [SECONDS]`.
//!
//! Both sides are busy and spin when there is nothing to do, so what is measured is the bus and not the scheduler; the
//! sleeping round trip is measured apart. `strace -fc` on it shows that busy sides make no system call a frame.

use shmif::{Bell, Bus, Join, Port, Transmit, Who};
use std::error::Error;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const ECHO: [u8; 6] = [0xb2, 0xa0, 0, 0, 0, 2];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, part, path] = &arguments[..]
        && part == "far"
    {
        return far(Path::new(path));
    }
    let seconds = arguments.get(1).map_or(Ok(2.0), |seconds| seconds.parse())?;
    let path = std::env::temp_dir().join(format!("bus_speed.{}", std::process::id()));
    let path = if Path::new("/dev/shm").is_dir() {
        Path::new("/dev/shm").join(path.file_name().unwrap_or_default())
    } else {
        path
    };
    let result = near(&path, Duration::from_secs_f64(seconds));
    let _ = std::fs::remove_file(&path);
    result
}

fn join(path: &Path, mac: Option<[u8; 6]>) -> Result<(Port, Bell), shmif::BusError> {
    Bus::open(path, true)?.join(Join { name: "bus_speed".into(), mac, mtu: 65_535, promiscuous: false })
}

/// Sends, and asks the far side how much came.
fn near(path: &Path, time: Duration) -> Result<(), Box<dyn Error>> {
    let (mut port, bell) = join(path, None)?;
    let mut far = Command::new(std::env::current_exe()?).arg("far").arg(path).stdin(Stdio::piped()).spawn()?;
    while port.nodes().len() < 2 {
        std::thread::yield_now();
    }
    for length in [64, 1514, 9014, 65_549] {
        let sent = flood(&mut port, length, time);
        let (frames, elapsed) = (sent.0 as f64, sent.1.as_secs_f64());
        println!(
            "{length:>6} bytes: {:>8.0} ns a frame, {:>6.1} Gbit/s",
            elapsed * 1e9 / frames,
            frames * length as f64 * 8.0 / elapsed / 1e9
        );
    }
    for (sleeps, what) in [(false, "spinning"), (true, "sleeping")] {
        let mut times = round_trips(&mut port, &bell, sleeps, 20_000);
        times.sort_unstable();
        println!("round trip, {what}: median {:?}, p99 {:?}", times[times.len() / 2], times[times.len() * 99 / 100]);
    }
    println!("{:?}", port.counters());
    far.kill()?;
    far.wait()?;
    Ok(())
}

/// Sends as many frames as go in `time`, until the far side has read the last.
fn flood(port: &mut Port, length: usize, time: Duration) -> (u64, Duration) {
    let bytes = frame(port.mac(), length, b'f');
    let start = Instant::now();
    let mut sent = 0;
    while start.elapsed() < time {
        for _ in 0..64 {
            while port.transmit(&[&bytes], true) == Transmit::Full {
                std::hint::spin_loop();
            }
            sent += 1;
        }
    }
    echo(port, |_| std::hint::spin_loop(), b's');
    (sent, start.elapsed())
}

fn round_trips(port: &mut Port, bell: &Bell, sleeps: bool, count: usize) -> Vec<Duration> {
    let wait = |bell: &Bell| {
        let token = bell.prepare(Who::Foreground);
        if !bell.has_input() {
            bell.sleep(Who::Foreground, token, Some(Duration::from_secs(1)));
        }
    };
    let one = |_| {
        let start = Instant::now();
        match sleeps {
            true => echo(port, |_| wait(bell), b'w'),
            false => echo(port, |_| std::hint::spin_loop(), b's'),
        }
        start.elapsed()
    };
    (0..count).map(one).collect()
}

/// Sends one frame that comes back. `kind` says whether the far side shall sleep for the next one.
fn echo(port: &mut Port, mut wait: impl FnMut(()), kind: u8) {
    let bytes = frame(port.mac(), 64, kind);
    while port.transmit(&[&bytes], true) == Transmit::Full {
        std::hint::spin_loop();
    }
    while port.receive(16, &mut |_, _| {}) == 0 {
        wait(());
    }
}

/// Reads everything, and sends back what asks for it.
fn far(path: &Path) -> Result<(), Box<dyn Error>> {
    let (mut port, bell) = join(path, Some(ECHO))?;
    let mut replies = Vec::new();
    let mut sleeps = false;
    loop {
        let got = port.receive(64, &mut |bytes, _| {
            if bytes[14] != b'f' {
                replies.push([&bytes[6..12], &bytes[..6], &bytes[12..64]].concat());
            }
        });
        for reply in replies.drain(..) {
            sleeps = reply[14] == b'w';
            while port.transmit(&[&reply], true) == Transmit::Full {
                std::hint::spin_loop();
            }
        }
        if got == 0 && sleeps {
            let token = bell.prepare(Who::Foreground);
            if !bell.has_input() {
                bell.sleep(Who::Foreground, token, Some(Duration::from_secs(1)));
            }
        } else if got == 0 {
            std::hint::spin_loop();
        }
    }
}

fn frame(from: [u8; 6], length: usize, kind: u8) -> Vec<u8> {
    let mut bytes = [&ECHO[..], &from, &[0x88, 0xb5, kind]].concat();
    bytes.resize(length, 0);
    bytes
}
