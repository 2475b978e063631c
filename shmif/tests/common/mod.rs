//! What the tests share.
#![allow(dead_code)]

use shmif::{Bell, Bus, Join, Port, Received};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, ExitStatus, Stdio};

/// A directory of the test's own in memory.
pub fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").expect("a directory")
}

pub fn join(path: &Path, name: &str) -> (Port, Bell) {
    join_as(path, Join { name: name.into(), mac: None, mtu: 65_535, promiscuous: false })
}

pub fn join_as(path: &Path, join: Join) -> (Port, Bell) {
    Bus::open(path, true).and_then(|bus| bus.join(join)).expect("joined")
}

/// A frame of `length` bytes to `to`, filled with `payload`.
pub fn frame(to: [u8; 6], from: [u8; 6], length: usize, payload: u8) -> Vec<u8> {
    let mut bytes = [&to[..], &from[..], &[0x08, 0x00]].concat();
    bytes.resize(length, payload);
    bytes
}

pub fn drain(port: &mut Port) -> Vec<(Vec<u8>, Received)> {
    let mut all = Vec::new();
    while port.receive(64, &mut |bytes, meta| all.push((bytes.to_vec(), meta))) > 0 {}
    all
}

/// A child process that plays a part; killed at the end.
pub struct Child {
    process: std::process::Child,
    out: BufReader<ChildStdout>,
}

impl Child {
    pub fn start(path: &Path, part: &str, more: &[(&str, String)]) -> Child {
        let mut command = Command::new(this());
        command.envs(more.iter().map(|(key, value)| (key, value)));
        Child::spawn(command, path, part)
    }

    /// As [`Child::start`], by way of a command that runs the rest of its arguments; `None` where `true` cannot be run so.
    pub fn start_in(wrapper: &[&str], path: &Path, part: &str) -> Option<Child> {
        let wrapped = || {
            let mut command = Command::new(wrapper[0]);
            command.args(&wrapper[1..]);
            command
        };
        let works = wrapped().arg("true").stderr(Stdio::null()).status().is_ok_and(|status| status.success());
        works.then(|| {
            let mut command = wrapped();
            command.arg(this());
            Child::spawn(command, path, part)
        })
    }

    fn spawn(mut command: Command, path: &Path, part: &str) -> Child {
        command.args(["child", "--exact", "--ignored", "--nocapture", "--quiet"]);
        command.env("SHMIF_PART", part).env("SHMIF_BUS", path);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("started");
        let out = BufReader::new(process.stdout.take().expect("a pipe"));
        Child { process, out }
    }

    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// The rest of the next line that the child says with `word`.
    pub fn expect(&mut self, word: &str) -> String {
        for line in self.out.by_ref().lines() {
            let line = line.expect("text");
            if let Some(rest) = line.strip_prefix("> ").and_then(|line| line.strip_prefix(word)) {
                return rest.trim().to_owned();
            }
        }
        panic!("the child ended without saying {word}");
    }

    /// Writes a line to the child.
    pub fn tell(&mut self, what: &str) {
        use std::io::Write;
        writeln!(self.process.stdin.as_mut().expect("a pipe"), "{what}").expect("a reader");
    }

    /// kill -9, and waits until it is gone.
    pub fn kill(&mut self) {
        self.process.kill().expect("killed");
        self.process.wait().expect("waited for");
    }

    /// Waits for its end.
    pub fn wait(mut self) -> ExitStatus {
        self.process.wait().expect("waited for")
    }

    /// Waits for its end, which must be a good one.
    pub fn finish(self) {
        assert!(self.wait().success());
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn this() -> PathBuf {
    std::env::current_exe().expect("a path")
}
