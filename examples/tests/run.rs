//! Every example runs, ends by itself, and prints what its reader is told that it prints.

use std::path::PathBuf;
use std::process::Command;

/// Runs an example that `cargo test` has built beside this test; what it printed.
fn run(name: &str, arguments: &[&str]) -> String {
    let test = std::env::current_exe().expect("the test's own path");
    let built: PathBuf = test.ancestors().nth(2).expect("target/debug").join("examples").join(name);
    assert!(built.exists(), "{} is not there: `cargo test -p examples` builds it", built.display());
    let directory = tempfile::tempdir().expect("a directory");
    let output = Command::new(&built).args(arguments).env("TMPDIR", directory.path()).output().expect("it starts");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{name}: {}\n{out}{err}", output.status);
    assert_eq!(err, "", "{name} complains");
    assert_eq!(directory.path().read_dir().expect("readable").count(), 0, "{name} leaves something behind");
    out.into_owned()
}

/// Every one of `lines` is a part of a line of `output`, in this order.
#[track_caller]
fn assert_in_order(output: &str, lines: &[&str]) {
    let mut rest = output.lines();
    for line in lines {
        assert!(rest.any(|printed| printed.contains(line)), "{line:?} is not (or not there) in:\n{output}");
    }
}

#[test]
fn echo() {
    let output = run("echo", &[]);
    assert_in_order(
        &output,
        &[
            "server: listening on 10.0.0.1:7",
            "client: sent \"hello\", read \"hello\"",
            "client: the server closed after us",
            "server: 42 bytes sent back",
            "client: 127.0.0.1:7 refuses",
        ],
    );
    assert!(output.contains("server: accepted 10.0.0.2:"), "{output}");
}

#[test]
fn two_nodes() {
    assert_in_order(
        &run("two_nodes", &[]),
        &[
            "kernel one:",
            "lo: 127.0.0.1/8",
            "shmif0: 10.0.0.1/24, b2:a0:",
            "kernel two:",
            "shmif0: 10.0.0.2/24, b2:a0:",
            "nodes on the bus:",
            "10.0.0.1",
            "10.0.0.2",
            "ping 10.0.0.2: sequence 1, ttl 64",
            "ping 10.0.0.2: sequence 3, ttl 64",
            "two: \"who is there?\" from 10.0.0.1:",
            "one: \"kernel two\" is the answer",
            "a third node with 10.0.0.1: ",
            "after both have left, 0 nodes are on the bus",
        ],
    );
}

#[test]
fn frames() {
    let output = run("frames", &[]);
    // Each kernel says so by itself: who is first is nobody's promise.
    for announced in ["ARP 10.0.0.1 is here", "ARP 10.0.0.2 is here"] {
        assert!(output.contains(announced), "{output}");
    }
    assert_in_order(
        &output,
        &[
            "ARP 10.0.0.2 asks: who has 10.0.0.1?",
            "ARP 10.0.0.1 is at b2:a0:",
            "10.0.0.2 > 10.0.0.1: UDP ",
            "10.0.0.1 > 10.0.0.2: ICMP nobody listens on that port",
            " > 80 SYN, 0 bytes, checksum left out",
            "TCP 80 > ",
            " > 80 PSH ACK, 5 bytes",
            "TCP 80 > ",
            "FIN",
            "frames, 0 lost by us",
            "the datagram: Connection refused (os error 111); the request: 30000 bytes and the end",
        ],
    );
    assert!(!output.contains("malformed"), "{output}");
}

#[test]
fn virtual_time() {
    let (first, again, other) = (run("virtual_time", &["1"]), run("virtual_time", &["1"]), run("virtual_time", &["2"]));
    assert_eq!(first, again, "the same seed prints the same");
    assert_ne!(first.lines().nth(2), other.lines().nth(2), "another seed is another run");
    assert_in_order(&first, &["seed 1: 1048576 bytes", "10 % lost: "]);
    let losses: Vec<_> = first.lines().skip(1).collect();
    assert!(losses[0].ends_with(" 0 lost, 0 segments sent again"), "{first}");
    assert!(!losses[4].contains(" 0 "), "at 10 % something is lost and sent again: {first}");
}
