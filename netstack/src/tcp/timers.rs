//! The deadlines of one connection. The stack's timer queue holds only the earliest, so moving one later costs nothing.

use crate::time::Instant;

/// What a connection can wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timer {
    /// RFC 6298 §5: the oldest unacknowledged sequence number is sent again.
    Retransmit,
    /// Output waits with nothing in flight, for a window (RFC 9293 §3.8.6.1) or for more data (§3.8.6.2.1 override,
    /// `TCP_CORK`): a probe, or what there is.
    Persist,
    /// RFC 9293 §3.8.6.3: an acknowledgement that hoped for data to travel with.
    DelayedAck,
    /// RFC 9293 §3.8.4, and `TCP_USER_TIMEOUT` of a silent connection.
    Keepalive,
    /// RFC 8985 §6.2: a segment that others have overtaken is taken for lost if it is still missing.
    Reorder,
    /// RFC 8985 §7: nothing has come for two round trips.
    Probe,
    /// Text waits for its time to leave ([`pacing`](super::pacing)).
    Pacing,
}

const COUNT: usize = 7;
/// In the order in which they are run if several are due: a probe goes instead of a timeout of the same moment.
const ALL: [Timer; COUNT] = [
    Timer::Reorder,
    Timer::Probe,
    Timer::Retransmit,
    Timer::Persist,
    Timer::DelayedAck,
    Timer::Keepalive,
    Timer::Pacing,
];
const NEVER: Instant = Instant(u64::MAX);

/// At most one deadline a kind.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timers {
    at: [Instant; COUNT],
    /// What the stack's queue holds for this connection.
    queued: Instant,
}

impl Timers {
    pub(super) fn new() -> Timers {
        Timers { at: [NEVER; COUNT], queued: NEVER }
    }

    pub(super) fn set(&mut self, timer: Timer, at: Instant) {
        self.at[timer as usize] = at;
    }

    pub(super) fn cancel(&mut self, timer: Timer) {
        self.at[timer as usize] = NEVER;
    }

    /// The deadline; the end of time if there is none.
    pub(super) fn at(&self, timer: Timer) -> Instant {
        self.at[timer as usize]
    }

    pub(super) fn is_set(&self, timer: Timer) -> bool {
        self.at[timer as usize] != NEVER
    }

    /// Takes one that is due.
    pub(super) fn pop_expired(&mut self, now: Instant) -> Option<Timer> {
        let timer = ALL.into_iter().find(|&timer| self.at[timer as usize] <= now)?;
        self.cancel(timer);
        Some(timer)
    }

    /// What the stack's queue must be told, if it holds no deadline or a later one than the earliest here.
    pub(super) fn earlier_than_queued(&mut self) -> Option<Instant> {
        let earliest = self.at.into_iter().fold(NEVER, Instant::min);
        if earliest >= self.queued {
            return None;
        }
        self.queued = earliest;
        Some(earliest)
    }

    /// The stack's queue has let go of this connection.
    pub(super) fn dequeued(&mut self) {
        self.queued = NEVER;
    }
}
