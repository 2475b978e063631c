use super::{Access, On, Row, TABLES};
use crate::socket::testing::Alone;
use crate::socket::{Family, Socket};
use crate::{Errno, Kind, Result};
use libc::{IPPROTO_IP, IPPROTO_IPV6, IPPROTO_TCP, IPPROTO_UDP, SOL_RAW, SOL_SOCKET};
use netstack::packet::PacketKind;
use std::sync::Arc;

fn set_int(socket: &Socket, level: i32, name: i32, value: i32) -> Result<()> {
    socket.setsockopt(level, name, &value.to_ne_bytes())
}

fn get(socket: &Socket, level: i32, name: i32) -> Result<Vec<u8>> {
    let mut value = [0; 512];
    let length = socket.getsockopt(level, name, &mut value)?;
    Ok(value[..length].to_vec())
}

fn get_int(socket: &Socket, level: i32, name: i32) -> i32 {
    let value = get(socket, level, name).unwrap_or_else(|error| panic!("option {name} of level {level}: {error}"));
    i32::from_ne_bytes(value.try_into().expect("four bytes"))
}

/// A socket that has a row.
fn socket_with(kernel: &Alone, row: &Row) -> Arc<Socket> {
    if matches!((row.level, row.name), (libc::IPPROTO_UDPLITE, _) | (IPPROTO_UDP, 10 | 11)) {
        return kernel.open_lite(Family::Inet).expect("socket");
    }
    let kind = match row.on {
        On::All | On::Datagram => Kind::Datagram,
        On::Stream => Kind::Stream,
        On::Raw | On::Raw6 if row.level != libc::IPPROTO_ICMPV6 => Kind::Raw(89),
        On::Raw | On::Raw6 => Kind::Raw(libc::IPPROTO_ICMPV6 as u8),
        On::Raw4 => Kind::Raw(libc::IPPROTO_ICMP as u8),
        On::Packet => return kernel.open_in(Family::Packet, Kind::Packet(PacketKind::Frame)).expect("socket"),
    };
    let inet6 = row.on == On::Raw6 || row.level == IPPROTO_IPV6;
    kernel.open_in(if inet6 { Family::Inet6 } else { Family::Inet }, kind).expect("socket")
}

/// SO_BSDCOMPAT, SO_CNX_ADVICE, SO_BUSY_POLL_BUDGET, SO_RESERVE_MEM, and others that keep nothing.
const FORGOTTEN: &[(i32, i32)] = &[
    (SOL_SOCKET, 14),
    (SOL_SOCKET, 53),
    (SOL_SOCKET, 70),
    (SOL_SOCKET, 73),
    (SOL_SOCKET, libc::SO_PASSCRED),
    (SOL_SOCKET, libc::SO_PASSSEC),
    (IPPROTO_TCP, libc::TCP_THIN_DUPACK),
    // Of a few raw sockets.
    (IPPROTO_IP, libc::IP_ROUTER_ALERT),
    (IPPROTO_IPV6, libc::IPV6_ROUTER_ALERT),
    (IPPROTO_TCP, libc::TCP_REPAIR_QUEUE),
    (IPPROTO_TCP, libc::TCP_QUEUE_SEQ),
    (IPPROTO_TCP, libc::TCP_REPAIR),
    (IPPROTO_TCP, libc::TCP_TIMESTAMP),
    // SO_TXREHASH, of streams alone; IP_MULTICAST_TTL has a row of its own for them.
    (SOL_SOCKET, 74),
    (IPPROTO_IP, libc::IP_MULTICAST_TTL),
    (IPPROTO_IPV6, libc::IPV6_MTU),
    // Of a connection.
    (IPPROTO_IPV6, libc::IPV6_ADDRFORM),
    // IP_RECVFRAGSIZE, which streams refuse.
    (IPPROTO_IP, libc::IP_RECVFRAGSIZE),
];

/// What is set, and what is then got; a value that is no default.
fn sample(level: i32, name: i32) -> Option<(i32, i32)> {
    Some(match (level, name) {
        (SOL_SOCKET, libc::SO_RCVBUF | libc::SO_SNDBUF) => (10_000, 20_000),
        (SOL_SOCKET, libc::SO_RCVLOWAT | libc::SO_PRIORITY | libc::SO_MARK) => (5, 5),
        // SO_ZEROCOPY and TCP_INQ take nothing but 0 and 1; SO_TXREHASH is 1.
        (SOL_SOCKET, 60) | (IPPROTO_TCP, libc::TCP_INQ) => (1, 1),
        // PACKET_AUXDATA, PACKET_ORIGDEV.
        (libc::SOL_PACKET, 8 | 9) => (1, 1),
        (SOL_SOCKET, libc::SO_LOCK_FILTER) => (7, 1),
        (SOL_SOCKET, 74) => (0, 0),
        (SOL_SOCKET, 72) => (3, 3),
        (IPPROTO_IP, libc::IP_MINTTL) | (IPPROTO_IPV6, 73) => (9, 9),
        (IPPROTO_IPV6, 29) => (0, 0),
        // IPV6_ADDR_PREFERENCES: shown with what holds of home addresses.
        (IPPROTO_IPV6, 72) => (1, 0x401),
        (SOL_SOCKET, libc::SO_BUSY_POLL | libc::SO_INCOMING_CPU | libc::SO_PEEK_OFF | 62) => (9, 9),
        (IPPROTO_TCP, libc::TCP_DEFER_ACCEPT) => (2, 3),
        (IPPROTO_TCP, libc::TCP_WINDOW_CLAMP) => (5000, 5000),
        (IPPROTO_IP, libc::IP_TTL | libc::IP_MULTICAST_TTL) => (17, 17),
        (IPPROTO_IP, libc::IP_TOS) => (0x10, 0x10),
        (IPPROTO_IP, libc::IP_MULTICAST_LOOP | libc::IP_MULTICAST_ALL) => (0, 0),
        (IPPROTO_IP, libc::IP_MTU_DISCOVER) => (libc::IP_PMTUDISC_DO, libc::IP_PMTUDISC_DO),
        (IPPROTO_IPV6, libc::IPV6_UNICAST_HOPS | libc::IPV6_MULTICAST_HOPS) => (17, 17),
        (IPPROTO_IPV6, libc::IPV6_MULTICAST_LOOP | 70) => (0, 0),
        // IP_RECVERR_RFC4884, IPV6_RECVERR_RFC4884.
        (IPPROTO_IP, 26) | (IPPROTO_IPV6, 31) => (1, 1),
        (IPPROTO_IPV6, libc::IPV6_TCLASS) => (0x10, 0x10),
        (IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER) => (libc::IPV6_PMTUDISC_DO, libc::IPV6_PMTUDISC_DO),
        (IPPROTO_IPV6, libc::IPV6_MULTICAST_IF) => (1, 1),
        (IPPROTO_IPV6 | libc::SOL_RAW, 7) => (4, 4),
        (IPPROTO_IPV6 | libc::SOL_RAW, 36) => (1, 1),
        (IPPROTO_TCP, libc::TCP_QUICKACK) => (0, 0),
        // TCP_NOTSENT_LOWAT, TCP_TX_DELAY.
        (IPPROTO_TCP, libc::TCP_FASTOPEN | 25 | 37) => (9, 9),
        (IPPROTO_TCP, libc::TCP_THIN_LINEAR_TIMEOUTS) => (1, 1),
        // UDPLITE_SEND_CSCOV, UDPLITE_RECV_CSCOV.
        (libc::IPPROTO_UDPLITE | IPPROTO_UDP, 10 | 11) => (3, 8),
        // UDP_ENCAP.
        (IPPROTO_UDP, 100) => (2, 2),
        (IPPROTO_TCP, libc::TCP_FASTOPEN_CONNECT | libc::TCP_FASTOPEN_NO_COOKIE) => (1, 1),
        (IPPROTO_TCP, libc::TCP_SAVE_SYN) => (2, 2),
        (IPPROTO_TCP, libc::TCP_MAXSEG) => (1000, 1000),
        (IPPROTO_TCP, libc::TCP_KEEPIDLE | libc::TCP_KEEPINTVL | libc::TCP_KEEPCNT | libc::TCP_SYNCNT) => (11, 11),
        (IPPROTO_TCP, libc::TCP_USER_TIMEOUT) => (1234, 1234),
        (IPPROTO_TCP, libc::TCP_LINGER2) => (7, 7),
        (SOL_RAW, 1) => (0x55, 0x55),
        (IPPROTO_UDP, libc::UDP_SEGMENT) => (9, 9),
        (SOL_SOCKET | IPPROTO_IP | IPPROTO_IPV6 | IPPROTO_TCP | IPPROTO_UDP, _) => (9, 1),
        _ => return None,
    })
}

#[test]
fn every_int_that_can_be_set_is_got_back_and_inherited_by_nobody_else() {
    let kernel = Alone::boot();
    for row in TABLES.iter().flat_map(|table| table.iter()) {
        let settable = matches!(row.access, Access::Int { set: Some(_), .. });
        let (level, name) = (row.level, row.name);
        // Those that Linux looks at and forgets are the semantics suite's.
        if !settable || FORGOTTEN.contains(&(level, name)) {
            continue;
        }
        let (set, got) = sample(level, name).unwrap_or_else(|| panic!("option {name} of level {level} has no sample"));
        let (socket, other) = (socket_with(&kernel, row), socket_with(&kernel, row));
        let default = get_int(&other, level, name);
        assert_ne!(default, got, "option {name} of level {level}: the sample shows nothing");
        assert_eq!(set_int(&socket, level, name, set), Ok(()), "option {name} of level {level}");
        assert_eq!(get_int(&socket, level, name), got, "option {name} of level {level}");
        assert_eq!(get_int(&other, level, name), default, "option {name} of level {level}");
    }
}

#[test]
fn what_can_only_be_read_is_enoprotoopt_to_set_and_a_short_int_einval() {
    let kernel = Alone::boot();
    for row in TABLES.iter().flat_map(|table| table.iter()) {
        let socket = socket_with(&kernel, row);
        match row.access {
            Access::Int { set: None, .. }
            | Access::Whole { .. }
            | Access::Sized { .. }
            | Access::AtMost { .. }
            | Access::Taken { .. }
            | Access::Control { set: None, .. }
            | Access::Asked { .. }
            | Access::Bytes { set: None, .. } => {
                assert_eq!(set_int(&socket, row.level, row.name, 1), Err(Errno::NOPROTOOPT), "option {}", row.name);
            }
            // A stream refuses every value.
            Access::Int { .. }
                if row.on == On::Stream && matches!(row.name, libc::IP_MULTICAST_TTL | libc::IP_RECVFRAGSIZE) => {}
            Access::Int { .. } if matches!(row.name, libc::IP_ROUTER_ALERT) && row.level == IPPROTO_IP => {}
            Access::Int { set: Some(_), .. } => {
                // IPPROTO_IP's take a byte as well, and most take nothing for 0.
                let (ip, multicast) = (row.level == IPPROTO_IP, super::setsockopt::wants_a_byte(row.name));
                let less = row.level == IPPROTO_IPV6 && super::setsockopt::takes_less(row.name);
                let short = if ip || less { Ok(()) } else { Err(Errno::INVAL) };
                let nothing = match ip && !multicast || less {
                    true => set_int(&socket, row.level, row.name, 0),
                    false => Err(Errno::INVAL),
                };
                for (value, result) in [(&[][..], nothing), (&[1], short), (&[1, 0, 0], short)] {
                    let set = socket.setsockopt(row.level, row.name, value);
                    assert_eq!(set, result, "{value:?} as option {} of level {}", row.name, row.level);
                }
            }
            Access::Long { .. }
            | Access::Control { set: Some(_), .. }
            | Access::SizedByValue { .. }
            | Access::Structure { .. }
            | Access::InPlace { .. }
            | Access::Word { .. }
            | Access::Program { .. }
            | Access::Bytes { set: Some(_), .. } => {}
        }
    }
}

#[test]
fn options_are_of_the_sockets_that_have_them() {
    let kernel = Alone::boot();
    let (stream, datagram) = (kernel.stream(), kernel.datagram());
    for level in [SOL_SOCKET, IPPROTO_IP, IPPROTO_TCP] {
        assert_eq!(set_int(&stream, level, 999, 1), Err(Errno::NOPROTOOPT));
        assert_eq!(get(&stream, level, 999), Err(Errno::NOPROTOOPT));
    }
    // As Linux: a level that is not the socket's is EOPNOTSUPP to read and ENOPROTOOPT to set.
    for (socket, level) in [(&stream, IPPROTO_UDP), (&datagram, IPPROTO_TCP), (&datagram, SOL_RAW), (&stream, 999)] {
        assert_eq!(set_int(socket, level, 1, 1), Err(Errno::NOPROTOOPT), "level {level}");
        assert_eq!(get(socket, level, 1), Err(Errno::OPNOTSUPP), "level {level}");
    }
}

#[test]
fn values_are_cut_to_the_room_for_them() {
    let kernel = Alone::boot();
    let socket = kernel.stream();
    let mut room = [0xee; 8];
    assert_eq!(socket.getsockopt(SOL_SOCKET, libc::SO_TYPE, &mut room[..2]), Ok(2));
    assert_eq!(room[..4], [1, 0, 0xee, 0xee]);
    assert_eq!(socket.getsockopt(SOL_SOCKET, libc::SO_TYPE, &mut []), Ok(0));
    assert_eq!(socket.getsockopt(IPPROTO_IP, libc::IP_TTL, &mut room[..1]), Ok(1));
    assert_eq!(room[0], 64);
    assert_eq!(socket.getsockopt(IPPROTO_TCP, libc::TCP_INFO, &mut room), Ok(8));
    assert_eq!(room[0], 7, "TCP_CLOSE");
}

#[test]
fn figures_out_of_range() {
    let kernel = Alone::boot();
    let (stream, datagram) = (kernel.stream(), kernel.datagram());
    let refused = [
        (IPPROTO_IP, libc::IP_TTL, &[0, 256, -2][..]),
        (IPPROTO_IP, libc::IP_MTU_DISCOVER, &[-1, 6]),
        (IPPROTO_TCP, libc::TCP_KEEPIDLE, &[0, 32768]),
        (IPPROTO_TCP, libc::TCP_KEEPCNT, &[0, 128]),
        (IPPROTO_TCP, libc::TCP_SYNCNT, &[0, 128]),
        (IPPROTO_TCP, libc::TCP_USER_TIMEOUT, &[-1]),
        (IPPROTO_TCP, libc::TCP_MAXSEG, &[87, 32768]),
    ];
    for (level, name, values) in refused {
        let before = get_int(&stream, level, name);
        for value in values {
            assert_eq!(set_int(&stream, level, name, *value), Err(Errno::INVAL), "{value} as option {name}");
        }
        assert_eq!(get_int(&stream, level, name), before);
    }
    let cut = [(libc::SO_RCVBUF, 0, 2304), (libc::SO_SNDBUF, 0, 4608), (libc::SO_RCVBUF, -1, 8 << 20)];
    for (name, set, got) in cut {
        assert_eq!(set_int(&stream, SOL_SOCKET, name, set), Ok(()));
        assert_eq!(get_int(&stream, SOL_SOCKET, name), got);
    }
    set_int(&datagram, IPPROTO_IP, libc::IP_TTL, 17).expect("IP_TTL");
    set_int(&datagram, IPPROTO_IP, libc::IP_TTL, -1).expect("-1 is the default");
    assert_eq!(get_int(&datagram, IPPROTO_IP, libc::IP_TTL), 64);
}

#[test]
fn the_ecn_bits_of_a_stream_are_not_the_program_s() {
    let kernel = Alone::boot();
    for (socket, shown) in [(kernel.stream(), 0x10), (kernel.datagram(), 0x13)] {
        set_int(&socket, IPPROTO_IP, libc::IP_TOS, 0x13).expect("IP_TOS");
        assert_eq!(get_int(&socket, IPPROTO_IP, libc::IP_TOS), shown);
    }
}

#[test]
fn linger_and_timeouts_are_structures() {
    let kernel = Alone::boot();
    let socket = kernel.stream();
    let linger = [1i32.to_ne_bytes(), 5i32.to_ne_bytes()].concat();
    socket.setsockopt(SOL_SOCKET, libc::SO_LINGER, &linger).expect("SO_LINGER");
    assert_eq!(get(&socket, SOL_SOCKET, libc::SO_LINGER), Ok(linger.clone()));
    assert_eq!(socket.setsockopt(SOL_SOCKET, libc::SO_LINGER, &linger[..7]), Err(Errno::INVAL));
    for name in [libc::SO_RCVTIMEO, libc::SO_SNDTIMEO] {
        let time = |seconds: i64, micros: i64| [seconds.to_ne_bytes(), micros.to_ne_bytes()].concat();
        assert_eq!(get(&socket, SOL_SOCKET, name), Ok(time(0, 0)));
        socket.setsockopt(SOL_SOCKET, name, &time(3, 252_000)).expect("a time");
        assert_eq!(get(&socket, SOL_SOCKET, name), Ok(time(3, 252_000)));
        assert_eq!(socket.setsockopt(SOL_SOCKET, name, &time(0, 1_000_000)), Err(Errno::DOM));
        assert_eq!(socket.setsockopt(SOL_SOCKET, name, &time(0, 0)[..15]), Err(Errno::INVAL));
    }
}

#[test]
fn names_of_devices_and_of_congestion_controls() {
    let kernel = Alone::boot();
    let (stream, datagram) = (kernel.stream(), kernel.datagram());
    assert_eq!(datagram.setsockopt(SOL_SOCKET, libc::SO_BINDTODEVICE, b"lo\0"), Ok(()));
    assert_eq!(get(&datagram, SOL_SOCKET, libc::SO_BINDTODEVICE), Ok(b"lo\0".to_vec()));
    assert_eq!(datagram.setsockopt(SOL_SOCKET, libc::SO_BINDTODEVICE, b"eth7"), Err(Errno::NODEV));
    assert_eq!(datagram.setsockopt(SOL_SOCKET, libc::SO_BINDTODEVICE, b""), Ok(()));
    assert_eq!(get(&datagram, SOL_SOCKET, libc::SO_BINDTODEVICE), Ok(vec![]));
    assert!(get(&stream, IPPROTO_TCP, libc::TCP_CONGESTION).is_ok_and(|name| name.starts_with(b"cubic\0")));
    assert_eq!(stream.setsockopt(IPPROTO_TCP, libc::TCP_CONGESTION, b"reno"), Ok(()));
    assert_eq!(stream.setsockopt(IPPROTO_TCP, libc::TCP_CONGESTION, b"bbr"), Err(Errno::NOENT));
    assert!(get(&stream, IPPROTO_TCP, libc::TCP_CONGESTION).is_ok_and(|name| name.starts_with(b"reno\0")));
}

#[test]
fn groups_are_joined_once_and_left_once() {
    let kernel = Alone::boot();
    let socket = kernel.datagram();
    let membership = [224, 1, 2, 3, 127, 0, 0, 1];
    let join = || socket.setsockopt(IPPROTO_IP, libc::IP_ADD_MEMBERSHIP, &membership);
    let leave = || socket.setsockopt(IPPROTO_IP, libc::IP_DROP_MEMBERSHIP, &membership);
    assert_eq!((join(), join()), (Ok(()), Err(Errno::ADDRINUSE)));
    assert_eq!((leave(), leave()), (Ok(()), Err(Errno::ADDRNOTAVAIL)));
    let add = |value: &[u8]| socket.setsockopt(IPPROTO_IP, libc::IP_ADD_MEMBERSHIP, value);
    assert_eq!(add(&membership[..7]), Err(Errno::INVAL));
    assert_eq!(add(&[10, 0, 0, 1, 127, 0, 0, 1]), Err(Errno::INVAL));
    assert_eq!(add(&[224, 1, 2, 3, 10, 0, 0, 1]), Err(Errno::NODEV));
}

#[test]
fn modes_of_path_mtu_discovery_leave_dontfrag_alone() {
    let kernel = Alone::boot();
    let find = |row: &&Row| (row.level, row.name) == (IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER);
    let row = TABLES.iter().flat_map(|table| table.iter()).find(find).expect("a row");
    let socket = socket_with(&kernel, row);
    for mode in libc::IPV6_PMTUDISC_DONT..=libc::IPV6_PMTUDISC_OMIT {
        assert_eq!(set_int(&socket, IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, mode), Ok(()));
        assert_eq!(get_int(&socket, IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER), mode);
        assert_eq!(get_int(&socket, IPPROTO_IPV6, libc::IPV6_DONTFRAG), 0);
    }
}
