//! librumphijack.so: unmodified programs on a rump kernel, by LD_PRELOAD.
//!
//! `table` lists every function that is hooked, a row each; the words of its rows are explained in `hook`. The rows'
//! functions translate between C and the rump kernel's sockets and decide nothing else:
//!
//! - `endpoint`: socket(2) to shutdown(2), names, options. `transfer`, `splice`: bytes. `message`: sendmsg, recvmsg.
//! - `descriptors`: close, dup, fcntl. `control`: ioctl. `indirect`: calls by number. `background`: aio(7). `stdio`: streams over sockets;
//!   `standard`: stdin and its kin.
//! - `names`: getaddrinfo and its kin, the files of names, interfaces.
//! - `readiness`: poll, select, epoll. `signals`: sigaction and its kin. `process`: boot, fork, exit.
//! - `listing`: the table as text, and why the rest of libc is not in it.
//! - `user`: the program's memory. `address`: its structures. `real`: the host's functions. `allocator`: our memory.
//!
//! A program that never opens an Internet socket runs as if we were not there: no thread, no descriptor, no output.

mod address;
mod allocator;
mod arp;
mod background;
mod control;
mod descriptors;
mod driven;
mod endpoint;
mod ethtool;
mod hook;
mod indirect;
mod listing;
mod mapping;
mod message;
mod names;
mod netlink;
mod process;
mod readiness;
mod real;
mod signals;
mod splice;
mod standard;
mod stdio;
mod table;
mod transfer;
mod user;
#[cfg(target_arch = "x86_64")]
mod variadic;
