//! TCP_SAVE_SYN (tcp(7)): the headers of the SYN that opened a connection, for who accepts it.

mod common;
mod tcp_common;

use common::Net;
use netstack::ip::HeaderOptions;
use netstack::tcp::SaveSyn;
use netstack::time::Duration;
use tcp_common::script::Script;
use tcp_common::{Listener, Socket};

/// Ethernet, IPv4 and TCP without options.
const LINK: usize = 14;
const HEADERS: usize = 40;
const MSS: &[u8] = &[2, 4, 1460u16.to_be_bytes()[0], 1460u16.to_be_bytes()[1]];

fn listening(save: SaveSyn) -> Script {
    let mut s = Script::listening(1500, 5);
    s.sets_listener(|options| options.save_syn = save);
    s
}

/// A connection whose SYN has an option, and text that is none of its headers.
fn opens(s: &mut Script) {
    s.gets("S 0:4(4) win 1000 <mss 1460>");
    s.sends("S. 0:0(0) ack 1 win 65535 <mss 1460>");
    s.gets(". 1:1(0) ack 1 win 1000");
    s.accepts();
}

fn takes(s: &mut Script, room: usize) -> Result<Box<[u8]>, usize> {
    let id = s.socket.as_ref().expect("a connection").id;
    s.net.stack(s.node).tcp_take_saved_syn(id, room)
}

#[test]
fn the_headers_are_taken_once_and_whole() {
    let mut s = listening(SaveSyn::FromIp);
    opens(&mut s);
    assert_eq!(takes(&mut s, 43), Err(44));
    let syn = takes(&mut s, 44).expect("there is room");
    assert_eq!((syn[0], syn[9], syn.len()), (0x45, 6, HEADERS + MSS.len()));
    assert_eq!((syn[20 + 13], &syn[HEADERS..]), (0x02, MSS));
    assert_eq!(takes(&mut s, 44), Ok(Box::default()));
}

#[test]
fn the_ethernet_header_comes_first() {
    let mut s = listening(SaveSyn::FromLink);
    opens(&mut s);
    let syn = takes(&mut s, 100).expect("there is room");
    assert_eq!(syn.len(), LINK + HEADERS + MSS.len());
    assert_eq!((&syn[12..14], syn[LINK]), (&[8, 0][..], 0x45));
    assert_ne!(syn[..6], syn[6..12], "two stations");
}

#[test]
fn nothing_is_kept_for_who_does_not_ask_and_of_cookies() {
    let mut s = listening(SaveSyn::Nothing);
    opens(&mut s);
    assert_eq!(takes(&mut s, 0), Ok(Box::default()));

    let mut s = listening(SaveSyn::FromIp);
    for n in 0..128 {
        s.peer_port(10_000 + n);
        s.gets("S 0:0(0) win 1000 <mss 1460>");
        s.sends("S. 0:0(0) ack 1 win 65535 <mss 1460>");
    }
    s.peer_port(4000);
    opens(&mut s);
    assert_eq!(takes(&mut s, 0), Ok(Box::default()));
}

#[test]
fn of_a_syn_with_long_extension_headers_nothing_is_kept() {
    for (len, kept) in [(1000, true), (2040, false)] {
        let mut net = Net::new(1);
        let node = net.node();
        let listener = Listener::new(&mut net, node, "[::1]:80", 5);
        net.stack(node).tcp_options(listener.id).unwrap().save_syn = SaveSyn::FromIp;
        let padding = [&[0, (len / 8 - 1) as u8][..], &[0].repeat(len - 2)].concat();
        let options = HeaderOptions { destination: padding, ..HeaderOptions::default() };
        Socket::connect_with(&mut net, node, "[::1]:80", 4096, |tcp| tcp.header_options = Some(options.into()));
        net.run_for(Duration::from_millis(100));
        let child = listener.accept(&mut net).expect("a connection");
        let syn = net.stack(node).tcp_take_saved_syn(child.id, 4096).expect("there is room");
        assert_eq!(syn.len() > len, kept, "{len} bytes: {} kept", syn.len());
    }
}
