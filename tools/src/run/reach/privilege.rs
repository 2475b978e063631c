//! Programs that gain privilege by being run: their loader ignores LD_PRELOAD.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::StatVfsMountFlags;

/// What a file would give to who runs it.
pub struct Grants {
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub capabilities: bool,
}

/// Who runs it.
pub struct Caller {
    pub uid: u32,
    pub gid: u32,
    /// no_new_privs, or a mount with `nosuid`: grants have no effect then, and so they do no harm.
    pub ignores_grants: bool,
}

/// How privilege is gained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gain {
    Setuid,
    Capabilities,
}

impl Grants {
    pub fn of(program: &Path, status: &Metadata) -> Grants {
        let capabilities = rustix::fs::getxattr(program, "security.capability", &mut [0u8; 64]).is_ok();
        Grants { mode: status.mode(), uid: status.uid(), gid: status.gid(), capabilities }
    }

    /// When the host kernel sets AT_SECURE (cap_bprm_creds_from_file): an id changes, or capabilities grow for who is not root.
    pub fn gain(&self, caller: &Caller) -> Option<Gain> {
        const SETUID: u32 = 0o4000;
        const SETGID: u32 = 0o2010; // without group execute the bit means something else
        let setuid = self.mode & SETUID != 0 && self.uid != caller.uid;
        let setgid = self.mode & SETGID == SETGID && self.gid != caller.gid;
        match caller.ignores_grants {
            true => None,
            false if setuid || setgid => Some(Gain::Setuid),
            false => (self.capabilities && caller.uid != 0).then_some(Gain::Capabilities),
        }
    }
}

impl Caller {
    /// Who runs this command, for a program in the file system of `program`.
    pub fn of(program: &Path) -> Caller {
        let nosuid = rustix::fs::statvfs(program).is_ok_and(|fs| fs.f_flag.contains(StatVfsMountFlags::NOSUID));
        Caller {
            uid: rustix::process::getuid().as_raw(),
            gid: rustix::process::getgid().as_raw(),
            ignores_grants: nosuid || rustix::thread::no_new_privs().unwrap_or(false),
        }
    }
}
