#![allow(unsafe_code)]
//! The structure of functions that packetdrill calls, and the function by which it asks for it.
//!
//! Every function takes `userdata` first. The order of the fields is the ABI.

use crate::Instance;
use crate::library::{SocketCalls, WaitCalls};
use libc::{c_int, c_void, size_t, timeval, timezone, useconds_t};
use std::ffi::{CStr, c_char, c_longlong};
use std::time::{Duration, SystemTime};

/// packetdrill's `struct packetdrill_interface`.
#[repr(C)]
#[allow(missing_docs)]
pub struct Interface {
    pub userdata: *mut c_void,
    pub free: unsafe extern "C" fn(*mut c_void),
    pub sockets: SocketCalls,
    /// Gives an IP packet to the stack: 0, or -1.
    pub netdev_send: unsafe extern "C" fn(*mut c_void, *const c_void, size_t) -> c_int,
    /// Waits for the next IP packet of the stack. The size is the buffer's, then the packet's; the time is in microseconds,
    /// on the clock of `gettimeofday`.
    pub netdev_receive: unsafe extern "C" fn(*mut c_void, *mut c_void, *mut size_t, *mut c_longlong) -> c_int,
    pub usleep: unsafe extern "C" fn(*mut c_void, useconds_t) -> c_int,
    pub gettimeofday: unsafe extern "C" fn(*mut c_void, *mut timeval, *mut timezone) -> c_int,
    pub waits: WaitCalls,
}

/// What packetdrill looks up and calls once. `flags` is its `--so_flags`, or null.
///
/// # Safety
/// `flags` is null or a string; `interface` is memory for an [`Interface`], which need not be initialized.
#[unsafe(no_mangle)]
// SAFETY: no other library of the process has a symbol of this name.
pub unsafe extern "C" fn packetdrill_interface_init(flags: *const c_char, interface: *mut Interface) {
    // SAFETY: the caller says so.
    let flags = if flags.is_null() { c"" } else { unsafe { CStr::from_ptr(flags) } };
    let instance = Instance::start(&flags.to_string_lossy()).unwrap_or_else(|error| {
        // The interface has no way to say it, and a script must not run against nothing.
        eprintln!("packetdrill on rump: {error}");
        std::process::exit(1)
    });
    let made = Interface {
        userdata: Box::into_raw(Box::new(instance)).cast(),
        free,
        sockets: SocketCalls::ENTRIES,
        netdev_send,
        netdev_receive,
        usleep,
        gettimeofday,
        waits: WaitCalls::ENTRIES,
    };
    // SAFETY: the caller says so.
    unsafe { interface.write(made) };
}

/// The instance of a call.
///
/// # Safety
/// `userdata` is what [`packetdrill_interface_init`] gave and `free` did not get yet.
pub(crate) unsafe fn instance<'a>(userdata: *mut c_void) -> &'a Instance {
    // SAFETY: it is a box's, made above.
    unsafe { &*userdata.cast() }
}

unsafe extern "C" fn free(userdata: *mut c_void) {
    // SAFETY: it is a box's, made above, and this is the last call.
    drop(unsafe { Box::from_raw(userdata.cast::<Instance>()) });
}

unsafe extern "C" fn netdev_send(userdata: *mut c_void, packet: *const c_void, len: size_t) -> c_int {
    // SAFETY: the caller gives a packet of that length.
    let (instance, packet) = unsafe { (instance(userdata), std::slice::from_raw_parts(packet.cast(), len)) };
    if instance.device.send(packet) { 0 } else { -1 }
}

unsafe extern "C" fn netdev_receive(
    userdata: *mut c_void,
    buffer: *mut c_void,
    len: *mut size_t,
    micros: *mut c_longlong,
) -> c_int {
    // SAFETY: the caller gives a buffer of that size, and places for the two results.
    unsafe {
        let buffer = std::slice::from_raw_parts_mut(buffer.cast::<u8>(), *len);
        let sniffed = instance(userdata).device.receive();
        let fits = sniffed.packet.len().min(buffer.len());
        buffer[..fits].copy_from_slice(&sniffed.packet[..fits]);
        *len = fits;
        *micros = (sniffed.timestamp_ns / 1000) as c_longlong;
    }
    0
}

unsafe extern "C" fn usleep(_: *mut c_void, micros: useconds_t) -> c_int {
    std::thread::sleep(Duration::from_micros(micros.into()));
    0
}

unsafe extern "C" fn gettimeofday(_: *mut c_void, time: *mut timeval, _: *mut timezone) -> c_int {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let now = timeval { tv_sec: now.as_secs() as i64, tv_usec: now.subsec_micros().into() };
    // SAFETY: the caller gives a place for it. Time zones are obsolete, and packetdrill asks for none.
    unsafe { time.write(now) };
    0
}
