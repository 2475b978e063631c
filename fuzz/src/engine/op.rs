//! What can happen to a stack.

use arbitrary::Arbitrary;

use super::frame::Frame;

/// What a stack is before anything happens.
#[derive(Arbitrary, Debug)]
pub struct Setting {
    /// The link's MTU is made of it.
    pub mtu: u16,
    /// The link wants no checksums.
    pub checksum_offload: bool,
    /// It passes packets on.
    pub forwarding: bool,
    /// It asks for an address by DHCP, and for routers.
    pub automatic: bool,
    /// Bytes that its queues may hold, in KiB; 0: 1 MiB.
    pub limit: u8,
}

/// One thing that happens.
#[derive(Arbitrary, Debug)]
pub enum Op {
    /// A frame comes.
    Frame(Frame),
    /// A frame comes and its checksum is known to be good, as the bus and TAP say.
    Trusted(Frame),
    /// What the stack sent last comes back to it with source and destination exchanged, and bytes changed.
    Reflect { changes: [(u8, u8); 2], count: u8 },
    /// A program calls.
    Call(Call),
    /// Milliseconds pass.
    Pass(u16),
    /// The link has no room from now on, or room again.
    Room(bool),
    /// The link says that a station died.
    PeerDied { v6: bool },
}

/// A call of a program. `which` chooses a socket among those that are open.
#[derive(Arbitrary, Debug)]
pub enum Call {
    Listen { v6: bool, port: u8, backlog: u8, dual: bool },
    Connect { v6: bool, port: u8, small_rings: bool },
    Accept { which: u8 },
    Write { which: u8, len: u16 },
    Read { which: u8, len: u16 },
    Shutdown { which: u8, read: bool, write: bool },
    Close { which: u8, abort: bool },
    Disconnect { which: u8 },
    Options { which: u8, nodelay: bool, cork: bool, keepalive: bool, quickack: Option<bool>, maxseg: Option<u16> },
    Udp { v6: bool, port: u8 },
    UdpConnect { which: u8, v6: bool, port: u8 },
    UdpSend { which: u8, v6: bool, group: bool, port: u8, len: u16 },
    Join { which: u8, v6: bool, leave: bool },
    Raw { kind: u8, protocol: u8 },
    RawSend { which: u8, v6: bool, payload: Vec<u8> },
    Restore { v6: bool, port: u8, written: u32, received: u32 },
    Repair { which: u8, how: Repair },
}

/// A call of a program whose stream is under repair.
#[derive(Arbitrary, Debug)]
pub enum Repair {
    Agree { mss: u16, scales: u8, more: bool },
    Windows { snd_wl1: u32, snd_wnd: u32, snd_wnd_max: u32, rcv_wnd: u32, rcv_wup: u32 },
    PutSent { len: u16 },
    PutReceived { len: u16 },
    Probe,
    Abandon,
}
