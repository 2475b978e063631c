//! The epoll sets of this process. A fork's child begins with none: what it inherited lives on in the host's sets, and
//! the parent's sockets are not its own.
#![allow(unsafe_code)]

use super::table::{self, Table};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering};

static TABLE: AtomicPtr<Table> = AtomicPtr::new(null_mut());

/// The table, if this process ever made a set.
pub(super) fn known() -> Option<&'static Table> {
    // SAFETY: null, or a table that was leaked and is never freed.
    unsafe { TABLE.load(Ordering::Acquire).as_ref() }
}

/// The table; made at the first call.
pub(super) fn table() -> &'static Table {
    if let Some(table) = known() {
        return table;
    }
    let new: &'static Table = Box::leak(Box::new(Table::new()));
    let old =
        TABLE.compare_exchange(null_mut(), std::ptr::from_ref(new).cast_mut(), Ordering::AcqRel, Ordering::Acquire);
    match old {
        Ok(_) => {
            // SAFETY: `forked` only stores to an atomic, which is allowed after a fork.
            unsafe { libc::pthread_atfork(None, None, Some(forked)) };
            new
        }
        // SAFETY: not null, and leaked by whoever was first.
        Err(first) => unsafe { &*first },
    }
}

/// In a fork's child. The parent's table is left as it is: another thread may have held its locks.
pub(in crate::poll) fn in_child() {
    TABLE.store(null_mut(), Ordering::Release);
    table::changed();
}

unsafe extern "C" fn forked() {
    in_child();
}
