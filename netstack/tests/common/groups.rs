//! A host in groups, of either family. The script plays the router and reads what the host says.

pub mod dialogues;

use std::fmt::Debug;
use std::marker::PhantomData;
use std::net::{IpAddr, SocketAddr};

use netstack::time::Duration;
use netstack::wire::ethernet;
use netstack::{Filter, FilterMode, SourceChange};

use super::{ETH, Link, Net, NodeId, STRANGER, Seen, Udp, ethernet_frame};

/// What the records of reports say (RFC 9776 §4.2.12, RFC 9777 §5.2.12).
pub const IS_IN: u8 = 1;
pub const IS_EX: u8 = 2;
pub const TO_IN: u8 = 3;
pub const TO_EX: u8 = 4;
pub const ALLOW: u8 = 5;
pub const BLOCK: u8 = 6;

/// What the host says, as (kind of record, group, sources); of the older versions the type of the message.
pub type Said<A> = (u8, A, Vec<A>);

/// How hosts and routers of a family talk of groups.
pub trait Protocol {
    type Addr: Copy + Debug + PartialEq + Into<IpAddr>;
    const ETHERTYPE: u16;
    const ANY: Self::Addr;
    const OURS: (Self::Addr, u8);
    /// The router, and the group of all hosts that it asks.
    const ROUTER: Self::Addr;
    const ALL: Self::Addr;
    /// The group that sockets join, and two others.
    const GROUP: Self::Addr;
    const OTHER_GROUPS: [Self::Addr; 2];
    /// Who sends to groups.
    const SOURCES: [Self::Addr; 2];
    /// Another host that is a member.
    const NEIGHBOUR: Self::Addr;
    /// Types of messages of the version before the newest.
    const OLDER_REPORT: u8;
    const OLDER_LEAVE: u8;

    /// What a packet of the host says; it is what the protocol demands, or the test fails. None of another protocol.
    fn said(packet: &[u8]) -> Option<Vec<Said<Self::Addr>>>;
    /// A packet as it should be, the checksum filled in.
    fn packet(src: Self::Addr, dst: Self::Addr, message: &[u8]) -> Vec<u8>;
    /// A question in the newest version with a response time of a second.
    fn query(group: Option<Self::Addr>, sources: &[Self::Addr]) -> Vec<u8>;
    /// A question about all groups in the version before, with a response time of ten seconds.
    fn older_query() -> Vec<u8>;
    /// And a report of GROUP.
    fn older_report() -> Vec<u8>;
    /// A UDP datagram from port 7 to port 7.
    fn datagram(src: Self::Addr, dst: Self::Addr) -> Vec<u8>;
}

pub struct Host<P: Protocol> {
    pub net: Net,
    pub node: NodeId,
    seen: usize,
    protocol: PhantomData<P>,
}

impl<P: Protocol> Host<P> {
    /// One that has said what it has to say of itself.
    pub fn new(seed: u64) -> Host<P> {
        let mut host = Host::starting(seed);
        host.net.run_for(Duration::from_secs(12));
        host.seen = host.net.trace.len();
        host
    }

    /// One with a socket at port 7 that is in GROUP, when that has been said.
    pub fn member(seed: u64) -> (Host<P>, Udp) {
        let mut host = Host::new(seed);
        let socket = host.socket(7);
        host.join(&socket, P::GROUP);
        host.says_within(60);
        (host, socket)
    }

    pub fn starting(seed: u64) -> Host<P> {
        let mut net = Net::new(seed);
        let node = net.node();
        let link = net.link(Link::default());
        net.attach(node, link);
        let now = net.now();
        net.stack(node).add_address(now, ETH, P::OURS.0, P::OURS.1).expect("a good address");
        Host { net, node, seen: 0, protocol: PhantomData }
    }

    pub fn socket(&mut self, port: u16) -> Udp {
        self.net.udp_at(self.node, &SocketAddr::new(P::ANY.into(), port).to_string())
    }

    /// Sockets that share port 7.
    pub fn sharing<const N: usize>(&mut self) -> [Udp; N] {
        let reuse = netstack::socket::BindOptions { reuse_addr: true, ..Default::default() };
        std::array::from_fn(|_| {
            let socket = self.net.udp(self.node);
            let any = SocketAddr::new(P::ANY.into(), 7);
            self.net.stack(self.node).udp_bind(socket.id, any, reuse).expect("shared");
            socket
        })
    }

    pub fn join(&mut self, socket: &Udp, group: P::Addr) {
        self.net.stack(self.node).group_join(socket.id, group, Some(ETH)).expect("joined");
        self.net.poll(self.node);
    }

    pub fn leave(&mut self, socket: &Udp) {
        self.net.stack(self.node).group_leave(socket.id, P::GROUP, Some(ETH)).expect("a member");
        self.net.poll(self.node);
    }

    pub fn close(&mut self, socket: &Udp) {
        self.net.stack(self.node).udp_close(socket.id);
        self.net.poll(self.node);
    }

    pub fn filter(&mut self, socket: &Udp, mode: FilterMode, sources: &[P::Addr]) {
        let stack = self.net.stack(self.node);
        if stack.group_filter(socket.id, P::GROUP, Some(ETH)) == Ok(Filter::NONE) {
            for source in sources {
                stack.group_change_source(socket.id, P::GROUP, Some(ETH), *source, SourceChange::Join).expect("joined");
            }
        }
        let filter = Filter { mode, sources: sources.iter().map(|source| (*source).into()).collect() };
        stack.group_set_filter(socket.id, P::GROUP, Some(ETH), filter).expect("a member");
        self.net.poll(self.node);
    }

    /// The packets that the host sent since the last call.
    pub fn sent(&mut self) -> Vec<Seen> {
        let of_family = |seen: &&Seen| seen.from == self.node && seen.frame[12..14] == P::ETHERTYPE.to_be_bytes();
        let sent = self.net.trace[self.seen..].iter().filter(of_family).cloned().collect();
        self.seen = self.net.trace.len();
        sent
    }

    /// What was said since the last call.
    pub fn said(&mut self) -> Vec<Said<P::Addr>> {
        self.sent().iter().filter_map(|seen| P::said(&seen.frame[14..])).flatten().collect()
    }

    /// What is said within `seconds`.
    pub fn says_within(&mut self, seconds: u64) -> Vec<Said<P::Addr>> {
        self.net.run_for(Duration::from_secs(seconds));
        self.said()
    }

    /// A packet comes.
    pub fn hears_packet(&mut self, dst: P::Addr, packet: &[u8]) {
        let frame = ethernet_frame(ethernet::multicast(dst.into()), STRANGER, P::ETHERTYPE, packet);
        self.net.inject(self.node, ETH, &frame);
    }

    pub fn hears_from(&mut self, src: P::Addr, dst: P::Addr, message: &[u8]) {
        self.hears_packet(dst, &P::packet(src, dst, message));
    }

    pub fn hears(&mut self, dst: P::Addr, message: &[u8]) {
        self.hears_from(P::ROUTER, dst, message);
    }

    /// A question in the newest version with a response time of a second.
    pub fn asked(&mut self, group: Option<P::Addr>, sources: &[P::Addr]) {
        self.hears(group.unwrap_or(P::ALL), &P::query(group, sources));
    }

    /// The same about all groups, with a robustness variable and a code of the query interval.
    pub fn told(&mut self, robustness: u8, interval: u8) {
        let mut query = P::query(None, &[]);
        let behind_group = P::older_query().len();
        query[behind_group..][..2].copy_from_slice(&[robustness, interval]);
        self.hears(P::ALL, &query);
    }

    /// From which of two sources each socket hears, when both send to the group.
    pub fn heard_of(&mut self, sources: [P::Addr; 2], sockets: &mut [Udp]) -> Vec<Vec<P::Addr>> {
        sources.iter().for_each(|src| self.hears_packet(P::GROUP, &P::datagram(*src, P::GROUP)));
        let heard = |socket: &mut Udp| {
            let from: Vec<IpAddr> = std::iter::from_fn(|| socket.recv()).map(|(header, _)| header.src.ip()).collect();
            sources.into_iter().filter(|src| from.contains(&(*src).into())).collect()
        };
        sockets.iter_mut().map(heard).collect()
    }
}

/// The records of a report, behind its first eight bytes; nothing else is in it.
pub fn records<const N: usize, A: From<[u8; N]>>(report: &[u8]) -> Vec<Said<A>> {
    let addr = |bytes: &[u8], n: usize| A::from(*bytes[4 + N * n..].first_chunk::<N>().expect("a whole address"));
    let mut rest = &report[8..];
    let mut said = Vec::new();
    for _ in 0..u16::from_be_bytes([report[6], report[7]]) {
        let count = usize::from(u16::from_be_bytes([rest[2], rest[3]]));
        said.push((rest[0], addr(rest, 0), (1..=count).map(|n| addr(rest, n)).collect()));
        rest = &rest[4 + N * (1 + count)..];
    }
    assert_eq!(rest, []);
    said
}
