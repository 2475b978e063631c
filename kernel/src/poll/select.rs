//! select(2) and pselect(2), over [`poll`](super::poll()).

use super::ppoll;
use crate::{Errno, Result};
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// A program's `fd_set`, of any length: bit `n % bits` of word `n / bits` is descriptor `n`.
pub type FdSet = [libc::c_ulong];

const BITS: usize = libc::c_ulong::BITS as usize;

// What select's three sets mean in poll's events (Linux: fs/select.c).
const IN_SET: i16 = libc::POLLRDNORM | libc::POLLRDBAND | libc::POLLIN | libc::POLLHUP | libc::POLLERR;
const OUT_SET: i16 = libc::POLLWRBAND | libc::POLLWRNORM | libc::POLLOUT | libc::POLLERR;
const EXCEPT_SET: i16 = libc::POLLPRI;

/// How many words of each set `select(nfds, …)` reads and writes. Programs pass sets of `FD_SETSIZE` descriptors with an
/// `nfds` beyond it (`getdtablesize()`): Linux ignores what is beyond the process's table of descriptors, and so do we.
///
/// # Errors
/// EINVAL for a negative `nfds`.
pub fn width(nfds: i32) -> Result<usize> {
    let nfds = usize::try_from(nfds).map_err(|_| Errno::INVAL)?;
    Ok(within_table(nfds).div_ceil(BITS))
}

/// Whether any descriptor of the sets is ours; if none is, the host's select(2) says all there is to say.
pub fn concerns(nfds: i32, sets: [Option<&FdSet>; 3]) -> bool {
    let nfds = within_table(usize::try_from(nfds).unwrap_or(0));
    ppoll::any_ours(|| {
        (0..nfds.div_ceil(BITS)).flat_map(|word| bits(&sets, word)).filter(move |&fd| fd < nfds as RawFd)
    })
}

/// The descriptors of a word of the three sets together.
fn bits(sets: &[Option<&FdSet>; 3], word: usize) -> impl Iterator<Item = RawFd> + use<> {
    let all = sets.iter().flatten().filter_map(|set| set.get(word)).fold(0, |all, bits| all | bits);
    let without_lowest = |bits: &libc::c_ulong| Some(bits & (bits - 1)).filter(|&rest| rest != 0);
    std::iter::successors(Some(all).filter(|&bits| bits != 0), without_lowest)
        .map(move |bits| (word * BITS) as RawFd + bits.trailing_zeros() as RawFd)
}

/// pselect(2): leaves in the sets what is ready and returns the number of bits. On an error the sets are as they were.
/// Linux's select(2), not pselect(2), writes back the time left: that is the caller's.
///
/// # Errors
/// EBADF for a descriptor that is not open, EINVAL for a negative `nfds`, EINTR after any handler.
pub fn select(
    nfds: i32,
    read: Option<&mut FdSet>,
    write: Option<&mut FdSet>,
    except: Option<&mut FdSet>,
    deadline: Option<Instant>,
    mask: Option<&libc::sigset_t>,
) -> Result<usize> {
    let nfds = within_table(usize::try_from(nfds).map_err(|_| Errno::INVAL)?);
    let mut sets = [(read, IN_SET), (write, OUT_SET), (except, EXCEPT_SET)];
    let mut list = Vec::new();
    for fd in 0..nfds {
        let asked = sets.iter().filter(|(set, _)| set.as_ref().is_some_and(|set| has(set, fd)));
        let events = asked.fold(0, |all, (_, events)| all | events);
        if events != 0 {
            list.push(libc::pollfd { fd: fd as RawFd, events, revents: 0 });
        }
    }
    let renamed = ppoll::wait(&mut list, deadline, mask)?.renamed;
    if !renamed && list.iter().any(|fd| fd.revents & libc::POLLNVAL != 0) {
        return Err(Errno::BADF);
    }
    let mut ready = 0;
    for (set, meaning) in &mut sets {
        let Some(set) = set else { continue };
        let asked: Vec<bool> = list.iter().map(|fd| has(set, fd.fd as usize)).collect();
        set.iter_mut().take(nfds.div_ceil(BITS)).for_each(|word| *word = 0);
        for (fd, asked) in list.iter().zip(asked) {
            // What was closed while the call slept is ready for everything.
            if asked && fd.revents & (*meaning | libc::POLLNVAL) != 0 {
                set[fd.fd as usize / BITS] |= 1 << (fd.fd as usize % BITS);
                ready += 1;
            }
        }
    }
    Ok(ready)
}

fn has(set: &FdSet, fd: usize) -> bool {
    set.get(fd / BITS).is_some_and(|word| word >> (fd % BITS) & 1 != 0)
}

/// `nfds`, but not beyond the process's table of descriptors, whose size /proc tells. It only grows, so that a program
/// whose sets are really that long asks once.
fn within_table(nfds: usize) -> usize {
    static TABLE: AtomicUsize = AtomicUsize::new(libc::FD_SETSIZE);
    let known = TABLE.load(Ordering::Relaxed);
    if nfds <= known {
        return nfds;
    }
    let now = table_size().unwrap_or(known);
    TABLE.fetch_max(now, Ordering::Relaxed);
    nfds.min(now.max(libc::FD_SETSIZE))
}

fn table_size() -> Option<usize> {
    use rustix::fs::{Mode, OFlags, open};
    let status = open("/proc/self/status", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let mut text = [0; 2048];
    let n = rustix::io::read(&status, &mut text).ok()?;
    let text = String::from_utf8_lossy(text.get(..n)?);
    text.lines().find_map(|line| line.strip_prefix("FDSize:"))?.trim().parse().ok()
}
