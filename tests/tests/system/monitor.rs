//! Who listens is told what becomes of addresses, routes and neighbours: ip-monitor(8), and what only recvmsg(2) shows.

use std::time::{Duration, Instant};

use system_tests::failure::ensure;
use system_tests::{Bus, Namespace, Outcome, Program, Running};

fn monitor(words: &str) -> Program {
    Program::new("ip").words(words).limit(Duration::from_secs(60))
}

/// These stand in what was written, one behind the other.
fn ensure_order(written: &str, wanted: &[&str]) -> Outcome {
    let mut rest = written;
    for text in wanted {
        let at = rest.find(text);
        ensure(at.is_some(), || format!("no {text:?} in its place of\n{written}"))?;
        rest = &rest[at.unwrap_or_default()..];
    }
    Ok(())
}

/// Nodes of the bus come and ask for this one until it says something of them.
fn ask_until_told(bus: &Bus, node: &str, listener: &mut Running, text: &str) -> Outcome {
    let end = Instant::now() + Duration::from_secs(20);
    while !listener.written().contains(text) {
        ensure(Instant::now() < end, || format!("it does not say {text:?}:\n{}", listener.written()))?;
        let ask = format!("import socket\nsocket.socket(2, 2).sendto(b'x', ('{node}', 9))");
        Program::python(&ask).rump(&bus.node("10.6.0.0/24")).run()?;
    }
    Ok(())
}

const ROUTER: &str = "import signal, socket, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
s = socket.socket()
print('up', flush=True)
while True:
    signal.pause()";

#[test]
fn ip_monitor_tells_of_neighbours_and_of_a_router_that_goes() -> Outcome {
    let bus = Bus::new();
    let net = format!("{},ra=on,forward=on", bus.node("fd06:1::1/64"));
    let mut router = Program::python(ROUTER).rump(&net).limit(Duration::from_secs(60)).start()?;
    router.expect("up")?;
    let net = format!("{},addr=auto", bus.node("10.6.0.77/24"));
    let mut listener = monitor("monitor").rump(&net).start()?;
    ask_until_told(&bus, "10.6.0.77", &mut listener, "lladdr")?;
    ensure(listener.written().contains(" STALE"), || listener.written())?;
    router.stop()?;
    listener.expect("Deleted default via fe80::").map(drop)
}

/// A server that takes its address back when the client wants it for longer, and gives another.
const FICKLE_SERVER: &str = "import socket, struct
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b'tap0')
s.bind(('', 67))
print('ready', flush=True)
me, last = socket.inet_aton('10.3.0.1'), 50
while True:
    m, sender = s.recvfrom(2000)
    kind = m[m.index(b'\\x35\\x01', 240) + 2]
    if kind not in (1, 3):
        continue
    renews = kind == 3 and sender[0] != '0.0.0.0'
    if renews:
        last += 1
    given = socket.inet_aton('10.3.0.%d' % last)
    reply = b'\\x02' + m[1:16] + (bytes(4) if renews else given) + me + m[24:240]
    reply += bytes([53, 1, 6 if renews else 2 if kind == 1 else 5, 54, 4]) + me
    if not renews:
        reply += bytes([1, 4, 255, 255, 255, 0, 3, 4]) + me
        reply += struct.pack('>BBIBBIBBI', 51, 4, 60, 58, 4, 3, 59, 4, 50)
    s.sendto(reply + b'\\xff', (sender[0] if renews else '255.255.255.255', 68))";

#[test]
fn ip_monitor_tells_how_dhcp_takes_an_address_and_gives_another() -> Outcome {
    let namespace = Namespace::new()?;
    namespace.tap("tap0", "10.3.0.1/24")?;
    let mut server = Program::python(FICKLE_SERVER).within(&namespace).start()?;
    server.expect("ready")?;
    let mut listener = monitor("monitor address route").within(&namespace).rump("tap:tap0,addr=dhcp").start()?;
    let said = listener.expect("src 10.3.0.51 \ndefault via 10.3.0.1 dev tap0")?;
    let wanted = [
        "Deleted default via 10.3.0.1 dev tap0",
        "Deleted 2: tap0    inet 10.3.0.50/24",
        "Deleted 10.3.0.0/24 dev tap0 proto kernel scope link src 10.3.0.50",
        "Deleted local 10.3.0.50 dev tap0 table local",
        "2: tap0    inet 10.3.0.51/24 brd 10.3.0.255 scope global",
        "local 10.3.0.51 dev tap0 table local proto kernel scope host src 10.3.0.51",
        "10.3.0.0/24 dev tap0 proto kernel scope link src 10.3.0.51",
        "default via 10.3.0.1 dev tap0",
    ];
    ensure_order(&said, &wanted)
}

/// Joins the group of neighbours, and shows for whom the first message was.
const LISTENER: &str = "import socket, struct
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
s.setsockopt(270, 3, 1)
s.setsockopt(270, 1, 3)
kind = lambda m: struct.unpack_from('HH', m, 4)
m, control, flags, sender = s.recvmsg(8192, 64)
print('type', *kind(m), 'from', sender, 'for', [(c[0], c[1], struct.unpack('I', c[2])) for c in control], flush=True)";

#[test]
fn a_message_says_for_which_group_it_is() -> Outcome {
    let bus = Bus::new();
    let mut listener =
        Program::python(LISTENER).rump(&bus.node("10.6.0.77/24")).limit(Duration::from_secs(60)).start()?;
    ask_until_told(&bus, "10.6.0.77", &mut listener, "type 28 0 from (0, 4) for [(270, 3, (3,))]")
}

/// Changes the table of neighbours more often than its own socket has room for, and reads then.
const OVERRUN: &str = "import errno, fcntl, socket, struct, sys
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
s.bind((0, 4))
a = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
arp = struct.pack('HH4s8x', 2, 0, bytes([10, 6, 0, 9])) + struct.pack('H6s8x', 1, bytes([2, 0, 0, 0, 0, 9]))
arp += struct.pack('i16s16s', 2, bytes(16), sys.argv[1].encode())
def flood():
    for _ in range(3000):
        fcntl.ioctl(a, 0x8955, arp)
        fcntl.ioctl(a, 0x8953, arp)
def tried(call):
    try:
        return len(call()) > 16
    except OSError as e:
        return errno.errorcode[e.errno]
def emptied():
    s.setblocking(False)
    while tried(lambda: s.recv(8192)) is True:
        pass
    s.setblocking(True)
flood()
print(tried(lambda: s.recv(8192)), tried(lambda: s.recv(8192)))
emptied()
flood()
print(tried(lambda: s.recvmsg(8192)[0]), tried(lambda: s.recvmsg(8192)[0]))
emptied()
flood()
print(errno.errorcode[s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)], tried(lambda: s.recv(8192)))
emptied()
s.setsockopt(270, 5, 1)
flood()
print(tried(lambda: s.recv(8192)))";

#[test]
fn who_does_not_read_is_told_that_something_was_lost() -> Outcome {
    let bus = Bus::new();
    let script = Program::python(OVERRUN).arg("shmif0").rump(&bus.node("10.6.0.77/24"));
    let said = script.limit(Duration::from_secs(60)).run()?.text();
    ensure(said == "ENOBUFS True\nENOBUFS True\nENOBUFS True\nTrue\n", || said.clone())
}
