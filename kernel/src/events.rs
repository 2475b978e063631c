//! What can be waited for, in the numbers that poll(2) and epoll(7) share.

bitflags::bitflags! {
    /// Readiness of a descriptor, as in poll(2).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Events: u32 {
        /// There is something to read (or to accept), or the end of the stream.
        const IN = 0x001;
        /// Urgent data.
        const PRI = 0x002;
        /// There is room to write.
        const OUT = 0x004;
        /// A pending error; always reported.
        const ERR = 0x008;
        /// Both directions are closed; always reported.
        const HUP = 0x010;
        /// As `IN`.
        const RDNORM = 0x040;
        /// As `OUT`.
        const WRNORM = 0x100;
        /// As `OUT`, of sockets of datagrams.
        const WRBAND = 0x200;
        /// The peer has closed its direction.
        const RDHUP = 0x2000;
    }
}

/// Somebody who wants to hear that a socket may have changed: a sleeping thread, an epoll set.
pub trait Watcher: Send + Sync {
    /// The socket watched under `token` may have changed. Called by whoever runs the engine: short, and never blocking.
    fn notify(&self, token: u64);
}
