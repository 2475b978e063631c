//! The members of a set, by slot and by identity.

use super::member::Member;
use crate::poll::pollable::address;
use crate::{Errno, Result};
use std::collections::BTreeMap;
use std::os::fd::RawFd;

/// The identity of a member, epoll(7): open file description and number.
pub(super) type Key = (usize, RawFd);

#[derive(Default)]
pub(super) struct Members {
    slots: Vec<Option<Member>>,
    free: Vec<u32>,
    by_key: BTreeMap<Key, u32>,
    /// The slots of members that are sets.
    nested: Vec<u32>,
}

impl Members {
    /// EEXIST if it is there; the slot that [`insert`](Self::insert) will use.
    pub(super) fn vacant(&self, key: Key) -> Result<u32> {
        if self.by_key.contains_key(&key) {
            return Err(Errno::EXIST);
        }
        match self.free.last() {
            Some(&slot) => Ok(slot),
            None => u32::try_from(self.slots.len()).map_err(|_| Errno::NOSPC),
        }
    }

    /// Puts `member` into the slot that [`vacant`](Self::vacant) told.
    pub(super) fn insert(&mut self, slot: u32, member: Member) {
        self.by_key.insert((address(&member.target), member.fd), slot);
        if member.target.as_set().is_some() {
            self.nested.push(slot);
        }
        if self.free.pop().is_none() {
            self.slots.push(None);
        }
        self.slots[slot as usize] = Some(member);
    }

    /// ENOENT if it is not there.
    pub(super) fn find(&mut self, key: Key) -> Result<(u32, &mut Member)> {
        let slot = *self.by_key.get(&key).ok_or(Errno::NOENT)?;
        self.get(slot).map(|member| (slot, member)).ok_or(Errno::NOENT)
    }

    pub(super) fn get(&mut self, slot: u32) -> Option<&mut Member> {
        self.slots.get_mut(slot as usize)?.as_mut()
    }

    pub(super) fn remove(&mut self, key: Key) -> Result<(u32, Member)> {
        let slot = self.by_key.remove(&key).ok_or(Errno::NOENT)?;
        let member = self.slots.get_mut(slot as usize).and_then(Option::take).ok_or(Errno::NOENT)?;
        self.nested.retain(|&other| other != slot);
        self.free.push(slot);
        Ok((slot, member))
    }

    /// The keys under which the open file description at `address` is a member.
    pub(super) fn keys_of(&self, address: usize) -> Vec<Key> {
        self.by_key.range((address, RawFd::MIN)..=(address, RawFd::MAX)).map(|(&key, _)| key).collect()
    }

    pub(super) fn keys(&self) -> Vec<Key> {
        self.by_key.keys().copied().collect()
    }

    pub(super) fn nested(&self) -> impl Iterator<Item = &Member> {
        self.nested.iter().filter_map(|&slot| self.slots.get(slot as usize)?.as_ref())
    }
}
