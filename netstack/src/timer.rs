//! Deadlines by key: set, move, cancel and take the due ones, each in O(log n).

use crate::time::Instant;
use std::collections::{BTreeMap, BTreeSet};

/// A set of deadlines, at most one a key.
#[derive(Debug)]
pub(crate) struct TimerQueue<K> {
    by_time: BTreeSet<(Instant, K)>,
    by_key: BTreeMap<K, Instant>,
}

impl<K: Copy + Ord> TimerQueue<K> {
    pub(crate) fn new() -> TimerQueue<K> {
        TimerQueue { by_time: BTreeSet::new(), by_key: BTreeMap::new() }
    }

    /// Sets or moves the deadline of `key`.
    pub(crate) fn set(&mut self, key: K, at: Instant) {
        if let Some(old) = self.by_key.insert(key, at) {
            if old == at {
                return;
            }
            self.by_time.remove(&(old, key));
        }
        self.by_time.insert((at, key));
    }

    /// Forgets the deadline of `key`, if it has one.
    pub(crate) fn cancel(&mut self, key: K) {
        if let Some(at) = self.by_key.remove(&key) {
            self.by_time.remove(&(at, key));
        }
    }

    /// The deadline of `key`.
    pub(crate) fn at(&self, key: K) -> Option<Instant> {
        self.by_key.get(&key).copied()
    }

    /// The earliest deadline.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.by_time.first().map(|&(at, _)| at)
    }

    /// Takes out one key whose deadline is `now` or earlier, earliest first.
    pub(crate) fn pop_expired(&mut self, now: Instant) -> Option<K> {
        let &(at, key) = self.by_time.first()?;
        if at > now {
            return None;
        }
        self.by_time.pop_first();
        self.by_key.remove(&key);
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::TimerQueue;
    use crate::time::Instant;

    #[test]
    fn keys_come_due_in_the_order_of_their_last_setting() {
        let mut queue = TimerQueue::new();
        for (key, ms) in [('a', 30), ('b', 10), ('c', 20), ('d', 5)] {
            queue.set(key, Instant::from_millis(ms));
        }
        queue.set('b', Instant::from_millis(25));
        queue.cancel('d');
        assert_eq!(queue.next(), Some(Instant::from_millis(20)));
        let due: String = core::iter::from_fn(|| queue.pop_expired(Instant::from_millis(26))).collect();
        assert_eq!(due, "cb");
        assert_eq!(queue.next(), Some(Instant::from_millis(30)));
    }
}
