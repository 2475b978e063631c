//! Selective acknowledgements (RFC 2018, RFC 2883), and what is made of them: recoveries that are taken back (RFC 3708,
//! RFC 4015), F-RTO (RFC 5682).

mod common;
mod tcp_common;

use netstack::tcp::{Algorithm, Phase};
use tcp_common::loss::{MSS, at, measured, phase, recovery_with_echo, sends_full, ten_out_for_a_round_trip};
use tcp_common::script::Script;

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
