//! The script's end of the wire: every host of the world but the stack itself, as a node of a bus.
//!
//! packetdrill speaks raw IP. A thread of the device takes off what Ethernet needs: it answers for every address that the
//! stack asks for, drops what goes to groups, and keeps the rest until the script wants to see it.

use netstack::link::Mac;
use netstack::wire::{arp, checksum, ethernet};
use shmif::{Bell, Bus, BusError, Join, Port, Transmit, Who};
use std::collections::VecDeque;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

/// The stack's Ethernet address.
pub(crate) const STACK: Mac = Mac([2, 0, 0, 0, 0, 1]);
/// Everybody else's.
const WORLD: Mac = Mac([2, 0, 0, 0, 0, 2]);

/// A packet that left the stack.
pub(crate) struct Sniffed {
    /// From its IP header on.
    pub(crate) packet: Vec<u8>,
    /// When: nanoseconds of CLOCK_REALTIME.
    pub(crate) timestamp_ns: u64,
}

pub(crate) struct Device {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    port: Mutex<Port>,
    bell: Bell,
    sniffed: Mutex<VecDeque<Sniffed>>,
    arrived: Condvar,
    over: AtomicBool,
}

impl Device {
    /// Makes the bus and joins it.
    pub(crate) fn join(bus: &Path) -> Result<Device, BusError> {
        let join = Join { name: "packetdrill".into(), mac: Some(WORLD.0), mtu: shmif::MAX_MTU, promiscuous: false };
        let (port, bell) = Bus::open(bus, true)?.join(join)?;
        let shared = Arc::new(Shared {
            port: Mutex::new(port),
            bell,
            sniffed: Mutex::default(),
            arrived: Condvar::new(),
            over: AtomicBool::new(false),
        });
        let thread = thread::spawn({
            let shared = Arc::clone(&shared);
            move || shared.run()
        });
        Ok(Device { shared, thread: Some(thread) })
    }

    /// Gives an IP packet to the stack. False: there is no room, or it is none.
    pub(crate) fn send(&self, packet: &[u8]) -> bool {
        let ethertype = match packet.first().map(|byte| byte >> 4) {
            Some(4) => ethernet::IPV4,
            Some(6) => IPV6,
            _ => return false,
        };
        self.shared.transmit(ethertype, packet)
    }

    /// Waits for the next packet of the stack.
    pub(crate) fn receive(&self) -> Sniffed {
        let mut sniffed = lock(&self.shared.sniffed);
        loop {
            match sniffed.pop_front() {
                Some(first) => return first,
                None => sniffed = self.shared.arrived.wait(sniffed).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        self.shared.bell.ring(Who::Foreground);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Ethertype of IPv6.
const IPV6: u16 = 0x86dd;

impl Shared {
    /// The life of the device's thread.
    fn run(&self) {
        let mut frames = Vec::new();
        while !self.over.load(Ordering::SeqCst) {
            {
                let mut port = lock(&self.port);
                // What else a bell rings for: nodes that have gone.
                port.table_changes();
                port.receive(64, &mut |frame, meta| {
                    let mut frame = frame.to_vec();
                    if meta.checksum_partial {
                        checksum::complete(&mut frame);
                    }
                    frames.push((frame, meta.timestamp_ns));
                });
            }
            if frames.is_empty() {
                self.sleep();
            }
            frames.drain(..).for_each(|(frame, timestamp_ns)| self.take(&frame, timestamp_ns));
        }
    }

    fn sleep(&self) {
        let token = self.bell.prepare(Who::Foreground);
        if self.bell.has_input() || self.over.load(Ordering::SeqCst) {
            self.bell.cancel(Who::Foreground);
        } else {
            self.bell.sleep(Who::Foreground, token, None);
        }
    }

    fn take(&self, frame: &[u8], timestamp_ns: u64) {
        let Ok((header, payload)) = ethernet::parse(frame) else { return };
        match header.ethertype {
            ethernet::ARP => self.answer(payload),
            ethernet::IPV4 | IPV6 if header.dst == WORLD => {
                lock(&self.sniffed).push_back(Sniffed { packet: payload.to_vec(), timestamp_ns });
                self.arrived.notify_one();
            }
            _ => {}
        }
    }

    /// Whoever is asked for is here, but for the stack's own addresses, for which it asks to find out whether it is alone.
    fn answer(&self, packet: &[u8]) {
        let Ok(asked) = arp::Packet::parse(packet) else { return };
        let probes = asked.sender.is_unspecified() || asked.sender == asked.target;
        if asked.operation == arp::Operation::Request && !probes {
            let reply = arp::Packet {
                operation: arp::Operation::Reply,
                sender_mac: WORLD,
                sender: asked.target,
                target_mac: asked.sender_mac,
                target: asked.sender,
            };
            self.transmit(ethernet::ARP, &reply.emit());
        }
    }

    fn transmit(&self, ethertype: u16, payload: &[u8]) -> bool {
        let header = ethernet::Header { dst: STACK, src: WORLD, ethertype }.emit();
        lock(&self.port).transmit(&[&header, payload], false) == Transmit::Sent
    }
}

/// A panic of another thread leaves nothing half done here.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
