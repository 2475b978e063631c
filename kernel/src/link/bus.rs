//! A bus as a link.

use super::{Doorbell, Lead, Link, News, Parts};
use crate::descriptor;
use netstack::link::{Checksum, LinkCaps, Mac, RxMeta, TxFrame, TxResult};
use shmif::{Attender, Bell, Bus, BusEvent, Join, Port, Received, Sleep, Token, Transmit, Who};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

/// Largest IP packet on a bus unless the user says otherwise: all that IPv4 can carry.
const MTU: u32 = 65535;

/// Joins the bus at `path`, which is made if it is not there. The error is a sentence.
pub(crate) fn attach(path: &Path, name: &str, mac: Option<[u8; 6]>, mtu: Option<u32>) -> Result<Parts, String> {
    let mtu = mtu.unwrap_or(MTU);
    let bus = Bus::open(path, true).map_err(|e| e.to_string())?;
    descriptor::protect_number(bus.number());
    let join = Join { name: name.to_string(), mac, mtu, promiscuous: false };
    let (port, bell) = bus.join(join).map_err(|e| e.to_string())?;
    let bell = Arc::new(BusBell(bell));
    Ok(Parts { link: Box::new(BusLink { port: Some(port) }), bell: bell.clone(), lead: Some(bell), mtu })
}

struct BusLink {
    /// None after the node has left.
    port: Option<Port>,
}

impl Link for BusLink {
    fn mac(&self) -> Mac {
        Mac(self.port.as_ref().map_or([0; 6], Port::mac))
    }

    fn caps(&self) -> LinkCaps {
        LinkCaps { checksum_offload: true, segment_offload: 0 }
    }

    fn claim(&mut self, address: Ipv4Addr, prefix: u8, any: bool) -> Result<Ipv4Addr, String> {
        let port = self.port.as_mut().ok_or("the bus has been left")?;
        if any {
            return port.claim_free(address, prefix).map_err(|e| e.to_string());
        }
        port.claim(address, prefix).map(|()| address).map_err(|e| e.to_string())
    }

    fn transmit(&mut self, frame: &TxFrame<'_>) -> TxResult {
        let Some(port) = &mut self.port else { return TxResult::Sent };
        match port.transmit(&frame.parts(), frame.checksum_partial) {
            Transmit::Full => TxResult::Full,
            Transmit::Sent | Transmit::TooLong => TxResult::Sent,
        }
    }

    fn receive(&mut self, max: usize, each: &mut dyn FnMut(&[u8], RxMeta)) -> usize {
        let Some(port) = &mut self.port else { return 0 };
        port.receive(max, &mut |frame, Received { checksum_partial, .. }| {
            each(frame, RxMeta { checksum: Checksum::partial_if(checksum_partial), segment_size: 0 });
        })
    }

    fn news(&mut self) -> Vec<News> {
        let Some(port) = &mut self.port else { return Vec::new() };
        let mut news = Vec::new();
        for gone in port.table_changes() {
            news.push(News::PeerGone(gone.addresses.iter().map(|&(addr, _)| IpAddr::V4(addr)).collect()));
        }
        for event in port.events() {
            news.push(News::Warning(match event {
                BusEvent::Removed => {
                    "the bus file was removed: the nodes that are on it go on, but nobody can join them any more".into()
                }
                BusEvent::Evicted => {
                    "the program closed the bus file and another node took its place: this node is off the bus".into()
                }
                BusEvent::Truncated => {
                    "the bus file was cut short by another program: this node is off the bus from now on".into()
                }
                other => format!("the bus says: {other:?}"),
            }));
        }
        news
    }

    fn set_promiscuous(&mut self, on: bool) {
        if let Some(port) = &self.port {
            port.set_promiscuous(on);
        }
    }

    fn leave(&mut self) {
        self.port = None;
    }
}

/// The bell of a node: the link's thread sleeps in the background, a program thread that leads in the foreground.
struct BusBell(Bell);

impl Doorbell for BusBell {
    fn enter(&self) {
        self.0.enter_background_thread();
    }

    fn sleep(&self, timeout: Option<Duration>, awake: &mut dyn FnMut() -> bool) {
        let token = self.0.prepare(Who::Background);
        if awake() {
            self.0.cancel(Who::Background);
            return;
        }
        let _ = self.0.sleep(Who::Background, token, timeout);
        self.0.cancel(Who::Background);
    }

    fn interrupt(&self) {
        self.0.ring(Who::Background);
    }

    fn has_input(&self) -> bool {
        self.0.has_input()
    }

    fn attend(&self) {
        self.0.attend(Attender::Owner);
    }

    fn neglect(&self) {
        self.0.neglect(Attender::Owner);
    }

    fn close_in_child(&self) {
        self.0.close_in_child();
    }
}

impl Lead for BusBell {
    fn prepare(&self) -> Token {
        self.0.prepare(Who::Foreground)
    }

    fn sleep(&self, token: Token, timeout: Option<Duration>) -> bool {
        self.0.sleep(Who::Foreground, token, timeout) == Sleep::Interrupted
    }

    fn cancel(&self) {
        self.0.cancel(Who::Foreground);
    }

    fn ring(&self) {
        self.0.ring(Who::Foreground);
    }

    fn spin_begins(&self) {
        self.0.attend(Attender::Spinner);
    }

    fn spin_ends(&self) {
        self.0.neglect(Attender::Spinner);
    }

    fn word(&self) -> &AtomicU32 {
        self.0.foreground_word()
    }
}
