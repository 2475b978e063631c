//! More datagrams than a bus carries.

use std::time::Duration;

use system_tests::{Bus, Outcome, Program};

const SINK: &str = "
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('10.0.0.1', 9))
print('up', flush=True)
s.settimeout(10)
while s.recv(65536) != b'end': pass
print('ended', flush=True)
";

/// Sends for a second and a half each way; what it sends at last arrives when there is room again.
const FLOOD: &str = "
import select, socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect(('10.0.0.1', 9))
def flood(send):
    sent, end = 0, time.time() + 1.5
    while time.time() < end:
        send(bytes(60000))
        sent += 1
    return sent
print('blocking', flood(s.send) > 0)
s.setblocking(False)
edges = select.epoll()
edges.register(s, select.EPOLLOUT | select.EPOLLET)
def patient(data):
    while True:
        try: return s.send(data)
        except BlockingIOError:
            if not edges.poll(5): raise SystemExit('no edge')
print('by edges', flood(patient) > 0)
s.setblocking(True)
for _ in range(20):
    time.sleep(0.05)
    s.send(b'end')
";

#[test]
fn who_sends_datagrams_waits_while_there_is_no_room() -> Outcome {
    let bus = Bus::new();
    let sink = Program::python(SINK).rump(&bus.node("10.0.0.1/24")).limit(Duration::from_secs(40));
    let mut sink = sink.start()?;
    sink.expect("up")?;
    let flood = Program::python(FLOOD).rump(&bus.node("10.0.0.2/24")).limit(Duration::from_secs(40));
    assert_eq!(flood.run()?.text(), "blocking True\nby edges True\n");
    sink.finish()?.success()?.expect("ended")?;
    Ok(())
}
