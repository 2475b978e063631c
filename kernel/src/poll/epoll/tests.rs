//! The set's logic over members that the test makes ready.

use super::*;
use crate::Events;
use crate::poll::testing::{Bell, Fake, holds_in_child, own};
use libc::{EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD};
use rustix::event::{EventfdFlags, eventfd};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::Ordering::SeqCst;

const IN: u32 = libc::EPOLLIN as u32;
const OUT: u32 = libc::EPOLLOUT as u32;
const RDHUP: u32 = libc::EPOLLRDHUP as u32;
const HUP: u32 = libc::EPOLLHUP as u32;
const ET: u32 = libc::EPOLLET as u32;
const ONESHOT: u32 = libc::EPOLLONESHOT as u32;
const EXCLUSIVE: u32 = libc::EPOLLEXCLUSIVE as u32;

/// A set with its descriptor, as a program has it.
struct Set {
    set: Arc<EpollSet>,
    fd: OwnedFd,
}

impl Set {
    fn new() -> Set {
        let number = create(libc::EPOLL_CLOEXEC).expect("epoll_create1");
        Set { set: find(number).expect("registered"), fd: own(number) }
    }

    fn number(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    fn ctl(&self, op: i32, member: &Arc<Fake>, fd: RawFd, events: u32) -> Result<()> {
        nest::make_mixed(&self.set)?;
        let event = libc::epoll_event { events, u64: fd as u64 };
        self.set.ctl(op, member.as_dyn(), fd, Some(&event))
    }

    fn add(&self, member: &Arc<Fake>, fd: RawFd, events: u32) {
        self.ctl(EPOLL_CTL_ADD, member, fd, events).expect("EPOLL_CTL_ADD");
    }

    /// What a wait of up to `room` events finds, as (data, events).
    fn look(&self, room: usize) -> Vec<(u64, u32)> {
        let mut out = vec![libc::epoll_event { events: 0, u64: 0 }; room];
        let n = self.set.collect(self.number(), &mut out).expect("collect");
        out[..n].iter().map(|event| (event.u64, event.events)).collect()
    }
}

impl Drop for Set {
    fn drop(&mut self) {
        forget(self.fd.as_raw_fd());
    }
}

/// A descriptor of the host that is readable.
fn readable() -> OwnedFd {
    eventfd(1, EventfdFlags::CLOEXEC).expect("eventfd")
}

fn host_event(data: u64) -> libc::epoll_event {
    libc::epoll_event { events: IN, u64: data }
}

#[test]
fn a_level_triggered_member_is_reported_while_it_is_ready() {
    let (set, member) = (Set::new(), Fake::new());
    set.add(&member, 7, IN | OUT);
    assert_eq!(set.look(8), []);
    member.arrive(Events::IN);
    assert_eq!(set.look(8), [(7, IN)]);
    assert_eq!(set.look(8), [(7, IN)]);
    member.set(Events::empty());
    assert_eq!(set.look(8), []);
    member.arrive(Events::OUT);
    assert_eq!(set.look(8), [(7, OUT)]);
}

#[test]
fn a_member_that_is_ready_when_added_is_reported() {
    let (set, member) = (Set::new(), Fake::new());
    member.set(Events::IN);
    set.add(&member, 7, IN);
    assert_eq!(set.look(8), [(7, IN)]);
}

#[test]
fn an_edge_triggered_member_is_reported_once_an_arrival() {
    let (set, member) = (Set::new(), Fake::new());
    set.add(&member, 7, IN | ET);
    member.arrive(Events::IN);
    assert_eq!(set.look(8), [(7, IN)]);
    assert_eq!(set.look(8), []);
    member.arrive(Events::IN);
    member.arrive(Events::IN);
    assert_eq!(set.look(8), [(7, IN)]);
    assert_eq!(set.look(8), []);
    set.ctl(EPOLL_CTL_MOD, &member, 7, IN | ET).expect("EPOLL_CTL_MOD");
    assert_eq!(set.look(8), [(7, IN)], "a modification shows it again");
}

#[test]
fn a_one_shot_is_silent_until_modified_even_for_errors() {
    let (set, member) = (Set::new(), Fake::new());
    set.add(&member, 7, IN | ONESHOT);
    member.arrive(Events::IN);
    assert_eq!(set.look(8), [(7, IN)]);
    member.arrive(Events::IN | Events::HUP | Events::ERR);
    assert_eq!(set.look(8), []);
    set.ctl(EPOLL_CTL_MOD, &member, 7, ONESHOT).expect("EPOLL_CTL_MOD");
    assert_eq!(set.look(8), [(7, HUP | libc::EPOLLERR as u32)]);
}

#[test]
fn rdhup_is_reported_to_those_who_asked_and_hup_to_all() {
    let (asked, unasked, member) = (Set::new(), Set::new(), Fake::new());
    asked.add(&member, 7, RDHUP);
    unasked.add(&member, 7, OUT);
    member.arrive(Events::RDHUP);
    assert_eq!((asked.look(8), unasked.look(8)), (vec![(7, RDHUP)], vec![]));
    member.arrive(Events::RDHUP | Events::HUP);
    assert_eq!((asked.look(8), unasked.look(8)), (vec![(7, RDHUP | HUP)], vec![(7, HUP)]));
}

#[test]
fn ready_members_take_turns_when_there_is_little_room() {
    let set = Set::new();
    let members: Vec<_> = (0..3).map(|_| Fake::new()).collect();
    for (fd, member) in members.iter().enumerate() {
        set.add(member, fd as RawFd, IN);
        member.arrive(Events::IN);
    }
    let order: Vec<u64> = (0..6).flat_map(|_| set.look(1)).map(|(data, _)| data).collect();
    assert_eq!(order, [0, 1, 2, 0, 1, 2]);
}

#[test]
fn the_host_s_members_and_ours_take_turns_when_there_is_little_room() {
    let (set, member, host) = (Set::new(), Fake::new(), readable());
    set.add(&member, 7, IN);
    member.arrive(Events::IN);
    ctl(set.number(), EPOLL_CTL_ADD, host.as_raw_fd(), Some(&host_event(1))).expect("EPOLL_CTL_ADD");
    let mut seen: Vec<u64> = (0..4).flat_map(|_| set.look(1)).map(|(data, _)| data).collect();
    seen.sort_unstable();
    assert_eq!(seen, [1, 1, 7, 7]);
    assert_eq!(set.look(8).len(), 2);
}

#[test]
fn a_wait_asks_only_those_that_may_be_ready() {
    let set = Set::new();
    let members: Vec<_> = (0..10_000).map(|_| Fake::new()).collect();
    for (fd, member) in members.iter().enumerate() {
        set.add(member, fd as RawFd, IN);
    }
    let asked = |members: &[Arc<Fake>]| members.iter().map(|member| member.asked.load(SeqCst)).sum::<usize>();
    let before = asked(&members);
    members[1234].arrive(Events::IN);
    assert_eq!(set.look(64), [(1234, IN)]);
    assert_eq!(asked(&members) - before, 1);
}

#[test]
fn the_errors_are_linux_s() {
    let (set, member, other) = (Set::new(), Fake::new(), Fake::new());
    set.add(&member, 7, IN);
    assert_eq!(set.ctl(EPOLL_CTL_ADD, &member, 7, IN), Err(Errno::EXIST));
    assert_eq!(set.ctl(EPOLL_CTL_MOD, &other, 7, IN), Err(Errno::NOENT));
    assert_eq!(set.ctl(EPOLL_CTL_DEL, &other, 7, IN), Err(Errno::NOENT));
    assert_eq!(set.ctl(99, &member, 7, IN), Err(Errno::INVAL));
    assert_eq!(set.ctl(EPOLL_CTL_ADD, &other, 8, IN | EXCLUSIVE | RDHUP), Err(Errno::INVAL));
    assert_eq!(set.ctl(EPOLL_CTL_MOD, &member, 7, IN | EXCLUSIVE), Err(Errno::INVAL));
    set.add(&other, 8, IN | EXCLUSIVE);
    assert_eq!(set.ctl(EPOLL_CTL_MOD, &other, 8, IN), Err(Errno::INVAL));
    assert_eq!(ctl(set.number(), EPOLL_CTL_ADD, set.number(), Some(&host_event(0))), Err(Errno::INVAL));
    assert_eq!(wait(set.number(), &mut [], None, None), Err(Errno::INVAL));
    assert_eq!(create(libc::O_APPEND), Err(Errno::INVAL));
}

#[test]
fn a_member_is_added_once_for_each_of_its_numbers() {
    let (set, member) = (Set::new(), Fake::new());
    set.add(&member, 7, IN);
    set.add(&member, 8, IN);
    member.arrive(Events::IN);
    assert_eq!(set.look(8), [(7, IN), (8, IN)]);
    set.ctl(EPOLL_CTL_DEL, &member, 7, 0).expect("EPOLL_CTL_DEL");
    assert_eq!(set.look(8), [(8, IN)]);
}

#[test]
fn the_last_close_of_a_member_takes_it_out_of_every_set() {
    let (one, two, member) = (Set::new(), Set::new(), Fake::new());
    one.add(&member, 7, IN);
    two.add(&member, 8, IN | EXCLUSIVE);
    member.arrive(Events::IN);
    target_closed(address(&member));
    assert_eq!((one.look(8), two.look(8)), (vec![], vec![]));
    assert_eq!(member.watcher_count(), 0);
}

#[test]
fn a_set_lives_until_its_last_number_is_closed() {
    let (set, member) = (Set::new(), Fake::new());
    set.add(&member, 7, IN);
    let second = rustix::io::dup(&set.fd).expect("dup");
    duplicated(set.number(), second.as_raw_fd());
    forget(set.number());
    assert_eq!(member.watcher_count(), 1);
    assert!(is_set(second.as_raw_fd()) && !is_set(set.number()));
    forget(second.as_raw_fd());
    assert_eq!(member.watcher_count(), 0);
}

#[test]
fn one_sleeper_is_woken_and_passes_on_what_is_left() {
    let set = Set::new();
    let members: Vec<_> = (0..2).map(|_| Fake::new()).collect();
    members.iter().zip(0..).for_each(|(member, fd)| set.add(member, fd, IN | ET));
    let sleepers: Vec<_> = (0..3).map(|_| Bell::new()).collect();
    sleepers.iter().for_each(|sleeper| set.set.ready.sit(&sleeper.as_dyn()));
    let rung = || sleepers.iter().map(|sleeper| sleeper.rung()).collect::<Vec<_>>();

    members[0].arrive(Events::IN);
    assert_eq!(rung(), [0, 0, 1]);
    members[1].arrive(Events::IN);
    assert_eq!(rung(), [0, 1, 1]);
    assert_eq!(set.look(1), [(0, IN)]);
    assert_eq!(rung(), [1, 1, 1], "one is left on the list");
}

#[test]
fn a_sleeper_who_gives_up_passes_its_wake_on() {
    let (set, member) = (Set::new(), Fake::new());
    set.add(&member, 7, IN);
    let (first, second) = (Bell::new(), Bell::new());
    set.set.ready.sit(&first.as_dyn());
    set.set.ready.sit(&second.as_dyn());
    member.arrive(Events::IN);
    assert_eq!((first.rung(), second.rung()), (0, 1));
    set.set.ready.leave(&second.as_dyn());
    assert_eq!((first.rung(), second.rung()), (1, 1));
}

#[test]
fn of_exclusive_sets_one_with_a_sleeper_is_woken() {
    let sets: Vec<_> = (0..3).map(|_| Set::new()).collect();
    let member = Fake::new();
    let sleepers: Vec<_> = (0..3).map(|_| Bell::new()).collect();
    for (set, sleeper) in sets.iter().zip(&sleepers) {
        set.add(&member, 7, IN | EXCLUSIVE);
        set.set.ready.sit(&sleeper.as_dyn());
    }
    assert_eq!(member.watcher_count(), 1);
    for woken in 1..=3 {
        member.arrive(Events::IN);
        assert_eq!(sleepers.iter().filter(|sleeper| sleeper.rung() > 0).count(), woken);
    }
}

#[test]
fn adding_the_first_host_member_wakes_the_sleepers() {
    let (set, member, host) = (Set::new(), Fake::new(), readable());
    set.add(&member, 7, IN);
    let sleeper = Bell::new();
    set.set.ready.sit(&sleeper.as_dyn());
    ctl(set.number(), EPOLL_CTL_ADD, host.as_raw_fd(), Some(&host_event(1))).expect("EPOLL_CTL_ADD");
    assert_eq!(sleeper.rung(), 1);
    let mut foreign = Vec::new();
    set.set.foreign(set.number(), &mut foreign);
    assert_eq!(foreign.iter().map(|fd| fd.fd).collect::<Vec<_>>(), [set.number()]);
}

#[test]
fn a_sleeper_in_the_host_s_call_comes_over_when_the_set_gets_a_member_of_ours() {
    let set = Set::new();
    let (set, member) = (&set, Fake::new());
    std::thread::scope(|scope| {
        let sleeper = scope.spawn(|| {
            assert_eq!(begin(set.number()), Begin::Counted);
            let mut events = [host_event(0); 4];
            let n = host::epoll_wait(set.number(), &mut events, None, None).expect("epoll_wait");
            end(&mut events, n as i32)
        });
        while set.set.host.begin_count() == 0 {
            std::thread::yield_now();
        }
        set.add(&member, 7, IN);
        assert_eq!(sleeper.join().expect("thread"), None);
    });
    assert_eq!(begin(set.number()), Begin::Ours);
    assert_eq!(set.look(8), [], "the doorbell is gone");
}

#[test]
fn a_set_of_the_host_s_members_is_the_host_s() {
    let (set, host) = (Set::new(), readable());
    ctl(set.number(), EPOLL_CTL_ADD, host.as_raw_fd(), Some(&host_event(5))).expect("EPOLL_CTL_ADD");
    let mut events = [host_event(0); 4];
    assert_eq!(wait(set.number(), &mut events, None, None), Ok(1));
    assert_eq!({ events[0].u64 }, 5);
    assert_eq!(begin(host.as_raw_fd()), Begin::Host);
    assert_eq!(wait(host.as_raw_fd(), &mut events, None, None), Err(Errno::INVAL));
    assert_eq!(wait(-1, &mut events, None, None), Err(Errno::BADF));
}

#[test]
fn an_inner_set_is_ready_when_a_member_of_either_kind_is() {
    let (outer, inner, member, host) = (Set::new(), Set::new(), Fake::new(), readable());
    inner.add(&member, 7, IN);
    ctl(outer.number(), EPOLL_CTL_ADD, inner.number(), Some(&host_event(3))).expect("EPOLL_CTL_ADD");
    assert_eq!(outer.look(8), []);
    member.arrive(Events::IN);
    assert_eq!(outer.look(8), [(3, IN)]);
    member.set(Events::empty());
    assert_eq!(outer.look(8), []);
    ctl(inner.number(), EPOLL_CTL_ADD, host.as_raw_fd(), Some(&host_event(1))).expect("EPOLL_CTL_ADD");
    assert_eq!(outer.look(8), [(3, IN)]);
    let mut foreign = Vec::new();
    outer.set.foreign(outer.number(), &mut foreign);
    assert_eq!(foreign.iter().map(|fd| fd.fd).collect::<Vec<_>>(), [inner.number()]);
}

#[test]
fn sets_that_the_host_nested_are_taken_over_when_the_inner_one_gets_a_member_of_ours() {
    let (top, outer, inner, member) = (Set::new(), Set::new(), Set::new(), Fake::new());
    ctl(outer.number(), EPOLL_CTL_ADD, inner.number(), Some(&host_event(3))).expect("EPOLL_CTL_ADD");
    ctl(top.number(), EPOLL_CTL_ADD, outer.number(), Some(&host_event(4))).expect("EPOLL_CTL_ADD");
    assert_eq!(begin(top.number()), Begin::Counted);
    end(&mut [], 0);
    inner.add(&member, 7, IN);
    assert_eq!(begin(top.number()), Begin::Ours);
    let sleeper = Bell::new();
    top.set.ready.sit(&sleeper.as_dyn());
    member.arrive(Events::IN);
    assert_eq!(sleeper.rung(), 1);
    assert_eq!((top.look(8), outer.look(8), inner.look(8)), (vec![(4, IN)], vec![(3, IN)], vec![(7, IN)]));
    ctl(outer.number(), EPOLL_CTL_DEL, inner.number(), None).expect("EPOLL_CTL_DEL");
    assert_eq!((top.look(8), outer.look(8), inner.look(8)), (vec![], vec![], vec![(7, IN)]));
}

#[test]
fn loops_and_deep_chains_of_sets_are_refused_as_the_host_does() {
    let ours: Vec<_> = (0..7).map(|_| Set::new()).collect();
    let host: Vec<_> = (0..7).map(|_| epoll::create(epoll::CreateFlags::CLOEXEC).expect("epoll_create1")).collect();
    let member = Fake::new();
    ours[6].add(&member, 7, IN);
    let try_both = |outer: usize, inner: usize| {
        let by_host =
            host::epoll_ctl(host[outer].as_raw_fd(), EPOLL_CTL_ADD, host[inner].as_raw_fd(), Some(&host_event(1)));
        let by_us = ctl(ours[outer].number(), EPOLL_CTL_ADD, ours[inner].number(), Some(&host_event(1)));
        assert_eq!(by_us, by_host, "{inner} into {outer}");
        by_us
    };
    assert_eq!(try_both(5, 6), Ok(()));
    assert_eq!(try_both(6, 5), Err(Errno::LOOP));
    for outer in (0..5).rev() {
        let _ = try_both(outer, outer + 1);
    }
    assert_eq!(try_both(5, 6), Err(Errno::EXIST));
    let _ = try_both(0, 2);
    let _ = try_both(2, 0);
}

#[test]
fn an_inner_set_that_is_closed_leaves_the_outer_one() {
    let (outer, member) = (Set::new(), Fake::new());
    {
        let inner = Set::new();
        inner.add(&member, 7, IN);
        ctl(outer.number(), EPOLL_CTL_ADD, inner.number(), Some(&host_event(3))).expect("EPOLL_CTL_ADD");
        member.arrive(Events::IN);
        assert_eq!(outer.look(8), [(3, IN)]);
    }
    assert_eq!(outer.look(8), []);
    assert_eq!(member.watcher_count(), 0);
}

#[test]
fn the_child_of_a_fork_has_the_host_s_members_alone() {
    let (set, member, host) = (Set::new(), Fake::new(), readable());
    set.add(&member, 7, IN);
    member.arrive(Events::IN);
    ctl(set.number(), EPOLL_CTL_ADD, host.as_raw_fd(), Some(&host_event(1))).expect("EPOLL_CTL_ADD");
    let watched = set.set.ready.len();
    assert!(holds_in_child(|| {
        let mut events = [host_event(0); 4];
        begin(set.number()) == Begin::Host && host::epoll_look(set.number(), &mut events) == Ok(1) && { events[0].u64 }
            == 1
    }));
    assert_eq!((set.look(8).len(), watched), (2, 1), "the parent's set is as it was");
}
