//! The set against the host's own epoll: the same script on both, with socket pairs as members.

use super::*;
use crate::poll::testing::{COPIES, Fake, own};
use libc::{EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use rustix::net::{AddressFamily, Shutdown, SocketFlags, SocketType, shutdown, socketpair};
use std::os::fd::{AsRawFd, OwnedFd};

const MEMBERS: usize = 3;

#[derive(Clone, Debug)]
enum Step {
    /// epoll_ctl(2).
    Ctl(i32, usize, u32),
    /// A byte from the member's peer.
    PeerWrites(usize),
    /// The member's bytes are read.
    Drain(usize),
    /// The peer sends its end of stream.
    PeerShutsDown(usize),
    /// The peer closes.
    PeerCloses(usize),
    /// epoll_wait(2) with so much room, that does not sleep.
    Wait(usize),
}

fn steps(ops: &'static [i32], rooms: &'static [usize]) -> impl Strategy<Value = Vec<Step>> {
    // IN is always among the events: whether an arrival is one for a member that does not want IN, an edge-triggered
    // watcher of a socket pair and one of a rump socket may see differently.
    let events = prop::collection::vec(
        prop::sample::select(vec![libc::EPOLLOUT, libc::EPOLLRDHUP, libc::EPOLLET, libc::EPOLLONESHOT]),
        0..3,
    );
    let events = events.prop_map(|more| more.into_iter().fold(libc::EPOLLIN, |all, one| all | one).cast_unsigned());
    let member = 0..MEMBERS;
    let step = prop_oneof![
        3 => (prop::sample::select(ops), member.clone(), events).prop_map(|(op, member, events)| Step::Ctl(op, member, events)),
        4 => member.clone().prop_map(Step::PeerWrites),
        2 => member.clone().prop_map(Step::Drain),
        1 => member.clone().prop_map(Step::PeerShutsDown),
        1 => member.prop_map(Step::PeerCloses),
        5 => prop::sample::select(rooms).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 1..60)
}

/// A member, its peer, and its like in the set under test.
struct Pair {
    member: OwnedFd,
    peer: Option<OwnedFd>,
    fake: Arc<Fake>,
}

struct Both {
    host: OwnedFd,
    ours: OwnedFd,
    set: Arc<EpollSet>,
    pairs: Vec<Pair>,
}

impl Both {
    fn new() -> Both {
        let ours = own(create(libc::EPOLL_CLOEXEC).expect("epoll_create1"));
        let set = find(ours.as_raw_fd()).expect("registered");
        nest::make_mixed(&set).expect("no sleepers");
        let pair = || {
            let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
            let (member, peer) = socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None).expect("socketpair");
            let fake = Fake::mirror(rustix::io::dup(&member).expect("dup"));
            Pair { member, peer: Some(peer), fake }
        };
        let pairs = (0..MEMBERS).map(|_| pair()).collect();
        let host = epoll::create(epoll::CreateFlags::CLOEXEC).expect("epoll_create1");
        Both { host, ours, set, pairs }
    }

    fn run(&mut self, step: &Step) -> TestCaseResult {
        match *step {
            Step::Ctl(op, at, events) => {
                let Pair { member, fake, .. } = &self.pairs[at];
                let event = libc::epoll_event { events, u64: at as u64 };
                let host = host::epoll_ctl(self.host.as_raw_fd(), op, member.as_raw_fd(), Some(&event));
                let ours = self.set.ctl(op, fake.as_dyn(), member.as_raw_fd(), Some(&event));
                prop_assert_eq!(ours, host);
            }
            Step::PeerWrites(at) => {
                let Pair { peer, fake, .. } = &self.pairs[at];
                if peer
                    .as_ref()
                    .is_some_and(|peer| rustix::net::send(peer, b"x", rustix::net::SendFlags::NOSIGNAL).is_ok())
                {
                    fake.stir();
                }
            }
            Step::Drain(at) => while rustix::io::read(&self.pairs[at].member, &mut [0; 64]).is_ok_and(|n| n > 0) {},
            Step::PeerShutsDown(at) => {
                let Pair { peer, fake, .. } = &self.pairs[at];
                if let Some(peer) = peer {
                    shutdown(peer, Shutdown::Write).expect("shutdown");
                    fake.stir();
                }
            }
            Step::PeerCloses(at) => {
                let pair = &mut self.pairs[at];
                if pair.peer.take().is_some() {
                    pair.fake.stir();
                }
            }
            Step::Wait(room) => {
                let mut buffers = [
                    vec![libc::epoll_event { events: 0, u64: 0 }; room],
                    vec![libc::epoll_event { events: 0, u64: 0 }; room],
                ];
                let host = host::epoll_look(self.host.as_raw_fd(), &mut buffers[0]).expect("epoll_wait");
                let ours = self.set.collect(self.ours.as_raw_fd(), &mut buffers[1]).expect("collect");
                let plain = |events: &[libc::epoll_event]| {
                    events.iter().map(|event| (event.u64, event.events)).collect::<Vec<_>>()
                };
                let (mut host, mut ours) = (plain(&buffers[0][..host]), plain(&buffers[1][..ours]));
                if room >= MEMBERS {
                    host.sort_unstable();
                    ours.sort_unstable();
                }
                prop_assert_eq!(ours, host);
            }
        }
        Ok(())
    }
}

impl Drop for Both {
    fn drop(&mut self) {
        forget(self.ours.as_raw_fd());
    }
}

fn agree(steps: &[Step]) -> TestCaseResult {
    let _no_copies = COPIES.read();
    let mut both = Both::new();
    steps.iter().try_for_each(|step| both.run(step))
}

proptest! {
    #[test]
    fn a_wait_with_room_for_all_finds_what_the_host_finds(
        steps in steps(&[EPOLL_CTL_ADD, EPOLL_CTL_ADD, EPOLL_CTL_MOD, EPOLL_CTL_DEL], &[MEMBERS])
    ) {
        agree(&steps)?;
    }

    #[test]
    fn a_wait_with_little_room_takes_turns_in_the_host_s_order(
        steps in steps(&[EPOLL_CTL_ADD, EPOLL_CTL_MOD], &[1, 2])
    ) {
        agree(&steps)?;
    }
}
