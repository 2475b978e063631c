//! What stands between the IP header and TCP's: options of IPv4 (RFC 1122 §4.2.3.8), extension headers of IPv6 (RFC 3542).

mod common;
mod tcp_common;

use std::net::Ipv6Addr;
use std::sync::Arc;

use common::{Link, Net};
use netstack::ip::HeaderOptions;
use netstack::tcp::TcpOptions;
use netstack::time::Duration;
use netstack::wire::ipv4;
use tcp_common::script::Script;
use tcp_common::{Listener, Socket};

/// Record route with room for two.
const ROUTE: [u8; 12] = [7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0];
const NOTHING: HeaderOptions = HeaderOptions {
    v4: Vec::new(),
    hop_by_hop: Vec::new(),
    before_routing: Vec::new(),
    routing: Vec::new(),
    destination: Vec::new(),
};

fn with_route(options: &mut TcpOptions) {
    options.header_options = Some(Arc::new(HeaderOptions { v4: ROUTE.to_vec(), ..NOTHING }));
}

/// The options of the `number`th segment sent, and how long its packet is.
fn sent(s: &Script, number: usize) -> (Vec<u8>, usize) {
    let bytes = s.sent_packet(number);
    let packet = ipv4::Packet::parse(&bytes).expect("a packet");
    assert!(packet.dont_fragment());
    (packet.options().to_vec(), bytes.len())
}

#[test]
fn options_stand_in_each_segment_and_shorten_its_text() {
    let mut s = Script::connecting_with_options(with_route);
    let ours = [7, 11, 8, 10, 0, 0, 1, 0, 0, 0, 0, 0].to_vec();
    // RFC 6691: what is announced counts none of them.
    s.sends("S 0:0(0)");
    assert_eq!(sent(&s, 0).0, ours);
    assert_eq!(s.sent_packet(0)[32 + 20..][..4], [2, 4, 5, 180], "1460");
    s.gets("S. 0:0(0) ack 1 win 65535 <mss 1460>");
    s.sends(". 1:1(0) ack 1");
    s.writes(2000);
    s.sends(". 1:1449(1448) ack 1");
    s.sends("P. 1449:2001(552) ack 1");
    assert_eq!(sent(&s, 2), (ours, 1500));
    s.gets(". 1:1(0) ack 2001 win 65535");
    s.sets(|options| options.header_options = None);
    s.writes(1460);
    s.sends("P. 2001:3461(1460) ack 1");
    assert_eq!(sent(&s, 4), (Vec::new(), 1500));
}

#[test]
fn the_options_of_a_syn_are_answered() {
    let mut s = Script::listening(1500, 5);
    s.sets_listener(|options| {
        options.header_options = Some(Arc::new(HeaderOptions { v4: vec![1; 4], ..NOTHING }));
    });
    s.gets_behind(&[7, 11, 8, 10, 0, 0, 9, 0, 0, 0, 0, 0], "S 0:0(0) win 65535 <mss 1460>");
    s.sends("S. 0:0(0) ack 1 win 65535 <mss 1460>");
    // We are where it came, and where the answer leaves: the route is full.
    let answered = [7, 11, 12, 10, 0, 0, 9, 10, 0, 0, 1, 0].to_vec();
    assert_eq!(sent(&s, 0).0, answered);
    s.gets(". 1:1(0) ack 1 win 65535");
    s.accepts();
    s.writes(1500);
    s.sends(". 1:1449(1448) ack 1");
    assert_eq!(sent(&s, 1), (answered, 1500));
}

#[test]
fn a_syn_without_options_has_none_answered() {
    let mut s = Script::listening(1500, 5);
    s.sets_listener(with_route);
    s.gets("S 0:0(0) win 65535 <mss 1460>");
    s.sends("S. 0:0(0) ack 1 win 65535 <mss 1460>");
    assert_eq!(sent(&s, 0).0, []);
}

#[test]
fn extension_headers_stand_in_each_segment() {
    let mut net = Net::new(1);
    let (a, b) = (net.node(), net.node());
    let link = net.link(Link { mtu: 1500, ..Link::default() });
    for (node, addr) in [(a, 1), (b, 2)] {
        let (on, now) = (net.attach(node, link), net.now());
        let addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, addr);
        net.stack(node).add_address(now, on, addr, 64).expect("a good address");
    }
    net.run_for(Duration::from_secs(5));
    let padding = [0, 0, 1, 4, 0, 0, 0, 0];
    let headers = HeaderOptions { hop_by_hop: padding.to_vec(), destination: padding.to_vec(), ..NOTHING };
    let headers = Some(Arc::new(headers));
    let listener = Listener::new(&mut net, b, "[::]:80", 5);
    let from = net.trace.len();
    let set = |options: &mut TcpOptions| options.header_options = headers.clone();
    let mut client = Socket::connect_with(&mut net, a, "[fd00::2]:80", 1 << 16, set);
    net.run_for(Duration::from_millis(100));
    let mut server = listener.accept(&mut net).expect("a connection");
    assert_eq!(client.write(&mut net, &[7; 10_000]), 10_000);
    net.run_for(Duration::from_secs(1));
    assert_eq!(server.read(&mut net, 20_000).len(), 10_000);
    let mac = net.stack(a).interfaces().last().expect("a link").mac;
    let packets = net.trace[from..].iter().map(|seen| &seen.frame[..]).filter(|frame| frame[12..14] == [0x86, 0xdd]);
    let ours: Vec<_> = packets.filter(|frame| frame[6..12] == mac.0 && frame[14 + 6] != 58).collect();
    assert!(ours.len() > 7);
    for frame in &ours {
        let behind = &frame[14 + 40..][..16];
        assert_eq!(behind, [60, 0, 1, 4, 0, 0, 0, 0, 6, 0, 1, 4, 0, 0, 0, 0], "hop by hop, destination, TCP");
        assert!(frame.len() <= 14 + 1500);
    }
    assert!(ours.iter().any(|frame| frame.len() == 14 + 1500), "text fills what they leave");
}
