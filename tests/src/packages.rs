//! The programs that the tests, the demo and the checks run, and the Debian packages that bring them.

use std::path::PathBuf;

use crate::{Failure, Outcome};

/// A package, a program by which its presence is seen, and why it is wanted.
pub struct Package {
    /// The name for `apt-get install`.
    pub name: &'static str,
    /// The programs of it that we run.
    pub programs: &'static [&'static str],
    /// What we do with them.
    pub why: &'static str,
    /// The demo alone needs it (the tests need all).
    pub demo: bool,
    /// Only the whole matrix of programs needs it.
    pub matrix: bool,
}

const fn package(name: &'static str, programs: &'static [&'static str], why: &'static str) -> Package {
    Package { name, programs, why, demo: false, matrix: false }
}

const fn for_demo(name: &'static str, programs: &'static [&'static str], why: &'static str) -> Package {
    Package { name, programs, why, demo: true, matrix: false }
}

const fn for_matrix(name: &'static str, programs: &'static [&'static str], why: &'static str) -> Package {
    Package { name, programs, why, demo: false, matrix: true }
}

/// Everything that `cargo xtask setup` sees to.
pub const PACKAGES: &[Package] = &[
    for_demo("python3", &["python3"], "http.server, urllib and socket as servers and clients"),
    for_demo("curl", &["curl"], "the client of the demo and of most tests"),
    package("wget", &["wget"], "a second HTTP client"),
    package("netcat-openbsd", &["nc"], "plain TCP and UDP"),
    package("socat", &["socat"], "relays with poll and select"),
    package("iperf3", &["iperf3"], "TCP and UDP streams, client and server"),
    package("redis-server", &["redis-server"], "an epoll server that forks"),
    package("redis-tools", &["redis-cli"], "its client"),
    package("bind9-dnsutils", &["dig"], "a program that reads resolv.conf by itself"),
    package("dnsmasq-base", &["dnsmasq"], "DNS and DHCP on rump networks"),
    package("iputils-ping", &["ping"], "raw and datagram ICMP sockets"),
    package("traceroute", &["traceroute"], "reads the error queue"),
    package("iputils-tracepath", &["tracepath"], "finds path MTUs by the error queue"),
    package("iproute2", &["ip", "ss"], "namespaces and TAP devices"),
    package("net-tools", &["ifconfig", "route", "arp", "netstat"], "reads /proc/net"),
    package("ndisc6", &["rdisc6"], "asks routers of IPv6"),
    package("nginx-light", &["nginx"], "the host's web server over TAP"),
    package("wrk", &["wrk"], "load for web servers"),
    package("lighttpd", &["lighttpd"], "a second web server"),
    package("haproxy", &["haproxy"], "a proxy between two rump networks' programs"),
    package("memcached", &["memcached"], "a server of several threads"),
    package("mosquitto", &["mosquitto"], "a message broker"),
    package("mosquitto-clients", &["mosquitto_pub", "mosquitto_sub"], "its clients"),
    package("perl", &["perl"], "IO::Socket"),
    package("openssl", &["openssl"], "TLS, server and client"),
    package("stunnel4", &["stunnel4"], "TLS before servers that have none"),
    package("nmap", &["nmap"], "many connections that fail, and frames of its own"),
    package("tcpdump", &["tcpdump"], "libpcap's rings of frames"),
    package("arping", &["arping"], "frames of its own, by libnet"),
    for_matrix("nodejs", &["node"], "libuv's sockets"),
    for_matrix("default-jdk-headless", &["java"], "those of Java"),
    for_matrix("php-cli", &["php"], "loads its extensions with RTLD_DEEPBIND"),
    for_matrix("php-curl", &["/etc/php/8.2/mods-available/curl.ini"], "one of them"),
    for_matrix("apache2-bin", &["apache2"], "its threads"),
    for_matrix("uvicorn", &["uvicorn"], "an application of asyncio"),
    for_matrix("python3-uvloop", &["/usr/lib/python3/dist-packages/uvloop/__init__.py"], "libuv's loop for it"),
    for_matrix("mariadb-server", &["mariadbd", "mariadb-install-db"], "a thread a connection"),
    for_matrix("sysbench", &["sysbench"], "load for it"),
    for_matrix("bind9", &["named"], "libuv's sockets of UDP, a thread each"),
    package("openssh-client", &["ssh", "ssh-keygen"], "a client with a seccomp-filtered peer"),
    package("openssh-server", &["sshd"], "the host's server for it"),
    package("tshark", &["tshark"], "checks captures: malformed packets, checksums"),
    package("strace", &["strace"], "proves that no host socket was opened"),
    package("util-linux", &["setpriv", "nsenter", "unshare"], "other users, namespaces"),
    package("gcc", &["gcc"], "a program that must not notice the preload"),
    package("binutils", &["objdump"], "which functions of libc come to socket(2)"),
    package("git", &["git"], "another one"),
    package("python3.11", &["python3.11"], "the interpreter of CPython's test suite"),
    package("libpython3.11-testsuite", &["/usr/lib/python3.11/test/test_socket.py"], "CPython's own tests of sockets"),
];

/// The directories where Debian puts programs; looked at before `PATH`, whose shims of version managers only work for one user.
const DIRECTORIES: &[&str] = &["/usr/bin", "/usr/sbin", "/bin", "/sbin"];

/// Where `program` is; the failure names the package to install.
pub fn find(program: &str) -> Outcome<PathBuf> {
    if program.contains('/') {
        let path = PathBuf::from(program);
        return if path.exists() { Ok(path) } else { Err(missing(program)) };
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    DIRECTORIES
        .iter()
        .map(PathBuf::from)
        .chain(std::env::split_paths(&path))
        .map(|directory| directory.join(program))
        .find(|candidate| candidate.is_file())
        .ok_or_else(|| missing(program))
}

fn missing(program: &str) -> Failure {
    match PACKAGES.iter().find(|package| package.programs.contains(&program)) {
        Some(package) => Failure::new(format!(
            "{program} is not installed; it comes with the package {}: run `cargo xtask setup`",
            package.name
        )),
        None => Failure::new(format!("{program} was not found in PATH")),
    }
}
