//! One direction of the wire: a bottleneck with a queue, then a delay. Time is an argument, in nanoseconds.

use std::collections::VecDeque;

/// What the direction does to frames.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How long the bottleneck takes for a byte.
    pub ns_per_byte: f64,
    /// From the end of the bottleneck to the other side.
    pub delay_ns: u64,
    /// Bytes that may wait before the bottleneck.
    pub queue_bytes: u64,
    /// Probability that a frame that can be lost is.
    pub loss: f64,
    /// Probability that a frame is held back.
    pub reorder: f64,
    /// For how long.
    pub hold_ns: u64,
    /// Of both probabilities.
    pub seed: u64,
}

/// What became of frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Came through, or are on their way.
    pub carried: u64,
    /// By chance.
    pub lost: u64,
    /// The queue was full.
    pub overflowed: u64,
    /// Held back.
    pub held: u64,
}

/// A frame on its way, with what is to be known of it at the other end.
struct Travelling<T> {
    due: u64,
    bytes: Vec<u8>,
    tag: T,
}

/// See the module.
pub struct Direction<T> {
    settings: Settings,
    /// When the bottleneck has sent all that it was given.
    free_at: f64,
    straight: VecDeque<Travelling<T>>,
    held: VecDeque<Travelling<T>>,
    /// Frames so far that chance decided on: the n-th has the same fate whoever sends it.
    losable: u64,
    orderable: u64,
    counts: Counts,
    spare: Vec<Vec<u8>>,
}

impl<T: Copy> Direction<T> {
    /// An empty one.
    pub fn new(settings: Settings) -> Direction<T> {
        Direction {
            settings,
            free_at: 0.0,
            straight: VecDeque::new(),
            held: VecDeque::new(),
            losable: 0,
            orderable: 0,
            counts: Counts::default(),
            spare: Vec::new(),
        }
    }

    /// A frame enters. `losable`: chance may take it.
    pub fn enter(&mut self, now: u64, frame: &[u8], tag: T, losable: bool) {
        let s = self.settings;
        let chance = losable.then(|| {
            self.losable += 1;
            fate(s.seed, self.losable)
        });
        let start = self.free_at.max(now as f64);
        let waiting = (start - now as f64) / s.ns_per_byte;
        if waiting + frame.len() as f64 > s.queue_bytes as f64 {
            self.counts.overflowed += 1;
            return;
        }
        self.free_at = start + frame.len() as f64 * s.ns_per_byte;
        // After the bottleneck, so that what is lost has used it, as on a real path.
        if chance.is_some_and(|chance| chance < s.loss) {
            self.counts.lost += 1;
            return;
        }
        self.orderable += 1;
        let due = self.free_at as u64 + s.delay_ns;
        let mut bytes = self.spare.pop().unwrap_or_default();
        bytes.clear();
        bytes.extend_from_slice(frame);
        self.counts.carried += 1;
        if s.reorder > 0.0 && fate(!s.seed, self.orderable) < s.reorder {
            self.counts.held += 1;
            self.held.push_back(Travelling { due: due + s.hold_ns, bytes, tag });
        } else {
            self.straight.push_back(Travelling { due, bytes, tag });
        }
    }

    /// When the next frame comes out.
    pub fn next_due(&self) -> Option<u64> {
        [&self.straight, &self.held].into_iter().filter_map(|queue| queue.front()).map(|frame| frame.due).min()
    }

    /// Hands over the frames that are due by `now`, each with the time it was due.
    pub fn leave(&mut self, now: u64, mut each: impl FnMut(u64, &[u8], T)) {
        while let Some(due) = self.next_due().filter(|due| *due <= now) {
            let queue =
                if self.held.front().is_some_and(|held| held.due == due) { &mut self.held } else { &mut self.straight };
            let Some(frame) = queue.pop_front() else { return };
            each(frame.due, &frame.bytes, frame.tag);
            self.spare.push(frame.bytes);
        }
    }

    /// What became of all frames so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }
}

/// A number in 0..1 for the n-th frame (SplitMix64).
fn fate(seed: u64, n: u64) -> f64 {
    let mut z = seed.wrapping_mul(0xd134_2543_de82_ef95).wrapping_add(n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 8 Mbit/s is a byte a microsecond.
    const WIRE: Settings = Settings {
        ns_per_byte: 1000.0,
        delay_ns: 5_000_000,
        queue_bytes: 3000,
        loss: 0.0,
        reorder: 0.0,
        hold_ns: 2_000_000,
        seed: 7,
    };

    fn out(direction: &mut Direction<()>) -> Vec<(u64, u8)> {
        let mut frames = Vec::new();
        direction.leave(u64::MAX, |due, frame, ()| frames.push((due, frame[0])));
        frames
    }

    #[test]
    fn a_frame_takes_its_length_and_the_delay() {
        let mut direction = Direction::new(WIRE);
        direction.enter(100, &[1; 1000], (), true);
        direction.enter(100, &[2; 500], (), true);
        assert_eq!(direction.next_due(), Some(6_000_100));
        direction.leave(6_000_099, |_, _, ()| panic!("too soon"));
        assert_eq!(out(&mut direction), [(6_000_100, 1), (6_500_100, 2)]);
    }

    #[test]
    fn the_queue_is_bounded_in_bytes_and_drains_at_the_rate() {
        let mut direction = Direction::new(WIRE);
        for n in 1..=4 {
            direction.enter(0, &[n; 1000], (), true);
        }
        assert_eq!(direction.counts(), Counts { carried: 3, overflowed: 1, ..Counts::default() });
        direction.enter(1_000_000, &[5; 1000], (), true);
        assert_eq!(out(&mut direction).iter().map(|(_, n)| *n).collect::<Vec<_>>(), [1, 2, 3, 5]);
    }

    #[test]
    fn what_is_held_back_is_overtaken() {
        let mut direction = Direction::new(Settings { reorder: 0.5, queue_bytes: 1 << 20, ..WIRE });
        for n in 0..100 {
            direction.enter(0, &[n; 500], (), true);
        }
        let order: Vec<u8> = out(&mut direction).iter().map(|(_, n)| *n).collect();
        assert_eq!(order.len(), 100);
        assert!(!order.is_sorted() && direction.counts().held > 30);
    }

    #[test]
    fn the_same_seed_loses_the_same_frames_and_about_as_many_as_it_should() {
        let lost = |seed| {
            let mut direction = Direction::new(Settings { loss: 0.03, queue_bytes: u64::MAX, seed, ..WIRE });
            (0..10_000u64)
                .filter(|n| {
                    let before = direction.counts().lost;
                    direction.enter(*n, &[0; 60], (), true);
                    direction.enter(*n, &[0; 60], (), false);
                    direction.counts().lost > before
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(lost(1), lost(1));
        assert_ne!(lost(1), lost(2));
        assert!((200..400).contains(&lost(1).len()), "{}", lost(1).len());
    }
}
