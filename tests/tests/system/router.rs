//! Kernels that are routers: nodes that need no configuration on their buses, and the host's namespaces on two TAP devices.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use system_tests::failure::ensure;
use system_tests::web::{self, Site};
use system_tests::{Bus, Namespace, Outcome, Program, Running};

/// A program whose kernel is a router until it is told to end, which it does as programs end.
const ROUTER: &str = "import signal, socket, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
s = socket.socket()
print('up', flush=True)
while True:
    signal.pause()";

/// Where packets to another network come from.
const SOURCE: &str = "import socket
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.connect(('fd06:9::9', 9))
print(s.getsockname()[0])";

fn router(program: Program) -> Outcome<Running> {
    let mut router = program.limit(Duration::from_secs(120)).start()?;
    router.expect("up")?;
    Ok(router)
}

/// What a namespace says until it has this, for ten seconds.
fn until(namespace: &Namespace, words: &str, done: impl Fn(&str) -> bool) -> Outcome<String> {
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        let said = namespace.ip(words)?;
        if done(&said) {
            return Ok(said);
        }
        ensure(Instant::now() < end, || format!("ip {words}: {said}"))?;
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn nodes_on_two_buses_configure_themselves_by_a_router_and_keep_their_addresses() -> Outcome {
    let (left, right, site) = (Bus::new(), Bus::new(), Site::new(1 << 20)?);
    let [one, two] = [(&left, 1), (&right, 2)].map(|(bus, n)| bus.node(&format!("fd06:{n}::1/64")));
    let _router = router(Program::python(ROUTER).rump(&format!("{one},ra=on;{two},ra=on;forward=on")))?;
    let server = format!("{};secret=8f14e45fceea167a5a36dedd4bea2543", right.node("auto"));
    // With a secret the server has the address that another program had before it.
    let addr = Program::python(SOURCE).rump(&server).run()?.text();
    let addr = addr.trim();
    ensure(addr.starts_with("fd06:2::"), || addr.to_owned())?;
    let _server = web::ready(web::server(80, site.path()).words("--bind ::").rump(&server))?;
    site.fetch_file(&format!("[{addr}]"), |curl| curl.rump(&left.node("auto")))
}

#[test]
fn an_address_of_ipv4_that_is_set_does_not_end_the_wait_for_one_of_ipv6() -> Outcome {
    let bus = Bus::new();
    let _router = router(Program::python(ROUTER).rump(&format!("{},ra=on,forward=on", bus.node("fd06:1::1/64"))))?;
    let net = format!("{},addr=auto", bus.node("10.6.0.2/24"));
    let begun = Instant::now();
    let addr = Program::python(SOURCE).rump(&net).run()?.text();
    ensure(addr.starts_with("fd06:1::"), || addr.clone())?;
    // Nobody waits for a DHCP server as well, of which there is none.
    ensure(begun.elapsed() < Duration::from_secs(10), || format!("{:?}", begun.elapsed()))
}

#[test]
fn programs_that_prefer_temporary_addresses_have_another_one_each_time() -> Outcome {
    let bus = Bus::new();
    let net = format!("{},ra=on,forward=on", bus.node("fd06:1::1/64"));
    let _router = router(Program::python(ROUTER).rump(&net))?;
    let source = |more: &str| {
        let net = format!("{},{more}secret=8f14e45fceea167a5a36dedd4bea2543", bus.node("auto"));
        Ok(Program::python(SOURCE).rump(&net).run()?.text())
    };
    let stable: Outcome<String> = source("");
    let [stable, first, second] = [stable, source("use_tempaddr=2,"), source("use_tempaddr=2,")];
    let (stable, first, second) = (stable?, first?, second?);
    ensure([&stable, &first, &second].iter().all(|addr| addr.starts_with("fd06:1::")), || first.clone())?;
    ensure(stable != first && stable != second && first != second, || format!("{stable}{first}{second}"))?;
    ensure(source("use_tempaddr=1,")? == stable, || "made, but not preferred".to_owned())
}

#[test]
fn linux_takes_its_address_and_route_from_a_rump_router_until_that_ends() -> Outcome {
    let namespace = Namespace::new()?;
    namespace.tap("tap0", "10.7.0.1/24")?;
    let net = "tap:tap0,addr=fd07::1/64,ra=on,forward=on,dns=[fd07::53]:53,search=six.test";
    let running = router(Program::python(ROUTER).within(&namespace).rump(net))?;
    until(&namespace, "-6 address show dev tap0 scope global -tentative", |said| said.contains("inet6 fd07::"))?;
    until(&namespace, "-6 route show default", |said| said.contains("via fe80::"))?;
    let asked = Program::new("rdisc6").words("-1 tap0").within(&namespace).run()?.text();
    for wanted in ["fd07::/64", "1800 (0x00000708) seconds", "fd07::53", "six.test", "1500 bytes (valid)"] {
        ensure(asked.contains(wanted), || format!("no \"{wanted}\" in {asked}"))?;
    }
    let ping = Program::new("ping").words("-6 -n -c 2 -i 0.2 -w 10 fd07::1").within(&namespace).run()?;
    ping.expect(" 0% packet loss")?;
    running.signal(Signal::TERM)?;
    running.finish()?.success()?;
    until(&namespace, "-6 route show default", |said| !said.contains("via fe80::")).map(drop)
}

#[test]
fn a_router_between_two_tap_devices_passes_on_both_families() -> Outcome {
    let (near, far, site) = (Namespace::new()?, Namespace::new()?, Site::new(4 << 20)?);
    near.tap("tap0", "10.7.1.1/24")?;
    near.tap("tap1", "10.7.2.1/24")?;
    let net =
        "tap:tap0,addr=10.7.1.2/24,addr=fd07:0:0:1::2/64;tap:tap1,addr=10.7.2.2/24,addr=fd07:0:0:2::2/64;forward=on";
    let _router = router(Program::python(ROUTER).within(&near).rump(net))?;
    // Once it is open, a device may go where its router cannot.
    near.ip(&format!("link set tap1 netns {}", far.name()))?;
    far.ip("address add 10.7.2.1/24 dev tap1")?;
    far.ip("link set tap1 up")?;
    for (namespace, device, n) in [(&near, "tap0", 1), (&far, "tap1", 2)] {
        namespace.ip(&format!("-6 address add fd07:0:0:{n}::1/64 nodad dev {device}"))?;
        namespace.ip(&format!("route add default via 10.7.{n}.2"))?;
        namespace.ip(&format!("-6 route add default via fd07:0:0:{n}::2"))?;
    }
    for words in ["-n -c 3 -i 0.2 -w 10 10.7.2.1", "-6 -n -c 3 -i 0.2 -w 10 fd07:0:0:2::1"] {
        Program::new("ping").words(words).within(&near).run()?.expect("ttl=63")?.expect(" 0% packet loss")?;
    }
    let _server = web::ready(web::server(8000, site.path()).words("--bind ::").within(&far))?;
    site.fetch_file("10.7.2.1:8000", |curl| curl.within(&near))?;
    site.fetch_file("[fd07:0:0:2::1]:8000", |curl| curl.within(&near))
}
