//! Urgent data (RFC 9293 §3.8.5, RFC 6093), as Linux has it.

mod common;
mod tcp_common;

use arena::UrgentByte::{Announced, Arrived, Taken};
use tcp_common::byte;
use tcp_common::script::Script;

/// A byte of the peer's stream.
fn theirs(at: usize) -> u8 {
    byte(0xff, at)
}

#[test]
fn what_the_program_marks_is_announced_until_it_is_acknowledged() {
    let mut s = Script::established();
    s.writes_urgent(5);
    s.sends("PU. 1:6(5) ack 1 urg 5");
    // What comes behind it is not urgent.
    s.sets(|options| options.nodelay = true);
    s.writes(3);
    s.sends("P. 6:9(3) ack 1");
    // Lost, and sent again with its pointer.
    s.is_silent_for_ms(190);
    s.wait_ms(600);
    s.sends("PU. 1:9(8) ack 1 urg 5");
    s.gets(". 1:1(0) ack 9 win 65535");
    s.ignores_what_was_sent();
    s.writes(2);
    s.sends("P. 9:11(2) ack 1");
}

#[test]
fn every_segment_before_the_urgent_byte_points_at_it() {
    let mut s = Script::established();
    s.writes_urgent(4000);
    s.sends("U. 1:1461(1460) ack 1 urg 4000");
    s.sends("U. 1461:2921(1460) ack 1 urg 2540");
    s.sends("PU. 2921:4001(1080) ack 1 urg 1080");
}

#[test]
fn an_urgent_byte_does_not_wait_for_an_acknowledgement() {
    let mut s = Script::established();
    s.writes(10);
    s.sends("P. 1:11(10) ack 1");
    s.writes(10);
    s.sends_nothing();
    s.writes_urgent(1);
    s.sends("PU. 11:22(11) ack 1 urg 11");
}

#[test]
fn a_closed_window_lets_the_pointer_through() {
    let mut s = Script::established();
    s.gets(". 1:1(0) ack 1 win 0");
    s.writes_urgent(5);
    s.wait_ms(300);
    // Beside the probe, which its receiver drops but answers, one that it takes.
    s.sends("U. 1:1(0) ack 1 urg 5");
    s.sends("U. 0:0(0) ack 1 urg 6");
    s.gets(". 1:1(0) ack 1 win 100");
    s.sends("PU. 1:6(5) ack 1 urg 5");
}

#[test]
fn an_urgent_byte_that_comes_is_marked() {
    let mut s = Script::established();
    s.gets("PU. 1:11(10) ack 1 win 65535 urg 10");
    assert_eq!(s.urgent(), Some((9, Arrived(theirs(9)))));
    s.reads(9);
    assert_eq!(s.urgent(), Some((0, Arrived(theirs(9)))));
    s.reads(1);
    assert_eq!(s.urgent(), None);
    // The old pointer again, on something new.
    s.gets("PU. 11:21(10) ack 1 win 65535 urg 0");
    assert_eq!(s.urgent(), Some((0, Arrived(theirs(10)))), "a pointer of 0 is the segment's first byte");
}

#[test]
fn a_pointer_may_come_before_its_byte() {
    let mut s = Script::established();
    s.gets("U. 1:1(0) ack 1 win 65535 urg 30");
    assert_eq!(s.urgent(), Some((29, Announced)));
    s.gets("PU. 1:11(10) ack 1 win 65535 urg 30");
    assert_eq!(s.urgent(), Some((29, Announced)));
    // Out of order, it is known already.
    s.gets("PU. 21:31(10) ack 1 win 65535 urg 10");
    assert_eq!(s.urgent(), Some((29, Arrived(theirs(29)))));
    s.gets("P. 11:21(10) ack 1 win 65535");
    s.reads(30);
}

#[test]
fn a_newer_mark_replaces_the_older_and_an_older_pointer_nothing() {
    let mut s = Script::established();
    s.gets("PU. 1:11(10) ack 1 win 65535 urg 5");
    s.gets("PU. 11:21(10) ack 1 win 65535 urg 5");
    assert_eq!(s.urgent(), Some((14, Arrived(theirs(14)))));
    s.gets("PU. 21:31(10) ack 1 win 65535 urg 0");
    s.reads(16);
    assert_eq!(s.urgent(), Some((4, Arrived(theirs(20)))));
    let socket = s.socket.as_mut().unwrap();
    let mark = socket.rx.urgent().unwrap();
    assert!(socket.rx.take_urgent(mark));
    assert_eq!(s.urgent(), Some((4, Taken)));
    // A repetition does not bring it back.
    s.gets("PU. 11:21(10) ack 1 win 65535 urg 5");
    s.gets("PU. 21:31(10) ack 1 win 65535 urg 0");
    assert_eq!(s.urgent(), Some((4, Taken)));
}

#[test]
fn one_that_was_next_to_be_read_stays_out_of_line() {
    let mut s = Script::established();
    s.gets("PU. 1:11(10) ack 1 win 65535 urg 1");
    s.gets("PU. 11:21(10) ack 1 win 65535 urg 5");
    let socket = s.socket.as_ref().unwrap();
    assert_eq!((socket.rx.passed_over(), socket.rx.position()), (Some(0), 0));
}

#[test]
fn after_the_end_of_the_stream_a_pointer_is_nothing() {
    let mut s = Script::established();
    s.gets("F. 1:1(0) ack 1 win 65535");
    s.gets("U. 2:2(0) ack 1 win 65535 urg 7");
    assert_eq!(s.urgent(), None);
}
