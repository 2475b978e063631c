use super::*;
use crate::observe::Observed;
use std::os::fd::AsRawFd;

fn arena(limit: Option<u64>) -> Arc<Arena> {
    Arena::new("rump-test", limit).expect("an arena")
}

#[test]
fn rings_of_one_record_are_apart_and_carry_bytes() {
    let arena = arena(None);
    let record = arena.record().expect("a record");
    let (mut to, mut from) = arena.ring(&record, Side::Tx, 4096).expect("a ring");
    let (mut to2, mut from2) = arena.ring(&record, Side::Rx, 8192).expect("a ring");
    assert_eq!(to.write(b"abc"), 3);
    assert_eq!(to2.write(b"defg"), 4);
    let mut buf = [0; 8];
    assert_eq!(from.read(&mut buf).0, 3);
    assert_eq!(&buf[..3], b"abc");
    assert_eq!(from2.read(&mut buf).0, 4);
    assert_eq!(&buf[..4], b"defg");
}

#[test]
fn a_ring_goes_back_when_both_ends_are_gone() {
    let arena = arena(None);
    let record = arena.record().expect("a record");
    let (to, from) = arena.ring(&record, Side::Tx, 65536).expect("a ring");
    assert_eq!(arena.used(), 65536);
    drop(to);
    assert_eq!(arena.used(), 65536);
    drop(from);
    assert_eq!(arena.used(), 0);
    let (to, from) = arena.ring(&record, Side::Tx, 65536).expect("a ring");
    assert_eq!((to.position(), from.position()), (0, 0));
}

#[test]
fn the_limit_holds_for_rings_and_charges_together() {
    let arena = arena(Some(10_000));
    let record = arena.record().expect("a record");
    let ring = arena.ring(&record, Side::Tx, 4096).expect("a ring");
    assert!(arena.charge(5904));
    assert!(!arena.charge(1));
    assert!(arena.ring(&record, Side::Rx, 4096).is_none());
    arena.release(5904);
    assert!(arena.ring(&record, Side::Rx, 4096).is_some());
    drop(ring);
    assert_eq!(arena.used(), 0);
}

#[test]
fn records_are_reused_only_after_their_rings() {
    let arena = arena(None);
    let record = arena.record().expect("a record");
    let first = record.index();
    let ring = arena.ring(&record, Side::Tx, 4096).expect("a ring");
    drop(record);
    let other = arena.record().expect("a record");
    assert_ne!(other.index(), first);
    drop(ring);
    assert_eq!(arena.record().expect("a record").index(), first);
}

#[test]
fn an_observer_sees_what_a_record_says() {
    let arena = arena(None);
    let records: Vec<_> = (0..600).map(|_| arena.record().expect("a record")).collect();
    let mut words = [0; crate::record::WORDS];
    words[3] = 77;
    records[599].describe(&words);
    records[599].set_state(5);
    let (mut to, _from) = arena.ring(&records[599], Side::Tx, 4096).expect("a ring");
    to.write(b"hello");
    let fd = arena.file().expect("a file").as_raw_fd();
    let seen = Observed::open(format!("/proc/self/fd/{fd}").as_ref()).expect("an arena");
    assert_eq!((seen.pid, seen.name.as_str()), (std::process::id(), "rump-test"));
    let sockets = seen.sockets().expect("readable");
    assert_eq!(sockets.len(), 600);
    let last = &sockets[599];
    assert_eq!((last.words[3], last.state, last.tx_used), (77, 5, 5));
    drop((to, records));
}

#[test]
fn where_the_host_gives_no_more_a_large_free_ring_becomes_small_ones() {
    let arena = arena(None);
    let record = arena.record().expect("a record");
    drop(arena.region(16384).expect("memory"));
    let mut state = arena.state();
    let mut part = || state.take_free(4096).or_else(|| state.split(4096));
    let free: Vec<_> = (0..4).map(|_| part().expect("a part")).collect();
    assert!(part().is_none(), "all of it is taken");
    let mut places: Vec<_> = free.iter().map(|piece| (piece.at, piece.file_at)).collect();
    places.sort();
    assert!(places.windows(2).all(|pair| pair[1].0 - pair[0].0 == 4096 && pair[1].1 - pair[0].1 == 4096), "{places:?}");
    drop((state, record));
}
