//! How late frames leave the wire: a histogram in steps of 10 µs.

const STEP_NS: u64 = 10_000;
const STEPS: usize = 1000;

/// See the module.
pub struct Lateness {
    steps: [u64; STEPS],
    count: u64,
    most_ns: u64,
}

impl Lateness {
    /// Nothing seen yet.
    pub fn new() -> Lateness {
        Lateness { steps: [0; STEPS], count: 0, most_ns: 0 }
    }

    /// A frame left this long after it was due.
    pub fn add(&mut self, ns: u64) {
        self.steps[((ns / STEP_NS) as usize).min(STEPS - 1)] += 1;
        self.count += 1;
        self.most_ns = self.most_ns.max(ns);
    }

    /// Microseconds that this fraction of frames did not exceed.
    pub fn quantile_us(&self, fraction: f64) -> u64 {
        let mut left = (self.count as f64 * fraction) as u64;
        let step = self.steps.iter().position(|n| {
            let here = left < *n;
            left = left.saturating_sub(*n);
            here
        });
        (step.map_or(0, |step| step as u64 + 1) * STEP_NS / 1000).min(self.most_us())
    }

    /// Of the latest frame.
    pub fn most_us(&self) -> u64 {
        self.most_ns / 1000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles() {
        let mut lateness = Lateness::new();
        assert_eq!((lateness.quantile_us(0.99), lateness.most_us()), (0, 0));
        (0..99).for_each(|_| lateness.add(15_000));
        lateness.add(123_456);
        assert_eq!(lateness.quantile_us(0.5), 20);
        assert_eq!(lateness.quantile_us(0.99), 123);
        assert_eq!(lateness.most_us(), 123);
    }
}
