//! TLS and relays.

use super::web::{certificate, start_nginx};
use super::{Net, Ready, SERVER};
use crate::failure::ensure;
use crate::unique::Directory;
use crate::web::Site;
use crate::{Outcome, Program};

pub fn openssl(net: &Net) -> Outcome<String> {
    let place = Directory::new("rump-openssl")?;
    let (key, certificate) = certificate(&place)?;
    let server = Program::new("openssl").words("s_server -rev -quiet -accept 10.0.0.1:4433");
    let server = server.arg("-cert").arg(&certificate).arg("-key").arg(key);
    let _server = net.start(server, 1, Ready::Takes(4433))?;
    let client = Program::new("openssl").words("s_client -quiet -verify_return_error -connect 10.0.0.1:4433 -CAfile");
    let client = client.arg(certificate).input("abc def\nCLOSE\n");
    net.client(client).run()?.expect("fed cba")?;
    Ok("reversed".into())
}

pub fn stunnel(net: &Net) -> Outcome<String> {
    let (site, place) = (Site::new(3_000_000)?, Directory::new("rump-stunnel")?);
    let (key, certificate) = certificate(&place)?;
    let _server = start_nginx(net, &site, &place, 1)?;
    let service = |client: &str, rest: String| format!("foreground = yes\npid =\n[tunnel]\nclient = {client}\n{rest}");
    let inner = format!(
        "accept = 10.0.0.2:443\nconnect = 10.0.0.1:80\nkey = {}\ncert = {}\n",
        key.display(),
        certificate.display()
    );
    let inner = place.write("inner.conf", service("no", inner))?;
    let outer = place.write("outer.conf", service("yes", "accept = 10.0.0.3:80\nconnect = 10.0.0.2:443\n".into()))?;
    let _inner = net.start(Program::new("stunnel4").arg(inner), 2, Ready::Takes(443))?;
    let _outer = net.start(Program::new("stunnel4").arg(outer), 3, Ready::Takes(80))?;
    site.fetch_file("10.0.0.3", |curl| net.client(curl))?;
    Ok("whole".into())
}

fn echo(listen: &str) -> Program {
    Program::new("socat").args(["-d", "-d", listen, "PIPE"])
}

/// Two hundred lines, by `connect`, to an echo that listens by `listen`.
pub fn socat(net: &Net, listen: &str, connect: &str) -> Outcome<String> {
    let _server = net.start(echo(listen), 1, Ready::Says("listening on"))?;
    lines_come_back(connect, |client| net.client(client))
}

fn lines_come_back(connect: &str, on: impl FnOnce(Program) -> Program) -> Outcome<String> {
    let text: String = (0..200).map(|n| format!("line {n} through socat\n")).collect();
    let back = on(Program::new("socat").args(["-t", "3", "-", connect]).input(text.clone())).run()?.text();
    ensure(back == text, || format!("{} of {} bytes came back", back.len(), text.len()))?;
    Ok("all came back".into())
}

/// The same between two nodes that have addresses of IPv6. `protocol`: of socat's address types.
pub fn socat_over_ipv6(net: &Net, protocol: &str) -> Outcome<String> {
    let bus = match &net.0 {
        super::Kind::Bus(bus) => bus,
        super::Kind::Tap(_) => return Err(crate::Failure::new("this row is of a bus")),
    };
    let node = |number: u8| format!("shmif:{},addr=fd00::{number}/64", bus.path().display());
    let mut server = echo(&format!("{protocol}-LISTEN:7000")).rump(&node(1)).start()?;
    server.expect("listening on")?;
    lines_come_back(&format!("{protocol}:[fd00::1]:7000"), |client| client.rump(&node(2)))
}

/// `fork` of socat's listener: the child would have to serve the parent's connection.
pub fn socat_forks(net: &Net) -> Outcome<String> {
    let server = Program::new("socat").args(["-d", "-d", "TCP4-LISTEN:7000,fork", "PIPE"]);
    let _server = net.start(server, 1, Ready::Says("listening on"))?;
    let client = Program::new("socat").words("-t 1 -T 2 - TCP4:10.0.0.1:7000").input("text\n");
    let back = net.client(client).finish()?.text();
    ensure(back == "text\n", || format!("the child gives back {back:?}"))?;
    Ok("came back".into())
}

pub fn socat_openssl(net: &Net) -> Outcome<String> {
    let place = Directory::new("rump-socat")?;
    let (key, certificate) = certificate(&place)?;
    let (key, certificate) = (key.display(), certificate.display());
    let listen = format!("OPENSSL-LISTEN:7000,cert={certificate},key={key},verify=0");
    socat(net, &listen, &format!("OPENSSL:{SERVER}:7000,cafile={certificate}"))
}

pub fn socat_unix(net: &Net) -> Outcome<String> {
    let place = Directory::new("rump-socat")?;
    let path = place.join("socket");
    let echo = Program::new("socat").args(["-d", "-d", "TCP4-LISTEN:7000", "PIPE"]);
    let _echo = net.start(echo, 1, Ready::Says("listening on"))?;
    let relay = Program::new("socat").args(["-d", "-d"]).arg(format!("UNIX-LISTEN:{}", path.display()));
    let _relay = net.start(relay.arg("TCP4:10.0.0.1:7000"), 2, Ready::Says("listening on"))?;
    let text = "from AF_UNIX\n".repeat(1000);
    let client = Program::new("socat").args(["-t", "3", "-"]).arg(format!("UNIX-CONNECT:{}", path.display()));
    let back = client.input(text.clone()).run()?.text();
    ensure(back == text, || format!("{} of {} bytes came back", back.len(), text.len()))?;
    Ok("all came back".into())
}
