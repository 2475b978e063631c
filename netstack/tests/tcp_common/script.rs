//! Dialogues with one stack: the script plays the peer, segment by segment, on a virtual clock.
//!
//! `gets` is a segment that the stack receives, `sends` one that it must have sent by now, next in order. The other verbs
//! are what its program does. Numbers count from each side's SYN; text is a known stream, checked both ways.

use super::byte;
use super::notation::Line;
use super::{Listener, Socket};
use arena::{Mark, UrgentByte};

use crate::common::{Link, Net, NodeId, STRANGER, arp_frame, as_ipv4, ethernet_frame};
use netstack::Config;
use netstack::link::{IfIndex, Mac};
use netstack::tcp::{Close, FirstText, Seq, State, TcpError, TcpInfo, TcpOptions, TcpStatus};
use netstack::time::Duration;
use netstack::wire::checksum::{Sum, checksum};
use netstack::wire::tcp::{Flags, Segment};
use netstack::wire::{arp, ethernet, ipv4};
use std::collections::HashMap;
use std::net::Ipv4Addr;

/// The stack under test.
pub const US: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
/// The peer that the script plays.
pub const PEER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 9);
/// The peer's ephemeral port.
const PEER_PORT: u16 = 4000;
/// The port of whoever serves.
const SERVICE: u16 = 80;
/// Streams of [`byte`].
const OURS: u8 = 0;
const THEIRS: u8 = 0xff;

/// A dialogue.
pub struct Script {
    pub net: Net,
    pub node: NodeId,
    on: IfIndex,
    mac: Mac,
    /// How much of the trace has been looked at.
    looked: usize,
    /// Ours, the peer's.
    ports: (u16, u16),
    iss: Option<Seq>,
    /// Our first numbers towards other ports of the peer.
    earlier: HashMap<u16, Option<Seq>>,
    irs: Seq,
    pub listener: Option<Listener>,
    pub socket: Option<Socket>,
    written: usize,
    read: usize,
}

impl Script {
    /// A stack at [`US`] on an Ethernet that takes packets of `mtu` bytes, and nothing else.
    pub fn new(mtu: u32) -> Script {
        Script::with(mtu, Config::default())
    }

    /// The same with a configuration of its own.
    pub fn with(mtu: u32, config: Config) -> Script {
        let mut net = Net::new(1);
        let node = net.node_with(config);
        let link = net.link(Link { mtu, ..Link::default() });
        let on = net.join(node, link, "10.0.0.1/24");
        let mac = net.stack(node).interfaces().find(|view| view.index == on).expect("just made").mac;
        let mut script = Script {
            net,
            node,
            on,
            mac,
            looked: 0,
            ports: (SERVICE, PEER_PORT),
            iss: None,
            earlier: HashMap::new(),
            irs: Seq(0xffff_fff0), // Text soon crosses the wrap.
            listener: None,
            socket: None,
            written: 0,
            read: 0,
        };
        script.introduce_peer();
        script
    }

    /// The peer asks for our address, so that ours knows its.
    fn introduce_peer(&mut self) {
        let request = arp::Packet {
            operation: arp::Operation::Request,
            sender_mac: STRANGER,
            sender: PEER,
            target_mac: Mac::default(),
            target: US,
        };
        self.net.inject(self.node, self.on, &arp_frame(self.mac, request));
    }

    /// A server's socket that listens.
    pub fn listening(mtu: u32, backlog: usize) -> Script {
        let mut script = Script::new(mtu);
        script.listens(backlog);
        script
    }

    /// A socket begins to listen.
    pub fn listens(&mut self, backlog: usize) {
        self.listener = Some(Listener::new(&mut self.net, self.node, "0.0.0.0:80", backlog));
    }

    /// Changes the options of the socket that listens.
    pub fn sets_listener(&mut self, change: impl FnOnce(&mut TcpOptions)) {
        let id = self.listener.as_ref().expect("a listener").id;
        change(self.net.stack(self.node).tcp_options(id).expect("a socket"));
    }

    /// The program opens a connection with Fast Open and `n` bytes. Returns how many of
    /// them the SYN takes.
    pub fn opens_fast(&mut self, n: usize, first: FirstText, set: impl FnOnce(&mut TcpOptions)) -> usize {
        let data: Vec<u8> = (0..n).map(|at| byte(OURS, at)).collect();
        self.ports.1 = SERVICE;
        let (socket, taken) = Socket::open_fast(&mut self.net, self.node, "10.0.0.9:80", &data, first, set);
        self.socket = Some(socket);
        self.written = taken;
        taken
    }

    /// The SYN that waited goes, with `n` bytes.
    pub fn lets_the_syn_go(&mut self, n: usize) {
        let data: Vec<u8> = (0..n).map(|at| byte(OURS, at)).collect();
        let (net, socket) = self.program();
        socket.send_syn(net, &data);
        self.written += n;
    }

    /// A connection that the peer opened: MSS 1460, no timestamps, its window never scaled and wide open.
    pub fn established() -> Script {
        let mut script = Script::listening(1500, 5);
        script.gets("S 0:0(0) win 65535 <mss 1460>");
        script.sends("S. 0:0(0) ack 1 win 65535 <mss 1460>");
        script.gets(". 1:1(0) ack 1 win 65535");
        script.accepts();
        script
    }

    /// As [`established`](Self::established), with SACK.
    pub fn established_with_sack() -> Script {
        let mut script = Script::listening(1500, 5);
        script.gets("S 0:0(0) win 65535 <mss 1460,sackOK>");
        script.sends("S. 0:0(0) ack 1 win 65535 <mss 1460,sackOK>");
        script.gets(". 1:1(0) ack 1 win 65535");
        script.accepts();
        script
    }

    /// The program opens a connection; the SYN is for the script to see.
    pub fn connecting(mtu: u32) -> Script {
        Script::connecting_with(mtu, 1 << 16)
    }

    /// The same with rings of `ring` bytes.
    pub fn connecting_with(mtu: u32, ring: usize) -> Script {
        let mut script = Script::new(mtu);
        script.socket = Some(Socket::connect(&mut script.net, script.node, "10.0.0.9:80", ring));
        script.ports.1 = SERVICE;
        script
    }

    /// The same with options that are set before.
    pub fn connecting_with_options(set: impl FnOnce(&mut TcpOptions)) -> Script {
        let mut script = Script::new(1500);
        script.socket = Some(Socket::connect_with(&mut script.net, script.node, "10.0.0.9:80", 1 << 16, set));
        script.ports.1 = SERVICE;
        script
    }

    /// The stack receives a segment.
    pub fn gets(&mut self, line: &str) {
        self.gets_with(line, 0, &[]);
    }

    /// The stack receives a segment with these options of IPv4, whole words.
    pub fn gets_behind(&mut self, options: &[u8], line: &str) {
        self.gets_with(line, 0, options);
    }

    /// The stack receives a segment that a router has marked (RFC 3168).
    pub fn gets_marked(&mut self, line: &str) {
        self.gets_with(line, 0b11, &[]);
    }

    fn gets_with(&mut self, line: &str, tos: u8, options: &[u8]) {
        let line = Line::parse(line);
        // The text of a SYN stands behind it.
        let first = line.seq.wrapping_add(u32::from(line.flags.contains(Flags::SYN))).wrapping_sub(1);
        let payload: Vec<u8> = (0..line.len).map(|i| byte(THEIRS, first.wrapping_add(i) as usize)).collect();
        let mut segment = line.emit((self.ports.1, self.ports.0), self.irs, self.iss.unwrap_or_default(), &payload);
        let sum = Sum::pseudo_v4(PEER, US, ipv4::TCP, segment.len() as u16).bytes(&segment).finish();
        segment[16..18].copy_from_slice(&sum.to_be_bytes());
        let fixed = ipv4::Header::atomic(PEER, US, ipv4::TCP, 64, tos).emit(options.len() + segment.len());
        let mut header = [&fixed[..], options].concat();
        header[0] += (options.len() / 4) as u8;
        header[10..12].fill(0);
        let sum = checksum(&header);
        header[10..12].copy_from_slice(&sum.to_be_bytes());
        let frame = ethernet_frame(self.mac, STRANGER, ethernet::IPV4, &[header, segment].concat());
        self.net.inject(self.node, self.on, &frame);
    }

    /// The ECN field of the packet that [`sends`](Self::sends) has looked at last (RFC 3168 §5).
    pub fn ecn_of_sent(&self) -> u8 {
        let packet = self.looked.checked_sub(1).and_then(|at| as_ipv4(&self.net.trace[at].frame));
        packet.expect("a packet was looked at").tos() & 3
    }

    /// The next segment that the stack has sent is this one.
    #[track_caller]
    pub fn sends(&mut self, line: &str) -> Line {
        let expected = Line::parse(line);
        let Some(seen) = self.next_sent() else { panic!("nothing was sent, not {line:?}") };
        assert!(expected.matches(&seen), "\nexpected {line}\n    sent {seen}");
        seen
    }

    /// What the stack has sent by now is of no interest.
    pub fn ignores_what_was_sent(&mut self) {
        self.looked = self.net.trace.len();
    }

    /// The stack has sent nothing more.
    #[track_caller]
    pub fn sends_nothing(&mut self) {
        if let Some(seen) = self.next_sent() {
            panic!("it sent {seen}");
        }
    }

    /// How many segments it has sent that no line has named.
    pub fn count_sent(&mut self) -> usize {
        std::iter::from_fn(|| self.next_sent()).count()
    }

    /// Nothing is sent for `ms` milliseconds, and at their end this.
    #[track_caller]
    pub fn sends_after_ms(&mut self, ms: u64, line: &str) -> Line {
        self.is_silent_for_ms(ms - 1);
        self.wait_ms(1);
        self.sends(line)
    }

    /// Nothing is sent for `ms` milliseconds.
    #[track_caller]
    pub fn is_silent_for_ms(&mut self, ms: u64) {
        self.sends_nothing();
        self.wait_ms(ms);
        self.sends_nothing();
    }

    /// Time passes. The peer's address stays known.
    pub fn wait_ms(&mut self, ms: u64) {
        let end = self.net.now() + Duration::from_millis(ms);
        while self.net.now() < end {
            self.introduce_peer();
            self.net.run_for((end - self.net.now()).min(Duration::from_secs(5)));
        }
    }

    /// The program takes the next connection.
    #[track_caller]
    pub fn accepts(&mut self) {
        let listener = self.listener.as_ref().expect("a listener");
        self.socket = Some(listener.accept(&mut self.net).expect("a connection in the queue"));
    }

    /// Nothing is there to accept.
    #[track_caller]
    pub fn accepts_nothing(&mut self) {
        let listener = self.listener.as_ref().expect("a listener");
        assert!(listener.accept(&mut self.net).is_none());
    }

    /// The program writes `n` bytes of its stream.
    pub fn writes(&mut self, n: usize) {
        let data: Vec<u8> = (self.written..self.written + n).map(|at| byte(OURS, at)).collect();
        let (net, socket) = self.program();
        assert_eq!(socket.write(net, &data), n, "the tx ring takes it");
        self.written += n;
    }

    /// The program writes the next `n` bytes of its stream, the last of them urgent (MSG_OOB).
    pub fn writes_urgent(&mut self, n: usize) {
        let (_, socket) = self.program();
        let position = socket.tx.position() + n as u64 - 1;
        socket.tx.set_urgent(Mark { position, byte: UrgentByte::Announced });
        self.writes(n);
    }

    /// What is urgent in the peer's stream: how far behind the next byte to be read, and what is known of the byte.
    pub fn urgent(&mut self) -> Option<(u64, UrgentByte)> {
        let (_, socket) = self.program();
        socket.rx.urgent().map(|mark| (mark.position - socket.rx.position(), mark.byte))
    }

    /// The program writes the next `n` bytes of its stream, and says that more is about to come (MSG_MORE).
    pub fn writes_part(&mut self, n: usize) {
        let data: Vec<u8> = (self.written..self.written + n).map(|at| byte(OURS, at)).collect();
        let (net, socket) = self.program();
        assert_eq!(socket.write_part(net, &data), n, "the tx ring takes it");
        self.written += n;
    }

    /// The program reads, and gets exactly the next `n` bytes of the peer's stream.
    #[track_caller]
    pub fn reads(&mut self, n: usize) {
        let from = self.read;
        let (net, socket) = self.program();
        let data = socket.read(net, n);
        assert_eq!(data.len(), n, "bytes to read");
        assert!(data.iter().enumerate().all(|(i, &got)| got == byte(THEIRS, from + i)), "the peer's stream");
        self.read += n;
    }

    /// Nothing is there to read.
    #[track_caller]
    pub fn reads_nothing(&mut self) {
        assert!(self.program().1.rx.is_empty());
    }

    pub fn shuts_down_writing(&mut self) {
        let (net, socket) = self.program();
        socket.shutdown_write(net);
    }

    pub fn closes(&mut self) {
        let (net, socket) = self.program();
        socket.close(net);
    }

    pub fn aborts(&mut self) {
        let (net, socket) = self.program();
        socket.close_as(net, Close::Abort);
    }

    /// Changes the socket's options.
    pub fn sets(&mut self, change: impl FnOnce(&mut TcpOptions)) {
        let (net, socket) = self.program();
        let now = net.now();
        let stack = net.stack(socket.node);
        change(stack.tcp_options(socket.id).expect("a socket"));
        stack.tcp_options_changed(now, socket.id);
        net.poll(socket.node);
    }

    pub fn status(&mut self) -> TcpStatus {
        let (net, socket) = self.program();
        socket.status(net)
    }

    /// TCP_INFO.
    pub fn info(&mut self) -> TcpInfo {
        let (net, socket) = self.program();
        socket.info(net)
    }

    #[track_caller]
    pub fn is(&mut self, state: State) {
        assert_eq!(self.status().state, state);
    }

    /// The connection is over for this reason.
    #[track_caller]
    pub fn has_failed(&mut self, why: TcpError) {
        let status = self.status();
        assert_eq!((status.state, status.error), (State::Closed, Some(why)));
    }

    /// The engine has forgotten the socket, and its key may be used again.
    #[track_caller]
    pub fn is_released(&mut self) {
        let key = self.socket.as_ref().expect("a socket").key;
        assert!(self.net.released(self.node).contains(&key));
    }

    /// From here on the peer's numbers count from `irs`, and ours from our next SYN: a new connection.
    pub fn starts_over(&mut self, irs: u32) {
        self.irs += irs;
        self.iss = None;
        (self.written, self.read) = (0, 0);
    }

    /// The peer uses another port from here on, or one that it has used before.
    pub fn peer_port(&mut self, port: u16) {
        self.earlier.insert(self.ports.1, self.iss);
        self.ports.1 = port;
        self.iss = self.earlier.remove(&port).flatten();
    }

    /// Where the peer's frames go.
    pub fn station(&self) -> (NodeId, IfIndex, Mac) {
        (self.node, self.on, self.mac)
    }

    /// The IP packet of the `number`th segment that the stack has sent, from 0.
    pub fn sent_packet(&self, number: usize) -> Vec<u8> {
        let is_segment = |frame: &&[u8]| as_ipv4(frame).is_some_and(|packet| packet.protocol() == ipv4::TCP);
        let frame = self.net.trace.iter().map(|seen| &seen.frame[..]).filter(is_segment).nth(number);
        frame.expect("so many segments")[14..].to_vec()
    }

    fn program(&mut self) -> (&mut Net, &mut Socket) {
        (&mut self.net, self.socket.as_mut().expect("a socket"))
    }

    /// The next segment that the stack has sent by now.
    pub fn next_sent(&mut self) -> Option<Line> {
        loop {
            let seen = self.net.trace.get(self.looked)?;
            self.looked += 1;
            let Some(packet) = as_ipv4(&seen.frame).filter(|packet| packet.protocol() == ipv4::TCP) else { continue };
            let segment = Segment::parse(packet.payload()).expect("what we send is well-formed");
            let header = &segment.header;
            assert_eq!(header.dst_port, self.ports.1, "towards the peer's port");
            self.ports.0 = header.src_port;
            let iss = *self.iss.get_or_insert(header.seq);
            let line = Line::of(&segment, iss, self.irs);
            let syn = usize::from(line.flags.contains(Flags::SYN));
            for (i, &sent) in segment.payload.iter().enumerate() {
                assert_eq!(sent, byte(OURS, line.seq as usize + syn - 1 + i), "our stream, in {line}");
            }
            return Some(line);
        }
    }
}
