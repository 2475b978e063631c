//! HyStart++ (RFC 9406): slow start ends where round trips grow, before the path's queue is full and loses.

mod common;
mod tcp_common;

use tcp_common::path::Path;

/// The windows of so many round trips.
fn windows(path: &mut Path, rounds: usize) -> Vec<u32> {
    (0..rounds).map(|_| path.round()).collect()
}

/// By how much each window is larger than the one before it, in percent.
fn growth(windows: &[u32]) -> Vec<u32> {
    windows.windows(2).map(|pair| pair[1] * 100 / pair[0]).collect()
}

/// Some round trips of 100 ms; they are as long as that from here on, and the window is of some forty segments.
fn begun() -> Path {
    let mut path = Path::new(100, |_| {});
    windows(&mut path, 2);
    path
}

#[test]
fn while_round_trips_are_as_short_as_they_were_the_window_doubles() {
    // RFC 9406 §4.2: RttThresh is an eighth of the round trip, 12.5 ms.
    for more in [0, 10] {
        let mut path = begun();
        path.rtt += more;
        let grown = growth(&windows(&mut path, 5));
        assert!(grown.iter().all(|percent| *percent >= 190), "{grown:?} with {more} ms more");
    }
}

#[test]
fn where_they_grow_it_grows_by_a_quarter_for_five_rounds_and_then_slow_start_is_over() {
    let mut path = begun();
    path.rtt = 130;
    // The round trips of the second round are the longer ones.
    let grown = growth(&windows(&mut path, 12));
    assert!(grown[0] >= 190, "{grown:?}");
    assert!(grown[1..6].iter().all(|percent| (120..=130).contains(percent)), "{grown:?}");
    assert!(grown[6..].iter().all(|percent| *percent <= 106), "{grown:?}: congestion avoidance");
}

#[test]
fn the_threshold_is_no_more_than_16_ms() {
    // An eighth of 400 ms would be 50.
    let mut path = Path::new(400, |_| {});
    windows(&mut path, 2);
    path.rtt = 420;
    let grown = growth(&windows(&mut path, 4));
    assert!(grown[2..].iter().all(|percent| (120..=130).contains(percent)), "{grown:?}");
}

#[test]
fn a_false_alarm_is_taken_back() {
    // §4.2: a round trip below the first of the slower rounds.
    let mut path = begun();
    path.rtt = 130;
    let slower = growth(&windows(&mut path, 3));
    assert!((120..=130).contains(&slower[1]), "{slower:?}");
    path.rtt = 100;
    // Some of what is under way takes the longer time still.
    windows(&mut path, 1);
    let grown = growth(&windows(&mut path, 2));
    assert!(grown[0] >= 190, "{grown:?}");
}
