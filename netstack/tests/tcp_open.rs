//! Opening: three-way handshake, refusals, simultaneous open, queues of a listener (RFC 9293 §3.5, §3.10.7.1–3.10.7.3).

mod common;
mod tcp_common;

use netstack::tcp::{State, TcpError};
use tcp_common::script::Script;

#[test]
fn the_peer_opens() {
    let mut s = Script::listening(1500, 5);
    s.gets("S 0:0(0) win 32792 <mss 1400,ws 3,ts 700 0>");
    let syn_ack = s.sends("S. 0:0(0) ack 1 win 65535");
    let options = syn_ack.options.unwrap();
    assert_eq!((options.mss, options.window_scale), (Some(1460), Some(9)));
    assert_eq!(options.timestamps.unwrap().echo, 700);
    s.accepts_nothing();
    s.gets(". 1:1(0) ack 1 win 1000 <ts 701 0>");
    s.accepts();
    s.is(State::Established);
    s.sends_nothing();
}

#[test]
fn options_are_answered_only_where_offered() {
    let mut s = Script::listening(1500, 5);
    s.gets("S 0:0(0) win 1000");
    s.sends("S. 0:0(0) ack 1 win 65535 <mss 1460>");
    s.gets(". 1:1(0) ack 1 win 2000");
    s.accepts();
    // RFC 9293 §3.7.1: a peer that names no MSS takes 536.
    s.writes(600);
    s.sends(". 1:537(536) ack 1");
    s.sends("P. 537:601(64) ack 1");
}

#[test]
fn we_open() {
    let mut s = Script::connecting(1500);
    let syn = s.sends("S 0:0(0) win 65535");
    let options = syn.options.unwrap();
    assert_eq!((options.mss, options.window_scale), (Some(1460), Some(9)));
    s.is(State::SynSent);
    let echo = options.timestamps.unwrap().value;
    s.gets(&format!("S. 0:0(0) ack 1 win 65535 <mss 1000,ws 2,ts 5 {echo}>"));
    let ack = s.sends(". 1:1(0) ack 1 win 128"); // 64 KiB in steps of 512
    assert_eq!(ack.options.unwrap().timestamps.unwrap().echo, 5);
    s.is(State::Established);
    // The peer's MSS less the timestamps.
    s.writes(1500);
    s.sends(". 1:989(988) ack 1");
    s.sends("P. 989:1501(512) ack 1");
}

#[test]
fn nobody_listens() {
    let mut s = Script::new(1500);
    s.gets("S 0:0(0) win 1000");
    s.sends("R. 0:0(0) ack 1");
    s.starts_over(0);
    s.gets("P. 10:20(10) ack 77");
    // RFC 9293 §3.10.7.1: <SEQ=SEG.ACK><CTL=RST>.
    s.sends("R 0:0(0)");
    s.gets("R 20:20(0)");
    s.gets("R. 20:20(0) ack 5");
    s.sends_nothing();
}

#[test]
fn the_peer_refuses() {
    let mut s = Script::connecting(1500);
    s.sends("S 0:0(0)");
    s.gets("R. 0:0(0) ack 1");
    s.has_failed(TcpError::Refused);
    s.is_silent_for_ms(200_000);
}

#[test]
fn a_rst_that_acknowledges_something_else_refuses_nothing() {
    let mut s = Script::connecting(1500);
    s.sends("S 0:0(0)");
    s.gets("R. 0:0(0) ack 2");
    s.gets("R 0:0(0)");
    s.is(State::SynSent);
    // RFC 9293 figure 9: an old SYN-ACK is reset, and the attempt goes on.
    s.gets("S. 0:0(0) ack 77 win 1000");
    s.sends("R 77:77(0)");
    s.is(State::SynSent);
}

#[test]
fn a_syn_is_repeated_with_doubling_waits_and_then_given_up() {
    let mut s = Script::connecting(1500);
    s.sends("S 0:0(0)");
    for seconds in [1, 2, 4, 8, 16, 32] {
        s.sends_after_ms(seconds * 1000, "S 0:0(0)");
    }
    s.is(State::SynSent);
    s.is_silent_for_ms(63_000);
    s.is(State::SynSent);
    s.wait_ms(1000);
    s.has_failed(TcpError::TimedOut);
}

#[test]
fn after_a_syn_that_was_repeated_the_first_timeout_is_three_seconds() {
    // RFC 6298 §5.7: without timestamps the round trip of such a SYN is not known.
    let mut s = Script::connecting(1500);
    s.sends("S 0:0(0)");
    s.sends_after_ms(1000, "S 0:0(0)");
    s.gets("S. 0:0(0) ack 1 win 65535 <mss 1460>");
    s.sends(". 1:1(0) ack 1");
    s.writes(100);
    s.sends("P. 1:101(100) ack 1");
    s.sends_after_ms(3000, "P. 1:101(100) ack 1");
}

#[test]
fn a_syn_that_was_answered_after_its_repetition_is_no_round_trip() {
    for (echo_first, timeout) in [(true, 3000), (false, 210)] {
        let mut s = Script::connecting(1500);
        let first = s.sends("S 0:0(0)").options.unwrap().timestamps.unwrap().value;
        s.sends_after_ms(1000, "S 0:0(0)");
        s.wait_ms(10);
        let echo = if echo_first { first } else { first + 1000 };
        s.gets(&format!("S. 0:0(0) ack 1 win 65535 <mss 1460,ts 7 {echo}>"));
        s.sends(". 1:1(0) ack 1");
        s.writes(100);
        s.sends("P. 1:101(100) ack 1");
        s.sends_after_ms(timeout, "P. 1:101(100) ack 1");
    }
}

#[test]
fn a_lost_syn_ack_is_repeated_and_then_forgotten() {
    let mut s = Script::listening(1500, 5);
    s.gets("S 0:0(0) win 1000 <mss 1000>");
    s.sends("S. 0:0(0) ack 1");
    for seconds in [1, 2, 4, 8, 16] {
        s.sends_after_ms(seconds * 1000, "S. 0:0(0) ack 1");
    }
    s.is_silent_for_ms(100_000);
    s.gets(". 1:1(0) ack 1 win 1000");
    s.sends("R 1:1(0)");
    s.accepts_nothing();
}

#[test]
fn a_repeated_syn_gets_the_syn_ack_again_but_no_second_connection() {
    let mut s = Script::listening(1500, 5);
    s.gets("S 0:0(0) win 1000 <mss 1000>");
    s.sends("S. 0:0(0) ack 1");
    s.wait_ms(600);
    s.gets("S 0:0(0) win 1000 <mss 1000>");
    s.sends("S. 0:0(0) ack 1");
    s.gets(". 1:1(0) ack 1 win 1000");
    s.accepts();
    s.accepts_nothing();
}

#[test]
fn both_open_at_once() {
    // RFC 9293 figure 8.
    let mut s = Script::connecting(1500);
    s.sends("S 0:0(0)");
    s.gets("S 0:0(0) win 1000 <mss 1460>");
    s.is(State::SynReceived);
    s.sends("S. 0:0(0) ack 1 win 65535 <mss 1460>");
    s.gets("S. 0:0(0) ack 1 win 1000");
    s.is(State::Established);
    s.gets("P. 1:11(10) ack 1 win 1000");
    s.reads(10);
}

#[test]
fn windows_of_syns_are_not_scaled_and_those_of_other_segments_are() {
    let mut s = Script::connecting(1500);
    s.sends("S 0:0(0)");
    s.gets("S 0:0(0) win 2000 <mss 1000,ws 7>");
    s.sends("S. 0:0(0) ack 1 win 65535");
    s.gets("S. 0:0(0) ack 1 win 2000 <mss 1000,ws 7>");
    s.is(State::Established);
    s.writes(5000);
    s.sends(". 1:1001(1000) ack 1");
    s.sends(". 1001:2001(1000) ack 1");
    s.sends_nothing();
    // Of a half-open connection: an answer that is no SYN.
    let mut s = Script::listening(1500, 5);
    s.gets("S 0:0(0) win 1000 <mss 1000,ws 3>");
    s.sends("S. 0:0(0) ack 1 win 65535");
    s.gets(". 70000:70000(0) ack 1 win 1000");
    s.sends(". 1:1(0) ack 1 win 127");
}

#[test]
fn text_written_before_both_open_at_once_is_sent_whole() {
    let mut s = Script::connecting(1500);
    s.sends("S 0:0(0)");
    s.writes(100);
    s.gets("S 0:0(0) win 1000 <mss 1460>");
    s.sends("S. 0:0(0) ack 1 win 65535 <mss 1460>");
    s.gets(". 1:1(0) ack 1 win 1000");
    s.sends("P. 1:101(100) ack 1");
}

#[test]
fn the_last_ack_may_carry_text_and_fin() {
    let mut s = Script::listening(1500, 5);
    s.gets("S 0:0(0) win 1000 <mss 1000>");
    s.sends("S. 0:0(0) ack 1");
    s.gets("FP. 1:101(100) ack 1 win 1000");
    s.accepts();
    s.is(State::CloseWait);
    s.reads(100);
    s.sends(". 1:1(0) ack 102");
}

#[test]
fn text_that_overtakes_the_last_ack_completes_the_handshake_though_the_ring_has_no_place_for_it() {
    let mut s = Script::listening(1500, 5);
    s.net.memory(s.node).set_ring(16384);
    s.gets("S 0:0(0) win 1000 <mss 1000>");
    s.sends("S. 0:0(0) ack 1 win 16384");
    // Memory became scarce in the meantime.
    s.net.memory(s.node).set_ring(4096);
    s.gets("P. 5000:5010(10) ack 1 win 1000");
    s.sends(". 1:1(0) ack 1 win 4096");
    s.accepts();
    s.is(State::Established);
}

#[test]
fn a_syn_ack_offers_no_more_than_the_ring_will_hold() {
    let mut s = Script::listening(1500, 5);
    s.net.memory(s.node).set_ring(4096);
    s.gets("S 0:0(0) win 1000 <mss 1000>");
    s.sends("S. 0:0(0) ack 1 win 4096");
    s.gets(". 1:1(0) ack 1 win 1000");
    s.accepts();
    // SO_RCVBUF of the listener counts for what it accepts.
    for (bytes, ring) in [(8192, 8192), (10_000, 16384)] {
        let mut s = Script::listening(1500, 5);
        let id = s.listener.as_ref().unwrap().id;
        s.net.stack(s.node).tcp_options(id).unwrap().buffers.receive = Some(bytes);
        s.gets("S 0:0(0) win 1000 <mss 1000>");
        s.sends(&format!("S. 0:0(0) ack 1 win {bytes}"));
        s.gets(". 1:1(0) ack 1 win 1000");
        s.accepts();
        assert_eq!(s.socket.as_ref().unwrap().rx.capacity(), ring);
    }
}

#[test]
fn a_syn_acks_acknowledgement_of_something_else_is_reset() {
    let mut s = Script::listening(1500, 5);
    s.gets("S 0:0(0) win 1000 <mss 1000>");
    s.sends("S. 0:0(0) ack 1");
    s.gets(". 1:1(0) ack 7 win 1000");
    s.sends("R 7:7(0)");
    // RFC 9293 figure 10 goes on: the half-open one is taken back by its owner.
    s.gets("R 1:1(0)");
    s.is_silent_for_ms(10_000);
}

#[test]
fn the_accept_queue_holds_one_more_than_the_backlog() {
    let mut s = Script::listening(1500, 1);
    for port in [4000, 4001] {
        s.peer_port(port);
        s.gets("S 0:0(0) win 1000 <mss 1000>");
        s.sends("S. 0:0(0) ack 1");
        s.gets(". 1:1(0) ack 1 win 1000");
    }
    // Full: a SYN is dropped, the peer tries again.
    s.peer_port(4002);
    s.gets("S 0:0(0) win 1000 <mss 1000>");
    s.is_silent_for_ms(1000);
    s.accepts();
    s.gets("S 0:0(0) win 1000 <mss 1000>");
    s.sends("S. 0:0(0) ack 1");
}

#[test]
fn a_final_ack_that_finds_the_queue_full_is_dropped_and_data_brings_it_again() {
    let mut s = Script::listening(1500, 0);
    // Both SYNs come while there is room.
    for port in [4000, 4001] {
        s.peer_port(port);
        s.gets("S 0:0(0) win 1000 <mss 1000>");
        s.sends("S. 0:0(0) ack 1");
    }
    s.gets(". 1:1(0) ack 1 win 1000");
    s.peer_port(4000);
    s.gets(". 1:1(0) ack 1 win 1000");
    s.gets("P. 1:11(10) ack 1 win 1000");
    s.sends_nothing();
    s.accepts();
    s.accepts_nothing();
    s.gets("P. 1:11(10) ack 1 win 1000");
    s.sends(". 1:1(0) ack 11");
    s.accepts();
    s.reads(10);
}

#[test]
fn connections_that_nobody_accepted_are_reset_when_the_listener_closes() {
    let mut s = Script::listening(1500, 5);
    s.gets("S 0:0(0) win 1000 <mss 1000>");
    s.sends("S. 0:0(0) ack 1");
    s.gets(". 1:1(0) ack 1 win 1000");
    let listener = s.listener.take().unwrap();
    listener.close(&mut s.net);
    s.sends("R. 1:1(0) ack 1");
    assert_eq!(s.net.released(s.node).len(), 2, "the child's key and the listener's");
    s.starts_over(0);
    s.gets("S 100:100(0) win 1000");
    s.sends("R. 0:0(0) ack 101");
}

#[test]
fn a_connection_reset_in_the_queue_is_accepted_with_its_error() {
    let mut s = Script::listening(1500, 5);
    s.gets("S 0:0(0) win 1000 <mss 1000>");
    s.sends("S. 0:0(0) ack 1");
    s.gets("P. 1:11(10) ack 1 win 1000");
    s.sends(". 1:1(0) ack 11");
    s.gets("R. 11:11(0) ack 1");
    s.accepts();
    s.has_failed(TcpError::Reset);
    s.reads(10);
}

/// A server whose listener has TCP_DEFER_ACCEPT.
fn deferring(times: u8) -> Script {
    let mut s = Script::listening(1500, 5);
    let id = s.listener.as_ref().unwrap().id;
    s.net.stack(s.node).tcp_options(id).unwrap().defer_accept = times;
    s.gets("S 0:0(0) win 65535 <mss 1460>");
    s.sends("S. 0:0(0) ack 1");
    s.gets(". 1:1(0) ack 1 win 65535");
    s.accepts_nothing();
    s
}

#[test]
fn a_connection_may_wait_for_its_first_text() {
    let mut s = deferring(3);
    // Who has acknowledged is not asked again.
    s.is_silent_for_ms(2500);
    s.gets("P. 1:11(10) ack 1 win 65535");
    s.accepts();
    s.reads(10);
}

#[test]
fn a_connection_without_text_is_asked_again_at_the_end_of_the_time() {
    let mut s = deferring(2);
    s.sends_after_ms(3000, "S. 0:0(0) ack 1");
    s.gets(". 1:1(0) ack 1 win 65535");
    s.accepts();
}

#[test]
fn an_end_is_worth_a_connection_too() {
    let mut s = deferring(2);
    s.gets("F. 1:1(0) ack 1 win 65535");
    s.accepts();
}

#[test]
fn a_window_may_be_clamped() {
    let mut s = Script::listening(1500, 5);
    let id = s.listener.as_ref().unwrap().id;
    s.net.stack(s.node).tcp_options(id).unwrap().window_clamp = Some(3000);
    s.gets("S 0:0(0) win 65535 <mss 1460>");
    s.sends("S. 0:0(0) ack 1 win 3000");
    s.gets(". 1:1(0) ack 1 win 65535");
    s.accepts();
    s.gets("P. 1:1001(1000) ack 1 win 65535");
    s.reads(1000);
    s.sends(". 1:1(0) ack 1001 win 3000");
}

#[test]
fn segments_from_too_far_are_not_heard() {
    let mut s = Script::listening(1500, 5);
    s.sets_listener(|options| options.least_ttl = 65);
    s.gets("S 0:0(0) win 1000");
    s.sends_nothing();
    s.sets_listener(|options| options.least_ttl = 64);
    s.gets("S 0:0(0) win 1000");
    s.ignores_what_was_sent();
}
