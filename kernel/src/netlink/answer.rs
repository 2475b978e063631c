//! From requests to answers: the messages around what a protocol has to say (netlink(7)).

use super::GOOD_SIZE;
use super::protocol::Protocol;
use crate::{Errno, Kernel};
use netlink_packet_core::{
    DoneMessage, ErrorMessage, NLM_F_ACK, NLM_F_CAPPED, NLM_F_DUMP, NLM_F_MULTIPART, NLM_F_REQUEST, NetlinkBuffer,
    NetlinkHeader, NetlinkMessage, NetlinkPayload, NetlinkSerializable,
};
use std::num::NonZeroI32;

// linux/netlink.h.
const HEADER: usize = 16;
const ALIGN: usize = 4;
/// Message types below are netlink's own.
const NLMSG_MIN_TYPE: u16 = 0x10;

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

/// What a protocol has to say.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) rows: Vec<Row>,
    /// Of a whole table: why the rest is missing.
    pub(super) broken_off: Option<Errno>,
}

impl Told {
    pub(super) fn all(rows: impl Iterator<Item = Row>) -> Told {
        Told { rows: rows.collect(), broken_off: None }
    }
}

/// A message but for its header.
#[derive(Clone, Debug)]
pub(super) struct Row {
    kind: u16,
    body: Vec<u8>,
}

impl Row {
    pub(super) fn new(message: &impl NetlinkSerializable) -> Row {
        let mut body = vec![0; message.buffer_len()];
        message.serialize(&mut body);
        Row { kind: message.message_type(), body }
    }

    /// The group that is told of it.
    pub(super) fn group(&self) -> Option<u32> {
        super::route::group(self.kind, *self.body.first()?)
    }
}

impl NetlinkSerializable for Row {
    fn message_type(&self) -> u16 {
        self.kind
    }

    fn buffer_len(&self) -> usize {
        self.body.len()
    }

    fn serialize(&self, buffer: &mut [u8]) {
        buffer.copy_from_slice(&self.body);
    }
}

/// Answers the requests that a program has sent at once, in datagrams as they are to be read.
pub(super) fn answer(kernel: &Kernel, protocol: &Protocol, mut requests: &[u8], how: How) -> Vec<Vec<u8>> {
    let mut datagrams = Datagrams::default();
    while let Ok(request) = NetlinkBuffer::new_checked(requests) {
        let len = request.length() as usize;
        datagrams.begin();
        answer_one(kernel, protocol, &requests[..len], how, &mut datagrams);
        requests = requests.get(len.next_multiple_of(ALIGN)..).unwrap_or_default();
    }
    datagrams.0.retain(|datagram| !datagram.is_empty());
    datagrams.0
}

fn answer_one(kernel: &Kernel, protocol: &Protocol, request: &[u8], how: How, datagrams: &mut Datagrams) {
    let header = NetlinkBuffer::new(request);
    let (kind, flags) = (header.message_type(), header.flags());
    if flags & NLM_F_REQUEST == 0 {
        return;
    }
    // As on Linux, one of its two bits (NLM_F_ROOT, NLM_F_MATCH) is enough.
    let dumps = flags & NLM_F_DUMP != 0;
    let wish = if dumps { Wish::All { narrowed: how.strict } } else { Wish::One };
    let outcome = match kind {
        ..NLMSG_MIN_TYPE => Ok(Told::all([].into_iter())),
        _ => (protocol.ask)(kernel, kind, &request[HEADER..], wish),
    };
    let envelope = Envelope { number: header.sequence_number(), port: how.port };
    match outcome {
        Ok(Told { rows, broken_off }) => {
            let multi = if dumps { NLM_F_MULTIPART } else { 0 };
            rows.into_iter().for_each(|row| datagrams.add(envelope.seal(multi, NetlinkPayload::InnerMessage(row))));
            datagrams.begin();
            if dumps && kind >= NLMSG_MIN_TYPE {
                let mut done = DoneMessage::default();
                done.code = broken_off.map_or(0, |errno| -errno.raw_os_error());
                datagrams.add(envelope.seal(NLM_F_MULTIPART, NetlinkPayload::Done(done)));
            } else if flags & NLM_F_ACK != 0 {
                datagrams.add(envelope.refuse(None, request, true));
            }
        }
        Err(errno) => datagrams.add(envelope.refuse(Some(errno), request, how.short_errors)),
    }
}

/// A message that nobody has asked for.
pub(super) fn notification(row: Row, flags: u16) -> Vec<u8> {
    Envelope { number: 0, port: 0 }.seal(flags, NetlinkPayload::InnerMessage(row))
}

/// What the answers to one request have in common.
struct Envelope {
    number: u32,
    port: u32,
}

impl Envelope {
    fn seal(&self, flags: u16, payload: NetlinkPayload<Row>) -> Vec<u8> {
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
