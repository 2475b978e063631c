//! librumphijack.so: unmodified programs on a rump kernel, by LD_PRELOAD.
//!
//! `table` lists every hooked function, a row each, and `hook` explains the words of its rows. The functions that the rows name
//! translate between C and the rump kernel's sockets, and decide nothing else:
//!
//! | | |
//! |---|---|
//! | sockets | `socket` (socket(2) to shutdown(2)), `options`, `transfer` and `splice` (bytes), `message` (sendmsg, recvmsg), `netlink` |
//! | descriptors | `descriptors` (close, dup, fcntl), `signal_driven` (signal-driven I/O), `mapping` (mmap) |
//! | ioctl(2) | `control`, with `arp` and `ethtool` |
//! | waiting | `readiness` (poll, select, epoll), `signals` (sigaction) |
//! | names | `names`: getaddrinfo, gethostbyname, resolver, interfaces |
//! | stdio | `stdio` (streams over sockets), `standard` (stdin, stdout, stderr), `variadic` (dprintf) |
//! | other ways in | `indirect` (syscall(2)), `background` (aio(7)), `loader` (dlopen, dlsym) |
//! | the process | `process` (boot, fork, exit) |
//! | tools | `user` (the program's memory), `address` (`struct sockaddr`), `real` (the host's functions), `onward` (calls that go on in them), `objects` (what libraries export), `allocator` (our memory), `listing` (the table as text, and why the rest of libc is not in it) |
//!
//! A program that never opens an Internet socket runs as if the library were not there: no thread, no descriptor, no output.

mod address;
mod allocator;
mod alternate_stack;
mod arp;
mod background;
mod control;
mod descriptors;
mod ethtool;
mod files;
mod hook;
mod indirect;
mod listing;
mod loader;
mod mapping;
mod message;
mod names;
mod netlink;
mod objects;
mod onward;
mod options;
mod process;
mod readiness;
mod real;
mod signal_driven;
mod signals;
mod socket;
mod sources;
mod splice;
mod standard;
mod stdio;
mod table;
mod thread_exit;
mod transfer;
mod user;
#[cfg(target_arch = "x86_64")]
mod variadic;
