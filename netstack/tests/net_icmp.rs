//! ICMP: echo, errors out and in, ping and raw sockets.

mod common;

use std::net::{Ipv4Addr, SocketAddr};

use common::*;
use netstack::datagram::ErrorReport;
use netstack::link::Mac;
use netstack::raw::RawKind;
use netstack::socket::{SendError, SocketError};
use netstack::time::Duration;
use netstack::wire::{ethernet, icmpv4, ipv4};

const A: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const B: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
/// Nobody's but the script's.
const S: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 9);
const A_MAC: Mac = Mac([0xb2, 0xa0, 0, 0, 0, 1]);

/// Teaches `a` where the script's station is, so that answers go out at once.
fn introduce(net: &mut Net, a: NodeId) {
    net.run_for(Duration::from_secs(12)); // Announcements are over.
    let question = netstack::wire::arp::Packet {
        operation: netstack::wire::arp::Operation::Request,
        sender_mac: STRANGER,
        sender: S,
        target_mac: Mac::default(),
        target: A,
    };
    net.inject(a, ETH, &arp_frame(Mac::BROADCAST, question));
    net.trace.clear();
}

fn inject_ipv4(net: &mut Net, a: NodeId, dst_mac: Mac, packet: &[u8]) {
    net.inject(a, ETH, &ethernet_frame(dst_mac, STRANGER, ethernet::IPV4, packet));
}

/// ICMP messages that went out since the trace was cleared: type, code, payload.
fn icmp_out(net: &Net) -> Vec<(u8, u8, Vec<u8>)> {
    let message = |seen: &Seen| as_icmp(&seen.frame).map(|m| (m.kind, m.code, m.payload.to_vec()));
    net.trace.iter().filter_map(message).collect()
}

#[test]
fn a_ping_socket_gets_its_own_replies() {
    let (mut net, a, _) = Net::pair(1, Link::default());
    let mut one = net.raw(a, RawKind::Ping);
    let mut two = net.raw(a, RawKind::Ping);
    net.raw_send(&one, B, &echo_request(0xdead, 1, b"from one")).expect("sent");
    net.raw_send(&two, B, &echo_request(0xdead, 7, b"from two")).expect("sent");
    net.run_for(Duration::from_millis(10));
    for (socket, sequence, data) in [(&mut one, 1, b"from one"), (&mut two, 7, b"from two")] {
        let (header, bytes) = socket.recv().expect("a reply");
        assert_eq!(header.src, SocketAddr::from((B, 0)));
        assert_eq!(header.ttl, 64);
        let message = icmpv4::Message::parse(&bytes).expect("a message without its IP header");
        assert_eq!((message.kind, message.rest & 0xffff, message.payload), (icmpv4::ECHO_REPLY, sequence, &data[..]));
        assert!(socket.recv().is_none());
    }
    let identifier = |net: &mut Net, id| net.stack(a).raw_status(id).expect("open").local.port();
    assert_ne!(identifier(&mut net, one.id), identifier(&mut net, two.id));
}

#[test]
fn a_ping_socket_sends_echo_requests_only() {
    let (mut net, a, _) = Net::pair(2, Link::default());
    let ping = net.raw(a, RawKind::Ping);
    let mut redirect = echo_request(1, 1, b"");
    redirect[0] = icmpv4::REDIRECT;
    assert_eq!(net.raw_send(&ping, B, &redirect), Err(SendError::InvalidDestination));
    assert_eq!(net.raw_send(&ping, B, b"short"), Err(SendError::InvalidDestination));
}

#[test]
fn two_ping_sockets_cannot_have_one_identifier() {
    let (mut net, a, _) = Net::pair(3, Link::default());
    let (one, two) = (net.raw(a, RawKind::Ping), net.raw(a, RawKind::Ping));
    let at: SocketAddr = "10.0.0.1:77".parse().expect("an address");
    assert_eq!(net.stack(a).raw_bind(one.id, at, Default::default()), Ok(at));
    assert_eq!(net.stack(a).raw_bind(two.id, at, Default::default()), Err(netstack::socket::BindError::AddrInUse));
    net.stack(a).raw_close(one.id);
    assert_eq!(net.stack(a).raw_bind(two.id, at, Default::default()), Ok(at));
}

#[test]
fn ping_sockets_that_say_so_share_an_identifier_and_the_last_one_hears() {
    let (mut net, a, _) = Net::pair(3, Link::default());
    let (mut one, mut two) = (net.raw(a, RawKind::Ping), net.raw(a, RawKind::Ping));
    let at: SocketAddr = "0.0.0.0:77".parse().expect("an address");
    let reuse = netstack::socket::BindOptions { reuse_addr: true, ..Default::default() };
    for id in [one.id, two.id] {
        assert_eq!(net.stack(a).raw_bind(id, at, reuse), Ok(at));
    }
    net.raw_send(&one, B, &echo_request(0, 1, b"ping")).expect("sent");
    net.run_for(Duration::from_millis(10));
    assert!(one.recv().is_none() && two.recv().is_some());
    net.stack(a).raw_close(two.id);
    net.raw_send(&one, B, &echo_request(0, 2, b"ping")).expect("sent");
    net.run_for(Duration::from_millis(10));
    assert!(one.recv().is_some());
}

#[test]
fn a_raw_socket_sees_requests_and_replies_with_their_ip_headers() {
    let (mut net, a, b) = Net::pair(4, Link::default());
    let mut here = net.raw(a, RawKind::Raw { protocol: ipv4::ICMP });
    let mut there = net.raw(b, RawKind::Raw { protocol: ipv4::ICMP });
    net.raw_send(&here, B, &echo_request(5, 1, b"ping")).expect("sent");
    net.run_for(Duration::from_millis(10));
    let (header, bytes) = here.recv().expect("the reply");
    let packet = ipv4::Packet::parse(&bytes).expect("a whole packet");
    assert_eq!((packet.src(), packet.dst()), (B, A));
    assert_eq!(packet.payload()[0], icmpv4::ECHO_REPLY);
    assert_eq!(header.len as usize, bytes.len());
    let (_, bytes) = there.recv().expect("the request");
    assert_eq!(ipv4::Packet::parse(&bytes).expect("a packet").payload()[0], icmpv4::ECHO_REQUEST);
    net.stack(a).raw_options(here.id).expect("open").icmp_filter = 1 << icmpv4::ECHO_REPLY;
    net.raw_send(&here, B, &echo_request(5, 2, b"ping")).expect("sent");
    net.run_for(Duration::from_millis(10));
    assert!(here.recv().is_none(), "filtered (ICMP_FILTER)");
}

#[test]
fn a_program_may_bring_its_own_ip_header() {
    let (mut net, a, b) = Net::pair(5, Link::default());
    let raw = net.raw(a, RawKind::Raw { protocol: ipv4::RAW });
    let mut there = net.raw(b, RawKind::Raw { protocol: 253 });
    let mut packet = ipv4_packet(Ipv4Addr::UNSPECIFIED, B, 253, b"mine");
    packet[8] = 9;
    packet[10] ^= 0x55; // We fill in checksum, length and source.
    packet[3] = 0;
    assert_eq!(net.raw_send(&raw, B, &packet), Ok(24));
    assert_eq!(net.raw_send(&raw, B, &packet[..19]), Err(SendError::InvalidDestination));
    assert_eq!(net.raw_send(&raw, B, &ipv4_packet(A, B, 253, &[0; 1481])), Err(SendError::MessageTooLong));
    net.run_for(Duration::from_millis(10));
    let (_, bytes) = there.recv().expect("it arrived");
    let packet = ipv4::Packet::parse(&bytes).expect("a packet");
    assert_eq!((packet.src(), packet.ttl(), packet.payload()), (A, 9, &b"mine"[..]));
}

#[test]
fn ping_of_3000_bytes_goes_there_and_back_in_fragments() {
    let (mut net, a, _) = Net::pair(6, Link::default());
    let mut ping = net.raw(a, RawKind::Ping);
    let data: Vec<u8> = (0..3000u32).map(|n| n as u8).collect();
    net.raw_send(&ping, B, &echo_request(0, 1, &data)).expect("sent");
    net.run_for(Duration::from_millis(10));
    let (_, bytes) = ping.recv().expect("a reply");
    assert_eq!(icmpv4::Message::parse(&bytes).expect("a message").payload, data);
    let fragments = net.trace.iter().filter(|seen| as_ipv4(&seen.frame).is_some_and(|p| p.is_fragment())).count();
    assert_eq!(fragments, 6);
}

#[test]
fn port_and_protocol_unreachable() {
    let (mut net, a, _) = Net::pair(7, Link::default());
    introduce(&mut net, a);
    let packet = ipv4_packet(S, A, ipv4::UDP, &udp_segment((S, 1000), (A, 9), &[7; 2000][..1400]));
    inject_ipv4(&mut net, a, A_MAC, &packet);
    inject_ipv4(&mut net, a, A_MAC, &ipv4_packet(S, A, 253, b"unknown"));
    let out = icmp_out(&net);
    assert_eq!((out[0].0, out[0].1), (icmpv4::UNREACHABLE, icmpv4::unreachable::PORT));
    assert_eq!(out[0].2, packet[..548], "as much is quoted as 576 bytes allow");
    assert_eq!((out[1].0, out[1].1), (icmpv4::UNREACHABLE, icmpv4::unreachable::PROTOCOL));
}

#[test]
fn never_an_error_about_what_was_not_for_us_alone() {
    let (mut net, a, _) = Net::pair(8, Link::default());
    introduce(&mut net, a);
    let to = |dst: Ipv4Addr| ipv4_packet(S, dst, ipv4::UDP, &udp_segment((S, 1000), (dst, 9), b"x"));
    let from = |src: Ipv4Addr| ipv4_packet(src, A, ipv4::UDP, &udp_segment((src, 1000), (A, 9), b"x"));
    inject_ipv4(&mut net, a, Mac::BROADCAST, &to(Ipv4Addr::BROADCAST));
    inject_ipv4(&mut net, a, Mac::BROADCAST, &to(Ipv4Addr::new(10, 0, 0, 255)));
    inject_ipv4(&mut net, a, Mac::BROADCAST, &to(A)); // One host's packet in everybody's frame.
    inject_ipv4(&mut net, a, A_MAC, &to(Ipv4Addr::new(224, 0, 0, 1)));
    inject_ipv4(&mut net, a, A_MAC, &to(B)); // We do not forward.
    for forged in [
        Ipv4Addr::UNSPECIFIED,
        Ipv4Addr::new(0, 0, 0, 5),
        Ipv4Addr::LOCALHOST,
        Ipv4Addr::BROADCAST,
        Ipv4Addr::new(10, 0, 0, 255),
        Ipv4Addr::new(224, 1, 1, 1),
        Ipv4Addr::new(250, 1, 1, 1),
        A,
    ] {
        inject_ipv4(&mut net, a, A_MAC, &from(forged));
    }
    let error = icmpv4::emit(icmpv4::UNREACHABLE, icmpv4::unreachable::PORT, 0, &to(A));
    inject_ipv4(&mut net, a, A_MAC, &ipv4_packet(S, A, ipv4::ICMP, &[&error[..], &to(A)].concat()));
    inject_ipv4(&mut net, a, A_MAC, &fragment(S, A, 253, 1, 8, false, &[0; 16])); // Not the first fragment.
    let mut wrong = to(A);
    wrong[8] ^= 1; // Header checksum.
    inject_ipv4(&mut net, a, A_MAC, &wrong);
    let mut wrong = ipv4_packet(S, A, ipv4::UDP, &udp_segment((S, 1000), (A, 9), b"x"));
    *wrong.last_mut().expect("bytes") ^= 1; // UDP checksum.
    inject_ipv4(&mut net, a, A_MAC, &wrong);
    net.run_for(Duration::from_secs(1));
    assert!(icmp_out(&net).is_empty(), "{:?}", icmp_out(&net));
    assert!(net.stack(a).interfaces().all(|i| i.counters.rx.errors + i.counters.rx.drops > 0 || i.loopback));
}

#[test]
fn echo_requests_to_all_are_not_answered() {
    let (mut net, a, _) = Net::pair(9, Link::default());
    introduce(&mut net, a);
    for dst in [Ipv4Addr::BROADCAST, Ipv4Addr::new(10, 0, 0, 255), Ipv4Addr::new(224, 0, 0, 1)] {
        inject_ipv4(&mut net, a, Mac::BROADCAST, &ipv4_packet(S, dst, ipv4::ICMP, &echo_request(1, 1, b"all?")));
    }
    assert!(icmp_out(&net).is_empty());
    inject_ipv4(&mut net, a, A_MAC, &ipv4_packet(S, A, ipv4::ICMP, &echo_request(1, 1, b"you?")));
    assert_eq!(icmp_out(&net), [(icmpv4::ECHO_REPLY, 0, b"you?".to_vec())]);
}

#[test]
fn errors_are_rate_limited_by_destination() {
    let (mut net, a, _) = Net::pair(10, Link::default());
    introduce(&mut net, a);
    let probe = ipv4_packet(S, A, ipv4::UDP, &udp_segment((S, 1000), (A, 9), b"x"));
    (0..100).for_each(|_| inject_ipv4(&mut net, a, A_MAC, &probe));
    assert_eq!(icmp_out(&net).len(), 6, "a burst");
    net.run_for(Duration::from_secs(3));
    net.trace.clear();
    (0..100).for_each(|_| inject_ipv4(&mut net, a, A_MAC, &probe));
    assert_eq!(icmp_out(&net).len(), 3, "one a second");
}

#[test]
fn a_connected_socket_is_told_of_a_closed_port_once() {
    let (mut net, a, _) = Net::pair(11, Link::default());
    let socket = net.udp(a);
    net.stack(a).udp_connect(socket.id, Some((B, 9).into())).expect("a route");
    net.udp_send(&socket, "10.0.0.2:9", b"anybody?").expect("sent");
    net.run_for(Duration::from_millis(10));
    assert_eq!(net.touched(a), [socket.key]);
    assert_eq!(net.stack(a).udp_status(socket.id).expect("open").error, Some(SocketError::Refused));
    let again = net.udp_send(&socket, "10.0.0.2:9", b"anybody?");
    assert_eq!(again, Err(SendError::Pending(SocketError::Refused)));
    assert_eq!(net.udp_send(&socket, "10.0.0.2:9", b"anybody?"), Ok(8));
}

#[test]
fn an_unconnected_socket_is_told_only_if_it_asked() {
    let (mut net, a, _) = Net::pair(12, Link::default());
    let socket = net.udp(a);
    net.udp_send(&socket, "10.0.0.2:9", b"anybody?").expect("sent");
    net.run_for(Duration::from_millis(10));
    assert_eq!(net.stack(a).udp_take_error(socket.id), None);
    net.stack(a).udp_options(socket.id).expect("open").report_errors = true;
    net.udp_send(&socket, "10.0.0.2:9", b"anybody?").expect("sent");
    net.run_for(Duration::from_millis(10));
    assert_eq!(net.stack(a).udp_take_error(socket.id), Some(SocketError::Refused));
}

#[test]
fn who_asked_for_errors_gets_what_each_is_about() {
    let (mut net, a, _) = Net::pair(15, Link::default());
    let socket = net.udp(a);
    net.udp_send(&socket, "10.0.0.2:9", b"before").expect("sent");
    net.run_for(Duration::from_millis(10));
    assert_eq!(net.stack(a).udp_take_reports(socket.id), []);
    net.stack(a).udp_options(socket.id).expect("open").report_errors = true;
    net.udp_send(&socket, "10.0.0.2:9", b"anybody?").expect("sent");
    net.run_for(Duration::from_millis(10));
    let [report] = net.stack(a).udp_take_reports(socket.id).try_into().expect("one report");
    let ErrorReport { error, message, info, icmp_header, destination, payload, extensions } = report;
    assert_eq!(extensions, None);
    assert_eq!((error, info), (SocketError::Refused, 0));
    assert_eq!(message, (icmpv4::UNREACHABLE, icmpv4::unreachable::PORT));
    assert_eq!((icmp_header.src.ip(), icmp_header.dst.ip(), icmp_header.ttl), (B.into(), A.into(), 64));
    assert_eq!((destination, &payload[..]), ((B, 9).into(), &b"anybody?"[..]));
    assert_eq!(net.stack(a).udp_take_reports(socket.id), [], "once");
    for _ in 0..40 {
        let _ = net.stack(a).udp_take_error(socket.id);
        net.udp_send(&socket, "10.0.0.2:9", b"anybody?").expect("sent");
        net.run_for(Duration::from_secs(2));
    }
    assert_eq!(net.stack(a).udp_take_reports(socket.id).len(), 32, "they do not pile up");
}

#[test]
fn what_routers_add_is_told_to_who_asks() {
    let (mut net, a, _) = Net::pair(16, Link::default());
    introduce(&mut net, a);
    let socket = net.udp_at(a, "10.0.0.1:500");
    net.stack(a).udp_options(socket.id).expect("open").report_errors = true;
    let quoted = ipv4_packet(A, S, ipv4::UDP, &udp_segment((A, 500), (S, 9), &[7; 100]));
    let added = [0x20, 0, 0, 0, 0, 8, 1, 1, 1, 2, 3, 4];
    let mut told = |words: u32, added: &[u8]| {
        let quote = [&quoted, added].concat();
        let message = [&icmpv4::emit(icmpv4::TIME_EXCEEDED, 0, words << 16, &quote), &quote[..]].concat();
        inject_ipv4(&mut net, a, A_MAC, &ipv4_packet(S, A, ipv4::ICMP, &message));
        let [report] = net.stack(a).udp_take_reports(socket.id).try_into().expect("one report");
        net.stack(a).udp_options(socket.id).expect("open").report_extensions = true;
        assert_eq!(report.payload.len(), 100 + added.len());
        report.extensions.map(|extensions| (extensions.at, extensions.whole))
    };
    assert_eq!(told(32, &added), None, "nobody asked");
    assert_eq!(told(32, &added), Some((100, true)));
    assert_eq!(told(32, &added[..10]), Some((100, false)));
    assert_eq!(told(0, &added), None, "it does not say how much it quotes");
    assert_eq!(told(31, &added), None, "RFC 4884: at least 128 bytes");
    assert_eq!(told(40, &added), None, "there is no more");
}

#[test]
fn an_error_about_what_we_never_sent_changes_nothing() {
    let (mut net, a, _) = Net::pair(13, Link::default());
    introduce(&mut net, a);
    let socket = net.udp_at(a, "10.0.0.1:500");
    net.stack(a).udp_connect(socket.id, Some((S, 9).into())).expect("a route");
    net.touched(a);
    let blame = |quoted: &[u8]| {
        let header = icmpv4::emit(icmpv4::UNREACHABLE, icmpv4::unreachable::PORT, 0, quoted);
        ipv4_packet(S, A, ipv4::ICMP, &[&header[..], quoted].concat())
    };
    let sent = |src, dst| ipv4_packet(src, dst, ipv4::UDP, &udp_segment((src, 500), (dst, 9), b""));
    for quoted in [&sent(B, S)[..], &sent(A, B), &sent(A, S)[..27], &sent(A, S)[..20], &[0x45], &[]] {
        inject_ipv4(&mut net, a, A_MAC, &blame(quoted));
        assert_eq!(net.stack(a).udp_take_error(socket.id), None);
    }
    inject_ipv4(&mut net, a, A_MAC, &blame(&sent(A, S)));
    assert_eq!(net.stack(a).udp_take_error(socket.id), Some(SocketError::Refused), "and this one we did send");
}

#[test]
fn an_unreachable_host_is_named_to_raw_sockets_as_a_router_would() {
    let (mut net, a, _) = Net::pair(14, Link::default());
    let mut raw = net.raw(a, RawKind::Raw { protocol: ipv4::ICMP });
    net.raw_send(&raw, Ipv4Addr::new(10, 0, 0, 66), &echo_request(3, 1, b"there?")).expect("queued");
    net.run_for(Duration::from_secs(4));
    let (header, bytes) = raw.recv().expect("an error");
    assert_eq!(header.src, SocketAddr::from((A, 0)), "From 10.0.0.1: Destination Host Unreachable");
    let packet = ipv4::Packet::parse(&bytes).expect("a packet");
    assert_eq!(packet.payload()[..2], [icmpv4::UNREACHABLE, icmpv4::unreachable::HOST]);
}

#[test]
fn source_routed_packets_are_dropped() {
    let (mut net, a, _) = Net::pair(15, Link::default());
    introduce(&mut net, a);
    let mut packet =
        ipv4_packet(S, A, ipv4::ICMP, &[&[131, 7, 4, 10, 0, 0, 2, 0], &echo_request(1, 1, b"")[..]].concat());
    packet[0] = 0x47;
    packet[10..12].fill(0);
    let sum = netstack::wire::checksum::checksum(&packet[..28]);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    inject_ipv4(&mut net, a, A_MAC, &packet);
    packet[20] = 0x94; // Router alert instead: no reason not to answer.
    packet[21] = 4;
    packet[24..28].fill(0);
    packet[10..12].fill(0);
    let sum = netstack::wire::checksum::checksum(&packet[..28]);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    assert!(icmp_out(&net).is_empty());
    inject_ipv4(&mut net, a, A_MAC, &packet);
    assert_eq!(icmp_out(&net).len(), 1);
}
