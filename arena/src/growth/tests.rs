use super::REACH;
use crate::memory::Region;
use crate::ring::{Consumer, Producer, heap};
use crate::{Arena, Side};

/// A stream in which each position has its own byte.
fn byte(at: u64) -> u8 {
    (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8
}

fn stream(at: u64, len: usize) -> Vec<u8> {
    (at..at + len as u64).map(byte).collect()
}

/// Numbers below `n`, the same in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n.max(1)
    }
}

#[test]
fn a_ring_that_grows_has_room_at_once_and_keeps_what_it_held() {
    let (mut p, mut c) = heap(8);
    p.write(b"01234567");
    c.consume(3);
    p.write(b"89");
    assert!(p.grow(Region::heap(32)).is_ok());
    assert_eq!(
        p.write(&[b'x'; 64]),
        1,
        "up to the end of the lap, while the old region holds more than fits before it"
    );
    c.consume(5);
    assert_eq!((p.capacity(), p.free()), (32, 29));
    p.write(b"abcdefgh");
    let mut all = [0; 16];
    assert_eq!(c.read(&mut all).0, 11);
    assert_eq!(&all[..11], b"89xabcdefgh");
}

#[test]
fn what_was_written_ahead_of_a_gap_stays_where_it_is() {
    let (mut p, mut c) = heap(16);
    p.write_at(4, b"efgh");
    assert!(p.grow(Region::heap(64)).is_ok());
    p.write_at(20, b"uv");
    p.write_at(0, b"abcd");
    p.write_at(8, b"ijklmnopqrst");
    p.publish(22);
    let mut all = [0; 32];
    assert_eq!(c.read(&mut all).0, 22);
    assert_eq!(&all[..22], b"abcdefghijklmnopqrstuv");
}

#[test]
fn an_offer_is_taken_by_the_next_write() {
    let (mut p, mut c) = heap(8);
    assert_eq!(p.write(b"01234567"), 8);
    c.offer(Region::heap(32));
    assert!(c.has_offer());
    assert_eq!(p.write(b"89abcdef"), 8);
    assert!(!c.has_offer());
    let mut all = [0; 16];
    assert_eq!(c.read(&mut all).0, 16);
    assert_eq!(&all, b"0123456789abcdef");
}

#[test]
fn a_region_that_is_no_larger_or_comes_too_soon_is_given_back() {
    let (mut p, mut c) = heap(8);
    assert!(p.grow(Region::heap(8)).is_err());
    p.write(b"0123");
    assert!(p.grow(Region::heap(16)).is_ok());
    assert!(p.grow(Region::heap(64)).is_err(), "the consumer has not left the first one");
    p.write(b"456789");
    assert_eq!(c.read(&mut [0; 16]).0, 10);
    assert!(p.grow(Region::heap(64)).is_ok());
}

/// Whatever is written, ahead or in order, and whenever the ring grows, what comes out is what went in.
#[test]
fn a_growing_ring_is_a_stream() {
    for seed in 0..200 {
        let mut dice = Dice(seed);
        let start = [16, 64, 1024, 128 << 10][if seed % 100 == 50 { 3 } else { seed as usize % 3 }];
        let (mut p, mut c) = heap(start);
        // What lies ahead of the head, filled in order of the dice.
        let mut ahead: Vec<(u64, usize)> = Vec::new();
        for _ in 0..600 {
            let capacity = p.capacity();
            match dice.below(9) {
                0..3 => {
                    let n = dice.below(capacity + 4);
                    // Up to the first thing ahead, so that publishing passes nothing unwritten.
                    let room = ahead.iter().map(|&(at, _)| (at - p.position()) as usize).min().unwrap_or(n);
                    let data = stream(p.position(), n.min(room));
                    let (free, offered) = (p.free(), c.has_offer());
                    let written = p.write(&data);
                    let fits = data.len().min(free);
                    assert!(written == fits || offered && written > fits, "seed {seed}");
                }
                3 => {
                    let offset = dice.below(capacity);
                    let at = p.position() + offset as u64;
                    let n = p.write_at(offset, &stream(at, dice.below(capacity / 2)));
                    if n > 0 {
                        ahead.push((at, n));
                    }
                }
                4..7 => {
                    let n = dice.below(capacity + 4);
                    let at = c.position();
                    let mut got = vec![0; n];
                    let len = c.len();
                    let peeked = c.peek_at(0, &mut got);
                    got.truncate(peeked);
                    assert_eq!(got.len(), n.min(len), "seed {seed}");
                    assert!(got == stream(at, got.len()), "seed {seed}");
                    c.consume(got.len());
                }
                7 => {
                    let (offset, len) = (dice.below(c.len()), dice.below(REACH + 1));
                    let (a, b) = c.slices(offset, len);
                    assert_eq!(a.len() + b.len(), len.min(c.len() - offset), "seed {seed}: in two parts");
                    assert!([a, b].concat() == stream(c.position() + offset as u64, a.len() + b.len()), "seed {seed}");
                }
                _ if p.capacity() < (start << 5).min(1 << 20) => {
                    let larger = Region::heap(p.capacity() << (1 + dice.below(2)));
                    if dice.below(2) == 0 {
                        let _ = p.grow(larger);
                    } else {
                        c.offer(larger);
                    }
                }
                _ => {}
            }
            // What has been reached is published with what lay ahead of it.
            while let Some(i) = ahead.iter().position(|&(at, _)| at <= p.position()) {
                let (at, n) = ahead.swap_remove(i);
                p.publish((at + n as u64).saturating_sub(p.position()) as usize);
            }
            assert!(c.len() <= c.capacity() && p.used() <= p.capacity());
        }
        assert!(p.position() > 0);
    }
}

#[test]
fn a_ring_grows_between_two_threads() {
    const ALL: u64 = 32 << 20;
    fn produce(mut p: Producer) {
        let mut chunk = Vec::new();
        while p.position() < ALL {
            if p.free() == 0 {
                std::thread::yield_now();
            }
            let n = (ALL - p.position()).min(3001) as usize;
            chunk.clear();
            chunk.extend((p.position()..p.position() + n as u64).map(byte));
            p.write(&chunk);
        }
    }
    fn consume(mut c: Consumer) {
        let mut buf = vec![0; 5003];
        while c.position() < ALL {
            let at = c.position();
            if c.is_empty() {
                std::thread::yield_now();
            }
            let n = c.peek_at(0, &mut buf);
            assert!(buf[..n].iter().zip(at..).all(|(&got, at)| got == byte(at)), "around {at}");
            c.consume(n);
            if !c.has_offer() && at > c.capacity() as u64 * 4 && c.capacity() < 1 << 20 {
                c.offer(Region::heap(c.capacity() * 2));
            }
        }
        assert_eq!(c.capacity(), 1 << 20, "it has grown");
    }
    let (p, c) = heap(4096);
    let producer = std::thread::spawn(move || produce(p));
    consume(c);
    producer.join().expect("the producer ended well");
}

#[test]
fn scribbled_positions_stop_nobody_while_a_ring_grows() {
    let arena = Arena::new("rump-test", None).expect("an arena");
    for at in [0, 3, 5000, 1 << 40, u64::MAX - 1, u64::MAX] {
        let record = arena.record().expect("a record");
        let (mut p, mut c) = arena.ring(&record, Side::Rx, 4096).expect("a ring");
        p.write(&[1; 3000]);
        c.consume(1000);
        for size in [8192, 16384, 32768] {
            p.write_at(1500, &[2; 4096]);
            let _ = p.grow(arena.region(size).expect("memory"));
            let header = record.ring_header(Side::Rx);
            header.set_head(at);
            header.set_tail(at);
            p.write_at(0, &[3; 70_000]);
            p.write_at(9000, &[3; 70_000]);
            p.publish(5000);
            header.set_head(at);
            c.peek_at(0, &mut [0; 70_000]);
            c.consume(900);
            let _ = p.grow(arena.region(65536).expect("memory"));
            c.offer(arena.region(65536).expect("memory"));
            p.write(&[4; 70_000]);
            c.peek_at(7, &mut [0; 70_000]);
        }
    }
}

#[test]
fn the_old_region_goes_back_when_both_ends_have_left_it() {
    let arena = Arena::new("rump-test", Some(1 << 20)).expect("an arena");
    let record = arena.record().expect("a record");
    let (mut p, mut c) = arena.ring(&record, Side::Tx, 4096).expect("a ring");
    p.write(&[1; 4096]);
    assert!(p.grow(arena.region(16384).expect("memory")).is_ok());
    assert_eq!(arena.used(), 4096 + 16384);
    p.write(&[1; 100]);
    assert_eq!(c.peek_at(0, &mut [0; 4196]), 4196);
    c.consume(4196);
    assert_eq!(arena.used(), 16384);
    drop((p, c));
    assert_eq!(arena.used(), 0);
}
