use super::*;
use std::ptr;

extern "C" fn on_fault(_: libc::c_int, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: a handler's own argument.
    if !unsafe { recover(context.cast()) } {
        std::process::abort();
    }
}

fn with_handler() {
    // SAFETY: an action of zeros is valid; the handler has the three arguments of SA_SIGINFO.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_fault as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO;
        assert_eq!(libc::sigaction(libc::SIGSEGV, &action, ptr::null_mut()), 0);
    }
    arm();
}

/// Two pages, of which the second is not there; the last `len` bytes of the first.
fn edge(len: usize, protection: libc::c_int) -> *mut u8 {
    // SAFETY: new memory, of which half is given back.
    unsafe {
        let both = libc::mmap(ptr::null_mut(), 2 * PAGE, protection, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0);
        assert_ne!(both, libc::MAP_FAILED);
        assert_eq!(libc::munmap(both.byte_add(PAGE), PAGE), 0);
        both.cast::<u8>().add(PAGE - len)
    }
}

#[test]
fn copies_what_is_there() {
    let mut into = [0; 100];
    assert_eq!(copy(&mut into, &[7; 100]), Ok(()));
    assert_eq!(into, [7; 100]);
}

#[cfg(target_arch = "x86_64")]
#[test]
fn faults_of_copies_and_probes_are_answers() {
    with_handler();
    let (near, read_only) = (edge(10, libc::PROT_READ | libc::PROT_WRITE), edge(10, libc::PROT_READ));
    let mut into = [0; 100_000];
    for len in [11, 64, 4097, 100_000] {
        // SAFETY: ours, as far as it is there.
        unsafe {
            assert_eq!(copy_raw(into.as_mut_ptr(), near, len), Err(Fault), "from {len}");
            assert_eq!(copy_raw(near, into.as_ptr(), len), Err(Fault), "to {len}");
        }
        assert_eq!(readable(near, len), Err(Fault));
        assert_eq!(writable(near, len), Err(Fault));
    }
    assert_eq!((readable(near, 10), writable(near, 10)), (Ok(()), Ok(())));
    assert_eq!((readable(read_only, 10), writable(read_only, 10)), (Ok(()), Err(Fault)));
    assert_eq!(readable(near.wrapping_sub(5000), 5010), Err(Fault), "the page before is not there");
    assert_eq!(readable(ptr::without_provenance(usize::MAX - 3), 10), Err(Fault), "past the end of all memory");
    assert_eq!(readable(ptr::without_provenance(1 << 62), 10), Err(Fault), "an address that no page can have");
    // SAFETY: as above.
    unsafe { near.write_bytes(b'x', 10) };
    assert_eq!(string(near.cast()), Err(Fault));
    // SAFETY: as above.
    unsafe { near.add(9).write(0) };
    assert_eq!(string(near.cast()), Ok(()));
}
