//! More datagrams than a bus carries.

use std::time::Duration;

use rustix::process::Signal;
use system_tests::{Bus, Outcome, Program, Running};

const SINK: &str = "
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('10.0.0.1', 9))
print('up', flush=True)
s.settimeout(10)
while (heard := s.recvfrom(65536))[0] != b'end':
    if heard[0] == b'there?': s.sendto(b'here', heard[1])
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

/// 10.0.0.1 of a bus, which takes datagrams until the end.
fn sink() -> Outcome<(Bus, Running)> {
    let bus = Bus::new();
    let sink = Program::python(SINK).rump(&bus.node("10.0.0.1/24")).limit(Duration::from_secs(60));
    let mut sink = sink.start()?;
    sink.expect("up")?;
    Ok((bus, sink))
}

#[test]
fn who_sends_datagrams_waits_while_there_is_no_room() -> Outcome {
    let (bus, sink) = sink()?;
    let flood = Program::python(FLOOD).rump(&bus.node("10.0.0.2/24")).limit(Duration::from_secs(40));
    assert_eq!(flood.run()?.text(), "blocking True\nby edges True\n");
    sink.finish()?.success()?.expect("ended")?;
    Ok(())
}

/// Stops a process, fills the way to it, as poll(2) sees it and as send(2) does, and goes on when there is room.
const PATIENT: &str = "
import os, select, signal, socket, sys, time
from pathlib import Path
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect(('10.0.0.1', 9))
s.send(b'there?')
s.recv(10)
os.kill(int(sys.argv[1]), signal.SIGSTOP)
threads = list(Path('/proc', sys.argv[1], 'task').iterdir())
while not all('(stopped)' in (thread / 'status').read_text() for thread in threads): time.sleep(0.01)
s.setblocking(False)
p = select.poll()
p.register(s, select.POLLOUT)
sent = 0
while p.poll(0):
    s.send(bytes(1000))
    sent += 1
more = 0
try:
    while more < 1000:
        s.send(bytes(1000))
        more += 1
except BlockingIOError: pass
print('full', sent > 0, 0 < more < 1000, p.poll(0), flush=True)
print('room', p.poll(10000) == [(s.fileno(), select.POLLOUT)], flush=True)
s.setblocking(True)
for _ in range(20):
    time.sleep(0.05)
    s.send(b'end')
";

#[test]
fn poll_says_that_there_is_no_room_while_the_receiver_is_stopped() -> Outcome {
    let (bus, sink) = sink()?;
    let patient = Program::python(PATIENT).arg(sink.pid().to_string()).rump(&bus.node("10.0.0.2/24"));
    let mut patient = patient.limit(Duration::from_secs(60)).start()?;
    patient.expect("full")?;
    sink.signal(Signal::CONT)?;
    let said = patient.finish()?.text();
    assert_eq!(said, "full True True []\nroom True\n");
    sink.finish()?.success()?.expect("ended")?;
    Ok(())
}
