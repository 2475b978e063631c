#![allow(unsafe_code)]
//! getifaddrs(3), if_nametoindex(3) and their kin: the rump kernel's interfaces.

use super::memory;
use crate::address;
use crate::user::{In, Out, OutBytes};
use kernel::{Errno, InterfaceInfo, Result};
use libc::{c_uint, ifaddrs, sockaddr};
use std::ffi::{c_char, c_int};
use std::mem::size_of;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::ptr;

/// One entry with all that it points to. The entries are one block: freeifaddrs(3) frees it as libc's does.
#[repr(C)]
struct Entry {
    entry: ifaddrs,
    address: Storage,
    netmask: Storage,
    other: Storage,
    name: [u8; libc::IF_NAMESIZE],
    /// `struct rtnl_link_stats`, of packet entries.
    statistics: [u32; 24],
}

/// Room for `sockaddr_in`, `sockaddr_in6` and `sockaddr_ll`.
#[repr(C, align(4))]
#[derive(Clone, Copy)]
struct Storage([u8; 28]);

/// getifaddrs(3): for each interface its link, then for each its IPv4 addresses, then the IPv6 ones.
pub fn getifaddrs(into: Out<*mut ifaddrs>) -> Option<Result<c_int>> {
    Some(interfaces().and_then(|interfaces| into.set(chain(&entries(&interfaces))?)).map(|()| 0))
}

/// freeifaddrs(3).
pub fn freeifaddrs(chain: Out<ifaddrs>) -> Option<Result<()>> {
    // SAFETY: null, or from getifaddrs, ours or libc's: both give one block.
    unsafe { memory::free(chain.raw()) };
    Some(Ok(()))
}

/// if_nametoindex(3). ENODEV for a name that no interface has.
pub fn if_nametoindex(name: In<c_char>) -> Option<Result<c_uint>> {
    Some(interfaces().and_then(|interfaces| {
        let name = memory::text(name);
        let found = interfaces.iter().find(|interface| Some(interface.name.as_str()) == name);
        found.map(|interface| interface.index).ok_or(Errno::NODEV)
    }))
}

/// if_indextoname(3). ENXIO for an index that no interface has.
pub fn if_indextoname(index: c_uint, into: Out<c_char>) -> Option<Result<Out<c_char>>> {
    Some(interfaces().and_then(|interfaces| {
        let found = interfaces.iter().find(|interface| interface.index == index).ok_or(Errno::NXIO)?;
        let bytes: OutBytes = into.cast();
        bytes.slice(libc::IF_NAMESIZE)?.copy_from_slice(&name_of(found));
        Ok(into)
    }))
}

/// if_nameindex(3).
pub fn if_nameindex() -> Option<Result<*mut libc::if_nameindex>> {
    Some(interfaces().and_then(|interfaces| {
        let array = memory::zeroed((interfaces.len() + 1) * size_of::<libc::if_nameindex>())?;
        let array = array.cast::<libc::if_nameindex>();
        for (place, interface) in interfaces.iter().enumerate() {
            let Ok(name) = memory::string(&interface.name) else {
                free_names(array);
                return Err(Errno::NOBUFS);
            };
            // SAFETY: fresh, and one longer than there are interfaces.
            unsafe { array.add(place).write(libc::if_nameindex { if_index: interface.index, if_name: name }) };
        }
        Ok(array)
    }))
}

/// if_freenameindex(3).
pub fn if_freenameindex(array: Out<libc::if_nameindex>) -> Option<Result<()>> {
    free_names(array.raw());
    Some(Ok(()))
}

fn free_names(array: *mut libc::if_nameindex) {
    if array.is_null() {
        return;
    }
    let mut place = array;
    // SAFETY: from if_nameindex, ours or libc's: a block for the array, which ends with a null name, and one for each name.
    unsafe {
        while !(*place).if_name.is_null() {
            memory::free((*place).if_name);
            place = place.add(1);
        }
        memory::free(array);
    }
}

fn interfaces() -> Result<Vec<InterfaceInfo>> {
    Ok(crate::process::kernel()?.interfaces())
}

fn entries(interfaces: &[InterfaceInfo]) -> Vec<Entry> {
    let links = interfaces.iter().map(link_entry);
    let addresses = |v6: bool| {
        interfaces.iter().flat_map(move |interface| {
            let family = interface.addresses.iter().filter(move |(address, _)| address.is_ipv6() == v6);
            family.map(|&(address, prefix)| address_entry(interface, address, prefix))
        })
    };
    links.chain(addresses(false)).chain(addresses(true)).collect()
}

fn link_entry(interface: &InterfaceInfo) -> Entry {
    let (broadcast, hardware) =
        if interface.loopback { ([0; 6], libc::ARPHRD_LOOPBACK) } else { ([0xff; 6], libc::ARPHRD_ETHER) };
    let link = |mac: [u8; 6]| {
        let mut bytes = [0; 28];
        bytes[..2].copy_from_slice(&(libc::AF_PACKET as u16).to_ne_bytes());
        bytes[4..8].copy_from_slice(&interface.index.to_ne_bytes());
        bytes[8..10].copy_from_slice(&hardware.to_ne_bytes());
        bytes[11] = 6;
        bytes[12..18].copy_from_slice(&mac);
        Storage(bytes)
    };
    Entry { address: link(interface.mac.unwrap_or_default()), other: link(broadcast), ..Entry::of(interface) }
}

fn address_entry(interface: &InterfaceInfo, address: IpAddr, prefix: u8) -> Entry {
    let storage = |address: SocketAddr| Storage(address::encode(address).0);
    let entry = Entry::of(interface);
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
            let other = if interface.loopback { address } else { Ipv4Addr::from(u32::from(address) | !mask) };
            let [address, netmask, other] = [address, mask.into(), other].map(|one| storage((one, 0).into()));
            Entry { address, netmask, other, ..entry }
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
            let zone = if address.is_unicast_link_local() { interface.index } else { 0 };
            let netmask = storage((Ipv6Addr::from(mask), 0).into());
            Entry { address: storage(SocketAddrV6::new(address, 0, 0, zone).into()), netmask, ..entry }
        }
    }
}

impl Entry {
    fn of(interface: &InterfaceInfo) -> Entry {
        let kind = if interface.loopback { libc::IFF_LOOPBACK } else { libc::IFF_BROADCAST | libc::IFF_MULTICAST };
        let state = if interface.up { libc::IFF_UP | libc::IFF_RUNNING | libc::IFF_LOWER_UP } else { 0 };
        Entry {
            entry: ifaddrs {
                ifa_next: ptr::null_mut(),
                ifa_name: ptr::null_mut(),
                ifa_flags: (kind | state) as c_uint,
                ifa_addr: ptr::null_mut(),
                ifa_netmask: ptr::null_mut(),
                ifa_ifu: ptr::null_mut(),
                ifa_data: ptr::null_mut(),
            },
            address: Storage([0; 28]),
            netmask: Storage([0; 28]),
            other: Storage([0; 28]),
            name: name_of(interface),
            statistics: [0; 24],
        }
    }
}

fn name_of(interface: &InterfaceInfo) -> [u8; libc::IF_NAMESIZE] {
    let mut name = [0; libc::IF_NAMESIZE];
    name[..libc::IF_NAMESIZE - 1].iter_mut().zip(interface.name.bytes()).for_each(|(place, byte)| *place = byte);
    name
}

/// Copies the entries into one block of the program's heap and makes the pointers.
fn chain(entries: &[Entry]) -> Result<*mut ifaddrs> {
    let block = memory::zeroed(size_of_val(entries))?.cast::<Entry>();
    // SAFETY: the block is fresh, aligned for every type, and as long as the entries; every pointer made is inside of it.
    unsafe {
        ptr::copy_nonoverlapping(entries.as_ptr(), block, entries.len());
        for (index, entry) in entries.iter().enumerate() {
            let at = block.add(index);
            let packet = entry.address.0[..2] == (libc::AF_PACKET as u16).to_ne_bytes();
            let next = if index + 1 < entries.len() { block.add(index + 1).cast() } else { ptr::null_mut() };
            (*at).entry.ifa_next = next;
            (*at).entry.ifa_name = (&raw mut (*at).name).cast();
            (*at).entry.ifa_addr = (&raw mut (*at).address).cast::<sockaddr>();
            // An IPv6 address has no broadcast address.
            if entry.address.0[..2] != (libc::AF_INET6 as u16).to_ne_bytes() {
                (*at).entry.ifa_ifu = (&raw mut (*at).other).cast::<sockaddr>();
            }
            match packet {
                true => (*at).entry.ifa_data = (&raw mut (*at).statistics).cast(),
                false => (*at).entry.ifa_netmask = (&raw mut (*at).netmask).cast::<sockaddr>(),
            }
        }
    }
    Ok(block.cast())
}
