//! Points 2 and 8: the settings of a kernel, what it says when it boots, and its memory limit.

use system_tests::failure::ensure;
use system_tests::{Bus, Outcome, Program};

fn one_socket() -> Program {
    Program::python("import socket; socket.socket(); print('went on')")
}

/// The program ends with one line on standard error that has all of `words`, and does not go on.
fn refused(program: Program, words: &[&str]) -> Outcome {
    let ended = program.finish()?.code(1)?;
    let said = ended.error_text();
    ensure(ended.stdout.is_empty(), || format!("it went on: {}", ended.text()))?;
    ensure(said.trim_end().lines().count() == 1, || format!("it should say one sentence, and says {said:?}"))?;
    for word in words {
        ensure(said.contains(word), || format!("{said:?} does not say {word:?}"))?;
    }
    Ok(())
}

#[test]
fn without_a_network_it_says_so_once() -> Outcome {
    let script = "import socket; socket.socket(); socket.socket(socket.AF_INET, socket.SOCK_DGRAM)";
    let said = Program::python(script).preload().run()?.error_text();
    assert_eq!(said.lines().count(), 1, "{said:?}");
    assert!(said.contains("RUMP_NET"), "{said:?}");
    Ok(())
}

#[test]
fn wrong_networks() -> Outcome {
    for (net, words) in [
        ("nonsense", &["nonsense", "kind:target"][..]),
        ("shmif:", &["shmif", "path"]),
        ("ether:eth0", &["ether", "shmif", "tap"]),
        ("shmif:/dev/shm/x,addr=10.0.0.300/24", &["addr", "10.0.0.300/24"]),
        ("shmif:/dev/shm/x,addr=10.0.0.1/33", &["addr", "10.0.0.1/33"]),
        ("shmif:/dev/shm/x,adr=10.0.0.1/24", &["adr", "addr"]),
        ("shmif:/dev/shm/x,addr=10.0.0.1/24,gw=192.0.2.1", &["gw", "192.0.2.1"]),
        ("shmif:/dev/shm/x,addr=10.0.0.1/24,mtu=12", &["mtu", "12", "68"]),
        ("shmif:/dev/shm/x,addr=10.0.0.1/24,mac=01:00:5e:00:00:01", &["mac", "01:00:5e:00:00:01"]),
        ("tap:tap0,addr=10.0.0.0/24", &["addr", "10.0.0.0/24"]),
        ("shmif:/dev/shm/x,addr=10.0.0.1/24,dns=nobody", &["dns", "nobody"]),
    ] {
        refused(one_socket().rump(net), words)?;
    }
    Ok(())
}

#[test]
fn wrong_variables() -> Outcome {
    let bus = Bus::new();
    for (name, value) in [
        ("RUMP_NCPU", "0"),
        ("RUMP_NCPU", "many"),
        ("RUMP_MEMLIMIT", "12q"),
        ("RUMP_MEMLIMIT", "1mm"),
        ("RUMP_MEMLIMIT", "-1"),
        ("RUMP_SPIN_US", "soon"),
        ("RUMP_SERVER", "unix:///nowhere"),
    ] {
        refused(one_socket().rump(&bus.node("10.0.0.1/24")).env(name, value), &[name, value])?;
    }
    Ok(())
}

#[test]
fn right_variables() -> Outcome {
    let bus = Bus::new();
    for (name, value) in [
        ("RUMP_NCPU", "host"),
        ("RUMP_NCPU", "1"),
        ("RUMP_MEMLIMIT", "64m"),
        ("RUMP_MEMLIMIT", "67108864"),
        ("RUMP_VERBOSE", "0"),
    ] {
        let ended = one_socket().rump(&bus.node("10.0.0.1/24")).env(name, value).run()?;
        ensure(ended.stderr.is_empty(), || format!("{name}={value}: {:?}", ended.error_text()))?;
    }
    Ok(())
}

#[test]
fn verbose_boot() -> Outcome {
    let bus = Bus::new();
    let net = format!("{},gw=10.0.0.254,mac=b2:a0:00:00:00:77,dns=10.0.0.53", bus.node("10.0.0.7/24"));
    let said = one_socket().rump(&net).env("RUMP_VERBOSE", "1").env("RUMP_MEMLIMIT", "32m").run()?.error_text();
    for word in
        ["lo", "127.0.0.1/8", "shmif0", "10.0.0.7/24", "b2:a0:00:00:00:77", "10.0.0.254", "10.0.0.53", "33554432"]
    {
        ensure(said.contains(word), || format!("the boot messages do not show {word}:\n{said}"))?;
    }
    Ok(())
}

#[test]
fn a_memory_limit_bounds_what_is_queued() -> Outcome {
    // Connections that nobody reads from: sending stops short of the limit, and what was taken is delivered whole.
    let script = "import socket
listener = socket.create_server(('127.0.0.1', 0), backlog=64)
listener.settimeout(2)
pairs, total = [], 0
try:
    for n in range(64):
        a = socket.create_connection(listener.getsockname(), timeout=1)
        b = listener.accept()[0]
        a.setblocking(False)
        sent = 0
        try:
            while True:
                sent += a.send(bytes([n]) * 65536)
        except OSError:
            pass
        total += sent
        pairs.append((n, a, b, sent))
except OSError as error:
    print('connections end with', error.__class__.__name__)
print('bounded', total <= 8 << 20, 'some', total > 0)
whole = True
for n, a, b, sent in pairs:
    b.settimeout(5)
    got = 0
    while got < sent:
        piece = b.recv(65536)
        whole &= set(piece) == {n}
        got += len(piece)
    whole &= got == sent
print('whole', whole)
again = pairs[0]
again[1].send(b'x')
print('works again', again[2].recv(1))";
    let program = Program::python(script).preload().env("RUMP_MEMLIMIT", "8m");
    program.run()?.expect("bounded True some True")?.expect("whole True")?.expect("works again b'x'")?;
    Ok(())
}

#[test]
fn an_address_that_is_taken_names_its_owner() -> Outcome {
    let bus = Bus::new();
    let holder = Program::python("import socket, time; socket.socket(); print('ready'); time.sleep(60)");
    let mut holder = holder.rump(&bus.node("10.0.0.1/24")).start()?;
    holder.expect("ready")?;
    let pid = holder.pid().to_string();
    refused(one_socket().rump(&bus.node("10.0.0.1/24")), &["10.0.0.1", "python3", &pid])?;
    // Any free address of the net is another one, and when the owner has gone the address is free.
    one_socket().rump(&bus.node("10.0.0.0/24")).run()?;
    holder.kill()?;
    one_socket().rump(&bus.node("10.0.0.1/24")).run()?;
    Ok(())
}

#[test]
fn many_clients_take_free_addresses() -> Outcome {
    let bus = Bus::new();
    let script = "import socket, time; s = socket.socket(); print('ready'); time.sleep(60)";
    let mut clients: Vec<_> =
        (0..8).map(|_| Program::python(script).rump(&bus.node("10.0.0.0/24")).start()).collect::<Outcome<_>>()?;
    clients.iter_mut().try_for_each(|client| client.expect("ready").map(drop))?;
    let nodes = Program::rump_command().arg("nodes").arg(bus.path()).run()?.text();
    for n in 1..=8 {
        ensure(nodes.contains(&format!("10.0.0.{n}/24")), || format!("10.0.0.{n} is not among them:\n{nodes}"))?;
    }
    Ok(())
}
