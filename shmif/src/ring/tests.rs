use super::*;
use model::{Model, Step};

mod model;

/// A ring in private memory.
struct Heap {
    entries: Box<[AtomicU64; RING]>,
    head: AtomicU64,
    tail: AtomicU64,
}

impl Heap {
    fn new() -> Heap {
        Heap {
            entries: Box::new([const { AtomicU64::new(0) }; RING]),
            head: AtomicU64::new(0),
            tail: AtomicU64::new(0),
        }
    }

    fn ring(&self) -> Ring<'_> {
        Ring { entries: &self.entries, head: &self.head, tail: &self.tail }
    }
}

fn numbered(sequence: u64) -> Descriptor {
    Descriptor { slot: 3, block: 4, sequence }
}

/// Reads what is there from `head` on.
fn read(ring: &Ring<'_>, head: &mut u64) -> Vec<u64> {
    let mut all = Vec::new();
    while let Some(frame) = ring.peek(*head) {
        all.push(frame.sequence);
        *head += 1;
        ring.advance(*head);
    }
    ring.repair(*head);
    all
}

#[test]
fn a_ring_holds_its_length_and_wraps() {
    let heap = Heap::new();
    let ring = heap.ring();
    let (mut head, mut known) = (0, 0);
    for lap in 0..5 {
        for n in 0..RING as u64 {
            assert!(ring.has_room(&mut known));
            assert_eq!(ring.publish(numbered(n), &mut known), Ok(lap * RING as u64 + n));
        }
        assert!(!ring.has_room(&mut known));
        assert_eq!(ring.publish(numbered(0), &mut known), Err(Full));
        assert_eq!(read(&ring, &mut head), (0..RING as u64).collect::<Vec<_>>());
    }
}

#[test]
fn a_tail_that_was_left_behind_is_walked_over() {
    let heap = Heap::new();
    let ring = heap.ring();
    for n in 0..10 {
        ring.publish(numbered(n), &mut 0).expect("room");
    }
    // As if their senders had been killed before they could move it.
    heap.tail.store(3, Ordering::Relaxed);
    assert_eq!(ring.publish(numbered(10), &mut 0), Ok(10));
    assert_eq!(read(&ring, &mut 0).len(), 11);
}

#[test]
fn scribbled_positions_cost_frames_and_are_put_right() {
    for (tail, head) in [(1000, 0), (5_000_000, 0), (u64::MAX, 0), (0, 1 << 40), (7, u64::MAX), (u64::MAX, u64::MAX)] {
        let heap = Heap::new();
        let ring = heap.ring();
        let (mut own, mut known) = (0, 0);
        for n in 0..10 {
            ring.publish(numbered(n), &mut known).expect("room");
        }
        assert_eq!(read(&ring, &mut own).len(), 10);
        heap.tail.store(tail, Ordering::Relaxed);
        heap.head.store(head, Ordering::Relaxed);
        for n in 0..4 {
            let _ = ring.publish(numbered(n), &mut known);
        }
        // The reader may see these or not; from its next look on everything is as before.
        read(&ring, &mut own);
        for n in 0..100 {
            ring.publish(numbered(n), &mut known).expect("room");
        }
        let got = read(&ring, &mut own);
        assert!(got.ends_with(&(0..100).collect::<Vec<_>>()), "{tail} {head}: {got:?}");
    }
}

#[test]
fn scribbled_entries_are_overwritten_or_read_as_frames_and_end() {
    let heap = Heap::new();
    let ring = heap.ring();
    let (mut head, mut known) = (0, 0);
    let mut junk = 0x2545_f491_4f6c_dd1du64;
    for _ in 0..20 {
        for entry in heap.entries.iter() {
            junk ^= junk << 13;
            junk ^= junk >> 7;
            junk ^= junk << 17;
            // Now and then one that claims to be of this lap.
            let tag = if junk.is_multiple_of(3) { Descriptor::tag(head) } else { junk };
            entry.store(tag | junk & 0xffff, Ordering::Relaxed);
        }
        assert!(read(&ring, &mut head).len() <= RING);
        while ring.publish(numbered(1), &mut known).is_ok() {}
        assert!(read(&ring, &mut head).len() <= 2 * RING);
    }
    assert!(ring.publish(numbered(9), &mut known).is_ok());
    assert_eq!(read(&ring, &mut head), [9]);
}

/// Runs three senders and the reader in a random order of single accesses, and kills some of the senders at a random one.
fn senders_in_any_order(seed: u64) {
    // Two places before the end of a lap.
    let start = RING as u64 * 3 - 2;
    let model = Model::new(seed);
    let entry = |n: u64| {
        let position = if n < start % RING as u64 {
            start - start % RING as u64 + n
        } else {
            start - RING as u64 + n - start % RING as u64
        };
        model.word(numbered(0).entry(position))
    };
    let entries: Vec<_> = (0..RING as u64).map(entry).collect();
    let Ok(entries) = Box::<[_; RING]>::try_from(entries) else { unreachable!("of that length") };
    let (head, tail) = (model.word(start), model.word(start));
    let ring = Ring { entries: &entries, head: &head, tail: &tail };
    let mut read = Vec::new();
    let published = model.run(
        3,
        |sender, step: &Step| {
            let mut known = start;
            let mut published = 0;
            for n in 0..3 {
                step.may_be_killed(sender != 0);
                if ring.publish(Descriptor { slot: sender, block: n, sequence: 1 }, &mut known).is_ok() {
                    published += 1;
                    step.done(published);
                }
            }
        },
        |more| {
            let mut own = start + read.len() as u64;
            while more() {
                if let Some(frame) = ring.peek(own) {
                    read.push(frame);
                    own += 1;
                    ring.advance(own);
                } else {
                    ring.repair(own);
                }
            }
            while let Some(frame) = ring.peek(own) {
                read.push(frame);
                own += 1;
            }
        },
    );
    for (sender, published) in published.into_iter().enumerate() {
        let own: Vec<usize> = read.iter().filter(|frame| frame.slot == sender).map(|frame| frame.block).collect();
        // Each once and in order; one killed between the swap and its report may have one more.
        assert!(own.iter().copied().eq(0..own.len()), "seed {seed}: sender {sender}: {own:?}");
        assert!(
            own.len() == published || own.len() == published + 1 && sender != 0,
            "seed {seed}: {own:?} {published}"
        );
    }
}

#[test]
fn whatever_the_order_and_whoever_is_killed_each_frame_is_read_once() {
    (1..=400).for_each(senders_in_any_order);
}
