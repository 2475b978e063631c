//! What tests of every protocol need.

use crate::{Kernel, Net};
use netlink_packet_core::{NetlinkDeserializable, NetlinkMessage, NetlinkPayload};
use std::sync::Arc;

pub(super) fn alone() -> Arc<Kernel> {
    let net: Net = "hostname=alone".parse().expect("a network");
    Kernel::boot(net.into()).expect("boots")
}

/// A request with this body.
pub(super) fn request(kind: u16, flags: u16, body: &[u8]) -> Vec<u8> {
    let mut bytes = (16 + body.len() as u32).to_ne_bytes().to_vec();
    bytes.extend([kind.to_ne_bytes(), flags.to_ne_bytes(), [0; 2], [0; 2], [0; 2], [0; 2]].concat());
    bytes.extend_from_slice(body);
    bytes
}

/// The messages in them.
pub(super) fn messages<M: NetlinkDeserializable>(datagrams: &[Vec<u8>]) -> Vec<NetlinkPayload<M>> {
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
