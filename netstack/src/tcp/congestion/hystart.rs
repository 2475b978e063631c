//! HyStart++ (RFC 9406): slow start ends when round trips grow, before the queue that makes them grow is full.

use super::AckEvent;
use crate::tcp::seq::Seq;
use crate::time::Duration;

const MIN_RTT_THRESH: Duration = Duration::from_millis(4);
const MAX_RTT_THRESH: Duration = Duration::from_millis(16);
const MIN_RTT_DIVISOR: u32 = 8;
const N_RTT_SAMPLE: u32 = 8;
const CSS_GROWTH_DIVISOR: u32 = 4;
const CSS_ROUNDS: u32 = 5;

/// How slow start goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Growth {
    /// The window grows by what was delivered, divided by this.
    By(u32),
    /// Congestion avoidance begins: the threshold is the window.
    Stop,
}

/// RFC 9406 §4.2.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct HyStart {
    /// The round ends when this is acknowledged: windowEnd.
    round_end: Option<Seq>,
    last_round_min: Option<Duration>,
    this_round_min: Option<Duration>,
    samples: u32,
    /// Conservative slow start: cssBaselineMinRtt, and rounds of it so far.
    conservative: Option<(Duration, u32)>,
}

impl HyStart {
    /// An acknowledgement came in the initial slow start.
    pub(super) fn on_ack(&mut self, ack: &AckEvent) -> Growth {
        if self.round_end.is_none_or(|end| ack.una.at_or_after(end)) {
            self.round_end = Some(ack.nxt);
            self.last_round_min = self.this_round_min.take();
            self.samples = 0;
            if let Some((_, rounds)) = &mut self.conservative {
                *rounds += 1;
                if *rounds >= CSS_ROUNDS {
                    return Growth::Stop;
                }
            }
        }
        if let Some(rtt) = ack.rtt {
            self.this_round_min = Some(self.this_round_min.map_or(rtt, |min| min.min(rtt)));
            self.samples += 1;
        }
        if self.samples >= N_RTT_SAMPLE
            && let Some(this) = self.this_round_min
        {
            match (self.conservative, self.last_round_min) {
                (None, Some(last)) => {
                    let threshold = (last / MIN_RTT_DIVISOR).clamp(MIN_RTT_THRESH, MAX_RTT_THRESH);
                    if this >= last + threshold {
                        self.conservative = Some((this, 0));
                    }
                }
                // The growth was an accident.
                (Some((baseline, _)), _) if this < baseline => self.conservative = None,
                _ => {}
            }
        }
        Growth::By(if self.conservative.is_some() { CSS_GROWTH_DIVISOR } else { 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::ack;
    use super::*;

    /// One round of ten acknowledgements, each with this round trip.
    fn round(hystart: &mut HyStart, number: u32, ms: u64) -> Growth {
        let rtt = Some(Duration::from_millis(ms));
        let event = |i| AckEvent { rtt, una: Seq(number * 10 + i), nxt: Seq(number * 10 + 10), ..ack(0, 1000) };
        (0..10).map(|i| hystart.on_ack(&event(i))).last().unwrap()
    }

    #[test]
    fn growing_round_trips_slow_the_growth_and_then_end_it() {
        let mut hystart = HyStart::default();
        assert_eq!(round(&mut hystart, 0, 100), Growth::By(1));
        assert_eq!(round(&mut hystart, 1, 105), Growth::By(1), "less than an eighth more");
        assert_eq!(round(&mut hystart, 2, 119), Growth::By(4));
        for number in 3..7 {
            assert_eq!(round(&mut hystart, number, 120), Growth::By(4));
        }
        let event = AckEvent { una: Seq(70), nxt: Seq(80), ..ack(0, 1000) };
        assert_eq!(hystart.on_ack(&event), Growth::Stop);
    }

    #[test]
    fn a_false_alarm_is_taken_back() {
        let mut hystart = HyStart::default();
        round(&mut hystart, 0, 100);
        assert_eq!(round(&mut hystart, 1, 130), Growth::By(4));
        assert_eq!(round(&mut hystart, 2, 101), Growth::By(1));
    }
}
