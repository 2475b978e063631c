//! A TAP interface as a link.

use super::{Doorbell, Link, News, Parts};
use crate::descriptor::{self, Protected};
use crate::host;
use netstack::link::{Checksum, LinkCaps, Mac, RxMeta, TxFrame, TxResult};
use rustix::event::EventfdFlags;
use rustix::fd::AsRawFd;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;
use tapif::{PartialChecksum, Receive, Segments, Tap, Transmit, Version};

/// Opens the TAP interface `name`; `passes_on`: what comes in may leave by another link. The error is a sentence.
pub(crate) fn attach(name: &str, mac: Option<[u8; 6]>, mtu: Option<u32>, passes_on: bool) -> Result<Parts, String> {
    let tap = Tap::open(name, mtu).map_err(|e| e.to_string())?;
    if mac == Some(tap.host_mac()) {
        return Err(format!("mac={} is the address of the host's end of {name}: take another", Mac(tap.host_mac())));
    }
    let fail = |errno| format!("the TAP interface {name} cannot be waited for: {errno}");
    let tap = tap.held_by(|tun| Arc::new(descriptor::protect(tun)));
    let wake = rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map_err(fail)?;
    let wake = descriptor::protect(wake);
    let mtu = tap.mtu();
    // Both ways or none: a host that joins segments for us cuts ours. A router would have to cut what was joined again.
    let segment_offload = if !passes_on && tap.take_joined_segments() { LARGEST_PACKET } else { 0 };
    let longest = if segment_offload > 0 { tapif::LONGEST } else { mtu as usize + 18 };
    let buffer = vec![0; longest].into_boxed_slice();
    let mac = Mac(mac.unwrap_or(tap.mac()));
    let device = tap.holder().clone();
    let link = TapLink { tap, mac, buffer, segment_offload, state: Health::Up };
    Ok(Parts { link: Box::new(link), bell: Arc::new(TapBell { device, wake }), lead: None, mtu })
}

/// What the user knows of the device.
#[derive(PartialEq)]
enum Health {
    Up,
    /// Down or gone, and it has been said.
    Lost,
    /// Down or gone, to be said.
    JustLost,
}

struct TapLink {
    tap: Tap<Arc<Protected>>,
    mac: Mac,
    buffer: Box<[u8]>,
    /// See [`LinkCaps::segment_offload`].
    segment_offload: u32,
    state: Health,
}

impl Link for TapLink {
    fn mac(&self) -> Mac {
        self.mac
    }

    fn caps(&self) -> LinkCaps {
        LinkCaps { checksum_offload: true, segment_offload: self.segment_offload }
    }

    /// Nobody keeps a table of the addresses of an Ethernet: the stack uses the address and probes beside (RFC 5227).
    fn claim(&mut self, address: Ipv4Addr, prefix: u8, any: bool) -> Result<Ipv4Addr, String> {
        if any {
            return Err(format!("addr={address}/{prefix} names a net; on a TAP interface name the host too"));
        }
        Ok(address)
    }

    fn transmit(&mut self, frame: &TxFrame<'_>) -> TxResult {
        let checksum = if frame.checksum_partial { checksum_place(frame.head) } else { None };
        match self.tap.transmit(&frame.parts(), checksum, segments(frame)) {
            Transmit::Sent => TxResult::Sent,
            Transmit::Full => TxResult::Full,
            Transmit::Down => {
                if self.state == Health::Up {
                    self.state = Health::JustLost;
                }
                TxResult::Sent
            }
        }
    }

    fn receive(&mut self, max: usize, each: &mut dyn FnMut(&[u8], RxMeta)) -> usize {
        for n in 0..max {
            match self.tap.receive(&mut self.buffer) {
                Receive::Frame { len, checksum, segment_size } => {
                    let checksum = match checksum {
                        tapif::Checksum::Unknown => Checksum::Unknown,
                        tapif::Checksum::Good => Checksum::Good,
                        tapif::Checksum::Partial(_) => Checksum::Partial,
                    };
                    let meta = RxMeta { checksum, segment_size };
                    each(&self.buffer[..len], meta);
                }
                Receive::Empty => return n,
                Receive::Gone => {
                    if self.state == Health::Up {
                        self.state = Health::JustLost;
                    }
                    return n;
                }
            }
        }
        max
    }

    fn news(&mut self) -> Vec<News> {
        if self.state != Health::JustLost {
            return Vec::new();
        }
        self.state = Health::Lost;
        vec![News::Warning(format!("the TAP interface {} is down or was removed: nothing passes", self.tap.name()))]
    }
}

/// Bytes of the largest IP packet.
const LARGEST_PACKET: u32 = 65_535;

const ETHERNET: usize = 14;

/// How the host is to cut a frame.
fn segments(frame: &TxFrame<'_>) -> Option<Segments> {
    let version = if frame.head.get(ETHERNET)? >> 4 == 6 { Version::V6 } else { Version::V4 };
    let headers = u16::try_from(frame.head.len()).ok()?;
    (frame.segment_size > 0).then_some(Segments { version, headers, size: frame.segment_size })
}

/// Where the transport checksum of a frame without extension headers is still to be completed.
fn checksum_place(head: &[u8]) -> Option<PartialChecksum> {
    let ip = head.get(ETHERNET..)?;
    let (start, protocol) = match ip.first()? >> 4 {
        4 => (ETHERNET + usize::from(ip.first()? & 15) * 4, ip.get(9)?),
        6 => (ETHERNET + 40, ip.get(6)?),
        _ => return None,
    };
    let offset = match i32::from(*protocol) {
        libc::IPPROTO_TCP => 16,
        libc::IPPROTO_UDP => 6,
        libc::IPPROTO_ICMPV6 => 2,
        _ => return None,
    };
    Some(PartialChecksum { start: u16::try_from(start).ok()?, offset })
}

/// The link's thread polls the device and an eventfd.
struct TapBell {
    device: Arc<Protected>,
    wake: Protected,
}

impl TapBell {
    fn poll(&self, timeout: Option<Duration>) -> [libc::pollfd; 2] {
        let poll = |fd: &Protected| libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        let mut fds = [poll(&self.device), poll(&self.wake)];
        let _ = host::ppoll(&mut fds, timeout, None);
        fds
    }
}

impl Doorbell for TapBell {
    fn sleep(&self, timeout: Option<Duration>, awake: &mut dyn FnMut() -> bool) {
        if awake() {
            return;
        }
        let [device, wake] = self.poll(timeout);
        if wake.revents != 0 {
            let mut count = [0; 8];
            let _ = rustix::io::read(&self.wake, &mut count);
        }
        // A removed device polls as ready for ever.
        if device.revents & (libc::POLLERR | libc::POLLNVAL) != 0 {
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn interrupt(&self) {
        let _ = rustix::io::write(&self.wake, &1u64.to_ne_bytes());
    }

    fn has_input(&self) -> bool {
        false
    }
}
