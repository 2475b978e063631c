use super::*;
use crate::backend::{Buffers, Call, Reply};
use crate::endpoint::{Kind, SocketId};
use crate::socket::Family;
use crate::{Kernel, Net};
use netstack::socket::BindOptions;
use std::sync::Arc;

fn boot(net: &str) -> Arc<Kernel> {
    Kernel::boot(net.parse::<Net>().expect("a network").into()).expect("boots")
}

fn read(kernel: &Kernel, path: &str) -> String {
    content_of(path.as_bytes()).expect("a file of ours")(kernel).expect("content")
}

fn call(kernel: &Kernel, call: Call<'_>) -> Reply {
    kernel.backend().call(call).expect("done")
}

fn bound(kernel: &Kernel, family: Family, kind: Kind, to: &str) -> SocketId {
    let buffers = Buffers { send: 16_384, receive: 16_384 };
    let id = call(kernel, Call::Open(family, kind, buffers)).socket().expect("a socket").id();
    call(kernel, Call::Bind(id, to.parse().expect("an address"), BindOptions::default()));
    id
}

#[test]
fn every_path_to_the_own_network_is_meant() {
    let own = format!("/proc/{}/net/tcp", std::process::id());
    for path in ["/proc/net/tcp", "/proc/self/net/tcp", "/proc/thread-self/net/tcp", &own] {
        assert!(content_of(path.as_bytes()).is_some(), "{path}");
    }
    for path in
        ["/proc/1/net/tcp", "/proc/net/unix", "/proc/net", "/proc/net/", "/proc/net/tcp/", "net/tcp", "/proc/self/tcp"]
    {
        assert!(content_of(path.as_bytes()).is_none(), "{path}");
    }
    // Only digits without a sign or a leading zero name a process.
    for odd in ["+", "0"] {
        let path = format!("/proc/{odd}{}/net/tcp", std::process::id());
        assert!(content_of(path.as_bytes()).is_none(), "{path}");
    }
}

#[test]
fn a_loopback_alone() {
    let kernel = boot("hostname=alone");
    let dev = read(&kernel, "/proc/net/dev");
    // As a fresh network namespace has it, byte for byte.
    let lo = "    lo:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0";
    assert_eq!(dev.lines().nth(2), Some(lo));
    assert_eq!(dev.lines().count(), 3);
    assert_eq!(read(&kernel, "/proc/net/if_inet6"), "00000000000000000000000000000001 01 80 10 80       lo\n");
    let route = read(&kernel, "/proc/net/route");
    assert_eq!((route.len(), route.lines().count()), (128, 1));
    assert_eq!(read(&kernel, "/proc/net/arp").lines().count(), 1);
    assert_eq!(
        read(&kernel, "/proc/net/ipv6_route"),
        "00000000000000000000000000000001 80 00000000000000000000000000000000 00 00000000000000000000000000000000 \
         00000000 00000001 00000000 80200001       lo\n"
    );
    kernel.leave();
}

#[test]
fn routes_of_a_bus() {
    let bus = std::env::temp_dir().join(format!("rump-proc-net-{}", std::process::id()));
    let kernel = boot(&format!("shmif:{},addr=10.0.0.1/24,gw=10.0.0.254", bus.display()));
    let route = read(&kernel, "/proc/net/route");
    let lines: Vec<_> = route.lines().skip(1).map(str::trim_end).collect();
    assert_eq!(
        lines,
        [
            "shmif0\t00000000\tFE00000A\t0003\t0\t0\t0\t00000000\t0\t0\t0",
            "shmif0\t0000000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0",
        ]
    );
    assert!(route.lines().all(|line| line.len() == 127));
    kernel.leave();
    let _ = std::fs::remove_file(bus);
}

#[test]
fn sockets_by_protocol_and_family() {
    let kernel = boot("hostname=alone");
    let listener = bound(&kernel, Family::Inet, Kind::Stream, "127.0.0.1:80");
    call(&kernel, Call::Listen(listener, 5));
    let client = bound(&kernel, Family::Inet, Kind::Stream, "127.0.0.1:4000");
    let buffers = Buffers { send: 16_384, receive: 16_384 };
    call(&kernel, Call::Connect(client, "127.0.0.1:80".parse().expect("an address"), buffers));
    bound(&kernel, Family::Inet6, Kind::Datagram, "[::1]:53");
    let uid = rustix::process::geteuid().as_raw();
    let tcp = read(&kernel, "/proc/net/tcp");
    assert!(tcp.lines().all(|line| line.len() == 149));
    let first =
        format!("   0: 0100007F:0050 00000000:0000 0A 00000000:00000001 00:00000000 00000000 {uid:5}        0 0 1 ");
    assert!(tcp.lines().nth(1).is_some_and(|line| line.starts_with(&first)), "{tcp}");
    assert!(tcp.contains(": 0100007F:0FA0 0100007F:0050 01 00000000:00000000 "));
    assert_eq!(read(&kernel, "/proc/net/tcp6").lines().count(), 1);
    assert_eq!(read(&kernel, "/proc/net/udp").lines().count(), 1);
    let udp6 = read(&kernel, "/proc/net/udp6");
    let ours =
        "    0: 00000000000000000000000001000000:0035 00000000000000000000000000000000:0000 07 00000000:00000000 ";
    assert!(udp6.lines().nth(1).is_some_and(|line| line.starts_with(ours)), "{udp6}");
    let sockstat = read(&kernel, "/proc/net/sockstat");
    assert!(
        sockstat.starts_with("sockets: used 4\nTCP: inuse 3 orphan 0 tw 0 alloc 3 mem 0\nUDP: inuse 0 "),
        "{sockstat}"
    );
    assert!(read(&kernel, "/proc/net/sockstat6").contains("UDP6: inuse 1\n"));
    kernel.leave();
}
