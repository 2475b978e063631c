//! C programs that print what they see of calls, on the host kernel and on rump: it must be the same.

use std::path::Path;
use std::time::Duration;

use system_tests::failure::ensure;
use system_tests::unique::Directory;
use system_tests::{Outcome, Program};

/// `tests/programs/NAME.c`, one of whose lines must be `wanted`.
fn same(name: &str, wanted: &str) -> Outcome {
    same_with(|program| program, name, wanted)
}

/// As [`same`], where rump is told something.
fn same_with(tell: impl FnOnce(Program) -> Program, name: &str, wanted: &str) -> Outcome {
    let place = Directory::new("rump-program")?;
    let program = place.join(name);
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("programs").join(name).with_extension("c");
    Program::new("gcc").args(["-Wall", "-O1", "-pthread", "-o"]).arg(&program).arg(source).run()?;
    let limit = Duration::from_secs(60);
    let apart: &[&str] = if rustix::process::geteuid().is_root() { &[] } else { &["--user", "--map-root-user"] };
    let run = format!("ip link set lo up && exec {}", program.display());
    let host = Program::new("unshare").args(apart).args(["--net", "sh", "-c", &run]).limit(limit).run()?.text();
    let rump = tell(Program::new(&program).nowhere().preload()).limit(limit).run()?.text();
    ensure(host.lines().any(|line| line.trim_end() == wanted), || format!("the host says:\n{host}"))?;
    ensure(host == rump, || format!("the host says:\n{host}\nand rump:\n{rump}"))
}

#[test]
fn threads_are_cancelled() -> Outcome {
    same("cancel", "recv, asleep: ended, 1 cleaned up, then 0")
}

#[test]
fn threads_are_cancelled_in_streams() -> Outcome {
    same("cancel_streams", "fgets, asleep: ended, 1 cleaned up, lock 0, then 0")
}

#[test]
fn threads_are_cancelled_while_they_ask_for_names() -> Outcome {
    let tell = |program: Program| program.env("RUMP_NET", "dns=127.0.0.1");
    same_with(tell, "cancel_names", "getaddrinfo, asleep: ended, 1 cleaned up, then 0")
}

#[test]
fn handlers_jump_out_of_calls() -> Outcome {
    same("jump", "restarting, recv: the peer sees 0 , bind 0")
}

#[test]
fn streams_files_and_owners() -> Outcome {
    same("calls", "ftell(in): -1 ESPIPE")
}

#[test]
fn a_constructor_of_a_library_makes_the_first_socket() -> Outcome {
    let place = Directory::new("rump-constructor")?;
    let library = place.join("constructor.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("programs/constructor.c");
    Program::new("gcc").args(["-Wall", "-shared", "-fPIC", "-o"]).arg(&library).arg(source).run()?;
    let load = format!("import ctypes, threading; load = lambda: ctypes.CDLL('{}')", library.display());
    for call in ["load()", "t = threading.Thread(target=load); t.start(); t.join()"] {
        let python = Program::new("python3").arg("-c").arg(format!("{load}; {call}"));
        let said = python.nowhere().preload().limit(Duration::from_secs(20)).run()?.text();
        ensure(said.contains("socket: 1"), || format!("{call} says\n{said}"))?;
    }
    Ok(())
}
