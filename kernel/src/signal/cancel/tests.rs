use super::{DISABLED, ENABLED, set_state, shielded};

unsafe extern "C" {
    fn pthread_cancel(thread: libc::pthread_t) -> libc::c_int;
    fn pthread_testcancel();
}

#[test]
fn the_first_cancellation_ends_no_thread_that_is_shielded() {
    let thread = std::thread::spawn(|| {
        shielded(|| {
            // SAFETY: the thread itself is there, and what it runs has its cancellation disabled.
            unsafe {
                pthread_cancel(libc::pthread_self());
                pthread_testcancel();
            }
        });
        // The thread is to return, with its cancellation still pending.
        set_state(DISABLED)
    });
    assert_eq!(thread.join().expect("thread"), ENABLED);
}
