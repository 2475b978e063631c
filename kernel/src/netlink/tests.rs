use super::answer::{How, answer};
use crate::{Kernel, Net};
use netlink_packet_core::{NetlinkMessage, NetlinkPayload};
use netlink_packet_route::RouteNetlinkMessage as Message;
use netlink_packet_route::address::AddressAttribute;
use proptest::prelude::*;
use std::net::IpAddr;
use std::sync::Arc;

fn alone() -> Arc<Kernel> {
    let net: Net = "hostname=alone".parse().expect("a network");
    Kernel::boot(net.into()).expect("boots")
}

/// A request with this body.
fn request(kind: u16, flags: u16, body: &[u8]) -> Vec<u8> {
    let mut bytes = (16 + body.len() as u32).to_ne_bytes().to_vec();
    bytes.extend([kind.to_ne_bytes(), flags.to_ne_bytes(), [0; 2], [0; 2], [0; 2], [0; 2]].concat());
    bytes.extend_from_slice(body);
    bytes
}

fn messages(datagrams: &[Vec<u8>]) -> Vec<NetlinkPayload<Message>> {
    let mut found = Vec::new();
    for mut rest in datagrams.iter().map(Vec::as_slice) {
        while !rest.is_empty() {
            let message = NetlinkMessage::deserialize(rest).expect("a message");
            rest = &rest[(message.header.length as usize).next_multiple_of(4)..];
            found.push(message.payload);
        }
    }
    found
}

#[test]
fn a_dump_is_the_rows_and_then_an_end() {
    let kernel = alone();
    let found = messages(&answer(&kernel, &request(22, 0x301, &[0]), How::default()));
    let Some((NetlinkPayload::Done(_), rows)) = found.split_last() else { panic!("{found:?}") };
    let mut addresses = Vec::new();
    for row in rows {
        let NetlinkPayload::InnerMessage(Message::NewAddress(row)) = row else { panic!("{row:?}") };
        addresses.extend(row.attributes.iter().find_map(|attribute| match attribute {
            AddressAttribute::Address(address) => Some((*address, row.header.prefix_len)),
            _ => None,
        }));
    }
    assert_eq!(addresses[0], (IpAddr::from([127, 0, 0, 1]), 8));
    kernel.leave();
}

#[test]
fn who_asks_strictly_gets_one_interface() {
    let kernel = alone();
    let of_lo = request(22, 0x301, &[0, 0, 0, 0, 1, 0, 0, 0]);
    let of_none = request(22, 0x301, &[0, 0, 0, 0, 9, 0, 0, 0]);
    let strict = How { strict: true, ..How::default() };
    assert_eq!(answer(&kernel, &of_lo, strict), answer(&kernel, &of_lo, How::default()));
    let refused = messages(&answer(&kernel, &of_none, strict));
    assert!(matches!(refused.as_slice(), [NetlinkPayload::Error(error)] if error.raw_code() == -libc::ENODEV));
    assert!(messages(&answer(&kernel, &of_none, How::default())).len() > 1);
    kernel.leave();
}

#[test]
fn whatever_comes_is_answered() {
    let kernel = alone();
    let bytes = prop::collection::vec(any::<u8>(), 0..80);
    let kinds = prop_oneof![16u16..40, any::<u16>()];
    proptest!(|(kind in kinds, flags in any::<u16>(), body in bytes.clone(), behind in bytes, strict in any::<bool>())| {
        let sent = [request(kind, flags | 1, &body), behind].concat();
        let answers = answer(&kernel, &sent, How { strict, ..How::default() });
        prop_assert!(!answers.is_empty() || kind < 16);
        prop_assert!(answers.iter().all(|datagram| !datagram.is_empty()));
    });
    kernel.leave();
}
