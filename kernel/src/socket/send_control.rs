//! The control messages of sendmsg(2), as bytes.

use super::{SendControl, Socket, stamping, v4_options, whole_header};
use crate::control_message::{ControlMessage, Reader};
use crate::{Errno, Result};
use libc::{
    IP_PKTINFO, IP_RETOPTS, IP_TOS, IP_TTL, IPPROTO_UDP, IPV6_DONTFRAG, IPV6_DSTOPTS, IPV6_FLOWINFO, IPV6_HOPLIMIT,
    IPV6_HOPOPTS, IPV6_PKTINFO, IPV6_RTHDRDSTOPTS, IPV6_TCLASS, SCM_CREDENTIALS, SCM_RIGHTS, SCM_TIMESTAMPING, SO_MARK,
    SO_PRIORITY, SO_TXTIME, SOCK_STREAM, SOL_IP, SOL_IPV6, SOL_SOCKET, UDP_SEGMENT,
};
use netstack::ip::HeaderOptions;
use std::net::{IpAddr, Ipv6Addr};

// linux/in6.h, as RFC 2292 had them.
const IPV6_2292PKTINFO: i32 = 2;
const IPV6_2292HOPOPTS: i32 = 3;
const IPV6_2292DSTOPTS: i32 = 4;
const IPV6_2292HOPLIMIT: i32 = 8;
// Linux's numbers, which libc does not name.
const SCM_TIMESTAMPING_NEW: i32 = 65;
const SCM_TS_OPT_ID: i32 = 81;
/// Bytes of control messages that an option may have.
const MOST_OF_AN_OPTION: usize = 64 * 1024;

impl SendControl {
    /// What the control messages of a send say (ip(7), RFC 3542 §6). As on Linux, a level that is not the socket's is passed over.
    ///
    /// # Errors
    /// EINVAL.
    pub fn read(socket: &Socket, bytes: &[u8]) -> Result<SendControl> {
        let mut control = SendControl::default();
        let stream = socket.kind() == SOCK_STREAM;
        for message in Reader::new(bytes) {
            let message = message?;
            // sock_cmsg_send(): a stream looks at no other level.
            if !stream || message.level == SOL_SOCKET {
                control.take(socket, &message)?;
            }
        }
        Ok(control)
    }

    /// The extension headers among the control messages that are the value of an option (RFC 2292 §7, IPV6_FLOWLABEL_MGR). As on
    /// Linux the others have no effect, but those of its level and of the socket's must be right.
    ///
    /// # Errors
    /// EINVAL, ENODEV.
    pub(super) fn read_extensions(socket: &Socket, bytes: &[u8]) -> Result<HeaderOptions> {
        if bytes.len() > MOST_OF_AN_OPTION {
            return Err(Errno::INVAL);
        }
        let mut control = SendControl::default();
        for message in Reader::new(bytes) {
            let message = message?;
            if matches!(message.level, SOL_IPV6 | SOL_SOCKET) {
                control.take(socket, &message)?;
            }
        }
        control.check_packet_info(socket)?;
        Ok(control.extensions)
    }

    /// IPV6_PKTINFO: an interface and an address that are there.
    fn check_packet_info(&self, socket: &Socket) -> Result<()> {
        if self.interface.is_none() && self.source.is_none() {
            return Ok(());
        }
        let interfaces = socket.interfaces()?;
        if self.interface.is_some_and(|index| interfaces.iter().all(|interface| interface.index != index)) {
            return Err(Errno::NODEV);
        }
        let ours = |addr: IpAddr| {
            let IpAddr::V6(v6) = addr else { return false };
            let only = self.interface.filter(|_| v6.is_unicast_link_local() || v6.is_loopback());
            let mut there = interfaces.iter().filter(|interface| only.is_none_or(|only| only == interface.index));
            let means_a_link = !v6.is_unicast_link_local() || only.is_some();
            means_a_link && there.any(|interface| interface.addresses.iter().any(|(ours, _)| *ours == addr))
        };
        if self.source.is_none_or(ours) { Ok(()) } else { Err(Errno::INVAL) }
    }

    fn take(&mut self, socket: &Socket, message: &ControlMessage<'_>) -> Result<()> {
        match message.level {
            SOL_IP => self.take_ip(message),
            SOL_IPV6 => self.take_ipv6(socket, message),
            IPPROTO_UDP if (socket.kind(), socket.protocol()) == (libc::SOCK_DGRAM, IPPROTO_UDP) => {
                self.take_udp(message)
            }
            SOL_SOCKET => self.take_socket(message),
            _ => Ok(()),
        }
    }

    fn take_ip(&mut self, message: &ControlMessage<'_>) -> Result<()> {
        match message.kind {
            IP_PKTINFO => {
                let [interface, source, _] = message.words()?;
                self.interface = (interface != 0).then_some(interface);
                self.source = (source != 0).then(|| IpAddr::from(source.to_ne_bytes()));
            }
            IP_TTL => match message.words()? {
                [ttl @ 1..=255] => self.ttl = Some(ttl as u8),
                _ => return Err(Errno::INVAL),
            },
            // Linux takes the byte as well as the int.
            IP_TOS => match *message.data {
                [tos] => self.tos = Some(tos),
                _ => match message.words()? {
                    [tos @ 0..=255] => self.tos = Some(tos as u8),
                    _ => return Err(Errno::INVAL),
                },
            },
            // As on Linux, what is longer than there is room for is cut.
            IP_RETOPTS => self.options = Some(v4_options(&message.data[..message.data.len().min(40)])?),
            _ => return Err(Errno::INVAL),
        }
        Ok(())
    }

    /// A socket of AF_INET takes some of these, too, and passes over the others.
    fn take_ipv6(&mut self, socket: &Socket, message: &ControlMessage<'_>) -> Result<()> {
        let inet6 = socket.domain() == libc::AF_INET6;
        match message.kind {
            IPV6_HOPOPTS | IPV6_2292HOPOPTS if inet6 => {
                if !self.extensions.hop_by_hop.is_empty() {
                    return Err(Errno::INVAL);
                }
                self.extensions.hop_by_hop = whole_header(message.data)?;
            }
            IPV6_DSTOPTS | IPV6_2292DSTOPTS if inet6 => self.extensions.destination = whole_header(message.data)?,
            IPV6_RTHDRDSTOPTS if inet6 => self.extensions.before_routing = whole_header(message.data)?,
            IPV6_PKTINFO | IPV6_2292PKTINFO => {
                let (source, interface) = packet_info6(message.data)?;
                self.interface = (interface != 0).then_some(interface);
                self.source = (!source.is_unspecified()).then(|| source.to_canonical());
            }
            // -1 is the socket's own.
            IPV6_HOPLIMIT | IPV6_2292HOPLIMIT => self.ttl = byte(message.words()?)?.or(self.ttl),
            IPV6_TCLASS => self.tos = byte(message.words()?)?.or(self.tos),
            IPV6_DONTFRAG => match message.words()? {
                [no @ 0..=1] => self.dont_fragment = Some(no == 1),
                _ => return Err(Errno::INVAL),
            },
            IPV6_FLOWINFO => {
                let [flow_info] = message.words()?;
                self.flow_label = Some(u32::from_be(flow_info) & 0xf_ffff);
            }
            _ if inet6 => return Err(Errno::INVAL),
            _ => {}
        }
        Ok(())
    }

    fn take_udp(&mut self, message: &ControlMessage<'_>) -> Result<()> {
        if message.kind != UDP_SEGMENT {
            return Err(Errno::INVAL);
        }
        let bytes = message.data.try_into().map_err(|_| Errno::INVAL)?;
        self.segment = Some(u16::from_ne_bytes(bytes));
        Ok(())
    }

    fn take_socket(&mut self, message: &ControlMessage<'_>) -> Result<()> {
        match message.kind {
            SO_TXTIME if message.data.len() == size_of::<u64>() => self.tx_time = true,
            SCM_TIMESTAMPING | SCM_TIMESTAMPING_NEW => match message.words()? {
                [flags] if flags & !stamping::TX == 0 => self.tx_timestamp = Some(flags),
                _ => return Err(Errno::INVAL),
            },
            SCM_TS_OPT_ID => {
                let [id] = message.words()?;
                self.tx_timestamp_id = Some(id);
            }
            // Linux passes over the first two, and the others are kept for nothing.
            SCM_RIGHTS | SCM_CREDENTIALS => {}
            SO_MARK | SO_PRIORITY => drop(message.words::<1>()?),
            _ => return Err(Errno::INVAL),
        }
        Ok(())
    }
}

/// struct in6_pktinfo: an address and the index of an interface.
fn packet_info6(bytes: &[u8]) -> Result<(Ipv6Addr, u32)> {
    let (address, interface) = bytes.split_first_chunk::<16>().ok_or(Errno::INVAL)?;
    let interface = interface.first_chunk().ok_or(Errno::INVAL)?;
    Ok((Ipv6Addr::from(*address), u32::from_ne_bytes(*interface)))
}

/// An int of 0 to 255, or -1 for nothing.
fn byte([value]: [u32; 1]) -> Result<Option<u8>> {
    match value {
        u32::MAX => Ok(None),
        _ => u8::try_from(value).map(Some).map_err(|_| Errno::INVAL),
    }
}
