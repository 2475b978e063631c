//! A bridge of Linux that snoops: it passes groups on to who reports them and to nobody else.

use system_tests::unique::Directory;
use system_tests::{Namespace, Outcome, Program, capture};

/// Hears one datagram of the source that it wants, and stays for a question or two.
const MEMBER: &str = "
import socket, struct, time
def storage(addr): return struct.pack('=HHI16s104x', socket.AF_INET6, 0, 0, socket.inet_pton(socket.AF_INET6, addr))
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.bind(('::', 7777))
MCAST_JOIN_SOURCE_GROUP = 46
index = socket.if_nametoindex('tap0')
s.setsockopt(socket.IPPROTO_IPV6, MCAST_JOIN_SOURCE_GROUP, struct.pack('=I4x', index) + storage('ff15::77') + storage('fd01::1'))
print('joined', flush=True)
print('heard', s.recv(100), flush=True)
time.sleep(5)";

/// What the bridge knows, once it knows the group and that of the address.
const KNOWN: &str = "
known() { bridge -d mdb show dev br0; }
for n in $(seq 50); do known | grep -q ff15::77 && known | grep -q ff02::1:ff00:2 && break; sleep 0.2; done
known";

const SENDER: &str = "
import socket, time
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.bind(('fd01::1', 0))
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, socket.if_nametoindex('br0'))
s.sendto(b'to the group', ('ff15::77', 7777))";

#[test]
fn a_bridge_that_snoops_passes_on_what_is_reported() -> Outcome {
    let (namespace, captures) = (Namespace::new()?, Directory::new("rump-captures")?);
    // It asks every two seconds, with half a second to answer.
    namespace.ip(
        "link add br0 type bridge mcast_snooping 1 mcast_querier 1 mcast_mld_version 2 mcast_query_interval 200 \
         mcast_startup_query_interval 200 mcast_query_response_interval 50",
    )?;
    namespace.ip("tuntap add dev tap0 mode tap")?;
    for words in ["tap0 master br0 up", "tap0 type bridge_slave mcast_flood off", "br0 up"] {
        namespace.ip(&format!("link set {words}"))?;
    }
    namespace.ip("address add fd01::1/64 dev br0 nodad")?;
    let host = |program: Program| program.within(&namespace).run();
    let pcap = captures.join("wire.pcap");
    let net = format!("tap:tap0,addr=fd01::2/64,pcap={}", pcap.display());
    let mut member = Program::python(MEMBER).within(&namespace).rump(&net).start()?;
    member.expect("joined")?;
    // Neighbour discovery goes by groups as well.
    host(Program::new("ping").words("-6 -n -c 1 -w 10 fd01::2"))?.expect(" 1 received")?;
    // The first reports may come before the bridge has seen that its port is up: they are repeated.
    let known = host(Program::new("sh").args(["-c", KNOWN]))?;
    known.expect("grp ff15::77 src fd01::1")?.expect("grp ff02::1:ff00:2")?;
    host(Program::python(SENDER))?;
    member.expect("heard b'to the group'")?;
    member.finish()?.success()?;
    // The bridge's questions, and records of what is (1 and 2), not of what changes.
    capture::check(&pcap, "icmpv6.type == 130")?;
    capture::check(&pcap, "icmpv6.mldr.mar.record_type == 1 && icmpv6.mldr.mar.multicast_address == ff15::77")?;
    capture::check(&pcap, "icmpv6.mldr.mar.record_type == 2 && ipv6.src == fe80::/10").map(drop)
}
