//! `rump nodes` and `rump dumpbus` on a bus whose nodes are of the test itself.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use pcap_file::pcap::PcapReader;
use rustix::process::{Pid, Signal, kill_process};
use shmif::{Bus, Join, Port, Transmit};

/// A directory for a bus, in memory, and for what is captured of it.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Place {
        Place(tempfile::tempdir_in("/dev/shm").unwrap())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn join(&self, name: &str, number: u8) -> Port {
        let mac = Some([0xb2, 0xa0, 0, 0, 0, number]);
        let join = Join { name: name.to_owned(), mac, mtu: 65535, promiscuous: false };
        let (mut port, _) = Bus::open(&self.file("bus"), true).unwrap().join(join).unwrap();
        port.claim([10, 0, 0, number].into(), 24).unwrap();
        port
    }

    /// Starts `rump dumpbus` and waits until it is on the bus.
    fn dump(&self, arguments: &[&str]) -> Dump {
        let mut child = Command::new(env!("CARGO_BIN_EXE_rump"))
            .arg("dumpbus")
            .arg(self.file("bus"))
            .args(arguments)
            .current_dir(self.0.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        stderr.read_line(&mut said).unwrap();
        assert!(said.contains("capturing on"), "{said}");
        Dump { child, stderr }
    }
}

struct Dump {
    child: Child,
    stderr: BufReader<std::process::ChildStderr>,
}

impl Dump {
    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for its end; gives what it wrote to standard output, and the rest of what it said.
    fn end(mut self) -> (Vec<u8>, String) {
        let (mut out, mut said) = (Vec::new(), String::new());
        self.child.stdout.take().map(|mut stdout| stdout.read_to_end(&mut out)).transpose().unwrap();
        self.stderr.read_to_string(&mut said).unwrap();
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}: {said}");
        (out, said)
    }
}

fn frame(to: u8, from: u8, payload: &[u8]) -> Vec<u8> {
    [&[0xb2, 0xa0, 0, 0, 0, to, 0xb2, 0xa0, 0, 0, 0, from, 0x88, 0xb5], payload].concat()
}

fn captured(pcap: impl Read) -> Vec<Vec<u8>> {
    let mut reader = PcapReader::new(pcap).unwrap();
    std::iter::from_fn(|| reader.next_packet().map(|packet| packet.unwrap().data.into_owned())).collect()
}

fn nodes(bus: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rump")).arg("nodes").arg(bus).output().unwrap()
}

#[test]
fn nodes_shows_who_is_on_the_bus() {
    let place = Place::new();
    let (mut a, _b) = (place.join("server", 1), place.join("client", 2));
    assert_eq!(a.transmit(&[&frame(2, 1, &[7; 50])], false), Transmit::Sent);
    let output = nodes(&place.file("bus"));
    let text = String::from_utf8(output.stdout).unwrap();
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    let [title, server, client] = rows.as_slice() else { panic!("{text}") };
    assert_eq!(title[..5], ["NODE", "PID", "PROGRAM", "MAC", "ADDRESSES"]);
    let pid = std::process::id().to_string();
    assert_eq!(server[1..6], [&pid, "server", "b2:a0:00:00:00:01", "10.0.0.1/24", "65535"]);
    assert_eq!(client[1..6], [&pid, "client", "b2:a0:00:00:00:02", "10.0.0.2/24", "65535"]);
    assert_eq!((server[11], client[11]), ("lives", "lives"));
}

#[test]
fn what_is_no_bus_is_said() {
    let place = Place::new();
    std::fs::write(place.file("text"), "hello, world").unwrap();
    for name in ["text", "missing"] {
        let output = nodes(&place.file(name));
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(error.contains(place.file(name).to_str().unwrap()) && error.lines().count() == 1, "{error}");
    }
    assert!(!place.file("missing").exists());
    assert_eq!(std::fs::read(place.file("text")).unwrap(), b"hello, world");
}

#[test]
fn a_capture_has_every_frame_and_ends_with_the_count() {
    let place = Place::new();
    let dump = place.dump(&["-w", "out.pcap", "-c", "3"]);
    let (mut a, mut b) = (place.join("a", 1), place.join("b", 2));
    let frames = [frame(2, 1, b"to b"), frame(1, 2, &[9; 60_000]), frame(77, 1, b"to nobody")];
    assert_eq!(a.transmit(&[&frames[0]], false), Transmit::Sent);
    assert_eq!(b.transmit(&[&frames[1][..14], &frames[1][14..]], false), Transmit::Sent);
    assert_eq!(a.transmit(&[&frames[2]], false), Transmit::Sent);
    let (out, said) = dump.end();
    assert_eq!(
        (out.as_slice(), said.as_str()),
        (b"".as_slice(), "rump: 3 frames captured, 0 missed because they came too fast, 0 damaged\n")
    );
    assert_eq!(captured(File::open(place.file("out.pcap")).unwrap()), frames);
}

#[test]
fn a_signal_ends_a_capture_whole() {
    for signal in [Signal::INT, Signal::TERM] {
        let place = Place::new();
        let dump = place.dump(&["-w", "out.pcap"]);
        let mut a = place.join("a", 1);
        assert_eq!(a.transmit(&[&frame(2, 1, b"one")], false), Transmit::Sent);
        let file = place.file("out.pcap");
        wait_until(|| File::open(&file).is_ok_and(|file| captured(file).len() == 1));
        let begun = Instant::now();
        dump.signal(signal);
        let (_, said) = dump.end();
        assert!(begun.elapsed() < Duration::from_secs(1), "it waits for no heartbeat");
        assert!(said.contains("1 frame captured"), "{said}");
    }
}

#[test]
fn a_timeout_ends_a_capture() {
    let place = Place::new();
    let begun = Instant::now();
    let (_, said) = place.dump(&["-w", "out.pcap", "--timeout", "0.3"]).end();
    assert!(begun.elapsed() >= Duration::from_millis(300));
    assert!(said.starts_with("rump: 0 frames captured"), "{said}");
    assert!(captured(File::open(place.file("out.pcap")).unwrap()).is_empty());
}

#[test]
fn standard_output_takes_a_capture() {
    let place = Place::new();
    let dump = place.dump(&["-w", "-", "-c", "1"]);
    let mut a = place.join("a", 1);
    assert_eq!(a.transmit(&[&frame(2, 1, b"one")], false), Transmit::Sent);
    let (out, _) = dump.end();
    assert_eq!(captured(out.as_slice()), [frame(2, 1, b"one")]);
}

#[test]
fn without_a_file_each_frame_is_a_line() {
    let place = Place::new();
    let dump = place.dump(&["-c", "2"]);
    let mut a = place.join("a", 1);
    assert_eq!(a.transmit(&[&frame(2, 1, b"one")], false), Transmit::Sent);
    assert_eq!(a.transmit(&[&frame(3, 1, b"three")], false), Transmit::Sent);
    let (out, _) = dump.end();
    let text = String::from_utf8(out).unwrap();
    let lines: Vec<_> = text.lines().map(|line| line.split_once(' ').unwrap().1).collect();
    let line = |to, len| format!("b2:a0:00:00:00:01 > b2:a0:00:00:00:0{to}: type 0x88b5, {len} bytes");
    assert_eq!(lines, [line(2, 3), line(3, 5)]);
}

#[test]
fn a_reader_that_goes_ends_the_capture_without_an_error() {
    for arguments in [["-w", "-"].as_slice(), &[]] {
        let place = Place::new();
        let mut dump = place.dump(arguments);
        drop(dump.child.stdout.take());
        let mut a = place.join("a", 1);
        assert_eq!(a.transmit(&[&frame(2, 1, b"one")], false), Transmit::Sent);
        let (_, said) = dump.end();
        assert!(said.lines().count() == 1 && said.contains("captured"), "{said}");
    }
}

#[test]
fn a_bus_that_is_removed_is_said_and_goes_on() {
    let place = Place::new();
    let mut a = place.join("a", 1);
    let mut dump = place.dump(&["-w", "out.pcap"]);
    std::fs::remove_file(place.file("bus")).unwrap();
    let mut said = String::new();
    dump.stderr.read_line(&mut said).unwrap();
    assert!(said.contains("was removed"), "{said}");
    assert_eq!(a.transmit(&[&frame(2, 1, b"one")], false), Transmit::Sent);
    let file = place.file("out.pcap");
    wait_until(|| File::open(&file).is_ok_and(|file| captured(file).len() == 1));
    dump.signal(Signal::INT);
    dump.end();
}

fn wait_until(mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(10), "it did not come to be within 10 seconds");
        std::thread::sleep(Duration::from_millis(1));
    }
}
