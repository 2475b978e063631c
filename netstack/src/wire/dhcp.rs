//! DHCP messages (RFC 2131 §2, options RFC 2132).
//!
//! Options may be split over several instances (RFC 3396) and over the `file` and `sname` fields (RFC 2132 §9.3):
//! [`Message::parse`] puts them together again.

use core::net::Ipv4Addr;
use std::collections::BTreeMap;

use super::{Malformed, array, be16, be32};
use crate::link::Mac;

/// UDP port of servers and relays.
pub const SERVER_PORT: u16 = 67;
/// UDP port of clients.
pub const CLIENT_PORT: u16 = 68;

/// Bytes of the fields before the options, magic cookie included.
const FIXED_LEN: usize = 240;
/// BOOTP relays may drop what is shorter (RFC 1542 §2.1).
const MIN_LEN: usize = 300;
const MAGIC: [u8; 4] = [99, 130, 83, 99];
const BOOTREQUEST: u8 = 1;
const BOOTREPLY: u8 = 2;
const ETHERNET: u8 = 1;
/// The client wants answers by broadcast (RFC 2131 §2, figure 2).
const BROADCAST: u16 = 0x8000;

const SNAME: core::ops::Range<usize> = 44..108;
const FILE: core::ops::Range<usize> = 108..236;

/// Numbers of the options that we know (RFC 2132 but where said).
pub mod option {
    /// Subnet mask.
    pub const SUBNET_MASK: u8 = 1;
    /// Routers, best first.
    pub const ROUTERS: u8 = 3;
    /// DNS servers, best first.
    pub const DNS_SERVERS: u8 = 6;
    /// The client's name.
    pub const HOST_NAME: u8 = 12;
    /// The client's domain.
    pub const DOMAIN_NAME: u8 = 15;
    /// MTU of the interface.
    pub const INTERFACE_MTU: u8 = 26;
    /// The address that the client wants.
    pub const REQUESTED_ADDRESS: u8 = 50;
    /// Seconds of the lease.
    pub const LEASE_TIME: u8 = 51;
    /// `file` or `sname` hold options.
    pub const OVERLOAD: u8 = 52;
    /// What the message is.
    pub const MESSAGE_TYPE: u8 = 53;
    /// Which server is meant, or speaks.
    pub const SERVER_ID: u8 = 54;
    /// Options that the client wants.
    pub const PARAMETER_LIST: u8 = 55;
    /// Why a server refuses, or a client declines.
    pub const MESSAGE: u8 = 56;
    /// Bytes of the largest message that the client takes.
    pub const MAX_MESSAGE_SIZE: u8 = 57;
    /// T1.
    pub const RENEWAL_TIME: u8 = 58;
    /// T2.
    pub const REBINDING_TIME: u8 = 59;
    /// Who the client is (RFC 4361).
    pub const CLIENT_ID: u8 = 61;
    /// Domains to look up short names in (RFC 3397).
    pub const DOMAIN_SEARCH: u8 = 119;
    /// Routes, which replace the routers (RFC 3442).
    pub const CLASSLESS_ROUTES: u8 = 121;
    /// No option: a byte of padding.
    pub const PAD: u8 = 0;
    /// No options follow.
    pub const END: u8 = 255;
}

/// What a message is (RFC 2132 §9.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A client looks for servers.
    Discover,
    /// A server offers an address.
    Offer,
    /// A client asks for the address, or for more time.
    Request,
    /// A client found the address in use.
    Decline,
    /// A server gives the address.
    Ack,
    /// A server refuses.
    Nak,
    /// A client gives the address back.
    Release,
}

impl Kind {
    const ALL: [Kind; 7] =
        [Kind::Discover, Kind::Offer, Kind::Request, Kind::Decline, Kind::Ack, Kind::Nak, Kind::Release];

    fn number(self) -> u8 {
        self as u8 + 1
    }

    /// The operation of BOOTP that it goes as.
    fn operation(self) -> u8 {
        if matches!(self, Kind::Offer | Kind::Ack | Kind::Nak) { BOOTREPLY } else { BOOTREQUEST }
    }
}

/// A message that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What it is.
    pub kind: Kind,
    /// The client's number of the exchange.
    pub xid: u32,
    /// Seconds since the client began to ask.
    pub secs: u16,
    /// The client wants answers by broadcast.
    pub broadcast: bool,
    /// The client's hardware address.
    pub mac: Mac,
    /// The address that the client has.
    pub ciaddr: Ipv4Addr,
    /// The address that the client gets.
    pub yiaddr: Ipv4Addr,
    options: BTreeMap<u8, Vec<u8>>,
}

impl Message {
    /// Reads a message of, or to, an Ethernet client.
    pub fn parse(bytes: &[u8]) -> Result<Message, Malformed> {
        if bytes.len() < FIXED_LEN {
            return Err(Malformed::Truncated);
        }
        if bytes[1..3] != [ETHERNET, 6] || bytes[236..240] != MAGIC {
            return Err(Malformed::Invalid);
        }
        let mut options = BTreeMap::new();
        collect(&bytes[FIXED_LEN..], &mut options)?;
        // RFC 3396 §5: the options field first, then `file`, then `sname`.
        let overload = options.get(&option::OVERLOAD).and_then(|value| value.first()).copied().unwrap_or(0);
        for (bit, field) in [(1, FILE), (2, SNAME)] {
            if overload & bit != 0 {
                collect(&bytes[field], &mut options)?;
            }
        }
        let kind = match options.get(&option::MESSAGE_TYPE).map(Vec::as_slice) {
            Some([number]) => Kind::ALL.into_iter().find(|kind| kind.number() == *number),
            _ => None, // BOOTP.
        };
        Ok(Message {
            kind: kind.filter(|kind| kind.operation() == bytes[0]).ok_or(Malformed::Invalid)?,
            xid: be32(bytes, 4),
            secs: be16(bytes, 8),
            broadcast: be16(bytes, 10) & BROADCAST != 0,
            ciaddr: Ipv4Addr::from(array::<4>(bytes, 12)),
            mac: Mac(array(bytes, 28)),
            yiaddr: Ipv4Addr::from(array::<4>(bytes, 16)),
            options,
        })
    }

    /// The value of an option.
    pub fn option(&self, number: u8) -> Option<&[u8]> {
        self.options.get(&number).map(Vec::as_slice)
    }

    /// An option that is one address.
    pub fn addr(&self, number: u8) -> Option<Ipv4Addr> {
        self.addrs(number).next()
    }

    /// An option that is a list of addresses; what is left over at its end is ignored.
    pub fn addrs(&self, number: u8) -> impl Iterator<Item = Ipv4Addr> {
        self.option(number).unwrap_or(&[]).chunks_exact(4).map(|addr| Ipv4Addr::from(array::<4>(addr, 0)))
    }

    /// An option that is a 32-bit number.
    pub fn u32(&self, number: u8) -> Option<u32> {
        self.option(number).filter(|value| value.len() == 4).map(|value| be32(value, 0))
    }

    /// An option that is a 16-bit number.
    pub fn u16(&self, number: u8) -> Option<u16> {
        self.option(number).filter(|value| value.len() == 2).map(|value| be16(value, 0))
    }
}

fn collect(mut bytes: &[u8], into: &mut BTreeMap<u8, Vec<u8>>) -> Result<(), Malformed> {
    loop {
        match *bytes {
            [] | [option::END, ..] => return Ok(()),
            [option::PAD, ..] => bytes = &bytes[1..],
            [number, len, ..] => {
                let value = bytes.get(2..2 + usize::from(len)).ok_or(Malformed::Truncated)?;
                into.entry(number).or_default().extend_from_slice(value);
                bytes = &bytes[2 + value.len()..];
            }
            [_] => return Err(Malformed::Truncated),
        }
    }
}

/// A message to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageOut<'a> {
    /// What it is.
    pub kind: Kind,
    /// The number of the exchange.
    pub xid: u32,
    /// Seconds since the client began to ask.
    pub secs: u16,
    /// Answers shall come by broadcast.
    pub broadcast: bool,
    /// The client's address, if it can answer ARP for it.
    pub ciaddr: Ipv4Addr,
    /// The address that the client gets.
    pub yiaddr: Ipv4Addr,
    /// The client's hardware address.
    pub mac: Mac,
    /// Options besides the message type, each at most 255 bytes.
    pub options: &'a [(u8, &'a [u8])],
}

impl MessageOut<'_> {
    /// The message's bytes.
    pub fn emit(&self) -> Vec<u8> {
        let mut out = vec![0; FIXED_LEN];
        out[..3].copy_from_slice(&[self.kind.operation(), ETHERNET, 6]);
        out[4..8].copy_from_slice(&self.xid.to_be_bytes());
        out[8..10].copy_from_slice(&self.secs.to_be_bytes());
        out[10..12].copy_from_slice(&if self.broadcast { BROADCAST } else { 0 }.to_be_bytes());
        out[12..16].copy_from_slice(&self.ciaddr.octets());
        out[16..20].copy_from_slice(&self.yiaddr.octets());
        out[28..34].copy_from_slice(&self.mac.0);
        out[236..240].copy_from_slice(&MAGIC);
        let kind = [self.kind.number()];
        for (number, value) in [(option::MESSAGE_TYPE, &kind[..])].iter().chain(self.options) {
            let value = &value[..value.len().min(255)];
            out.extend([*number, value.len() as u8]);
            out.extend_from_slice(value);
        }
        out.push(option::END);
        out.resize(out.len().max(MIN_LEN), option::PAD);
        out
    }
}
