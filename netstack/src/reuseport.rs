//! SO_REUSEPORT: sockets that share an address are a group, and each packet is for one of them. Which one says the group's
//! program (SO_ATTACH_REUSEPORT_CBPF), else a hash of the flow.

/// Why a group's program was not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupProgramError {
    /// The socket does not share its address (SO_REUSEPORT).
    NotShared,
    /// There is no program to take away.
    NoProgram,
}

/// Which of `count` gets it. `chosen`: what the program says; a number that no member has is none.
pub(crate) fn member(count: usize, chosen: Option<u32>, hash: u64) -> usize {
    let hashed = || (hash % count as u64) as usize;
    chosen.map(|chosen| chosen as usize).filter(|chosen| *chosen < count).unwrap_or_else(hashed)
}

/// Takes a member out. As on Linux, the last one has its number from now on.
pub(crate) fn leave<T>(group: &mut Vec<T>, at: usize, is_of_group: impl Fn(&T) -> bool) {
    if let Some(last) = group.iter().rposition(is_of_group) {
        group.swap(at, last);
        group.remove(last);
    }
}
