//! The urgent mark of a ring: a byte of the stream that stands out (RFC 9293 §3.8.5), with what Linux remembers of it.
//!
//! It lies beside the ring's positions and is one atomic word, so that whoever reads the stream sees it no later than the bytes
//! behind it. The producer sets it; the consumer takes the byte, and forgets the mark when it has passed it.

use crate::memory::Header;
use std::sync::atomic::Ordering;

/// What is known of the byte at a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrgentByte {
    /// It has not come.
    Announced,
    /// This is it.
    Arrived(u8),
    /// It was read out of line.
    Taken,
}

/// A mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Position of the byte in the stream, as of the ring's ends; less than 2⁵⁴.
    pub position: u64,
    /// The byte.
    pub byte: UrgentByte,
}

impl Mark {
    /// The position, the kind and the byte; never 0, which is no mark.
    fn word(self) -> u64 {
        let (kind, byte) = match self.byte {
            UrgentByte::Announced => (1, 0),
            UrgentByte::Arrived(byte) => (2, byte),
            UrgentByte::Taken => (3, 0),
        };
        self.position << 10 | kind << 8 | u64::from(byte)
    }

    fn of(word: u64) -> Option<Mark> {
        let byte = match word >> 8 & 3 {
            1 => UrgentByte::Announced,
            2 => UrgentByte::Arrived(word as u8),
            3 => UrgentByte::Taken,
            _ => return None,
        };
        Some(Mark { position: word >> 10, byte })
    }
}

/// The producer's and the consumer's ways to the mark.
impl Header {
    pub(crate) fn urgent(&self) -> Option<Mark> {
        Mark::of(self.mark().load(Ordering::Acquire))
    }

    pub(crate) fn set_urgent(&self, mark: Mark) {
        self.mark().store(mark.word(), Ordering::Release);
    }

    /// The byte at `mark` is read out of line: true for the one who gets it.
    pub(crate) fn take_urgent(&self, mark: Mark) -> bool {
        let taken = Mark { byte: UrgentByte::Taken, ..mark };
        self.mark().compare_exchange(mark.word(), taken.word(), Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// `mark` has been passed; a newer one stays.
    pub(crate) fn forget_urgent(&self, mark: Mark) {
        let _ = self.mark().compare_exchange(mark.word(), 0, Ordering::AcqRel, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ring;

    #[test]
    fn a_mark_goes_with_the_bytes() {
        let (mut producer, mut consumer) = ring::heap(64);
        producer.write(b"before");
        assert_eq!(consumer.urgent(), None);
        producer.set_urgent(Mark { position: 6, byte: UrgentByte::Announced });
        producer.set_urgent(Mark { position: 6, byte: UrgentByte::Arrived(b'!') });
        producer.write(b"!after");
        let mark = consumer.urgent().unwrap();
        assert_eq!(mark, Mark { position: 6, byte: UrgentByte::Arrived(b'!') });
        assert!(consumer.take_urgent(mark));
        assert!(!consumer.take_urgent(mark), "once");
        consumer.consume(6);
        assert_eq!(consumer.urgent(), Some(Mark { position: 6, byte: UrgentByte::Taken }));
        consumer.consume(1);
        assert_eq!(consumer.urgent(), None, "passed");
    }

    #[test]
    fn a_newer_mark_is_not_forgotten_with_the_older() {
        let (mut producer, mut consumer) = ring::heap(64);
        producer.write(b"abcdef");
        producer.set_urgent(Mark { position: 1, byte: UrgentByte::Arrived(b'b') });
        let old = consumer.urgent().unwrap();
        let newer = Mark { position: 4, byte: UrgentByte::Arrived(b'e') };
        producer.set_urgent(newer);
        assert!(!consumer.take_urgent(old));
        consumer.consume(2);
        assert_eq!(consumer.urgent(), Some(newer));
    }

    #[test]
    fn every_mark_has_its_word() {
        for byte in [UrgentByte::Announced, UrgentByte::Arrived(0), UrgentByte::Arrived(255), UrgentByte::Taken] {
            for position in [0, 1, (1 << 54) - 1] {
                let mark = Mark { position, byte };
                assert_eq!(Mark::of(mark.word()), Some(mark));
            }
        }
        assert_eq!(Mark::of(0), None);
    }
}
