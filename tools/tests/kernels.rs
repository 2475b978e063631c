//! `rump ps` and `rump netstat` on kernels that the test itself runs.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;

use kernel::config::Config;
use kernel::{Kernel, Socket};

fn rump(arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(env!("CARGO_BIN_EXE_rump")).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

fn stream(kernel: &Arc<Kernel>) -> Arc<Socket> {
    kernel.socket(libc::AF_INET, libc::SOCK_STREAM, 0).unwrap()
}

fn at(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// The rows of `rump netstat` of this process without their process and kernel, in order.
fn netstat() -> Vec<String> {
    let text = rump(&["netstat", "-p", &std::process::id().to_string()]).unwrap();
    let row = |line: &str| line.split_whitespace().skip(2).collect::<Vec<_>>().join(" ");
    let mut rows: Vec<_> = text.lines().skip(1).map(row).collect();
    rows.sort();
    rows
}

#[test]
fn a_running_kernel_and_its_sockets_are_shown() {
    let kernel = Kernel::boot(Config::default()).unwrap();
    let listener = stream(&kernel);
    listener.bind(at(80)).unwrap();
    listener.listen(5).unwrap();
    let datagrams = kernel.socket(libc::AF_INET, libc::SOCK_DGRAM, 0).unwrap();
    datagrams.bind(SocketAddr::from(([0, 0, 0, 0], 53))).unwrap();
    let listening = ["tcp 0 0 127.0.0.1:80 0.0.0.0:* LISTEN", "udp 0 0 0.0.0.0:53 0.0.0.0:* UNCONN"];
    assert_eq!(netstat(), listening);

    let client = stream(&kernel);
    client.connect(at(80)).unwrap();
    let own = client.local_addr().unwrap();
    let waiting = "tcp 1 0 127.0.0.1:80 0.0.0.0:* LISTEN".to_owned();
    assert!(netstat().contains(&waiting), "{:?}", netstat());

    let (server, _) = listener.accept().unwrap();
    client.send(&[std::io::IoSlice::new(b"hello")], 0, None, &Default::default()).unwrap();
    let mut expected = listening.map(str::to_owned).to_vec();
    expected.push(format!("tcp 5 0 127.0.0.1:80 {own} ESTAB"));
    expected.push(format!("tcp 0 0 {own} 127.0.0.1:80 ESTAB"));
    expected.sort();
    assert_eq!(netstat(), expected);
    drop((server, datagrams));

    let pid = std::process::id().to_string();
    let ps = rump(&["ps"]).unwrap();
    let row = ps.lines().find(|line| line.split_whitespace().next() == Some(&pid)).unwrap_or_else(|| panic!("{ps}"));
    assert!(row.contains("kernels"), "the program's name and command: {row}");
}

#[test]
fn a_process_without_a_kernel_is_said() {
    let error = rump(&["netstat", "-p", "1"]).unwrap_err();
    assert!(error.contains("process 1 "), "{error}");
    let error = rump(&["netstat", "-p", "4194305"]).unwrap_err(); // above the largest pid that Linux gives
    assert_eq!(error, "rump: there is no process 4194305\n");
}
