//! dlopen(3) and dlsym(3), by which a program comes to libc's own functions past the hooks: as the libraries do that PHP loads
//! (RTLD_DEEPBIND), and whoever asks libc's handle for a function (Python's ctypes, JNA, LuaJIT's ffi).

use crate::hook;
use crate::objects::Object;
use crate::table::host;
use crate::user::In;
use kernel::{log, signal};
use libc::{LM_ID_BASE, LM_ID_NEWLM, Lmid_t, RTLD_DEEPBIND, RTLD_DEFAULT, RTLD_NEXT};
use std::ffi::{c_char, c_int, c_void};

/// dlopen(3). With RTLD_DEEPBIND a library finds what it needs, thus libc, before what was preloaded.
pub fn dlopen(_file: &mut In<c_char>, flags: &mut c_int) -> Option<*mut c_void> {
    *flags &= !RTLD_DEEPBIND;
    None
}

/// dlmopen(3). A new namespace has a libc of its own, and no preloaded libraries.
pub fn dlmopen(namespace: &mut Lmid_t, file: &mut In<c_char>, flags: &mut c_int) -> Option<*mut c_void> {
    match *namespace {
        LM_ID_BASE => *flags &= !RTLD_DEEPBIND,
        LM_ID_NEWLM if std::env::var_os("RUMP_NET").is_some() => hook::within(|| {
            let file = file.string().unwrap_or_default().to_string_lossy();
            log::warn(&format!("dlmopen(3) loads {file} with a libc of its own, whose sockets are the host's"));
        }),
        _ => {}
    }
    None
}

/// dlsym(3). What std asks for itself is found without the dynamic linker's lock: who holds it may be a library's constructor that
/// waits for our thread.
pub fn dlsym(handle: &mut *mut c_void, name: &mut In<c_char>) -> Option<*mut c_void> {
    if signal::inside() && *handle == RTLD_DEFAULT {
        return Some(Object::libc()?.function(name.string().ok()?)?.as_ptr());
    }
    ours_for(*handle, *name, || host::dlsym(*handle, *name))
}

/// dlvsym(3). Our functions have no version, so that libc's would be found by RTLD_DEFAULT, too.
pub fn dlvsym(handle: &mut *mut c_void, name: &mut In<c_char>, version: &mut In<c_char>) -> Option<*mut c_void> {
    ours_for(*handle, *name, || host::dlvsym(*handle, *name, *version))
}

/// Our function, where the program would find libc's of the same name. Others that have such names (libtirpc, say) keep theirs, and
/// after RTLD_NEXT comes what comes next.
fn ours_for(handle: *mut c_void, name: In<c_char>, find: impl FnOnce() -> *mut c_void) -> Option<*mut c_void> {
    if handle == RTLD_NEXT {
        return None;
    }
    let ours = Object::ours()?.function(name.string().ok()?)?;
    let found = find();
    (!found.is_null() && Object::around(found) == Object::libc()).then_some(ours.as_ptr())
}
