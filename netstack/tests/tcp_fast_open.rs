//! Fast Open (RFC 7413).

mod common;
mod tcp_common;

use common::Net;
use netstack::Config;
use netstack::tcp::{FastOpenFail, FastOpenKeys, FastOpenModes, FirstText, State, TcpError};
use netstack::time::Duration;
use tcp_common::notation::{Line, show_fast_open};
use tcp_common::script::Script;
use tcp_common::{Listener, Socket};

fn config(modes: FastOpenModes) -> Config {
    Config { fast_open: modes, ..Config::default() }
}

/// A server with `TCP_FASTOPEN` at `queue`.
fn server(queue: usize) -> Script {
    let mut s = Script::with(1500, config(FastOpenModes::SERVER));
    s.listens(5);
    s.sets_listener(|options| options.fast_open.queue = queue);
    s
}

/// The option in a line, as a line has it.
fn cookie_of(line: &Line) -> Option<String> {
    line.options?.fast_open.map(|option| show_fast_open(&option))
}

/// The cookie that the server gives to the peer.
fn asks(s: &mut Script) -> String {
    s.peer_port(3000);
    s.gets("S 0:0(0) win 65535 <mss 1460,fo>");
    let cookie = cookie_of(&s.sends("S. 0:0(0) ack 1 win 65535")).expect("a cookie");
    s.gets("R 1:1(0)");
    s.peer_port(4000);
    cookie
}

/// The connection is open with 100 bytes that came in the SYN, and accepted.
fn opened_early() -> Script {
    let mut s = server(5);
    let cookie = asks(&mut s);
    s.gets(&format!("S 0:100(100) win 65535 <mss 1460,{cookie}>"));
    s.sends("S. 0:0(0) ack 101 win 65535 <mss 1460>");
    s.accepts();
    s
}

#[test]
fn a_cookie_lets_text_in_before_the_handshake_ends() {
    let mut s = opened_early();
    s.is(State::SynReceived);
    assert!(s.status().early);
    s.reads(100);
    s.writes(2000);
    s.sends(". 1:1461(1460) ack 101");
    s.sends("P. 1461:2001(540) ack 101");
    s.gets(". 101:101(0) ack 2001 win 65535");
    s.is(State::Established);
    s.gets("P. 101:111(10) ack 2001 win 65535");
    s.reads(10);
    let info = s.info();
    assert!(info.syn_data && info.fast_open_child);
    assert_eq!(info.retransmits, 0);
}

#[test]
fn the_text_of_a_syn_is_no_measure_of_the_segments_that_follow() {
    let mut s = server(5);
    let cookie = asks(&mut s);
    // More than this peer may have on its way later: to wait for two of them would be to wait for the timer.
    s.gets(&format!("S 0:1440(1440) win 65535 <mss 1460,{cookie}>"));
    s.sends("S. 0:0(0) ack 1441 win 65535 <mss 1460>");
    s.accepts();
    s.writes(100);
    s.sends("P. 1:101(100) ack 1441");
    s.gets("P. 1441:1741(300) ack 101 win 65535");
    s.sends_nothing();
    s.gets("P. 1741:2041(300) ack 101 win 65535");
    s.sends(". 101:101(0) ack 2041");
}

#[test]
fn windows_of_text_before_the_end_of_the_handshake_are_scaled() {
    let mut s = server(5);
    let cookie = asks(&mut s);
    s.gets(&format!("S 0:100(100) win 4000 <mss 1460,ws 3,{cookie}>"));
    s.sends("S. 0:0(0) ack 101 win 65535");
    s.accepts();
    s.reads(100);
    // The peer's window is not, until another comes.
    s.writes(4000);
    s.sends(". 1:1461(1460) ack 101 win 512");
    s.sends(". 1461:2921(1460) ack 101");
    s.sends_nothing();
    s.gets(". 101:101(0) ack 2921 win 1000");
    s.sends("P. 2921:4001(1080) ack 101");
}

#[test]
fn a_wrong_cookie_is_answered_by_a_right_one() {
    let mut s = server(5);
    let right = asks(&mut s);
    s.gets("S 0:100(100) win 65535 <mss 1460,fo 0102030405060708>");
    let syn_ack = s.sends("S. 0:0(0) ack 1 win 65535");
    assert_eq!(cookie_of(&syn_ack), Some(right));
    s.accepts_nothing();
    s.gets("P. 1:101(100) ack 1 win 65535");
    s.accepts();
    s.reads(100);
    assert!(!s.info().syn_data);
}

#[test]
fn who_does_not_serve_it_does_not_answer_it() {
    // The stack does not, though the listener would; the listener does not, though the stack would.
    for (modes, queue) in [(FastOpenModes::CLIENT, 5), (FastOpenModes::SERVER, 0)] {
        let mut s = Script::with(1500, config(modes));
        s.listens(5);
        s.sets_listener(|options| options.fast_open.queue = queue);
        s.gets("S 0:100(100) win 65535 <mss 1460,fo>");
        s.sends("S. 0:0(0) ack 1 win 65535 <mss 1460>");
        s.accepts_nothing();
    }
}

#[test]
fn all_listeners_serve_it_where_the_mode_says_so() {
    let mut s = Script::with(1500, config(FastOpenModes::SERVER | FastOpenModes::ALL_LISTENERS));
    s.listens(5);
    asks(&mut s);
}

#[test]
fn beyond_the_queue_the_handshake_is_ordinary() {
    let mut s = server(1);
    let cookie = asks(&mut s);
    let syn = format!("S 0:100(100) win 65535 <mss 1460,{cookie}>");
    s.gets(&syn);
    s.sends("S. 0:0(0) ack 101 win 65535");
    s.peer_port(4001);
    s.gets(&syn);
    s.sends("S. 0:0(0) ack 1 win 65535 <mss 1460>");
    s.gets("P. 1:101(100) ack 1 win 65535");
    s.sends(". 1:1(0) ack 101");
    // The end of the first handshake makes room.
    s.peer_port(4000);
    s.gets(". 101:101(0) ack 1 win 65535");
    s.peer_port(4002);
    s.gets(&syn);
    s.sends("S. 0:0(0) ack 101 win 65535");
}

#[test]
fn a_place_that_was_reset_stays_taken_for_a_minute() {
    let mut s = server(1);
    let cookie = asks(&mut s);
    let syn = format!("S 0:100(100) win 65535 <mss 1460,{cookie}>");
    s.gets(&syn);
    s.sends("S. 0:0(0) ack 101 win 65535");
    s.accepts();
    s.gets("R 101:101(0)");
    s.has_failed(TcpError::Reset);
    s.peer_port(4001);
    s.gets(&syn);
    s.sends("S. 0:0(0) ack 1 win 65535 <mss 1460>");
    s.gets("R 1:1(0)");
    s.wait_ms(60_000);
    s.ignores_what_was_sent();
    s.peer_port(4002);
    s.gets(&syn);
    s.sends("S. 0:0(0) ack 101 win 65535");
}

#[test]
fn a_lost_syn_ack_is_sent_again() {
    let mut s = opened_early();
    s.sends_after_ms(1000, "S. 0:0(0) ack 101 win 65535 <mss 1460>");
    s.writes(10);
    s.sends("P. 1:11(10) ack 101");
    s.gets(". 101:101(0) ack 11 win 65535");
    s.is(State::Established);
}

#[test]
fn a_syn_that_comes_again_gets_the_syn_ack_and_what_followed() {
    let mut s = opened_early();
    s.writes(10);
    s.sends("P. 1:11(10) ack 101");
    s.wait_ms(100);
    s.gets("S 0:0(0) win 65535 <mss 1460>");
    s.sends("S. 0:0(0) ack 101 win 65535");
    s.sends("P. 1:11(10) ack 101");
    s.gets("S 0:0(0) win 65535 <mss 1460>");
    s.sends_nothing();
    s.gets(". 101:101(0) ack 11 win 65535");
    s.is(State::Established);
}

#[test]
fn who_never_answers_the_syn_ack_is_given_up() {
    let mut s = opened_early();
    s.wait_ms(200_000);
    assert_eq!(s.count_sent(), 6, "one more than for an ordinary request");
    s.has_failed(TcpError::TimedOut);
}

#[test]
fn a_fin_behind_the_text_counts_when_the_handshake_has_ended() {
    let mut s = server(5);
    let cookie = asks(&mut s);
    s.gets(&format!("SF 0:100(100) win 65535 <mss 1460,{cookie}>"));
    s.sends("S. 0:0(0) ack 101 win 65535");
    s.accepts();
    s.reads(100);
    s.gets(". 102:102(0) ack 1 win 65535");
    s.is(State::CloseWait);
    s.wait_ms(10);
    s.sends(". 1:1(0) ack 102");
}

#[test]
fn the_program_may_close_before_the_handshake_ends() {
    let mut s = opened_early();
    s.reads(100);
    s.writes(10);
    s.closes();
    s.sends("P. 1:11(10) ack 101");
    s.sends("F. 11:11(0) ack 101");
    s.gets("F. 101:101(0) ack 12 win 65535");
    s.sends(". 12:12(0) ack 102");
    s.is_released();
}

#[test]
fn a_listener_that_closes_resets_what_nobody_accepted() {
    let mut s = server(5);
    let cookie = asks(&mut s);
    s.gets(&format!("S 0:100(100) win 65535 <mss 1460,{cookie}>"));
    s.sends("S. 0:0(0) ack 101 win 65535");
    let listener = s.listener.take().expect("a listener");
    listener.close(&mut s.net);
    s.sends("R. 1:1(0) ack 101");
}

#[test]
fn keys_are_set_and_rotated() {
    let keys = |primary: u8, backup: Option<u8>| {
        Some(FastOpenKeys { primary: [primary; 16], backup: backup.map(|byte| [byte; 16]) })
    };
    let mut s = server(5);
    s.sets_listener(|options| options.fast_open.keys = keys(1, None));
    let old = asks(&mut s);
    s.sets_listener(|options| options.fast_open.keys = keys(2, Some(1)));
    let new = asks(&mut s);
    assert_ne!(old, new);
    s.gets(&format!("S 0:100(100) win 65535 <mss 1460,{old}>"));
    let syn_ack = s.sends("S. 0:0(0) ack 101 win 65535");
    assert_eq!(cookie_of(&syn_ack), Some(new.clone()), "the old one opens, and is replaced");
    s.peer_port(4001);
    s.gets(&format!("S 0:100(100) win 65535 <mss 1460,{new}>"));
    s.sends("S. 0:0(0) ack 101 win 65535 <mss 1460>");
    s.sets_listener(|options| options.fast_open.keys = keys(3, Some(2)));
    s.peer_port(4002);
    s.gets(&format!("S 0:100(100) win 65535 <mss 1460,{old}>"));
    s.sends("S. 0:0(0) ack 1 win 65535");
}

#[test]
fn where_no_cookie_is_asked_for_any_syn_opens() {
    let mut s = server(5);
    s.sets_listener(|options| options.fast_open.no_cookie = true);
    s.gets("S 0:100(100) win 65535 <mss 1460>");
    s.sends("S. 0:0(0) ack 101 win 65535 <mss 1460>");
    s.accepts();
    s.reads(100);
    s.peer_port(4001);
    s.gets("S 0:0(0) win 65535 <mss 1460>");
    s.sends("S. 0:0(0) ack 1 win 65535 <mss 1460>");
    s.accepts_nothing();
}

#[test]
fn the_option_for_experiments_is_answered_in_kind() {
    let mut s = server(5);
    s.gets("S 0:0(0) win 65535 <mss 1460,foexp>");
    let cookie = cookie_of(&s.sends("S. 0:0(0) ack 1 win 65535")).expect("a cookie");
    assert!(cookie.starts_with("foexp "), "{cookie}");
    s.peer_port(4001);
    s.gets(&format!("S 0:100(100) win 65535 <mss 1460,{cookie}>"));
    s.sends("S. 0:0(0) ack 101 win 65535 <mss 1460>");
}

const COOKIE: &str = "fo 1122334455667788";

/// A client that has a cookie of the peer's, whose MSS is `mss`.
fn client_of(mss: u16, config: Config) -> Script {
    let mut s = Script::with(1500, config);
    assert_eq!(s.opens_fast(100, FirstText::InSyn, |_| {}), 0, "no cookie, no text");
    let syn = s.sends("S 0:0(0) win 65535");
    assert_eq!(cookie_of(&syn).as_deref(), Some("fo"));
    s.gets(&format!("S. 0:0(0) ack 1 win 65535 <mss {mss},{COOKIE}>"));
    s.sends(". 1:1(0) ack 1");
    assert_eq!(s.info().fast_open_fail, FastOpenFail::CookieUnavailable);
    s.aborts();
    s.sends("R. 1:1(0) ack 1");
    s.starts_over(100_000);
    s
}

fn client() -> Script {
    client_of(1460, Config::default())
}

/// The same, with 100 bytes in a SYN that has left.
fn opening() -> Script {
    let mut s = client();
    assert_eq!(s.opens_fast(100, FirstText::InSyn, |_| {}), 100);
    let syn = s.sends("S 0:100(100) win 65535");
    assert_eq!(cookie_of(&syn).as_deref(), Some(COOKIE));
    s
}

#[test]
fn a_client_asks_once_and_sends_text_from_then_on() {
    let mut s = opening();
    s.gets("S. 0:0(0) ack 101 win 65535 <mss 1460>");
    s.sends(". 101:101(0) ack 1");
    s.writes(10);
    s.sends("P. 101:111(10) ack 1");
    let info = s.info();
    assert!(info.syn_data && !info.fast_open_child);
    assert_eq!((info.fast_open_fail, info.retransmits), (FastOpenFail::None, 0));
}

#[test]
fn a_syn_takes_what_fits_and_the_rest_follows() {
    let mut s = client();
    assert_eq!(s.opens_fast(5000, FirstText::InSyn, |_| {}), 1420, "Linux's: the longest options are left room for");
    s.sends("S 0:1420(1420) win 65535");
    s.writes(1000);
    s.sends_nothing();
    s.gets("S. 0:0(0) ack 1421 win 65535 <mss 1460>");
    s.sends("P. 1421:2421(1000) ack 1");
}

#[test]
fn the_servers_segment_size_is_remembered() {
    let mut s = client_of(600, Config::default());
    assert_eq!(s.opens_fast(5000, FirstText::InSyn, |_| {}), 560);
    s.sends("S 0:560(560) win 65535");
}

#[test]
fn text_that_the_syn_ack_leaves_out_goes_again() {
    let mut s = opening();
    s.gets("S. 0:0(0) ack 1 win 65535 <mss 1460>");
    s.sends("P. 1:101(100) ack 1");
    s.sends_nothing();
    s.gets(". 1:1(0) ack 101 win 65535");
    let info = s.info();
    assert_eq!((info.syn_data, info.fast_open_fail), (false, FastOpenFail::DataNotAcked));
    assert!(info.cwnd >= 10 * info.snd_mss, "it was no loss");
}

#[test]
fn text_that_the_syn_ack_acknowledges_in_part_goes_on_from_there() {
    let mut s = opening();
    s.gets("S. 0:0(0) ack 41 win 65535 <mss 1460>");
    s.sends("P. 41:101(60) ack 1");
    assert_eq!(s.info().fast_open_fail, FastOpenFail::DataNotAcked);
    s.gets(". 1:1(0) ack 101 win 65535");
    s.is_silent_for_ms(5000);
}

#[test]
fn text_goes_again_in_segments_that_the_peer_takes() {
    let mut s = client();
    assert_eq!(s.opens_fast(1420, FirstText::InSyn, |_| {}), 1420);
    s.sends("S 0:1420(1420) win 65535");
    s.gets("S. 0:0(0) ack 1 win 65535 <mss 1000>");
    s.sends(". 1:1001(1000) ack 1");
    s.sends("P. 1001:1421(420) ack 1");
}

#[test]
fn a_lost_syn_is_repeated_plain() {
    let mut s = opening();
    let again = s.sends_after_ms(1000, "S 0:0(0) win 65535");
    assert_eq!(cookie_of(&again), None);
    s.sends_after_ms(2000, "S 0:0(0) win 65535");
    s.gets("S. 0:0(0) ack 1 win 65535 <mss 1460>");
    s.sends("P. 1:101(100) ack 1");
    s.gets(". 1:1(0) ack 101 win 65535");
    assert_eq!(s.info().fast_open_fail, FastOpenFail::SynRetransmitted);
    // The cookie is still good.
    s.aborts();
    s.ignores_what_was_sent();
    s.starts_over(100_000);
    assert_eq!(s.opens_fast(100, FirstText::InSyn, |_| {}), 100);
}

#[test]
fn a_late_answer_to_the_first_syn_is_taken() {
    let mut s = opening();
    s.sends_after_ms(1000, "S 0:0(0) win 65535");
    s.gets("S. 0:0(0) ack 101 win 65535 <mss 1460>");
    s.sends(". 101:101(0) ack 1");
    assert!(s.info().syn_data);
}

#[test]
fn a_server_may_refuse() {
    let mut s = opening();
    s.gets("R. 0:0(0) ack 101");
    s.has_failed(TcpError::Refused);
}

#[test]
fn syns_that_cross_leave_the_text_for_after() {
    let mut s = opening();
    s.gets("S 0:0(0) win 65535 <mss 1460>");
    s.sends("S. 0:0(0) ack 1");
    s.gets("S. 0:0(0) ack 1 win 65535 <mss 1460>");
    s.sends("P. 1:101(100) ack 1");
    s.gets(". 1:1(0) ack 101 win 65535");
    s.is(State::Established);
}

#[test]
fn a_syn_may_wait_for_text() {
    let mut s = client();
    s.opens_fast(0, FirstText::SynWaits, |_| {});
    s.is_silent_for_ms(5000);
    s.is(State::SynSent);
    assert!(s.status().deferred);
    s.lets_the_syn_go(50);
    s.sends("S 0:50(50) win 65535");
    assert!(!s.status().deferred);
    s.gets("S. 0:0(0) ack 51 win 65535 <mss 1460>");
    s.sends(". 51:51(0) ack 1");
}

#[test]
fn a_syn_that_can_have_no_text_does_not_wait() {
    let mut s = Script::new(1500);
    s.opens_fast(0, FirstText::SynWaits, |_| {});
    let syn = s.sends("S 0:0(0) win 65535");
    assert_eq!(cookie_of(&syn).as_deref(), Some("fo"));
}

#[test]
fn a_cookie_that_nobody_asked_for_is_not_kept() {
    let mut s = Script::connecting(1500);
    s.sends("S 0:0(0) win 65535");
    s.gets(&format!("S. 0:0(0) ack 1 win 65535 <mss 1460,{COOKIE}>"));
    s.sends(". 1:1(0) ack 1");
    s.aborts();
    s.ignores_what_was_sent();
    s.starts_over(100_000);
    assert_eq!(s.opens_fast(100, FirstText::InSyn, |_| {}), 0);
}

#[test]
fn a_client_may_do_without_a_cookie() {
    let mut s = Script::new(1500);
    assert_eq!(s.opens_fast(100, FirstText::InSyn, |options| options.fast_open.no_cookie = true), 100);
    let syn = s.sends("S 0:100(100) win 65535");
    assert_eq!(cookie_of(&syn), None);
}

#[test]
fn a_client_that_is_turned_off_opens_as_ever() {
    let mut s = Script::with(1500, config(FastOpenModes::empty()));
    assert_eq!(s.opens_fast(100, FirstText::SynWaits, |options| options.fast_open.no_cookie = true), 0);
    let syn = s.sends("S 0:0(0) win 65535");
    assert_eq!(cookie_of(&syn), None);
}

#[test]
fn a_black_hole_pauses_it() {
    let hour = Duration::from_secs(3600);
    let mut s = client_of(1460, Config { fast_open_pause: hour, ..Config::default() });
    let text_in_syn = |s: &mut Script| {
        s.ignores_what_was_sent();
        s.starts_over(100_000);
        let taken = s.opens_fast(100, FirstText::InSyn, |_| {});
        let syn = s.sends(&format!("S 0:{taken}({taken}) win 65535"));
        (taken, cookie_of(&syn).is_some())
    };
    assert_eq!(text_in_syn(&mut s), (100, true));
    s.wait_ms(7_100);
    s.aborts();
    assert_eq!(text_in_syn(&mut s), (0, false), "after three timeouts");
    s.aborts();
    s.wait_ms(3_600_000);
    assert_eq!(text_in_syn(&mut s), (100, true));
    s.gets("S. 0:0(0) ack 101 win 65535 <mss 1460>");
    // After the handshake as well.
    s.writes(10);
    s.wait_ms(4_000);
    s.aborts();
    assert_eq!(text_in_syn(&mut s), (0, false));
}

/// One stack is both ends.
#[test]
fn by_ipv6_as_by_ipv4() {
    for at in ["127.0.0.1:80", "[::1]:80"] {
        let mut net = Net::new(1);
        let node = net.node_with(config(FastOpenModes::CLIENT | FastOpenModes::SERVER));
        let listener = Listener::new(&mut net, node, at, 5);
        net.stack(node).tcp_options(listener.id).expect("a listener").fast_open.queue = 5;
        let open = |net: &mut Net| {
            let (client, taken) = Socket::open_fast(net, node, at, &[7; 40_000], FirstText::InSyn, |_| {});
            net.run_for(Duration::from_millis(10));
            (client, taken, listener.accept(net).expect("a connection"))
        };
        let (_, taken, _) = open(&mut net);
        assert_eq!(taken, 0);
        let (client, taken, mut server) = open(&mut net);
        assert_eq!(taken, 32 << 10, "no SYN of Linux's has more");
        assert_eq!(server.read(&mut net, 40_000).len(), taken);
        assert!(client.info(&mut net).syn_data && server.info(&mut net).syn_data);
    }
}
