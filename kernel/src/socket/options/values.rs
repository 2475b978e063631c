//! Values of options as bytes.

use crate::{Errno, Result};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// The `int` at the start of `value`; EINVAL when it is shorter.
pub(super) fn int(value: &[u8]) -> Result<i32> {
    value.first_chunk().map(|bytes| i32::from_ne_bytes(*bytes)).ok_or(Errno::INVAL)
}

/// An `unsigned long`, or an `unsigned int` whose most is that of the former; EINVAL when it is shorter.
pub(super) fn long(value: &[u8]) -> Result<u64> {
    match value.first_chunk() {
        Some(bytes) => Ok(u64::from_ne_bytes(*bytes)),
        None => int(value).map(|int| if int == -1 { u64::MAX } else { u64::from(int as u32) }),
    }
}

/// Linux keeps times in jiffies: microseconds of one at 250 Hz.
const TICK: u32 = 4000;

/// struct timeval: None for zero, which means for ever. EDOM for microseconds out of range, EINVAL when it is shorter.
pub(super) fn timeval(value: &[u8]) -> Result<Option<Duration>> {
    let (Some(seconds), Some(micros)) = (value.first_chunk(), value.get(8..).and_then(|v| v.first_chunk())) else {
        return Err(Errno::INVAL);
    };
    let (seconds, micros) = (i64::from_ne_bytes(*seconds), i64::from_ne_bytes(*micros));
    if !(0..1_000_000).contains(&micros) {
        return Err(Errno::DOM);
    }
    // Linux: a negative time does not wait at all.
    let Ok(seconds) = u64::try_from(seconds) else { return Ok(Some(Duration::ZERO)) };
    let time = Duration::new(seconds.min(u64::from(u32::MAX)), (micros as u32).next_multiple_of(TICK) * 1000);
    Ok((!time.is_zero()).then_some(time))
}

/// A time as struct timeval.
pub(super) fn timeval_bytes(time: Option<Duration>) -> Vec<u8> {
    let time = time.unwrap_or_default();
    let mut bytes = (time.as_secs() as i64).to_ne_bytes().to_vec();
    bytes.extend(i64::from(time.subsec_micros()).to_ne_bytes());
    bytes
}

/// struct sockaddr_in or sockaddr_in6.
pub(super) fn sockaddr(addr: SocketAddr) -> Vec<u8> {
    let family = if addr.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 } as u16;
    let start = [family.to_ne_bytes(), addr.port().to_be_bytes()].concat();
    match addr {
        SocketAddr::V4(v4) => [&start[..], &v4.ip().octets(), &[0; 8]].concat(),
        SocketAddr::V6(v6) => {
            let (flow, scope) = (v6.flowinfo().to_be_bytes(), v6.scope_id().to_ne_bytes());
            [&start[..], &flow, &v6.ip().octets(), &scope].concat()
        }
    }
}

/// struct linger, as seconds where it is on. Of a negative number Linux makes the most that its clock can count to, of which
/// getsockopt(2) shows the low half.
pub(super) fn linger(value: &[u8]) -> Result<Option<u32>> {
    let on = int(value)?;
    let seconds = int(value.get(4..).unwrap_or_default())?;
    const LONGEST: u32 = (i64::MAX / 250) as u32;
    Ok((on != 0).then_some(u32::try_from(seconds).unwrap_or(LONGEST)))
}

/// struct ip_mreqn or struct ip_mreq: group, local address, interface index (0 where it is not there).
pub(super) fn membership(value: &[u8]) -> Result<(Ipv4Addr, Ipv4Addr, u32)> {
    let (Some(group), Some(local)) = (value.first_chunk::<4>(), value.get(4..).and_then(|v| v.first_chunk::<4>()))
    else {
        return Err(Errno::INVAL);
    };
    let index = value.get(8..).and_then(|v| v.first_chunk()).map_or(0, |bytes| u32::from_ne_bytes(*bytes));
    Ok((Ipv4Addr::from(*group), Ipv4Addr::from(*local), index))
}
