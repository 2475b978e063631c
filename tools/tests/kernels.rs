//! `rump ps` and `rump netstat` on kernels that the test itself runs.

use std::net::SocketAddr;
use std::process::Command;

use kernel::Kernel;
use kernel::config::Config;

fn rump(arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(env!("CARGO_BIN_EXE_rump")).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
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
    let socket = |port: u16| {
        let socket = kernel.socket(libc::AF_INET, libc::SOCK_DGRAM, 0).unwrap();
        socket.bind(SocketAddr::from(([127, 0, 0, 1], port))).unwrap();
        socket
    };
    let (a, _b) = (socket(53), socket(54));
    a.connect(SocketAddr::from(([127, 0, 0, 1], 54))).unwrap();
    assert_eq!(netstat(), ["udp 0 0 127.0.0.1:53 127.0.0.1:54 UNCONN", "udp 0 0 127.0.0.1:54 0.0.0.0:* UNCONN"]);

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
