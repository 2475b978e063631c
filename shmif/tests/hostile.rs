//! A bus whose file is scribbled on, truncated, removed, or out of space.

#![allow(unsafe_code)]

mod common;

use common::{Child, drain, frame, join, join_as, scratch};
use shmif::{Bell, Bus, BusError, BusEvent, Join, Port, Transmit, Who};
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const BROADCAST: [u8; 6] = [0xff; 6];
/// Longer than any call may take on a loaded machine.
const WATCHDOG: Duration = Duration::from_secs(60);

#[test]
#[ignore = "the body of the child processes"]
fn child() {
    let Ok(part) = std::env::var("SHMIF_PART") else { return };
    let path = std::env::var("SHMIF_BUS").expect("a bus");
    match &part[..] {
        "scribble" => scribble(Path::new(&path)),
        "careless" => careless(Path::new(&path)),
        "cramped" => cramped(Path::new(&path)),
        other => panic!("{other}"),
    }
}

/// Writes nonsense all over the file, but most of it where it hurts.
fn scribble(path: &Path) {
    let file = std::fs::File::options().write(true).open(path).expect("a bus");
    let end = file.metadata().expect("a file").len();
    println!("\n> ready");
    let mut state = 0x9e37_79b9_7f4a_7c15u64 ^ u64::from(std::process::id());
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    // The header, the first records, the rings of the first nodes, anywhere.
    let area = |slot: u64| (1 << 20) + slot * (5 << 20);
    for n in 0u64.. {
        let (start, span) = match n % 8 {
            0 => (0, 128),
            1..4 => (4096, 8 * 512),
            4..7 => (area(random() % 4), 20 << 10),
            _ => (0, end),
        };
        let junk = random();
        let bytes = match junk % 4 {
            0 => [0; 8],
            1 => [0xff; 8],
            _ => junk.to_le_bytes(),
        };
        let at = start + random() % span;
        // Now and then a word where a word is, with a value that nearly fits.
        let (at, bytes) = if junk & 64 == 0 { (at & !7, (junk % 5000).to_le_bytes()) } else { (at, bytes) };
        file.write_all_at(&bytes[..(end - at).min(8) as usize], at).expect("written");
    }
}

/// A node as a kernel runs it: one thread that sleeps, one that works. Says how long its longest call took.
struct Worker {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<(Port, Duration)>,
    bell: Bell,
    background: JoinHandle<()>,
}

impl Worker {
    fn start(mut port: Port, bell: Bell, to: [u8; 6]) -> Worker {
        let stop = Arc::new(AtomicBool::new(false));
        let background = std::thread::spawn({
            let (stop, bell) = (Arc::clone(&stop), bell.clone());
            move || {
                bell.enter_background_thread();
                while !stop.load(Ordering::Relaxed) {
                    let token = bell.prepare(Who::Background);
                    bell.sleep(Who::Background, token, Some(Duration::from_millis(100)));
                }
                bell.leave_background_thread();
            }
        });
        let thread = std::thread::spawn({
            let stop = Arc::clone(&stop);
            move || {
                let mut longest = Duration::ZERO;
                for n in 0usize.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let start = Instant::now();
                    let to = if n.is_multiple_of(5) { BROADCAST } else { to };
                    let _ = port.transmit(&[&frame(to, port.mac(), [60, 1500, 60_000][n % 3], 1)], false);
                    port.receive(32, &mut |bytes, _| assert!((14..=shmif::MAX_FRAME).contains(&bytes.len())));
                    port.table_changes();
                    port.nodes();
                    longest = longest.max(start.elapsed());
                }
                (port, longest)
            }
        });
        Worker { stop, thread, bell, background }
    }

    fn stop(self) -> (Port, Bell, Duration) {
        self.stop.store(true, Ordering::Relaxed);
        let end = Instant::now() + WATCHDOG;
        while !(self.thread.is_finished() && self.background.is_finished()) {
            assert!(Instant::now() < end, "a call hangs");
            std::thread::sleep(Duration::from_millis(1));
        }
        self.background.join().expect("no panic");
        let (port, longest) = self.thread.join().expect("no panic");
        (port, self.bell, longest)
    }
}

#[test]
fn who_scribbles_all_over_the_file_stops_nobody_for_longer_than_he_does() {
    let dir = scratch();
    let path = dir.path().join("bus");
    let seconds = std::env::var("SHMIF_SCRIBBLE").map_or(3, |s| s.parse().expect("seconds"));
    let nodes: Vec<_> = (0..4).map(|n| join(&path, &format!("node{n}"))).collect();
    let macs: Vec<[u8; 6]> = nodes.iter().map(|(port, _)| port.mac()).collect();
    let mut scribbler = Child::start(&path, "scribble", &[]);
    scribbler.expect("ready");
    let workers: Vec<Worker> =
        nodes.into_iter().enumerate().map(|(n, (port, bell))| Worker::start(port, bell, macs[(n + 1) % 4])).collect();
    std::thread::sleep(Duration::from_secs(seconds));
    let mut nodes: Vec<_> = workers.into_iter().map(Worker::stop).collect();
    scribbler.kill();
    for (port, _, longest) in &nodes {
        println!("longest round {longest:?}, {:?}", port.counters());
        assert!(*longest < Duration::from_secs(10));
    }
    // Each puts right what is its own when it looks at it, which its background thread does every two seconds.
    let bells: Vec<_> = nodes.iter().map(|(_, bell, _)| bell.clone()).collect();
    let sleep_a_little = || {
        for bell in &bells {
            let token = bell.prepare(Who::Background);
            bell.sleep(Who::Background, token, Some(Duration::from_millis(1)));
        }
    };
    let end = Instant::now() + WATCHDOG;
    for (from, into) in [(0, 1), (1, 2), (2, 3), (3, 0)] {
        let marked = frame(macs[into], macs[from], 900, 0x5a);
        let mut arrived = false;
        while !arrived {
            assert!(Instant::now() < end, "{from} cannot reach {into}");
            let _ = nodes[from].0.transmit(&[&marked], false);
            arrived = drain(&mut nodes[into].0).iter().any(|(bytes, _)| *bytes == marked);
            sleep_a_little();
        }
    }
    while let Err(e) = Bus::open(&path, false) {
        assert!(Instant::now() < end, "{e}");
        sleep_a_little();
    }
    for (port, ..) in &mut nodes {
        assert!(port.events().is_empty());
    }
    let (mut late, _) = join(&path, "late");
    assert_eq!(late.transmit(&[&frame(macs[0], late.mac(), 64, 1)], false), Transmit::Sent);
    assert_eq!(drain(&mut nodes[0].0).len(), 1);
}

#[test]
fn a_truncated_bus_is_dead_and_says_so_once() {
    let dir = scratch();
    let path = dir.path().join("bus");
    let ((a, bell_a), (b, bell_b)) = (join(&path, "a"), join(&path, "b"));
    let (mac_a, mac_b) = (a.mac(), b.mac());
    let workers = [Worker::start(a, bell_a, mac_b), Worker::start(b, bell_b, mac_a)];
    std::thread::sleep(Duration::from_millis(50));
    std::fs::File::options().write(true).open(&path).and_then(|file| file.set_len(0)).expect("truncated");
    std::thread::sleep(Duration::from_millis(50));
    for worker in workers {
        let (mut port, bell, _) = worker.stop();
        assert_eq!(port.events(), [BusEvent::Truncated]);
        assert!(port.events().is_empty());
        assert_eq!(port.transmit(&[&frame(BROADCAST, port.mac(), 60, 0)], false), Transmit::Sent);
        assert!(port.counters().tx_dropped > 0);
        assert!(drain(&mut port).is_empty());
        assert!(matches!(port.claim(Ipv4Addr::new(10, 0, 0, 1), 24), Err(BusError::Gone)));
        // Its bell still serves its own threads.
        let token = bell.prepare(Who::Foreground);
        bell.ring(Who::Foreground);
        bell.sleep(Who::Foreground, token, None);
    }
    // The file is an empty one now, of which a new bus can be made.
    let ((mut a, _), (mut b, _)) = (join(&path, "a"), join(&path, "b"));
    assert_eq!(a.transmit(&[&frame(b.mac(), a.mac(), 60, 0)], false), Transmit::Sent);
    assert_eq!(drain(&mut b).len(), 1);
}

#[test]
fn a_removed_bus_goes_on_and_says_so_once() {
    let dir = scratch();
    let path = dir.path().join("bus");
    let ((mut a, bell), (mut b, _)) = (join(&path, "a"), join(&path, "b"));
    std::fs::remove_file(&path).expect("removed");
    let start = Instant::now();
    let events = loop {
        let token = bell.prepare(Who::Background);
        let events = a.events();
        if !events.is_empty() {
            break events;
        }
        assert!(start.elapsed() < WATCHDOG);
        bell.sleep(Who::Background, token, Some(WATCHDOG));
    };
    assert_eq!(events, [BusEvent::Removed]);
    assert!(start.elapsed() < Duration::from_secs(20));
    assert_eq!(a.transmit(&[&frame(b.mac(), a.mac(), 60, 0)], false), Transmit::Sent);
    assert_eq!(drain(&mut b).len(), 1);
    assert!(a.events().is_empty());
}

#[test]
fn a_program_that_closes_our_descriptor_is_told_and_keeps_its_node() {
    let dir = scratch();
    let path = dir.path().join("bus");
    let mut child = Child::start(&path, "careless", &[]);
    child.expect("closed");
    let (mut port, _) = join(&path, "other");
    let nodes = port.nodes();
    assert!(nodes[0].alive && nodes[0].name == "careless", "{nodes:?}");
    assert!(port.table_changes().is_empty());
    child.tell("on");
    child.finish();
}

/// Has its descriptor replaced by another file.
fn careless(path: &Path) {
    let ((mut a, bell), (mut b, _)) = (join(path, "careless"), join(path, "careless"));
    assert_eq!(a.transmit(&[&frame(b.mac(), a.mac(), 60, 1)], false), Transmit::Sent);
    let other = tempfile::tempfile().expect("a file");
    let fd = a.descriptor().expect("open").as_raw_fd();
    // SAFETY: the bus is prepared for a program that does this.
    let mut theirs = std::mem::ManuallyDrop::new(unsafe { OwnedFd::from_raw_fd(fd) });
    rustix::io::dup2(&other, &mut theirs).expect("replaced");
    println!("\n> closed");
    std::io::stdin().read_line(&mut String::new()).expect("a line");
    let end = Instant::now() + WATCHDOG;
    let events = loop {
        let token = bell.prepare(Who::Background);
        let events = a.events();
        if !events.is_empty() || Instant::now() > end {
            break events;
        }
        bell.sleep(Who::Background, token, Some(WATCHDOG));
    };
    assert_eq!(events, [BusEvent::Closed]);
    assert_eq!(a.transmit(&[&frame(b.mac(), a.mac(), 60, 1)], false), Transmit::Sent);
    assert_eq!(drain(&mut b).len(), 2);
    drop((a, bell));
    assert_eq!(other.metadata().expect("a file").len(), 0);
    assert!(rustix::io::fcntl_getfd(&*theirs).is_ok(), "the program's file was closed");
}

/// On a file system of a few hundred KiB: joins until it is full, then sends what does not fit.
fn cramped(path: &Path) {
    let mut ports = Vec::new();
    let refusal = loop {
        let join = Join { name: "cramped".into(), mac: None, mtu: 65_535, promiscuous: false };
        match Bus::open(path, true).and_then(|bus| bus.join(join)) {
            Ok((port, _)) => ports.push(port),
            Err(e) => break e,
        }
    };
    assert!(matches!(refusal, BusError::NoSpace { .. }), "{refusal}");
    assert!(ports.len() >= 2, "{}", ports.len());
    let mut received = 0;
    for n in 0..500usize {
        for (sender, port) in ports.iter_mut().enumerate() {
            let bytes = frame(BROADCAST, port.mac(), [60_000, 100][n % 2], 1);
            let _ = port.transmit(&[&bytes], false);
            if n.is_multiple_of(sender + 1) {
                received += drain(port).len();
            }
        }
    }
    println!("\n> received {received} of {} nodes", ports.len());
}

#[test]
fn a_full_file_system_refuses_nodes_and_never_kills_them() {
    let dir = scratch();
    let mount = format!("mount -t tmpfs -o size=2m none {0} && exec \"$0\" \"$@\"", dir.path().display());
    let Some(mut child) = Child::start_in(&["unshare", "-Urm", "sh", "-c", &mount], &dir.path().join("bus"), "cramped")
    else {
        eprintln!("not tested: this host lets nobody mount a tmpfs in a namespace of one's own");
        return;
    };
    let said = child.expect("received");
    assert!(said.split(' ').next().and_then(|n| n.parse::<u32>().ok()).expect("a number") > 100, "{said}");
    child.finish();
}

#[test]
fn a_capture_that_does_not_keep_up_loses_frames_and_counts_them() {
    let dir = scratch();
    let path = dir.path().join("bus");
    let ((mut a, _), (mut b, _)) = (join(&path, "a"), join(&path, "b"));
    let (mut tap, _) = join_as(&path, Join { name: "dumpbus".into(), mac: None, mtu: 1500, promiscuous: true });
    for n in 0..1000u32 {
        let mut bytes = frame(b.mac(), a.mac(), 1000, 0);
        bytes[14..18].copy_from_slice(&n.to_le_bytes());
        assert_eq!(a.transmit(&[&bytes], false), Transmit::Sent);
        assert_eq!(drain(&mut b).len(), 1);
    }
    let captured = drain(&mut tap);
    assert_eq!(captured.len() as u64 + tap.counters().rx_overruns, 1000);
    assert!(captured.windows(2).all(|pair| pair[0].1.timestamp_ns <= pair[1].1.timestamp_ns));
    assert_eq!(captured[0].0[14..18], 0u32.to_le_bytes());
}
