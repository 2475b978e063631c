//! res_query(3) and its kin, for programs that read DNS messages themselves. What only computes (res_mkquery, dn_expand, ns_*) and
//! what only fills a state from files (res_init) is libc's; the servers of that state are never asked.
//!
//! A `res_state` is not looked at: servers, search list and timeouts are the rump kernel's.

use super::{NAMES, memory};
use crate::user::{In, InBytes, OutBytes};
use kernel::names::NameError;
use kernel::{Errno, Result};
use std::ffi::{c_char, c_int, c_void};

/// The state of the `res_n…` functions.
pub type State = In<c_void>;

/// res_query(3).
pub fn query(name: In<c_char>, class: c_int, kind: c_int, into: OutBytes, len: c_int) -> Option<Result<c_int>> {
    ask(&[name], into, len, |name| NAMES.with_resolver(|resolver| Ok(resolver.query(name, kind as u16, class as u16))))
}

/// res_search(3).
pub fn search(name: In<c_char>, class: c_int, kind: c_int, into: OutBytes, len: c_int) -> Option<Result<c_int>> {
    ask(&[name], into, len, |name| NAMES.with_resolver(|resolver| Ok(resolver.search(name, kind as u16, class as u16))))
}

/// res_querydomain(3).
pub fn querydomain(
    name: In<c_char>,
    domain: In<c_char>,
    class: c_int,
    kind: c_int,
    into: OutBytes,
    len: c_int,
) -> Option<Result<c_int>> {
    ask(&[name, domain], into, len, |name| {
        NAMES.with_resolver(|resolver| Ok(resolver.query(name, kind as u16, class as u16)))
    })
}

/// res_send(3).
pub fn send(message: InBytes, message_len: c_int, into: OutBytes, len: c_int) -> Option<Result<c_int>> {
    let sent = usize::try_from(message_len).map_err(|_| Errno::INVAL).and_then(|len| message.slice(len));
    Some(sent.and_then(|message| match NAMES.with_resolver(|resolver| resolver.send(message)) {
        Ok(answer) => put(&answer, into, len),
        Err(NameError::System(errno)) => Err(errno),
        Err(_) => Err(Errno::TIMEDOUT),
    }))
}

/// res_nquery(3).
pub fn nquery(
    _: State,
    name: In<c_char>,
    class: c_int,
    kind: c_int,
    into: OutBytes,
    len: c_int,
) -> Option<Result<c_int>> {
    query(name, class, kind, into, len)
}

/// res_nsearch(3).
pub fn nsearch(
    _: State,
    name: In<c_char>,
    class: c_int,
    kind: c_int,
    into: OutBytes,
    len: c_int,
) -> Option<Result<c_int>> {
    search(name, class, kind, into, len)
}

/// res_nquerydomain(3).
pub fn nquerydomain(
    _: State,
    name: In<c_char>,
    domain: In<c_char>,
    class: c_int,
    kind: c_int,
    into: OutBytes,
    len: c_int,
) -> Option<Result<c_int>> {
    querydomain(name, domain, class, kind, into, len)
}

/// res_nsend(3).
pub fn nsend(_: State, message: InBytes, message_len: c_int, into: OutBytes, len: c_int) -> Option<Result<c_int>> {
    send(message, message_len, into, len)
}

/// The message that answers, if one came, and what it means.
type Outcome = (Option<Vec<u8>>, std::result::Result<(), NameError>);

/// Asks for the name that `parts` make with dots between. The message goes to the program even where it is a refusal.
fn ask(
    parts: &[In<c_char>],
    into: OutBytes,
    len: c_int,
    ask: impl FnOnce(&str) -> std::result::Result<Outcome, NameError>,
) -> Option<Result<c_int>> {
    let parts: Option<Vec<&str>> =
        parts.iter().filter(|part| !part.is_null()).map(|part| memory::text(*part)).collect();
    let (message, verdict) = match parts.ok_or(NameError::NoRecovery).and_then(|parts| ask(&parts.join("."))) {
        Ok(outcome) => outcome,
        Err(error) => (None, Err(error)),
    };
    let put = message.map(|message| put(&message, into, len));
    Some(match verdict {
        Ok(()) => put.unwrap_or(Err(Errno::TIMEDOUT)),
        Err(error) => {
            memory::set_h_errno(error.h_errno());
            Err(if let NameError::System(errno) = error { errno } else { Errno::TIMEDOUT })
        }
    })
}

/// Copies an answer; one that does not fit is cut, and says so (TC), as in glibc.
fn put(answer: &[u8], into: OutBytes, len: c_int) -> Result<c_int> {
    const TC: u8 = 0x02;
    let space = usize::try_from(len).map_err(|_| Errno::INVAL)?;
    let fits = answer.len().min(space);
    let into = into.slice(fits)?;
    into.copy_from_slice(&answer[..fits]);
    if let (true, Some(flags)) = (fits < answer.len(), into.get_mut(2)) {
        *flags |= TC;
    }
    Ok(fits as c_int)
}
