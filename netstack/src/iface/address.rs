//! An address of an interface: whether it may be used, how it came, how long it lasts (RFC 4862 §2, §5.5.4).

use crate::ip::IpNet;
use crate::time::Instant;

/// Whether an address may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressState {
    /// Being probed for duplicates (RFC 4862 §5.4): not usable yet for anything else.
    Tentative,
    /// In use.
    Preferred,
    /// Still in use, but new connections choose another if there is one.
    Deprecated,
    /// A duplicate: another station has it, so we do not use it.
    Duplicate,
}

/// How an address came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressOrigin {
    /// It was configured.
    Manual,
    /// Of a lease (RFC 2131).
    Dhcp,
    /// The link-local address that every IPv6 interface has (RFC 4862 §5.3), or one of RFC 3927.
    LinkLocal,
    /// Made from a router's prefix, the same at each start (RFC 7217).
    Stable,
    /// Made from a router's prefix, another every day (RFC 8981).
    Temporary,
}

/// An address of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// The address with its net.
    pub net: IpNet,
    /// May it be used?
    pub state: AddressState,
    /// How it came.
    pub origin: AddressOrigin,
    /// When it becomes deprecated; `None`: never.
    pub preferred_until: Option<Instant>,
    /// When it goes; `None`: never.
    pub valid_until: Option<Instant>,
}

impl Address {
    /// A configured one, valid for ever.
    pub fn manual(net: IpNet) -> Address {
        Address {
            net,
            state: AddressState::Preferred,
            origin: AddressOrigin::Manual,
            preferred_until: None,
            valid_until: None,
        }
    }

    /// Is it ours to send from and receive at?
    pub fn is_usable(&self) -> bool {
        matches!(self.state, AddressState::Preferred | AddressState::Deprecated)
    }
}
