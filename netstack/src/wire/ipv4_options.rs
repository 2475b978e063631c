//! IPv4 options (RFC 791 §3.1): those that hosts and routers on the way write into.

use core::net::Ipv4Addr;

use super::array;

const END: u8 = 0;
const NO_OPERATION: u8 = 1;
const RECORD_ROUTE: u8 = 7;
const TIMESTAMP: u8 = 68;
const LOOSE_SOURCE_ROUTE: u8 = 131;
const STRICT_SOURCE_ROUTE: u8 = 137;
const CIPSO: u8 = 134;
const ROUTER_ALERT: u8 = 148;
/// The option belongs into every fragment.
const COPIED: u8 = 0x80;

/// Flags of a timestamp option: who writes what.
const TIMES: u8 = 0;
const ADDRESSES_AND_TIMES: u8 = 1;
const CHOSEN_ADDRESSES: u8 = 3;

/// A time that does not count from midnight UT has this bit (RFC 791 §3.1, RFC 792).
pub const NONSTANDARD_TIME: u32 = 1 << 31;

/// Whether routers are to look at the packet (RFC 2113).
pub fn has_router_alert(options: &[u8]) -> bool {
    let mut rest = options;
    loop {
        rest = match rest {
            [ROUTER_ALERT, 4, ..] => return true,
            [NO_OPERATION, rest @ ..] => rest,
            [] | [END, ..] => return false,
            [_, len, ..] if *len >= 2 => rest.get(usize::from(*len)..).unwrap_or_default(),
            _ => return false,
        };
    }
}

/// Writes us into record route and timestamp options (RFC 1122 §3.2.1.8, RFC 1812 §5.2.4): `ours` is the address that we
/// are known by where the packet goes, `time` the milliseconds of our clock. `counts`: a timestamp option that is full counts
/// us, as who only sends does not.
///
/// # Errors
/// Where in the header the first byte is that makes no sense, for a parameter problem message.
pub fn record(
    options: &mut [u8],
    ours: Ipv4Addr,
    is_ours: impl Fn(Ipv4Addr) -> bool,
    time: u32,
    counts: bool,
) -> Result<(), usize> {
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
            TIMESTAMP => record_time(option, ours, &is_ours, time, counts),
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

fn record_time(
    option: &mut [u8],
    ours: Ipv4Addr,
    is_ours: impl Fn(Ipv4Addr) -> bool,
    time: u32,
    counts: bool,
) -> Result<(), usize> {
    if option.len() < 4 {
        return Err(1);
    }
    let pointer = usize::from(option[2]);
    if pointer < 5 {
        return Err(2);
    }
    if pointer > option.len() {
        // Full: counted, until the count is full too.
        if counts {
            option[3] = option[3].checked_add(0x10).ok_or(3usize)?;
        }
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
        // Linux: of no kind that anybody knows.
        _ => return Ok(()),
    };
    let Some(place) = option.get_mut(at..at + len) else { return Err(2) };
    if let Some(addr) = addr {
        place[..4].copy_from_slice(&addr.octets());
    }
    place[len - 4..].copy_from_slice(&(time | NONSTANDARD_TIME).to_be_bytes());
    option[2] += len as u8;
    Ok(())
}

/// One option: where it begins, and its bytes; a no-operation is one byte. None at the end, or where it makes no sense.
fn option_at(options: &[u8], at: usize) -> Option<&[u8]> {
    match *options.get(at..)? {
        [] | [END, ..] => None,
        [NO_OPERATION, ..] => options.get(at..at + 1),
        [_, len, ..] if len >= 2 => options.get(at..at + usize::from(len)),
        _ => None,
    }
}

/// The options, one after the other, with where each begins.
fn each(options: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = 0;
    core::iter::from_fn(move || {
        let (begins, option) = (at, option_at(options, at)?);
        at += option.len();
        Some((begins, option))
    })
}

/// What a program asks for (IP_OPTIONS), padded to words, and with nothing behind the end; None where Linux refuses it
/// (ip_options_compile()).
pub fn normalized(options: &[u8]) -> Option<Vec<u8>> {
    let (mut known, mut whole) = (Vec::new(), 0);
    for (at, option) in each(options) {
        whole = at + option.len();
        let once = match option[0] {
            NO_OPERATION => continue,
            LOOSE_SOURCE_ROUTE | STRICT_SOURCE_ROUTE => LOOSE_SOURCE_ROUTE,
            kind => kind,
        };
        let good = match option[0] {
            LOOSE_SOURCE_ROUTE | STRICT_SOURCE_ROUTE => {
                option.len() >= 7 && option[2] == 4 && (option.len() - 3).is_multiple_of(4)
            }
            RECORD_ROUTE => option.len() >= 3 && has_place(option, 4, 4),
            TIMESTAMP => option.len() >= 4 && has_place_for_time(option),
            ROUTER_ALERT => option.len() >= 4,
            CIPSO => false,
            _ => true,
        };
        let twice = matches!(once, LOOSE_SOURCE_ROUTE | RECORD_ROUTE | TIMESTAMP) && known.contains(&once);
        if !good || twice {
            return None;
        }
        known.push(once);
    }
    let ends = options.get(whole).is_none_or(|next| *next == END);
    ends.then(|| {
        let mut options = [&options[..whole], &vec![END; options.len() - whole]].concat();
        options.resize(options.len().next_multiple_of(4), END);
        options
    })
}

/// Is there a place of `len` bytes where the option points, or is it full? It points no further ahead than `least`.
fn has_place(option: &[u8], least: usize, len: usize) -> bool {
    let pointer = usize::from(option[2]);
    pointer >= least && (pointer > option.len() || pointer + len - 1 <= option.len())
}

fn has_place_for_time(option: &[u8]) -> bool {
    let full = usize::from(option[2]) > option.len();
    match option[3] & 0xf {
        _ if full => has_place(option, 5, 4) && (option[3] & 0xf == CHOSEN_ADDRESSES || option[3] >> 4 != 0xf),
        ADDRESSES_AND_TIMES | CHOSEN_ADDRESSES => has_place(option, 5, 8),
        _ => has_place(option, 5, 4),
    }
}

/// The first stop of a source route.
pub fn first_stop(options: &[u8]) -> Option<Ipv4Addr> {
    let route = each(options).find(|(_, option)| is_route(option))?.1;
    route.get(3..7).map(|stop| Ipv4Addr::from(array::<4>(stop, 0)))
}

/// Makes of a source route that a program has set one that leaves: its first stop is the packet's destination, and the
/// destination its last.
pub fn shift_route(options: &mut [u8], dst: Ipv4Addr) {
    let Some((at, len)) = each(options).find(|(_, option)| is_route(option)).map(|(at, option)| (at, option.len()))
    else {
        return;
    };
    options.copy_within(at + 7..at + len, at + 3);
    options[at + len - 4..at + len].copy_from_slice(&dst.octets());
}

fn is_route(option: &[u8]) -> bool {
    matches!(option[0], LOOSE_SOURCE_ROUTE | STRICT_SOURCE_ROUTE)
}

/// What an answer to a packet with these options has (IP_RETOPTS): the route and the times that were recorded.
pub fn answering(options: &[u8]) -> Vec<u8> {
    let of = |kind| each(options).find(move |(_, option)| option[0] == kind).map_or(&[][..], |(_, option)| option);
    let mut answer = [of(RECORD_ROUTE), of(TIMESTAMP)].concat();
    answer.resize(answer.len().next_multiple_of(4), END);
    answer
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
