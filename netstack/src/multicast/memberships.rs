//! Who is a member of what, and what routers are told (RFC 9776 §5).

use core::net::IpAddr;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use super::{Filter, FilterMode};
use crate::link::IfIndex;
use crate::rng::Rng;
use crate::socket::Key;
use crate::time::Instant;
use crate::timer::TimerQueue;
use crate::wire::igmp::RecordKind;

/// The Robustness Variable and the Query Interval, until a router says others (RFC 9776 §8.1, §8.2).
const ROBUSTNESS: u8 = 2;
const QUERY_INTERVAL: Duration = Duration::from_secs(125);
/// Between repetitions of a change (RFC 9776 §8.11); in the older versions (RFC 2236 §8.10).
const UNSOLICITED_MS: u32 = 1_000;
const OLD_UNSOLICITED_MS: u32 = 10_000;
/// Sources of one question that are kept; beyond it the answer is about all sources.
const MAX_ASKED: usize = 64;

type Id = (IfIndex, IpAddr);

/// A line of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) kind: RecordKind,
    pub(crate) group: IpAddr,
    pub(crate) sources: Vec<IpAddr>,
}

/// What is to be said on a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Say {
    /// In the newest version.
    Records(Vec<Record>),
    /// In an older one: we are a member.
    Member { version: u8, group: IpAddr },
    /// In an older one: we are none any more.
    Left { group: IpAddr },
}

/// A router's question.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    pub(crate) version: u8,
    pub(crate) group: Option<IpAddr>,
    pub(crate) sources: Vec<IpAddr>,
    pub(crate) max_response: Duration,
    pub(crate) robustness: Option<u8>,
    pub(crate) interval: Option<Duration>,
}

/// What comes due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// The answer about all groups.
    General(IfIndex),
    /// The answer about one group.
    Response(Id),
    /// The repetition of a change.
    Change(Id),
}

/// What the routers of a link are like.
struct Routers {
    robustness: u8,
    interval: Duration,
    /// Until when a router of version 1, and one of version 2, counts as present (RFC 9776 §7.2.1).
    old_until: [Option<Instant>; 2],
}

struct Group {
    members: BTreeMap<Key, Filter>,
    /// What the interface wants.
    filter: Filter,
    /// How often a change of the mode is still to be said, and of each source.
    mode_left: u8,
    sources_left: BTreeMap<IpAddr, u8>,
    /// Sources that a router asked for; empty: all.
    asked: BTreeSet<IpAddr>,
    /// The last report of an older version was ours.
    last_reporter: bool,
}

/// All memberships on links. `lo` has none: nobody asks there.
pub(crate) struct Memberships {
    groups: BTreeMap<Id, Group>,
    links: BTreeMap<IfIndex, Routers>,
    timers: TimerQueue<Timer>,
    rng: Rng,
}

impl Memberships {
    pub(crate) fn new(rng: &mut Rng) -> Memberships {
        Memberships { groups: BTreeMap::new(), links: BTreeMap::new(), timers: TimerQueue::new(), rng: rng.fork() }
    }

    /// A socket wants this of a group from now on; [`Filter::NONE`]: it has left it.
    pub(crate) fn set(&mut self, now: Instant, on: IfIndex, group: IpAddr, key: Key, filter: Filter) {
        let id = (on, group);
        let robustness = self.links.entry(on).or_insert_with(Routers::new).robustness;
        let version = self.links[&on].version(now);
        let entry = self.groups.entry(id).or_insert_with(Group::new);
        if filter == Filter::NONE {
            entry.members.remove(&key);
        } else {
            entry.members.insert(key, filter);
        }
        let new = Filter::merged(entry.members.values());
        let old = core::mem::replace(&mut entry.filter, new);
        if old == entry.filter {
            if entry.is_over() {
                self.groups.remove(&id);
            }
            return;
        }
        if version < 3 {
            // Older versions know members, no sources.
            let (was, is) = (old != Filter::NONE, entry.filter != Filter::NONE);
            entry.mode_left = if was != is { robustness } else { 0 };
        } else if old.mode != entry.filter.mode {
            entry.mode_left = robustness;
            entry.sources_left.clear();
        } else {
            let changed = old.sources.symmetric_difference(&entry.filter.sources);
            entry.sources_left.extend(changed.map(|source| (*source, robustness)));
        }
        self.timers.set(Timer::Change(id), now);
    }

    /// What a socket asked for; None if it is no member.
    pub(crate) fn filter(&self, on: IfIndex, group: IpAddr, key: Key) -> Option<&Filter> {
        self.groups.get(&(on, group))?.members.get(&key)
    }

    /// A router asks (RFC 9776 §5.2).
    pub(crate) fn handle_query(&mut self, now: Instant, on: IfIndex, query: &Query) {
        let routers = self.links.entry(on).or_insert_with(Routers::new);
        if query.version < 3 {
            let present = routers.interval * routers.robustness.into() + query.max_response;
            routers.old_until[usize::from(query.version) - 1] = Some(now + present);
        } else {
            routers.robustness = query.robustness.unwrap_or(ROBUSTNESS);
            routers.interval = query.interval.unwrap_or(QUERY_INTERVAL);
        }
        let version = routers.version(now);
        let most = query.max_response.as_millis().min(u32::MAX.into()) as u32;
        let at = now + Duration::from_millis(self.rng.below(most).into());
        if self.timers.at(Timer::General(on)).is_some_and(|general| general <= at) {
            return; // Rule 1.
        }
        let Some(group) = query.group else {
            if version >= 3 {
                self.timers.set(Timer::General(on), at);
                return;
            }
            // Older versions answer for each group at a time of its own.
            let ids: Vec<Id> = self.groups.keys().filter(|id| id.0 == on).copied().collect();
            for id in ids {
                let at = now + Duration::from_millis(self.rng.below(most).into());
                self.answer_by(id, at);
            }
            return;
        };
        let id = (on, group);
        let pending = self.timers.at(Timer::Response(id)).is_some();
        let Some(entry) = self.groups.get_mut(&id).filter(|entry| entry.filter != Filter::NONE) else { return };
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

    /// Another host answered in an older version: one answer is enough there (RFC 2236 §3).
    pub(crate) fn handle_report(&mut self, now: Instant, on: IfIndex, group: IpAddr) {
        if self.links.get(&on).is_none_or(|routers| routers.version(now) >= 3) {
            return;
        }
        if let Some(entry) = self.groups.get_mut(&(on, group)) {
            entry.last_reporter = false;
            self.timers.cancel(Timer::Response((on, group)));
        }
    }

    /// Says one thing that is due.
    pub(crate) fn expire(&mut self, now: Instant) -> Option<(IfIndex, Say)> {
        while let Some(timer) = self.timers.pop_expired(now) {
            let said = match timer {
                Timer::General(on) => (on, self.state_of_all(on)),
                Timer::Response(id) => (id.0, self.response(now, id)),
                Timer::Change(id) => (id.0, self.change(now, id)),
            };
            if let (on, Some(say)) = said {
                return Some((on, say));
            }
        }
        None
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

    fn state_of_all(&self, on: IfIndex) -> Option<Say> {
        let of_link = self.groups.iter().filter(|(id, entry)| id.0 == on && entry.filter != Filter::NONE);
        let records: Vec<Record> = of_link.map(|(id, entry)| entry.state(id.1)).collect();
        (!records.is_empty()).then_some(Say::Records(records))
    }

    fn response(&mut self, now: Instant, id: Id) -> Option<Say> {
        let version = self.links.get(&id.0)?.version(now);
        let entry = self.groups.get_mut(&id).filter(|entry| entry.filter != Filter::NONE)?;
        let asked = core::mem::take(&mut entry.asked);
        if version < 3 {
            entry.last_reporter = true;
            return Some(Say::Member { version, group: id.1 });
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
        let version = self.links.get(&id.0)?.version(now);
        let entry = self.groups.get_mut(&id)?;
        let gone = entry.filter == Filter::NONE;
        let say = if version < 3 {
            entry.sources_left.clear();
            let left = entry.mode_left;
            entry.mode_left = left.saturating_sub(1);
            match (left, gone) {
                (0, _) => None,
                (_, false) => {
                    entry.last_reporter = true;
                    Some(Say::Member { version, group: id.1 })
                }
                (_, true) => {
                    // RFC 2236 §3: said once, by who reported last; version 1 says nothing.
                    entry.mode_left = 0;
                    (version == 2 && entry.last_reporter).then_some(Say::Left { group: id.1 })
                }
            }
        } else {
            entry.next_change(id.1).map(Say::Records)
        };
        if entry.mode_left > 0 || !entry.sources_left.is_empty() {
            let most = if version < 3 { OLD_UNSOLICITED_MS } else { UNSOLICITED_MS };
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

    /// Nobody is a member, and there is nothing left to be said of it.
    fn is_over(&self) -> bool {
        self.members.is_empty() && self.mode_left == 0 && self.sources_left.is_empty()
    }

    fn state(&self, group: IpAddr) -> Record {
        let kind = match self.filter.mode {
            FilterMode::Include => RecordKind::IsInclude,
            FilterMode::Exclude => RecordKind::IsExclude,
        };
        Record { kind, group, sources: self.filter.sources.iter().copied().collect() }
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

    /// The version to speak: that of the oldest router present.
    fn version(&self, now: Instant) -> u8 {
        let present = |until: Option<Instant>| until.is_some_and(|until| until > now);
        match self.old_until {
            [one, _] if present(one) => 1,
            [_, two] if present(two) => 2,
            _ => 3,
        }
    }
}
