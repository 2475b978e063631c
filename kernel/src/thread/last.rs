//! Whether a thread is the program's last: exit(2) of it alone, past libc, would leave the kernel's threads behind, which never end.

use super::count::kernel_threads;
use std::fs;

/// Whether no other thread of the program is alive. True also where /proc cannot tell.
pub fn is_last() -> bool {
    let Ok(tasks) = fs::read_dir("/proc/self/task") else { return true };
    let alive = tasks.flatten().filter(|task| is_alive(&task.path().join("stat"))).count();
    alive <= kernel_threads() + 1
}

/// A main thread that has ended is still there, as a zombie (proc_pid_stat(5)).
fn is_alive(stat: &std::path::Path) -> bool {
    let stat = fs::read_to_string(stat).unwrap_or_default();
    let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    !matches!(state, None | Some('Z' | 'X'))
}
