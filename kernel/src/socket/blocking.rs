//! Calls that wait.

use super::Socket;
use crate::backend::Reply;
use crate::wait::{Manner, Waiter, Watch};
use crate::{Errno, Result};
use std::cell::Cell;
use std::time::{Duration, Instant};

impl Socket {
    /// Repeats `attempt` until it returns a value, and sleeps in between. EAGAIN if `nonblocking`, and at the deadline. When a
    /// signal comes, EINTR, or if its handler has SA_RESTART and there is no deadline [`RESTART`](crate::signal::RESTART) (signal(7)).
    pub(super) fn block<R>(
        &self,
        nonblocking: bool,
        deadline: Option<Instant>,
        attempt: impl FnMut() -> Result<Option<R>>,
    ) -> Result<R> {
        self.block_in_parts(nonblocking, deadline, &Cell::new(false), attempt)
    }

    /// As [`block`](Self::block), of a call that may have moved some bytes when it must wait for more: from then on any handler ends
    /// it. A call that starts again would not know of them.
    pub(super) fn block_in_parts<R>(
        &self,
        nonblocking: bool,
        deadline: Option<Instant>,
        moved: &Cell<bool>,
        mut attempt: impl FnMut() -> Result<Option<R>>,
    ) -> Result<R> {
        if let Some(r) = attempt()? {
            return Ok(r);
        }
        if nonblocking {
            return Err(Errno::AGAIN);
        }
        let waiter = Waiter::current();
        let _watch = Watch::new(self, waiter.clone(), 0);
        loop {
            waiter.arm();
            if let Some(r) = attempt()? {
                return Ok(r);
            }
            let sleep = || self.backend.sleep(&waiter, deadline);
            let manner = if deadline.is_some() || moved.get() { Manner::Unrestarted } else { Manner::Restarted };
            match waiter.in_manner(manner, sleep) {
                Ok(true) => {}
                Ok(false) => return attempt()?.ok_or(Errno::AGAIN),
                // What came together with the signal is not lost.
                Err(error) => return attempt()?.ok_or(error),
            }
        }
    }

    /// Repeats a send while there is no room for it. If the program does not want to wait, its watchers are told when there is.
    pub(super) fn when_there_is_room(&self, flags: i32, send: impl Fn() -> Result<Reply>) -> Result<usize> {
        let (nonblocking, deadline) = self.send_patience(flags);
        self.block(nonblocking, deadline, || match send()? {
            Reply::Full => Ok(None),
            reply => reply.sent().map(Some),
        })
    }

    /// Whether a receive with these flags does not wait, and if it does, until when.
    pub(super) fn receive_patience(&self, flags: i32) -> (bool, Option<Instant>) {
        self.patience(flags, Self::receive_deadline)
    }

    /// The same of a send.
    pub(super) fn send_patience(&self, flags: i32) -> (bool, Option<Instant>) {
        self.patience(flags, Self::send_deadline)
    }

    fn patience(&self, flags: i32, deadline: fn(&Socket) -> Option<Instant>) -> (bool, Option<Instant>) {
        let nonblocking = self.nonblocking() || flags & libc::MSG_DONTWAIT != 0;
        (nonblocking, if nonblocking { None } else { deadline(self) })
    }

    /// SO_RCVTIMEO from now on.
    pub(super) fn receive_deadline(&self) -> Option<Instant> {
        deadline(self.settings.lock().receive_timeout)
    }

    /// SO_SNDTIMEO from now on.
    pub(super) fn send_deadline(&self) -> Option<Instant> {
        deadline(self.settings.lock().send_timeout)
    }

    /// SO_LINGER: waits until what was sent is acknowledged, the FIN too, `seconds` at most.
    pub(super) fn linger(&self, seconds: u32) {
        let deadline = Instant::now() + Duration::from_secs(u64::from(seconds));
        let _ = self.block(false, Some(deadline), || Ok(self.endpoint.is_released().then_some(())));
    }
}

fn deadline(timeout: Option<Duration>) -> Option<Instant> {
    timeout.map(|timeout| Instant::now() + timeout)
}
