//! IPV6_ADDR_PREFERENCES (RFC 5014): which source addresses a program likes. Linux heeds what is said of temporary addresses, keeps
//! what is said of home addresses, and takes what is said of generated ones.

use crate::{Errno, Result};

// linux/in6.h; the libc crate does not have them.
const TMP: i32 = 0x1;
const PUBLIC: i32 = 0x2;
const COA: i32 = 0x4;
const CGA: i32 = 0x8;
const PUBTMP_DEFAULT: i32 = 0x100;
const HOME: i32 = 0x400;
const NONCGA: i32 = 0x800;

/// What is kept of `value`: of each group of wishes at most one may be said. What is not said is as at first.
pub(super) fn checked(value: i32) -> Result<i32> {
    let contradicts = |group: i32| (value & group).count_ones() > 1;
    if [TMP | PUBLIC | PUBTMP_DEFAULT, COA | HOME, CGA | NONCGA].into_iter().any(contradicts) {
        return Err(Errno::INVAL);
    }
    Ok(value & (TMP | PUBLIC | COA))
}

/// What getsockopt(2) shows: the wish of each group, or what holds without one.
pub(super) fn shown(kept: i32) -> i32 {
    let or = |group: i32, otherwise: i32| if kept & group == 0 { otherwise } else { kept & group };
    or(TMP | PUBLIC, PUBTMP_DEFAULT) | or(COA, HOME)
}

/// Whether a temporary source is liked best, as far as the program says.
pub(super) fn temporary(kept: i32) -> Option<bool> {
    (kept & (TMP | PUBLIC) != 0).then_some(kept & TMP != 0)
}
