//! Selective acknowledgements (RFC 2018, RFC 2883), and what is made of them: RACK-TLP (RFC 8985), PRR (RFC 9937), F-RTO
//! (RFC 5682).

mod common;
mod tcp_common;

use netstack::tcp::{Algorithm, Phase};
use tcp_common::script::Script;

const MSS: u32 = 1460;

/// The line of the `number`th full segment.
fn full(number: u32) -> String {
    let (start, end) = (1 + number * MSS, 1 + (number + 1) * MSS);
    format!(". {start}:{end}({MSS}) ack 1")
}

fn sends_full(s: &mut Script, segments: std::ops::Range<u32>) {
    segments.for_each(|number| {
        s.sends(&full(number));
    });
}

/// Sequence number of the `number`th full segment.
fn at(number: u32) -> u32 {
    1 + number * MSS
}

fn phase(s: &mut Script) -> Phase {
    s.info().phase
}

/// A connection with SACK that has measured a round trip of 20 ms.
fn measured() -> Script {
    let mut s = Script::listening(1500, 5);
    s.gets("S 0:0(0) win 65535 <mss 1460,sackOK>");
    s.sends("S. 0:0(0) ack 1");
    s.wait_ms(20);
    s.gets(". 1:1(0) ack 1 win 65535");
    s.accepts();
    s
}

/// The ten segments of its initial window have been out for one round trip.
fn ten_out_for_a_round_trip() -> Script {
    let mut s = measured();
    s.writes(60_000);
    sends_full(&mut s, 0..10);
    s.wait_ms(20);
    s
}

#[test]
fn sack_is_used_only_if_both_ends_offer_it() {
    // RFC 2018 §2.
    let mut s = Script::connecting(1500);
    let syn = s.sends("S 0:0(0) win 65535");
    assert!(syn.options.is_some_and(|options| options.sack_permitted), "we offer it");
    s.gets("S. 0:0(0) ack 1 win 65535 <mss 1460>");
    s.sends(". 1:1(0) ack 1");
    // Out of order, from a peer that did not: a plain duplicate.
    s.gets(". 101:201(100) ack 1 win 65535");
    let answer = s.sends(". 1:1(0) ack 1");
    assert!(answer.options.is_some_and(|options| options.sack.is_empty()));
    assert!(!s.info().sack);
}

#[test]
fn what_came_out_of_order_is_told_the_newest_first() {
    // RFC 2018 §4.
    let mut s = Script::established_with_sack();
    s.gets(". 101:201(100) ack 1 win 65535");
    s.sends(". 1:1(0) ack 1 win 65535 <sack 101:201>");
    s.gets(". 301:401(100) ack 1 win 65535");
    s.sends(". 1:1(0) ack 1 win 65535 <sack 301:401 101:201>");
    // It joins the older block, which becomes the newest.
    s.gets(". 201:251(50) ack 1 win 65535");
    s.sends(". 1:1(0) ack 1 win 65535 <sack 101:251 301:401>");
    // The gap closes: one block is left.
    s.gets(". 1:101(100) ack 1 win 65535");
    s.sends(". 1:1(0) ack 251 <sack 301:401>");
}

#[test]
fn a_duplicate_is_told_of() {
    // RFC 2883 §4.
    let mut s = Script::established_with_sack();
    s.gets("P. 1:101(100) ack 1 win 65535");
    s.sends(". 1:1(0) ack 101");
    s.gets("P. 1:101(100) ack 1 win 65535");
    let answer = s.sends(". 1:1(0) ack 101");
    let blocks = answer.options.expect("there are some").sack;
    assert_eq!(blocks.as_slice().len(), 1, "{blocks:?}");
    assert_eq!((blocks.as_slice()[0].0.0, blocks.as_slice()[0].1.0), (1, 101));
}

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
fn every_hole_is_sent_again_and_nothing_else() {
    // RFC 6675 §4, NextSeg: two holes in one window of data.
    let mut s = Script::established_with_sack();
    s.writes(14_600);
    sends_full(&mut s, 0..9);
    s.sends(&format!("P. {}:{}({MSS}) ack 1", at(9), at(10)));
    let (hole, rest) = (at(3), at(10));
    s.gets(&format!(". 1:1(0) ack 1 win 65535 <sack {}:{hole} {}:{rest}>", at(1), at(4)));
    sends_full(&mut s, 0..1);
    sends_full(&mut s, 3..4);
    s.sends_nothing();
    s.gets(&format!(". 1:1(0) ack {rest} win 65535"));
    s.is_silent_for_ms(5_000);
    assert_eq!(s.info().retransmits, 2);
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
fn a_timeout_that_was_needless_is_taken_back() {
    // RFC 5682: the acknowledgements of what was sent once come late.
    let mut s = Script::established_with_sack();
    s.writes(60_000);
    sends_full(&mut s, 0..10);
    let before = s.info().cwnd;
    s.wait_ms(1_500);
    assert!(s.count_sent() > 0, "the timer expired");
    assert_eq!(phase(&mut s), Phase::Loss);
    assert!(s.info().cwnd < before);
    s.gets(&format!(". 1:1(0) ack {} win 65535", at(2)));
    s.count_sent();
    s.gets(&format!(". 1:1(0) ack {} win 65535", at(4)));
    assert_eq!(phase(&mut s), Phase::Open, "what was sent once arrived: nothing was lost");
    assert!(s.info().cwnd >= before, "{} after {before}", s.info().cwnd);
}

#[test]
fn the_algorithm_can_be_chosen_and_changed() {
    let mut s = Script::established_with_sack();
    assert_eq!(Algorithm::default(), Algorithm::Cubic);
    s.sets(|options| options.congestion = Algorithm::NewReno);
    s.writes(60_000);
    sends_full(&mut s, 0..10);
    // After a loss NewReno halves (RFC 5681 equation 4), where CUBIC keeps 0.7 (RFC 9438 §4.6).
    s.gets(&format!(". 1:1(0) ack 1 win 65535 <sack {}:{}>", at(1), at(10)));
    assert_eq!(s.info().ssthresh, 5 * MSS);
    let mut s = Script::established_with_sack();
    s.writes(60_000);
    sends_full(&mut s, 0..10);
    s.gets(&format!(". 1:1(0) ack 1 win 65535 <sack {}:{}>", at(1), at(10)));
    assert_eq!(s.info().ssthresh, 7 * MSS);
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
fn a_recovery_is_taken_back_when_its_repetition_is_told_to_be_a_duplicate() {
    // RFC 3708, without timestamps.
    let mut s = ten_out_for_a_round_trip();
    let before = s.info();
    s.gets(&format!(". 1:1(0) ack 1 win 65535 <sack {}:{}>", at(1), at(5)));
    assert_eq!((s.info().retransmits, phase(&mut s)), (1, Phase::Recovery));
    assert_eq!(s.info().ssthresh, 7 * MSS);
    s.wait_ms(5);
    s.gets(&format!(". 1:1(0) ack {} win 65535", at(5)));
    assert_eq!(phase(&mut s), Phase::Recovery);
    s.gets(&format!(". 1:1(0) ack {} win 65535 <sack {}:{}>", at(5), at(0), at(1)));
    let after = s.info();
    assert_eq!((after.phase, after.ssthresh, after.dsacks), (Phase::Open, before.ssthresh, 1));
    assert!(after.cwnd >= before.cwnd, "{} after {}", after.cwnd, before.cwnd);
}

#[test]
fn a_recovery_is_taken_back_though_all_was_acknowledged_before_the_duplicate_was_told() {
    let mut s = measured();
    s.writes(5 * MSS as usize);
    sends_full(&mut s, 0..4);
    s.sends("P. 5841:7301(1460) ack 1");
    let before = s.info();
    s.wait_ms(20);
    s.gets(&format!(". 1:1(0) ack 1 win 65535 <sack {}:{}>", at(1), at(5)));
    sends_full(&mut s, 0..1);
    s.wait_ms(5);
    s.gets(&format!(". 1:1(0) ack {} win 65535", at(5)));
    assert!(s.info().ssthresh < before.ssthresh);
    s.gets(&format!(". 1:1(0) ack {} win 65535 <sack {}:{}>", at(5), at(0), at(1)));
    let after = s.info();
    assert_eq!((after.phase, after.ssthresh, after.dsacks), (Phase::Open, before.ssthresh, 1));
}

#[test]
fn duplicates_that_the_network_makes_take_nothing_back() {
    // Linux's tcp_dsack_seen: more of them than repetitions are not of our making.
    let mut s = ten_out_for_a_round_trip();
    s.gets(&format!(". 1:1(0) ack {} win 65535", at(3)));
    s.gets(&format!(". 1:1(0) ack {} win 65535 <sack {}:{}>", at(3), at(0), at(2)));
    assert_eq!(s.info().dsacks, 2);
    s.count_sent();
    s.wait_ms(1);
    s.gets(&format!(". 1:1(0) ack {} win 65535 <sack {}:{}>", at(3), at(4), at(8)));
    assert_eq!((s.info().retransmits, phase(&mut s)), (1, Phase::Recovery));
    s.gets(&format!(". 1:1(0) ack {} win 65535", at(8)));
    s.gets(&format!(". 1:1(0) ack {} win 65535 <sack {}:{}>", at(8), at(3), at(4)));
    assert_eq!(phase(&mut s), Phase::Recovery);
}

/// A recovery with timestamps, and the phase after an acknowledgement that echoes the first copy's or the repetition's.
fn recovery_with_echo(of_the_first: bool) -> (Script, u32) {
    let (mss, at) = (1448, |number: u32| 1 + number * 1448);
    let stamp = |line: &tcp_common::notation::Line| line.options.unwrap().timestamps.unwrap().value;
    let mut s = Script::listening(1500, 5);
    s.gets("S 0:0(0) win 65535 <mss 1460,sackOK,ts 1000 0>");
    let echo = stamp(&s.sends("S. 0:0(0) ack 1"));
    s.wait_ms(20);
    s.gets(&format!(". 1:1(0) ack 1 win 65535 <ts 1020 {echo}>"));
    s.accepts();
    s.writes(60_000);
    let first = stamp(&s.sends(&format!(". {}:{}({mss}) ack 1", at(0), at(1))));
    assert_eq!(s.count_sent(), 9);
    let before = s.info().cwnd;
    s.wait_ms(20);
    s.gets(&format!(". 1:1(0) ack 1 win 65535 <ts 1040 {first},sack {}:{}>", at(1), at(5)));
    let again = stamp(&s.sends(&format!(". {}:{}({mss}) ack 1", at(0), at(1))));
    assert_eq!((phase(&mut s), again), (Phase::Recovery, first.wrapping_add(20)));
    s.wait_ms(20);
    let echo = if of_the_first { first } else { again };
    s.gets(&format!(". 1:1(0) ack {} win 65535 <ts 1060 {echo}>", at(5)));
    (s, before)
}

#[test]
fn a_recovery_is_taken_back_when_the_first_copy_is_what_was_answered() {
    // RFC 3522, RFC 4015.
    let (mut s, before) = recovery_with_echo(true);
    assert_eq!(phase(&mut s), Phase::Open);
    assert!(s.info().cwnd >= before, "{} after {before}", s.info().cwnd);
    let (mut s, before) = recovery_with_echo(false);
    assert_eq!(phase(&mut s), Phase::Recovery);
    assert!(s.info().cwnd < before, "{} after {before}", s.info().cwnd);
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
