//! Dialogues about loss: full segments by their number, and connections with SACK whose round trip is known.

use std::ops::Range;

use super::notation::Line;
use super::script::Script;
use netstack::tcp::Phase;

/// Bytes of a full segment.
pub const MSS: u32 = 1460;

/// Sequence number of the `number`th full segment.
pub fn at(number: u32) -> u32 {
    1 + number * MSS
}

/// Full segments of our text, counted from 0, are what is sent next.
#[track_caller]
pub fn sends_full(s: &mut Script, segments: Range<u32>) {
    for number in segments {
        s.sends(&format!(". {}:{}({MSS}) ack 1", at(number), at(number + 1)));
    }
}

pub fn phase(s: &mut Script) -> Phase {
    s.info().phase
}

/// A connection with SACK that has measured a round trip of 20 ms.
pub fn measured() -> Script {
    let mut s = Script::listening(1500, 5);
    s.gets("S 0:0(0) win 65535 <mss 1460,sackOK>");
    s.sends("S. 0:0(0) ack 1");
    s.wait_ms(20);
    s.gets(". 1:1(0) ack 1 win 65535");
    s.accepts();
    s
}

/// The ten segments of its initial window have been out for one round trip.
pub fn ten_out_for_a_round_trip() -> Script {
    let mut s = measured();
    s.writes(60_000);
    sends_full(&mut s, 0..10);
    s.wait_ms(20);
    s
}

/// A recovery in which an acknowledgement has echoed the timestamp of the first copy, or of the repetition; and the window before it.
pub fn recovery_with_echo(of_the_first: bool) -> (Script, u32) {
    let (mss, at) = (1448, |number: u32| 1 + number * 1448);
    let stamp = |line: &Line| line.options.unwrap().timestamps.unwrap().value;
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
