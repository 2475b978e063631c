//! Point 5: every kernel has its own ports and its own 127.0.0.1.

use system_tests::unique::Directory;
use system_tests::{Bus, Outcome, Program, Running, web};

const SERVERS: u8 = 10;

fn ten_servers(bus: &Bus, sites: &Directory) -> Outcome<Vec<Running>> {
    (1..=SERVERS)
        .map(|n| {
            let site = sites.join(&n.to_string());
            std::fs::create_dir(&site)?;
            std::fs::write(site.join("index.html"), format!("server {n}"))?;
            web::ready(web::server(80, &site).rump(&bus.node(&format!("10.0.0.{n}/24"))))
        })
        .collect()
}

#[test]
fn ten_servers_bind_port_80() -> Outcome {
    let (bus, sites) = (Bus::new(), Directory::new("rump-sites")?);
    let _servers = ten_servers(&bus, &sites)?;
    for n in 1..=SERVERS {
        let page = web::curl(&format!("http://10.0.0.{n}/")).rump(&bus.node("10.0.0.0/24")).run()?.text();
        assert_eq!(page, format!("server {n}"));
    }
    Ok(())
}

#[test]
fn each_has_its_own_loopback() -> Outcome {
    let (bus, sites) = (Bus::new(), Directory::new("rump-sites")?);
    let site = sites.join("1");
    std::fs::create_dir(&site)?;
    let _server = web::ready(web::server(80, &site).rump(&bus.node("10.0.0.1/24")))?;
    // Port 80 of 127.0.0.1 is served in the server's kernel, and in no other.
    const CURL_COULD_NOT_CONNECT: i32 = 7;
    web::curl("http://127.0.0.1/").rump(&bus.node("10.0.0.2/24")).finish()?.code(CURL_COULD_NOT_CONNECT)?;
    Ok(())
}

#[test]
fn libc_makes_no_socket_of_its_own() -> Outcome {
    let script = "import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
port = ctypes.c_int(1023)
print(libc.rresvport(ctypes.byref(port)), errno.errorcode[ctypes.get_errno()])
host = ctypes.c_char_p(b'127.0.0.1')
print(libc.rcmd(ctypes.byref(host), 514, b'me', b'you', b'true', None), errno.errorcode[ctypes.get_errno()])
print(libc.ruserok(b'localhost', 0, b'you', b'me'), errno.errorcode[ctypes.get_errno()])";
    let said = Program::new("python3").args(["-c", script]).preload().run()?.text();
    assert_eq!(said, "-1 EAFNOSUPPORT\n".repeat(3));
    Ok(())
}

#[test]
fn a_ring_is_not_to_be_had_beside_rump_sockets() -> Outcome {
    let script = "import ctypes, errno, socket
libc = ctypes.CDLL(None, use_errno=True)
socket.socket()
parameters = ctypes.create_string_buffer(120)
print(libc.syscall(425, 4, parameters), errno.errorcode[ctypes.get_errno()])";
    let said = Program::new("python3").args(["-c", script]).preload().run()?.text();
    assert_eq!(said, "-1 ENOSYS\n");
    Ok(())
}
