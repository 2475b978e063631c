//! IPPROTO_TCP: tcp(7).

use super::Access::Int;
use super::rows::{bytes, change, engine, local, seconds, within};
use super::{Access, On, Row};
use crate::backend::{Call, Reply};
use crate::endpoint::State;
use crate::socket::repair::REPAIR_WINDOW_LEN;
use crate::socket::{SOMAXCONN, Socket};
use crate::{Errno, Result, clock, tcp_info};
use libc::IPPROTO_TCP;
use netstack::tcp::{Algorithm, FastOpenKeys, FastOpenModes, SaveSyn};
use std::time::Duration;

pub(super) static ROWS: &[Row] = &[
    Row {
        level: IPPROTO_TCP,
        name: libc::TCP_NODELAY,
        on: On::Stream,
        access: Int {
            get: |s| Ok(i32::from(s.settings.lock().tcp.nodelay)),
            set: Some(|s, v| {
                change(s, |settings| {
                    settings.tcp.nodelay = v != 0;
                    Ok(())
                })?;
                if v != 0 {
                    s.push();
                }
                Ok(())
            }),
        },
    },
    Row {
        level: IPPROTO_TCP,
        name: libc::TCP_CORK,
        on: On::Stream,
        access: Int {
            get: |s| Ok(i32::from(s.settings.lock().tcp.cork)),
            set: Some(|s, v| {
                change(s, |settings| {
                    settings.tcp.cork = v != 0;
                    Ok(())
                })?;
                if v == 0 {
                    s.push();
                }
                Ok(())
            }),
        },
    },
    engine!(IPPROTO_TCP, libc::TCP_QUICKACK, On::Stream, s => i32::from(s.tcp.quickack.unwrap_or(true)),
        v => s.tcp.quickack = Some(v != 0)),
    engine!(IPPROTO_TCP, libc::TCP_KEEPIDLE, On::Stream, s => s.tcp.keepalive.idle.as_secs() as i32,
        v => s.tcp.keepalive.idle = seconds(v, 32767)?),
    engine!(IPPROTO_TCP, libc::TCP_KEEPINTVL, On::Stream, s => s.tcp.keepalive.interval.as_secs() as i32,
        v => s.tcp.keepalive.interval = seconds(v, 32767)?),
    engine!(IPPROTO_TCP, libc::TCP_KEEPCNT, On::Stream, s => i32::from(s.tcp.keepalive.count),
        v => s.tcp.keepalive.count = within(v, 1, 127)? as u8),
    engine!(IPPROTO_TCP, libc::TCP_SYNCNT, On::Stream, s => i32::from(s.tcp.syn_retries),
        v => s.tcp.syn_retries = within(v, 1, 127)? as u8),
    engine!(IPPROTO_TCP, libc::TCP_USER_TIMEOUT, On::Stream,
    s => s.tcp.user_timeout.map_or(0, |t| t.as_millis() as i32), v => {
        let ms = within(v, 0, i32::MAX)?;
        s.tcp.user_timeout = (ms > 0).then(|| Duration::from_millis(ms as u64));
    }),
    engine!(IPPROTO_TCP, libc::TCP_LINGER2, On::Stream,
    s => s.tcp.linger2.map_or(-1, |t| t.as_secs() as i32), v => s.tcp.linger2 = match v {
        ..0 => None,
        0 => Some(Duration::from_secs(60)),
        _ => Some(Duration::from_secs(v.min(120) as u64)),
    }),
    engine!(IPPROTO_TCP, libc::TCP_DEFER_ACCEPT, On::Stream, s => seconds_of(s.tcp.defer_accept),
        v => s.tcp.defer_accept = repetitions_in(v)),
    Row {
        level: IPPROTO_TCP,
        name: libc::TCP_WINDOW_CLAMP,
        on: On::Stream,
        access: Int {
            get: |s| Ok(s.settings.lock().tcp.window_clamp.map_or(0, |clamp| clamp as i32)),
            set: Some(|s, v| {
                if v == 0 && !s.endpoint.state().contains(State::CLOSED) {
                    return Err(Errno::INVAL);
                }
                change(s, |settings| {
                    settings.tcp.window_clamp = (v != 0).then_some(v.max(WINDOW_CLAMP_MIN) as u32);
                    Ok(())
                })
            }),
        },
    },
    local!(IPPROTO_TCP, libc::TCP_INQ, On::Stream, s => s.wanted.inq, v => s.wanted.inq = within(v, 0, 1)? == 1),
    Row {
        level: IPPROTO_TCP,
        name: TCP_NOTSENT_LOWAT,
        on: On::Stream,
        access: Int {
            get: |s| Ok(s.endpoint.not_sent_low_water() as u32 as i32),
            set: Some(|s, v| {
                change(s, |settings| {
                    settings.tcp.watches_sent = v != 0;
                    Ok(())
                })?;
                // Unsigned: -1 is no bound.
                s.endpoint.set_not_sent_low_water(v as u32 as usize);
                Ok(())
            }),
        },
    },
    engine!(IPPROTO_TCP, libc::TCP_SAVE_SYN, On::Stream, s => s.tcp.save_syn as i32, v => s.tcp.save_syn = match v {
        0 => SaveSyn::Nothing,
        1 => SaveSyn::FromIp,
        2 => SaveSyn::FromLink,
        _ => return Err(Errno::INVAL),
    }),
    Row {
        level: IPPROTO_TCP,
        name: libc::TCP_SAVED_SYN,
        on: On::Stream,
        access: Access::Taken {
            take: |s, room| match s.backend.call(Call::TakeSavedSyn(s.id(), room))? {
                Reply::SavedSyn(saved) => Ok(saved),
                _ => Err(Errno::PROTO),
            },
        },
    },
    Row {
        level: IPPROTO_TCP,
        name: libc::TCP_REPAIR,
        on: On::Stream,
        access: Int { get: |s| Ok(i32::from(s.repairs())), set: Some(Socket::set_repair) },
    },
    Row {
        level: IPPROTO_TCP,
        name: libc::TCP_REPAIR_QUEUE,
        on: On::Stream,
        access: Int { get: Socket::repair_queue, set: Some(Socket::set_repair_queue) },
    },
    Row {
        level: IPPROTO_TCP,
        name: libc::TCP_QUEUE_SEQ,
        on: On::Stream,
        access: Int { get: Socket::queue_seq, set: Some(Socket::set_queue_seq) },
    },
    bytes(IPPROTO_TCP, libc::TCP_REPAIR_OPTIONS, On::Stream, None, Some(Socket::set_repair_options)),
    Row {
        level: IPPROTO_TCP,
        name: libc::TCP_REPAIR_WINDOW,
        on: On::Stream,
        access: Access::Structure {
            size: REPAIR_WINDOW_LEN,
            get: Socket::repair_window,
            set: Socket::set_repair_window,
        },
    },
    Row {
        level: IPPROTO_TCP,
        name: libc::TCP_TIMESTAMP,
        on: On::Stream,
        access: Int {
            get: |s| match s.backend.call(Call::TcpInfo(s.id()))? {
                Reply::TcpInfo(info) if info.timestamp != 0 => Ok(info.timestamp as i32),
                _ => Ok(milliseconds().wrapping_add(s.timestamp_offset()) as i32),
            },
            set: Some(|s, v| s.set_timestamp_offset((v as u32).wrapping_sub(milliseconds()))),
        },
    },
    // Delays are a queueing discipline's to make.
    local!(IPPROTO_TCP, TCP_TX_DELAY, On::Stream, s => s.kept.tx_delay,
        v => s.kept.tx_delay = within(v, 0, (1 << 28) - 1)?),
    engine!(IPPROTO_TCP, libc::TCP_THIN_LINEAR_TIMEOUTS, On::Stream, s => i32::from(s.tcp.thin_linear),
        v => s.tcp.thin_linear = within(v, 0, 1)? == 1),
    // As Linux's `cubic` and `reno`, ours have nothing to tell.
    bytes(IPPROTO_TCP, libc::TCP_CC_INFO, On::Stream, Some(|_| Ok(Vec::new())), None),
    // Checked, and without effect on Linux as well.
    Row {
        level: IPPROTO_TCP,
        name: libc::TCP_THIN_DUPACK,
        on: On::Stream,
        access: Int { get: |_| Ok(0), set: Some(|_, v| within(v, 0, 1).map(drop)) },
    },
    // No protocol between TCP and the program is known here (kernel TLS is one on Linux).
    bytes(
        IPPROTO_TCP,
        libc::TCP_ULP,
        On::Stream,
        Some(|_| Ok(Vec::new())),
        Some(|_, value| Err(if value.is_empty() { Errno::INVAL } else { Errno::NOENT })),
    ),
    Row {
        level: IPPROTO_TCP,
        name: libc::TCP_MAXSEG,
        on: On::Stream,
        access: Int {
            get: |s| {
                let Reply::TcpInfo(info) = s.backend.call(Call::TcpInfo(s.id()))? else { return Err(Errno::PROTO) };
                if s.repairs() {
                    return s.repaired_mss();
                }
                let connected = !s.endpoint.state().intersects(State::CLOSED | State::LISTENING);
                let set = s.settings.lock().tcp.maxseg.map(i32::from);
                let of_connection = if info.snd_mss > 0 { info.snd_mss as i32 } else { 536 };
                Ok(set.filter(|_| !connected).unwrap_or(of_connection))
            },
            set: Some(|s, v| {
                change(s, |settings| {
                    settings.tcp.maxseg = if v == 0 { None } else { Some(within(v, 88, 32767)? as u16) };
                    Ok(())
                })
            }),
        },
    },
    Row {
        level: IPPROTO_TCP,
        name: libc::TCP_FASTOPEN,
        on: On::Stream,
        access: Int {
            get: |s| Ok(s.settings.lock().tcp.fast_open.queue as i32),
            set: Some(|s, v| {
                let queue = usize::try_from(v).map_err(|_| Errno::INVAL)?;
                before_connecting(s, State::CLOSED | State::LISTENING)?;
                change(s, |settings| {
                    settings.tcp.fast_open.queue = queue.min(SOMAXCONN);
                    Ok(())
                })
            }),
        },
    },
    Row {
        level: IPPROTO_TCP,
        name: libc::TCP_FASTOPEN_CONNECT,
        on: On::Stream,
        access: Int {
            get: |s| Ok(i32::from(s.settings.lock().fast_open_connect)),
            set: Some(|s, v| {
                let on = within(v, 0, 1)? == 1;
                if !s.settings.lock().fast_open.contains(FastOpenModes::CLIENT) {
                    return Err(Errno::OPNOTSUPP);
                }
                before_connecting(s, State::CLOSED)?;
                s.settings.lock().fast_open_connect = on;
                Ok(())
            }),
        },
    },
    Row {
        level: IPPROTO_TCP,
        name: libc::TCP_FASTOPEN_NO_COOKIE,
        on: On::Stream,
        access: Int {
            get: |s| Ok(i32::from(s.settings.lock().tcp.fast_open.no_cookie)),
            set: Some(|s, v| {
                let on = within(v, 0, 1)? == 1;
                before_connecting(s, State::CLOSED | State::LISTENING)?;
                change(s, |settings| {
                    settings.tcp.fast_open.no_cookie = on;
                    Ok(())
                })
            }),
        },
    },
    bytes(
        IPPROTO_TCP,
        libc::TCP_FASTOPEN_KEY,
        On::Stream,
        Some(|s| {
            // As Linux: the kernel's own keys do not show.
            let keys = s.settings.lock().tcp.fast_open.keys;
            let bytes = keys.map(|keys| [&keys.primary[..], keys.backup.as_ref().map_or(&[], |key| &key[..])].concat());
            Ok(bytes.unwrap_or_default())
        }),
        Some(|s, value| {
            let (primary, rest) = value.split_first_chunk().ok_or(Errno::INVAL)?;
            let backup = match rest {
                [] => None,
                rest => Some(rest.try_into().map_err(|_| Errno::INVAL)?),
            };
            change(s, |settings| {
                settings.tcp.fast_open.keys = Some(FastOpenKeys { primary: *primary, backup });
                Ok(())
            })
        }),
    ),
    bytes(
        IPPROTO_TCP,
        libc::TCP_INFO,
        On::Stream,
        Some(|s| match s.backend.call(Call::TcpInfo(s.id()))? {
            Reply::TcpInfo(info) => Ok(tcp_info::encode(&info)),
            _ => Err(Errno::PROTO),
        }),
        None,
    ),
    bytes(
        IPPROTO_TCP,
        libc::TCP_CONGESTION,
        On::Stream,
        Some(|s| Ok(padded(s.settings.lock().tcp.congestion.name()))),
        Some(|s, value| {
            if value.is_empty() {
                return Err(Errno::INVAL);
            }
            let name = value.split(|byte| *byte == 0).next().unwrap_or_default();
            let algorithm = str::from_utf8(name).ok().and_then(Algorithm::from_name).ok_or(Errno::NOENT)?;
            change(s, |settings| {
                settings.tcp.congestion = algorithm;
                Ok(())
            })
        }),
    ),
];

/// The clock of timestamps (RFC 7323 §5.4).
fn milliseconds() -> u32 {
    clock::now().millis()
}

/// EINVAL where the socket is in none of `states`.
fn before_connecting(socket: &Socket, states: State) -> Result<()> {
    if socket.endpoint.state().intersects(states) { Ok(()) } else { Err(Errno::INVAL) }
}

const TCP_NOTSENT_LOWAT: i32 = 25;
/// The same.
const TCP_TX_DELAY: i32 = 37;
/// Half of SOCK_MIN_RCVBUF.
const WINDOW_CLAMP_MIN: i32 = 2304 / 2;
/// A SYN-ACK's first timeout and the longest, in seconds: TCP_TIMEOUT_INIT and TCP_RTO_MAX.
const SYN_ACK_TIMEOUT: i32 = 1;
const LONGEST_TIMEOUT: i32 = 120;

/// Seconds that so many timeouts of a SYN-ACK take (Linux: retrans_to_secs).
fn seconds_of(repetitions: u8) -> i32 {
    timeouts().take(repetitions.into()).sum()
}

/// Timeouts of a SYN-ACK that it takes to wait so many seconds (Linux: secs_to_retrans).
fn repetitions_in(seconds: i32) -> u8 {
    let before = timeouts().scan(0, |end, timeout| {
        let begin = *end;
        *end += timeout;
        Some(begin)
    });
    before.take(255).take_while(|&begin| begin < seconds).count() as u8
}

fn timeouts() -> impl Iterator<Item = i32> {
    std::iter::successors(Some(SYN_ACK_TIMEOUT), |timeout| Some((timeout * 2).min(LONGEST_TIMEOUT)))
}

/// A name in TCP_CA_NAME_MAX bytes.
fn padded(name: &str) -> Vec<u8> {
    let mut bytes = name.as_bytes().to_vec();
    bytes.resize(16, 0);
    bytes
}
