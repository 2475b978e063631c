//! Eighth, check the FIN bit (RFC 9293 §3.10.7.4). The FIN may have come earlier than text before it.

use crate::tcp::delayed_ack::FIN_DELAY;
use crate::tcp::state::State;
use crate::tcp::tcb::Tcb;
use crate::tcp::timers::Timer;
use crate::time::Instant;

impl Tcb {
    pub(super) fn process_fin(&mut self, now: Instant) {
        if self.reassembly.fin() != Some(self.durable.rcv_nxt) || !self.durable.state.takes_text() {
            return;
        }
        self.durable.rcv_nxt += 1;
        self.touched = true;
        match self.durable.state {
            State::Established => {
                self.durable.state = State::CloseWait;
                // The program often closes at once, and then one segment says both.
                if !self.ack.is_due() {
                    self.ack.set_delayed();
                    self.timers.set(Timer::DelayedAck, now + FIN_DELAY);
                }
            }
            // Our own FIN is not acknowledged, or advance_state would have seen it.
            State::FinWait1 => {
                self.durable.state = State::Closing;
                self.ack.set_now();
            }
            _ => {
                self.durable.state = State::TimeWait;
                self.ack.set_now();
            }
        }
    }
}
