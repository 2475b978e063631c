//! poll(2), select(2), epoll(7) and their kin, where a rump socket is among the descriptors; see [`kernel::poll`].
//!
//! All of these fail with EINTR after any handler, SA_RESTART or not (signal(7)).

use crate::hook;
use crate::message::duration;
use crate::real;
use crate::table::host;
use crate::user::{In, Out};
use kernel::descriptor;
use kernel::poll::epoll::{self, Begin};
use kernel::poll::{self, FdSet};
use kernel::signal;
use kernel::{Errno, Result};
use libc::{epoll_event, nfds_t, pollfd, sigset_t, timespec, timeval};
use std::ffi::{c_int, c_ulong};
use std::time::{Duration, Instant};

type Number = Option<Result<c_int>>;

fn number(count: usize) -> c_int {
    c_int::try_from(count).unwrap_or(c_int::MAX)
}

/// When a wait ends; `None` is never, also for a time that no clock reaches.
fn from_now(wait: Option<Duration>) -> Option<Instant> {
    Instant::now().checked_add(wait?)
}

fn millis(timeout: c_int) -> Option<Duration> {
    u64::try_from(timeout).ok().map(Duration::from_millis)
}

fn interval(timeout: In<timespec>) -> Result<Option<Duration>> {
    timeout.optional()?.map(duration).transpose()
}

// poll

/// poll(2).
pub fn poll(fds: Out<pollfd>, count: nfds_t, timeout: c_int) -> Number {
    poll_until(fds, count, || Ok(millis(timeout)), In::null())
}

/// ppoll(2).
pub fn ppoll(fds: Out<pollfd>, count: nfds_t, timeout: In<timespec>, mask: In<sigset_t>) -> Number {
    poll_until(fds, count, || interval(timeout), mask)
}

fn poll_until(
    fds: Out<pollfd>,
    count: nfds_t,
    wait: impl FnOnce() -> Result<Option<Duration>>,
    mask: In<sigset_t>,
) -> Number {
    // A list that cannot be read is for the host to refuse.
    let fds = fds.slice(usize::try_from(count).ok()?).ok()?;
    if !poll::concerns(fds) {
        return None;
    }
    Some(wait().and_then(|wait| poll::poll(fds, from_now(wait), mask.optional()?.as_ref()).map(number)))
}

/// poll(2), fortified.
pub fn poll_chk(fds: Out<pollfd>, count: nfds_t, timeout: c_int, space: usize) -> Number {
    fits(count, space).and_then(|()| poll(fds, count, timeout))
}

/// ppoll(2), fortified.
pub fn ppoll_chk(fds: Out<pollfd>, count: nfds_t, timeout: In<timespec>, mask: In<sigset_t>, space: usize) -> Number {
    fits(count, space).and_then(|()| ppoll(fds, count, timeout, mask))
}

/// A list that does not fit into its array is left to the host's function, which ends the program with its message.
fn fits(count: nfds_t, space: usize) -> Option<()> {
    (usize::try_from(count).ok()? <= space / size_of::<pollfd>()).then_some(())
}

// select

/// The three sets of a call, as long as `nfds` says.
struct Sets<'a> {
    read: Option<&'a mut FdSet>,
    write: Option<&'a mut FdSet>,
    except: Option<&'a mut FdSet>,
}

impl Sets<'_> {
    /// `None` where there is nothing of ours, or nothing that can be read.
    fn of_ours(nfds: c_int, sets: [Out<c_ulong>; 3]) -> Option<Self> {
        let width = poll::width(nfds).ok()?;
        let set = |set: Out<c_ulong>| if set.is_null() { Ok(None) } else { set.slice(width).map(Some) };
        let [read, write, except] = sets;
        let sets = Sets { read: set(read).ok()?, write: set(write).ok()?, except: set(except).ok()? };
        let looked_at = [sets.read.as_deref(), sets.write.as_deref(), sets.except.as_deref()];
        poll::select_concerns(nfds, looked_at).then_some(sets)
    }

    fn wait(self, nfds: c_int, deadline: Option<Instant>, mask: Option<&sigset_t>) -> Result<c_int> {
        poll::select(nfds, self.read, self.write, self.except, deadline, mask).map(number)
    }
}

/// select(2). As on Linux, what is left of the time is written back.
pub fn select(
    nfds: c_int,
    read: Out<c_ulong>,
    write: Out<c_ulong>,
    except: Out<c_ulong>,
    timeout: Out<timeval>,
) -> Number {
    let sets = Sets::of_ours(nfds, [read, write, except])?;
    Some(select_until(sets, nfds, timeout))
}

fn select_until(sets: Sets<'_>, nfds: c_int, timeout: Out<timeval>) -> Result<c_int> {
    let Ok(time) = timeout.get() else { return sets.wait(nfds, None, None) };
    let (Ok(seconds), Ok(micros)) = (u64::try_from(time.tv_sec), u64::try_from(time.tv_usec)) else {
        return Err(Errno::INVAL);
    };
    let deadline = from_now(Duration::from_secs(seconds).checked_add(Duration::from_micros(micros)));
    let ready = sets.wait(nfds, deadline, None);
    if let Some(deadline) = deadline {
        let left = deadline.saturating_duration_since(Instant::now());
        timeout.set(timeval { tv_sec: left.as_secs().cast_signed(), tv_usec: left.subsec_micros().into() })?;
    }
    ready
}

/// pselect(2).
pub fn pselect(
    nfds: c_int,
    read: Out<c_ulong>,
    write: Out<c_ulong>,
    except: Out<c_ulong>,
    timeout: In<timespec>,
    mask: In<sigset_t>,
) -> Number {
    let sets = Sets::of_ours(nfds, [read, write, except])?;
    Some(interval(timeout).and_then(|wait| sets.wait(nfds, from_now(wait), mask.optional()?.as_ref())))
}

// epoll

/// epoll_create(2).
pub fn epoll_create(size: c_int) -> Number {
    Some(if size > 0 { made(0) } else { Err(Errno::INVAL) })
}

/// epoll_create1(2).
pub fn epoll_create1(flags: c_int) -> Number {
    Some(made(flags))
}

fn made(flags: c_int) -> Result<c_int> {
    epoll::create(flags).inspect(|fd| descriptor::cleared_of_sockets(*fd))
}

/// epoll_ctl(2).
pub fn epoll_ctl(set: c_int, operation: c_int, fd: c_int, event: In<epoll_event>) -> Number {
    Some(event.optional().and_then(|event| epoll::ctl(set, operation, fd, event.as_ref())).map(|()| 0))
}

/// epoll_wait(2).
pub fn epoll_wait(set: c_int, events: Out<epoll_event>, max: c_int, timeout: c_int) -> c_int {
    wait(set, events, max, || Ok(millis(timeout)), In::null(), || host::epoll_wait(set, events, max, timeout))
}

/// epoll_pwait(2).
pub fn epoll_pwait(set: c_int, events: Out<epoll_event>, max: c_int, timeout: c_int, mask: In<sigset_t>) -> c_int {
    let host = || host::epoll_pwait(set, events, max, timeout, mask);
    wait(set, events, max, || Ok(millis(timeout)), mask, host)
}

/// epoll_pwait2(2).
pub fn epoll_pwait2(
    set: c_int,
    events: Out<epoll_event>,
    max: c_int,
    timeout: In<timespec>,
    mask: In<sigset_t>,
) -> c_int {
    let host = || host::epoll_pwait2(set, events, max, timeout, mask);
    wait(set, events, max, || interval(timeout), mask, host)
}

/// A set without rump sockets is waited for by the host's own call, cancellable as ever; it may get its first one meanwhile.
fn wait(
    set: c_int,
    events: Out<epoll_event>,
    max: c_int,
    timeout: impl FnOnce() -> Result<Option<Duration>>,
    mask: In<sigset_t>,
    host: impl FnOnce() -> c_int,
) -> c_int {
    if signal::inside() {
        return host();
    }
    let ours = |deadline| {
        let ours = || {
            let max = usize::try_from(max).map_err(|_| Errno::INVAL)?;
            let mask = mask.optional()?;
            let mut nothing = [epoll_event { events: 0, u64: 0 }];
            match places(events, max) {
                Ok(places) => epoll::wait(set, places, deadline, mask.as_ref()).map(number),
                // As on Linux, they are missed only when there is something to tell.
                Err(errno) => match epoll::wait(set, &mut nothing, deadline, mask.as_ref())? {
                    0 => Ok(0),
                    _ => Err(errno),
                },
            }
        };
        hook::asks(|| Some(ours())).unwrap_or(-1)
    };
    let deadline = match timeout() {
        Ok(timeout) => from_now(timeout),
        // The host says EINVAL too, if it gets so far.
        Err(_) => return host(),
    };
    match hook::within(|| epoll::begin(set)) {
        Begin::Host => host(),
        Begin::Ours => ours(deadline),
        Begin::Counted => {
            let result = host();
            let errno = real::errno();
            let room = usize::try_from(max).ok().and_then(|max| events.unseen(max).ok()).unwrap_or_default();
            match hook::within(|| epoll::end(room, result)) {
                Some(result) => {
                    real::set_errno(errno);
                    result
                }
                None => ours(deadline),
            }
        }
    }
}

/// Where events go. Those beyond what any program gets at a time are not looked at beforehand, because pages would come to be.
fn places<'a>(events: Out<epoll_event>, max: usize) -> Result<&'a mut [epoll_event]> {
    const LOOKED_AT: usize = 1024;
    events.slice(max.min(LOOKED_AT))?;
    events.unseen(max)
}
