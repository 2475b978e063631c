//! Addresses from a DHCP server, which is dnsmasq on the host's side of a TAP device.

use std::time::Duration;

use system_tests::failure::ensure;
use system_tests::unique::Directory;
use system_tests::web::{self, Site};
use system_tests::{Bus, Namespace, Outcome, Program, Running};

/// The host is 10.3.0.1 and gives 10.3.0.50 to 10.3.0.99.
struct Wire {
    namespace: Namespace,
    place: Directory,
}

impl Wire {
    fn new() -> Outcome<Wire> {
        let namespace = Namespace::new()?;
        namespace.tap("tap0", "10.3.0.1/24")?;
        Ok(Wire { namespace, place: Directory::new("rump-dhcp")? })
    }

    fn host(&self, program: Program) -> Program {
        program.within(&self.namespace)
    }

    fn server(&self, more: &str) -> Outcome<Running> {
        let leases = format!("--dhcp-leasefile={}", self.place.join("leases").display());
        let server = Program::new("dnsmasq")
            .words("--no-daemon --log-facility=- --conf-file=/dev/null --no-resolv --no-hosts --pid-file= --no-ping")
            .words("--user=root --group=root --interface=tap0 --bind-interfaces --log-dhcp --dhcp-authoritative")
            .words("--dhcp-range=10.3.0.50,10.3.0.99,255.255.255.0,120 --domain=example.test --local=/example.test/")
            .words("--host-record=www.example.test,10.3.0.1 --dhcp-option=26,1400")
            .words("--dhcp-option=121,192.168.77.0/24,10.3.0.2,0.0.0.0/0,10.3.0.1")
            .words(more)
            .arg(leases)
            .limit(Duration::from_secs(60));
        let mut running = self.host(server).start()?;
        running.expect("started")?;
        Ok(running)
    }
}

#[test]
fn a_program_gets_its_address_routes_names_and_mtu_from_the_server_and_gives_the_address_back() -> Outcome {
    let (wire, site) = (Wire::new()?, Site::new(1 << 20)?);
    let mut server = wire.server("")?;
    let _web = web::ready(wire.host(web::server(80, site.path())))?;
    // `www` is a short name: the server's DNS and its search list are used.
    site.fetch_file("www", |curl| wire.host(curl).rump("tap:tap0,addr=dhcp,mac=02:00:00:00:03:01"))?;
    server.expect("DHCPRELEASE(tap0) 10.3.0.")?;
    let seen = Program::python(
        "import socket, fcntl, struct
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
print('mtu', struct.unpack('16si8x', fcntl.ioctl(s, 0x8921, struct.pack('16si8x', b'tap0', 0)))[1])
s.connect(('8.8.8.8', 53))
print('from', s.getsockname()[0])
print(open('/etc/resolv.conf').read())",
    );
    let seen = wire.host(seen).rump("tap:tap0,addr=dhcp").run()?;
    ensure(seen.error_text().is_empty(), || format!("it complains:\n{}", seen.error_text()))?;
    let seen = seen.text();
    for wanted in ["mtu 1400", "from 10.3.0.", "nameserver 10.3.0.1", "search example.test"] {
        ensure(seen.contains(wanted), || format!("no \"{wanted}\" in {seen}"))?;
    }
    Ok(())
}

/// A server whose T1 is two seconds: dnsmasq has none below a minute. It says the type of each message it gets.
const HASTY_SERVER: &str = "import socket, struct
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b'tap0')
s.bind(('', 67))
print('ready', flush=True)
me, given = socket.inet_aton('10.3.0.1'), socket.inet_aton('10.3.0.50')
while True:
    m, sender = s.recvfrom(2000)
    kind = m[m.index(b'\\x35\\x01', 240) + 2]
    print('type', kind, 'from', sender[0], flush=True)
    if kind == 7:
        break
    reply = b'\\x02' + m[1:16] + given + me + m[24:240]
    reply += bytes([53, 1, 2 if kind == 1 else 5, 54, 4]) + me + bytes([1, 4, 255, 255, 255, 0])
    reply += struct.pack('>BBIBBIBBI', 51, 4, 60, 58, 4, 2, 59, 4, 50) + b'\\xff'
    s.sendto(reply, (sender[0] if sender[0] != '0.0.0.0' else '255.255.255.255', 68))";

#[test]
fn a_lease_is_renewed_while_the_program_sleeps() -> Outcome {
    let wire = Wire::new()?;
    let mut server = wire.host(Program::python(HASTY_SERVER)).start()?;
    server.expect("ready")?;
    let sleeper = Program::python("import socket, time\ns = socket.socket()\ntime.sleep(5)");
    wire.host(sleeper).rump("tap:tap0,addr=dhcp").run()?;
    let said = server.finish()?.success()?.text();
    // A renewal comes by unicast from the address, and so does the release at the end.
    let expected = ["type 1 from 0.0.0.0", "type 3 from 0.0.0.0", "type 3 from 10.3.0.50"];
    ensure(expected.iter().all(|line| said.contains(line)), || said.clone())?;
    ensure(said.ends_with("type 7 from 10.3.0.50\n"), || said.clone())
}

/// What `auto` brought: of IPv4 at once, of IPv6 as soon as a router has said something and the address was tried.
const ARRIVED: &str = "import socket, time
def source(family, far):
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.connect((far, 53))
    return s.getsockname()[0]
print('from', source(socket.AF_INET, '10.3.0.1'))
while True:
    try:
        six = source(socket.AF_INET6, '2001:db8:3::1')
        if six.startswith('2001'):
            break
    except OSError:
        pass
    time.sleep(0.1)
print('from', six)
print(open('/etc/resolv.conf').read())";

/// Advertisements every few seconds, with a name server and a search list.
const ADVERTISE: &str = "--enable-ra --dhcp-range=2001:db8:3::,ra-only --ra-param=tap0,4,1800
    --dhcp-option=option6:dns-server,[2001:db8:3::1] --dhcp-option=option6:domain-search,six.test";

#[test]
fn auto_asks_routers_as_well_as_servers() -> Outcome {
    let wire = Wire::new()?;
    wire.host(Program::new("ip").words("addr add 2001:db8:3::1/64 dev tap0 nodad")).run()?;
    let _server = wire.server(ADVERTISE)?;
    let seen = wire.host(Program::python(ARRIVED)).rump("tap:tap0,addr=auto").run()?.text();
    for wanted in ["from 10.3.0.", "from 2001:db8:3:", "nameserver 10.3.0.1", "nameserver 2001:db8:3::1", "six.test"] {
        ensure(seen.contains(wanted), || format!("no \"{wanted}\" in {seen}"))?;
    }
    Ok(())
}

#[test]
fn auto_is_content_with_what_a_router_gives() -> Outcome {
    let (wire, site) = (Wire::new()?, Site::new(1 << 16)?);
    wire.host(Program::new("ip").words("addr add 2001:db8:3::1/64 dev tap0 nodad")).run()?;
    let server = Program::new("dnsmasq")
        .words("--no-daemon --log-facility=- --conf-file=/dev/null --no-resolv --no-hosts --pid-file= --user=root --group=root")
        .words("--interface=tap0 --bind-interfaces --host-record=www.six.test,2001:db8:3::1 --local=/six.test/")
        .words(ADVERTISE);
    let mut server = wire.host(server).start()?;
    server.expect("started")?;
    let _web = web::ready(wire.host(web::server(80, site.path()).words("--bind ::")))?;
    // `www` is a short name: the router's name server and its search list are used.
    site.fetch_file("www", |curl| wire.host(curl).rump("tap:tap0,addr=auto"))
}

/// A router that gives addresses, and of names says only that a DHCPv6 server knows them.
const SAYS_OTHER: &str = "import socket, struct, time
s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, socket.if_nametoindex('tap0'))
ra = struct.pack('!BBHBBHII', 134, 0, 0, 42, 0x40, 1800, 0, 0) + struct.pack('!BBHI', 5, 1, 0, 1400)
ra += struct.pack('!BBBBIII', 3, 4, 64, 0xc0, 7200, 3600, 0) + socket.inet_pton(socket.AF_INET6, '2001:db8:3::')
while True:
    try:
        s.sendto(ra, ('ff02::1', 0))
    except OSError:
        pass
    time.sleep(0.2)";

/// What the router and the DHCPv6 server said, as the program sees it.
const TOLD: &str = "import socket
print(open('/etc/resolv.conf').read())
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.connect(('2001:db8:3::1', 53))
print('mtu', s.getsockopt(socket.IPPROTO_IPV6, 24), 'hops', s.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS))";

#[test]
fn a_router_that_says_so_has_a_dhcpv6_server_asked_for_the_names() -> Outcome {
    let wire = Wire::new()?;
    wire.host(Program::new("ip").words("addr add 2001:db8:3::1/64 dev tap0 nodad")).run()?;
    let server = Program::new("dnsmasq")
        .words("--no-daemon --log-facility=- --conf-file=/dev/null --no-resolv --no-hosts --pid-file= --user=root --group=root")
        .words("--interface=tap0 --bind-interfaces --log-dhcp --dhcp-range=2001:db8:3::,static")
        .words("--dhcp-option=option6:dns-server,[2001:db8:3::1] --dhcp-option=option6:domain-search,six.test");
    let mut server = wire.host(server).start()?;
    server.expect("started")?;
    let _router = wire.host(Program::python(SAYS_OTHER)).start()?;
    let told = wire.host(Program::python(TOLD)).rump("tap:tap0,addr=auto").env("RUMP_VERBOSE", "1").run()?;
    for wanted in ["nameserver 2001:db8:3::1", "search six.test", "mtu 1400 hops 42"] {
        ensure(told.text().contains(wanted), || format!("no \"{wanted}\" in {}", told.text()))?;
    }
    ensure(told.error_text().contains("from the DHCPv6 server fe80::"), || told.error_text())?;
    server.expect("DHCPINFORMATION-REQUEST(tap0)").map(drop)
}

#[test]
fn without_a_server_auto_uses_a_link_local_address() -> Outcome {
    let bus = Bus::new();
    let show = Program::python(
        "import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect(('169.254.1.1', 53))
print('from', s.getsockname()[0])",
    );
    let outcome = show.rump(&bus.node("auto")).limit(Duration::from_secs(40)).run()?;
    ensure(outcome.text().starts_with("from 169.254."), || outcome.text())?;
    let says = outcome.error_text();
    ensure(says.contains("no DHCP server answers") && !says.contains("within 15 seconds"), || says)
}

#[test]
fn a_boot_that_nobody_answers_says_so_and_goes_on() -> Outcome {
    let bus = Bus::new();
    let program = Program::python("import socket\ns = socket.socket()\nprint('went on')");
    let outcome = program.rump(&bus.node("dhcp")).limit(Duration::from_secs(40)).run()?;
    ensure(outcome.text().contains("went on"), || outcome.text())?;
    let sentence = "no DHCP server gave an address within 15 seconds";
    ensure(outcome.error_text().contains(sentence), || outcome.error_text())
}
