//! Links: how frames leave and enter a kernel.

mod bus;
mod idle;
mod tap;

pub(crate) use bus::attach as attach_bus;
pub(crate) use idle::Idle;
pub(crate) use tap::attach as attach_tap;

use netstack::link::{IfIndex, LinkCaps, Mac, RxMeta, TxFrame, TxResult};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

/// The moving end of a link, which belongs to the engine's owner.
pub(crate) trait Link: Send {
    /// Its Ethernet address.
    fn mac(&self) -> Mac;

    /// What it does for the engine.
    fn caps(&self) -> LinkCaps;

    /// Claims an address on the link, or finds a free one in its net where `any` is set. The error is a sentence.
    fn claim(&mut self, address: Ipv4Addr, prefix: u8, any: bool) -> Result<Ipv4Addr, String>;

    /// Sends a frame. Never blocks.
    fn transmit(&mut self, frame: &TxFrame<'_>) -> TxResult;

    /// Hands over up to `max` frames that have come; returns how many there were.
    fn receive(&mut self, max: usize, each: &mut dyn FnMut(&[u8], RxMeta)) -> usize;

    /// What else has happened on the link since the last call.
    fn news(&mut self) -> Vec<News>;

    /// Whether what is for other stations is handed over, too, where the link knows stations apart.
    fn set_promiscuous(&mut self, _on: bool) {}

    /// Leaves the link, as a process that ends does.
    fn leave(&mut self) {}
}

/// What a link has to say besides frames.
pub(crate) enum News {
    /// The node with these addresses is gone.
    PeerGone(Vec<IpAddr>),
    /// Something for the user to read.
    Warning(String),
}

/// The sleeping side of a link: any thread may use it while another owns the moving end.
pub(crate) trait Doorbell: Send + Sync {
    /// Called once in the thread that will sleep here.
    fn enter(&self) {}

    /// Sleeps until a frame comes, [`interrupt`](Self::interrupt) is called, or the time is up. `awake` is asked once
    /// more when a wake-up can no longer be lost: true means not to sleep.
    fn sleep(&self, timeout: Option<Duration>, awake: &mut dyn FnMut() -> bool);

    /// Ends the sleep of the link's own thread.
    fn interrupt(&self);

    /// Whether a frame waits. False where only the link's thread can tell.
    fn has_input(&self) -> bool;

    /// Says that the engine's owner is at work: nobody needs waking for a frame.
    fn attend(&self) {}

    /// Withdraws it. The owner looks for input afterwards.
    fn neglect(&self) {}

    /// In a child of a fork: gives up what marks the parent as alive.
    fn close_in_child(&self) {}
}

/// A link on which a blocked program thread can itself wait for frames.
pub(crate) trait Lead: Send + Sync {
    /// Says that a program thread is about to sleep here. What arrives from now on ends the sleep.
    fn prepare(&self) -> shmif::Token;

    /// Sleeps unless something came since `prepare` gave `token`. True where a signal ended the sleep.
    fn sleep(&self, token: shmif::Token, timeout: Option<Duration>) -> bool;

    /// Withdraws what `prepare` said.
    fn cancel(&self);

    /// Wakes the sleeper, from another thread of this process.
    fn ring(&self);

    /// Says that a thread looks for frames for a while instead of sleeping: nobody needs waking for one.
    fn spin_begins(&self);

    /// Withdraws it. The thread looks for input afterwards.
    fn spin_ends(&self);

    /// The futex word of the sleep.
    fn word(&self) -> &AtomicU32;
}

/// A link as its attachment made it.
pub(crate) struct Parts {
    pub(crate) link: Box<dyn Link>,
    pub(crate) bell: Arc<dyn Doorbell>,
    pub(crate) lead: Option<Arc<dyn Lead>>,
    pub(crate) mtu: u32,
}

/// An attached link.
pub(crate) struct Attached {
    pub(crate) index: IfIndex,
    pub(crate) link: Box<dyn Link>,
    pub(crate) capture: Option<crate::capture::Capture>,
}
