//! Was a recovery needed? Two proofs that it was not: the acknowledgement of what was sent again echoes a timestamp from
//! before that (Eifel, RFC 3522), or every repetition is reported as a duplicate (D-SACK, RFC 3708).

use super::seq::Seq;

/// What is known of the repetitions of a recovery.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Undo {
    /// SND.UNA when the recovery began. None: nothing to be undone.
    marker: Option<Seq>,
    /// Bytes repeated and not reported as duplicates; None before the first repetition.
    unproven: Option<u32>,
    /// The clock of timestamps, without offset, at the first repetition.
    first_repetition: Option<u32>,
}

impl Undo {
    /// A recovery begins.
    pub(super) fn begin(&mut self, una: Seq) {
        *self = Undo { marker: Some(una), ..Undo::default() };
    }

    /// There is nothing to be undone any more.
    pub(super) fn end(&mut self) {
        *self = Undo::default();
    }

    /// `bytes` were sent again.
    pub(super) fn on_repeated(&mut self, bytes: u32, millis: u32) {
        self.first_repetition.get_or_insert(millis);
        if self.marker.is_some() {
            self.unproven = Some(self.unproven.unwrap_or(0).saturating_add(bytes));
        }
    }

    /// The receiver had `start..end` already.
    pub(super) fn on_duplicate(&mut self, start: Seq, end: Seq) {
        if let (Some(marker), Some(unproven)) = (self.marker, &mut self.unproven)
            && end.after(marker)
        {
            *unproven = unproven.saturating_sub(end - start.max(marker));
        }
    }

    /// Every repetition was reported as a duplicate.
    pub(super) fn all_duplicates(&self) -> bool {
        self.marker.is_some() && self.unproven == Some(0)
    }

    /// `echo`: the timestamp, without offset, that an acknowledgement of something new echoes. True if that was sent before
    /// the first repetition: the original has arrived.
    pub(super) fn original_arrived(&self, echo: Option<u32>) -> bool {
        let before = |(echo, first): (u32, u32)| (echo.wrapping_sub(first) as i32) < 0;
        self.marker.is_some() && echo.zip(self.first_repetition).is_some_and(before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicates_of_all_repetitions_prove_it() {
        let mut undo = Undo::default();
        undo.begin(Seq(1000));
        assert!(!undo.all_duplicates());
        undo.on_repeated(100, 5);
        undo.on_repeated(100, 6);
        undo.on_duplicate(Seq(500), Seq(600));
        undo.on_duplicate(Seq(1000), Seq(1100));
        assert!(!undo.all_duplicates());
        undo.on_duplicate(Seq(1100), Seq(1200));
        assert!(undo.all_duplicates());
    }

    #[test]
    fn an_echo_from_before_the_repetition_proves_it() {
        let mut undo = Undo::default();
        undo.begin(Seq(1000));
        assert!(!undo.original_arrived(Some(4)));
        undo.on_repeated(100, 5);
        assert!(undo.original_arrived(Some(4)));
        assert!(!undo.original_arrived(Some(5)));
        assert!(!undo.original_arrived(None));
    }
}
