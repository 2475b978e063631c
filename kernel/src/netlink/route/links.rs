//! RTM_GETLINK: the interfaces.

use super::{Link, Network, Wish};
use crate::{Errno, Result};
use netlink_packet_route::RouteNetlinkMessage as Message;
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkLayerType, LinkMessage, LinkMode, Map, State, Stats64};

pub(super) fn rows(network: &Network, request: &LinkMessage, wish: Wish) -> Result<Vec<Message>> {
    let name = request.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::IfName(name) => Some(name),
        _ => None,
    });
    let index = request.header.index;
    let chosen = match wish {
        Wish::All { .. } => network.links.iter().collect(),
        Wish::One if index == 0 && name.is_none() => return Err(Errno::INVAL),
        Wish::One => {
            let is_named = |link: &&Link| match index {
                0 => Some(&link.info.name) == name,
                _ => link.info.index == index,
            };
            vec![network.links.iter().find(is_named).ok_or(Errno::NODEV)?]
        }
    };
    Ok(chosen.into_iter().map(|link| Message::NewLink(describe(link))).collect())
}

pub(super) fn describe(link: &Link) -> LinkMessage {
    let Link { info, counters, .. } = link;
    let mut message = LinkMessage::default();
    message.header.index = info.index;
    message.header.link_layer_type = if info.loopback { LinkLayerType::Loopback } else { LinkLayerType::Ether };
    let kind = if info.loopback { LinkFlags::Loopback } else { LinkFlags::Broadcast | LinkFlags::Multicast };
    let up = if info.up { LinkFlags::Up | LinkFlags::Running | LinkFlags::LowerUp } else { LinkFlags::empty() };
    message.header.flags = kind | up;
    // A loopback does not say that it is up, as on Linux.
    let state = match (info.loopback, info.up) {
        (true, _) => State::Unknown,
        (false, true) => State::Up,
        (false, false) => State::Down,
    };
    let mut traffic = Stats64::default();
    (traffic.rx_packets, traffic.rx_bytes) = (counters.rx.packets, counters.rx.bytes);
    (traffic.rx_errors, traffic.rx_dropped) = (counters.rx.errors, counters.rx.drops);
    (traffic.tx_packets, traffic.tx_bytes) = (counters.tx.packets, counters.tx.bytes);
    (traffic.tx_errors, traffic.tx_dropped) = (counters.tx.errors, counters.tx.drops);
    let mac = info.mac.unwrap_or_default().to_vec();
    let everybody = if info.loopback { [0; 6] } else { [0xff; 6] }.to_vec();
    message.attributes = vec![
        LinkAttribute::IfName(info.name.clone()),
        LinkAttribute::TxQueueLen(1000),
        LinkAttribute::OperState(state),
        LinkAttribute::Mode(LinkMode::Default),
        LinkAttribute::Mtu(info.mtu),
        LinkAttribute::Group(0),
        LinkAttribute::Promiscuity(0),
        LinkAttribute::NumTxQueues(1),
        LinkAttribute::NumRxQueues(1),
        LinkAttribute::Carrier(info.up.into()),
        LinkAttribute::Qdisc("noqueue".to_owned()),
        LinkAttribute::Map(Map::default()),
        LinkAttribute::Address(mac),
        LinkAttribute::Broadcast(everybody),
        LinkAttribute::Stats64(traffic),
    ];
    message
}
