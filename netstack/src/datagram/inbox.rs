//! The receiving side of all datagram sockets, and how SO_RCVBUF bounds it.

use std::collections::VecDeque;

use arena::{Producer, Region};

use super::{HEADER_LEN, truesize};
use crate::filter::{Program, View};
use crate::packet::Room;
use crate::rng::Rng;
use crate::socket::BufferPool;

/// SO_RCVBUF of a socket that has not said otherwise, in bytes: Linux's net.core.rmem_default.
pub const RECEIVE_BUFFER: usize = 212_992;

/// When there is room for one more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It fits, or nothing else waits (Linux: __udp_enqueue_schedule_skb()).
    Fits,
    /// What waits has not filled the queue; the last one may overfill it (sock_queue_rcv_skb()).
    NotFull,
}

/// Where every header says how many were dropped before.
pub(crate) const DROPS: usize = HEADER_LEN - 4;

/// See the module.
pub(crate) struct Inbox {
    rx: Producer,
    pub(crate) dropped: u64,
    /// SO_ATTACH_FILTER.
    pub(crate) filter: Option<Program>,
    admission: Admission,
    /// SO_RCVBUF, doubled as it shows.
    most: usize,
    /// Of each that waits, or has been read since the last look: where it ends in the ring, and what it is charged.
    waiting: VecDeque<(u64, usize)>,
    charged: usize,
    /// Where the ring goes on when it has become too small.
    larger: Option<Region>,
}

impl Inbox {
    pub(crate) fn new(rx: Producer, admission: Admission) -> Inbox {
        Inbox {
            rx,
            dropped: 0,
            filter: None,
            admission,
            most: RECEIVE_BUFFER,
            waiting: VecDeque::new(),
            charged: 0,
            larger: None,
        }
    }

    /// SO_RCVBUF, doubled: counts from the next datagram on.
    pub(crate) fn set_most(&mut self, bytes: usize, pool: &mut dyn BufferPool) {
        self.most = bytes;
        // What is charged is more than what it takes in the ring.
        let (has, wanted) = (self.rx.capacity(), bytes.next_power_of_two());
        self.larger = if wanted > has { pool.grow(has, wanted) } else { None };
    }

    /// How much of SO_RCVBUF is in use.
    pub(crate) fn charged(&mut self) -> usize {
        let read = self.rx.position() - self.rx.used() as u64;
        while let Some((_, charge)) = self.waiting.pop_front_if(|(end, _)| *end <= read) {
            self.charged -= charge;
        }
        self.charged
    }

    /// How many bytes of a packet the socket's filter accepts; all without a filter. None: it does not accept the packet.
    #[inline]
    pub(crate) fn accepts<'a>(&self, view: impl FnOnce() -> View<'a>, rng: &mut Rng) -> Option<usize> {
        match &self.filter {
            None => Some(usize::MAX),
            Some(filter) => match filter.run(&view(), &mut || rng.u32()) {
                0 => None,
                accepted => Some(accepted as usize),
            },
        }
    }

    /// Is there room for a packet of `len` bytes, and for a quarter of all besides?
    pub(crate) fn room(&mut self, len: usize) -> Room {
        match self.most.saturating_sub(self.charged() + truesize(len)) {
            0 => Room::None,
            left if left > self.most / 4 => Room::Plenty,
            _ => Room::Low,
        }
    }

    /// Would a datagram of `len` bytes be taken?
    pub(crate) fn has_room(&mut self, len: usize) -> bool {
        self.charged() < self.most && self.rx.free() >= HEADER_LEN + len
    }

    /// Puts a datagram into the ring behind its encoded header, which is told how many were dropped. `packet`: bytes that came,
    /// with the IP header. False if it did not fit.
    pub(crate) fn deliver(&mut self, header: &[u8; HEADER_LEN], parts: &[&[u8]], packet: usize) -> bool {
        let len = HEADER_LEN + parts.iter().map(|part| part.len()).sum::<usize>();
        let (charged, charge) = (self.charged(), truesize(packet));
        let admitted = match self.admission {
            Admission::Fits => charged == 0 || charged + charge <= self.most,
            Admission::NotFull => charged < self.most,
        };
        self.grow_for(len);
        if !admitted || self.rx.free() < len {
            self.dropped += 1;
            return false;
        }
        let mut header = *header;
        header[DROPS..].copy_from_slice(&(self.dropped as u32).to_le_bytes());
        self.rx.write_at(0, &header);
        let mut at = HEADER_LEN;
        for part in parts {
            self.rx.write_at(at, part);
            at += part.len();
        }
        self.rx.publish(len);
        self.waiting.push_back((self.rx.position(), charge));
        self.charged += charge;
        true
    }

    /// Goes over to the larger ring when half of this one is full: what waits must fit into it until then.
    fn grow_for(&mut self, len: usize) {
        if self.rx.used() + len > self.rx.capacity() / 2
            && let Some(larger) = self.larger.take()
        {
            let capacity = larger.capacity();
            self.larger = self.rx.grow(larger).err().filter(|_| capacity > self.rx.capacity());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(admission: Admission, most: usize, payload: usize) -> usize {
        let (rx, _reader) = arena::ring::heap(1 << 16);
        let mut inbox = Inbox::new(rx, admission);
        inbox.most = most;
        (0..100).filter(|_| inbox.deliver(&[0; HEADER_LEN], &[&vec![0; payload]], payload + 28)).count()
    }

    #[test]
    fn the_buffer_bounds_the_queue() {
        assert_eq!([1, 1000, 4000, 8000].map(|len| fill(Admission::Fits, 16384, len)), [19, 7, 1, 1]);
        assert_eq!([1, 1000, 4000, 8000].map(|len| fill(Admission::NotFull, 16384, len)), [20, 8, 2, 1]);
    }

    #[test]
    fn what_is_read_makes_room() {
        let (rx, mut reader) = arena::ring::heap(1 << 16);
        let mut inbox = Inbox::new(rx, Admission::Fits);
        inbox.most = 4608;
        let mut give = || inbox.deliver(&[0; HEADER_LEN], &[&[7; 1000]], 1028);
        assert_eq!([give(), give(), give()], [true, true, false]);
        reader.consume(HEADER_LEN + 1000);
        assert_eq!([give(), give()], [true, false]);
        assert_eq!((inbox.charged(), inbox.dropped), (4608, 2));
    }

    struct Grows;
    impl BufferPool for Grows {
        fn stream(&mut self, _: crate::socket::StreamSizes) -> Option<crate::socket::StreamBuffers> {
            None
        }
        fn receive_size(&self, _: crate::socket::StreamSizes) -> usize {
            0
        }
        fn grow(&mut self, _: usize, to: usize) -> Option<Region> {
            Some(Region::heap(to))
        }
        fn charge(&mut self, _: usize) -> bool {
            true
        }
        fn release(&mut self, _: usize) {}
    }

    #[test]
    fn a_larger_buffer_is_a_larger_ring() {
        let (rx, mut reader) = arena::ring::heap(1 << 12);
        let mut inbox = Inbox::new(rx, Admission::Fits);
        inbox.set_most(1 << 14, &mut Grows);
        inbox.set_most(1 << 16, &mut Grows);
        let mut give = |n: u8| inbox.deliver(&[n; HEADER_LEN], &[&[n; 1000]], 1028);
        assert_eq!((0..100).filter(|n| give(*n)).count(), (1 << 16) / 2304);
        for n in 0..(1 << 16) / 2304 {
            let mut one = [0; HEADER_LEN + 1000];
            assert_eq!(reader.read(&mut one).0, one.len());
            assert!(one[..DROPS] == [n as u8; DROPS] && one[HEADER_LEN..] == [n as u8; 1000]);
        }
    }
}
