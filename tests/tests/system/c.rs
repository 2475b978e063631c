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
    runs_alike(tell, &compiled(&place, name)?, wanted)
}

/// `program` says the same on both kernels, one of whose lines must be `wanted`.
fn runs_alike(tell: impl FnOnce(Program) -> Program, program: &Path, wanted: &str) -> Outcome {
    let limit = Duration::from_secs(60);
    let apart: &[&str] = if rustix::process::geteuid().is_root() { &[] } else { &["--user", "--map-root-user"] };
    let run = format!("ip link set lo up && exec {}", program.display());
    let host = Program::new("unshare").args(apart).args(["--net", "sh", "-c", &run]).limit(limit).run()?.text();
    let rump = tell(Program::new(program).nowhere().preload()).limit(limit).run()?.text();
    ensure(host.lines().any(|line| line.trim_end() == wanted), || format!("the host says:\n{host}"))?;
    ensure(host == rump, || format!("the host says:\n{host}\nand rump:\n{rump}"))
}

/// `tests/programs/NAME.c`, compiled.
fn compiled(place: &Directory, name: &str) -> Outcome<PathBuf> {
    let (program, library) = (place.join(name), format!("{name}_library"));
    let libraries = if source(&library).exists() {
        let made = place.join("library.so");
        compiler(&library, &made).args(["-shared", "-fPIC"]).run()?;
        vec![made]
    } else {
        vec![]
    };
    compiler(name, &program).args(libraries).run()?;
    Ok(program)
}

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("programs").join(name).with_extension("c")
}

/// gcc, which makes `output` of `tests/programs/NAME.c`.
fn compiler(name: &str, output: &Path) -> Program {
    Program::new("gcc").args(["-Wall", "-O1", "-pthread", "-o"]).arg(output).arg(source(name))
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
fn a_program_ends_with_its_last_thread() -> Outcome {
    same("last", "exit handlers run")
}

#[test]
fn epoll_sets_are_passed_around() -> Outcome {
    same("passed", "its first number closed: 1 of 7")
}

#[test]
fn handlers_on_an_alternate_stack_use_sockets() -> Outcome {
    same("alternate", "connect 0, send 6, recv 1, EFAULT 1, shutdown 0, close 0, touched 0")
}

#[test]
fn streams_files_and_owners() -> Outcome {
    same("calls", "ftell(in): -1 ESPIPE")
}

#[test]
fn little_address_space_and_locked_memory() -> Outcome {
    same("limits", "RLIMIT_AS: 300 connections, 300 carry all")
}

#[test]
fn without_address_space_a_connection_fails_and_others_go_on() -> Outcome {
    let place = Directory::new("rump-program")?;
    let program = compiled(&place, "limits")?;
    let said = Program::new(&program).arg("none").nowhere().preload().run()?.text();
    ensure(said.contains("connect: ENOBUFS\nopen: 65536 bytes\n"), || format!("it says:\n{said}"))
}

#[test]
fn a_constructor_of_a_library_makes_the_first_socket() -> Outcome {
    for maker in ["-DBY_ITSELF", "-DIN_A_THREAD"] {
        let place = Directory::new("rump-constructor")?;
        let library = place.join("constructor.so");
        compiler("constructor", &library).args(["-shared", "-fPIC", maker]).run()?;
        let load = format!("import ctypes, threading; load = lambda: ctypes.CDLL('{}')", library.display());
        let in_a_thread = "t = threading.Thread(target=load); t.start(); t.join()";
        for call in ["load()", in_a_thread, &format!("threading.stack_size(48 << 10); {in_a_thread}")] {
            let python = Program::new("python3").arg("-c").arg(format!("{load}; {call}"));
            let said = python.nowhere().preload().limit(Duration::from_secs(20)).run()?.text();
            ensure(said.contains("socket: 1"), || format!("{maker}: {call} says\n{said}"))?;
        }
    }
    Ok(())
}

#[test]
fn what_the_dynamic_linker_finds_is_where_calls_go() -> Outcome {
    let place = Directory::new("rump-loader")?;
    let inner = place.join("inner");
    std::fs::create_dir(&inner)?;
    for library in [place.join("loaded.so"), inner.join("inner.so")] {
        compiler("loaded", &library).args(["-shared", "-fPIC", "-Wl,-rpath,$ORIGIN/inner"]).run()?;
    }
    let program = place.join("loader");
    compiler("loader", &program).arg("-Wl,-rpath,$ORIGIN").run()?;
    runs_alike(|program| program, &program, "dlsym(libc, \"connect\"): the program's")
}

#[test]
fn a_ring_that_was_made_before_the_first_socket_adds_none_to_an_epoll_set() -> Outcome {
    same_with(|program| program.rump("hostname=a"), "ring", "added 0, then 1 event of 7")
}

#[test]
fn a_library_with_a_libc_of_its_own_is_announced() -> Outcome {
    let python = "import ctypes; print(bool(ctypes.CDLL(None).dlmopen(-1, b'libm.so.6', 2)))";
    let said = Program::python(python).rump("hostname=a").run()?;
    ensure(said.text().trim() == "True", || said.text())?;
    let warning = "rump: dlmopen(3) loads libm.so.6 with a libc of its own, whose sockets are the host's\n";
    ensure(said.error_text() == warning, || said.error_text())
}
