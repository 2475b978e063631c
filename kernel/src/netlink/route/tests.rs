use super::super::answer::{self, How};
use super::super::testing::{alone, messages, request};
use crate::{Kernel, descriptor};
use netlink_packet_core::NetlinkPayload;
use netlink_packet_route::RouteNetlinkMessage as Message;
use netlink_packet_route::address::AddressAttribute;
use netlink_packet_route::nsid::NsidAttribute;
use proptest::prelude::*;
use std::net::IpAddr;

fn answer(kernel: &Kernel, requests: &[u8], how: How) -> Vec<Vec<u8>> {
    answer::answer(kernel, &super::PROTOCOL, requests, how)
}

fn told(kernel: &Kernel, requests: &[u8], how: How) -> Vec<NetlinkPayload<Message>> {
    messages(&answer(kernel, requests, how))
}

#[test]
fn a_dump_is_the_rows_and_then_an_end() {
    let kernel = alone();
    let found = told(&kernel, &request(22, 0x301, &[0]), How::default());
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
fn other_namespaces_have_no_number() {
    let kernel = alone();
    let of_a_process = request(90, 1, &[0, 0, 0, 0, 8, 0, 2, 0, 1, 0, 0, 0]);
    let found = told(&kernel, &of_a_process, How::default());
    let [NetlinkPayload::InnerMessage(Message::NewNsId(row))] = &found[..] else { panic!("{found:?}") };
    assert_eq!(row.attributes, [NsidAttribute::Id(-1)]);
    let found = told(&kernel, &request(90, 1, &[0, 0, 0, 0]), How::default());
    assert!(matches!(&found[..], [NetlinkPayload::Error(_)]), "it names none: {found:?}");
    kernel.leave();
}

#[test]
fn who_asks_strictly_gets_one_interface() {
    let kernel = alone();
    let of_lo = request(22, 0x301, &[0, 0, 0, 0, 1, 0, 0, 0]);
    let of_none = request(22, 0x301, &[0, 0, 0, 0, 9, 0, 0, 0]);
    let strict = How { strict: true, ..How::default() };
    assert_eq!(answer(&kernel, &of_lo, strict), answer(&kernel, &of_lo, How::default()));
    let refused = told(&kernel, &of_none, strict);
    assert!(matches!(refused.as_slice(), [NetlinkPayload::Error(error)] if error.raw_code() == -libc::ENODEV));
    assert!(told(&kernel, &of_none, How::default()).len() > 1);
    kernel.leave();
}

#[test]
fn a_number_that_is_given_anew_names_no_socket() {
    let kernel = alone();
    let fd =
        descriptor::install_netlink(&kernel, libc::SOCK_RAW, libc::NETLINK_ROUTE, descriptor::SocketFlags::CLOEXEC)
            .expect("a socket");
    assert!(descriptor::netlink(fd).is_some());
    descriptor::cleared_of_sockets(fd);
    assert!(descriptor::netlink(fd).is_none());
    crate::host::close(fd).expect("still the host's");
    kernel.leave();
}

/// Attributes, up to three of them inside of one another, with numbers that there are.
fn attributes() -> impl Strategy<Value = Vec<u8>> {
    let innermost = prop::collection::vec(any::<u8>(), 0..40);
    innermost.prop_recursive(3, 12, 4, |inside| {
        let attribute = (0u16..70, any::<bool>(), inside).prop_map(|(kind, nested, inside)| {
            let kind = kind | if nested { 0x8000 } else { 0 };
            let mut bytes = [(4 + inside.len() as u16).to_ne_bytes(), kind.to_ne_bytes()].concat();
            bytes.extend(inside);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
            bytes
        });
        prop::collection::vec(attribute, 0..4).prop_map(|attributes| attributes.concat())
    })
}

#[test]
fn whatever_comes_is_answered() {
    let kernel = alone();
    let bytes = || prop::collection::vec(any::<u8>(), 0..80);
    let kinds = prop_oneof![prop::sample::select(vec![18u16, 22, 26, 30]), any::<u16>()];
    let head = prop::sample::select(vec![0usize, 8, 12, 16]).prop_flat_map(|len| vec![any::<u8>(); len]);
    let body = prop_oneof![bytes(), (head, attributes()).prop_map(|(head, attributes)| [head, attributes].concat())];
    proptest!(|(kind in kinds, flags in any::<u16>(), body in body, behind in bytes(), strict in any::<bool>())| {
        let sent = [request(kind, flags | 1, &body), behind].concat();
        let answers = answer(&kernel, &sent, How { strict, ..How::default() });
        prop_assert!(!answers.is_empty() || kind < 16);
        prop_assert!(answers.iter().all(|datagram| !datagram.is_empty()));
    });
    kernel.leave();
}
