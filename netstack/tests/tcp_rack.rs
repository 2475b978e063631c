//! RACK-TLP (RFC 8985): losses by time, and probes where nothing comes that could tell of one.

mod common;
mod tcp_common;

use netstack::tcp::Phase;
use tcp_common::loss::{MSS, at, measured, phase, recovery_with_echo, sends_full, ten_out_for_a_round_trip};
use tcp_common::script::Script;

#[test]
fn three_segments_behind_a_hole_are_enough() {
    // RFC 8985 §6.2.1: without a sign of reordering the third is like a third duplicate acknowledgement.
    // A quarter of a round trip of 20 ms is given to what may only be late.
    let mut s = ten_out_for_a_round_trip();
    s.gets(&format!(". 1:1(0) ack 1 win 65535 <sack {}:{}>", at(1), at(2)));
    s.gets(&format!(". 1:1(0) ack 1 win 65535 <sack {}:{}>", at(1), at(3)));
    // Meanwhile what has left lets new text out (RFC 3042).
    sends_full(&mut s, 10..12);
    s.gets(&format!(". 1:1(0) ack 1 win 65535 <sack {}:{}>", at(1), at(4)));
    sends_full(&mut s, 0..1);
    assert_eq!(phase(&mut s), Phase::Recovery);
    // Only the hole is sent again, and when it is filled all is well.
    s.gets(&format!(". 1:1(0) ack {} win 65535", at(12)));
    assert_eq!(phase(&mut s), Phase::Open);
    assert_eq!(s.info().retransmits, 1);
}

#[test]
fn what_is_missing_for_a_quarter_of_a_round_trip_is_sent_again() {
    // RFC 8985 §6.2 step 4: the reordering window, and step 5: its timer, where nothing more comes.
    let mut s = ten_out_for_a_round_trip();
    s.gets(&format!(". 1:1(0) ack 1 win 65535 <sack {}:{}>", at(1), at(2)));
    sends_full(&mut s, 10..11);
    assert_eq!(phase(&mut s), Phase::Disorder);
    s.is_silent_for_ms(5);
    s.wait_ms(1);
    sends_full(&mut s, 0..1);
    assert_eq!(phase(&mut s), Phase::Recovery);
}

#[test]
fn what_is_only_late_is_not_sent_again_and_then_three_segments_are_no_proof() {
    // RFC 8985 §6.2: once the path has been seen to reorder, time alone tells.
    let mut s = ten_out_for_a_round_trip();
    s.gets(&format!(". 1:1(0) ack 1 win 65535 <sack {}:{}>", at(1), at(2)));
    s.wait_ms(4);
    s.gets(&format!(". 1:1(0) ack {} win 65535", at(2)));
    assert_eq!(phase(&mut s), Phase::Open);
    assert_eq!(s.info().reordering, 2 * MSS);
    s.gets(&format!(". 1:1(0) ack {} win 65535 <sack {}:{}>", at(2), at(3), at(8)));
    assert_eq!((s.info().retransmits, phase(&mut s)), (0, Phase::Disorder));
    s.wait_ms(7);
    assert_eq!((s.info().retransmits, phase(&mut s)), (1, Phase::Recovery));
}

#[test]
fn the_answer_to_the_first_copy_says_nothing_of_what_left_before_the_second() {
    // RFC 8985 §6.2 step 2. The sixth segment is lost, which the seventh has overtaken; the last three are late. The answer to the
    // first comes sooner than one to its repetition can,
    let mut s = ten_out_for_a_round_trip();
    s.gets(&format!(". 1:1(0) ack 1 win 65535 <sack {}:{}>", at(1), at(5)));
    sends_full(&mut s, 0..1);
    s.wait_ms(5);
    s.gets(&format!(". 1:1(0) ack {} win 65535 <sack {}:{}>", at(5), at(6), at(7)));
    assert_eq!(s.info().lost, MSS);
    // or it echoes a timestamp from before.
    let (mut s, _) = recovery_with_echo(true);
    let (una, end) = (1 + 5 * 1448, 1 + 7 * 1448);
    s.gets(&format!(". 1:1(0) ack {una} win 65535 <ts 1060 0,sack {}:{end}>", una + 1448));
    s.wait_ms(6);
    assert_eq!(s.info().lost, 1448);
}

#[test]
fn the_smallest_round_trip_is_one_of_the_last_minutes() {
    // RFC 8985 §5.2, RACK.min_RTT: the path may have become longer.
    let mut s = Script::established_with_sack();
    for (number, ms) in [20].into_iter().chain([100; 5]).enumerate() {
        let start = 1 + 10 * number as u32;
        s.writes(10);
        s.sends(&format!("P. {start}:{}(10) ack 1", start + 10));
        s.wait_ms(ms);
        s.gets(&format!(". 1:1(0) ack {} win 65535", start + 10));
        assert_eq!(s.info().min_rtt.as_millis(), if number < 3 { 0 } else { 100 }, "{number}");
        s.wait_ms(120_000);
    }
}

#[test]
fn a_timeout_takes_for_lost_what_is_late_and_not_what_has_just_left() {
    // RFC 8985 §6.3.
    let mut s = measured();
    s.writes(2 * MSS as usize);
    s.sends(". 1:1461(1460) ack 1");
    s.sends("P. 1461:2921(1460) ack 1");
    // A tail loss probe, and 220 ms later the timer.
    s.sends_after_ms(42, "P. 1461:2921(1460) ack 1");
    s.is_silent_for_ms(200);
    s.writes(MSS as usize);
    s.sends("P. 2921:4381(1460) ack 1");
    s.sends_after_ms(20, ". 1:1461(1460) ack 1");
    assert_eq!((phase(&mut s), s.info().lost), (Phase::Loss, 2 * MSS));
    // The window has room for two now.
    s.gets(". 1:1(0) ack 1461 win 65535");
    s.sends(". 1461:2921(1460) ack 1");
    s.sends_nothing();
}

#[test]
fn the_last_segment_is_asked_about_before_the_timeout() {
    // RFC 8985 §7.3.
    let mut s = Script::established_with_sack();
    s.writes(10);
    s.sends("P. 1:11(10) ack 1");
    s.wait_ms(20);
    s.gets(". 1:1(0) ack 11 win 65535");
    s.writes(3 * MSS as usize);
    s.sends(". 11:1471(1460) ack 1");
    s.sends(". 1471:2931(1460) ack 1");
    s.sends("P. 2931:4391(1460) ack 1");
    // Two round trips and a little, where the timeout is 200 ms.
    s.sends_nothing();
    s.wait_ms(60);
    s.sends("P. 2931:4391(1460) ack 1");
    // The probe's copy arrived: the first two are the hole.
    s.gets(". 1:1(0) ack 11 win 65535 <sack 2931:4391>");
    s.wait_ms(30);
    s.sends(". 11:1471(1460) ack 1");
    assert_eq!(phase(&mut s), Phase::Recovery);
}

/// A probe has sent the second of two segments again.
fn probed() -> Script {
    let mut s = measured();
    s.writes(2 * MSS as usize);
    s.sends(". 1:1461(1460) ack 1");
    s.sends("P. 1461:2921(1460) ack 1");
    s.sends_after_ms(42, "P. 1461:2921(1460) ack 1");
    s.wait_ms(20);
    s
}

#[test]
fn a_loss_that_a_probe_repaired_brings_the_window_down_and_a_needless_probe_does_not() {
    // RFC 8985 §7.4.2: where both copies arrive both are answered, the second one by a D-SACK or by a plain duplicate.
    const ALL: &str = ". 1:1(0) ack 2921 win 65535";
    const COPY: &str = ". 1:1(0) ack 2921 win 65535 <sack 1461:2921>";
    for (answers, repaired) in [(&[ALL][..], true), (&[ALL, COPY], false), (&[ALL, ALL], false), (&[COPY], false)] {
        let mut s = probed();
        let before = s.info();
        answers.iter().for_each(|answer| s.gets(answer));
        // What was sent next is acknowledged.
        s.writes(10);
        s.sends("P. 2921:2931(10) ack 1");
        s.wait_ms(20);
        s.gets(". 1:1(0) ack 2931 win 65535");
        assert_eq!(s.info().ssthresh < before.ssthresh, repaired, "{answers:?}");
    }
}

#[test]
fn a_sack_of_what_was_sent_since_is_no_second_answer_to_a_probe() {
    let mut s = probed();
    let before = s.info();
    s.gets(". 1:1(0) ack 2921 win 65535");
    s.writes(2 * MSS as usize);
    s.wait_ms(20);
    s.gets(". 1:1(0) ack 2921 win 65535 <sack 4381:5841>");
    s.gets(". 1:1(0) ack 5841 win 65535");
    assert_eq!(s.info().retransmits, before.retransmits, "what came late was not lost");
    assert!(s.info().ssthresh < before.ssthresh, "what the probe repaired was");
}

#[test]
fn a_probe_of_new_text_says_nothing_of_a_loss() {
    // RFC 8985 §7.4.2, TLP.is_retrans.
    let mut s = ten_out_for_a_round_trip();
    s.wait_ms(24);
    sends_full(&mut s, 10..11);
    let before = s.info();
    s.wait_ms(20);
    for end in [11, 12] {
        s.gets(&format!(". 1:1(0) ack {} win 65535", at(end)));
        assert_eq!((s.info().ssthresh, phase(&mut s)), (before.ssthresh, Phase::Open));
    }
}
