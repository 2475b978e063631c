//! A program that runs, and one that has ended.

use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, kill_process_group, pidfd_open};

use crate::{Failure, Outcome};

/// A started program, leader of its own process group. Dropping it ends the whole group.
pub struct Running {
    child: Child,
    shown: String,
    output: Output,
    errors: Output,
    deadline: Instant,
    ended: bool,
}

/// What a program left behind.
pub struct Finished {
    /// The command line.
    pub shown: String,
    /// How it ended.
    pub status: ExitStatus,
    /// All of its standard output.
    pub stdout: Vec<u8>,
    /// All of its standard error.
    pub stderr: Vec<u8>,
}

impl Running {
    pub(crate) fn start(
        mut command: Command,
        shown: String,
        input: Option<Vec<u8>>,
        limit: Duration,
    ) -> Outcome<Running> {
        let mut child = command
            .process_group(0)
            .spawn()
            .map_err(|error| Failure::new(format!("could not start `{shown}`: {error}")))?;
        let output = Output::collect(child.stdout.take());
        let errors = Output::collect(child.stderr.take());
        if let (Some(bytes), Some(mut pipe)) = (input, child.stdin.take()) {
            // The program may close its input early; that is its affair.
            thread::spawn(move || pipe.write_all(&bytes));
        }
        Ok(Running { child, shown, output, errors, deadline: Instant::now() + limit, ended: false })
    }

    /// Its process id (the tracer's, if it is traced).
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal to it alone.
    pub fn signal(&self, signal: Signal) -> Outcome {
        kill_process(self.raw_pid(), signal)
            .map_err(|error| Failure::new(format!("signal to `{}`: {error}", self.shown)))
    }

    /// Waits until it has written `text`, to either output; what it has written by then.
    pub fn expect(&mut self, text: &str) -> Outcome<String> {
        let end = (Instant::now() + Duration::from_secs(15)).min(self.deadline);
        loop {
            let written = self.written();
            if written.contains(text) {
                return Ok(written);
            }
            if let Some(status) = self.child.try_wait()? {
                // What it wrote last may still be in the pipe.
                self.output.wait_end();
                self.errors.wait_end();
                let written = self.written();
                if written.contains(text) {
                    return Ok(written);
                }
                return Err(self.failure(&format!("ended ({status}) before it wrote {text:?}")));
            }
            if Instant::now() >= end {
                return Err(self.failure(&format!("did not write {text:?} in time")));
            }
            self.output.wait_more(Duration::from_millis(20));
        }
    }

    /// All that it has written so far, standard output first.
    pub fn written(&self) -> String {
        format!("{}{}", self.output.text(), self.errors.text())
    }

    /// Waits for its end; at its time limit its group is killed and that is a failure.
    pub fn finish(mut self) -> Outcome<Finished> {
        if !self.wait_until(self.deadline)? {
            let failure = self.failure("did not end in its time limit and was killed");
            self.kill_group();
            return Err(failure);
        }
        let status = self.child.wait()?;
        self.ended = true;
        self.output.wait_end();
        self.errors.wait_end();
        Ok(Finished { shown: self.shown.clone(), status, stdout: self.output.bytes(), stderr: self.errors.bytes() })
    }

    /// Asks it to end by SIGTERM and waits; after 5 s it is killed and that is a failure. The whole group is asked, because a
    /// tracer keeps the signal to itself.
    pub fn stop(mut self) -> Outcome<Finished> {
        self.end_group();
        self.deadline = Instant::now() + Duration::from_secs(5);
        self.finish()
    }

    /// Kills it by SIGKILL and waits.
    pub fn kill(mut self) -> Outcome<Finished> {
        self.kill_group();
        self.deadline = Instant::now() + Duration::from_secs(5);
        self.finish()
    }

    /// A failure about this program, with the ends of its outputs.
    pub fn failure(&self, what: &str) -> Failure {
        Failure::new(format!("`{}` {what}\n{}", self.shown, outputs(&self.output.bytes(), &self.errors.bytes())))
    }

    fn raw_pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    fn wait_until(&mut self, end: Instant) -> Outcome<bool> {
        if self.child.try_wait()?.is_some() {
            return Ok(true);
        }
        let handle = pidfd_open(self.raw_pid(), PidfdFlags::empty()).map_err(std::io::Error::from)?;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let timeout = Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: i64::from(left.subsec_nanos()) };
            match poll(&mut [PollFd::new(&handle, PollFlags::IN)], Some(&timeout)) {
                Ok(0) => return Ok(false),
                Ok(_) => return Ok(true),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(std::io::Error::from(error).into()),
            }
        }
    }

    fn end_group(&self) {
        let _ = kill_process_group(self.raw_pid(), Signal::TERM);
    }

    fn kill_group(&mut self) {
        let _ = kill_process_group(self.raw_pid(), Signal::KILL);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        // A clean end first: a server removes what it made, a tracer detaches. Then whatever is left of the group.
        if matches!(self.child.try_wait(), Ok(None)) {
            self.end_group();
            let _ = self.wait_until(Instant::now() + Duration::from_secs(1));
        }
        self.kill_group();
        let _ = self.child.wait();
    }
}

impl Finished {
    /// Itself if it exited with 0, else a failure with its outputs.
    pub fn success(self) -> Outcome<Finished> {
        if self.status.success() { Ok(self) } else { Err(self.failure("failed")) }
    }

    /// Itself if it exited with `code`.
    pub fn code(self, code: i32) -> Outcome<Finished> {
        if self.status.code() == Some(code) {
            Ok(self)
        } else {
            Err(self.failure(&format!("should have ended with status {code}")))
        }
    }

    /// Standard output as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard error as text.
    pub fn error_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// A failure about this program, with the ends of its outputs.
    pub fn failure(&self, what: &str) -> Failure {
        let how = match (self.status.code(), self.status.signal()) {
            (Some(code), _) => format!("exit status {code}"),
            (None, Some(signal)) => format!("signal {signal}"),
            (None, None) => "unknown end".to_owned(),
        };
        Failure::new(format!("`{}` {what} ({how})\n{}", self.shown, outputs(&self.stdout, &self.stderr)))
    }

    /// A failure unless either output contains `text`.
    pub fn expect(self, text: &str) -> Outcome<Finished> {
        if self.text().contains(text) || self.error_text().contains(text) {
            Ok(self)
        } else {
            Err(self.failure(&format!("should have written {text:?}")))
        }
    }
}

fn outputs(stdout: &[u8], stderr: &[u8]) -> String {
    format!("  standard output: {}\n  standard error: {}", tail(stdout), tail(stderr))
}

fn tail(bytes: &[u8]) -> String {
    const SHOWN: usize = 2000;
    if bytes.is_empty() {
        return "(nothing)".to_owned();
    }
    let start = bytes.len().saturating_sub(SHOWN);
    let text = String::from_utf8_lossy(&bytes[start..]).trim_end().replace('\n', "\n    ");
    format!("{}\n    {text}", if start > 0 { "(its end)" } else { "" })
}

/// One output stream, read by a thread of its own.
#[derive(Clone)]
struct Output(Arc<(Mutex<Collected>, Condvar)>);

#[derive(Default)]
struct Collected {
    bytes: Vec<u8>,
    ended: bool,
}

impl Output {
    fn collect(stream: Option<impl Read + Send + 'static>) -> Output {
        let output = Output(Arc::default());
        let theirs = output.clone();
        thread::spawn(move || {
            if let Some(mut stream) = stream {
                let mut buffer = [0; 8192];
                while let Ok(n @ 1..) = stream.read(&mut buffer) {
                    theirs.with(|collected| collected.bytes.extend_from_slice(&buffer[..n]));
                }
            }
            theirs.with(|collected| collected.ended = true);
        });
        output
    }

    fn with<T>(&self, f: impl FnOnce(&mut Collected) -> T) -> T {
        let (mutex, changed) = &*self.0;
        let result = f(&mut mutex.lock().unwrap_or_else(PoisonError::into_inner));
        changed.notify_all();
        result
    }

    fn bytes(&self) -> Vec<u8> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).bytes.clone()
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }

    fn wait_more(&self, time: Duration) {
        let (mutex, changed) = &*self.0;
        let guard = mutex.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = changed.wait_timeout(guard, time);
    }

    /// Waits for the end of file. A daemon that the program left may hold the pipe, so not for ever.
    fn wait_end(&self) {
        let (mutex, changed) = &*self.0;
        let guard = mutex.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = changed.wait_timeout_while(guard, Duration::from_secs(1), |collected| !collected.ended);
    }
}
