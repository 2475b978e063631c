//! Flow labels that sockets ask for (RFC 6437 §2, RFC 3697 §3; IPV6_FLOWLABEL_MGR of Linux): who uses which, with whom it is shared,
//! and how long it stays taken when nobody uses it any more.
//!
//! As long as there is one that not everybody may use, a socket sends no label that it has not asked for.

use core::net::Ipv6Addr;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ip::HeaderOptions;
use crate::rng::Rng;
use crate::socket::Key;
use crate::time::{Duration, Instant};

/// The bits of a label.
pub const LABEL_MASK: u32 = 0xf_ffff;
/// For how long at least a label stays taken (RFC 1883 §6).
const LEAST: Duration = Duration::from_secs(6);
/// Linux's FL_MAX_SIZE.
const MOST_LABELS: usize = 4096;

/// Who may use a label beside the socket that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// Nobody.
    Exclusive,
    /// The sockets of this process.
    Process(u32),
    /// The sockets of this user.
    User(u32),
    /// Everybody.
    Any,
}

/// What a socket asks for.
#[derive(Clone, Debug)]
pub struct LabelRequest {
    /// 20 bits; 0 for one that nobody has.
    pub label: u32,
    /// It is made where it is not there.
    pub create: bool,
    /// It is an error if it is there.
    pub new: bool,
    /// Who may use it.
    pub share: Share,
    /// Where packets with it go; it is only kept and shown.
    pub dst: Ipv6Addr,
    /// For how long it stays taken when it is given up.
    pub linger: Duration,
    /// For how long it stays taken from now on.
    pub expires: Duration,
    /// Extension headers of every packet with it: those before and with the routing header.
    pub headers: HeaderOptions,
}

/// A label as its socket sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LabelView {
    /// Where packets with it go.
    pub dst: Ipv6Addr,
    /// Who may use it.
    pub share: Share,
    /// For how long it stays taken when it is given up.
    pub linger: Duration,
    /// How long from now it may be forgotten, unless somebody uses it then.
    pub expires: Duration,
}

/// Why a socket does not get, or does not have, a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabelError {
    /// Nobody has it, or not this socket.
    NotFound,
    /// It is there.
    Exists,
    /// It is not shared with this socket.
    NotShared,
    /// There are as many as there may be.
    TooMany,
}

struct Label {
    dst: Ipv6Addr,
    share: Share,
    linger: Duration,
    expires: Instant,
    headers: Arc<HeaderOptions>,
    /// How often sockets hold it. Nobody: it lingers.
    holds: usize,
}

/// All labels of a host.
#[derive(Default)]
pub(crate) struct FlowLabels {
    labels: BTreeMap<u32, Label>,
    /// What each socket holds; what it has asked for twice it holds twice.
    held: BTreeMap<Key, Vec<u32>>,
}

impl FlowLabels {
    /// The label that the socket holds from now on.
    pub(crate) fn get(
        &mut self,
        now: Instant,
        key: Key,
        request: LabelRequest,
        rng: &mut Rng,
    ) -> Result<u32, LabelError> {
        self.forget_expired(now);
        let linger = request.linger.max(LEAST);
        let expires = now + request.expires.max(linger);
        if let Some(there) = self.labels.get_mut(&request.label)
            // One that lingers is there only for whoever would make it.
            && (there.holds > 0 || request.create)
        {
            if request.new {
                return Err(LabelError::Exists);
            }
            if there.share == Share::Exclusive || there.share != request.share {
                return Err(LabelError::NotShared);
            }
            there.prolong(linger, expires);
            there.holds += 1;
            self.held.entry(key).or_default().push(request.label);
            return Ok(request.label);
        }
        if !request.create {
            return Err(LabelError::NotFound);
        }
        if self.labels.len() >= MOST_LABELS {
            return Err(LabelError::TooMany);
        }
        let label = if request.label == 0 { self.unused(rng) } else { request.label };
        let LabelRequest { dst, share, headers, .. } = request;
        self.labels.insert(label, Label { dst, share, linger, expires, headers: Arc::new(headers), holds: 1 });
        self.held.entry(key).or_default().push(label);
        Ok(label)
    }

    /// The socket gives up one hold of the label.
    pub(crate) fn put(&mut self, now: Instant, key: Key, label: u32) -> Result<(), LabelError> {
        let held = self.held.get_mut(&key).ok_or(LabelError::NotFound)?;
        let at = held.iter().rposition(|held| *held == label).ok_or(LabelError::NotFound)?;
        held.remove(at);
        self.release(now, label);
        Ok(())
    }

    /// The label stays taken for longer, never for less long. `anybodys`: also where the socket does not hold it.
    pub(crate) fn renew(
        &mut self,
        now: Instant,
        key: Key,
        label: u32,
        (linger, expires): (Duration, Duration),
        anybodys: bool,
    ) -> Result<(), LabelError> {
        self.forget_expired(now);
        let holds = self.holds(key, label);
        let found = self.labels.get_mut(&label).filter(|found| holds || anybodys && found.holds > 0);
        let found = found.ok_or(LabelError::NotFound)?;
        let linger = linger.max(found.linger);
        found.prolong(linger, now + expires.max(linger));
        Ok(())
    }

    /// A label that the socket holds.
    pub(crate) fn view(&self, now: Instant, key: Key, label: u32) -> Option<LabelView> {
        let Label { dst, share, linger, expires, .. } = *self.labels.get(&label).filter(|_| self.holds(key, label))?;
        Some(LabelView { dst, share, linger, expires: expires - now })
    }

    /// May the socket send the label, and with which extension headers in place of its own? `None`: nobody has to ask.
    pub(crate) fn check(
        &mut self,
        now: Instant,
        key: Key,
        label: u32,
    ) -> Result<Option<Arc<HeaderOptions>>, LabelError> {
        self.forget_expired(now);
        if !self.labels.values().any(Label::is_restricted) {
            return Ok(None);
        }
        let found = self.labels.get(&label).filter(|_| self.holds(key, label)).ok_or(LabelError::NotFound)?;
        Ok(Some(found.headers.clone()))
    }

    /// The socket gives up all that it holds.
    pub(crate) fn put_all(&mut self, now: Instant, key: Key) {
        for label in self.held.remove(&key).unwrap_or_default() {
            self.release(now, label);
        }
    }

    fn holds(&self, key: Key, label: u32) -> bool {
        self.held.get(&key).is_some_and(|held| held.contains(&label))
    }

    fn release(&mut self, now: Instant, label: u32) {
        if let Some(label) = self.labels.get_mut(&label) {
            label.holds -= 1;
            label.prolong(Duration::ZERO, now + label.linger);
        }
    }

    fn forget_expired(&mut self, now: Instant) {
        self.labels.retain(|_, label| label.holds > 0 || label.expires > now);
    }

    fn unused(&self, rng: &mut Rng) -> u32 {
        loop {
            let label = rng.u32() & LABEL_MASK;
            if label != 0 && !self.labels.contains_key(&label) {
                return label;
            }
        }
    }
}

impl Label {
    fn is_restricted(&self) -> bool {
        self.share != Share::Any || *self.headers != HeaderOptions::default()
    }

    fn prolong(&mut self, linger: Duration, expires: Instant) {
        self.linger = self.linger.max(linger);
        self.expires = self.expires.max(expires);
    }
}

#[cfg(test)]
mod tests;
