//! The SIGBUS guard and a program that has a SIGBUS handler of its own.
#![allow(unsafe_code)]

mod common;

use common::{Child, join, scratch};
use rustix::mm::{MapFlags, ProtFlags};
use shmif::guard;
use std::os::unix::process::ExitStatusExt;
use std::sync::atomic::{AtomicUsize, Ordering};

const PAGE: usize = 4096;

static CALLS: AtomicUsize = AtomicUsize::new(0);

/// The program's handler: puts memory where there is none.
extern "C" fn handler(_: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    CALLS.fetch_add(1, Ordering::Relaxed);
    // SAFETY: the test's own page, which is missing.
    unsafe {
        let at = (*info).si_addr();
        let at = at.map_addr(|at| at & !(PAGE - 1));
        let patched = rustix::mm::mmap_anonymous(at, PAGE, ProtFlags::READ, MapFlags::PRIVATE | MapFlags::FIXED);
        assert!(patched.is_ok());
    }
}

/// Touches a page that its file no longer has.
fn touch_nothing() -> u8 {
    let file = tempfile::tempfile_in("/dev/shm").expect("a file");
    file.set_len(PAGE as u64).expect("a page");
    // SAFETY: a new mapping; what is read is only given back.
    unsafe {
        let page = rustix::mm::mmap(std::ptr::null_mut(), PAGE, ProtFlags::READ, MapFlags::SHARED, &file, 0);
        let page = page.expect("mapped").cast::<u8>();
        file.set_len(0).expect("truncated");
        page.read_volatile()
    }
}

#[test]
#[ignore = "the body of the child processes"]
fn child() {
    if std::env::var_os("SHMIF_PART").is_some() {
        let _nodes = join(std::env::var("SHMIF_BUS").expect("a bus").as_ref(), "guarded");
        touch_nothing();
        unreachable!("SIGBUS is deadly");
    }
}

#[test]
fn a_fault_that_is_not_ours_is_the_programs() {
    let dir = scratch();
    let nodes = join(&dir.path().join("bus"), "guarded");
    // SAFETY: a `struct sigaction` of zeros is valid.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO;
    let before = guard::exchange(Some(&action)).expect("set");
    let now = guard::exchange(None).expect("asked");
    assert_eq!((now.sa_sigaction, now.sa_flags & libc::SA_SIGINFO), (action.sa_sigaction, libc::SA_SIGINFO));
    assert_eq!(touch_nothing(), 0);
    assert_eq!(CALLS.load(Ordering::Relaxed), 1);
    // Opening a bus again changes nothing.
    let _more = join(&dir.path().join("bus"), "guarded");
    assert_eq!(touch_nothing(), 0);
    assert_eq!(CALLS.load(Ordering::Relaxed), 2);
    guard::exchange(Some(&before)).expect("set back");
    drop(nodes);
}

#[test]
fn without_a_handler_of_the_program_such_a_fault_ends_it_as_ever() {
    let dir = scratch();
    let status = Child::start(&dir.path().join("bus"), "touch", &[]).wait();
    assert_eq!(status.signal(), Some(libc::SIGBUS));
}
