//! How much a connection begins with (RFC 6928 §2): ten segments, or one if SYNs or SYN-ACKs were lost. One that was repeated
//! may only have been late.

mod common;
mod tcp_common;

use netstack::wire::tcp::Options;
use tcp_common::script::Script;

const SYN_ACK: &str = "S. 0:0(0) ack 1 win 65535 <mss 1460>";

/// How many segments leave before anything is acknowledged.
fn begins_with(s: &mut Script) -> usize {
    s.ignores_what_was_sent();
    s.writes(40_000);
    s.count_sent()
}

/// Our SYN and so many repetitions of it are not answered. The options of the first.
fn asks_in_vain(s: &mut Script, times: u32) -> Options {
    let first = s.sends("S 0:0(0) win 65535").options.expect("a SYN has some");
    for number in 0..times {
        s.sends_after_ms(1000 << number, "S 0:0(0) win 65535");
    }
    first
}

#[test]
fn one_syn_that_was_repeated_is_no_loss_but_two_are() {
    for (times, segments) in [(0, 10), (1, 10), (2, 1), (3, 1)] {
        let mut s = Script::connecting(1500);
        asks_in_vain(&mut s, times);
        s.gets(SYN_ACK);
        s.sends(". 1:1(0) ack 1");
        assert_eq!(begins_with(&mut s), segments, "{times} repetitions");
    }
}

#[test]
fn after_a_loss_slow_start_begins_with_one_segment() {
    let mut s = Script::connecting(1500);
    asks_in_vain(&mut s, 2);
    s.gets(SYN_ACK);
    s.sends(". 1:1(0) ack 1");
    s.writes(40_000);
    s.sends(". 1:1461(1460) ack 1");
    s.sends_nothing();
    s.gets(". 1:1(0) ack 1461 win 65535");
    s.sends(". 1461:2921(1460) ack 1");
    s.sends(". 2921:4381(1460) ack 1");
    s.sends_nothing();
}

#[test]
fn an_answer_to_the_first_syn_shows_that_none_was_lost() {
    for (late, segments) in [(false, 1), (true, 10)] {
        let mut s = Script::connecting(1500);
        let first = asks_in_vain(&mut s, 2).timestamps.expect("we offer them").value;
        let echo = if late { first } else { first + 3000 };
        s.gets(&format!("S. 0:0(0) ack 1 win 65535 <mss 1460,ts 7 {echo}>"));
        s.sends(". 1:1(0) ack 1");
        assert_eq!(begins_with(&mut s), segments, "late: {late}");
    }
}

#[test]
fn one_syn_ack_that_was_repeated_is_no_loss_but_two_are() {
    for (times, segments) in [(0, 10), (1, 10), (2, 1), (3, 1)] {
        let mut s = Script::listening(1500, 5);
        s.gets("S 0:0(0) win 65535 <mss 1460>");
        s.sends(SYN_ACK);
        for number in 0..times {
            s.sends_after_ms(1000 << number, SYN_ACK);
        }
        s.gets(". 1:1(0) ack 1 win 65535");
        s.accepts();
        assert_eq!(begins_with(&mut s), segments, "{times} repetitions");
    }
}

#[test]
fn a_syn_ack_that_waits_for_text_is_not_lost() {
    // TCP_DEFER_ACCEPT.
    let mut s = Script::listening(1500, 5);
    s.sets_listener(|options| options.defer_accept = 5);
    s.gets("S 0:0(0) win 65535 <mss 1460>");
    s.sends(SYN_ACK);
    s.gets(". 1:1(0) ack 1 win 65535");
    s.wait_ms(4_000);
    s.gets("P. 1:11(10) ack 1 win 65535");
    s.accepts();
    assert_eq!(begins_with(&mut s), 10);
}
