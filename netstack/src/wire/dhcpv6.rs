//! DHCPv6 messages between client and server (RFC 8415 §8, options §21, RFC 3646).

use super::{Malformed, be16};

/// UDP port of servers and relays.
pub const SERVER_PORT: u16 = 547;
/// UDP port of clients.
pub const CLIENT_PORT: u16 = 546;

/// Message type and transaction.
const HEADER_LEN: usize = 4;
/// A transaction id has 24 bits.
const TRANSACTION: u32 = 0xff_ffff;

/// Message types that we know (RFC 8415 §7.3).
pub mod kind {
    /// A server answers.
    pub const REPLY: u8 = 7;
    /// A client that has an address asks for the rest.
    pub const INFORMATION_REQUEST: u8 = 11;
}

/// Numbers of the options that we know (RFC 8415 §21 but where said).
pub mod option {
    /// Who the client is.
    pub const CLIENT_ID: u16 = 1;
    /// Which server speaks.
    pub const SERVER_ID: u16 = 2;
    /// Options that the client wants.
    pub const OPTION_REQUEST: u16 = 6;
    /// Hundredths of a second since the client began to ask.
    pub const ELAPSED_TIME: u16 = 8;
    /// Whether it went well.
    pub const STATUS_CODE: u16 = 13;
    /// Name servers, best first (RFC 3646 §3).
    pub const DNS_SERVERS: u16 = 23;
    /// Domains to look up short names in (RFC 3646 §4).
    pub const DOMAIN_LIST: u16 = 24;
    /// Seconds after which the client asks again.
    pub const INFORMATION_REFRESH_TIME: u16 = 32;
    /// Seconds that a client waits at most between requests for information.
    pub const INF_MAX_RT: u16 = 83;
}

/// A message whose options have lengths that fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// What it is.
    pub kind: u8,
    /// The client's number of the exchange.
    pub transaction: u32,
    options: &'a [u8],
}

impl<'a> Message<'a> {
    /// Reads a message.
    pub fn parse(bytes: &'a [u8]) -> Result<Message<'a>, Malformed> {
        let Some((&[kind, a, b, c], options)) = bytes.split_first_chunk::<HEADER_LEN>() else {
            return Err(Malformed::Truncated);
        };
        let mut rest = options;
        while !rest.is_empty() {
            rest = split(rest).ok_or(Malformed::Truncated)?.2;
        }
        Ok(Message { kind, transaction: u32::from_be_bytes([0, a, b, c]), options })
    }

    /// Number and value of each option, in their order.
    pub fn options(self) -> impl Iterator<Item = (u16, &'a [u8])> {
        let mut rest = self.options;
        core::iter::from_fn(move || {
            let (number, value, after) = split(rest)?;
            rest = after;
            Some((number, value))
        })
    }

    /// The value of an option; of several, of the first.
    pub fn option(self, number: u16) -> Option<&'a [u8]> {
        self.options().find(|(known, _)| *known == number).map(|(_, value)| value)
    }

    /// The value of an option that is a number of 32 bits.
    pub fn u32(self, number: u16) -> Option<u32> {
        self.option(number)?.try_into().ok().map(u32::from_be_bytes)
    }
}

/// The first option's number and value, and what follows.
fn split(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let (head, rest) = bytes.split_at_checked(4)?;
    let (value, rest) = rest.split_at_checked(be16(head, 2).into())?;
    Some((be16(head, 0), value, rest))
}

/// A message with these options.
pub fn emit(kind: u8, transaction: u32, options: &[(u16, &[u8])]) -> Vec<u8> {
    let mut out = (u32::from(kind) << 24 | transaction & TRANSACTION).to_be_bytes().to_vec();
    for (number, value) in options {
        out.extend(number.to_be_bytes());
        out.extend((value.len() as u16).to_be_bytes());
        out.extend(*value);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{Message, emit, kind, option};

    #[test]
    fn a_message_comes_back_as_it_went_and_no_shortened_one_is_taken() {
        let options: [(u16, &[u8]); 3] =
            [(option::SERVER_ID, b"server"), (99, b""), (option::INF_MAX_RT, &[0, 0, 1, 4])];
        let bytes = emit(kind::REPLY, 0xff12_3456, &options);
        let message = Message::parse(&bytes).expect("well made");
        assert_eq!((message.kind, message.transaction), (kind::REPLY, 0x12_3456));
        assert!(message.options().eq(options));
        assert_eq!((message.u32(option::INF_MAX_RT), message.u32(option::SERVER_ID)), (Some(260), None));
        // What ends between two options is a message as well.
        let whole = [4, 14, 18, bytes.len()];
        for len in 0..=bytes.len() {
            assert_eq!(Message::parse(&bytes[..len]).is_ok(), whole.contains(&len), "{len}");
        }
    }
}
