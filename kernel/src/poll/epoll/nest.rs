//! Epoll sets in epoll sets.
//!
//! As long as the inner set has members of the host alone, the host nests them. Once it has one of ours, it is a member
//! of ours in every set that holds it. The host then does not see all edges, so the rule against loops is kept here.

use super::current::table;
use super::member::Interest;
use super::set::EpollSet;
use super::table::adopt;
use crate::{Errno, Result, host};
use parking_lot::Mutex;
use std::os::fd::RawFd;
use std::sync::{Arc, Weak};

/// Linux: EP_MAX_NESTS, the edges of the longest chain.
const DEEPEST: usize = 4;

/// A set's neighbours.
#[derive(Default)]
pub(super) struct Nest {
    /// The sets that hold it, once for each time.
    outers: Mutex<Vec<Weak<EpollSet>>>,
    /// The sets that it holds in the host's set.
    native: Mutex<Vec<Native>>,
}

#[derive(Clone)]
struct Native {
    inner: Weak<EpollSet>,
    fd: RawFd,
    event: libc::epoll_event,
}

impl Nest {
    pub(super) fn outers(&self) -> Vec<Arc<EpollSet>> {
        self.outers.lock().iter().filter_map(Weak::upgrade).collect()
    }

    /// `outer` no longer holds this set, or holds it once less.
    pub(super) fn left(&self, outer: &EpollSet) {
        let mut outers = self.outers.lock();
        if let Some(at) = outers.iter().position(|other| std::ptr::eq(other.as_ptr(), outer)) {
            outers.swap_remove(at);
        }
    }

    fn native(&self) -> Vec<Arc<EpollSet>> {
        self.native.lock().iter().filter_map(|native| native.inner.upgrade()).collect()
    }
}

/// epoll_ctl(2) of a set in a set.
pub(super) fn ctl(
    epfd: RawFd,
    op: i32,
    fd: RawFd,
    inner: &Arc<EpollSet>,
    event: Option<&libc::epoll_event>,
) -> Result<()> {
    let outer = adopt(epfd, fd)?;
    if Arc::ptr_eq(&outer, inner) {
        return Err(Errno::INVAL);
    }
    let _nesting = table().nesting.lock();
    if op == libc::EPOLL_CTL_ADD {
        return add(&outer, fd, inner, event.ok_or(Errno::FAULT)?);
    }
    let mut native = outer.nest.native.lock();
    let Some(at) = native.iter().position(|native| native.fd == fd && std::ptr::eq(native.inner.as_ptr(), &**inner))
    else {
        drop(native);
        return outer.ctl(op, inner.clone(), fd, event);
    };
    host::epoll_ctl(epfd, op, fd, event)?;
    match event {
        Some(event) if op == libc::EPOLL_CTL_MOD => native[at].event = *event,
        _ => {
            native.swap_remove(at);
            drop(native);
            outer.host.removed();
            inner.nest.left(&outer);
        }
    }
    Ok(())
}

fn add(outer: &Arc<EpollSet>, fd: RawFd, inner: &Arc<EpollSet>, event: &libc::epoll_event) -> Result<()> {
    let interest = Interest::to_add(event)?;
    if interest.exclusive() {
        return Err(Errno::INVAL);
    }
    let below = depth(inner, &|set| [set.inner_sets(), set.nest.native()].concat(), Some(outer))?;
    let above = depth(outer, &|set| set.nest.outers(), None)?;
    if below + 1 + above > DEEPEST {
        return Err(Errno::LOOP);
    }
    if inner.host.mixed() {
        make_mixed_nested(outer)?;
        outer.add(inner.clone(), fd, interest)?;
    } else {
        host::epoll_ctl(outer.number(), libc::EPOLL_CTL_ADD, fd, Some(event))?;
        outer.host_member_added();
        outer.nest.native.lock().push(Native { inner: Arc::downgrade(inner), fd, event: *event });
    }
    inner.nest.outers.lock().push(Arc::downgrade(outer));
    Ok(())
}

/// The longest chain from `set` along `next`; ELOOP if it is too long or meets `forbidden`.
fn depth(
    set: &Arc<EpollSet>,
    next: &dyn Fn(&EpollSet) -> Vec<Arc<EpollSet>>,
    forbidden: Option<&Arc<EpollSet>>,
) -> Result<usize> {
    walk(set, next, forbidden, DEEPEST)
}

fn walk(
    set: &Arc<EpollSet>,
    next: &dyn Fn(&EpollSet) -> Vec<Arc<EpollSet>>,
    forbidden: Option<&Arc<EpollSet>>,
    room: usize,
) -> Result<usize> {
    let mut longest = 0;
    for other in next(set) {
        if room == 0 || forbidden.is_some_and(|forbidden| Arc::ptr_eq(forbidden, &other)) {
            return Err(Errno::LOOP);
        }
        longest = longest.max(1 + walk(&other, next, forbidden, room - 1)?);
    }
    Ok(longest)
}

/// `set` is about to get a member of ours.
pub(super) fn make_mixed(set: &Arc<EpollSet>) -> Result<()> {
    if set.host.mixed() {
        return Ok(());
    }
    let _nesting = table().nesting.lock();
    make_mixed_nested(set)
}

/// As [`make_mixed`], with the lock of all nesting held.
fn make_mixed_nested(set: &Arc<EpollSet>) -> Result<()> {
    if set.host.mixed() {
        return Ok(());
    }
    for outer in set.nest.outers() {
        make_mixed_nested(&outer)?;
        take_over(&outer, set)?;
    }
    set.host.become_mixed(set.number())
}

/// Makes `inner`, which the host holds in `outer`, a member of ours there.
fn take_over(outer: &Arc<EpollSet>, inner: &Arc<EpollSet>) -> Result<()> {
    let moving: Vec<Native> = {
        let mut native = outer.nest.native.lock();
        let (moving, staying) = native.drain(..).partition(|native| std::ptr::eq(native.inner.as_ptr(), &**inner));
        *native = staying;
        moving
    };
    for Native { fd, event, .. } in moving {
        // The number may be closed and the set live on by another; then the host's entry stays, and says the same.
        if host::epoll_ctl(outer.number(), libc::EPOLL_CTL_DEL, fd, None).is_ok() {
            outer.host.removed();
        }
        outer.add(inner.clone(), fd, Interest::to_add(&event)?)?;
    }
    Ok(())
}
