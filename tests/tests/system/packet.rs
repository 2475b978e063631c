//! Packet sockets on a bus: a program that captures what others say to each other, and one that asks by ARP itself.

use std::time::Duration;

use system_tests::unique::Directory;
use system_tests::web::{self, Site};
use system_tests::{Bus, Outcome, Program, capture, failure::ensure};

/// Writes what passes the bus to the file that is its argument, as tcpdump does: promiscuous, and the frames of TCP's port 80 alone
/// (as tcpdump's `tcp port 80`, but without IP options), until nothing has come for a second after the first frame.
const CAPTURE: &str = "
import ctypes, socket, struct, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
s.bind(('shmif0', 3))
ops = [(0x28, 0, 0, 12), (0x15, 0, 8, 0x800), (0x30, 0, 0, 23), (0x15, 0, 6, 6), (0x28, 0, 0, 34), (0x15, 3, 0, 80),
       (0x28, 0, 0, 36), (0x15, 1, 0, 80), (0x06, 0, 0, 0), (0x06, 0, 0, 262144), (0x06, 0, 0, 0)]
code = ctypes.create_string_buffer(b''.join(struct.pack('HBBI', *op) for op in ops))
s.setsockopt(socket.SOL_SOCKET, 26, struct.pack('HxxxxxxQ', len(ops), ctypes.addressof(code)))
s.setsockopt(263, 1, struct.pack('iHH8x', socket.if_nametoindex('shmif0'), 1, 0))
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
file = open(sys.argv[1], 'wb')
file.write(struct.pack('IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 262144, 1))
print('capturing', flush=True)
s.settimeout(20)
kinds = set()
try:
    while True:
        frame, address = s.recvfrom(70000)
        kinds.add(address[2])
        file.write(struct.pack('IIII', 1, 0, len(frame), len(frame)) + frame)
        s.settimeout(1)
except TimeoutError:
    pass
file.close()
print('kinds', sorted(kinds))
";

#[test]
fn a_third_node_captures_what_two_others_say() -> Outcome {
    let (bus, site, place) = (Bus::new(), Site::new(1000)?, Directory::new("rump-captures")?);
    let file = place.join("packets.pcap");
    let captured = Program::python(CAPTURE).arg(&file).rump(&bus.node("10.7.0.3/24")).limit(Duration::from_secs(60));
    let mut capturing = captured.start()?;
    capturing.expect("capturing")?;
    let _server = web::ready(web::server(80, site.path()).rump(&bus.node("10.7.0.1/24")))?;
    site.fetch_file("10.7.0.1", |curl| curl.rump(&bus.node("10.7.0.2/24")))?;
    // Whatever it saw was for others.
    capturing.finish()?.success()?.expect("kinds [3]")?;
    let all = capture::check(&file, "frame")?;
    let fetched = capture::check(&file, "tcp.port == 80 && ip.addr == 10.7.0.2")?;
    let both_ways = capture::check(&file, "tcp.flags.syn == 1 && tcp.flags.ack == 1")?;
    ensure(all == fetched && both_ways >= 1, || format!("{fetched} of {all} frames are curl's, {both_ways} SYN-ACKs"))
}

#[test]
fn a_program_asks_by_arp_itself() -> Outcome {
    let bus = Bus::new();
    let idle = Program::python("import socket, time\ns = socket.socket()\nprint('up', flush=True)\ntime.sleep(30)");
    let mut other = idle.rump(&bus.node("10.7.0.1/24")).limit(Duration::from_secs(40)).start()?;
    other.expect("up")?;
    let asks = Program::python(
        "import socket, struct
s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0806))
s.bind(('shmif0', 0x0806))
own = s.getsockname()[4]
ask = struct.pack('!HHBBH6s4s6s4s', 1, 0x0800, 6, 4, 1, own, socket.inet_aton('10.7.0.2'), bytes(6), socket.inet_aton('10.7.0.1'))
s.sendto(ask, ('shmif0', 0x0806, 0, 0, b'\\xff' * 6))
s.settimeout(10)
while True:
    answer, address = s.recvfrom(100)
    if struct.unpack('!H', answer[6:8])[0] == 2:
        break
print('answer', address[2], answer[8:14] == address[4], socket.inet_ntoa(answer[14:18]), answer[18:24] == own)",
    );
    asks.rump(&bus.node("10.7.0.2/24")).run()?.expect("answer 0 True 10.7.0.1 True")?;
    Ok(())
}
