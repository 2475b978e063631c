//! Which sockets are members of which groups, and what is reported to routers (RFC 9776 §5).

use core::net::IpAddr;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use super::{Filter, FilterMode};
use crate::iface::LOOPBACK;
use crate::ip::multicast_scope;
use crate::link::IfIndex;
use crate::rng::Rng;
use crate::socket::Key;
use crate::time::Instant;
use crate::timer::TimerQueue;
use crate::wire::group::{Dialect, Query, Record, RecordKind};
use crate::wire::{igmp, ndp};

/// The Robustness Variable and the Query Interval, until a router says others (RFC 9776 §8.1, §8.2).
const ROBUSTNESS: u8 = 2;
const QUERY_INTERVAL: Duration = Duration::from_secs(125);
/// Between repetitions of a change (RFC 9776 §8.11); in the older versions (RFC 2236 §8.10).
const UNSOLICITED_MS: u32 = 1_000;
const OLD_UNSOLICITED_MS: u32 = 10_000;
/// Sources of one question that are kept; beyond it the answer is about all sources.
const MAX_ASKED: usize = 64;

/// Whose groups: each has routers and a protocol of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Family {
    /// IPv4: IGMP.
    V4,
    /// IPv6: MLD.
    V6,
}

type Id = (IfIndex, IpAddr);
type Side = (IfIndex, Family);

/// A member of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Member {
    /// The host itself.
    Host,
    /// A program's socket.
    Socket(Key),
}

/// A report that is due on a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Say {
    /// In the newest version of the protocol, for one family.
    Records(Vec<Record>),
    /// In an older version: we are a member.
    Member { dialect: Dialect, group: IpAddr },
    /// In an older version: we are not a member any more.
    Left { group: IpAddr },
}

/// What comes due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// The answer about all groups of a family.
    General(Side),
    /// The answer about one group.
    Response(Id),
    /// The repetition of a change.
    Change(Id),
}

/// What the routers of a link are like.
struct Routers {
    robustness: u8,
    interval: Duration,
    /// Until when a router of each older dialect counts as present (RFC 9776 §7.2.1).
    old_until: [Option<Instant>; 2],
}

struct Group {
    members: BTreeMap<Member, Filter>,
    /// What the interface wants.
    filter: Filter,
    /// How often a change of the mode is still to be said, and of each source.
    mode_left: u8,
    sources_left: BTreeMap<IpAddr, u8>,
    /// Sources that a router asked for; empty: all.
    asked: BTreeSet<IpAddr>,
    /// The last report in an older dialect was ours.
    last_reporter: bool,
}

/// All memberships on links.
pub(crate) struct Memberships {
    groups: BTreeMap<Id, Group>,
    routers: BTreeMap<Side, Routers>,
    timers: TimerQueue<Timer>,
    rng: Rng,
}

impl Memberships {
    pub(crate) fn new(rng: &mut Rng) -> Memberships {
        Memberships { groups: BTreeMap::new(), routers: BTreeMap::new(), timers: TimerQueue::new(), rng: rng.fork() }
    }

    /// A member wants this of a group from now on; [`Filter::NONE`]: it has left it.
    pub(crate) fn set(&mut self, now: Instant, on: IfIndex, group: IpAddr, member: Member, filter: Filter) {
        let id = (on, group);
        let routers = self.routers.entry(side_of(id)).or_insert_with(Routers::new);
        let entry = self.groups.entry(id).or_insert_with(Group::new);
        if filter == Filter::NONE {
            entry.members.remove(&member);
        } else {
            entry.members.insert(member, filter);
        }
        let new = Filter::merged(entry.members.values());
        let old = core::mem::replace(&mut entry.filter, new);
        if old != entry.filter && is_reported(id) {
            entry.note_change(&old, routers.dialect(now), routers.robustness);
            self.timers.set(Timer::Change(id), now);
        } else if entry.is_over() {
            self.groups.remove(&id);
        }
    }

    /// The host itself is in these groups of an interface, and in no others.
    pub(crate) fn set_own(&mut self, now: Instant, on: IfIndex, groups: &BTreeSet<IpAddr>) {
        let of_host = |(id, entry): &(&Id, &Group)| id.0 == on && entry.members.contains_key(&Member::Host);
        let known: BTreeSet<IpAddr> = self.groups.iter().filter(of_host).map(|(id, _)| id.1).collect();
        for group in known.symmetric_difference(groups) {
            let filter = if groups.contains(group) { Filter::ALL } else { Filter::NONE };
            self.set(now, on, *group, Member::Host, filter);
        }
    }

    /// What a socket asked for; None if it is no member.
    pub(crate) fn filter(&self, on: IfIndex, group: IpAddr, key: Key) -> Option<&Filter> {
        self.groups.get(&(on, group))?.members.get(&Member::Socket(key))
    }

    /// Does anybody here want what `source` sends to a group? Of what is no group of ours, nothing is said.
    pub(crate) fn wants(&self, on: IfIndex, group: IpAddr, source: IpAddr) -> bool {
        !group.is_multicast() || self.groups.get(&(on, group)).is_none_or(|entry| entry.filter.accepts(source))
    }

    /// All groups of a family are said as if they were new: those who should know may not have heard of them.
    pub(crate) fn say_all(&mut self, now: Instant, side: Side) {
        let robustness = self.routers.get(&side).map_or(ROBUSTNESS, |routers| routers.robustness);
        for id in self.wanted_on(side) {
            if let Some(entry) = self.groups.get_mut(&id) {
                entry.say_mode(robustness);
                self.timers.set(Timer::Change(id), now);
            }
        }
    }

    /// A router asks (RFC 9776 §5.2).
    pub(crate) fn handle_query(&mut self, now: Instant, side: Side, query: &Query) {
        let routers = self.routers.entry(side).or_insert_with(Routers::new);
        let before = routers.dialect(now);
        if query.dialect < Dialect::Sources {
            let present = routers.interval * routers.robustness.into() + query.max_response;
            routers.old_until[query.dialect as usize] = Some(now + present);
        } else {
            routers.robustness = query.robustness.unwrap_or(ROBUSTNESS);
            routers.interval = query.interval.unwrap_or(QUERY_INTERVAL);
        }
        let dialect = routers.dialect(now);
        if dialect != before {
            self.cancel_pending(side);
        }
        let most = query.max_response.as_millis().min(u32::MAX.into()) as u32;
        let at = now + Duration::from_millis(self.rng.below(most).into());
        if self.timers.at(Timer::General(side)).is_some_and(|general| general <= at) {
            return; // Rule 1.
        }
        let Some(group) = query.group else {
            if dialect == Dialect::Sources {
                self.timers.set(Timer::General(side), at);
                return;
            }
            // Older dialects answer for each group at a time of its own.
            for id in self.wanted_on(side) {
                let at = now + Duration::from_millis(self.rng.below(most).into());
                self.answer_by(id, at);
            }
            return;
        };
        let id = (side.0, group);
        let pending = self.timers.at(Timer::Response(id)).is_some();
        let Some(entry) = self.groups.get_mut(&id).filter(|entry| entry.is_wanted() && is_reported(id)) else { return };
        // Rules 3 to 5: an answer about all sources answers every question.
        if query.sources.is_empty() || pending && entry.asked.is_empty() {
            entry.asked.clear();
        } else {
            entry.asked.extend(query.sources.iter().copied().take(MAX_ASKED + 1));
            if entry.asked.len() > MAX_ASKED {
                entry.asked.clear();
            }
        }
        self.answer_by(id, at);
    }

    /// Another host answered in an older dialect: one answer is enough there (RFC 2236 §3, RFC 2710 §4).
    pub(crate) fn handle_report(&mut self, now: Instant, on: IfIndex, group: IpAddr) {
        let id = (on, group);
        if self.routers.get(&side_of(id)).is_none_or(|routers| routers.dialect(now) == Dialect::Sources) {
            return;
        }
        if let Some(entry) = self.groups.get_mut(&id) {
            entry.last_reporter = false;
            self.timers.cancel(Timer::Response(id));
        }
    }

    /// Says all that is due. Records that are due together go together.
    pub(crate) fn expire(&mut self, now: Instant) -> Vec<(IfIndex, Say)> {
        let (mut out, mut records) = (Vec::new(), BTreeMap::<Side, Vec<Record>>::new());
        while let Some(timer) = self.timers.pop_expired(now) {
            let (side, say) = match timer {
                Timer::General(side) => (side, self.state_of_all(side)),
                Timer::Response(id) => (side_of(id), self.response(now, id)),
                Timer::Change(id) => (side_of(id), self.change(now, id)),
            };
            match say {
                Some(Say::Records(more)) => records.entry(side).or_default().extend(more),
                Some(say) => out.push((side.0, say)),
                None => {}
            }
        }
        let records = records.into_iter().filter(|(_, records)| !records.is_empty());
        out.extend(records.map(|((on, _), records)| (on, Say::Records(records))));
        out
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.timers.next()
    }

    fn answer_by(&mut self, id: Id, at: Instant) {
        let timer = Timer::Response(id);
        if self.timers.at(timer).is_none_or(|earlier| at < earlier) {
            self.timers.set(timer, at);
        }
    }

    /// The groups of a family that somebody is in and that are reported.
    fn wanted_on(&self, side: Side) -> Vec<Id> {
        let wanted = |(id, entry): &(&Id, &Group)| side_of(**id) == side && is_reported(**id) && entry.is_wanted();
        self.groups.iter().filter(wanted).map(|(id, _)| *id).collect()
    }

    /// RFC 9776 §7.2.1: routers are spoken to in another dialect from now on.
    fn cancel_pending(&mut self, side: Side) {
        let Memberships { groups, timers, .. } = self;
        timers.cancel(Timer::General(side));
        groups.retain(|id, entry| {
            if side_of(*id) == side {
                timers.cancel(Timer::Response(*id));
                timers.cancel(Timer::Change(*id));
                entry.say_mode(0);
                entry.asked.clear();
            }
            !entry.is_over()
        });
    }

    fn state_of_all(&self, side: Side) -> Option<Say> {
        let records = self.wanted_on(side).into_iter().map(|id| self.groups[&id].state(id.1));
        Some(Say::Records(records.collect()))
    }

    fn response(&mut self, now: Instant, id: Id) -> Option<Say> {
        let dialect = self.routers.get(&side_of(id))?.dialect(now);
        let entry = self.groups.get_mut(&id).filter(|entry| entry.is_wanted())?;
        let asked = core::mem::take(&mut entry.asked);
        if dialect < Dialect::Sources {
            entry.last_reporter = true;
            return Some(Say::Member { dialect, group: id.1 });
        }
        if asked.is_empty() {
            return Some(Say::Records(vec![entry.state(id.1)]));
        }
        let sources: Vec<IpAddr> = asked.into_iter().filter(|source| entry.filter.accepts(*source)).collect();
        let record = Record { kind: RecordKind::IsInclude, group: id.1, sources };
        (!record.sources.is_empty()).then(|| Say::Records(vec![record]))
    }

    /// RFC 9776 §5.1.
    fn change(&mut self, now: Instant, id: Id) -> Option<Say> {
        let dialect = self.routers.get(&side_of(id))?.dialect(now);
        let entry = self.groups.get_mut(&id)?;
        let say = if dialect < Dialect::Sources {
            entry.next_old_change(dialect, id.1)
        } else {
            entry.next_change(id.1).map(Say::Records)
        };
        if entry.mode_left > 0 || !entry.sources_left.is_empty() {
            let most = if dialect < Dialect::Sources { OLD_UNSOLICITED_MS } else { UNSOLICITED_MS };
            let wait = Duration::from_millis(u64::from(self.rng.below(most)) + 1);
            self.timers.set(Timer::Change(id), now + wait);
        } else if entry.is_over() {
            self.groups.remove(&id);
            self.timers.cancel(Timer::Response(id));
        }
        say
    }
}

impl Group {
    fn new() -> Group {
        Group {
            members: BTreeMap::new(),
            filter: Filter::NONE,
            mode_left: 0,
            sources_left: BTreeMap::new(),
            asked: BTreeSet::new(),
            last_reporter: false,
        }
    }

    fn is_wanted(&self) -> bool {
        self.filter != Filter::NONE
    }

    /// Nobody is a member, and there is nothing left to be said of it.
    fn is_over(&self) -> bool {
        self.members.is_empty() && self.mode_left == 0 && self.sources_left.is_empty()
    }

    /// What the interface wants was `old` and is another now.
    fn note_change(&mut self, old: &Filter, dialect: Dialect, robustness: u8) {
        if dialect < Dialect::Sources {
            // Older dialects know members, no sources.
            self.mode_left = if (*old != Filter::NONE) != self.is_wanted() { robustness } else { 0 };
        } else if old.mode != self.filter.mode {
            self.say_mode(robustness);
        } else {
            let changed = old.sources.symmetric_difference(&self.filter.sources);
            self.sources_left.extend(changed.map(|source| (*source, robustness)));
        }
    }

    /// The mode is to be said so often, and with it all sources.
    fn say_mode(&mut self, times: u8) {
        self.mode_left = times;
        self.sources_left.clear();
    }

    fn state(&self, group: IpAddr) -> Record {
        let kind = match self.filter.mode {
            FilterMode::Include => RecordKind::IsInclude,
            FilterMode::Exclude => RecordKind::IsExclude,
        };
        Record { kind, group, sources: self.filter.sources.iter().copied().collect() }
    }

    fn next_old_change(&mut self, dialect: Dialect, group: IpAddr) -> Option<Say> {
        self.sources_left.clear();
        if self.mode_left == 0 {
            return None;
        }
        if self.is_wanted() {
            self.mode_left -= 1;
            self.last_reporter = true;
            return Some(Say::Member { dialect, group });
        }
        // RFC 2236 §3, RFC 2710 §4: said once, by who reported last; IGMP version 1 says nothing.
        self.mode_left = 0;
        (dialect == Dialect::Leaving && self.last_reporter).then_some(Say::Left { group })
    }

    /// A change of the mode comes first, and says all sources.
    fn next_change(&mut self, group: IpAddr) -> Option<Vec<Record>> {
        if self.mode_left > 0 {
            self.mode_left -= 1;
            let kind = match self.filter.mode {
                FilterMode::Include => RecordKind::ToInclude,
                FilterMode::Exclude => RecordKind::ToExclude,
            };
            return Some(vec![Record { kind, ..self.state(group) }]);
        }
        let (allow, block): (Vec<IpAddr>, Vec<IpAddr>) =
            self.sources_left.keys().partition(|source| self.filter.accepts(**source));
        self.sources_left.retain(|_, left| {
            *left -= 1;
            *left > 0
        });
        let records = [(RecordKind::Allow, allow), (RecordKind::Block, block)];
        let records = records.into_iter().filter(|(_, sources)| !sources.is_empty());
        let records: Vec<Record> = records.map(|(kind, sources)| Record { kind, group, sources }).collect();
        (!records.is_empty()).then_some(records)
    }
}

impl Routers {
    fn new() -> Routers {
        Routers { robustness: ROBUSTNESS, interval: QUERY_INTERVAL, old_until: [None; 2] }
    }

    /// What to speak: what the oldest router present understands.
    fn dialect(&self, now: Instant) -> Dialect {
        let present = |until: Option<Instant>| until.is_some_and(|until| until > now);
        match self.old_until {
            [members, _] if present(members) => Dialect::Members,
            [_, leaving] if present(leaving) => Dialect::Leaving,
            _ => Dialect::Sources,
        }
    }
}

fn side_of((on, group): Id) -> Side {
    (on, if group.is_ipv4() { Family::V4 } else { Family::V6 })
}

/// Nothing is said of the groups that all are in, nor of those that stay in the host (RFC 9776 §5, RFC 9777 §6); nobody asks
/// on `lo`.
fn is_reported((on, group): Id) -> bool {
    on != LOOPBACK
        && match group {
            IpAddr::V4(group) => group != igmp::ALL_SYSTEMS,
            IpAddr::V6(group) => group != ndp::ALL_NODES && multicast_scope(group) > 1,
        }
}
