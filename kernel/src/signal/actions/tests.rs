use super::*;
use crate::signal::{Critical, Handlers, around_sleep, handled_since, interrupted_since, mark, raise};
use std::sync::Mutex;
use std::sync::atomic::{AtomicI32, AtomicU32};

/// Dispositions are the process's: one test at a time.
static TURN: Mutex<()> = Mutex::new(());
static RAN: AtomicI32 = AtomicI32::new(0);
static VALUE: AtomicI32 = AtomicI32::new(0);

extern "C" fn count(_: c_int) {
    RAN.fetch_add(1, SeqCst);
}

extern "C" fn keep_value(_: c_int, info: *mut siginfo_t, _: *mut c_void) {
    RAN.fetch_add(1, SeqCst);
    // SAFETY: the siginfo of a signal sent by sigqueue.
    VALUE.store(unsafe { (*info).si_value().sival_ptr as usize as i32 }, SeqCst);
}

fn action(handler: usize, flags: c_int) -> Action {
    // SAFETY: all zero is an action: SIG_DFL, an empty mask.
    let mut action: Action = unsafe { mem::zeroed() };
    action.sa_sigaction = handler;
    action.sa_flags = flags;
    action
}

fn counter(flags: c_int) -> Action {
    action(count as extern "C" fn(c_int) as usize, flags)
}

fn begin() -> std::sync::MutexGuard<'static, ()> {
    let turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    take_over();
    RAN.store(0, SeqCst);
    turn
}

#[test]
fn a_handler_waits_for_the_end_of_the_section() {
    let _turn = begin();
    sigaction(libc::SIGUSR1, Some(counter(0))).expect("installs");
    {
        let _outer = Critical::enter();
        let inner = Critical::enter();
        raise(libc::SIGUSR1);
        raise(libc::SIGUSR1);
        drop(inner);
        assert_eq!(RAN.load(SeqCst), 0);
    }
    assert_eq!(RAN.load(SeqCst), 1, "as Linux: one pending instance of a standard signal");
    raise(libc::SIGUSR1);
    assert_eq!(RAN.load(SeqCst), 2, "and it is not left blocked");
}

#[test]
fn the_siginfo_survives_the_wait() {
    let _turn = begin();
    let signal = libc::SIGRTMIN() + 3;
    sigaction(signal, Some(action(keep_value as extern "C" fn(c_int, _, _) as usize, SA_SIGINFO))).expect("installs");
    {
        let _critical = Critical::enter();
        let value = libc::sigval { sival_ptr: ptr::without_provenance_mut(4711) };
        // SAFETY: sends to the own thread.
        assert_eq!(unsafe { libc::pthread_sigqueue(libc::pthread_self(), signal, value) }, 0);
        assert_eq!(RAN.load(SeqCst), 0);
    }
    assert_eq!((RAN.load(SeqCst), VALUE.load(SeqCst)), (1, 4711));
}

#[test]
fn the_program_sees_its_own_handler() {
    let _turn = begin();
    sigaction(libc::SIGUSR2, Some(counter(SA_RESTART))).expect("installs");
    let seen = sigaction(libc::SIGUSR2, None).expect("reads");
    assert_eq!(seen.sa_sigaction, counter(0).sa_sigaction);
    assert_eq!(seen.sa_flags & (SA_RESTART | SA_SIGINFO), SA_RESTART);
    let old = sigaction(libc::SIGUSR2, Some(action(SIG_IGN, 0))).expect("installs");
    assert_eq!(old.sa_sigaction, counter(0).sa_sigaction);
    assert_eq!(sigaction(libc::SIGUSR2, None).expect("reads").sa_sigaction, SIG_IGN);
}

#[test]
fn one_shot_and_nodefer_keep_their_meaning() {
    let _turn = begin();
    sigaction(libc::SIGUSR2, Some(counter(SA_RESETHAND | SA_NODEFER))).expect("installs");
    {
        let _critical = Critical::enter();
        raise(libc::SIGUSR2);
        assert_eq!(RAN.load(SeqCst), 0);
    }
    assert_eq!(RAN.load(SeqCst), 1);
    assert_eq!(sigaction(libc::SIGUSR2, None).expect("reads").sa_sigaction, SIG_DFL);
}

#[test]
fn a_mark_tells_restarting_handlers_from_others() {
    let _turn = begin();
    sigaction(libc::SIGUSR1, Some(counter(SA_RESTART))).expect("installs");
    let start = mark();
    raise(libc::SIGUSR1);
    assert!(handled_since(start) && !interrupted_since(start));
    sigaction(libc::SIGUSR1, Some(counter(0))).expect("installs");
    raise(libc::SIGUSR1);
    assert!(interrupted_since(start));
}

#[test]
fn a_sleep_that_has_not_begun_hears_of_the_handler() {
    let _turn = begin();
    sigaction(libc::SIGUSR1, Some(counter(0))).expect("installs");
    let word = AtomicU32::new(7);
    let _critical = Critical::enter();
    raise(libc::SIGUSR1);
    around_sleep(Handlers::InSleep, Some(&word), || assert_eq!((RAN.load(SeqCst), word.load(SeqCst)), (1, 8)));
    raise(libc::SIGUSR1);
    assert_eq!(RAN.load(SeqCst), 1, "back in the section");
}

#[test]
fn flags_changed_by_libc_are_followed() {
    let _turn = begin();
    let handler = counter(0).sa_sigaction;
    // SAFETY: the address is a handler's, or the trampoline's.
    let set = |address| unsafe { libc::signal(libc::SIGUSR1, address) };
    by_address(libc::SIGUSR1, handler, set);
    let seen = sigaction(libc::SIGUSR1, None).expect("reads");
    assert_eq!((seen.sa_sigaction, seen.sa_flags & (SA_RESTART | SA_SIGINFO)), (handler, SA_RESTART));
    assert_eq!(by_address(libc::SIGUSR1, SIG_DFL, set), handler);
}
