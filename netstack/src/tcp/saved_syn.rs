//! TCP_SAVE_SYN, tcp(7): the headers of the SYN that opened a connection, for the program that accepts it.

use super::options::TcpOptions;
use super::seam::IpMeta;
use super::{Tcp, TcpId};
use crate::ip::Received;
use crate::slab::Handle;
use crate::wire::tcp;
use std::collections::btree_map::Entry;

/// What of a SYN is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SaveSyn {
    /// Nothing.
    #[default]
    Nothing,
    /// Its headers from IP's on.
    FromIp,
    /// And its Ethernet header.
    FromLink,
}

/// Extension headers may be long, and come from anybody: of a SYN with more than this nothing is kept.
const MOST: usize = 2048;

/// The headers of a SYN, if the listener keeps them.
pub(super) fn headers(options: &TcpOptions, ip: &IpMeta<'_>) -> Option<Box<[u8]>> {
    let Received { bytes, payload, link, .. } = ip.packet;
    let header = tcp::header_bytes(payload);
    let link = match options.save_syn {
        SaveSyn::Nothing => return None,
        SaveSyn::FromIp => None,
        SaveSyn::FromLink => Some(link.emit()),
    };
    let before = &bytes[..bytes.len() - payload.len()];
    let whole = [link.as_ref().map_or(&[][..], |link| link), before, header].concat();
    (whole.len() <= MOST).then(|| whole.into())
}

impl Tcp {
    /// A connection has the SYN that its request kept.
    pub(super) fn inherit_syn(&mut self, child: Handle, saved: Option<&[u8]>) {
        if let Some(saved) = saved {
            self.saved_syns.insert(child, saved.into());
        }
    }

    /// TCP_SAVED_SYN: takes what was kept, nothing where that has been done, or tells how long it is where there is not so much
    /// room.
    pub(crate) fn take_saved_syn(&mut self, id: TcpId, room: usize) -> Result<Box<[u8]>, usize> {
        match self.saved_syns.entry(id.0) {
            Entry::Occupied(saved) if saved.get().len() > room => Err(saved.get().len()),
            Entry::Occupied(saved) => Ok(saved.remove()),
            Entry::Vacant(_) => Ok(Box::default()),
        }
    }
}
