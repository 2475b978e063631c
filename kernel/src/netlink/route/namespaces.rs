//! RTM_GETNSID: numbers of other network namespaces. A rump kernel knows of none; ip-monitor(8) asks for each of /run/netns.

use super::Wish;
use crate::{Errno, Result};
use netlink_packet_route::RouteNetlinkMessage as Message;
use netlink_packet_route::nsid::{NsidAttribute, NsidMessage};

/// NETNSA_NSID_NOT_ASSIGNED.
const NOT_ASSIGNED: i32 = -1;

pub(super) fn rows(request: &NsidMessage, wish: Wish) -> Result<Vec<Message>> {
    use NsidAttribute::{Fd, Id, Pid};
    match wish {
        Wish::All { .. } => Ok(Vec::new()),
        Wish::One if request.attributes.iter().any(|named| matches!(named, Fd(_) | Id(_) | Pid(_))) => {
            let mut answer = NsidMessage::default();
            answer.attributes.push(Id(NOT_ASSIGNED));
            Ok(vec![Message::NewNsId(answer)])
        }
        Wish::One => Err(Errno::INVAL),
    }
}
