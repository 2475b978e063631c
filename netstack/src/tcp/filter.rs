//! SO_ATTACH_FILTER of TCP sockets: which segments they get.

use super::demux::{Owner, Tuple};
use super::{Tcp, TcpId};
use crate::filter::Program;
use crate::link::IfIndex;
use crate::slab::Handle;
use core::net::SocketAddr;

impl Tcp {
    /// Attaches a filter to a socket, or takes it away. A listener's is also that of the connections that it opens.
    pub(crate) fn attach(&mut self, id: TcpId, filter: Option<Program>) {
        match filter {
            Some(filter) if self.sockets.get(id.0).is_some() => self.filters.insert(id.0, filter),
            _ => self.filters.remove(&id.0),
        };
    }

    /// Has any socket a filter?
    #[inline]
    pub(crate) fn has_filters(&self) -> bool {
        !self.filters.is_empty()
    }

    /// The filter of the socket that gets segments between these ends that came by an interface. `chosen`: by the program of
    /// a group of listeners.
    pub(crate) fn filter_of(
        &self,
        local: SocketAddr,
        remote: SocketAddr,
        by: IfIndex,
        chosen: Option<u32>,
    ) -> Option<&Program> {
        let tuple = Tuple { local, remote };
        let socket = match self.demux.owner(&tuple).filter(|owner| self.hears(*owner, by)) {
            Some(Owner::Connection(handle)) => handle,
            Some(Owner::Request(handle)) => self.requests.get(handle)?.listener,
            Some(Owner::Remnant(_)) => return None,
            None => self.demux.listener(&tuple, |socket| self.bound_to(socket), by, chosen)?,
        };
        self.filters.get(&socket)
    }

    pub(super) fn inherit_filter(&mut self, child: Handle, listener: Handle) {
        if let Some(filter) = self.filters.get(&listener) {
            self.filters.insert(child, filter.clone());
        }
    }
}
