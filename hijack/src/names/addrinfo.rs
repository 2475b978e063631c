#![allow(unsafe_code)]
//! getaddrinfo(3) and freeaddrinfo(3): chains of `addrinfo`.

use super::{NAMES, memory};
use crate::address;
use crate::real;
use crate::user::{In, Out};
use kernel::Result;
use kernel::names::addrinfo::{ADDRCONFIG, Answer, GaiError, Request, V4MAPPED, getaddrinfo as resolve};
use libc::{AF_UNSPEC, addrinfo};
use std::ffi::{c_char, c_int};
use std::mem::size_of;
use std::ptr;

const EAI_MEMORY: c_int = -10;

/// getaddrinfo(3).
pub fn getaddrinfo(
    node: In<c_char>,
    service: In<c_char>,
    hints: In<addrinfo>,
    into: Out<*mut addrinfo>,
) -> Option<Result<c_int>> {
    let (flags, family, kind, protocol) = match hints.optional().ok().flatten() {
        Some(hints) => (hints.ai_flags, hints.ai_family, hints.ai_socktype, hints.ai_protocol),
        None => (V4MAPPED | ADDRCONFIG, AF_UNSPEC, 0, 0),
    };
    let (Ok(node), Ok(service)) = (name(node), name(service)) else { return Some(Ok(GaiError::NoName.code())) };
    let request = Request { node, service, flags, family, kind, protocol };
    Some(match resolve(&request, &NAMES) {
        Ok(answer) => Ok(give(&answer, flags, into)),
        Err(error) => Ok(code(error)),
    })
}

/// The number of an error, with errno set where it says "see errno".
pub fn code(error: GaiError) -> c_int {
    if let GaiError::System(errno) = error {
        real::set_errno(errno.raw_os_error());
    }
    error.code()
}

/// A name that may be null. `Err`: no text.
fn name<'a>(string: In<c_char>) -> std::result::Result<Option<&'a str>, ()> {
    if string.is_null() { Ok(None) } else { memory::text(string).map(Some).ok_or(()) }
}

fn give(answer: &Answer, flags: c_int, into: Out<*mut addrinfo>) -> c_int {
    match chain(answer, flags).and_then(|chain| into.set(chain)) {
        Ok(()) => 0,
        Err(_) => EAI_MEMORY,
    }
}

/// Makes the chain from its end, one block an entry: the structure, then the address.
fn chain(answer: &Answer, flags: c_int) -> Result<*mut addrinfo> {
    let mut next: *mut addrinfo = ptr::null_mut();
    let made = answer.entries.iter().rev().try_for_each(|entry| {
        let (bytes, len) = address::encode(entry.address);
        let block = memory::zeroed(size_of::<addrinfo>() + len)?.cast::<addrinfo>();
        let family = if entry.address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
        // SAFETY: the block is fresh, aligned for every type, and holds the structure and `len` bytes.
        unsafe {
            let address = block.add(1).cast::<u8>();
            ptr::copy_nonoverlapping(bytes.as_ptr(), address, len);
            block.write(addrinfo {
                ai_flags: flags,
                ai_family: family,
                ai_socktype: entry.kind,
                ai_protocol: entry.protocol,
                ai_addrlen: len as libc::socklen_t,
                ai_addr: address.cast(),
                ai_canonname: ptr::null_mut(),
                ai_next: next,
            });
        }
        next = block;
        Ok(())
    });
    let named = made.and_then(|()| answer.canonical.as_deref().map(memory::string).transpose());
    match named {
        Ok(Some(name)) if !next.is_null() => {
            // SAFETY: the first entry of the chain just made.
            unsafe { (*next).ai_canonname = name };
            Ok(next)
        }
        Ok(_) => Ok(next),
        Err(errno) => {
            free(next);
            Err(errno)
        }
    }
}

/// freeaddrinfo(3).
pub fn freeaddrinfo(chain: Out<addrinfo>) -> Option<Result<()>> {
    free(chain.raw());
    Some(Ok(()))
}

fn free(mut entry: *mut addrinfo) {
    while !entry.is_null() {
        // SAFETY: a chain that getaddrinfo made, ours or libc's: both make one block an entry, and one for the name.
        unsafe {
            let next = (*entry).ai_next;
            memory::free((*entry).ai_canonname);
            memory::free(entry);
            entry = next;
        }
    }
}
