//! The C library's resolver and interface list with a safe face, their answers as lines.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString};
use std::mem::{size_of, zeroed};
use std::net::Ipv4Addr;
use std::ptr;

use libc::{addrinfo, sockaddr_in};

/// What `getaddrinfo` is asked for.
#[derive(Clone, Copy)]
pub struct Hints {
    pub family: i32,
    pub kind: i32,
    pub flags: i32,
}

/// The answers of `getaddrinfo` in their order, or the name of the error.
pub fn lookup(host: Option<&str>, service: Option<&str>, hints: &Hints) -> String {
    let [host, service] = [host, service].map(|text| text.map(|text| CString::new(text).unwrap_or_default()));
    let pointer = |text: &Option<CString>| text.as_ref().map_or(ptr::null(), |text| text.as_ptr());
    // SAFETY: an all-zero addrinfo is a valid one. The strings outlive the call; the list is walked while it is ours and freed once.
    unsafe {
        let mut wanted: addrinfo = zeroed();
        wanted.ai_family = hints.family;
        wanted.ai_socktype = hints.kind;
        wanted.ai_flags = hints.flags;
        let mut list = ptr::null_mut();
        let error = libc::getaddrinfo(pointer(&host), pointer(&service), &raw const wanted, &raw mut list);
        if error != 0 {
            return error_name(error);
        }
        let mut lines = Vec::new();
        let mut entry: *const addrinfo = list;
        while let Some(answer) = entry.as_ref() {
            lines.push(answer_line(answer));
            entry = answer.ai_next;
        }
        libc::freeaddrinfo(list);
        lines.join(", ")
    }
}

/// # Safety
/// The entry is one of a list that `getaddrinfo` made and nobody has freed.
unsafe fn answer_line(answer: &addrinfo) -> String {
    let mut line = format!("type {} protocol {}", answer.ai_socktype, answer.ai_protocol);
    if answer.ai_family == libc::AF_INET {
        // SAFETY: the family says what the address is.
        let address = unsafe { answer.ai_addr.cast::<sockaddr_in>().read() };
        line = format!(
            "{}:{} {line}",
            Ipv4Addr::from(u32::from_be(address.sin_addr.s_addr)),
            u16::from_be(address.sin_port)
        );
    }
    if !answer.ai_canonname.is_null() {
        // SAFETY: not null, so it is the library's string.
        line += &format!(" name {}", unsafe { CStr::from_ptr(answer.ai_canonname) }.to_string_lossy());
    }
    line
}

fn error_name(error: i32) -> String {
    const NAMES: &[(i32, &str)] = &[
        (libc::EAI_AGAIN, "EAI_AGAIN"),
        (libc::EAI_BADFLAGS, "EAI_BADFLAGS"),
        (libc::EAI_FAIL, "EAI_FAIL"),
        (libc::EAI_FAMILY, "EAI_FAMILY"),
        (libc::EAI_MEMORY, "EAI_MEMORY"),
        (libc::EAI_NODATA, "EAI_NODATA"),
        (libc::EAI_NONAME, "EAI_NONAME"),
        (libc::EAI_OVERFLOW, "EAI_OVERFLOW"),
        (libc::EAI_SERVICE, "EAI_SERVICE"),
        (libc::EAI_SOCKTYPE, "EAI_SOCKTYPE"),
        (libc::EAI_SYSTEM, "EAI_SYSTEM"),
        (-9, "EAI_ADDRFAMILY"),
    ];
    NAMES
        .iter()
        .find(|(value, _)| *value == error)
        .map_or_else(|| format!("EAI {error}"), |(_, name)| (*name).to_owned())
}

/// `getnameinfo` for an IPv4 address with room for `room` bytes of host name.
pub fn reverse(address: &str, port: u16, flags: i32, room: usize) -> String {
    let address = sockaddr_in {
        sin_family: libc::AF_INET as u16,
        sin_port: port.to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from(address.parse().unwrap_or(Ipv4Addr::UNSPECIFIED)).to_be() },
        sin_zero: [0; 8],
    };
    let mut host = [0u8; 256];
    let mut service = [0u8; 64];
    // SAFETY: all three buffers are ours and as long as said (`room` at most the host buffer's length).
    let error = unsafe {
        libc::getnameinfo(
            ptr::from_ref(&address).cast(),
            size_of::<sockaddr_in>() as u32,
            host.as_mut_ptr().cast(),
            room.min(host.len()) as u32,
            service.as_mut_ptr().cast(),
            service.len() as u32,
            flags,
        )
    };
    if error != 0 {
        return error_name(error);
    }
    let text = |bytes: &[u8]| {
        CStr::from_bytes_until_nul(bytes).map(|text| text.to_string_lossy().into_owned()).unwrap_or_default()
    };
    format!("{} {}", text(&host), text(&service))
}

/// `getifaddrs`: a line for each IPv4 address and its interface.
pub fn interfaces() -> Vec<String> {
    let mut lines = Vec::new();
    // SAFETY: the list is walked while it is ours and freed once; each pointer is looked at only if it is not null, and an address is
    // read as IPv4 only if its family says so.
    unsafe {
        let mut list = ptr::null_mut();
        if libc::getifaddrs(&raw mut list) != 0 {
            return vec![crate::errno::Errno::last().to_string()];
        }
        let mut entry: *const libc::ifaddrs = list;
        while let Some(interface) = entry.as_ref() {
            entry = interface.ifa_next;
            if interface.ifa_addr.is_null() || i32::from((*interface.ifa_addr).sa_family) != libc::AF_INET {
                continue;
            }
            let ip = |pointer: *const libc::sockaddr| {
                Ipv4Addr::from(u32::from_be((*pointer.cast::<sockaddr_in>()).sin_addr.s_addr))
            };
            let mask = if interface.ifa_netmask.is_null() { Ipv4Addr::UNSPECIFIED } else { ip(interface.ifa_netmask) };
            let up = interface.ifa_flags as i32 & libc::IFF_UP != 0;
            let loopback = interface.ifa_flags as i32 & libc::IFF_LOOPBACK != 0;
            let name = CStr::from_ptr(interface.ifa_name).to_string_lossy();
            lines.push(format!("{name} {} mask {mask} up {up} loopback {loopback}", ip(interface.ifa_addr)));
        }
        libc::freeifaddrs(list);
    }
    lines
}
