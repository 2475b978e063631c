//! Text: acknowledging, windows, Nagle, reassembly (RFC 9293 §3.7.4, §3.8.6; RFC 5681 §4.2).

mod common;
mod tcp_common;

use netstack::tcp::State;
use tcp_common::script::Script;

/// An established connection whose first 16 segments, acknowledged at once, are behind it, and whose program answers.
fn interactive() -> (Script, u32) {
    become_interactive(Script::established())
}

fn become_interactive(mut s: Script) -> (Script, u32) {
    s.gets("P. 1:101(100) ack 1 win 65535");
    s.sends(". 1:1(0) ack 101");
    s.reads(100);
    s.writes(100);
    s.sends("P. 1:101(100) ack 101");
    s.gets(". 101:101(0) ack 101 win 65535");
    (s, 101)
}

#[test]
fn a_young_connection_acknowledges_at_once() {
    let mut s = Script::established();
    s.gets("P. 1:101(100) ack 1 win 1000");
    s.sends(". 1:1(0) ack 101");
    s.reads(100);
}

#[test]
fn an_answer_carries_the_acknowledgement() {
    let (mut s, at) = interactive();
    s.gets(&format!("P. {at}:{}(100) ack {at} win 65535", at + 100));
    s.sends_nothing();
    s.wait_ms(39);
    s.sends_nothing();
    s.reads(100);
    s.writes(50);
    s.sends(&format!("P. {at}:{}(50) ack {}", at + 50, at + 100));
    s.is_silent_for_ms(100);
}

#[test]
fn without_an_answer_the_acknowledgement_goes_after_40_ms() {
    let (mut s, at) = interactive();
    s.gets(&format!("P. {at}:{}(100) ack {at} win 65535", at + 100));
    s.sends_after_ms(40, &format!(". {at}:{at}(0) ack {}", at + 100));
    // The program does not answer after all: at once again.
    s.gets(&format!("P. {}:{}(100) ack {at} win 65535", at + 100, at + 200));
    s.sends(&format!(". {at}:{at}(0) ack {}", at + 200));
}

#[test]
fn every_second_full_segment_is_acknowledged() {
    let (mut s, at) = interactive();
    for pair in 0..4 {
        let first = at + pair * 2920;
        s.gets(&format!(". {first}:{}(1460) ack {at} win 65535", first + 1460));
        s.sends_nothing();
        s.gets(&format!(". {}:{}(1460) ack {at} win 65535", first + 1460, first + 2920));
        s.sends(&format!(". {at}:{at}(0) ack {}", first + 2920));
    }
}

#[test]
fn a_full_segment_is_what_both_ends_allow() {
    // The peer takes and sends 200 bytes at most: two of them are not to wait.
    let mut s = Script::listening(1500, 5);
    s.gets("S 0:0(0) win 65535 <mss 200>");
    s.sends("S. 0:0(0) ack 1 win 65535 <mss 1460>");
    s.gets(". 1:1(0) ack 1 win 65535");
    s.accepts();
    let (mut s, at) = become_interactive(s);
    s.gets(&format!(". {at}:{}(200) ack {at} win 65535", at + 200));
    s.sends_nothing();
    s.gets(&format!(". {}:{}(200) ack {at} win 65535", at + 200, at + 400));
    s.sends(&format!(". {at}:{at}(0) ack {}", at + 400));
}

#[test]
fn a_segment_out_of_order_is_acknowledged_at_once_and_so_is_what_fills_the_gap() {
    // RFC 5681 §4.2.
    let (mut s, at) = interactive();
    let line = |first: u32, n: u32| format!("P. {}:{}({n}) ack {at} win 65535", at + first, at + first + n);
    s.gets(&line(100, 100));
    s.sends(&format!(". {at}:{at}(0) ack {at}"));
    s.gets(&line(300, 100));
    s.sends(&format!(". {at}:{at}(0) ack {at}"));
    s.reads_nothing();
    s.gets(&line(0, 100));
    s.sends(&format!(". {at}:{at}(0) ack {}", at + 200));
    s.reads(200);
    // Overlapping both ends.
    s.gets(&line(150, 200));
    s.sends(&format!(". {at}:{at}(0) ack {}", at + 400));
    s.reads(200);
    // All of it old.
    s.gets(&line(0, 100));
    s.sends(&format!(". {at}:{at}(0) ack {}", at + 400));
    s.reads_nothing();
}

#[test]
fn text_beyond_the_window_is_not_taken() {
    let mut s = Script::connecting_with(1500, 4096);
    s.sends("S 0:0(0) win 4096");
    s.gets("S. 0:0(0) ack 1 win 65535 <mss 1460>");
    s.sends(". 1:1(0) ack 1 win 4096");
    for first in [1, 1461] {
        s.gets(&format!(". {first}:{}(1460) ack 1 win 65535", first + 1460));
        s.sends(&format!(". 1:1(0) ack {} win {}", first + 1460, 4096 - first - 1459));
    }
    s.gets(". 2921:4381(1460) ack 1 win 65535");
    s.sends(". 1:1(0) ack 4097 win 0");
    // RFC 9293 §3.8.6.1: a probe of the closed window is answered.
    s.wait_ms(500);
    s.gets(". 4097:4098(1) ack 1 win 65535");
    s.sends(". 1:1(0) ack 4097 win 0");
    s.wait_ms(500);
    s.gets(". 4096:4096(0) ack 1 win 65535");
    s.sends(". 1:1(0) ack 4097 win 0");
    // §3.8.6.2.2: the window opens by half of the ring or a segment, not by crumbs.
    s.reads(1000);
    s.sends_nothing();
    s.reads(1048);
    s.sends(". 1:1(0) ack 4097 win 2048");
    // And an ACK in a segment beyond a closed window counts (MUST-66).
    s.reads(2048);
}

#[test]
fn a_bare_fin_is_taken_though_the_window_is_closed() {
    let mut s = Script::connecting_with(1500, 4096);
    s.sends("S 0:0(0) win 4096");
    s.gets("S. 0:0(0) ack 1 win 65535");
    s.sends(". 1:1(0) ack 1");
    s.gets(". 1:4097(4096) ack 1 win 65535");
    s.sends(". 1:1(0) ack 4097 win 0");
    s.gets("F. 4097:4097(0) ack 1 win 65535");
    s.is(State::CloseWait);
    s.reads(4096);
}

#[test]
fn small_pieces_wait_for_one_another() {
    // Nagle, RFC 9293 §3.7.4.
    let mut s = Script::established();
    s.writes(10);
    s.sends("P. 1:11(10) ack 1");
    s.writes(10);
    s.writes(10);
    s.is_silent_for_ms(100);
    s.gets(". 1:1(0) ack 11 win 65535");
    s.sends("P. 11:31(20) ack 1");
}

#[test]
fn a_small_piece_does_not_wait_for_full_segments() {
    // Minshall: only a small one in flight holds a small one back.
    let mut s = Script::established();
    s.writes(1470);
    s.sends(". 1:1461(1460) ack 1");
    s.sends("P. 1461:1471(10) ack 1");
    s.writes(1470);
    s.sends(". 1471:2931(1460) ack 1");
    s.sends_nothing();
    s.gets(". 1:1(0) ack 1471 win 65535");
    s.sends("P. 2931:2941(10) ack 1");
}

#[test]
fn nodelay_sends_each_piece() {
    let mut s = Script::established();
    s.sets(|options| options.nodelay = true);
    for first in [1, 11, 21] {
        s.writes(10);
        s.sends(&format!("P. {first}:{}(10) ack 1", first + 10));
    }
}

#[test]
fn cork_keeps_small_pieces_for_200_ms_or_until_it_is_taken_off() {
    let mut s = Script::established();
    s.sets(|options| options.cork = true);
    s.writes(10);
    s.is_silent_for_ms(190);
    s.writes(1460);
    s.sends(". 1:1461(1460) ack 1");
    s.sets(|options| options.cork = false);
    s.sends("P. 1461:1471(10) ack 1");
    s.gets(". 1:1(0) ack 1471 win 65535");
    s.sets(|options| options.cork = true);
    s.writes(10);
    s.wait_ms(210);
    s.sends("P. 1471:1481(10) ack 1");
}

#[test]
fn what_more_is_to_follow_waits_for_it_or_200_ms() {
    let mut s = Script::established();
    s.sets(|options| options.nodelay = true);
    s.writes_part(10);
    s.is_silent_for_ms(190);
    s.writes_part(1460);
    s.sends(". 1:1461(1460) ack 1");
    s.writes(5);
    s.sends("P. 1461:1476(15) ack 1");
    s.gets(". 1:1(0) ack 1476 win 65535");
    s.writes_part(10);
    s.wait_ms(210);
    s.sends("P. 1476:1486(10) ack 1");
    s.gets(". 1:1(0) ack 1486 win 65535");
    // As on Linux, an acknowledgement lets it go as well.
    s.writes_part(1470);
    s.sends(". 1486:2946(1460) ack 1");
    s.sends_nothing();
    s.gets(". 1:1(0) ack 2946 win 65535");
    s.sends("P. 2946:2956(10) ack 1");
}

#[test]
fn the_sender_waits_for_a_useful_window_and_then_sends_what_fits() {
    // RFC 9293 §3.8.6.2.1.
    let mut s = Script::established();
    s.gets(". 1:1(0) ack 1 win 2000");
    s.writes(10_000);
    s.sends(". 1:1461(1460) ack 1");
    s.sends_nothing(); // 540 bytes of window are no segment.
    s.gets(". 1:1(0) ack 1461 win 500");
    s.is_silent_for_ms(190);
    s.wait_ms(20);
    s.sends(". 1461:1961(500) ack 1"); // The override timeout.
    s.gets(". 1:1(0) ack 1961 win 5000");
    s.sends(". 1961:3421(1460) ack 1");
}

#[test]
fn a_closed_window_is_probed_for_ever() {
    // RFC 9293 §3.8.6.1, MUST-36, MUST-37.
    let mut s = Script::established();
    s.gets(". 1:1(0) ack 1 win 0");
    s.writes(100);
    s.sends_nothing();
    s.wait_ms(201);
    s.sends(". 0:0(0) ack 1");
    for i in 1..30 {
        s.gets(". 1:1(0) ack 1 win 0");
        s.wait_ms((200 << i).min(120_000));
        s.sends(". 0:0(0) ack 1");
    }
    s.is(State::Established);
    // The update got lost; the answer to a probe brings it.
    s.gets(". 1:1(0) ack 1 win 1000");
    s.sends("P. 1:101(100) ack 1");
}

#[test]
fn a_window_that_is_taken_back_is_survived() {
    let mut s = Script::established();
    s.writes(2920);
    s.sends(". 1:1461(1460) ack 1");
    s.sends("P. 1461:2921(1460) ack 1");
    s.gets(". 1:1(0) ack 1 win 0");
    s.wait_ms(1000);
    s.count_sent();
    s.gets(". 1:1(0) ack 1 win 65535");
    s.sends(". 1:1461(1460) ack 1");
    s.sends("P. 1461:2921(1460) ack 1");
    s.gets(". 1:1(0) ack 2921 win 65535");
    s.is_silent_for_ms(10_000);
}

#[test]
fn old_window_updates_do_not_count() {
    // RFC 9293 §3.10.7.4: SND.WL1, SND.WL2.
    let mut s = Script::established();
    s.gets("P. 1:11(10) ack 1 win 100");
    s.sends(". 1:1(0) ack 11");
    s.gets(". 1:1(0) ack 1 win 65535");
    s.sends(". 1:1(0) ack 11");
    s.writes(1000);
    s.is_silent_for_ms(100);
}

#[test]
fn an_ack_of_what_was_never_sent_is_asked_about() {
    let mut s = Script::established();
    s.gets(". 1:1(0) ack 100 win 1000");
    s.sends(". 1:1(0) ack 1");
    s.is(State::Established);
}

#[test]
fn an_ack_from_before_the_largest_window_is_asked_about() {
    // RFC 5961 §5.2.
    let mut s = Script::established();
    s.writes(100);
    s.sends("P. 1:101(100) ack 1");
    s.gets(". 1:1(0) ack 101 win 65535");
    // Old, but such as reordering makes.
    s.gets("P. 1:11(10) ack 1 win 65535");
    s.reads(10);
    s.ignores_what_was_sent();
    let before = 101_u32.wrapping_sub(65_535 + 1);
    s.gets(&format!("P. 11:21(10) ack {before} win 65535"));
    s.sends(". 101:101(0) ack 11");
    s.reads_nothing();
}

#[test]
fn a_large_segment_opens_the_window_beyond_what_a_syn_can_say() {
    // The bus: MTU 65535, rings of 256 KiB, a sender that can begin with one segment only.
    let mut s = Script::listening(65535, 5);
    s.gets("S 0:0(0) win 65535 <mss 65495,ws 7>");
    s.sends("S. 0:0(0) ack 1 win 65535 <mss 65495,ws 9>");
    s.gets(". 1:1(0) ack 1 win 2048");
    s.accepts();
    s.gets(". 1:65496(65495) ack 1 win 2048");
    s.sends(". 1:1(0) ack 65496 win 384"); // (262144 - 65495) / 512
}

#[test]
fn a_program_that_reads_opens_the_window_in_time() {
    let mut s = Script::listening(65535, 5);
    s.gets("S 0:0(0) win 65535 <mss 65495,ws 7>");
    s.sends("S. 0:0(0) ack 1 win 65535 <mss 65495,ws 9>");
    s.gets(". 1:1(0) ack 1 win 2048");
    s.accepts();
    for i in 0..4 {
        let first = 1 + i * 65495;
        s.gets(&format!(". {first}:{}(65495) ack 1 win 2048", first + 65495));
        s.sends(&format!(". 1:1(0) ack {}", first + 65495));
    }
    // The ring is full but for 164 bytes. The sender must hear of two segments' worth without another word of its own.
    s.reads(65495);
    s.sends_nothing();
    s.reads(65495);
    s.sends(". 1:1(0) ack 261981 win 256");
}

#[test]
fn who_watches_what_was_sent_is_told_when_text_leaves() {
    for watches in [false, true] {
        let mut s = Script::established();
        s.sets(|options| options.watches_sent = watches);
        s.writes(20_000);
        assert_eq!(s.count_sent(), 10);
        s.gets(". 1:1(0) ack 14601 win 0");
        let socket = s.socket.as_ref().unwrap();
        let (node, view) = (socket.node, socket.tx.view());
        let left = 20_000 - 14_600;
        assert_eq!((view.used(), view.unused()), (left, left));
        s.net.touched(node);
        s.gets(". 1:1(0) ack 14601 win 1460");
        s.sends(". 14601:16061(1460) ack 1");
        assert_eq!((view.used(), view.unused()), (left, left - 1460));
        assert_eq!(!s.net.touched(node).is_empty(), watches);
    }
}

#[test]
fn of_a_larger_ring_no_more_is_offered_than_so_rcvbuf_says() {
    let mut s = Script::established();
    let id = s.socket.as_ref().expect("a connection").id;
    let now = s.net.now();
    s.net.stack(s.node).tcp_options(id).expect("a socket").buffers.receive = Some(4096);
    s.net.stack(s.node).tcp_options_changed(now, id);
    // What has been offered stays so; it shrinks by what comes (RFC 9293 §3.8.6).
    let mut windows = Vec::new();
    for n in 0..80 {
        let first = 1 + n * 1000;
        s.gets(&format!("P. {first}:{}(1000) ack 1 win 65535", first + 1000));
        windows.push(s.sends(&format!(". 1:1(0) ack {}", first + 1000)).window);
        s.reads(1000);
        s.ignores_what_was_sent();
    }
    assert_eq!(windows[0], Some(64_535), "the right edge stays");
    assert!(windows[65..].iter().all(|window| window.is_some_and(|window| window <= 4096)), "{windows:?}");
}

#[test]
fn a_smaller_receive_buffer_takes_nothing_back_and_holds_what_was_offered() {
    let mut s = Script::listening(65535, 5);
    s.gets("S 0:0(0) win 65535 <mss 65495>");
    s.sends("S. 0:0(0) ack 1 win 65535 <mss 65495>");
    s.gets(". 1:1(0) ack 1 win 65535");
    s.accepts();
    s.sets(|options| options.buffers.receive = Some(8192));
    // The edge that the SYN showed stands.
    s.gets(". 1:60001(60000) ack 1 win 65535");
    s.sends(". 1:1(0) ack 60001 win 5535");
    s.gets(". 60001:65536(5535) ack 1 win 65535");
    s.sends(". 1:1(0) ack 65536 win 0");
    // What comes free above the new size is not worth a word, and then the window opens by half of it.
    s.reads(65535 - 8192);
    s.sends_nothing();
    s.reads(4095);
    s.sends_nothing();
    s.reads(1);
    s.sends(". 1:1(0) ack 65536 win 4096");
    s.reads(4096);
    s.sends(". 1:1(0) ack 65536 win 8192");
    s.sets(|options| options.buffers.receive = Some(16384));
    s.sends(". 1:1(0) ack 65536 win 16384");
}
