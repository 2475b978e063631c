use super::*;
use crate::Events;
use arena::Arena;
use std::net::SocketAddr;

/// Counts its notifications.
#[derive(Default)]
struct Bell(AtomicUsize);

impl Watcher for Bell {
    fn notify(&self, _token: u64) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Bell {
    fn take(&self) -> usize {
        self.0.swap(0, Ordering::SeqCst)
    }
}

/// A socket and the engine's ends of its rings of 4 KiB.
fn stream() -> (Endpoint, arena::Consumer, arena::Producer) {
    let arena = Arena::new("test", None).expect("memory");
    let endpoint = Endpoint::new(Kind::Stream, arena.record().expect("a record"));
    let (tx, engine_tx) = arena::ring::heap(4096);
    let (engine_rx, rx) = arena::ring::heap(4096);
    endpoint.set_rings(Some(Rings::new(Some(tx), rx)));
    (endpoint, engine_tx, engine_rx)
}

fn write(endpoint: &Endpoint, bytes: usize) -> usize {
    let rings = endpoint.rings().expect("rings");
    rings.tx.as_ref().expect("a stream").0.lock().write(&vec![0; bytes])
}

#[test]
fn readiness_follows_the_state_as_tcp_poll_does() {
    let (endpoint, _engine_tx, mut engine_rx) = stream();
    let (read, write) = (Events::IN | Events::RDNORM, Events::OUT | Events::WRNORM);
    let over = State::NO_MORE_IN | State::NO_MORE_OUT;
    let rows = [
        (State::CLOSED, write | Events::HUP),
        (State::CONNECTING | State::USED, Events::empty()),
        (State::CONNECTED, write),
        (State::CONNECTED | State::NO_MORE_IN, read | write | Events::RDHUP),
        (State::CONNECTED | State::NO_MORE_OUT, write),
        (State::CONNECTED | over, read | write | Events::RDHUP | Events::HUP),
        (State::LISTENING, Events::empty()),
    ];
    for (state, events) in rows {
        endpoint.record.set_state(state.bits());
        assert_eq!(endpoint.readiness(), events, "{state:?}");
    }
    endpoint.record.set_accept_queue(1);
    assert_eq!(endpoint.readiness(), read);
    endpoint.accepted_one();
    assert_eq!(endpoint.readiness(), Events::empty());

    endpoint.record.set_state(State::CONNECTED.bits());
    endpoint.record.set_error(104);
    assert_eq!(endpoint.readiness(), write | Events::ERR);
    endpoint.record.take_error();
    engine_rx.write(b"abc");
    assert_eq!(endpoint.readiness(), read | write);
    endpoint.set_low_water(4);
    assert_eq!(endpoint.readiness(), write, "SO_RCVLOWAT");
}

#[test]
fn a_third_of_the_ring_is_room() {
    let (endpoint, mut engine_tx, _engine_rx) = stream();
    endpoint.record.set_state(State::CONNECTED.bits());
    let capacity = write(&endpoint, 1 << 20);
    assert!(!endpoint.readiness().contains(Events::OUT));
    engine_tx.consume(capacity / 3 - 1);
    assert!(!endpoint.readiness().contains(Events::OUT));
    engine_tx.consume(2);
    assert!(endpoint.readiness().contains(Events::OUT));
}

#[test]
fn freed_space_is_told_once_to_who_missed_it() {
    let (endpoint, mut engine_tx, _engine_rx) = stream();
    endpoint.record.set_state(State::CONNECTED.bits());
    let bell = Arc::new(Bell::default());
    let watcher: Arc<dyn Watcher> = bell.clone();
    endpoint.watch(&watcher, 0);
    let capacity = write(&endpoint, 1 << 20);
    endpoint.settle();
    bell.take();

    engine_tx.consume(capacity / 2);
    endpoint.settle();
    assert_eq!(bell.take(), 0, "nobody asked");
    write(&endpoint, capacity);
    assert!(!endpoint.readiness().contains(Events::OUT));
    engine_tx.consume(1);
    endpoint.settle();
    assert_eq!(bell.take(), 0, "too little");
    engine_tx.consume(capacity / 2);
    endpoint.settle();
    endpoint.settle();
    assert_eq!(bell.take(), 1);
}

#[test]
fn watchers_hear_of_what_they_can_see_and_of_nothing_else() {
    let (endpoint, _engine_tx, mut engine_rx) = stream();
    let bell = Arc::new(Bell::default());
    let watcher: Arc<dyn Watcher> = bell.clone();
    endpoint.settle();
    endpoint.watch(&watcher, 1);
    endpoint.watch(&watcher, 2);
    endpoint.settle();
    assert_eq!(bell.take(), 0, "nothing has changed");
    let changes: [&mut dyn FnMut(); 4] = [
        &mut || endpoint.record.set_state(State::CONNECTED.bits()),
        &mut || endpoint.record.set_error(104),
        &mut || endpoint.record.set_accept_queue(1),
        &mut || assert_eq!(engine_rx.write(b"x"), 1),
    ];
    for change in changes {
        let counts = endpoint.record.counts();
        change();
        endpoint.settle();
        endpoint.settle();
        assert_eq!(bell.take(), 2);
        assert_ne!(endpoint.record.counts(), counts);
    }
    endpoint.unwatch(&watcher, 1);
    endpoint.changed();
    assert_eq!(bell.take(), 1);
    endpoint.unwatch(&watcher, 2);
    endpoint.changed();
    assert_eq!((bell.take(), endpoint.is_watched()), (0, false));
}

#[test]
fn each_connection_that_waits_is_news() {
    let (endpoint, _engine_tx, _engine_rx) = stream();
    let bell = Arc::new(Bell::default());
    let watcher: Arc<dyn Watcher> = bell.clone();
    endpoint.watch(&watcher, 0);
    for _ in 0..3 {
        endpoint.record.set_accept_queue(1);
        endpoint.settle();
        assert_eq!(bell.take(), 1);
        endpoint.accepted_one();
    }
}

#[test]
fn work_is_entered_once_until_it_is_taken() {
    let (endpoint, _engine_tx, _engine_rx) = stream();
    assert!(endpoint.mark(DATA_QUEUED));
    assert!(!endpoint.mark(SPACE_FREED));
    assert_eq!(endpoint.take_marks() & (DATA_QUEUED | SPACE_FREED), DATA_QUEUED | SPACE_FREED);
    assert!(endpoint.mark(DATA_QUEUED));
    assert_eq!(endpoint.take_marks() & (DATA_QUEUED | SPACE_FREED), DATA_QUEUED);
}

#[test]
fn copies_are_counted_and_those_that_nobody_has_read_are_told_together() {
    let (endpoint, ..) = stream();
    let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
    let take = || endpoint.errors.take().map(|(error, pending)| (error.origin, pending));
    let refused = QueuedError { errno: 111, origin: Origin::Local, info: 0, destination: nowhere, payload: Vec::new() };
    endpoint.errors.copied(nowhere);
    endpoint.errors.copied(nowhere);
    assert!(endpoint.readiness().contains(Events::ERR));
    assert_eq!(take(), Some((Origin::Copied { first: 0, last: 1 }, None)));
    // However many errors nobody reads, and whatever came between.
    for _ in 0..1000 {
        endpoint.errors.push(refused.clone());
    }
    endpoint.errors.copied(nowhere);
    endpoint.errors.copied(nowhere);
    let last = std::iter::from_fn(take).last();
    assert_eq!(last, Some((Origin::Copied { first: 2, last: 3 }, None)));
    assert!(!endpoint.readiness().contains(Events::ERR));
}

#[test]
fn signals_say_what_is_new() {
    use crate::signal::io::Band::{self, Error, HangUp, In, Out};
    let (endpoint, _engine_tx, _engine_rx) = stream();
    let connected = State::CONNECTED | State::USED;
    let at = |state: State, fin: bool, error: i32| Seen { state: state.bits(), fin, error, ..Seen::default() };
    let shut = connected | State::NO_MORE_OUT;
    let over = shut | State::NO_MORE_IN;
    let rows: [(&str, Seen, Seen, &[Band]); 9] = [
        ("a connection", at(State::CONNECTING, false, 0), at(connected, false, 0), &[Out]),
        ("refused", at(State::CONNECTING, false, 0), at(State::CLOSED, false, 111), &[Error]),
        ("the same error", at(State::CLOSED, false, 111), at(State::CLOSED, false, 111), &[]),
        ("FIN", at(connected, false, 0), at(connected | State::NO_MORE_IN, true, 0), &[In, In]),
        ("FIN after ours", at(shut, false, 0), at(over, true, 0), &[HangUp, In]),
        ("shutdown(2)", at(connected, false, 0), at(over, false, 0), &[]),
        ("a reset", at(connected, false, 0), at(over | State::CLOSED, true, 104), &[Error]),
        ("a listener ends", at(State::LISTENING, false, 0), at(State::CLOSED, false, 0), &[Error]),
        ("accept(2)", Seen { accept_queue: 2, ..Seen::default() }, Seen { accept_queue: 1, ..Seen::default() }, &[]),
    ];
    for (what, before, now, bands) in rows {
        assert_eq!(endpoint.news(&before, &now, false), bands, "{what}");
    }
    let seen = |received| Seen { state: connected.bits(), received, ..Seen::default() };
    assert_eq!(endpoint.news(&seen(1), &seen(2), true), [Out], "less than SO_RCVLOWAT");
    endpoint.set_low_water(0);
    assert_eq!(endpoint.news(&seen(1), &seen(2), true), [In, Out]);
    let reading = endpoint.reading();
    assert_eq!(endpoint.news(&seen(1), &seen(2), false), [], "it is for who sleeps in recv(2)");
    drop(reading);
    assert_eq!(endpoint.news(&seen(1), &seen(2), false), [In]);
}

#[test]
fn unread_times_are_bounded_and_keep_no_error_out() {
    let queue = ErrorQueue::default();
    let put = |origin, bytes: usize| {
        let destination = SocketAddr::from(([0, 0, 0, 0], 0));
        queue.push(QueuedError { errno: 0, origin, info: 0, destination, payload: vec![7; bytes] });
    };
    let time = || Origin::TxTimestamp { id: 0, at_ns: 0, source: None };
    let taken = || std::iter::from_fn(|| queue.take()).map(|(error, _)| error.payload.len()).collect::<Vec<_>>();
    (0..300).for_each(|_| put(time(), 1));
    (0..100).for_each(|_| put(Origin::Local, 2));
    let all = taken();
    assert_eq!([1, 2].map(|len| all.iter().filter(|one| **one == len).count()), [256, 64]);
    (0..10).for_each(|_| put(time(), 60_000));
    put(time(), 9);
    assert_eq!(taken(), [60_000, 60_000, 60_000, 9]);
}
