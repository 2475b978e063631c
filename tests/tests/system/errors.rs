//! Point 9: what a user meets, and that it never ends on the host's network.

use std::time::{Duration, Instant};

use rustix::process::geteuid;
use system_tests::failure::ensure;
use system_tests::unique::Directory;
use system_tests::web::{self, Site};
use system_tests::{Bus, Namespace, Outcome, Program};

/// Connects and prints the errno's name.
fn connect(address: &str, port: u16) -> Program {
    Program::python(&format!(
        "import socket, errno
try:
    socket.create_connection(({address:?}, {port}), timeout=20)
    print('connected')
except OSError as error:
    print(errno.errorcode.get(error.errno, error))"
    ))
}

fn sentence(program: Program, words: &[&str]) -> Outcome {
    let ended = program.finish()?.code(1)?;
    let said = ended.error_text();
    ensure(said.trim_end().lines().count() == 1, || format!("it should say one sentence, and says {said:?}"))?;
    for word in words {
        ensure(said.contains(word), || format!("{said:?} does not say {word:?}"))?;
    }
    Ok(())
}

#[test]
fn refused() -> Outcome {
    let (bus, site) = (Bus::new(), Site::new(10)?);
    let _server = web::ready(web::server(80, site.path()).rump(&bus.node("10.0.0.1/24")))?;
    connect("10.0.0.1", 81).rump(&bus.node("10.0.0.2/24")).run()?.expect("ECONNREFUSED")?;
    Ok(())
}

#[test]
fn no_such_host() -> Outcome {
    let bus = Bus::new();
    let started = Instant::now();
    connect("10.0.0.99", 80).rump(&bus.node("10.0.0.2/24")).run()?.expect("EHOSTUNREACH")?;
    let took = started.elapsed();
    // Linux asks three times, a second apart.
    ensure(took > Duration::from_secs(1) && took < Duration::from_secs(8), || format!("it took {took:?}"))
}

#[test]
fn no_route() -> Outcome {
    let bus = Bus::new();
    connect("192.0.2.1", 80).rump(&bus.node("10.0.0.2/24")).run()?.expect("ENETUNREACH")?;
    Ok(())
}

#[test]
fn bus_that_is_none() -> Outcome {
    let place = Directory::new("rump-errors")?;
    let file = place.write("file", "this is not a bus, and must stay what it is\n".repeat(200))?;
    let net = |path: &str| format!("shmif:{path},addr=10.0.0.1/24");
    sentence(connect("10.0.0.1", 80).rump(&net(&file.display().to_string())), &["is not a bus", "file"])?;
    assert!(std::fs::read_to_string(&file)?.starts_with("this is not a bus"));
    sentence(connect("10.0.0.1", 80).rump(&net(&place.path().display().to_string())), &["not a bus"])?;
    sentence(connect("10.0.0.1", 80).rump(&net("/nowhere/bus")), &["/nowhere/bus"])
}

#[test]
fn tap_without_permission() -> Outcome {
    let bus = Directory::new("rump-library")?;
    let library = bus.join("librumphijack.so");
    system_tests::rump::built()?;
    std::fs::copy(system_tests::rump::library(), &library)?;
    let program = connect("10.0.0.1", 80).env("LD_PRELOAD", &library).env("RUMP_NET", "tap:rumptest0,addr=10.0.0.2/24");
    let program = if geteuid().is_root() { program.user(65534) } else { program };
    // Either the device file or the interface is closed to the user, as the host has it.
    sentence(program, &["you may not", "root"])
}

#[test]
fn tap_busy() -> Outcome {
    let namespace = Namespace::new()?;
    namespace.tap("tap0", "10.1.0.1/24")?;
    let on = |program: Program, address: &str| program.within(&namespace).rump(&format!("tap:tap0,addr={address}"));
    let holder = Program::python("import socket, time; socket.socket(); print('ready'); time.sleep(60)");
    let mut holder = on(holder, "10.1.0.2/24").start()?;
    holder.expect("ready")?;
    sentence(on(connect("10.1.0.1", 80), "10.1.0.3/24"), &["tap0", "another program"])
}

#[test]
fn tap_address_conflict_names_the_mac() -> Outcome {
    let namespace = Namespace::new()?;
    namespace.tap("tap0", "10.1.0.1/24")?;
    namespace.ip("link set tap0 address 02:00:00:00:00:33")?;
    // Our address is the host's own: it answers the probe.
    let program = Program::python("import socket, time; socket.socket(); time.sleep(60)");
    let mut program = program.within(&namespace).rump("tap:tap0,addr=10.1.0.1/24").start()?;
    program.expect("02:00:00:00:00:33")?;
    Ok(())
}

#[test]
fn tap_unreachable_host() -> Outcome {
    let namespace = Namespace::new()?;
    namespace.tap("tap0", "10.1.0.1/24")?;
    let net = "tap:tap0,addr=10.1.0.2/24,gw=10.1.0.1";
    connect("10.1.0.77", 80).within(&namespace).rump(net).run()?.expect("EHOSTUNREACH")?;
    connect("10.1.0.1", 80).within(&namespace).rump(net).run()?.expect("ECONNREFUSED")?;
    Ok(())
}

#[test]
fn bus_removed_under_us() -> Outcome {
    let (bus, site) = (Bus::new(), Site::new(10)?);
    let mut server = web::ready(web::server(80, site.path()).rump(&bus.node("10.0.0.1/24")))?;
    let script = "import os, urllib.request as r
def get(): return r.urlopen('http://10.0.0.1/', timeout=10).read()
print(get())
os.unlink(os.environ['BUS'])
for _ in range(3):
    print(get())";
    let client = Program::python(script).rump(&bus.node("10.0.0.2/24")).env("BUS", bus.path());
    let shown = client.run()?.text();
    assert_eq!(shown.matches("a page").count(), 4, "{shown}");
    server.expect("removed")?;
    Ok(())
}

#[test]
fn launcher_refuses_what_a_preload_cannot_reach() -> Outcome {
    let place = Directory::new("rump-static")?;
    let source = place.write("a.c", "int main(void) { return 0; }\n")?;
    let program = place.join("static");
    Program::new("gcc").arg("-static").arg(&source).arg("-o").arg(&program).run()?;
    let bus = Bus::new();
    let run =
        |what: &str| Program::rump_command().args(["run", "--net", &bus.node("10.0.0.1/24"), "--", what]).finish();
    let said = run(&program.display().to_string())?;
    ensure(!said.status.success() && said.error_text().contains("static"), || said.error_text())?;
    let said = run("no-such-program-anywhere")?;
    ensure(said.status.code() == Some(127), || said.error_text())
}

#[test]
fn launcher_passes_on_status_and_signals() -> Outcome {
    let bus = Bus::new();
    let run =
        |words: &[&str]| Program::rump_command().args(["run", "--net", &bus.node("10.0.0.1/24"), "--"]).args(words);
    run(&["sh", "-c", "exit 7"]).finish()?.code(7)?;
    let mut sleeper = run(&["python3", "-u", "-c", "print('ready'); import time; time.sleep(60)"]).start()?;
    sleeper.expect("ready")?;
    let ended = sleeper.stop()?;
    ensure(ended.status.code().is_none(), || format!("SIGTERM gave {}", ended.status))
}
