//! poll(2) and ppoll(2).

use super::pollable::{Inherited, Pollable, address, normal};
use super::{epoll, expired, left, look, take_in};
use crate::descriptor::{Lookup, lookup, report_inherited};
use crate::signal::Handlers;
use crate::wait::{Waiter, Woke};
use crate::{Errno, Events, Result, Watcher, host, signal};
use smallvec::SmallVec;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::Instant;

/// Whether any of `fds` is ours; if none is, the host's poll(2) says all there is to say.
pub fn concerns(fds: &[libc::pollfd]) -> bool {
    any_ours(|| fds.iter().map(|fd| fd.fd))
}

/// ppoll(2): sets `revents` of each and returns how many are not 0. A `deadline` that has passed only looks; `mask`
/// replaces the thread's signal mask while it sleeps.
///
/// # Errors
/// EINTR after any handler, EINVAL for more descriptors than RLIMIT_NOFILE.
pub fn poll(fds: &mut [libc::pollfd], deadline: Option<Instant>, mask: Option<&libc::sigset_t>) -> Result<usize> {
    wait(fds, deadline, mask).map(|Found { ready, .. }| ready)
}

/// What a wait has found.
pub(super) struct Found {
    pub(super) ready: usize,
    /// What one of the numbers names has changed while the call slept.
    pub(super) renamed: bool,
}

/// As [`poll`].
pub(super) fn wait(
    fds: &mut [libc::pollfd],
    deadline: Option<Instant>,
    mask: Option<&libc::sigset_t>,
) -> Result<Found> {
    let at_once = |ready| Found { ready, renamed: false };
    if !concerns(fds) {
        return signal::around_poll(mask, Handlers::AfterCall, |mask| host::ppoll(fds, left(deadline), Some(mask)))
            .map(at_once);
    }
    // Linux compares with the limit; the call that asks for it may be forbidden, so short lists do without.
    if fds.len() > 1024 && beyond_limit(fds.len()) {
        return Err(Errno::INVAL);
    }
    let (ours, mut foreign) = sort(fds);
    let mut ready = report(&ours, fds);
    if ready == 0 && take_in() {
        ready = report(&ours, fds);
    }
    // A mask may let a pending signal in, which beats a timeout of 0: that is for the sleep to find out.
    if ready > 0 || (mask.is_none() && expired(deadline)) {
        return Ok(at_once(ready + foreign.look(fds)?));
    }
    sleep(ours, foreign, fds, deadline, mask)
}

/// Whether any of `fds` is ours for [`poll`]: a rump socket, or an epoll set that may get one while somebody waits for it.
pub(super) fn any_ours<Fds: Iterator<Item = RawFd>>(fds: impl Fn() -> Fds) -> bool {
    fds().any(|fd| !matches!(lookup(fd), Lookup::Host)) || epoll::any_may_hold_rump(fds())
}

/// One of the list that we answer for.
struct Ours {
    /// Where it stands in the program's list.
    place: usize,
    wanted: Events,
    target: Arc<dyn Pollable>,
}

/// Those of the list that the host answers for.
struct Foreign {
    /// In the order of `places`; behind them what sets of ours want slept on.
    fds: Vec<libc::pollfd>,
    /// Where each stands in the program's list.
    places: SmallVec<[usize; 8]>,
}

type OursList = SmallVec<[Ours; 4]>;

fn sort(fds: &[libc::pollfd]) -> (OursList, Foreign) {
    let mut ours = OursList::new();
    let mut foreign = Foreign { fds: Vec::new(), places: SmallVec::new() };
    for (place, fd) in fds.iter().enumerate().filter(|(_, fd)| fd.fd >= 0) {
        if let Some(target) = target(fd.fd) {
            let asked = Events::from_bits_retain(u32::from(fd.events.cast_unsigned()));
            ours.push(Ours { place, wanted: asked | Events::ERR | Events::HUP, target });
        } else {
            foreign.fds.push(libc::pollfd { fd: fd.fd, events: fd.events, revents: 0 });
            foreign.places.push(place);
        }
    }
    (ours, foreign)
}

fn target(fd: RawFd) -> Option<Arc<dyn Pollable>> {
    match lookup(fd) {
        Lookup::Rump(socket) => Some(socket),
        Lookup::Inherited => {
            report_inherited(fd);
            Some(Arc::new(Inherited))
        }
        Lookup::Host => {
            let ours = epoll::any_may_hold_rump(std::iter::once(fd));
            ours.then(|| epoll::find(fd)).flatten().map(|set| set as _)
        }
    }
}

impl Ours {
    /// Whether its number still names it.
    fn is_named(&self, fds: &[libc::pollfd]) -> bool {
        match lookup(fds[self.place].fd) {
            Lookup::Rump(socket) => address(&socket) == address(&self.target),
            Lookup::Inherited => true,
            Lookup::Host => epoll::find(fds[self.place].fd).is_some_and(|set| address(&set) == address(&self.target)),
        }
    }
}

/// Writes what holds now of ours and clears the rest; how many of ours are ready.
fn report(ours: &[Ours], fds: &mut [libc::pollfd]) -> usize {
    fds.iter_mut().for_each(|fd| fd.revents = 0);
    let mut ready = 0;
    for Ours { place, wanted, target } in ours {
        let now = normal(target.readiness()) & *wanted;
        fds[*place].revents = (now.bits() as u16).cast_signed();
        ready += usize::from(!now.is_empty());
    }
    ready
}

impl Foreign {
    /// Writes what holds now of the host's; how many are ready.
    fn look(&mut self, fds: &mut [libc::pollfd]) -> Result<usize> {
        self.fds.truncate(self.places.len());
        look(&mut self.fds)?;
        Ok(self.write(fds))
    }

    fn write(&self, fds: &mut [libc::pollfd]) -> usize {
        let mut ready = 0;
        for (foreign, &place) in self.fds.iter().zip(&self.places) {
            fds[place].revents = foreign.revents;
            ready += usize::from(foreign.revents != 0);
        }
        ready
    }

    /// The host descriptors to sleep on.
    fn for_sleep(&mut self, ours: &[Ours]) -> &mut [libc::pollfd] {
        self.fds.truncate(self.places.len());
        for ours in ours.iter().filter(|ours| ours.wanted.intersects(Events::IN | Events::RDNORM)) {
            ours.target.foreign(&mut self.fds);
        }
        self.fds.iter_mut().for_each(|fd| fd.revents = 0);
        &mut self.fds
    }
}

fn sleep(
    ours: OursList,
    mut foreign: Foreign,
    fds: &mut [libc::pollfd],
    deadline: Option<Instant>,
    mask: Option<&libc::sigset_t>,
) -> Result<Found> {
    let mark = signal::mark();
    let waiter = Waiter::current();
    let mut watched = Watching::begin(ours, waiter.clone());
    let mut renamed = false;
    loop {
        waiter.arm();
        let ready = report(&watched.ours, fds);
        if ready > 0 {
            return Ok(Found { ready: ready + foreign.look(fds)?, renamed });
        }
        let mut woke = waiter.sleep_unrestarted(foreign.for_sleep(&watched.ours), deadline, mask);
        // Linux looks the numbers up at each pass over the list.
        if !watched.ours.iter().all(|ours| ours.is_named(fds)) {
            let (ours, now_foreign) = sort(fds);
            (watched, foreign) = (Watching::begin(ours, waiter.clone()), now_foreign);
            woke = woke.map(|woke| if woke == Woke::Foreign { Woke::Notified } else { woke });
            renamed = true;
        }
        let ready = report(&watched.ours, fds);
        let ready = match woke {
            Ok(Woke::Foreign) => ready + foreign.write(fds),
            _ => ready + foreign.look(fds)?,
        };
        // What is ready beats the signal and the clock, as in Linux's last pass over the list.
        match woke {
            _ if ready > 0 => return Ok(Found { ready, renamed }),
            Err(error) => return Err(error),
            _ if signal::handled_since(mark) => return Err(Errno::INTR),
            Ok(Woke::TimedOut) => return Ok(Found { ready: 0, renamed }),
            Ok(Woke::Notified | Woke::Foreign) => {}
        }
    }
}

/// Watches all of a list until it is dropped.
struct Watching {
    ours: OursList,
    watcher: Arc<dyn Watcher>,
}

impl Watching {
    fn begin(ours: OursList, watcher: Arc<dyn Watcher>) -> Watching {
        for ours in &ours {
            ours.target.watch(&watcher, 0);
        }
        Watching { ours, watcher }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        for ours in &self.ours {
            ours.target.unwatch(&self.watcher, 0);
        }
    }
}

fn beyond_limit(count: usize) -> bool {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current.is_some_and(|limit| count as u64 > limit)
}
