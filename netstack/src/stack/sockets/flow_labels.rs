//! User calls about flow labels (IPV6_FLOWLABEL_MGR): see [`flow_label`](crate::flow_label).

use std::sync::Arc;

use crate::flow_label::{LabelError, LabelRequest, LabelView};
use crate::ip::HeaderOptions;
use crate::socket::Key;
use crate::stack::Stack;
use crate::time::{Duration, Instant};

impl Stack {
    /// IPV6_FL_A_GET: the label that the socket may use from now on.
    pub fn flow_label_get(&mut self, now: Instant, key: Key, request: LabelRequest) -> Result<u32, LabelError> {
        self.flow_labels.get(now, key, request, &mut self.rng)
    }

    /// IPV6_FL_A_PUT: the socket does not use it any more.
    pub fn flow_label_put(&mut self, now: Instant, key: Key, label: u32) -> Result<(), LabelError> {
        self.flow_labels.put(now, key, label)
    }

    /// The socket uses none any more.
    pub fn flow_label_put_all(&mut self, now: Instant, key: Key) {
        self.flow_labels.put_all(now, key);
    }

    /// IPV6_FL_A_RENEW: for how long it lingers, and until when it stays. With `anybodys` it need not be the socket's.
    pub fn flow_label_renew(
        &mut self,
        now: Instant,
        key: Key,
        label: u32,
        times: (Duration, Duration),
        anybodys: bool,
    ) -> Result<(), LabelError> {
        self.flow_labels.renew(now, key, label, times, anybodys)
    }

    /// A label that the socket has.
    pub fn flow_label(&self, now: Instant, key: Key, label: u32) -> Option<LabelView> {
        self.flow_labels.view(now, key, label)
    }

    /// May the socket send with the label, and with which extension headers in place of its own that come before and with the
    /// routing header? `None`: its own.
    pub fn flow_label_to_send(
        &mut self,
        now: Instant,
        key: Key,
        label: u32,
    ) -> Result<Option<Arc<HeaderOptions>>, LabelError> {
        self.flow_labels.check(now, key, label)
    }
}
