//! IPPROTO_IPV6: ipv6(7). Sockets of AF_INET6 have these beside those of IPPROTO_IP, which are for the IPv4 that they speak.

use super::Access::Int;
use super::rows::{engine, local, within};
use super::{On, Row};
use crate::{Errno, Result};
use libc::IPPROTO_IPV6;

/// Hop limit where neither program nor router says one.
const HOPS: u8 = 64;

pub(super) static ROWS: &[Row] = &[
    Row {
        level: IPPROTO_IPV6,
        name: libc::IPV6_V6ONLY,
        on: On::All,
        access: Int {
            get: |s| Ok(i32::from(s.settings.lock().v6_only)),
            // Once it is bound, the meaning of its address cannot change.
            set: Some(|s, v| {
                if s.local_addr()?.port() != 0 {
                    return Err(Errno::INVAL);
                }
                s.settings.lock().v6_only = v != 0;
                Ok(())
            }),
        },
    },
    engine!(IPPROTO_IPV6, libc::IPV6_UNICAST_HOPS, On::All,
    s => i32::from(s.raw.datagram.v6.unicast_hops.unwrap_or(HOPS)), v => {
        let hops = hops(v)?;
        s.raw.datagram.v6.unicast_hops = hops;
        s.tcp.ttl = hops.unwrap_or(HOPS);
    }),
    engine!(IPPROTO_IPV6, libc::IPV6_MULTICAST_HOPS, On::Datagram,
        s => i32::from(s.raw.datagram.v6.multicast_hops),
        v => s.raw.datagram.v6.multicast_hops = hops(v)?.unwrap_or(1)),
    engine!(IPPROTO_IPV6, libc::IPV6_MULTICAST_LOOP, On::Datagram,
        s => i32::from(s.raw.datagram.v6.multicast_loop),
        v => s.raw.datagram.v6.multicast_loop = within(v, 0, 1)? != 0),
    // A stream's two low bits are ECN's, which are TCP's own.
    engine!(IPPROTO_IPV6, libc::IPV6_TCLASS, On::Stream, s => i32::from(s.tcp.tos),
        v => s.tcp.tos = within(v, -1, 255)?.max(0) as u8 & !3),
    engine!(IPPROTO_IPV6, libc::IPV6_TCLASS, On::Datagram, s => i32::from(s.raw.datagram.v6.traffic_class),
        v => s.raw.datagram.v6.traffic_class = within(v, -1, 255)?.max(0) as u8),
    engine!(IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, On::Datagram, s => s.mtu_discover6, v => {
        s.mtu_discover6 = within(v, libc::IPV6_PMTUDISC_DONT, libc::IPV6_PMTUDISC_OMIT)?;
        s.raw.datagram.v6.dont_fragment = matches!(v, libc::IPV6_PMTUDISC_DO | libc::IPV6_PMTUDISC_PROBE);
    }),
    engine!(IPPROTO_IPV6, libc::IPV6_RECVERR, On::All, s => i32::from(s.raw.datagram.v6.report_errors),
        v => s.raw.datagram.v6.report_errors = v != 0),
    local!(IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, On::All, s => s.wanted.packet_info6,
        v => s.wanted.packet_info6 = v != 0),
    local!(IPPROTO_IPV6, libc::IPV6_RECVHOPLIMIT, On::All, s => s.wanted.hop_limit, v => s.wanted.hop_limit = v != 0),
    local!(IPPROTO_IPV6, libc::IPV6_RECVTCLASS, On::All, s => s.wanted.traffic_class,
        v => s.wanted.traffic_class = v != 0),
];

/// A hop limit; None for −1, the default.
fn hops(value: i32) -> Result<Option<u8>> {
    Ok(u8::try_from(within(value, -1, 255)?).ok())
}
