//! Silent peers, dead ones, and what ICMP says: keepalive (RFC 9293 §3.8.4), RFC 5461, RFC 5927, RFC 1191.

mod common;
mod tcp_common;

use common::{STRANGER, ethernet_frame, ipv4_packet};
use netstack::socket::{ConnectError, SocketError};
use netstack::tcp::{Keepalive, State, TcpError};
use netstack::time::Duration;
use netstack::wire::{ethernet, icmpv4, ipv4};
use tcp_common::Socket;
use tcp_common::script::{PEER, Script, US};

fn keepalive(s: &mut Script) {
    s.sets(|options| {
        options.keepalive =
            Keepalive { on: true, idle: Duration::from_secs(10), interval: Duration::from_secs(2), count: 3 };
    });
}

#[test]
fn a_silent_peer_is_asked_and_answers() {
    let mut s = Script::established();
    keepalive(&mut s);
    s.sends_after_ms(10_000, ". 0:0(0) ack 1");
    s.gets(". 1:1(0) ack 1 win 1000");
    s.wait_ms(5_000);
    s.gets("P. 1:11(10) ack 1 win 1000");
    s.sends(". 1:1(0) ack 11");
    s.sends_after_ms(10_000, ". 0:0(0) ack 11");
}

#[test]
fn a_dead_peer_is_asked_three_times_and_given_up() {
    let mut s = Script::established();
    keepalive(&mut s);
    s.sends_after_ms(10_000, ". 0:0(0) ack 1");
    s.sends_after_ms(2_000, ". 0:0(0) ack 1");
    s.sends_after_ms(2_000, ". 0:0(0) ack 1");
    s.sends_after_ms(2_000, "R. 1:1(0) ack 1");
    s.has_failed(TcpError::TimedOut);
}

#[test]
fn a_keepalive_of_the_peer_is_answered() {
    let mut s = Script::established();
    s.gets(". 0:0(0) ack 1 win 1000");
    s.sends(". 1:1(0) ack 1");
    // Old stacks send one byte of what is acknowledged.
    s.gets(". 0:1(1) ack 1 win 1000");
    s.sends(". 1:1(0) ack 1");
}

#[test]
fn a_connection_without_options_lives_in_silence() {
    let mut s = Script::established();
    s.is_silent_for_ms(30 * 24 * 3600 * 1000);
    s.writes(10);
    s.sends("P. 1:11(10) ack 1");
}

/// ICMP `kind`/`code` with `rest`, quoting our segment with sequence number `seq` of the stack's own numbers.
fn icmp(s: &mut Script, kind: u8, code: u8, rest: u32, sent: usize) {
    let quoted = s.sent_packet(sent);
    let quote = &quoted[..28];
    let message = [&icmpv4::emit(kind, code, rest, quote), quote].concat();
    let packet = ipv4_packet(PEER, US, ipv4::ICMP, &message);
    let (node, on, mac) = s.station();
    s.net.inject(node, on, &ethernet_frame(mac, STRANGER, ethernet::IPV4, &packet));
}

#[test]
fn icmp_ends_an_attempt_to_connect() {
    for (code, error) in [
        (0, TcpError::Network(SocketError::NetUnreachable)),
        (1, TcpError::Network(SocketError::HostUnreachable)),
        (2, TcpError::Network(SocketError::ProtocolUnreachable)),
        (3, TcpError::Network(SocketError::Refused)),
    ] {
        let mut s = Script::connecting(1500);
        s.sends("S 0:0(0)");
        icmp(&mut s, 3, code, 0, 0);
        s.has_failed(error);
    }
}

#[test]
fn icmp_does_not_end_an_open_connection_but_names_the_reason_of_its_end() {
    // RFC 1122 §4.2.3.9.
    let mut s = Script::established();
    s.sets(|options| options.retries = 2);
    s.writes(10);
    s.sends("P. 1:11(10) ack 1");
    icmp(&mut s, 3, 1, 0, 1);
    s.is(State::Established);
    s.wait_ms(10_000);
    s.has_failed(TcpError::Network(SocketError::HostUnreachable));
}

#[test]
fn what_icmp_says_of_an_attempt_is_reported() {
    let mut s = Script::connecting(1500);
    s.sends("S 0:0(0)");
    icmp(&mut s, 3, 13, 0, 0);
    s.has_failed(TcpError::Network(SocketError::HostUnreachable));
    let id = s.socket.as_ref().expect("a socket").id;
    let [report] = s.net.stack(s.node).tcp_take_reports(id).try_into().expect("one report");
    assert_eq!((report.message, report.payload.len(), report.destination.port()), ((3, 13), 8, 80));
    assert_eq!(s.net.stack(s.node).tcp_take_reports(id), []);
}

#[test]
fn what_icmp_says_of_an_open_connection_is_told_to_who_asks() {
    let mut s = Script::established();
    let (node, id) = (s.node, s.socket.as_ref().expect("a socket").id);
    s.writes(10);
    s.sends("P. 1:11(10) ack 1");
    icmp(&mut s, 3, 3, 0, 1);
    assert_eq!(s.status().error, None);
    let refused = Some(TcpError::Network(SocketError::Refused));
    assert_eq!([(); 2].map(|()| s.net.stack(node).tcp_take_soft_error(id)), [refused, None]);
    s.sets(|options| options.report_errors = true);
    icmp(&mut s, 11, 0, 0, 1);
    assert_eq!(s.net.stack(node).tcp_take_error(id), Some(TcpError::Network(SocketError::HostUnreachable)));
    // It is about no segment of this connection that is on its way (RFC 5927 §4).
    s.gets(". 1:1(0) ack 11 win 65535");
    icmp(&mut s, 3, 3, 0, 1);
    s.is(State::Established);
    assert_eq!(s.status().error, None);
}

#[test]
fn a_smaller_path_mtu_makes_smaller_segments() {
    // RFC 1191.
    let mut s = Script::established();
    s.writes(2000);
    s.sends(". 1:1461(1460) ack 1");
    s.sends("P. 1461:2001(540) ack 1");
    icmp(&mut s, 3, 4, 1000, 1);
    // What was short enough is still on its way.
    s.sends(". 1:961(960) ack 1");
    s.sends(". 961:1461(500) ack 1");
    // RFC 5927: what is acknowledged cannot be too big.
    s.gets(". 1:1(0) ack 2001 win 65535");
    icmp(&mut s, 3, 4, 600, 1);
    s.writes(960);
    s.sends("P. 2001:2961(960) ack 1");
}

#[test]
fn a_host_that_is_not_there_is_unreachable() {
    let mut s = Script::new(1500);
    let node = s.node;
    let socket = Socket::connect(&mut s.net, node, "10.0.0.77:80", 1 << 12);
    s.net.run_for(Duration::from_secs(5));
    assert_eq!(socket.error(&mut s.net), Some(TcpError::Network(SocketError::HostUnreachable)));
}

#[test]
fn a_net_without_a_route_is_unreachable_at_once() {
    let mut s = Script::new(1500);
    let node = s.node;
    let error = Socket::try_connect(&mut s.net, node, "192.0.2.1:80", 1 << 12).err();
    assert_eq!(error, Some(ConnectError::NetUnreachable));
}

#[test]
fn a_node_that_died_resets_its_connections() {
    let mut s = Script::established();
    let (now, node) = (s.net.now(), s.node);
    s.net.stack(node).peer_died(now, PEER.into());
    s.net.poll(node);
    s.has_failed(TcpError::Reset);
    s.is_silent_for_ms(10_000);
}
