//! Closing and resetting: half-close, simultaneous close, TIME-WAIT, orphans (RFC 9293 §3.6, §3.10.4–3.10.7).

mod common;
mod tcp_common;

use core::time::Duration;
use netstack::tcp::{State, TcpError};
use tcp_common::script::Script;

#[test]
fn we_close_first() {
    // RFC 9293 figure 12.
    let mut s = Script::established();
    s.shuts_down_writing();
    s.sends("F. 1:1(0) ack 1");
    s.is(State::FinWait1);
    s.gets(". 1:1(0) ack 2 win 1000");
    s.is(State::FinWait2);
    // Half-closed: the peer may send as long as it likes.
    s.wait_ms(100_000);
    s.gets("P. 1:101(100) ack 2 win 1000");
    s.sends(". 2:2(0) ack 101");
    s.reads(100);
    s.gets("F. 101:101(0) ack 2 win 1000");
    s.sends(". 2:2(0) ack 102");
    // As on Linux the socket is CLOSED; TIME-WAIT goes on without it, and answers.
    s.is(State::Closed);
    assert!(s.status().peer_closed && s.status().error.is_none());
    s.wait_ms(59_000);
    s.gets("F. 101:101(0) ack 2 win 1000");
    s.sends(". 2:2(0) ack 102");
    // A repeated FIN restarted the wait of 60 s.
    s.wait_ms(59_000);
    s.gets("F. 101:101(0) ack 2 win 1000");
    s.sends(". 2:2(0) ack 102");
    s.wait_ms(60_000);
    s.gets("F. 101:101(0) ack 2 win 1000");
    s.sends("R 2:2(0)");
}

#[test]
fn what_a_connection_counted_is_shown_when_it_is_over() {
    let mut s = Script::established();
    s.gets("P. 1:101(100) ack 1 win 1000");
    s.reads(100);
    s.sends(". 1:1(0) ack 101");
    s.gets("R 101:101(0) win 0");
    let info = s.info();
    assert_eq!((info.state, info.bytes_received, info.segs_in > 0), (State::Closed, 100, true));
    s.wait_ms(1000);
    assert_eq!(s.info().last_data_recv - info.last_data_recv, Duration::from_secs(1));
}

#[test]
fn the_peer_closes_first_and_one_segment_answers_both() {
    let mut s = Script::established();
    s.gets("F. 1:1(0) ack 1 win 1000");
    s.is(State::CloseWait);
    assert!(s.status().peer_closed);
    s.sends_nothing();
    s.closes();
    s.sends("F. 1:1(0) ack 2");
    s.gets(". 2:2(0) ack 2 win 1000");
    s.is_released();
    s.gets(". 2:2(0) ack 2 win 1000");
    s.sends("R 2:2(0)");
}

#[test]
fn a_fin_that_is_not_answered_soon_is_acknowledged_soon() {
    let mut s = Script::established();
    s.gets("F. 1:1(0) ack 1 win 1000");
    s.sends_after_ms(2, ". 1:1(0) ack 2");
    // CLOSE-WAIT may last, and we may write.
    s.writes(10);
    s.sends("P. 1:11(10) ack 2");
    s.shuts_down_writing();
    s.is(State::LastAck);
    s.sends("F. 11:11(0) ack 2");
    s.gets(". 2:2(0) ack 12 win 1000");
    s.is(State::Closed);
}

#[test]
fn both_close_at_once() {
    // RFC 9293 figure 13.
    let mut s = Script::established();
    s.shuts_down_writing();
    s.sends("F. 1:1(0) ack 1");
    s.gets("F. 1:1(0) ack 1 win 1000");
    s.is(State::Closing);
    s.sends(". 2:2(0) ack 2");
    s.gets(". 2:2(0) ack 2 win 1000");
    s.is(State::Closed);
    s.gets("F. 1:1(0) ack 2 win 1000");
    s.sends(". 2:2(0) ack 2");
}

#[test]
fn a_fin_and_the_ack_of_ours_may_come_together() {
    let mut s = Script::established();
    s.shuts_down_writing();
    s.sends("F. 1:1(0) ack 1");
    s.gets("F. 1:1(0) ack 2 win 1000");
    s.sends(". 2:2(0) ack 2");
    s.is(State::Closed);
    assert_eq!(s.status().error, None);
}

#[test]
fn a_lost_fin_is_sent_again() {
    let mut s = Script::established();
    s.shuts_down_writing();
    s.sends("F. 1:1(0) ack 1");
    s.wait_ms(150);
    s.sends_nothing();
    s.wait_ms(60);
    s.sends("F. 1:1(0) ack 1");
    s.gets("F. 1:1(0) ack 2 win 1000");
    s.sends(". 2:2(0) ack 2");
}

#[test]
fn close_delivers_what_is_queued_first() {
    let mut s = Script::established();
    s.writes(30_000);
    s.closes();
    for i in 0..10 {
        s.sends(&format!(". {}:{}(1460) ack 1", 1 + i * 1460, 1 + (i + 1) * 1460));
    }
    s.sends_nothing();
    s.gets(". 1:1(0) ack 14601 win 65535");
    for i in 10..20 {
        s.sends(&format!(". {}:{}(1460) ack 1", 1 + i * 1460, 1 + (i + 1) * 1460));
    }
    s.sends("FP. 29201:30001(800) ack 1");
    s.gets("F. 1:1(0) ack 30002 win 65535");
    s.sends(". 30002:30002(0) ack 2");
    s.is_released();
}

#[test]
fn close_with_unread_data_resets() {
    // RFC 2525 §2.17.
    let mut s = Script::established();
    s.gets("P. 1:11(10) ack 1 win 1000");
    s.sends(". 1:1(0) ack 11");
    s.closes();
    s.sends("R. 1:1(0) ack 11");
    s.is_released();
    s.is_silent_for_ms(1_000);
}

#[test]
fn data_for_a_closed_socket_is_reset() {
    let mut s = Script::established();
    s.closes();
    s.sends("F. 1:1(0) ack 1");
    s.gets("P. 1:11(10) ack 2 win 1000");
    s.sends("R 2:2(0)");
    s.is_released();
}

#[test]
fn a_rst_is_the_last_word() {
    let mut s = Script::established();
    s.gets("P. 1:11(10) ack 1 win 1000");
    s.sends(". 1:1(0) ack 11");
    s.reads(10);
    s.writes(10);
    s.sends("P. 1:11(10) ack 11");
    // The FIN waits for a window, and the acknowledgement for the FIN.
    s.gets("P. 11:21(10) ack 11 win 0");
    s.reads(10);
    s.closes();
    s.sends_nothing();
    s.gets("P. 21:31(10) ack 11 win 0");
    s.sends("R 11:11(0)");
    s.is_silent_for_ms(1000);
}

#[test]
fn data_for_a_closed_socket_in_fin_wait_2_is_reset() {
    let mut s = Script::established();
    s.closes();
    s.sends("F. 1:1(0) ack 1");
    s.gets(". 1:1(0) ack 2 win 1000");
    // The rings are not needed to wait for a FIN.
    s.is_released();
    s.gets("P. 1:11(10) ack 2 win 1000");
    s.sends("R 2:2(0)");
}

#[test]
fn a_closed_socket_waits_for_the_peers_fin_and_then_in_time_wait() {
    let mut s = Script::established();
    s.closes();
    s.sends("F. 1:1(0) ack 1");
    s.gets(". 1:1(0) ack 2 win 1000");
    s.wait_ms(50_000);
    s.gets("F. 1:1(0) ack 2 win 1000");
    s.sends(". 2:2(0) ack 2");
    s.wait_ms(50_000);
    s.gets("F. 1:1(0) ack 2 win 1000");
    s.sends(". 2:2(0) ack 2");
}

#[test]
fn a_closed_socket_gives_up_fin_wait_2_after_60_s() {
    let mut s = Script::established();
    s.closes();
    s.sends("F. 1:1(0) ack 1");
    s.gets(". 1:1(0) ack 2 win 1000");
    s.is_silent_for_ms(60_001);
    s.gets("F. 1:1(0) ack 2 win 1000");
    s.sends("R 2:2(0)");
}

#[test]
fn a_fin_beyond_the_window_does_not_lengthen_fin_wait_2() {
    let mut s = Script::established();
    s.closes();
    s.sends("F. 1:1(0) ack 1");
    s.gets(". 1:1(0) ack 2 win 1000");
    s.wait_ms(50_000);
    s.gets("F. 100000000:100000000(0) ack 2 win 1000");
    s.sends(". 2:2(0) ack 1");
    s.is_silent_for_ms(10_001);
    s.gets("F. 1:1(0) ack 2 win 1000");
    s.sends("R 2:2(0)");
}

#[test]
fn an_acknowledgement_from_behind_a_lost_fin_does_not_end_fin_wait_2() {
    let mut s = Script::established();
    s.writes(10);
    s.sends("P. 1:11(10) ack 1");
    s.closes();
    s.sends("F. 11:11(0) ack 1");
    // The peer's FIN was 1:1, and did not come.
    s.gets(". 2:2(0) ack 12 win 1000");
    s.is_released();
    s.gets(". 2:2(0) ack 11 win 1000");
    s.sends(". 12:12(0) ack 1");
    s.gets("F. 1:1(0) ack 12 win 1000");
    s.sends(". 12:12(0) ack 2");
}

#[test]
fn abort_resets() {
    let mut s = Script::established();
    s.writes(10);
    s.sends("P. 1:11(10) ack 1");
    s.aborts();
    s.sends("R. 11:11(0) ack 1");
    s.is_released();
    s.is_silent_for_ms(10_000);
}

#[test]
fn close_while_connecting_just_forgets() {
    let mut s = Script::connecting(1500);
    s.sends("S 0:0(0)");
    s.closes();
    s.is_released();
    s.gets("S. 0:0(0) ack 1 win 1000");
    s.sends("R 1:1(0)");
}

#[test]
fn a_rst_ends_the_connection_but_what_came_can_be_read() {
    let mut s = Script::established();
    s.gets("P. 1:11(10) ack 1 win 1000");
    s.sends(". 1:1(0) ack 11");
    s.gets("R 11:11(0)");
    s.has_failed(TcpError::Reset);
    s.reads(10);
    s.is_silent_for_ms(10_000);
}

#[test]
fn after_the_peers_fin_a_rst_means_a_broken_pipe() {
    let mut s = Script::established();
    s.gets("F. 1:1(0) ack 1 win 1000");
    s.gets("R 2:2(0)");
    s.has_failed(TcpError::BrokenPipe);
}

#[test]
fn a_rst_while_our_last_text_is_on_its_way_is_an_error() {
    let mut s = Script::established();
    s.gets("F. 1:1(0) ack 1 win 1000");
    s.writes(10);
    s.sends("P. 1:11(10) ack 2");
    s.shuts_down_writing();
    s.sends("F. 11:11(0) ack 2");
    s.is(State::LastAck);
    s.gets("R 2:2(0)");
    s.has_failed(TcpError::Reset);
}

#[test]
fn a_rst_in_the_window_but_not_exact_is_asked_about() {
    // RFC 5961 §3.2.
    let mut s = Script::established();
    s.gets("R 100:100(0)");
    s.sends(". 1:1(0) ack 1");
    s.is(State::Established);
    s.gets("R 100:100(0)");
    s.sends_nothing(); // §7: not more than one in half a second.
    s.gets("R 70000:70000(0)");
    s.sends_nothing();
    s.is(State::Established);
    s.gets("R 1:1(0)");
    s.has_failed(TcpError::Reset);
}

#[test]
fn a_syn_on_an_open_connection_is_asked_about() {
    // RFC 5961 §4.2: the peer has crashed and comes again; our answer makes it reset us.
    let mut s = Script::established();
    s.gets("S 5000:5000(0) win 1000 <mss 1460>");
    s.sends(". 1:1(0) ack 1");
    s.is(State::Established);
    s.gets("R 1:1(0)");
    s.has_failed(TcpError::Reset);
}

#[test]
fn syns_are_asked_about_seldom_whatever_comes_with_them() {
    // RFC 5961 §7.
    let mut s = Script::established();
    s.gets("SF 900000:900000(0) win 1000");
    s.sends(". 1:1(0) ack 1");
    s.gets("SF 900000:900000(0) win 1000");
    s.gets("S 900000:900100(100) win 1000");
    s.sends_nothing();
}

#[test]
fn a_newer_syn_takes_the_place_of_time_wait() {
    let mut s = Script::established();
    s.closes();
    s.sends("F. 1:1(0) ack 1");
    s.gets("F. 1:1(0) ack 2 win 1000");
    s.sends(". 2:2(0) ack 2");
    // An old SYN is answered by the old connection.
    s.gets("S 0:0(0) win 1000 <mss 1000>");
    s.sends(". 2:2(0) ack 2");
    // RFC 9293 §3.10.7.4, TIME-WAIT: our next number is beyond all that the old one can have used.
    s.gets("S 5000:5000(0) win 1000 <mss 1000>");
    s.sends("S. 65539:65539(0) ack 5001");
    s.gets(". 5001:5001(0) ack 65540 win 1000");
    s.accepts();
    s.is(State::Established);
}

#[test]
fn with_timestamps_only_a_newer_one_ends_time_wait() {
    // RFC 6191 §2, whatever the sequence numbers say.
    let mut s = Script::listening(1500, 5);
    s.gets("S 0:0(0) win 1000 <mss 1460,ts 1000 0>");
    s.sends("S. 0:0(0) ack 1");
    s.gets(". 1:1(0) ack 1 win 1000 <ts 1001 0>");
    s.accepts();
    s.closes();
    s.sends("F. 1:1(0) ack 1");
    s.gets("F. 1:1(0) ack 2 win 1000 <ts 1002 0>");
    s.sends(". 2:2(0) ack 2");
    s.gets("S 5000:5000(0) win 1000 <mss 1460,ts 900 0>");
    s.sends(". 2:2(0) ack 2");
    s.gets("S 0:0(0) win 1000 <mss 1460,ts 1003 0>");
    s.sends("S. 65539:65539(0) ack 1");
}

#[test]
fn a_rst_does_not_end_time_wait() {
    // RFC 1337.
    let mut s = Script::established();
    s.closes();
    s.sends("F. 1:1(0) ack 1");
    s.gets("F. 1:1(0) ack 2 win 1000");
    s.sends(". 2:2(0) ack 2");
    s.gets("R 2:2(0)");
    s.wait_ms(1000);
    s.gets("F. 1:1(0) ack 2 win 1000");
    s.sends(". 2:2(0) ack 2");
}

#[test]
fn only_the_peers_own_fin_lengthens_time_wait() {
    let mut s = Script::established();
    s.closes();
    s.sends("F. 1:1(0) ack 1");
    s.gets("F. 1:1(0) ack 2 win 1000");
    s.sends(". 2:2(0) ack 2");
    s.wait_ms(59_000);
    // Forged, in the window and far from it, and answered once for all.
    s.gets("F. 100:100(0) ack 2 win 1000");
    s.sends(". 2:2(0) ack 2");
    s.gets("F. 900000:900000(0) ack 2 win 1000");
    s.sends_nothing();
    s.wait_ms(1000);
    s.gets("F. 1:1(0) ack 2 win 1000");
    s.sends("R 2:2(0)");
}

#[test]
fn a_closed_socket_whose_peer_is_silent_is_given_up() {
    let mut s = Script::established();
    s.writes(10);
    s.sends("P. 1:11(10) ack 1");
    s.closes();
    s.sends("F. 11:11(0) ack 1");
    let mut repeats = 0;
    for _ in 0..2000 {
        s.wait_ms(100);
        repeats += s.count_sent();
    }
    assert_eq!(repeats, 8, "tcp_orphan_retries");
    s.is_released();
}

#[test]
fn a_fin_out_of_order_waits_for_the_text_before_it() {
    let mut s = Script::established();
    s.gets("F. 11:11(0) ack 1 win 1000");
    s.sends(". 1:1(0) ack 1");
    s.is(State::Established);
    s.gets("P. 1:11(10) ack 1 win 1000");
    s.is(State::CloseWait);
    s.sends(". 1:1(0) ack 12");
    s.reads(10);
}

#[test]
fn a_fin_that_text_contradicts_was_forged() {
    // It comes first.
    let mut s = Script::established();
    s.gets("F. 51:51(0) ack 1 win 1000");
    s.gets("P. 1:101(100) ack 1 win 1000");
    s.is(State::Established);
    s.reads(100);
    // It comes when text from behind it has come.
    s.gets("P. 201:301(100) ack 1 win 1000");
    s.gets("F. 251:251(0) ack 1 win 1000");
    s.gets("P. 101:201(100) ack 1 win 1000");
    s.is(State::Established);
    s.reads(200);
    s.gets("F. 301:301(0) ack 1 win 1000");
    s.is(State::CloseWait);
}

#[test]
fn a_fin_in_order_ends_the_stream_though_something_was_forged_behind_it() {
    let mut s = Script::established();
    s.gets("F. 900:900(0) ack 1 win 1000");
    s.gets("P. 501:601(100) ack 1 win 1000");
    s.gets("FP. 1:101(100) ack 1 win 1000");
    s.is(State::CloseWait);
    s.reads(100);
}
