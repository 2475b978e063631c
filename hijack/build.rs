//! The library's calls of functions that it exports itself (its `syscall` calls `connect`, std calls `open`) stay inside of it, also
//! where the program has a function of that name.

fn main() {
    println!("cargo::rustc-link-arg-cdylib=-Wl,-Bsymbolic-functions");
    println!("cargo::rerun-if-changed=build.rs");
}
