//! A stack, its one link, and the stranger at the other end who has seen all that it sent.

use std::net::Ipv6Addr;

use netstack::iface::InterfaceConfig;
use netstack::link::{Checksum, IfIndex, LinkCaps, Mac, RxMeta, Sink, TxFrame, TxResult};
use netstack::tcp::FastOpenModes;
use netstack::time::{Duration, Instant};
use netstack::wire::{dhcpv6, ipv6};
use netstack::{Advertising, AutoConfig, Config, Key, Stack, TemporaryAddresses};

use super::check;
use super::frame::{OURS, OURS6, PEER, PEER6};
use super::op::{Call, Op, Setting};
use super::sockets::Sockets;
use crate::memory::Memory;

pub const MAC: Mac = Mac([2, 0, 0, 0, 0, 1]);
pub const PEER_MAC: Mac = Mac([2, 0, 0, 0, 0, 2]);
pub const ON: IfIndex = IfIndex(2);

/// Deadlines that may come in one stretch of two minutes: more, and a timer runs in a circle. A stack at its memory limit
/// tries again every millisecond.
const MOST_DEADLINES: usize = 150_000;

/// The world of one run.
pub struct World {
    pub stack: Stack,
    pub memory: Memory,
    pub now: Instant,
    sockets: Sockets,
    wire: Wire,
}

/// What the stranger knows: what the stack sent.
#[derive(Default)]
pub struct Seen {
    last: Vec<u8>,
    last_v4: Vec<u8>,
    last_v6: Vec<u8>,
    pub flows: Vec<Flow>,
    pub dhcp_xid: u32,
    pub dhcpv6: AskedV6,
}

/// The question of a DHCPv6 client.
pub struct AskedV6 {
    pub asker: Ipv6Addr,
    pub transaction: u32,
    pub client: Vec<u8>,
}

impl Default for AskedV6 {
    fn default() -> AskedV6 {
        AskedV6 { asker: OURS6, transaction: 0, client: Vec::new() }
    }
}

/// A connection as the stranger last saw it.
pub struct Flow {
    pub v6: bool,
    pub ours: u16,
    pub theirs: u16,
    /// What the stack sends next, and what it expects.
    pub next: u32,
    pub ack: u32,
    /// TSval and TSecr.
    pub stamps: (u32, u32),
}

struct Wire {
    mtu: usize,
    /// Packets may be others' (raw sockets, forwarding).
    others: bool,
    full: bool,
    seen: Seen,
}

impl World {
    pub fn new(setting: Setting) -> World {
        let memory = Memory::new();
        memory.set_ring(1 << 13);
        memory.set_largest_ring(1 << 15);
        memory.set_limit(if setting.limit == 0 { 1 << 20 } else { usize::from(setting.limit) << 10 });
        let now = Instant::from_millis(1000);
        // Any SYN with text may open a connection, any SYN of ours have some.
        let fast_open = FastOpenModes::all() - FastOpenModes::ALL_LISTENERS;
        let mut stack = Stack::new(Config { seed: [7; 32], fast_open, ..Config::default() }, Box::new(memory.pool()));
        // Small ones, one of 1280 to 9000, or the bus's.
        let mtu = match setting.mtu {
            0..100 => u32::from(setting.mtu) * 12 + 68,
            60_000.. => 65535,
            other => 1280 + u32::from(other) % 7720,
        };
        let caps = LinkCaps { checksum_offload: setting.checksum_offload, segment_offload: 0 };
        stack.add_interface(now, InterfaceConfig { name: "fuzz0".into(), mac: MAC, mtu, caps });
        stack.add_address(now, ON, OURS, 24).expect("a good address");
        let _ = stack.add_address(now, ON, OURS6, 64);
        let gateway = |via| netstack::route::Route {
            dst: netstack::IpNet::new(via, 0).network(),
            via: Some(via),
            on: ON,
            metric: 0,
        };
        let _ = stack.add_route(gateway(PEER.into()));
        let _ = stack.add_route(gateway(PEER6.into()));
        stack.set_forwarding(setting.forwarding);
        if setting.forwarding {
            let what = Advertising { lifetime: 12, servers: vec![PEER6], search: vec!["fuzz.example".into()] };
            let _ = stack.advertise(now, ON, what);
        }
        if setting.automatic {
            let _ = stack.enable_ipv6(now, ON, true);
            let _ = stack.use_temporary_addresses(ON, TemporaryAddresses::Preferred);
            let how = AutoConfig { link_local: true, host_name: Some("fuzz".into()), metric: 1 };
            stack.configure_automatically(now, ON, how).expect("once");
        }
        let wire = Wire { mtu: mtu as usize, others: setting.forwarding, full: false, seen: Seen::default() };
        World { stack, memory, now, sockets: Sockets::default(), wire }
    }

    /// What the stranger has seen.
    #[cfg(test)]
    pub fn seen(&self) -> &Seen {
        &self.wire.seen
    }

    /// One thing happens, and the stack runs.
    pub fn step(&mut self, op: Op) {
        match op {
            Op::Frame(frame) => self.input(frame.build(&self.wire.seen), false),
            Op::Trusted(frame) => self.input(frame.build(&self.wire.seen), true),
            Op::Reflect { changes, count } => {
                let mut frame = self.wire.seen.reflected();
                for (at, value) in changes.iter().take(usize::from(count % 3)) {
                    if let Some(byte) = frame.get_mut(14 + usize::from(*at)) {
                        *byte = *value;
                    }
                }
                self.input(frame, true);
            }
            Op::Call(call) => {
                self.wire.others |= matches!(call, Call::Raw { .. });
                let World { stack, memory, now, sockets, .. } = self;
                sockets.call(stack, memory, *now, call);
            }
            // A full link is tried again every millisecond or so.
            Op::Pass(ms) if self.wire.full => self.pass(Duration::from_millis(u64::from(ms % 2000))),
            Op::Pass(ms) => self.pass(Duration::from_millis(ms.into())),
            Op::Room(yes) => self.wire.full = !yes,
            Op::PeerDied { v6: false } => self.stack.peer_died(self.now, PEER.into()),
            Op::PeerDied { v6: true } => self.stack.peer_died(self.now, PEER6.into()),
        }
        self.poll();
    }

    /// Everything is closed, and time passes: the stack holds nothing any longer, and rests.
    pub fn end(mut self) {
        self.wire.full = false;
        self.sockets.close_all(&mut self.stack, self.now);
        self.stack.release_leases(self.now);
        self.stack.stop_advertising(self.now);
        self.poll();
        for _ in 0..30 {
            self.pass(Duration::from_secs(120));
        }
        assert_eq!(self.memory.charged(), 0, "the queues of a stack at rest");
        let held: Vec<Key> = self.sockets.unreleased();
        assert!(held.is_empty(), "sockets that are never released: {held:?}");
    }

    fn input(&mut self, frame: Vec<u8>, checksum_good: bool) {
        self.stack.input(
            self.now,
            ON,
            &frame,
            RxMeta { checksum: Checksum::partial_if(checksum_good), segment_size: 0 },
        );
    }

    fn poll(&mut self) {
        self.stack.poll(self.now, &mut self.wire);
        self.sockets.take_news(&mut self.stack);
        let mut notices = Vec::new();
        self.stack.take_notices(&mut notices);
    }

    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        for _ in 0..MOST_DEADLINES {
            let Some(next) = self.stack.next_deadline().filter(|next| *next <= until) else {
                self.now = until;
                return;
            };
            self.now = self.now.max(next);
            self.poll();
        }
        panic!("the stack asks to be run without end");
    }
}

impl Sink for Wire {
    fn transmit(&mut self, on: IfIndex, frame: &TxFrame<'_>) -> TxResult {
        assert_eq!(on, ON);
        if self.full {
            return TxResult::Full;
        }
        let bytes = frame.parts().concat();
        if self.others {
            check::others_frame(&bytes, self.mtu);
        } else {
            check::frame(&bytes, self.mtu, frame.checksum_partial);
        }
        self.seen.note(bytes);
        TxResult::Sent
    }
}

impl Seen {
    /// The IP packet that was sent last.
    pub fn last_packet(&self, v6: bool) -> &[u8] {
        if v6 { &self.last_v6 } else { &self.last_v4 }
    }

    fn note(&mut self, frame: Vec<u8>) {
        let packet = frame[14..].to_vec();
        let (v6, at) = match frame[12..14] {
            [8, 0] => (false, 20),
            [0x86, 0xdd] => (true, 40),
            _ => return,
        };
        let protocol = packet[if v6 { 6 } else { 9 }];
        match (protocol, packet.get(at..)) {
            (6, Some(segment)) => self.note_segment(v6, segment),
            (17, Some([0, 68, 0, 67, _, _, _, _, _, _, _, _, a, b, c, d, ..])) => {
                self.dhcp_xid = u32::from_be_bytes([*a, *b, *c, *d]);
            }
            (17, Some([2, 0x22, 2, 0x23, _, _, _, _, message @ ..])) if v6 => self.note_question(&packet, message),
            _ => {}
        }
        *if v6 { &mut self.last_v6 } else { &mut self.last_v4 } = packet;
        self.last = frame;
    }

    fn note_question(&mut self, packet: &[u8], message: &[u8]) {
        let (Ok(packet), Ok(message)) = (ipv6::Packet::parse(packet), dhcpv6::Message::parse(message)) else { return };
        let client = message.option(dhcpv6::option::CLIENT_ID).unwrap_or_default().to_vec();
        self.dhcpv6 = AskedV6 { asker: packet.src(), transaction: message.transaction, client };
    }

    fn note_segment(&mut self, v6: bool, segment: &[u8]) {
        let Ok(it) = etherparse::TcpSlice::from_slice(segment) else { return };
        let (ours, theirs) = (it.source_port(), it.destination_port());
        let len = it.payload().len() as u32 + u32::from(it.syn()) + u32::from(it.fin());
        let next = it.sequence_number().wrapping_add(len);
        let stamps = it.options_iterator().find_map(|option| match option {
            Ok(etherparse::TcpOptionElement::Timestamp(value, echo)) => Some((value, echo)),
            _ => None,
        });
        let ack = it.acknowledgment_number();
        let seen = Flow { v6, ours, theirs, next, ack, stamps: stamps.unwrap_or_default() };
        match self.flows.iter_mut().find(|flow| (flow.v6, flow.ours, flow.theirs) == (v6, ours, theirs)) {
            Some(flow) => *flow = seen,
            None => self.flows.insert(0, seen),
        }
        self.flows.truncate(16);
    }

    /// What was sent last, with addresses and ports exchanged.
    fn reflected(&self) -> Vec<u8> {
        let mut frame = self.last.clone();
        if frame.len() < 14 {
            return frame;
        }
        let mut exchange = |a: usize, b: usize, len: usize| {
            if frame.len() >= b + len {
                (0..len).for_each(|at| frame.swap(a + at, b + at));
            }
        };
        exchange(0, 6, 6);
        match self.last[12..14] {
            [8, 0] => {
                exchange(26, 30, 4);
                exchange(34, 36, 2);
            }
            [0x86, 0xdd] => {
                exchange(22, 38, 16);
                exchange(54, 56, 2);
            }
            _ => {}
        }
        frame
    }
}
