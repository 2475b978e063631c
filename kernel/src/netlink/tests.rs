use super::testing::alone;
use super::*;
use rustix::io::Errno;
use rustix::net::RecvFlags;
use std::net::IpAddr;

const RTM_NEWNEIGH: u16 = 28;
const RTM_DELNEIGH: u16 = 29;
const NEIGH: i32 = 3;
const IPV4_ROUTE: i32 = 7;
const LO: u32 = 1;
const MAC: [u8; 6] = [2, 0, 0, 0, 0, 9];

fn open(kernel: &Arc<Kernel>) -> (Arc<Netlink>, OwnedFd) {
    Netlink::open(kernel, libc::SOCK_RAW, libc::NETLINK_ROUTE, SocketFlags::CLOEXEC).expect("a socket")
}

fn host(n: u8) -> IpAddr {
    [10, 0, 0, n].into()
}

/// What there is to read: type, flags, number and port of each.
fn told(program: &OwnedFd) -> Vec<(u16, u16, u32, u32)> {
    let mut all = Vec::new();
    let mut bytes = [0; 4096];
    while let Ok((len, _)) = rustix::net::recv(program, &mut bytes, RecvFlags::DONTWAIT) {
        let word = |at: usize| u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let half = |at: usize| u16::from_ne_bytes([bytes[at], bytes[at + 1]]);
        assert_eq!(word(0) as usize, len, "a message a datagram");
        assert_eq!(group_of(&bytes[..len]), 3);
        all.push((half(4), half(6), word(8), word(12)));
    }
    all
}

#[test]
fn who_has_joined_is_told_and_nobody_else() {
    let kernel = alone();
    let [(joined, by_option), (bound, by_name), (other, elsewhere), (_alone, nowhere)] =
        [(); 4].map(|()| open(&kernel));
    joined.setsockopt(NETLINK_ADD_MEMBERSHIP, NEIGH).expect("there is such a group");
    bound.bind(0, 1 << (NEIGH - 1)).expect("a free port");
    other.setsockopt(NETLINK_ADD_MEMBERSHIP, IPV4_ROUTE).expect("there is such a group");
    kernel.set_neighbor(LO, host(9), MAC).expect("lo");
    let new = (RTM_NEWNEIGH, 0, 0, 0);
    assert_eq!(told(&by_option), [new]);
    assert_eq!(told(&by_name), [new]);
    joined.setsockopt(NETLINK_DROP_MEMBERSHIP, NEIGH).expect("there is such a group");
    kernel.forget_neighbor(LO, host(9)).expect("it is there");
    assert!(told(&by_option).is_empty());
    assert_eq!(told(&by_name), [new, (RTM_DELNEIGH, 0, 0, 0)]);
    bound.bind(bound.name().0, 0).expect("its own");
    kernel.set_neighbor(LO, host(9), MAC).expect("lo");
    joined.setsockopt(NETLINK_ADD_MEMBERSHIP, NEIGH).expect("there is such a group");
    kernel.set_neighbor(LO, host(8), MAC).expect("lo");
    assert_eq!(told(&by_option), [new], "of what was before it is not told");
    assert!([by_name, elsewhere, nowhere].iter().all(|program| told(program).is_empty()));
    kernel.leave();
}

#[test]
fn what_does_not_fit_is_lost_and_said_once() {
    let kernel = alone();
    let (socket, program) = open(&kernel);
    socket.setsockopt(NETLINK_ADD_MEMBERSHIP, NEIGH).expect("there is such a group");
    let flood = || {
        for _ in 0..2000 {
            kernel.set_neighbor(LO, host(9), MAC).expect("lo");
            kernel.forget_neighbor(LO, host(9)).expect("it is there");
        }
    };
    flood();
    assert!(socket.take_lost());
    assert!(!socket.take_lost());
    assert!(told(&program).len() > 100, "what did fit is there");
    kernel.set_neighbor(LO, host(9), MAC).expect("lo");
    assert_eq!(told(&program).len(), 1);
    socket.setsockopt(NETLINK_NO_ENOBUFS, 1).expect("a switch");
    flood();
    assert!(!socket.take_lost());
    kernel.leave();
}

#[test]
fn groups_that_no_name_has_room_for_are_kept() {
    let kernel = alone();
    let (socket, _program) = open(&kernel);
    assert!(socket.memberships().is_empty());
    for group in [1, 33, 39] {
        socket.setsockopt(NETLINK_ADD_MEMBERSHIP, group).expect("there is such a group");
    }
    assert_eq!(socket.setsockopt(NETLINK_ADD_MEMBERSHIP, 40), Err(Errno::INVAL));
    assert_eq!(socket.memberships(), [1, 0b100_0001]);
    assert_eq!(socket.name().1, 1);
    socket.bind(0, 4).expect("a free port");
    assert_eq!(socket.memberships(), [4, 0b100_0001]);
    socket.setsockopt(NETLINK_DROP_MEMBERSHIP, 33).expect("there is such a group");
    assert_eq!(socket.memberships(), [4, 0b100_0000]);
    kernel.leave();
}

#[test]
fn an_answer_is_for_no_group() {
    let message = |port: u32| [&[0; 4][..], &RTM_NEWNEIGH.to_ne_bytes(), &[0; 6], &port.to_ne_bytes(), &[2]].concat();
    assert_eq!(group_of(&message(0)), 3);
    assert_eq!(group_of(&message(77)), 0);
    assert_eq!(group_of(&message(0)[..16]), 0, "it does not say of what");
}
