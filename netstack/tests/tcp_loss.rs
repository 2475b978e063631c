//! Loss: timeouts (RFC 6298), fast retransmit and recovery (RFC 5681, RFC 6582, RFC 3042), timestamps (RFC 7323).

mod common;
mod tcp_common;

use netstack::tcp::{Phase, State, TcpError};
use tcp_common::loss::sends_full;
use tcp_common::script::Script;

/// Ten segments were sent, nothing came back, and the oldest was sent again.
fn timed_out() -> Script {
    let mut s = Script::established();
    s.writes(14_600);
    sends_full(&mut s, 0..9);
    s.sends("P. 13141:14601(1460) ack 1");
    s.wait_ms(210);
    sends_full(&mut s, 0..1);
    s
}

#[test]
fn the_initial_window_is_ten_segments() {
    // RFC 6928.
    let mut s = Script::established();
    s.writes(30_000);
    sends_full(&mut s, 0..10);
    s.sends_nothing();
    // Slow start: two for each that is acknowledged.
    s.gets(". 1:1(0) ack 2921 win 65535");
    sends_full(&mut s, 10..14);
    s.sends_nothing();
}

#[test]
fn three_duplicates_repeat_the_lost_segment() {
    let mut s = Script::established();
    s.writes(60_000);
    sends_full(&mut s, 0..10);
    // RFC 3042: each of the first two lets one new segment out.
    s.gets(". 1:1(0) ack 1 win 65535");
    sends_full(&mut s, 10..11);
    s.gets(". 1:1(0) ack 1 win 65535");
    sends_full(&mut s, 11..12);
    s.gets(". 1:1(0) ack 1 win 65535");
    sends_full(&mut s, 0..1);
    s.sends_nothing();
    // RFC 9937: the window comes down over the round trip to CUBIC's 0.7 of it; each further duplicate stands for one that has left.
    let mut sent = 0;
    for _ in 0..8 {
        s.gets(". 1:1(0) ack 1 win 65535");
        sent += s.count_sent();
    }
    assert!((4..=7).contains(&sent), "{sent} segments for eight duplicates");
    // All that was out at the loss is acknowledged: recovery ends without a burst.
    s.gets(". 1:1(0) ack 17521 win 65535");
    let sent = s.count_sent();
    assert!(sent <= 6, "{sent} segments after recovery");
}

#[test]
fn a_partial_acknowledgement_repeats_the_next_hole() {
    // RFC 6582 §3.2 step 3.
    let mut s = Script::established();
    s.writes(14_600);
    sends_full(&mut s, 0..9);
    s.sends("P. 13141:14601(1460) ack 1");
    for _ in 0..2 {
        s.gets(". 1:1(0) ack 1 win 65535");
    }
    s.gets(". 1:1(0) ack 1 win 65535");
    sends_full(&mut s, 0..1);
    s.gets(". 1:1(0) ack 2921 win 65535");
    sends_full(&mut s, 2..3);
    s.gets(". 1:1(0) ack 5841 win 65535");
    sends_full(&mut s, 4..5);
    s.gets(". 1:1(0) ack 14601 win 65535");
    s.is_silent_for_ms(10_000);
}

#[test]
fn duplicates_that_answer_what_was_sent_again_mean_no_loss() {
    // RFC 6582 §3.2 step 2: not as long as nothing is acknowledged that was sent after the last recovery began.
    // Segments 0 and 4 were lost, and the acknowledgements.
    let mut s = timed_out();
    s.gets(". 1:1(0) ack 5841 win 65535");
    sends_full(&mut s, 4..9);
    s.writes(60_000);
    s.gets(". 1:1(0) ack 14601 win 65535");
    let sent = s.count_sent() as u32;
    // The peer had 5 to 8 already, and says so. That lets new text out, and that is all.
    for new in 10 + sent..14 + sent {
        s.gets(". 1:1(0) ack 14601 win 65535");
        sends_full(&mut s, new..new + 1);
    }
    // From the first acknowledgement of something newer on, three are a loss again.
    s.gets(". 1:1(0) ack 16061 win 65535");
    s.count_sent();
    for _ in 0..3 {
        s.gets(". 1:1(0) ack 16061 win 65535");
    }
    assert_eq!(s.info().phase, Phase::Recovery);
}

#[test]
fn duplicates_with_text_or_another_window_are_none() {
    // RFC 5681 §2.
    let mut s = Script::established();
    s.writes(2920);
    s.sends(". 1:1461(1460) ack 1");
    s.sends("P. 1461:2921(1460) ack 1");
    for i in 0..4 {
        s.gets(&format!(". 1:1(0) ack 1 win {}", 60_000 + i));
    }
    s.sends_nothing();
}

#[test]
fn a_timeout_repeats_the_oldest_and_goes_on_from_there() {
    let mut s = timed_out();
    s.sends_nothing();
    // The window is one segment and grows by what is acknowledged; what the peer has is not sent again.
    s.gets(". 1:1(0) ack 7301 win 65535");
    sends_full(&mut s, 5..9);
    s.sends("P. 13141:14601(1460) ack 1");
    s.gets(". 1:1(0) ack 14601 win 65535");
    s.is_silent_for_ms(10_000);
}

#[test]
fn timeouts_double_and_in_the_end_the_connection_fails() {
    // RFC 6298 §5.5; tcp_retries2.
    let mut s = Script::established();
    s.writes(10);
    s.sends("P. 1:11(10) ack 1");
    let mut wait = 200;
    for _ in 0..15 {
        s.sends_after_ms(wait, "P. 1:11(10) ack 1");
        wait = (2 * wait).min(120_000);
    }
    s.is(State::Established);
    s.is_silent_for_ms(wait);
    s.has_failed(TcpError::TimedOut);
    s.is_silent_for_ms(300_000);
}

#[test]
fn thin_streams_need_not_double_the_first_timeouts() {
    // TCP_THIN_LINEAR_TIMEOUTS, TCP_THIN_LINEAR_RETRIES.
    let mut s = Script::established();
    s.sets(|options| options.thin_linear = true);
    s.writes(10);
    s.sends("P. 1:11(10) ack 1");
    for wait in [200, 200, 200, 200, 200, 200, 200, 400, 800] {
        s.sends_after_ms(wait, "P. 1:11(10) ack 1");
    }
}

#[test]
fn an_answer_to_a_repetition_measures_nothing() {
    // Karn: without timestamps the backed-off timeout stays until something is sent once and acknowledged.
    let mut s = Script::established();
    s.writes(10);
    s.sends("P. 1:11(10) ack 1");
    s.wait_ms(201);
    s.sends("P. 1:11(10) ack 1");
    s.gets(". 1:1(0) ack 11 win 65535");
    s.writes(10);
    s.sends("P. 11:21(10) ack 1");
    s.wait_ms(390);
    s.sends_nothing();
    s.wait_ms(20);
    s.sends("P. 11:21(10) ack 1");
}

#[test]
fn the_user_timeout_ends_the_wait() {
    // RFC 5482.
    let mut s = Script::established();
    s.sets(|options| options.user_timeout = Some(std::time::Duration::from_secs(5)));
    s.writes(10);
    s.wait_ms(4999);
    s.is(State::Established);
    s.wait_ms(1);
    s.has_failed(TcpError::TimedOut);
}

#[test]
fn an_old_timestamp_is_refused() {
    // RFC 7323 §5.3 (PAWS).
    let mut s = Script::listening(1500, 5);
    s.gets("S 0:0(0) win 1000 <mss 1460,ts 1000 0>");
    s.sends("S. 0:0(0) ack 1");
    s.gets(". 1:1(0) ack 1 win 1000 <ts 1001 0>");
    s.accepts();
    s.gets("P. 1:11(10) ack 1 win 1000 <ts 1002 0>");
    s.sends(". 1:1(0) ack 11");
    s.gets("P. 11:21(10) ack 1 win 1000 <ts 900 0>");
    let ack = s.sends(". 1:1(0) ack 11");
    assert_eq!(ack.options.unwrap().timestamps.unwrap().echo, 1002);
    s.gets("P. 11:21(10) ack 1 win 1000 <ts 1003 0>");
    s.reads(20);
}

#[test]
fn a_timestamp_of_0_says_nothing() {
    // As on Linux: the SYN of some has none in it, and what comes then may be far from 0.
    let mut s = Script::listening(1500, 5);
    s.gets("S 0:0(0) win 1000 <mss 1460,ts 0 0>");
    s.sends("S. 0:0(0) ack 1");
    s.gets(". 1:1(0) ack 1 win 1000 <ts 3000000000 0>");
    s.accepts();
    s.gets("P. 1:11(10) ack 1 win 1000 <ts 3000000001 0>");
    let ack = s.sends(". 1:1(0) ack 11");
    assert_eq!(ack.options.unwrap().timestamps.unwrap().echo, 3_000_000_001);
}

#[test]
fn after_24_days_of_silence_an_old_timestamp_says_nothing() {
    // RFC 7323 §5.5.
    let mut s = Script::listening(1500, 5);
    s.gets("S 0:0(0) win 1000 <mss 1460,ts 1000 0>");
    s.sends("S. 0:0(0) ack 1");
    s.gets(". 1:1(0) ack 1 win 1000 <ts 1001 0>");
    s.accepts();
    s.wait_ms(24 * 24 * 3600 * 1000 + 1);
    s.gets("P. 1:11(10) ack 1 win 1000 <ts 900 0>");
    s.reads(10);
}

#[test]
fn the_echo_is_of_the_segment_that_the_acknowledgement_answers() {
    // RFC 7323 §4.3: out of order text does not move TS.Recent.
    let mut s = Script::listening(1500, 5);
    s.gets("S 0:0(0) win 1000 <mss 1460,ts 1000 0>");
    s.sends("S. 0:0(0) ack 1");
    s.gets(". 1:1(0) ack 1 win 1000 <ts 1001 0>");
    s.accepts();
    s.gets("P. 11:21(10) ack 1 win 1000 <ts 1005 0>");
    let ack = s.sends(". 1:1(0) ack 1");
    assert_eq!(ack.options.unwrap().timestamps.unwrap().echo, 1001);
    s.gets("P. 1:11(10) ack 1 win 1000 <ts 1007 0>");
    let ack = s.sends(". 1:1(0) ack 21");
    assert_eq!(ack.options.unwrap().timestamps.unwrap().echo, 1007);
}

#[test]
fn after_a_long_silence_the_window_starts_again() {
    // RFC 5681 §4.1.
    let mut s = Script::established();
    s.writes(14_600);
    s.count_sent();
    s.gets(". 1:1(0) ack 7301 win 65535");
    s.gets(". 1:1(0) ack 14601 win 65535");
    s.wait_ms(5_000);
    s.writes(40_000);
    assert_eq!(s.count_sent(), 10);
}
