//! Proportional rate reduction (RFC 9937): what leaves for each acknowledgement of a recovery, until the window is CUBIC's 0.7 of
//! what it was.

mod common;
mod tcp_common;

use netstack::tcp::Phase;
use tcp_common::path::Path;

/// 160 segments under way on a path too short to be paced, after which `lost` were lost: recovery has just begun.
fn recovering(lost: u32) -> Path {
    let mut path = Path::new(1, |_| {});
    while path.round() < 40 {}
    path.run_ms(1);
    path.lose_next(lost);
    path.run_ms(1);
    while path.s.info().phase != Phase::Recovery {
        assert_eq!(path.next_acknowledgement(), 1, "limited transmit, then the fast retransmission");
    }
    path
}

/// How many segments leave for each acknowledgement, to the end of recovery.
fn sent(path: &mut Path) -> Vec<u32> {
    let mut sent = Vec::new();
    while path.s.info().phase == Phase::Recovery {
        sent.push(path.next_acknowledgement());
    }
    sent
}

#[test]
fn seven_segments_leave_for_ten_that_arrive_without_a_pause() {
    let mut path = recovering(1);
    let sent = sent(&mut path);
    let down = &sent[..150];
    let mut total = 1; // The fast retransmission.
    for (number, now) in down.iter().enumerate() {
        total += now;
        let share = (number as u32 + 2) * 7 / 10;
        assert!(total.abs_diff(share) <= 1, "{total} for {} acknowledgements, not {share}", number + 2);
    }
    assert!(
        down.windows(2).all(|pair| pair[0] + pair[1] > 0),
        "RFC 6675 alone would wait for a third of them: {down:?}"
    );
    // Then one for one, as many as are under way now.
    assert!(sent[153..].iter().all(|now| *now == 1), "{sent:?}");
}

#[test]
fn after_heavy_losses_no_more_leaves_than_arrives_until_that_is_safe() {
    // Half is lost: less than the threshold is under way, and RFC 6675 would send the difference at once.
    let mut path = recovering(80);
    let (cwnd, ssthresh) = (path.s.info().cwnd, path.s.info().ssthresh);
    assert!(cwnd <= ssthresh - 30_000, "{cwnd} {ssthresh}");
    let sent = sent(&mut path);
    assert!(sent[..79].iter().all(|now| *now == 1), "PRR-CRB while more may be lost: {sent:?}");
    // What was sent again arrives: SND.UNA moves, and nothing more is lost.
    assert!(sent[79..109].iter().all(|now| *now == 2), "PRR-SSRB, up to the threshold: {sent:?}");
    assert!(sent[112..].iter().all(|now| *now == 1), "{sent:?}");
}

#[test]
fn a_recovery_ends_with_the_threshold_for_a_window_and_without_a_burst() {
    for lost in [1, 30, 80] {
        let mut path = recovering(lost);
        let sent = sent(&mut path);
        let info = path.s.info();
        assert_eq!((info.cwnd / 1000, sent.last()), (info.ssthresh / 1000, Some(&1)), "{lost} lost");
    }
}
