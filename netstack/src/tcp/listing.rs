//! What listeners and connections there are.

use super::socket::{Kind, Socket};
use super::state::State;
use super::{Tcp, TcpId};
use crate::slab::Handle;
use crate::socket::Listed;

impl Tcp {
    pub(crate) fn listed(&self) -> Vec<Listed> {
        let sockets = self.sockets.iter().filter_map(|(handle, socket)| describe(handle, socket));
        let (mut all, connections): (Vec<_>, Vec<_>) = sockets.partition(|listed| listed.state == State::Listen);
        all.extend(connections);
        all.extend(self.requests.values().map(|request| {
            let on = request.options.bound_to;
            Listed { on, ..Listed::of_nobody(request.tuple.local, request.tuple.remote, State::SynReceived) }
        }));
        all.extend(self.remnants.values().map(|remnant| {
            let state = if remnant.fin_wait_2 { State::FinWait2 } else { State::TimeWait };
            let tuple = remnant.tuple();
            Listed { on: remnant.limits.on, ..Listed::of_nobody(tuple.local, tuple.remote, state) }
        }));
        all
    }
}

fn describe(handle: Handle, socket: &Socket) -> Option<Listed> {
    let status = socket.status();
    let (received, sent) = match &socket.kind {
        Kind::Idle(_) => return None,
        Kind::Listening(listener) => (listener.accept_queue.len(), listener.backlog),
        Kind::Connection(tcb) => (tcb.rx.view().used(), status.unsent + status.unacked),
    };
    let options = socket.options();
    Some(Listed {
        key: Some(socket.key),
        local: status.local?,
        remote: status.remote,
        state: status.state,
        on: options.bound_to,
        v6_only: socket.binding.is_some_and(|binding| binding.options.v6_only),
        received,
        sent,
        shut: (status.peer_closed, status.write_closed),
        tcp: Some((TcpId(handle), options.congestion)),
    })
}
