//! CUBIC (RFC 9438) as the path sees it: what the window does after a loss, a round trip at a time.

mod common;
mod tcp_common;

use netstack::tcp::{Algorithm, Phase};
use tcp_common::path::{MSS, Path};

/// A transfer whose slow start a loss ends, when so many segments leave in a round trip: W_max, and that recovery is over.
fn after_a_loss(rtt: u64, window: u32, algorithm: Algorithm) -> (Path, u32) {
    let mut path = Path::new(rtt, |options| options.congestion = algorithm);
    while path.round() < window {}
    let w_max = lose_one(&mut path);
    (path, w_max)
}

/// Loses a segment and waits until that is made good. The answer is the window when it was noticed, in segments.
fn lose_one(path: &mut Path) -> u32 {
    path.lose_next(1);
    let mut before = 0;
    while path.s.info().phase != Phase::Recovery {
        before = path.s.info().cwnd;
        path.run_ms(1);
    }
    while path.s.info().phase == Phase::Recovery {
        path.run_ms(1);
    }
    before / 1000
}

/// The windows of so many round trips, as parts of `of` in percent.
fn windows(path: &mut Path, rounds: usize, of: u32) -> Vec<u32> {
    (0..rounds).map(|_| path.round() * 100 / of).collect()
}

#[track_caller]
fn is_about(percent: u32, wanted: u32) {
    assert!(percent.abs_diff(wanted) <= 2, "{percent} %, not {wanted} %");
}

#[test]
fn the_window_comes_back_fast_stays_where_it_was_and_then_looks_for_more() {
    let (mut path, w_max) = after_a_loss(100, 80, Algorithm::Cubic);
    // K = (W_max × 0.3 / 0.4)^(1/3) (§4.2): 5 s for 162 segments, which is 50 round trips.
    assert!((155..170).contains(&w_max), "{w_max}");
    let seen = windows(&mut path, 100, w_max);
    is_about(seen[0], 70); // §4.6.
    is_about(seen[19], 93); // 0.4 × (2 − 5)³: concave (§4.4),
    is_about(seen[34], 99);
    is_about(seen[49], 100); // flat,
    is_about(seen[64], 101);
    is_about(seen[99], 131); // and convex (§4.5).
}

#[test]
fn reno_has_half_and_comes_back_by_a_segment_a_round_trip() {
    let (mut path, w_max) = after_a_loss(100, 80, Algorithm::NewReno);
    let seen = windows(&mut path, 50, w_max);
    is_about(seen[0], 50);
    is_about(seen[49], 50 + 5000 / w_max);
}

#[test]
fn the_time_and_not_the_number_of_round_trips_is_what_counts() {
    // RFC 9438 §3.3: as large after 2 and after 5 seconds where a round trip takes twice as long.
    let (mut path, w_max) = after_a_loss(200, 80, Algorithm::Cubic);
    let seen = windows(&mut path, 25, w_max);
    is_about(seen[9], 93);
    is_about(seen[24], 100);
}

#[test]
fn on_a_short_path_it_grows_as_reno_would() {
    // §4.3. The curve alone would be at 0.4 × (0.3 − 5)³ + W_max, 74 %, after 60 round trips of 5 ms; Reno's of β = 0.7 gains
    // 0.53 segments in each.
    let (mut path, w_max) = after_a_loss(5, 40, Algorithm::Cubic);
    let seen = windows(&mut path, 60, w_max);
    is_about(seen[59], 70 + 53 * 60 / w_max);
}

#[test]
fn who_loses_before_it_has_come_back_leaves_room_for_others() {
    // §4.7: the second plateau is at 0.85 of where the second loss was.
    let (mut path, w_max) = after_a_loss(100, 80, Algorithm::Cubic);
    windows(&mut path, 10, w_max);
    let second = lose_one(&mut path);
    assert!(second < w_max * 95 / 100, "{second} of {w_max}");
    let seen = windows(&mut path, 50, second);
    is_about(seen[0], 70);
    // K is (0.15 × W / 0.4)^(1/3) now: 3.7 s.
    is_about(seen[36], 85);
    is_about(seen[46], 85);
}

#[test]
fn in_a_round_trip_it_grows_by_half_at_most() {
    // §4.2: where round trips are long and the window is small the curve would have it grow many times over.
    let mut path = Path::new(990, |options| options.congestion = Algorithm::Cubic);
    path.round();
    path.lose_next(100);
    while path.s.info().ssthresh > 2 * MSS {
        path.round();
    }
    path.loses.clear();
    let mut windows = std::iter::from_fn(|| {
        path.round();
        Some(path.s.info().cwnd)
    });
    let mut before = windows.next().expect("it goes on");
    for window in windows.take(12) {
        assert!(window <= before * 3 / 2, "{window} after {before}");
        before = window;
    }
}
