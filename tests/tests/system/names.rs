//! Point 4: names are looked up on the rump network, by a hosts file and by a DNS server there, and nowhere else.

use std::time::Duration;

use system_tests::failure::ensure;
use system_tests::unique::Directory;
use system_tests::web::{self, Site};
use system_tests::{Bus, Namespace, Outcome, Program, Running, strace};

const WEB: &str = "10.0.0.1/24";
const DNS: &str = "10.0.0.53/24";
const CLIENT: &str = "10.0.0.0/24";

/// How many addresses `many.example.test` has: more than go into a datagram of 512 bytes.
const MANY: usize = 60;

/// dnsmasq with the names of these tests.
fn dnsmasq() -> Program {
    let mut server = Program::new("dnsmasq")
        .words("--no-daemon --log-facility=- --log-queries --conf-file=/dev/null --no-resolv --no-hosts --pid-file=")
        .words("--user=root --group=root --local=/example.test/ --local=/in-addr.arpa/")
        .words("--host-record=www.example.test,10.0.0.1,fd00::1 --cname=alias.example.test,www.example.test")
        .words("--host-record=v6only.example.test,fd00::2 --txt-record=text.example.test,found");
    for n in 0..MANY {
        server = server.arg(format!("--host-record=many.example.test,10.9.0.{}", n + 1));
    }
    server.limit(Duration::from_secs(60))
}

fn started(server: Program) -> Outcome<Running> {
    let mut running = server.start()?;
    running.expect("started")?;
    Ok(running)
}

/// dnsmasq on the bus. It asks netlink, which is the host's, for interfaces: there it may find a loopback alone.
fn dns_server(bus: &Bus) -> Outcome<Running> {
    started(dnsmasq().rump(&bus.node(DNS)).nowhere())
}

/// dnsmasq on the host's side of a TAP device: it answers over TCP only where netlink knows the address that was called.
struct Wire {
    namespace: Namespace,
    _dns: Running,
}

impl Wire {
    fn new() -> Outcome<Wire> {
        let namespace = Namespace::new()?;
        namespace.tap("tap0", "10.0.0.53/24")?;
        let dns = started(dnsmasq().within(&namespace))?;
        Ok(Wire { namespace, _dns: dns })
    }

    fn rump(&self, program: Program) -> Program {
        program.within(&self.namespace).rump("tap:tap0,addr=10.0.0.2/24,dns=10.0.0.53")
    }
}

fn lookup(name: &str) -> Program {
    Program::python(&format!(
        "import socket
try:
    found = socket.getaddrinfo({name:?}, 80, type=socket.SOCK_STREAM)
    print(len(found), found[0][4][0])
except socket.gaierror as error:
    print('error', error.errno)"
    ))
}

fn asking(bus: &Bus, more: &str) -> String {
    format!("{},dns=10.0.0.53{more}", bus.node(CLIENT))
}

#[test]
fn by_a_hosts_file() -> Outcome {
    let (bus, site, place) = (Bus::new(), Site::new(1000)?, Directory::new("rump-hosts")?);
    let hosts = place.write("hosts", "10.0.0.1 web web.example.test # the server\n")?;
    let net = format!("{},hosts={}", bus.node(CLIENT), hosts.display());
    let _server = web::ready(web::server(80, site.path()).rump(&bus.node(WEB)))?;
    site.fetch("web", |curl| curl.rump(&net))?;
    site.fetch("web.example.test", |curl| curl.rump(&net))?;
    let reverse = "import socket; print(socket.gethostbyaddr('10.0.0.1')); print(socket.gethostbyname('web'))";
    Program::python(reverse)
        .rump(&net)
        .run()?
        .expect("('web', ['web.example.test'], ['10.0.0.1'])")?
        .expect("10.0.0.1")?;
    Program::new("getent").words("hosts web").rump(&net).run()?.expect("10.0.0.1")?;
    Program::new("getent").words("ahostsv4 web").rump(&net).run()?.expect("10.0.0.1")?;
    Ok(())
}

#[test]
fn by_a_server() -> Outcome {
    let (bus, site, place) = (Bus::new(), Site::new(1000)?, Directory::new("rump-dns")?);
    let _dns = dns_server(&bus)?;
    let _web = web::ready(web::server(80, site.path()).rump(&bus.node(WEB)))?;
    let trace = place.join("trace");
    site.fetch_file("www.example.test", |curl| curl.rump(&asking(&bus, "")).traced(&trace))?;
    strace::no_host_inet(&trace)?;
    Program::new("wget").words("-q -O - --tries=1 http://www.example.test/").rump(&asking(&bus, "")).run()?;
    Ok(())
}

#[test]
fn by_a_search_domain() -> Outcome {
    let (bus, site) = (Bus::new(), Site::new(1000)?);
    let _dns = dns_server(&bus)?;
    let _web = web::ready(web::server(80, site.path()).rump(&bus.node(WEB)))?;
    site.fetch("www", |curl| curl.rump(&asking(&bus, ",search=example.test")))
}

#[test]
fn a_name_that_is_not_there() -> Outcome {
    const EAI_NONAME: &str = "error -2";
    let bus = Bus::new();
    let _dns = dns_server(&bus)?;
    lookup("nowhere.example.test").rump(&asking(&bus, "")).run()?.expect(EAI_NONAME)?;
    Ok(())
}

#[test]
fn an_answer_too_large_for_a_datagram() -> Outcome {
    let wire = Wire::new()?;
    wire.rump(lookup("many.example.test")).run()?.expect(&format!("{MANY} 10.9.0."))?;
    Ok(())
}

#[test]
fn a_name_that_has_ipv6_addresses_alone() -> Outcome {
    let bus = Bus::new();
    let _dns = dns_server(&bus)?;
    lookup("v6only.example.test").rump(&asking(&bus, "")).run()?.expect("1 fd00::2")?;
    Ok(())
}

#[test]
fn a_name_with_both_comes_with_what_the_kernel_can_reach_first() -> Outcome {
    let bus = Bus::new();
    let _dns = dns_server(&bus)?;
    lookup("www.example.test").rump(&asking(&bus, "")).run()?.expect("2 10.0.0.1")?;
    lookup("www.example.test").rump(&asking(&bus, ",addr=fd00::9/64")).run()?.expect("2 fd00::1")?;
    Ok(())
}

#[test]
fn a_server_with_an_ipv6_address() -> Outcome {
    let bus = Bus::new();
    let _dns = started(dnsmasq().rump(&format!("{},addr=fd00::53/64", bus.node(DNS))).nowhere())?;
    let net = format!("{},addr=fd00::9/64,dns=fd00::53", bus.node(CLIENT));
    lookup("v6only.example.test").rump(&net).run()?.expect("1 fd00::2")?;
    Ok(())
}

#[test]
fn aliases_and_addresses_have_their_canonical_name() -> Outcome {
    let bus = Bus::new();
    let _dns = dns_server(&bus)?;
    let script = "import socket
print(socket.gethostbyname_ex('alias.example.test'))
print(socket.gethostbyaddr('10.0.0.1'), socket.getnameinfo(('10.0.0.1', 80), 0))
print(socket.getaddrinfo('alias.example.test', 80, flags=socket.AI_CANONNAME)[0][3])";
    Program::python(script)
        .rump(&format!("{},dns=10.0.0.53", bus.node("10.0.0.7/24")))
        .run()?
        .expect("('www.example.test', ['alias.example.test'], ['10.0.0.1'])")?
        .expect("('www.example.test', [], ['10.0.0.1']) ('www.example.test', 'http')")?
        .expect("\nwww.example.test\n")?;
    Ok(())
}

#[test]
fn dns_messages_by_res_query() -> Outcome {
    let bus = Bus::new();
    let _dns = dns_server(&bus)?;
    let script = "import ctypes
libc = ctypes.CDLL(None)
h_errno = getattr(libc, '__h_errno_location')
h_errno.restype = ctypes.POINTER(ctypes.c_int)
answer = ctypes.create_string_buffer(512)
length = libc.res_query(b'text.example.test', 1, 16, answer, 512)
print(b'found' in answer.raw[:length])
print(libc.res_query(b'nowhere.example.test', 1, 16, answer, 512), h_errno().contents.value)";
    Program::python(script).rump(&asking(&bus, "")).run()?.expect("True\n-1 1\n")?;
    Ok(())
}

#[test]
fn the_second_server_when_the_first_is_silent() -> Outcome {
    let bus = Bus::new();
    let _dns = dns_server(&bus)?;
    let net = format!("{},dns=10.0.0.99,dns=10.0.0.53", bus.node(CLIENT));
    lookup("www.example.test").rump(&net).run()?.expect("2 10.0.0.1")?;
    Ok(())
}

#[test]
fn no_server_fails_at_once() -> Outcome {
    const EAI_AGAIN: &str = "error -3";
    let bus = Bus::new();
    let started = std::time::Instant::now();
    lookup("www.example.test").rump(&bus.node(CLIENT)).run()?.expect(EAI_AGAIN)?;
    let took = started.elapsed();
    ensure(took < Duration::from_secs(2), || format!("it took {took:?}"))
}

#[test]
fn a_silent_server_is_waited_for_as_glibc_does() -> Outcome {
    const EAI_AGAIN: &str = "error -3";
    let bus = Bus::new();
    let started = std::time::Instant::now();
    let net = format!("{},dns=10.0.0.53", bus.node(CLIENT));
    let _mute = mute(&bus)?;
    lookup("www.example.test").rump(&net).run()?.expect(EAI_AGAIN)?;
    let took = started.elapsed().as_secs();
    ensure((10..14).contains(&took), || format!("two attempts of 5 seconds took {took} s"))
}

/// A server that hears every question and says nothing.
fn mute(bus: &Bus) -> Outcome<Running> {
    let script = "import socket, time
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(('', 53))
print('started')
time.sleep(60)";
    started(Program::python(script).rump(&bus.node(DNS)))
}

#[test]
fn dig_is_shown_our_resolv_conf() -> Outcome {
    let wire = Wire::new()?;
    let dig = |words: &str| wire.rump(Program::new("dig").words(words)).run();
    assert_eq!(dig("+short www.example.test")?.text(), "10.0.0.1\n");
    assert_eq!(dig("+short +tcp www.example.test")?.text(), "10.0.0.1\n");
    assert_eq!(dig("+short TXT text.example.test")?.text(), "\"found\"\n");
    assert_eq!(dig("+short AAAA www.example.test @10.0.0.53")?.text(), "fd00::1\n");
    dig("www.example.test")?.expect("SERVER: 10.0.0.53#53")?;
    Ok(())
}

#[test]
fn the_files_are_shown_as_ours() -> Outcome {
    let bus = Bus::new();
    let net = asking(&bus, ",search=example.test,hostname=node-a");
    let script = "import socket
print(open('/etc/resolv.conf').read())
print(open('/etc/hosts').read())
print('name', socket.gethostname())";
    let shown = Program::python(script).rump(&net).run()?;
    shown.expect("nameserver 10.0.0.53")?.expect("search example.test")?.expect("localhost")?.expect("name node-a")?;
    Ok(())
}

#[test]
fn interfaces_are_the_kernels() -> Outcome {
    let bus = Bus::new();
    let script = "import socket
print(socket.if_nameindex(), socket.if_nametoindex('shmif0'), socket.if_indextoname(1))";
    Program::python(script).rump(&bus.node("10.0.0.7/24")).run()?.expect("[(1, 'lo'), (2, 'shmif0')] 2 lo")?;
    Ok(())
}
