#![allow(unsafe_code)]
//! getaddrinfo_a(3). libc's asks from threads of its own that no hook sees; ours has answered when it returns, which the interface
//! allows: gai_error, gai_suspend and gai_cancel then find nothing in progress.

use super::addrinfo;
use crate::user::{In, Out};
use kernel::{Errno, Result};
use std::ffi::{c_char, c_int};

const GAI_WAIT: c_int = 0;
const GAI_NOWAIT: c_int = 1;
const EAI_SYSTEM: c_int = -11;

/// `struct gaicb`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Request {
    name: In<c_char>,
    service: In<c_char>,
    hints: In<libc::addrinfo>,
    result: *mut libc::addrinfo,
    status: c_int,
    reserved: [c_int; 5],
}

/// `struct sigevent`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Event {
    value: libc::sigval,
    signal: c_int,
    how: c_int,
    function: Option<extern "C" fn(libc::sigval)>,
    attributes: usize,
}

// SAFETY: pointers and integers.
unsafe impl crate::user::Plain for Request {}
// SAFETY: as above; the function is the program's own, and null is `None`.
unsafe impl crate::user::Plain for Event {}

/// getaddrinfo_a(3).
pub fn getaddrinfo_a(mode: c_int, list: In<Out<Request>>, count: c_int, event: In<Event>) -> Option<Result<c_int>> {
    if mode != GAI_WAIT && mode != GAI_NOWAIT {
        crate::real::set_errno(Errno::INVAL.raw_os_error());
        return Some(Ok(EAI_SYSTEM));
    }
    Some(answer_all(list, count).map(|()| {
        if mode == GAI_NOWAIT {
            notify(event);
        }
        0
    }))
}

fn answer_all(list: In<Out<Request>>, count: c_int) -> Result<()> {
    let requests = list.slice(usize::try_from(count).map_err(|_| Errno::INVAL)?)?;
    for place in requests.iter().filter(|place| !place.is_null()) {
        let mut request = place.get()?;
        let result = Out::of(&mut request.result);
        let answered = addrinfo::getaddrinfo(request.name, request.service, request.hints, result);
        request.status = answered.and_then(Result::ok).unwrap_or(EAI_SYSTEM);
        place.set(request)?;
    }
    Ok(())
}

/// Says that all is done, as the program asked.
fn notify(event: In<Event>) {
    let Ok(Some(event)) = event.optional() else { return };
    match (event.how, event.function) {
        (libc::SIGEV_SIGNAL, _) => {
            // SAFETY: takes numbers and a word that is handed on unread; it signals this process.
            unsafe { libc::sigqueue(libc::getpid(), event.signal, event.value) };
        }
        (libc::SIGEV_THREAD, Some(function)) => {
            let value = event.value.sival_ptr.expose_provenance();
            std::thread::spawn(move || {
                function(libc::sigval { sival_ptr: std::ptr::with_exposed_provenance_mut(value) })
            });
        }
        _ => {}
    }
}
