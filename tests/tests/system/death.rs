//! Point 9: what the others see when a program ends, in each of the ways in which programs end.

use std::time::{Duration, Instant};

use system_tests::failure::ensure;
use system_tests::{Bus, Outcome, Program, Running};

const BYTES: usize = 3_000_000;

/// Accepts one connection, reads it slowly to its end, and says how it ended.
fn reader(bus: &Bus) -> Outcome<Running> {
    let script = "import socket, time
with socket.create_server(('10.0.0.1', 7000)) as s:
    print('ready')
    c, _ = s.accept()
    print('accepted')
    got = 0
    try:
        while piece := c.recv(65536):
            got += len(piece)
            time.sleep(0.002)
        print('end after', got)
    except OSError as error:
        print('error', error.errno, 'after', got)";
    let mut running = Program::python(script).rump(&bus.node("10.0.0.1/24")).start()?;
    running.expect("ready")?;
    Ok(running)
}

/// Connects, sends `BYTES`, and then does `last`.
fn sender(bus: &Bus, last: &str) -> Program {
    let script = format!(
        "import socket, os, sys, ctypes, signal, time
c = socket.create_connection(('10.0.0.1', 7000))
c.sendall(bytes({BYTES}))
print('sent')
{last}"
    );
    Program::python(&script).rump(&bus.node("10.0.0.2/24"))
}

fn delivered(last: &str) -> Outcome {
    let bus = Bus::new();
    let mut reader = reader(&bus)?;
    sender(&bus, last).finish()?.expect("sent")?;
    reader.expect(&format!("end after {BYTES}"))?;
    Ok(())
}

#[test]
fn return_from_main_delivers() -> Outcome {
    delivered("pass")
}

#[test]
fn exit_delivers() -> Outcome {
    delivered("ctypes.CDLL(None).exit(3)")
}

#[test]
fn immediate_exit_delivers() -> Outcome {
    delivered("os._exit(3)")
}

#[test]
fn exit_resets_who_lingers_for_no_time() -> Outcome {
    let bus = Bus::new();
    let mut reader = reader(&bus)?;
    let last = "import struct; c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))";
    sender(&bus, last).finish()?.expect("sent")?;
    reader.expect("error 104 after")?;
    Ok(())
}

#[test]
fn exit_by_number_delivers() -> Outcome {
    const EXIT_GROUP: libc::c_long = libc::SYS_exit_group;
    delivered(&format!("ctypes.CDLL(None).syscall({EXIT_GROUP}, 3)"))
}

#[test]
fn quick_exit_delivers() -> Outcome {
    delivered("ctypes.CDLL(None).quick_exit(3)")
}

#[test]
fn exit_status_is_the_programs() -> Outcome {
    for (last, code) in [("sys.exit(5)", 5), ("os._exit(6)", 6), ("ctypes.CDLL(None).quick_exit(7)", 7)] {
        let bus = Bus::new();
        let _reader = reader(&bus)?;
        sender(&bus, last).finish()?.code(code)?;
    }
    Ok(())
}

/// After these deaths the bus's other nodes reset the connections at once: the reader must not wait.
fn reset_at_once(kill: impl Fn(Running) -> Outcome) -> Outcome {
    let bus = Bus::new();
    let mut reader = reader(&bus)?;
    let mut sender = sender(&bus, "time.sleep(60)").start()?;
    reader.expect("accepted")?;
    sender.expect("sent")?;
    let died = Instant::now();
    kill(sender)?;
    let said = reader.expect("after")?;
    let took = died.elapsed();
    ensure(said.contains("error 104"), || format!("the reader should see ECONNRESET, and says {said:?}"))?;
    // What had come before may still be read first.
    ensure(took < Duration::from_secs(5), || format!("it took {took:?}"))
}

#[test]
fn killed() -> Outcome {
    reset_at_once(|sender| sender.kill().map(drop))
}

#[test]
fn a_fatal_signal() -> Outcome {
    reset_at_once(|sender| {
        sender.signal(rustix::process::Signal::SEGV)?;
        sender.finish().map(drop)
    })
}

#[test]
fn a_server_killed_in_mid_transfer() -> Outcome {
    let bus = Bus::new();
    let server = "import socket
with socket.create_server(('10.0.0.1', 80)) as s:
    print('ready')
    c, _ = s.accept()
    c.recv(1000)
    c.sendall(b'HTTP/1.0 200 OK\\r\\nContent-Length: 100000000\\r\\n\\r\\n' + bytes(1000000))
    print('half')
    import time; time.sleep(60)";
    let mut server = Program::python(server).rump(&bus.node("10.0.0.1/24")).start()?;
    server.expect("ready")?;
    let client =
        system_tests::web::curl("http://10.0.0.1/").args(["-o", "/dev/null"]).rump(&bus.node("10.0.0.2/24")).start()?;
    server.expect("half")?;
    let died = Instant::now();
    server.kill()?;
    let ended = client.finish()?;
    const CURL_RECV_ERROR: i32 = 56;
    ended.code(CURL_RECV_ERROR)?;
    let took = died.elapsed();
    ensure(took < Duration::from_secs(5), || format!("it took {took:?}"))
}

#[test]
fn a_dead_nodes_address_is_free() -> Outcome {
    let bus = Bus::new();
    for _ in 0..5 {
        let mut reader = reader(&bus)?;
        reader.expect("ready")?;
        reader.kill()?;
    }
    Ok(())
}

#[test]
fn a_forked_child_cannot_use_the_socket_and_says_so() -> Outcome {
    let bus = Bus::new();
    let mut reader = reader(&bus)?;
    let script = format!(
        "import socket, os
c = socket.create_connection(('10.0.0.1', 7000))
pid = os.fork()
if pid == 0:
    try:
        c.send(b'from the child')
        os._exit(9)
    except OSError as error:
        print('child', error.errno)
        os._exit(4)
print('status', os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
c.sendall(bytes({BYTES}))"
    );
    let ended = Program::python(&script).rump(&bus.node("10.0.0.2/24")).run()?;
    let said = ended.error_text();
    ensure(said.contains("parent"), || format!("the child should say one line about it, and says {said:?}"))?;
    ended.expect("status 4")?;
    reader.expect(&format!("end after {BYTES}"))?;
    Ok(())
}

#[test]
fn children_that_use_no_socket() -> Outcome {
    let bus = Bus::new();
    let mut reader = reader(&bus)?;
    let last = "import subprocess
print(os.system('true'), subprocess.run(['echo', 'child'], capture_output=True).stdout, os.popen('echo pipe').read())";
    sender(&bus, last).run()?.expect("0 b'child\\n' pipe")?;
    reader.expect(&format!("end after {BYTES}"))?;
    Ok(())
}
