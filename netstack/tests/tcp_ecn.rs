//! Explicit congestion notification (RFC 3168 §6.1).

mod common;
mod tcp_common;

use common::{Link, Net};
use netstack::tcp::{Phase, State};
use netstack::time::Duration;
use tcp_common::script::Script;
use tcp_common::{Listener, Socket, byte};

/// A connection that the peer opened and asked for ECN.
fn established() -> Script {
    established_with("mss 1460,sackOK")
}

fn established_without_sack() -> Script {
    established_with("mss 1460")
}

fn established_with(options: &str) -> Script {
    let mut s = Script::listening(1500, 5);
    s.gets(&format!("SEW 0:0(0) win 65535 <{options}>"));
    s.sends(&format!("S.E 0:0(0) ack 1 win 65535 <{options}>"));
    s.gets(". 1:1(0) ack 1 win 65535");
    s.accepts();
    s
}

#[test]
fn a_peer_that_asks_is_answered() {
    let mut s = established();
    s.writes(100);
    s.sends("P. 1:101(100) ack 1");
    assert_eq!(s.ecn_of_sent(), 0b10, "text is ECT");
    s.gets("P. 1:11(10) ack 101 win 65535");
    s.reads(10);
    s.sends(". 101:101(0) ack 11");
    assert_eq!(s.ecn_of_sent(), 0, "a pure acknowledgement is not");
    assert!(s.info().ecn);
}

#[test]
fn a_peer_that_does_not_ask_is_not_marked() {
    let mut s = Script::established_with_sack();
    s.writes(100);
    s.sends("P. 1:101(100) ack 1");
    assert_eq!(s.ecn_of_sent(), 0);
    assert!(!s.info().ecn);
}

#[test]
fn a_mark_is_told_until_the_sender_has_heard() {
    let mut s = established();
    s.gets_marked("P. 1:101(100) ack 1 win 65535");
    s.sends(".E 1:1(0) ack 101");
    s.gets("P. 101:201(100) ack 1 win 65535");
    s.sends(".E 1:1(0) ack 201");
    s.writes(10);
    s.sends("P.E 1:11(10) ack 201");
    s.gets("P.W 201:301(100) ack 11 win 65535");
    s.sends(". 11:11(0) ack 301");
    // The segment that says so may be marked itself.
    s.gets_marked("P.W 301:401(100) ack 11 win 65535");
    s.sends(".E 11:11(0) ack 401");
    assert!(s.info().ecn_seen);
}

#[test]
fn a_mark_brings_the_window_down_once_a_round_trip() {
    let mut s = established();
    s.writes(14_600);
    for segment in 0..10 {
        let start = 1 + segment * 1460;
        let push = if segment == 9 { "P" } else { "" };
        s.sends(&format!("{push}. {start}:{}(1460) ack 1", start + 1460));
    }
    let before = s.info().cwnd;
    s.gets(".E 1:1(0) ack 2921 win 65535");
    let after = s.info().cwnd;
    assert!(after < before, "{before} became {after}");
    let threshold = s.info().ssthresh;
    s.gets(".E 1:1(0) ack 5841 win 65535");
    assert_eq!(s.info().ssthresh, threshold, "once for what was out");
    s.gets(". 1:1(0) ack 14601 win 65535");
    s.writes(2000);
    s.sends(".W 14601:16061(1460) ack 1");
    s.sends("P. 16061:16601(540) ack 1");
    assert_eq!(s.info().retransmits, 0, "nothing was lost");
}

#[test]
fn that_it_came_down_is_said_once_and_with_new_text() {
    // RFC 3168 §6.1.2.
    let mut s = established_without_sack();
    s.writes(2920);
    s.sends(". 1:1461(1460) ack 1");
    s.sends("P. 1461:2921(1460) ack 1");
    s.gets(".E 1:1(0) ack 1461 win 65535");
    // Neither an acknowledgement says so, nor what is sent again,
    s.gets("P. 1:11(10) ack 1461 win 65535");
    s.sends(". 2921:2921(0) ack 11");
    s.wait_ms(250);
    s.sends("P. 1461:2921(1460) ack 11");
    s.gets(". 11:11(0) ack 2921 win 65535");
    // which may be lost, and nobody would know.
    for (flags, start) in [("P.W", 2921), ("P.", 2931)] {
        s.writes(10);
        s.sends(&format!("{flags} {start}:{}(10) ack 11", start + 10));
        s.gets(&format!(". 11:11(0) ack {} win 65535", start + 10));
    }
}

#[test]
fn a_loss_behind_a_mark_is_made_good_without_a_timeout() {
    // RFC 6582 §3.2 step 2: `recover` is where a loss was noticed, and a mark is none.
    let mut s = established_without_sack();
    s.writes(14_600);
    assert_eq!(s.count_sent(), 10);
    s.gets(".E 1:1(0) ack 2921 win 65535");
    assert_eq!(s.info().phase, Phase::Reducing);
    for _ in 0..3 {
        s.gets(". 1:1(0) ack 2921 win 65535");
    }
    s.sends(". 2921:4381(1460) ack 1");
    assert_eq!(s.info().phase, Phase::Recovery);
}

#[test]
fn what_is_sent_again_is_not_marked() {
    let mut s = established();
    s.writes(100);
    s.sends("P. 1:101(100) ack 1");
    s.wait_ms(2000);
    s.sends("P. 1:101(100) ack 1");
    assert_eq!(s.ecn_of_sent(), 0);
}

#[test]
fn we_ask_where_we_are_told_to_and_only_once() {
    let mut s = Script::connecting_with_options(|options| options.ecn = true);
    s.sends("SEW 0:0(0) win 65535");
    s.wait_ms(1100);
    s.sends("S 0:0(0) win 65535");
    s.gets("S.E 0:0(0) ack 1 win 65535 <mss 1460>");
    s.sends(". 1:1(0) ack 1");
    s.is(State::Established);
    assert!(!s.info().ecn, "the SYN that came through did not ask");
}

#[test]
fn we_ask_and_the_peer_agrees_or_reflects() {
    for (answer, agreed) in [("S.E", true), ("S.EW", false), ("S.", false)] {
        let mut s = Script::connecting_with_options(|options| options.ecn = true);
        s.sends("SEW 0:0(0) win 65535");
        s.gets(&format!("{answer} 0:0(0) ack 1 win 65535 <mss 1460>"));
        s.sends(". 1:1(0) ack 1");
        s.writes(10);
        s.sends("P. 1:11(10) ack 1");
        assert_eq!((s.info().ecn, s.ecn_of_sent()), (agreed, if agreed { 0b10 } else { 0 }), "{answer}");
    }
}

/// Marks alone hold a sender back: nothing need be lost.
#[test]
fn a_path_that_marks_loses_nothing() {
    let slow = Link { marking: 300, delay: Duration::from_millis(5), ..Link::default() };
    let (mut net, a, b) = Net::pair(5, slow);
    let listener = Listener::new(&mut net, b, "0.0.0.0:80", 4);
    let mut ours = Socket::connect_with(&mut net, a, "10.0.0.2:80", 1 << 18, |options| options.ecn = true);
    net.run_for(Duration::from_millis(100));
    let mut theirs = listener.accept(&mut net).expect("connected");
    const BYTES: usize = 1 << 20;
    let (mut sent, mut read) = (0, 0);
    let done = net.run_until(Duration::from_secs(60), |net| {
        let data: Vec<u8> = (sent..BYTES.min(sent + 10_000)).map(|at| byte(0, at)).collect();
        sent += ours.write(net, &data);
        let got = theirs.read(net, 1 << 16);
        assert!(got.iter().enumerate().all(|(at, &value)| value == byte(0, read + at)));
        read += got.len();
        read == BYTES
    });
    let info = ours.info(&mut net);
    assert!(done && info.ecn && theirs.info(&mut net).ecn_seen, "{read} of {BYTES}");
    assert!(info.ssthresh < 1 << 20, "the window has come down: {}", info.ssthresh);
    assert_eq!(info.retransmits, 0);
}
