//! Which sources of a group are wanted (RFC 9776 §3).

use core::net::IpAddr;
use std::collections::BTreeSet;

/// Are the listed sources the wanted ones, or the unwanted?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilterMode {
    /// Only these.
    Include,
    /// All but these.
    Exclude,
}

/// The sources that somebody wants of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// What the list means.
    pub mode: FilterMode,
    /// The list.
    pub sources: BTreeSet<IpAddr>,
}

impl Filter {
    /// Everything.
    pub const ALL: Filter = Filter { mode: FilterMode::Exclude, sources: BTreeSet::new() };
    /// Nothing, which is not to be a member.
    pub const NONE: Filter = Filter { mode: FilterMode::Include, sources: BTreeSet::new() };

    /// Is what `source` sends wanted?
    pub fn accepts(&self, source: IpAddr) -> bool {
        (self.mode == FilterMode::Include) == self.sources.contains(&source)
    }

    /// What one interface wants for all of `filters` (RFC 9776 §3.2).
    pub(crate) fn merged<'a>(filters: impl Iterator<Item = &'a Filter>) -> Filter {
        let mut merged = Filter::NONE;
        for filter in filters {
            merged = match (merged.mode, filter.mode) {
                (FilterMode::Include, FilterMode::Include) => Filter {
                    mode: FilterMode::Include,
                    sources: merged.sources.union(&filter.sources).copied().collect(),
                },
                (FilterMode::Include, FilterMode::Exclude) => excluding(&filter.sources, &merged.sources),
                (FilterMode::Exclude, FilterMode::Include) => excluding(&merged.sources, &filter.sources),
                (FilterMode::Exclude, FilterMode::Exclude) => Filter {
                    mode: FilterMode::Exclude,
                    sources: merged.sources.intersection(&filter.sources).copied().collect(),
                },
            };
        }
        merged
    }
}

fn excluding(unwanted: &BTreeSet<IpAddr>, wanted: &BTreeSet<IpAddr>) -> Filter {
    Filter { mode: FilterMode::Exclude, sources: unwanted.difference(wanted).copied().collect() }
}
