//! Whether a thread is the program's last: exit(2) of it alone, past libc, would leave the kernel's threads behind, which never end.

use super::count::kernel_threads;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// Whether no other thread of the program is alive. Where /proc cannot tell, one may be, and must not end with this one.
pub fn is_last() -> bool {
    let Ok(tasks) = fs::read_dir("/proc/self/task") else { return false };
    let alive = tasks.filter(|task| task.as_ref().map_or(true, |task| is_alive(&task.path().join("stat")))).count();
    alive <= kernel_threads() + 1
}

/// A main thread that has ended is still there, as a zombie (proc_pid_stat(5)).
fn is_alive(stat: &Path) -> bool {
    match fs::read_to_string(stat) {
        Ok(stat) => !stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['Z', 'X'])),
        // It has ended meanwhile.
        Err(error) => error.kind() != ErrorKind::NotFound && error.raw_os_error() != Some(libc::ESRCH),
    }
}
