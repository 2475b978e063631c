//! A table of sockets whose handles carry a generation: a stale handle finds nothing, never another socket.

/// Names one entry of one [`Slab`] for as long as that entry lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Handle {
    index: u32,
    generation: u32,
}

enum Slot<T> {
    Vacant { next_free: Option<u32> },
    Occupied(T),
}

/// A growable table with stable handles. Insert, remove and look-up are O(1).
pub(crate) struct Slab<T> {
    slots: Vec<(u32, Slot<T>)>,
    free: Option<u32>,
    len: usize,
}

impl<T> Slab<T> {
    pub(crate) const fn new() -> Slab<T> {
        Slab { slots: Vec::new(), free: None, len: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Puts in the value that `make` makes of its own handle.
    pub(crate) fn insert_with(&mut self, make: impl FnOnce(Handle) -> T) -> Handle {
        self.len += 1;
        if let Some(index) = self.free
            && let Some((generation, slot)) = self.slots.get_mut(index as usize)
            && let Slot::Vacant { next_free } = *slot
        {
            self.free = next_free;
            let handle = Handle { index, generation: *generation };
            *slot = Slot::Occupied(make(handle));
            return handle;
        }
        let handle = Handle { index: self.slots.len() as u32, generation: 0 };
        self.slots.push((0, Slot::Occupied(make(handle))));
        handle
    }

    pub(crate) fn insert(&mut self, value: T) -> Handle {
        self.insert_with(|_| value)
    }

    pub(crate) fn get(&self, handle: Handle) -> Option<&T> {
        match self.slots.get(handle.index as usize) {
            Some((generation, Slot::Occupied(value))) if *generation == handle.generation => Some(value),
            _ => None,
        }
    }

    pub(crate) fn get_mut(&mut self, handle: Handle) -> Option<&mut T> {
        match self.slots.get_mut(handle.index as usize) {
            Some((generation, Slot::Occupied(value))) if *generation == handle.generation => Some(value),
            _ => None,
        }
    }

    /// Every entry, in no order that means anything.
    pub(crate) fn values(&self) -> impl Iterator<Item = &T> {
        self.slots.iter().filter_map(|(_, slot)| match slot {
            Slot::Occupied(value) => Some(value),
            Slot::Vacant { .. } => None,
        })
    }

    /// The same, with their handles.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Handle, &T)> {
        (0..).zip(&self.slots).filter_map(|(index, (generation, slot))| match slot {
            Slot::Occupied(value) => Some((Handle { index, generation: *generation }, value)),
            Slot::Vacant { .. } => None,
        })
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.slots.iter_mut().filter_map(|(_, slot)| match slot {
            Slot::Occupied(value) => Some(value),
            Slot::Vacant { .. } => None,
        })
    }

    pub(crate) fn remove(&mut self, handle: Handle) -> Option<T> {
        self.get(handle)?;
        let (generation, slot) = self.slots.get_mut(handle.index as usize)?;
        *generation = generation.wrapping_add(1);
        let slot = core::mem::replace(slot, Slot::Vacant { next_free: self.free });
        self.free = Some(handle.index);
        self.len -= 1;
        match slot {
            Slot::Occupied(value) => Some(value),
            Slot::Vacant { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests;
