//! What the linker is told.

fn main() {
    // The library's calls of functions that it exports itself (its `syscall` calls `connect`, std calls `open`) stay inside of it,
    // also where the program has a function of that name.
    println!("cargo::rustc-link-arg-cdylib=-Wl,-Bsymbolic-functions");
    // See src/thread_exit.rs.
    println!("cargo::rustc-link-arg-cdylib=-Wl,--defsym=__cxa_thread_atexit_impl=rump_thread_at_exit");
    println!("cargo::rerun-if-changed=build.rs");
}
