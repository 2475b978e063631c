//! From requests to answers: which table a request is about, and the messages around what that says (netlink(7)).

use super::{GOOD_SIZE, addresses, links, neighbors, routes};
use crate::{Errno, Kernel, Result};
use netlink_packet_core::{
    DoneMessage, ErrorMessage, NLM_F_ACK, NLM_F_CAPPED, NLM_F_DUMP, NLM_F_MULTIPART, NLM_F_REQUEST, NetlinkBuffer,
    NetlinkHeader, NetlinkMessage, NetlinkPayload, ParseableParametrized,
};
use netlink_packet_route::RouteNetlinkMessage as Message;
use std::num::NonZeroI32;

// linux/netlink.h, linux/rtnetlink.h.
const HEADER: usize = 16;
const ALIGN: usize = 4;
/// Message types below are netlink's own.
const NLMSG_MIN_TYPE: u16 = 0x10;
const RTM_GETLINK: u16 = 18;
const RTM_GETADDR: u16 = 22;
const RTM_GETROUTE: u16 = 26;
const RTM_GETNEIGH: u16 = 30;

/// What the socket is set to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct How {
    /// NETLINK_GET_STRICT_CHK: what a request for a whole table names besides the family narrows it down.
    pub(super) strict: bool,
    /// NETLINK_CAP_ACK: errors come without the request.
    pub(super) short_errors: bool,
    /// The socket's own.
    pub(super) port: u32,
}

/// What a request wants of a table.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wish {
    /// All of it (NLM_F_DUMP). `narrowed`: as far as the request names it.
    All { narrowed: bool },
    /// The one row that it names.
    One,
}

/// Answers the requests that a program has sent at once, in datagrams as they are to be read.
pub(super) fn answer(kernel: &Kernel, mut requests: &[u8], how: How) -> Vec<Vec<u8>> {
    let mut datagrams = Datagrams::default();
    while let Ok(request) = NetlinkBuffer::new_checked(requests) {
        let len = request.length() as usize;
        datagrams.begin();
        answer_one(kernel, &requests[..len], how, &mut datagrams);
        requests = requests.get(len.next_multiple_of(ALIGN)..).unwrap_or_default();
    }
    datagrams.0.retain(|datagram| !datagram.is_empty());
    datagrams.0
}

fn answer_one(kernel: &Kernel, request: &[u8], how: How, datagrams: &mut Datagrams) {
    let header = NetlinkBuffer::new(request);
    let (kind, flags) = (header.message_type(), header.flags());
    if flags & NLM_F_REQUEST == 0 {
        return;
    }
    let dumps = flags & NLM_F_DUMP == NLM_F_DUMP;
    let wish = if dumps { Wish::All { narrowed: how.strict } } else { Wish::One };
    let outcome = match kind {
        ..NLMSG_MIN_TYPE => Ok(Vec::new()),
        _ => rows(kernel, kind, &request[HEADER..], wish),
    };
    let envelope = Envelope { number: header.sequence_number(), port: how.port };
    match outcome {
        Ok(rows) => {
            let multi = if dumps { NLM_F_MULTIPART } else { 0 };
            rows.into_iter().for_each(|row| datagrams.add(envelope.seal(multi, NetlinkPayload::InnerMessage(row))));
            datagrams.begin();
            if dumps && kind >= NLMSG_MIN_TYPE {
                datagrams.add(envelope.seal(NLM_F_MULTIPART, NetlinkPayload::Done(DoneMessage::default())));
            } else if flags & NLM_F_ACK != 0 {
                datagrams.add(envelope.refuse(None, request, true));
            }
        }
        Err(errno) => datagrams.add(envelope.refuse(Some(errno), request, how.short_errors)),
    }
}

/// The rows of a table.
fn rows(kernel: &Kernel, kind: u16, body: &[u8], wish: Wish) -> Result<Vec<Message>> {
    // Nothing can be set, and of the tables these are there. Bytes of what a request begins with.
    let head = match kind {
        RTM_GETLINK => 16,
        RTM_GETADDR => 8,
        RTM_GETROUTE | RTM_GETNEIGH => 12,
        _ => return Err(Errno::OPNOTSUPP),
    };
    // A family alone has been a whole request since before there was more to say (`struct rtgenmsg`).
    let mut body = body.to_vec();
    body.resize(body.len().max(head), 0);
    let request = Message::parse_with_param(&body[..], kind).map_err(|_| Errno::INVAL)?;
    let network = kernel.network()?;
    match &request {
        Message::GetLink(request) => links::rows(&network, request, wish),
        Message::GetAddress(request) => addresses::rows(&network, request, wish),
        Message::GetRoute(request) => routes::rows(kernel, &network, request, wish),
        Message::GetNeighbour(request) => neighbors::rows(&network, request, wish),
        _ => Err(Errno::OPNOTSUPP),
    }
}

/// What the answers to one request have in common.
struct Envelope {
    number: u32,
    port: u32,
}

impl Envelope {
    fn seal(&self, flags: u16, payload: NetlinkPayload<Message>) -> Vec<u8> {
        let mut header = NetlinkHeader::default();
        (header.flags, header.sequence_number, header.port_number) = (flags, self.number, self.port);
        let mut message = NetlinkMessage::new(header, payload);
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        bytes
    }

    /// NLMSG_ERROR; without an error it acknowledges.
    fn refuse(&self, errno: Option<Errno>, request: &[u8], short: bool) -> Vec<u8> {
        let mut error = ErrorMessage::default();
        error.code = errno.and_then(|errno| NonZeroI32::new(-errno.raw_os_error()));
        error.header = request[..if short { HEADER } else { request.len() }].to_vec();
        self.seal(if short { NLM_F_CAPPED } else { 0 }, NetlinkPayload::Error(error))
    }
}

/// Answers on their way to the program.
#[derive(Default)]
struct Datagrams(Vec<Vec<u8>>);

impl Datagrams {
    /// What comes next is not read together with what was before.
    fn begin(&mut self) {
        if self.0.last().is_none_or(|last| !last.is_empty()) {
            self.0.push(Vec::new());
        }
    }

    fn add(&mut self, message: Vec<u8>) {
        if self.0.last().is_none_or(|last| !last.is_empty() && last.len() + message.len() > GOOD_SIZE) {
            self.0.push(Vec::new());
        }
        if let Some(last) = self.0.last_mut() {
            last.extend_from_slice(&message);
            last.resize(last.len().next_multiple_of(ALIGN), 0);
        }
    }
}
