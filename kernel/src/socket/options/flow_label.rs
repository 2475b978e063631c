//! IPV6_FLOWLABEL_MGR (linux/in6.h): the flow labels that a socket asks for. What they mean is in `netstack::flow_label`.

use super::rows::change;
use super::{Access, On, Row};
use crate::backend::{Call, FlowLabelCall, Reply};
use crate::endpoint::Kind;
use crate::socket::{SendControl, Socket};
use crate::{Errno, Result};
use libc::IPPROTO_IPV6;
use netstack::flow_label::{LABEL_MASK, LabelRequest, LabelView, Share};
use netstack::ip::HeaderOptions;
use std::net::Ipv6Addr;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

// linux/in6.h; the libc crate does not have them.
const IPV6_FLOWLABEL_MGR: i32 = 32;
const GET: u8 = 0;
const PUT: u8 = 1;
const RENEW: u8 = 2;
const CREATE: u16 = 1;
const EXCLUSIVE: u16 = 2;
const REFLECT: u16 = 4;
const REMOTE: u16 = 8;
const SHARE_NONE: u8 = 0;
const SHARE_EXCLUSIVE: u8 = 1;
const SHARE_PROCESS: u8 = 2;
const SHARE_USER: u8 = 3;
const SHARE_ANY: u8 = 255;

/// Bytes of `struct in6_flowlabel_req`.
pub(super) const REQUEST_LEN: usize = 32;

pub(super) static ROWS: &[Row] = &[Row {
    level: IPPROTO_IPV6,
    name: IPV6_FLOWLABEL_MGR,
    on: On::All,
    access: Access::InPlace { get: shown, set: ask },
}];

/// `struct in6_flowlabel_req`.
struct Request {
    dst: Ipv6Addr,
    label: u32,
    action: u8,
    share: u8,
    flags: u16,
    /// Seconds.
    expires: u16,
    /// Seconds.
    linger: u16,
}

impl Request {
    /// Where the label lies.
    const LABEL: Range<usize> = 16..20;

    fn decode(bytes: &[u8]) -> Result<Request> {
        let bytes: &[u8; REQUEST_LEN] = bytes.first_chunk().ok_or(Errno::INVAL)?;
        let [dst @ .., l0, l1, l2, l3, action, share, f0, f1, e0, e1, i0, i1, _, _, _, _] = *bytes;
        Ok(Request {
            dst: Ipv6Addr::from(dst),
            label: u32::from_be_bytes([l0, l1, l2, l3]),
            action,
            share,
            flags: u16::from_ne_bytes([f0, f1]),
            expires: u16::from_ne_bytes([e0, e1]),
            linger: u16::from_ne_bytes([i0, i1]),
        })
    }

    fn encode(&self) -> Vec<u8> {
        let Request { dst, label, action, share, flags, expires, linger } = *self;
        let halves = [flags, expires, linger].map(u16::to_ne_bytes).concat();
        [&dst.octets()[..], &label.to_be_bytes(), &[action, share], &halves, &[0; 4]].concat()
    }

    fn times(&self) -> (Duration, Duration) {
        (Duration::from_secs(self.linger.into()), Duration::from_secs(self.expires.into()))
    }

    /// Who may use the label. Errors: EINVAL.
    fn share(&self) -> Result<Share> {
        Ok(match self.share {
            SHARE_EXCLUSIVE => Share::Exclusive,
            SHARE_PROCESS => Share::Process(std::process::id()),
            SHARE_USER => Share::User(rustix::process::geteuid().as_raw()),
            SHARE_ANY => Share::Any,
            _ => return Err(Errno::INVAL),
        })
    }
}

/// What is set is a request, in which the label is put that was got. Errors: EINVAL, ENOENT, EEXIST, EPERM, ENOBUFS, ESRCH,
/// ENOPROTOOPT.
fn ask(socket: &Socket, value: &mut [u8]) -> Result<()> {
    let request = Request::decode(value)?;
    match request.action {
        // Labels of the peer are sent back only where net.ipv6.flowlabel_consistency is off, which it is not.
        GET if request.flags & REFLECT != 0 => Err(Errno::PERM),
        GET => {
            let label = get(socket, &request, value.get(REQUEST_LEN..).unwrap_or_default())?;
            value[Request::LABEL].copy_from_slice(&label.to_be_bytes());
            Ok(())
        }
        PUT if request.flags & REFLECT != 0 && socket.endpoint.kind != Kind::Stream => Err(Errno::NOPROTOOPT),
        PUT if request.flags & REFLECT != 0 => Err(Errno::SRCH),
        PUT => {
            call(socket, FlowLabelCall::Put(request.label))?;
            if socket.said_flow_label() == request.label { socket.set_flow_label(0) } else { Ok(()) }
        }
        RENEW => {
            let anybodys = request.share == SHARE_NONE;
            call(socket, FlowLabelCall::Renew(request.label, request.times(), anybodys)).map(drop)
        }
        _ => Err(Errno::INVAL),
    }
}

/// `control`: control messages, of which the extension headers count.
fn get(socket: &Socket, request: &Request, control: &[u8]) -> Result<u32> {
    if request.label & !LABEL_MASK != 0 {
        return Err(Errno::INVAL);
    }
    let headers = SendControl::read_extensions(socket, control)?;
    // What only the destination reads is every packet's own.
    if !headers.destination.is_empty() || request.dst.is_unspecified() || request.dst.to_ipv4_mapped().is_some() {
        return Err(Errno::INVAL);
    }
    let (linger, expires) = request.times();
    let request = LabelRequest {
        label: request.label,
        create: request.flags & CREATE != 0,
        new: request.flags & EXCLUSIVE != 0,
        share: request.share()?,
        dst: request.dst,
        linger,
        expires,
        headers,
    };
    match call(socket, FlowLabelCall::Get(request))? {
        Reply::FlowLabel(label) => Ok(label),
        _ => Err(Errno::PROTO),
    }
}

/// getsockopt(2): the label of the connection, or the one that the peer sends. Errors: EINVAL, ENOENT.
fn shown(socket: &Socket, asked: &[u8]) -> Result<Vec<u8>> {
    let asked = Request::decode(asked)?;
    if asked.action != GET {
        return Err(Errno::INVAL);
    }
    let nothing = Request {
        dst: Ipv6Addr::UNSPECIFIED,
        label: 0,
        action: GET,
        share: SHARE_NONE,
        flags: 0,
        expires: 0,
        linger: 0,
    };
    if asked.flags & REMOTE != 0 {
        return Ok(Request { label: remote(socket)?, ..nothing }.encode());
    }
    let label = socket.said_flow_label();
    let Reply::FlowLabelView(view) = call(socket, FlowLabelCall::View(label))? else { return Err(Errno::PROTO) };
    let LabelView { dst, share, linger, expires } = view;
    let share = match share {
        Share::Exclusive => SHARE_EXCLUSIVE,
        Share::Process(_) => SHARE_PROCESS,
        Share::User(_) => SHARE_USER,
        Share::Any => SHARE_ANY,
    };
    let seconds = |time: Duration| u16::try_from((time + TICK).as_secs()).unwrap_or(u16::MAX);
    Ok(Request { dst, label, share, linger: seconds(linger), expires: seconds(expires), ..nothing }.encode())
}

/// Linux counts whole ticks of its clock: nothing of a second has passed at once.
const TICK: Duration = Duration::from_millis(4);

/// As on Linux, of a stream that was accepted, or that wants to be told what flows are its segments'.
fn remote(socket: &Socket) -> Result<u32> {
    let wanted = socket.wanted_info();
    let known = socket.settings.lock().inet6.accepted || wanted.flow_info || wanted.traffic_class;
    if socket.endpoint.kind != Kind::Stream || !known {
        return Ok(0);
    }
    match socket.backend.call(Call::PacketInfo(socket.id()))? {
        Reply::PacketInfo(packet_info) => Ok(packet_info.map_or(0, |packet_info| packet_info.flow_label)),
        _ => Err(Errno::PROTO),
    }
}

fn call(socket: &Socket, call: FlowLabelCall) -> Result<Reply> {
    socket.backend.call(Call::FlowLabel(socket.id(), call))
}

impl Socket {
    /// The label that connect(2) has said; 0: none.
    pub(in crate::socket) fn said_flow_label(&self) -> u32 {
        self.settings.lock().raw.datagram.v6.flow_label
    }

    /// connect(2): the flow label that the address has said, or none.
    pub(in crate::socket) fn set_flow_label(&self, label: u32) -> Result<()> {
        if self.said_flow_label() == label {
            return Ok(());
        }
        change(self, |settings| {
            settings.set_flow_label(label);
            Ok(())
        })
    }

    /// Before a label is sent: the extension headers that go with it in place of the socket's own, if any. Errors: EINVAL where
    /// it has to be asked for and was not.
    pub(in crate::socket) fn use_flow_label(&self, label: u32) -> Result<Option<Arc<HeaderOptions>>> {
        if label == 0 {
            return Ok(None);
        }
        match call(self, FlowLabelCall::ToSend(label))? {
            Reply::FlowLabelHeaders(headers) => Ok(headers),
            _ => Err(Errno::PROTO),
        }
    }
}
