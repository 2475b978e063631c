//! Rump sockets are descriptors: what programs do with descriptors, and with processes, works on them.

use system_tests::{Outcome, Program};

/// Two connected sockets, `a` and `b`, and a way to see that they still are.
const PAIR: &str = "
import array, os, select, socket, subprocess, sys, threading
listener = socket.socket()
listener.bind(('127.0.0.1', 80))
listener.listen(5)
a = socket.create_connection(('127.0.0.1', 80))
b, _ = listener.accept()
def alive():
    a.send(b'still here')
    return b.recv(100) == b'still here'
";

/// Runs a script after [`PAIR`] on a kernel without links; it prints `passed`.
fn script(text: &str) -> Outcome {
    let script = format!("{PAIR}{text}\nprint('passed')");
    Program::python(&script).nowhere().preload().run()?.expect("passed").map(drop)
}

#[test]
fn a_program_that_closes_everything_goes_on() -> Outcome {
    script(
        "
for s in (listener, a, b): s.detach()
for fd in range(3, 20000):
    try: os.close(fd)
    except OSError: pass
listener = socket.socket()
listener.bind(('127.0.0.1', 80))
listener.listen(5)
c = socket.create_connection(('127.0.0.1', 80))
d, _ = listener.accept()
c.send(b'after closing everything')
assert d.recv(100) == b'after closing everything'",
    )
}

#[test]
fn a_descriptor_that_is_replaced_closes_the_socket() -> Outcome {
    script(
        "
null = os.open('/dev/null', os.O_RDWR)
os.dup2(null, a.fileno())
assert b.recv(10) == b''
os.write(a.fileno(), b'to the file')
copy = b.fileno() + 20
os.dup2(b.fileno(), copy)
b.close()
os.write(copy, b'x')",
    )
}

#[test]
fn a_descriptor_that_is_passed_on_is_recognised() -> Outcome {
    script(
        "
x, y = socket.socketpair()
socket.send_fds(x, [b'-'], [a.fileno()])
_, fds, _, _ = socket.recv_fds(y, 10, 2)
copy = socket.socket(fileno=fds[0])
assert copy.family == socket.AF_INET and copy.getpeername() == ('127.0.0.1', 80)
copy.send(b'by the copy')
assert b.recv(100) == b'by the copy'
# The last name in flight alone: it is not the last close.
socket.send_fds(x, [b'-'], [a.fileno()])
copy.close(); a.close()
_, fds, _, _ = socket.recv_fds(y, 10, 2)
a = socket.socket(fileno=fds[0])
assert alive()
a.close()
assert b.recv(10) == b''",
    )
}

#[test]
fn streams_read_and_write() -> Outcome {
    script(
        "
f = os.fdopen(os.dup(a.fileno()), 'r+b', buffering=0)
f.write(b'a line\\n')
g = b.makefile('rw')
assert g.readline() == 'a line\\n'
g.write('answer\\n'); g.flush()
assert f.read(100) == b'answer\\n'
f.close()
assert alive()",
    )
}

#[test]
fn files_are_sent_and_pipes_spliced() -> Outcome {
    script(
        "
data = os.urandom(3_000_000)
def received():
    got = b''
    while len(got) < len(data): got += b.recv(65536)
    return got
def on_another_thread(f):
    thread = threading.Thread(target=f); thread.start(); return thread
import tempfile
with tempfile.TemporaryFile() as file:
    file.write(data); file.seek(0)
    sender = on_another_thread(lambda: a.sendfile(file))
    assert received() == data
    sender.join()
r, w = os.pipe()
def fill():
    view = memoryview(data)
    while view: view = view[os.write(w, view):]
    os.close(w)
def splice():
    while os.splice(r, a.fileno(), 100000) > 0: pass
threads = [on_another_thread(fill), on_another_thread(splice)]
assert received() == data
for thread in threads: thread.join()",
    )
}

#[test]
fn children_leave_the_parents_sockets_alone() -> Outcome {
    script(
        "
assert os.system('exit 7') >> 8 == 7 and alive()
assert subprocess.run(['echo', 'x'], capture_output=True, close_fds=True).stdout == b'x\\n' and alive()
assert os.popen('echo y').read() == 'y\\n' and alive()
assert os.waitstatus_to_exitcode(os.waitpid(os.posix_spawn('/bin/true', ['true'], {}), 0)[1]) == 0 and alive()
# A wait on rump and host descriptors together, in the parent and in the child.
r, w = os.pipe()
assert select.select([r, b], [], [], 0.01) == ([], [], [])
child = os.fork()
if child == 0:
    mine = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    mine.bind(('127.0.0.1', 53))
    assert select.select([r, mine], [], [], 0.01) == ([], [], [])
    mine.sendto(b'to myself', ('127.0.0.1', 53))
    assert select.select([r, mine], [], [], 5) == ([mine], [], [])
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0 and alive()",
    )
}

#[test]
fn an_image_that_inherits_a_socket_is_told() -> Outcome {
    script(
        "
a.set_inheritable(True)
# The shell doubles the socket onto its standard output; nothing may go where nobody reads.
ended = subprocess.run(['sh', '-c', f'echo lost >&{a.fileno()}'], close_fds=False, capture_output=True)
assert ended.returncode != 0 and ended.stderr.count(b'ENETDOWN') == 1, ended
ended = subprocess.run(['sh', '-c', f'(echo lost >&{a.fileno()}); true'], close_fds=False, capture_output=True)
assert ended.stderr.count(b'ENETDOWN') == 1, ended
assert alive()",
    )
}

#[test]
fn forks_beside_busy_threads_never_hang() -> Outcome {
    script(
        "
import signal
done = False
def busy(port):
    to = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    to.bind(('127.0.0.1', port))
    while not done:
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.sendto(b'x', ('127.0.0.1', port)); to.recv(10); s.close()
threads = [threading.Thread(target=busy, args=(port,)) for port in (7001, 7002)]
for thread in threads: thread.start()
for _ in range(60):
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        own.bind(('127.0.0.1', 7001)); own.sendto(b'own', ('127.0.0.1', 7001))
        os._exit(0 if own.recv(10) == b'own' else 1)
    assert os.waitpid(child, 0)[1] == 0
done = True
for thread in threads: thread.join()
assert alive()",
    )
}
