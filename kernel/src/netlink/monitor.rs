//! Who is told what changes: the sockets that have joined groups of NETLINK_ROUTE. The engine asks after each run.

use super::Mailbox;
use super::answer::notification;
use super::route::{Network, changes};
use std::sync::{Arc, Weak};

/// See the module.
#[derive(Default)]
pub(crate) struct Monitor {
    mailboxes: Vec<Weak<Mailbox>>,
    /// What they know, and [`Stack::network_changes`](netstack::Stack::network_changes) of then.
    known: Option<(Network, u64)>,
}

impl Monitor {
    /// Tells this one from now on. `now`: the tables as they are, and the count of their changes.
    pub(crate) fn add(&mut self, mailbox: Weak<Mailbox>, now: impl FnOnce() -> (Network, u64)) {
        self.known.get_or_insert_with(now);
        if !self.mailboxes.iter().any(|other| other.ptr_eq(&mailbox)) {
            self.mailboxes.push(mailbox);
        }
    }

    /// Whether somebody knows other tables than those after so many changes.
    pub(crate) fn is_behind(&self, changes: u64) -> bool {
        self.known.as_ref().is_some_and(|(_, known)| *known != changes)
    }

    /// Tells what is different now.
    pub(crate) fn tell(&mut self, now: Network, count: u64) {
        let listening: Vec<Arc<Mailbox>> = self.mailboxes.iter().filter_map(Weak::upgrade).collect();
        let listening: Vec<_> = listening.into_iter().filter(|mailbox| mailbox.groups() != 0).collect();
        self.mailboxes = listening.iter().map(Arc::downgrade).collect();
        let Some((known, _)) = self.known.take().filter(|_| !listening.is_empty()) else { return };
        for (row, flags) in changes(&known, &now) {
            let Some(group) = row.group() else { continue };
            let message = notification(row, flags);
            listening.iter().for_each(|mailbox| mailbox.tell(group, &message));
        }
        self.known = Some((now, count));
    }
}
