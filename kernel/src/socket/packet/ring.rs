//! Rings of frames of a packet socket, and the memory in which they are.

use super::Socket;
use crate::backend::PacketCall;
use crate::signal::{RESTART, cancel};
use crate::{Errno, Result};
use arena::Window;
use netstack::PacketTo;
use netstack::packet::ring::{Direction, RingRequest};
use netstack::tx_timestamp::TxTimestampRequest;
use rustix::fs::{fstat, major, minor};
use std::sync::Arc;

impl Socket {
    /// PACKET_RX_RING, PACKET_TX_RING: makes a ring, or where it has no blocks ends one. Errors: EBUSY (mapped, or there is one),
    /// EINVAL, ENOMEM.
    pub(in crate::socket) fn set_ring(&self, direction: Direction, request: RingRequest) -> Result<()> {
        if self.endpoint.frames().windows().any(|window| is_mapped(window)) {
            return Err(Errno::BUSY);
        }
        self.packet(PacketCall::SetRing(direction, request))?;
        if direction == Direction::In
            && let Some(rings) = self.endpoint.rings()
        {
            // As on Linux, what has come in before is gone.
            let mut rx = rings.rx.lock();
            let len = rx.len();
            rx.consume(len);
        }
        Ok(())
    }

    /// mmap(2): the memory of its rings, which `len` bytes of a mapping from `offset` on have to be. Errors: EINVAL, ENODEV (SOCK_PACKET). None: it is no
    /// packet socket.
    pub fn windows(&self, len: usize, offset: i64) -> Option<Result<Vec<Arc<Window>>>> {
        if !self.is_packet() {
            return None;
        }
        if self.goes_by_name() {
            return Some(Err(Errno::NODEV));
        }
        let windows: Vec<_> = self.endpoint.frames().windows().cloned().collect();
        let there = windows.iter().map(|window| window.len()).sum::<usize>();
        let asked = len.checked_next_multiple_of(rustix::param::page_size());
        Some(if there > 0 && asked == Some(there) && offset == 0 { Ok(windows) } else { Err(Errno::INVAL) })
    }

    /// Sends what waits in the ring, as the program wants it done: all of it, or as much as fits.
    pub(super) fn send_ring(
        &self,
        flags: i32,
        to: Option<PacketTo>,
        tx_timestamp: Option<TxTimestampRequest>,
    ) -> Result<usize> {
        let mut sum = 0;
        loop {
            let sent = self.when_there_is_room(flags, || self.packet(PacketCall::SendRing(to, tx_timestamp)));
            match sent {
                Ok(0) => return Ok(sum),
                Ok(sent) => sum += sent,
                Err(Errno::AGAIN | Errno::INTR | RESTART) if sum > 0 => return Ok(sum),
                Err(error) => return Err(error),
            }
        }
    }
}

/// Has the program mapped it? Of the mappings that the host knows one is our own. Nobody tells us of munmap(2), mremap(2) and what
/// is mapped over.
fn is_mapped(window: &Window) -> bool {
    let Some(Ok(file)) = window.file().map(fstat) else { return false };
    let Ok(maps) = cancel::shielded(|| std::fs::read_to_string("/proc/self/maps")) else { return false };
    let device = format!("{:02x}:{:02x}", major(file.st_dev), minor(file.st_dev));
    let inode = file.st_ino.to_string();
    let is_it = |line: &&str| {
        let mut words = line.split_ascii_whitespace().skip(3);
        words.next() == Some(&device) && words.next() == Some(&inode)
    };
    maps.lines().filter(is_it).count() > 1
}
