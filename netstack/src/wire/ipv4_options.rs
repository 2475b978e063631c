//! IPv4 options (RFC 791 §3.1): those that hosts and routers on the way write into.

use core::net::Ipv4Addr;

use super::array;

const END: u8 = 0;
const NO_OPERATION: u8 = 1;
const RECORD_ROUTE: u8 = 7;
const TIMESTAMP: u8 = 68;
/// The option belongs into every fragment.
const COPIED: u8 = 0x80;

/// Flags of a timestamp option: who writes what.
const TIMES: u8 = 0;
const ADDRESSES_AND_TIMES: u8 = 1;
const CHOSEN_ADDRESSES: u8 = 3;

/// A time that does not count from midnight UT has this bit (RFC 791 §3.1, RFC 792).
pub const NONSTANDARD_TIME: u32 = 1 << 31;

/// Writes us into record route and timestamp options (RFC 1122 §3.2.1.8, RFC 1812 §5.2.4): `ours` is the address that we
/// are known by where the packet goes, `time` the milliseconds of our clock.
///
/// # Errors
/// Where in the header the first byte is that makes no sense, for a parameter problem message.
pub fn record(options: &mut [u8], ours: Ipv4Addr, is_ours: impl Fn(Ipv4Addr) -> bool, time: u32) -> Result<(), usize> {
    let mut at = 0;
    while at < options.len() {
        match options[at] {
            END => return Ok(()),
            NO_OPERATION => {
                at += 1;
                continue;
            }
            _ => {}
        }
        let wrong = |offset: usize| Err(super::ipv4::HEADER_LEN + at + offset);
        let Some(len) = options.get(at + 1).map(|len| usize::from(*len)) else { return wrong(0) };
        if len < 2 || at + len > options.len() {
            return wrong(1);
        }
        let option = &mut options[at..at + len];
        let outcome = match option[0] {
            RECORD_ROUTE => record_route(option, ours),
            TIMESTAMP => record_time(option, ours, &is_ours, time),
            _ => Ok(()),
        };
        if let Err(offset) = outcome {
            return wrong(offset);
        }
        at += len;
    }
    Ok(())
}

fn record_route(option: &mut [u8], ours: Ipv4Addr) -> Result<(), usize> {
    if option.len() < 3 {
        return Err(1);
    }
    let pointer = usize::from(option[2]);
    if pointer < 4 {
        return Err(2);
    }
    if pointer > option.len() {
        return Ok(()); // Full.
    }
    let Some(place) = option.get_mut(pointer - 1..pointer + 3) else { return Err(2) };
    place.copy_from_slice(&ours.octets());
    option[2] += 4;
    Ok(())
}

fn record_time(option: &mut [u8], ours: Ipv4Addr, is_ours: impl Fn(Ipv4Addr) -> bool, time: u32) -> Result<(), usize> {
    if option.len() < 4 {
        return Err(1);
    }
    let pointer = usize::from(option[2]);
    if pointer < 5 {
        return Err(2);
    }
    if pointer > option.len() {
        // Full: counted, until the count is full too.
        option[3] = option[3].checked_add(0x10).ok_or(3usize)?;
        return Ok(());
    }
    let at = pointer - 1;
    let (addr, len) = match option[3] & 0xf {
        TIMES => (None, 4),
        ADDRESSES_AND_TIMES => (Some(ours), 8),
        CHOSEN_ADDRESSES => {
            let Some(chosen) = option.get(at..at + 8) else { return Err(2) };
            if !is_ours(Ipv4Addr::from(array::<4>(chosen, 0))) {
                return Ok(());
            }
            (None, 8)
        }
        _ => return Err(3),
    };
    let Some(place) = option.get_mut(at..at + len) else { return Err(2) };
    if let Some(addr) = addr {
        place[..4].copy_from_slice(&addr.octets());
    }
    place[len - 4..].copy_from_slice(&(time | NONSTANDARD_TIME).to_be_bytes());
    option[2] += len as u8;
    Ok(())
}

/// Puts no-operations in the place of options that do not belong into fragments after the first (RFC 791 §3.2).
pub fn blank_first_only(options: &mut [u8]) {
    blank(options, |kind| kind & COPIED != 0);
}

/// Puts no-operations in the place of options that an answer does not repeat (RFC 1122 §3.2.2.6).
pub fn blank_all_but_recorded(options: &mut [u8]) {
    blank(options, |kind| matches!(kind, RECORD_ROUTE | TIMESTAMP));
}

fn blank(options: &mut [u8], stays: impl Fn(u8) -> bool) {
    let mut at = 0;
    while at < options.len() && options[at] != END {
        let len = match options[at] {
            NO_OPERATION => 1,
            _ => options.get(at + 1).map_or(1, |len| usize::from(*len).max(2)),
        };
        let end = (at + len).min(options.len());
        if !stays(options[at]) {
            options[at..end].fill(NO_OPERATION);
        }
        at = end;
    }
}
