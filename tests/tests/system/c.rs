//! C programs that print what they see of calls, on the host kernel and on rump: it must be the same.

use std::path::{Path, PathBuf};
use std::time::Duration;

use system_tests::failure::ensure;
use system_tests::unique::Directory;
use system_tests::{Bus, Outcome, Program};

/// `tests/programs/NAME.c`, with `NAME_library.c` where that is there, one of whose lines must be `wanted`.
fn same(name: &str, wanted: &str) -> Outcome {
    same_with(|program| program, name, wanted)
}

/// As [`same`], where rump is told something.
fn same_with(tell: impl FnOnce(Program) -> Program, name: &str, wanted: &str) -> Outcome {
    let place = Directory::new("rump-program")?;
    let program = compiled(&place, name)?;
    let limit = Duration::from_secs(60);
    let apart: &[&str] = if rustix::process::geteuid().is_root() { &[] } else { &["--user", "--map-root-user"] };
    let run = format!("ip link set lo up && exec {}", program.display());
    let host = Program::new("unshare").args(apart).args(["--net", "sh", "-c", &run]).limit(limit).run()?.text();
    let rump = tell(Program::new(&program).nowhere().preload()).limit(limit).run()?.text();
    ensure(host.lines().any(|line| line.trim_end() == wanted), || format!("the host says:\n{host}"))?;
    ensure(host == rump, || format!("the host says:\n{host}\nand rump:\n{rump}"))
}

fn compiled(place: &Directory, name: &str) -> Outcome<PathBuf> {
    let source = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("programs").join(name).with_extension("c");
    let program = place.join(name);
    let compiler = || Program::new("gcc").args(["-Wall", "-O1", "-pthread", "-o"]);
    let library = source(&format!("{name}_library"));
    let libraries = if library.exists() {
        let made = place.join("library.so");
        compiler().arg(&made).args(["-shared", "-fPIC"]).arg(library).run()?;
        vec![made]
    } else {
        vec![]
    };
    compiler().arg(&program).arg(source(name)).args(libraries).run()?;
    Ok(program)
}

#[test]
fn functions_of_a_program_and_of_its_library_have_names_of_libc() -> Outcome {
    same("own", "shutdown by number: 0")
}

#[test]
fn a_small_stack_is_enough_where_the_bus_must_grow() -> Outcome {
    let (bus, place) = (Bus::new(), Directory::new("rump-program")?);
    let server = "import socket; s = socket.create_server(('10.9.0.1', 7)); print('ready'); c = s.accept()[0]\n\
                  n = 0\nwhile (got := len(c.recv(1 << 20))): n += got\nprint(n)";
    let mut server = Program::python(server).nowhere().rump(&bus.node("10.9.0.1/24")).start()?;
    server.expect("ready")?;
    Program::new(compiled(&place, "small_sender")?).nowhere().rump(&bus.node("10.9.0.2/24")).run()?;
    let came = server.finish()?.success()?.text();
    ensure(came.ends_with("16777216\n"), || format!("what came: {came}"))
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
fn handlers_of_forks_use_sockets() -> Outcome {
    same("atfork", "after: connect 0, recv 1 x")
}

#[test]
fn epoll_sets_are_passed_around() -> Outcome {
    same("passed", "its first number closed: 1 of 7")
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
