//! Point 3: the host on the other side of a TAP device, in a namespace of the test's own.

use std::time::Duration;

use system_tests::failure::ensure;
use system_tests::unique::Directory;
use system_tests::web::{self, Site};
use system_tests::{Namespace, Outcome, Program, Running, capture};

const HUNDRED_MEGABYTES: u64 = 100 << 20;

struct Wire {
    namespace: Namespace,
    captures: Directory,
}

impl Wire {
    /// The host is 10.1.0.1, the rump kernel will be 10.1.0.2.
    fn new() -> Outcome<Wire> {
        let namespace = Namespace::new()?;
        namespace.tap("tap0", "10.1.0.1/24")?;
        Ok(Wire { namespace, captures: Directory::new("rump-captures")? })
    }

    fn host(&self, program: Program) -> Program {
        program.within(&self.namespace)
    }

    fn rump(&self, program: Program) -> Program {
        let pcap = self.captures.join("wire.pcap");
        program.within(&self.namespace).rump(&format!("tap:tap0,addr=10.1.0.2/24,gw=10.1.0.1,pcap={}", pcap.display()))
    }

    /// Nothing malformed, no bad checksum, in what our end saw.
    fn check(&self, wanted: &str) -> Outcome {
        capture::check(&self.captures.join("wire.pcap"), wanted).map(drop)
    }
}

#[test]
fn hijacked_curl_fetches_from_the_hosts_python() -> Outcome {
    let (wire, site) = (Wire::new()?, Site::new(HUNDRED_MEGABYTES)?);
    let _server = web::ready(wire.host(web::server(8000, site.path())))?;
    site.fetch_file("10.1.0.1:8000", |curl| wire.rump(curl))?;
    wire.check("tcp.srcport == 8000 && tcp.len > 0")
}

#[test]
fn hijacked_curl_fetches_from_the_hosts_nginx() -> Outcome {
    let (wire, site) = (Wire::new()?, Site::new(HUNDRED_MEGABYTES)?);
    let place = Directory::new("rump-nginx")?;
    let _server = nginx(&wire, &site, &place)?;
    site.fetch_file("10.1.0.1", |curl| wire.rump(curl))?;
    wire.check("tcp.srcport == 80 && tcp.len > 0")
}

fn nginx(wire: &Wire, site: &Site, place: &Directory) -> Outcome<Running> {
    let configuration = format!(
        "daemon off; master_process off; pid {place}/pid; error_log stderr info;
         events {{ }}
         http {{ access_log off; client_body_temp_path {place}; proxy_temp_path {place}; fastcgi_temp_path {place};
                 uwsgi_temp_path {place}; scgi_temp_path {place};
                 server {{ listen 80; root {site}; }} }}",
        place = place.path().display(),
        site = site.path().display()
    );
    let file = place.write("nginx.conf", configuration)?;
    let server = Program::new("nginx").arg("-c").arg(file).arg("-p").arg(place.path());
    let mut running = wire.host(server).limit(Duration::from_secs(120)).start()?;
    running.expect("using the \"epoll\" event method")?;
    // It says so before it listens: ask until it answers.
    let ask = web::curl("http://10.1.0.1/").args(["--retry", "20", "--retry-connrefused", "--retry-delay", "1"]);
    wire.host(ask).run()?;
    Ok(running)
}

#[test]
fn the_hosts_curl_fetches_from_a_hijacked_server() -> Outcome {
    let (wire, site) = (Wire::new()?, Site::new(HUNDRED_MEGABYTES)?);
    let server = web::ready(wire.rump(web::server(80, site.path())))?;
    site.fetch("10.1.0.2", |curl| wire.host(curl))?;
    server.stop()?;
    wire.check("tcp.srcport == 80 && tcp.len > 0")
}

#[test]
fn the_hosts_ping_is_answered() -> Outcome {
    let (wire, site) = (Wire::new()?, Site::new(10)?);
    let server = web::ready(wire.rump(web::server(80, site.path())))?;
    wire.host(Program::new("ping").words("-n -c 5 -i 0.2 -w 10 10.1.0.2")).run()?.expect(" 0% packet loss")?;
    wire.host(Program::new("ping").words("-n -c 2 -i 0.2 -w 10 -s 8000 10.1.0.2")).run()?.expect(" 0% packet loss")?;
    server.stop()?;
    wire.check("icmp.type == 0")
}

#[test]
fn hijacked_ping_is_answered() -> Outcome {
    let wire = Wire::new()?;
    wire.rump(Program::new("ping").words("-n -c 3 -i 0.2 -w 10 10.1.0.1")).run()?.expect(" 0% packet loss")?;
    wire.check("icmp.type == 8")
}

/// TCPI_OPT_ECN of TCP_INFO, and what congestion control the connection has.
const ECN_AND_CONGESTION: &str = "
info = s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
print('ecn', info[5] >> 3 & 1, s.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16).rstrip(b'\\0').decode(), flush=True)";

#[test]
fn ecn_is_asked_for_and_agreed_to() -> Outcome {
    let namespace = Namespace::new()?;
    namespace.tap("tap0", "10.1.0.1/24")?;
    let on_rump = |script: &str, more: &str| {
        let script = format!("import socket\n{script}{ECN_AND_CONGESTION}");
        Program::python(&script).within(&namespace).rump(&format!("tap:tap0,addr=10.1.0.2/24{more}"))
    };
    let set = |how: &str| {
        let write = format!("echo {how} >/proc/sys/net/ipv4/tcp_ecn");
        Program::new("sh").args(["-c", &write]).within(&namespace).run().map(drop)
    };
    // 2, Linux's default, agrees; 1 asks.
    set("2")?;
    let listener = "s = socket.create_server(('10.1.0.1', 9000))\nprint('up', flush=True)\nwhile True: s.accept()";
    let mut host = Program::python(&format!("import socket\n{listener}")).within(&namespace).start()?;
    host.expect("up")?;
    let connect = "s = socket.create_connection(('10.1.0.1', 9000))";
    on_rump(connect, ",ecn=on,congestion=reno").run()?.expect("ecn 1 reno")?;
    on_rump(connect, "").run()?.expect("ecn 0 cubic")?;
    set("1")?;
    let accept = "l = socket.create_server(('10.1.0.2', 9000))\nprint('up', flush=True)\ns, _ = l.accept()";
    let mut server = on_rump(accept, "").start()?;
    server.expect("up")?;
    let client = Program::python("import socket\nsocket.create_connection(('10.1.0.2', 9000))");
    client.within(&namespace).run()?;
    server.expect("ecn 1 cubic")?;
    Ok(())
}

/// Text in the SYN, from the second connection on: TCPI_OPT_SYN_DATA and tcpi_fastopen_client_fail of both ends.
const FAST_OPEN: &str = "
import socket, sys
def told(who, s):
    info = s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    print(who, 'SYN data', info[5] >> 5 & 1, 'fail', info[7] >> 1 & 3, flush=True)
def serve(at):
    l = socket.socket(); l.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); l.bind(at)
    l.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 16); l.listen()
    print('up', flush=True)
    for number in range(3):
        s, _ = l.accept()
        assert s.recv(5, socket.MSG_WAITALL) == b'hello'
        s.sendall(b'world'); told('server', s); s.close()
def ask(at, connects):
    s = socket.socket()
    if connects:
        s.setsockopt(socket.IPPROTO_TCP, 30, 1); s.connect(at); s.sendall(b'hello')
    else:
        assert s.sendto(b'hello', socket.MSG_FASTOPEN, at) == 5
    assert s.recv(5, socket.MSG_WAITALL) == b'world'
    told('client', s)
def fetch(at): ask(at, False); ask(at, False); ask(at, True)
";

#[test]
fn fast_open_with_the_host_both_ways() -> Outcome {
    let (namespace, captures) = (Namespace::new()?, Directory::new("rump-captures")?);
    namespace.tap("tap0", "10.1.0.1/24")?;
    let allow = "echo 3 >/proc/sys/net/ipv4/tcp_fastopen";
    Program::new("sh").args(["-c", allow]).within(&namespace).run()?;
    let wire = captures.join("wire.pcap");
    let host = |what: &str| Program::python(&format!("{FAST_OPEN}{what}")).within(&namespace);
    let rump = |what: &str| host(what).rump(&format!("tap:tap0,addr=10.1.0.2/24,fastopen=3,pcap={}", wire.display()));
    let met = |server: &mut Running, client: &str| {
        // The first has no cookie yet, and so no text in its SYN.
        let outcomes = ["SYN data 0 fail 1", "SYN data 1 fail 0", "SYN data 1 fail 0"];
        let expected: String = outcomes.iter().map(|how| format!("client {how}\n")).collect();
        ensure(client == expected, || format!("the client was told\n{client}"))?;
        ["server SYN data 0", "server SYN data 1", "server SYN data 1"]
            .iter()
            .try_for_each(|line| server.expect(line).map(drop))
    };
    let mut server = host("serve(('10.1.0.1', 9000))").start()?;
    server.expect("up")?;
    met(&mut server, &rump("fetch(('10.1.0.1', 9000))").run()?.text())?;
    let text = "tcp.flags.syn == 1 && tcp.flags.ack == 0 && tcp.len == 5 && tcp.options.tfo.cookie && ip.src ==";
    ensure(capture::check(&wire, &format!("{text} 10.1.0.2"))? == 2, || "not two SYNs with text".into())?;
    let mut server = rump("serve(('10.1.0.2', 9000))").start()?;
    server.expect("up")?;
    met(&mut server, &host("fetch(('10.1.0.2', 9000))").run()?.text())?;
    server.finish()?.success()?;
    ensure(capture::check(&wire, &format!("{text} 10.1.0.1"))? == 2, || "not two SYNs with text".into())
}

#[test]
fn both_ways_at_once() -> Outcome {
    let wire = Wire::new()?;
    let mut server = wire.host(Program::new("iperf3").words("-s -1 --forceflush")).start()?;
    server.expect("Server listening")?;
    wire.rump(Program::new("iperf3").words("-c 10.1.0.1 -t 2 --bidir")).run()?.expect("iperf Done")?;
    server.finish()?.success()?;
    wire.check("tcp.len > 0")
}

#[test]
fn ssh_to_the_hosts_sshd() -> Outcome {
    let wire = Wire::new()?;
    let keys = Directory::new("rump-ssh")?;
    for key in ["host", "user"] {
        Program::new("ssh-keygen").words("-q -t ed25519 -N").arg("").arg("-f").arg(keys.join(key)).run()?;
    }
    std::fs::create_dir_all("/run/sshd")?;
    let place = keys.path().display();
    let configuration = format!(
        "Port 22\nListenAddress 10.1.0.1\nHostKey {place}/host\nAuthorizedKeysFile {place}/user.pub\nPidFile none\n\
         StrictModes no\nUsePAM no\nPermitRootLogin yes\n"
    );
    let file = keys.write("sshd_config", configuration)?;
    let server = Program::new("/usr/sbin/sshd").args(["-D", "-e", "-f"]).arg(file).limit(Duration::from_secs(60));
    let mut server = wire.host(server).start()?;
    server.expect("Server listening")?;
    let client = Program::new("ssh")
        .words("-F none -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -i")
        .arg(keys.join("user"))
        .words("root@10.1.0.1 sha256sum")
        .input(vec![b'x'; 3_000_000]);
    let shown = wire.rump(client).run()?.text();
    let expected = Program::new("sha256sum").input(vec![b'x'; 3_000_000]).run()?.text();
    assert_eq!(shown, expected);
    wire.check("tcp.port == 22")
}
