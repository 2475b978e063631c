//! gethostbyname(3) and its relatives: `hostent` and the buffer into which it points.

use super::{NAMES, memory};
use crate::user::{In, InBytes, Out, OutBytes};
use kernel::names::addrinfo::Lookup;
use kernel::names::{self, Families, Host, NameError};
use kernel::{Errno, Result};
use libc::{AF_INET, AF_INET6, hostent, size_t, socklen_t};
use std::ffi::{c_char, c_int};
use std::mem::size_of;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ptr;
use std::sync::Mutex;

/// NETDB_SUCCESS.
const SUCCESS: c_int = 0;

/// gethostbyname(3).
pub fn gethostbyname(name: In<c_char>) -> Option<Result<*mut hostent>> {
    gethostbyname2(name, AF_INET)
}

/// gethostbyname2(3).
pub fn gethostbyname2(name: In<c_char>, family: c_int) -> Option<Result<*mut hostent>> {
    Some(Ok(shared(by_name(name, family), family)))
}

/// gethostbyaddr(3).
pub fn gethostbyaddr(address: InBytes, len: socklen_t, family: c_int) -> Option<Result<*mut hostent>> {
    Some(Ok(shared(by_address(address, len, family), family)))
}

/// gethostbyname_r(3).
pub fn gethostbyname_r(
    name: In<c_char>,
    into: Out<hostent>,
    buf: OutBytes,
    len: size_t,
    result: Out<*mut hostent>,
    error: Out<c_int>,
) -> Option<Result<c_int>> {
    gethostbyname2_r(name, AF_INET, into, buf, len, result, error)
}

/// gethostbyname2_r(3).
pub fn gethostbyname2_r(
    name: In<c_char>,
    family: c_int,
    into: Out<hostent>,
    buf: OutBytes,
    len: size_t,
    result: Out<*mut hostent>,
    error: Out<c_int>,
) -> Option<Result<c_int>> {
    Some(Ok(given(by_name(name, family), family, Place { into, buf, len }, result, error)))
}

/// gethostbyaddr_r(3).
#[allow(clippy::too_many_arguments)] // as many as the function has
pub fn gethostbyaddr_r(
    address: InBytes,
    address_len: socklen_t,
    family: c_int,
    into: Out<hostent>,
    buf: OutBytes,
    len: size_t,
    result: Out<*mut hostent>,
    error: Out<c_int>,
) -> Option<Result<c_int>> {
    let found = by_address(address, address_len, family);
    Some(Ok(given(found, family, Place { into, buf, len }, result, error)))
}

/// sethostent(3): the entries from the first on.
pub fn sethostent(_stay_open: c_int) -> Option<Result<()>> {
    *lock(&ENTRIES) = None;
    Some(Ok(()))
}

/// endhostent(3).
pub fn endhostent() -> Option<Result<()>> {
    sethostent(0)
}

/// gethostent(3).
pub fn gethostent() -> Option<Result<*mut hostent>> {
    Some(Ok(shared(next_entry(), AF_INET)))
}

/// gethostent_r(3).
pub fn gethostent_r(
    into: Out<hostent>,
    buf: OutBytes,
    len: size_t,
    result: Out<*mut hostent>,
    error: Out<c_int>,
) -> Option<Result<c_int>> {
    Some(Ok(given(next_entry(), AF_INET, Place { into, buf, len }, result, error)))
}

/// The entries of gethostent that are still to come.
static ENTRIES: Mutex<Option<std::vec::IntoIter<Host>>> = Mutex::new(None);

fn next_entry() -> std::result::Result<Host, NameError> {
    let mut entries = lock(&ENTRIES);
    let rest = entries.get_or_insert_with(|| names::host_entries().into_iter());
    rest.find(|host| host.addresses.iter().all(IpAddr::is_ipv4)).ok_or(NameError::NotFound)
}

fn by_name(name: In<c_char>, family: c_int) -> std::result::Result<Host, NameError> {
    let families = match family {
        AF_INET => Families::V4,
        AF_INET6 => Families::V6,
        _ => return Err(NameError::System(Errno::AFNOSUPPORT)),
    };
    let name = memory::text(name).ok_or(NameError::NotFound)?;
    match names::parse_address(name) {
        Some(address) if families.contains(&address) => {
            Ok(Host { name: name.to_owned(), addresses: vec![address], ..Host::default() })
        }
        Some(_) => Err(NameError::NotFound),
        None if name.is_empty() => Err(NameError::NotFound),
        None => NAMES.by_name(name, families),
    }
}

fn by_address(address: InBytes, len: socklen_t, family: c_int) -> std::result::Result<Host, NameError> {
    let bytes = address.slice(len as usize)?;
    let address = match family {
        AF_INET => <[u8; 4]>::try_from(bytes).map(|bytes| Ipv4Addr::from(bytes).into()),
        AF_INET6 => <[u8; 16]>::try_from(bytes).map(|bytes| Ipv6Addr::from(bytes).into()),
        _ => return Err(NameError::System(Errno::AFNOSUPPORT)),
    };
    NAMES.by_address(address.map_err(|_| NameError::System(Errno::INVAL))?)
}

/// Where a `_r` function's result goes.
struct Place {
    into: Out<hostent>,
    buf: OutBytes,
    len: size_t,
}

/// What a `_r` function returns: 0 also where nothing was found (with a null result), an errno otherwise.
fn given(
    found: std::result::Result<Host, NameError>,
    family: c_int,
    place: Place,
    result: Out<*mut hostent>,
    error: Out<c_int>,
) -> c_int {
    let packed = found.and_then(|host| {
        let packed = place.buf.slice(place.len).ok().and_then(|buf| pack(&host, family, buf));
        place.into.set(packed.ok_or(NameError::System(Errno::RANGE))?)?;
        Ok(())
    });
    let (found, h_errno, errno) = match packed {
        Ok(()) => (place.into.raw(), SUCCESS, 0),
        Err(error) => (ptr::null_mut(), error.h_errno(), errno_of(error)),
    };
    if found.is_null() {
        memory::set_h_errno(h_errno); // which programs read, too
    }
    let written = result.set(found).and_then(|()| error.set(h_errno));
    let errno = written.map_or_else(Errno::raw_os_error, |()| errno);
    crate::real::set_errno(errno);
    errno
}

fn errno_of(error: NameError) -> c_int {
    match error {
        NameError::NotFound | NameError::NoData => 0,
        NameError::TryAgain => libc::EAGAIN,
        NameError::NoRecovery => libc::EIO,
        NameError::System(errno) => errno.raw_os_error(),
    }
}

/// What a function that is not reentrant returns.
fn shared(found: std::result::Result<Host, NameError>, family: c_int) -> *mut hostent {
    let error = match found {
        Ok(host) => return memory::share(|buf| pack(&host, family, buf)),
        Err(error) => error,
    };
    if let NameError::System(errno) = error {
        crate::real::set_errno(errno.raw_os_error());
    }
    memory::set_h_errno(error.h_errno());
    ptr::null_mut()
}

/// Puts a host into `buf`: the two arrays of pointers, the addresses, the strings. `None`: it does not fit.
fn pack(host: &Host, family: c_int, buf: &mut [u8]) -> Option<hostent> {
    let base = buf.as_mut_ptr().expose_provenance();
    let mut packer = Packer { buf, base, used: base.next_multiple_of(size_of::<usize>()) - base };
    let aliases_at = packer.reserve((host.aliases.len() + 1) * size_of::<usize>())?;
    let addresses_at = packer.reserve((host.addresses.len() + 1) * size_of::<usize>())?;
    let mut addresses = Vec::with_capacity(host.addresses.len());
    for address in &host.addresses {
        addresses.push(match address {
            IpAddr::V4(v4) => packer.put(&v4.octets())?,
            IpAddr::V6(v6) => packer.put(&v6.octets())?,
        });
    }
    let name = packer.put_string(&host.name)?;
    let aliases = host.aliases.iter().map(|alias| packer.put_string(alias)).collect::<Option<Vec<usize>>>()?;
    packer.put_array(aliases_at, &aliases);
    packer.put_array(addresses_at, &addresses);
    Some(hostent {
        h_name: ptr::with_exposed_provenance_mut(base + name),
        h_aliases: ptr::with_exposed_provenance_mut(base + aliases_at),
        h_addrtype: family,
        h_length: if family == AF_INET { 4 } else { 16 },
        h_addr_list: ptr::with_exposed_provenance_mut(base + addresses_at),
    })
}

/// A buffer that is filled from its beginning; places in it are offsets.
struct Packer<'a> {
    buf: &'a mut [u8],
    base: usize,
    used: usize,
}

impl Packer<'_> {
    fn reserve(&mut self, len: usize) -> Option<usize> {
        let at = self.used;
        self.used = at.checked_add(len).filter(|&end| end <= self.buf.len())?;
        Some(at)
    }

    fn put(&mut self, bytes: &[u8]) -> Option<usize> {
        let at = self.reserve(bytes.len())?;
        self.buf[at..at + bytes.len()].copy_from_slice(bytes);
        Some(at)
    }

    fn put_string(&mut self, text: &str) -> Option<usize> {
        let at = self.put(text.as_bytes())?;
        self.put(&[0])?;
        Some(at)
    }

    /// Pointers to `offsets`, then a null, into the place reserved `at`.
    fn put_array(&mut self, at: usize, offsets: &[usize]) {
        let pointers = offsets.iter().map(|offset| self.base + offset).chain([0]);
        let places = self.buf[at..].chunks_exact_mut(size_of::<usize>());
        places.zip(pointers).for_each(|(place, pointer)| place.copy_from_slice(&pointer.to_ne_bytes()));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
