//! `cargo xtask demo`: the README's first command. An ordinary user, two unmodified programs, two kernels, one bus.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use pcap_file::pcap::PcapReader;
use system_tests::failure::ensure;
use system_tests::unique::Directory;
use system_tests::{Bus, Failure, Outcome, Running, content, web};

use crate::{build, setup};

const SERVER: &str = "10.0.0.1";
const CLIENT: &str = "10.0.0.2";
const PAGE: &str = "<h1>Served by a rump kernel</h1>\n";
const FILE_SIZE: u64 = 100 << 20;

/// What curl says of a transfer: who served it to whom, how much, how long.
const REPORT: &str = "%{remote_ip}:%{remote_port} %{local_ip}:%{local_port} %{size_download}";

/// Runs it. Every step has a time limit; whatever happens, the bus, the files and the server are gone afterwards.
pub fn demo(pcap: &Path, no_build: bool) -> Outcome {
    if !no_build {
        setup::for_demo()?;
        build::library()?;
    }
    let site = Directory::new("rump-demo")?;
    site.write("index.html", PAGE)?;
    content::write(&site.join("large.bin"), FILE_SIZE)?;
    let bus = Bus::new();
    fs::write(pcap, "").map_err(|error| {
        Failure::new(format!("cannot write the capture {}: {error}; say where by --pcap FILE", pcap.display()))
    })?;

    println!(
        "An Ethernet in shared memory, and on it two unmodified programs with a TCP/IP stack of their own each:\n"
    );
    line("bus", bus.path().display());
    let served = format!("{},pcap={}", bus.node(&format!("{SERVER}/24")), pcap.display());
    let server = web::ready(web::server(80, site.path()).rump(&served))?;
    line("server", format_args!("python3 -m http.server 80    (kernel 1, {SERVER}, pid {})", server.pid()));
    line("client", format_args!("curl http://{SERVER}/        (kernel 2, {CLIENT})\n"));

    page(&bus)?;
    file(&bus, &site)?;
    no_host_socket(&server)?;
    server.stop().map_err(|_| Failure::new("the server did not end when it was told to"))?;
    captured(pcap)?;
    println!(
        "\nNo root, no interface of this machine, no change to either program: LD_PRELOAD=librumphijack.so and\n\
         RUMP_NET={} put them on the bus.",
        bus.node(&format!("{CLIENT}/24"))
    );
    Ok(())
}

fn line(what: &str, text: impl std::fmt::Display) {
    println!("  {what:<8}{text}");
}

fn fetch(bus: &Bus, name: &str, into: &Path) -> Outcome<String> {
    let fetched = web::curl(&format!("http://{SERVER}/{name}"))
        .args(["--write-out", REPORT, "--output"])
        .arg(into)
        .rump(&bus.node(&format!("{CLIENT}/24")))
        .run()?;
    Ok(fetched.text())
}

fn page(bus: &Bus) -> Outcome {
    let place = Directory::new("rump-demo-client")?;
    let got = place.join("page");
    let report = fetch(bus, "", &got)?;
    ensure(fs::read_to_string(&got)? == PAGE, || "the page that came is not the page that was served".to_owned())?;
    let mut words = report.split_whitespace();
    let (from, to) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    ensure(from == format!("{SERVER}:80"), || format!("the page came from {from}, not from {SERVER}:80"))?;
    ensure(to.starts_with(&format!("{CLIENT}:")), || format!("the page went to {to}, not to {CLIENT}"))?;
    line("page", format_args!("{} bytes, served by {from} to {to}", PAGE.len()));
    Ok(())
}

fn file(bus: &Bus, site: &Directory) -> Outcome {
    let place = Directory::new("rump-demo-client")?;
    let got = place.join("large.bin");
    let start = Instant::now();
    fetch(bus, "large.bin", &got)?;
    let took = start.elapsed();
    let (sent, came) = (content::sha256(&site.join("large.bin"))?, content::sha256(&got)?);
    ensure(sent == came, || format!("the file came damaged: sha256 {came}, not {sent}"))?;
    line("file", format_args!("{} MB in {}, sha256 {}… on both sides", FILE_SIZE >> 20, seconds(took), &sent[..16]));
    Ok(())
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

/// The server believes that it listens on port 80. The host's tables, and the process's descriptors in them, say otherwise.
fn no_host_socket(server: &Running) -> Outcome {
    let inet = inet_sockets()?;
    let held: Vec<u64> = socket_inodes(server.pid())?.into_iter().filter(|inode| inet.contains(inode)).collect();
    ensure(held.is_empty(), || format!("the server holds Internet sockets of the host: inodes {held:?}"))?;
    let listeners = fs::read_to_string("/proc/net/tcp")?;
    let taken = listeners.lines().any(|row| {
        let columns: Vec<&str> = row.split_whitespace().collect();
        columns.get(1).is_some_and(|local| local.ends_with(":0050")) && columns.get(3) == Some(&"0A")
    });
    let port = if taken { "belongs to another program, as before" } else { "is free, as before" };
    line("host", format_args!("its own port 80 {port}; the server holds no Internet socket of the host"));
    Ok(())
}

/// The inodes of every Internet socket in the host's network namespace.
fn inet_sockets() -> Outcome<HashSet<u64>> {
    let mut inodes = HashSet::new();
    for table in ["tcp", "tcp6", "udp", "udp6", "raw", "raw6"] {
        // Without IPv6 its tables are absent.
        let text = fs::read_to_string(format!("/proc/net/{table}")).unwrap_or_default();
        inodes.extend(text.lines().filter_map(|row| row.split_whitespace().nth(9)?.parse::<u64>().ok()));
    }
    Ok(inodes)
}

fn socket_inodes(pid: u32) -> Outcome<Vec<u64>> {
    let mut inodes = Vec::new();
    for entry in fs::read_dir(format!("/proc/{pid}/fd"))? {
        let Ok(target) = fs::read_link(entry?.path()) else { continue };
        let target = target.to_string_lossy().into_owned();
        inodes.extend(target.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']')?.parse::<u64>().ok()));
    }
    Ok(inodes)
}

fn captured(pcap: &Path) -> Outcome {
    let bad = |error: &dyn std::fmt::Display| Failure::new(format!("the capture {}: {error}", pcap.display()));
    let mut reader = PcapReader::new(fs::File::open(pcap)?).map_err(|error| bad(&error))?;
    let mut packets = 0;
    while let Some(packet) = reader.next_packet() {
        packet.map_err(|error| bad(&error))?;
        packets += 1;
    }
    ensure(packets > 0, || format!("the capture {} is empty", pcap.display()))?;
    line("pcap", format_args!("{packets} packets: tcpdump -r {} | head", pcap.display()));
    Ok(())
}
