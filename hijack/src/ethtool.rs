//! SIOCETHTOOL (linux/ethtool.h): the requests that programs make before they capture frames.

use crate::user::Out;
use kernel::{Errno, InterfaceInfo, Result};

/// ETHTOOL_GLINK, ETHTOOL_GTSO, ETHTOOL_GUFO, ETHTOOL_GGSO, ETHTOOL_GFLAGS, ETHTOOL_GGRO, ETHTOOL_GET_TS_INFO.
const LINK: u32 = 0x0a;
const CUTS_SEGMENTS: u32 = 0x1e;
const CUTS_DATAGRAMS: u32 = 0x21;
const CUTS_LATE: u32 = 0x23;
const FLAGS: u32 = 0x25;
const JOINS: u32 = 0x2b;
const TIMESTAMPS: u32 = 0x41;

/// SOF_TIMESTAMPING_RX_SOFTWARE and SOF_TIMESTAMPING_SOFTWARE (linux/net_tstamp.h).
const BY_SOFTWARE: u32 = 1 << 3 | 1 << 4;
/// There is no clock of the device's.
const NO_CLOCK: u32 = u32::MAX;

/// Answers the command at `command`, whose reply goes behind it.
pub fn answer(interface: &InterfaceInfo, command: Out<u32>) -> Result<()> {
    let reply = |value: u32| command.nth(1).set(value);
    match command.get()? {
        LINK => reply(interface.up.into()),
        CUTS_SEGMENTS | JOINS => reply(interface.long_segments.into()),
        CUTS_DATAGRAMS | CUTS_LATE | FLAGS => reply(0),
        // struct ethtool_ts_info.
        TIMESTAMPS => {
            let info = [BY_SOFTWARE, NO_CLOCK, 0, 0, 0, 0, 0, 0, 0, 0];
            command.nth(1).slice(info.len())?.copy_from_slice(&info);
            Ok(())
        }
        _ => Err(Errno::OPNOTSUPP),
    }
}
