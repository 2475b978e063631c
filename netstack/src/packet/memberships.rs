//! What an interface takes besides what is for its own station (PACKET_ADD_MEMBERSHIP).

use crate::link::{IfIndex, Mac};

/// Something more that an interface is to take, while a socket that asked for it is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The interface.
    pub on: IfIndex,
    /// What.
    pub kind: MembershipKind,
}

/// What a [`Membership`] is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MembershipKind {
    /// PACKET_MR_MULTICAST: frames to a group.
    Multicast(Mac),
    /// PACKET_MR_PROMISC: all frames of the link.
    Promiscuous,
    /// PACKET_MR_ALLMULTI: frames to any group.
    AllMulticast,
    /// PACKET_MR_UNICAST: frames to another address of the station.
    Unicast(Mac),
}

/// What the packet sockets of a kernel want an interface to take, each with how many want it.
#[derive(Default)]
pub(crate) struct Memberships(Vec<(MembershipKind, u32)>);

impl Memberships {
    pub(crate) fn add(&mut self, kind: MembershipKind) {
        match self.0.iter_mut().find(|(member, _)| *member == kind) {
            Some((_, count)) => *count += 1,
            None => self.0.push((kind, 1)),
        }
    }

    pub(crate) fn drop(&mut self, kind: MembershipKind) {
        if let Some(at) = self.0.iter().position(|(member, _)| *member == kind) {
            self.0[at].1 -= 1;
            if self.0[at].1 == 0 {
                self.0.swap_remove(at);
            }
        }
    }

    /// Must the link hand over what is for other stations?
    pub(crate) fn promiscuous(&self) -> bool {
        let beyond = |kind: &MembershipKind| matches!(kind, MembershipKind::Promiscuous | MembershipKind::Unicast(_));
        self.0.iter().any(|(kind, _)| beyond(kind))
    }

    /// Is a frame to `dst` taken, which is neither for the station itself nor for a group that it is in?
    pub(crate) fn take(&self, dst: Mac) -> bool {
        let takes = |kind: MembershipKind| match kind {
            MembershipKind::Promiscuous => true,
            MembershipKind::AllMulticast => crate::wire::ethernet::is_group(dst),
            MembershipKind::Multicast(mac) | MembershipKind::Unicast(mac) => mac == dst,
        };
        self.0.iter().any(|(kind, _)| takes(*kind))
    }
}
