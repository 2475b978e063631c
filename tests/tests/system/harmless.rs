//! Point 7: a program without Internet sockets does not notice the library.

use std::time::Duration;

use system_tests::failure::ensure;
use system_tests::unique::Directory;
use system_tests::{Finished, Outcome, Program, strace};

/// The same program bare and preloaded: same status, same output.
fn same(program: &Program) -> Outcome<Finished> {
    let bare = program.clone().finish()?;
    let preloaded = program.clone().preload().finish()?;
    ensure(bare.status == preloaded.status, || format!("`{}` ends differently: {}", bare.shown, preloaded.status))?;
    ensure(bare.text() == preloaded.text(), || {
        format!("`{}` writes differently:\n{}\nand preloaded:\n{}", bare.shown, bare.text(), preloaded.text())
    })?;
    ensure(bare.error_text() == preloaded.error_text(), || {
        format!("`{}` complains differently: {:?}", bare.shown, preloaded.error_text())
    })?;
    Ok(preloaded)
}

#[test]
fn ls() -> Outcome {
    same(&Program::new("ls").args(["-l", "/usr"])).map(drop)
}

#[test]
fn bash() -> Outcome {
    let script =
        "for i in 1 2 3; do (echo $i | cat); done; x=$(echo sub); echo $x; exec 7</dev/null; ls /proc/self/fd | wc -l";
    same(&Program::new("bash").args(["-c", script])).map(drop)
}

#[test]
fn python() -> Outcome {
    same(&Program::new("python3").args(["-c", "pass"])).map(drop)?;
    let script = "import subprocess, tempfile, os, threading
print(subprocess.run(['echo', 'child'], capture_output=True).stdout)
with tempfile.TemporaryFile() as f:
    f.write(b'x' * 1000); f.seek(0); print(len(f.read()))
print(len(os.listdir('/proc/self/fd')), threading.active_count(), len(os.listdir('/proc/self/task')))";
    same(&Program::new("python3").args(["-c", script])).map(drop)
}

#[test]
fn gcc() -> Outcome {
    let place = Directory::new("rump-gcc")?;
    let source = place.write("a.c", "#include <stdio.h>\nint main(void) { puts(\"compiled\"); return 3; }\n")?;
    let output = place.join("a.out");
    same(&Program::new("gcc").arg(&source).arg("-o").arg(&output))?.success()?;
    same(&Program::new(&output))?.code(3)?.expect("compiled")?;
    Ok(())
}

#[test]
fn git() -> Outcome {
    let place = Directory::new("rump-git")?;
    Program::new("git").words("init -q").directory(place.path()).run()?;
    place.write("file", "content\n")?;
    same(&Program::new("git").words("status --short").directory(place.path()))?.expect("?? file")?;
    Ok(())
}

#[test]
fn local_sockets_and_what_is_not_of_the_network_stay_the_hosts() -> Outcome {
    let script = "import socket
a, b = socket.socketpair()
a.send(b'local'); print(b.recv(9))
s = socket.socket(socket.AF_UNIX); s.bind(b'\\0rump-test-harmless-%d' % __import__('os').getpid()); s.listen()
c = socket.socket(socket.AF_UNIX); c.connect(s.getsockname()); c.send(b'by name'); print(s.accept()[0].recv(9))
n = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 15); n.bind((0, 0)); print(n.getsockopt(socket.SOL_SOCKET, 38))";
    same(&Program::new("python3").args(["-c", script]))?.success()?.expect("by name")?;
    Ok(())
}

#[test]
fn no_thread_and_no_descriptor() -> Outcome {
    same(&Program::new("bash").args(["-c", "exec ls /proc/self/fd"])).map(drop)?;
    same(&Program::new("bash").args(["-c", "ls /proc/self/task | wc -l; grep Threads /proc/self/status"])).map(drop)
}

#[test]
fn no_socket_call() -> Outcome {
    let place = Directory::new("rump-trace")?;
    let trace = place.join("trace");
    Program::new("ls").arg("/").preload().traced(&trace).run()?;
    let calls = std::fs::read_to_string(&trace)?;
    ensure(!calls.contains("socket("), || format!("ls asked for a socket:\n{calls}"))?;
    // The witness sees calls where there are some.
    Program::new("python3")
        .args(["-c", "import socket; socket.socketpair(); socket.socket(socket.AF_UNIX)"])
        .traced(&trace)
        .run()?;
    strace::no_host_inet(&trace)
}

#[test]
fn a_broken_setting_hurts_only_who_uses_the_network() -> Outcome {
    // Nothing is read before the first socket call.
    let program = Program::new("true").rump("nonsense").limit(Duration::from_secs(5)).run()?;
    ensure(program.stderr.is_empty(), || format!("`true` said {:?}", program.error_text()))
}
