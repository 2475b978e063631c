//! Sequence numbers: a circle of 2³² (RFC 9293 §3.4).

use core::ops::{Add, AddAssign, Sub};

/// A sequence number. Compared as RFC 9293 §3.4 says: `a` is before `b` if the way from `a` forward to `b` is the shorter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Seq(pub u32);

impl Seq {
    /// `self < other` on the circle.
    pub fn before(self, other: Seq) -> bool {
        (self.0.wrapping_sub(other.0) as i32) < 0
    }

    /// `self <= other` on the circle.
    pub fn at_or_before(self, other: Seq) -> bool {
        !other.before(self)
    }

    /// `self > other` on the circle.
    pub fn after(self, other: Seq) -> bool {
        other.before(self)
    }

    /// `self >= other` on the circle.
    pub fn at_or_after(self, other: Seq) -> bool {
        !self.before(other)
    }

    /// The later of two.
    pub fn max(self, other: Seq) -> Seq {
        if self.before(other) { other } else { self }
    }
}

impl Add<u32> for Seq {
    type Output = Seq;
    fn add(self, n: u32) -> Seq {
        Seq(self.0.wrapping_add(n))
    }
}

impl AddAssign<u32> for Seq {
    fn add_assign(&mut self, n: u32) {
        *self = *self + n;
    }
}

impl Sub<u32> for Seq {
    type Output = Seq;
    fn sub(self, n: u32) -> Seq {
        Seq(self.0.wrapping_sub(n))
    }
}

/// The way from `earlier` forward to `self`, in bytes.
impl Sub<Seq> for Seq {
    type Output = u32;
    fn sub(self, earlier: Seq) -> u32 {
        self.0.wrapping_sub(earlier.0)
    }
}
