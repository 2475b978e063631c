//! The requests of arp(7): one neighbour is asked for, said or forgotten.

use crate::control::{hardware_type, put_name};
use crate::user::Out;
use kernel::netlink::Network;
use kernel::{Errno, InterfaceInfo, Kernel, Result};
use libc::{AF_INET, c_ulong};
use std::ffi::c_int;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::{Range, RangeInclusive};

// asm/sockios.h.
const SIOCDARP: c_ulong = 0x8953;
const SIOCGARP: c_ulong = 0x8954;
const SIOCSARP: c_ulong = 0x8955;
/// All of them.
pub const REQUESTS: RangeInclusive<c_ulong> = SIOCDARP..=SIOCSARP;

/// `struct arpreq`: where its parts lie.
const SIZE: usize = 68;
const ADDRESS: Range<usize> = 4..8;
const HARDWARE_TYPE: Range<usize> = 16..18;
const HARDWARE: Range<usize> = 18..24;
const FLAGS: Range<usize> = 32..36;
const DEVICE: Range<usize> = 52..68;

// linux/if_arp.h.
const ATF_COM: c_int = 0x02;
const ATF_PUBL: c_int = 0x08;
const ATF_NETMASK: c_int = 0x20;
const ATF_DONTPUB: c_int = 0x40;

/// Answers a request. Errors: as of arp(7), and EOPNOTSUPP for what is to be answered in another's name.
pub fn answer(kernel: &Kernel, request: c_ulong, argument: Out<[u8; SIZE]>) -> Result<()> {
    let said = argument.cast::<u8>().slice(SIZE)?;
    let half = |at: &Range<usize>| u16::from_ne_bytes([said[at.start], said[at.start + 1]]);
    if c_int::from(half(&(0..2))) != AF_INET {
        return Err(Errno::PFNOSUPPORT);
    }
    let flags = said[FLAGS].try_into().map_or(0, c_int::from_ne_bytes);
    if flags & ATF_PUBL == 0 && flags & (ATF_NETMASK | ATF_DONTPUB) != 0 {
        return Err(Errno::INVAL);
    }
    let [a, b, c, d] = said[ADDRESS] else { return Err(Errno::INVAL) };
    let addr = IpAddr::from(Ipv4Addr::new(a, b, c, d));
    let network = kernel.network()?;
    let device = device(&network, &said[DEVICE], request, addr)?;
    // No type is the device's.
    if flags & ATF_COM != 0 && ![0, hardware_type(device)].contains(&half(&HARDWARE_TYPE)) {
        return Err(Errno::INVAL);
    }
    if flags & ATF_PUBL != 0 {
        return Err(Errno::OPNOTSUPP);
    }
    match request {
        SIOCGARP => {
            let is_meant = |row: &&kernel::netlink::Neighbor| row.addr == addr && row.on.0 == device.index;
            let row = network.neighbors.iter().find(is_meant).ok_or(Errno::NXIO)?;
            said[HARDWARE].copy_from_slice(&row.mac.unwrap_or_default().0);
            said[HARDWARE_TYPE].copy_from_slice(&hardware_type(device).to_ne_bytes());
            said[FLAGS].copy_from_slice(&row.mac.map_or(0, |_| ATF_COM).to_ne_bytes());
            put_name(&mut said[DEVICE], &device.name);
            Ok(())
        }
        SIOCSARP if flags & ATF_COM == 0 || device.loopback => Err(Errno::INVAL),
        SIOCSARP => {
            let mac = said[HARDWARE].try_into().map_err(|_| Errno::INVAL)?;
            kernel.set_neighbor(device.index, addr, mac)
        }
        _ => kernel.forget_neighbor(device.index, addr),
    }
}

/// The interface that is named, or, to say or forget one, where the routes lead.
fn device<'a>(network: &'a Network, name: &[u8], request: c_ulong, to: IpAddr) -> Result<&'a InterfaceInfo> {
    let mut links = network.links.iter().map(|link| &link.info);
    let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
    if !name.is_empty() {
        return links.find(|link| link.name.as_bytes() == name).ok_or(Errno::NODEV);
    }
    if request == SIOCGARP {
        return Err(Errno::NODEV);
    }
    let route = network.route_to(to, None).ok_or(Errno::NETUNREACH)?;
    links.find(|link| link.index == route.on.0).ok_or(Errno::NODEV)
}
