//! What sockets ask of flow labels (IPV6_FLOWLABEL_MGR), and the engine's answers.

use super::Reply;
use crate::endpoint::SocketId;
use crate::engine::Engine;
use crate::{Errno, Result, errno};
use netstack::flow_label::LabelRequest;
use netstack::socket::Key;
use netstack::time::Instant;
use std::time::Duration;

/// The flow labels of sockets.
#[derive(Debug)]
pub enum FlowLabelCall {
    /// IPV6_FL_A_GET: [`Reply::FlowLabel`].
    Get(LabelRequest),
    /// IPV6_FL_A_PUT. Errors: ESRCH.
    Put(u32),
    /// The socket gives up all that it holds.
    PutAll,
    /// IPV6_FL_A_RENEW: for how long it lingers and stays, and whether it may be anybody's. Errors: ESRCH.
    Renew(u32, (Duration, Duration), bool),
    /// getsockopt(2) of one: [`Reply::FlowLabelView`]. Errors: ENOENT.
    View(u32),
    /// It is about to be sent: [`Reply::FlowLabelHeaders`]. Errors: EINVAL.
    ToSend(u32),
}

impl Engine {
    pub(super) fn answer_flow_label(&mut self, now: Instant, id: SocketId, call: FlowLabelCall) -> Result<Reply> {
        let (stack, key) = (&mut self.stack, Key(id));
        match call {
            FlowLabelCall::Get(request) => {
                stack.flow_label_get(now, key, request).map(Reply::FlowLabel).map_err(errno::flow_label)
            }
            FlowLabelCall::Put(label) => {
                stack.flow_label_put(now, key, label).map(|()| Reply::Done).map_err(|_| Errno::SRCH)
            }
            FlowLabelCall::PutAll => {
                stack.flow_label_put_all(now, key);
                Ok(Reply::Done)
            }
            FlowLabelCall::Renew(label, times, anybodys) => {
                let renewed = stack.flow_label_renew(now, key, label, times, anybodys);
                renewed.map(|()| Reply::Done).map_err(|_| Errno::SRCH)
            }
            FlowLabelCall::View(label) => {
                stack.flow_label(now, key, label).map(Reply::FlowLabelView).ok_or(Errno::NOENT)
            }
            FlowLabelCall::ToSend(label) => {
                let headers = stack.flow_label_to_send(now, key, label);
                headers.map(Reply::FlowLabelHeaders).map_err(|_| Errno::INVAL)
            }
        }
    }
}
