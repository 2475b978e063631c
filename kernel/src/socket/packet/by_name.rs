//! SOCK_PACKET: packet sockets as Linux 2.0 had them, whose interfaces go by name (`struct sockaddr_pkt`). They have no options of
//! their own.

use crate::backend::{PacketCall, Reply};
use crate::endpoint::Kind;
use crate::socket::{LinkAddr, Name, Socket};
use crate::{Errno, InterfaceInfo, Result};
use netstack::link::IfIndex;
use netstack::packet::{PacketKind, Record};

/// The type of such a socket (packet(7)), for which libc wants AF_PACKET's others to be used.
pub const SOCK_PACKET: i32 = 10;

/// `struct sockaddr_pkt`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeviceAddr {
    /// `spkt_family`: of what comes the kind of hardware.
    pub family: u16,
    /// `spkt_device`, up to the first NUL.
    pub device: [u8; 14],
    /// `spkt_protocol`, in the machine's order.
    pub protocol: u16,
}

impl DeviceAddr {
    /// The name of the interface, which leaves room for a NUL.
    fn name(&self) -> &[u8] {
        let name = &self.device[..self.device.len() - 1];
        name.split(|byte| *byte == 0).next().unwrap_or_default()
    }

    fn of(info: Option<&InterfaceInfo>) -> DeviceAddr {
        let mut addr = DeviceAddr { family: libc::AF_PACKET as u16, ..DeviceAddr::default() };
        let name = info.map_or(&[][..], |info| info.name.as_bytes());
        let len = name.len().min(addr.device.len() - 1);
        addr.device[..len].copy_from_slice(&name[..len]);
        addr
    }
}

impl Socket {
    /// Is it a SOCK_PACKET?
    pub(in crate::socket) fn goes_by_name(&self) -> bool {
        self.endpoint.kind == Kind::Packet(PacketKind::ByName)
    }

    /// bind(2): the interface. The protocol stays. Errors: ENODEV, EINVAL (no SOCK_PACKET).
    pub fn bind_device(&self, addr: &DeviceAddr) -> Result<()> {
        if !self.goes_by_name() {
            return Err(Errno::INVAL);
        }
        self.packet(PacketCall::Bind(Some(IfIndex(self.index_of(addr)?)), 0)).map(drop)
    }

    /// getsockname(2).
    pub(in crate::socket) fn device_name(&self) -> Result<DeviceAddr> {
        let Reply::PacketName(name) = self.packet(PacketCall::Name)? else { return Err(Errno::PROTO) };
        let interfaces = self.interfaces()?;
        Ok(DeviceAddr::of(interfaces.iter().find(|info| name.on == Some(IfIndex(info.index)))))
    }

    /// Where a frame goes, which each has to say. Errors: ENOTCONN, ENODEV.
    pub(in crate::socket) fn device_to(&self, to: Option<Name>) -> Result<LinkAddr> {
        match to {
            Some(Name::Device(addr)) => {
                Ok(LinkAddr { interface: self.index_of(&addr)?, protocol: addr.protocol, ..LinkAddr::default() })
            }
            Some(_) => Err(Errno::INVAL),
            None => Err(Errno::NOTCONN),
        }
    }

    /// Where a frame comes from.
    pub(super) fn device_from(&self, record: &Record) -> Result<DeviceAddr> {
        let interfaces = self.interfaces()?;
        let device = DeviceAddr::of(interfaces.iter().find(|info| info.index == record.on.0));
        Ok(DeviceAddr { family: super::hardware(record.loopback), protocol: record.protocol, ..device })
    }

    fn index_of(&self, addr: &DeviceAddr) -> Result<u32> {
        let interfaces = self.interfaces()?;
        let found = interfaces.iter().find(|info| info.name.as_bytes() == addr.name());
        found.map(|info| info.index).ok_or(Errno::NODEV)
    }
}
