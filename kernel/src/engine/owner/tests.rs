use super::*;
use crate::endpoint::{DATA_QUEUED, Kind};
use crate::engine::{Pool, Sockets};
use crate::link::Idle;
use arena::Arena;
use netstack::Stack;
use std::sync::mpsc;
use std::thread;

/// An owner without links, and a socket of its engine.
fn owner() -> (Owner, Arc<Endpoint>) {
    let sockets = Arc::new(Sockets::new(Arena::new("test", None).expect("memory")));
    let endpoint = sockets.create(Kind::Stream).expect("a record");
    let stack = Stack::new(netstack::Config::default(), Box::new(Pool::new(sockets.clone())));
    (Owner::new(Engine::new(stack, sockets)), endpoint)
}

/// Whether the engine has done what was left for a socket.
fn is_done(endpoint: &Endpoint) -> bool {
    endpoint.take_marks() == 0
}

#[test]
fn who_marks_a_socket_runs_the_engine() {
    let (owner, endpoint) = owner();
    owner.mark(&endpoint, DATA_QUEUED);
    assert!(is_done(&endpoint));
}

#[test]
fn a_mark_left_at_a_taken_lock_is_seen_by_its_holder() {
    let (owner, endpoint) = owner();
    owner.with(|_, _| {
        thread::scope(|scope| {
            let other = scope.spawn(|| owner.mark(&endpoint, DATA_QUEUED));
            other.join().expect("it does not wait for the lock");
        });
    });
    assert!(is_done(&endpoint));
}

#[test]
fn patience_has_an_end() {
    let (owner, _) = owner();
    owner.with(|_, _| {
        thread::scope(|scope| {
            let other = scope.spawn(|| owner.with_patience(Duration::from_millis(1), |_, _| ()));
            assert_eq!(other.join().expect("thread"), None);
        });
    });
    assert_eq!(owner.with_patience(Duration::from_secs(10), |_, _| 5), Some(5));
}

#[test]
fn a_halted_engine_does_no_work_and_its_threads_end() {
    let (owner, endpoint) = owner();
    let bell = Arc::new(Idle::default());
    owner.set_doorbells(vec![bell.clone()]);
    let (tell, ended) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(|| {
            owner.serve(&*bell, true);
            tell.send(()).expect("the test waits");
        });
        owner.halt();
        assert_eq!(ended.recv_timeout(Duration::from_secs(10)), Ok(()));
    });
    owner.mark(&endpoint, DATA_QUEUED);
    assert!(!is_done(&endpoint));
}
