//! F-RTO (RFC 5682): the acknowledgements after a retransmission timeout tell whether it was spurious.

use super::{News, Phase};
use crate::tcp::tcb::Tcb;

/// RFC 5682 §3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frto {
    /// The timeout is taken to be genuine.
    Off,
    /// Step 2: the next acknowledgement tells.
    Armed,
    /// Step 2b: new text goes first, and what it brings tells.
    Probing,
}

impl Tcb {
    /// RFC 5682 §3.1, the SACK-enhanced F-RTO, and without SACK §2.1.
    pub(super) fn leave_loss(&mut self, news: &News, needless: bool) {
        let (una, nxt) = (self.durable.snd_una, self.durable.snd_nxt);
        if needless || self.recovery.undo.all_duplicates() {
            return self.undo(true);
        }
        let all = una.at_or_after(self.recovery.high);
        match self.recovery.frto {
            // Step 3b: what was sent once arrives, so not all was lost.
            Frto::Armed | Frto::Probing if news.original => return self.undo(true),
            // Step 3a.
            Frto::Probing if nxt.after(self.recovery.high) && (news.sacked > 0 || news.duplicate) => {
                self.recovery.frto = Frto::Off;
            }
            Frto::Probing if nxt.after(self.recovery.high) => {}
            // Step 2b.
            Frto::Armed if news.acked > 0 && !all => {
                let can_send = self.unsent() > 0 && self.durable.snd_wnd > self.outstanding();
                self.recovery.frto = if can_send { Frto::Probing } else { Frto::Off };
                self.recovery.high = nxt;
                return;
            }
            // Step 2a: a duplicate acknowledgement first.
            Frto::Armed if news.duplicate || news.sacked > 0 => self.recovery.frto = Frto::Off,
            _ => {}
        }
        if all {
            self.recovery.phase = Phase::Open;
            self.recovery.frto = Frto::Off;
            self.recovery.duplicates = 0;
        }
    }
}
