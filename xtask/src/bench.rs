//! `cargo xtask bench`: the kernel's loopback and rump over the bus, by turns, in one run.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use system_tests::failure::ensure;
use system_tests::{Bus, Failure, Outcome, Program, Running, rump};

use crate::build;

/// What to run.
pub struct Plan {
    /// Interleaved rounds.
    pub rounds: usize,
    /// Seconds of a bulk or round-trip run.
    pub seconds: f64,
    /// Only measurements whose name contains this.
    pub only: Option<String>,
}

/// A row of the table: netbench's arguments, the figure that it prints, and what this issue promises.
struct Measurement {
    name: &'static str,
    mode: &'static str,
    options: &'static [&'static str],
    /// Both ends on this CPU.
    cpu: Option<&'static str>,
    figure: &'static str,
    unit: &'static str,
    /// What the ratio rump/host must not fall below or rise above.
    floor: Floor,
}

enum Floor {
    AtLeast(f64),
    AtMost(f64),
}

const MEASUREMENTS: &[Measurement] = &[
    Measurement {
        name: "bulk, 128 KiB writes",
        mode: "bulk",
        options: &["--size", "131072"],
        cpu: None,
        figure: "gbit",
        unit: "Gbit/s",
        floor: Floor::AtLeast(0.7),
    },
    Measurement {
        name: "bulk, 16 KiB writes",
        mode: "bulk",
        options: &["--size", "16384"],
        cpu: None,
        figure: "gbit",
        unit: "Gbit/s",
        floor: Floor::AtLeast(0.7),
    },
    Measurement {
        name: "round trip, ends free",
        mode: "roundtrip",
        options: &[],
        cpu: None,
        figure: "median_us",
        unit: "µs",
        floor: Floor::AtMost(1.2),
    },
    Measurement {
        name: "round trip, one CPU",
        mode: "roundtrip",
        options: &[],
        cpu: Some("0"),
        figure: "median_us",
        unit: "µs",
        floor: Floor::AtMost(1.2),
    },
    Measurement {
        name: "connections",
        mode: "connect",
        options: &[],
        cpu: None,
        figure: "per_second",
        unit: "1/s",
        floor: Floor::AtLeast(0.5),
    },
];

/// Measures and prints the table; a ratio beyond its floor is named, not hidden.
pub fn bench(plan: &Plan) -> Outcome {
    build::everything()?;
    println!("machine: {}", machine());
    println!("{} rounds, medians; rump: two processes, one shmif bus; host: the kernel's loopback\n", plan.rounds);
    println!("| measurement | host kernel | rump | ratio | floor |\n|---|---|---|---|---|");
    let wanted = |name: &str| plan.only.as_ref().is_none_or(|only| name.contains(only.as_str()));
    for measurement in MEASUREMENTS.iter().filter(|measurement| wanted(measurement.name)) {
        println!("{}", row(measurement, plan)?);
    }
    if wanted("start-up") {
        println!("{}", start_up(40 * plan.rounds)?);
    }
    Ok(())
}

fn machine() -> String {
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        info.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1)).unwrap_or("unknown CPU");
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{cpus} × {model}, Linux {}", kernel.trim())
}

fn row(measurement: &Measurement, plan: &Plan) -> Outcome<String> {
    let bus = Bus::new();
    let host_server = serve(measurement, "127.0.0.1:0", |program| program)?;
    let rump_server = serve(measurement, "10.0.0.1:5001", |program| program.rump(&bus.node("10.0.0.1/24")))?;
    let (mut host, mut rump) = (Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        host.push(run(measurement, plan, &host_server.1, |program| program)?);
        rump.push(run(measurement, plan, &rump_server.1, |program| program.rump(&bus.node("10.0.0.2/24")))?);
    }
    let (host, rump) = (median(&mut host), median(&mut rump));
    let ratio = rump / host;
    let (floor, kept) = match measurement.floor {
        Floor::AtLeast(least) => (format!("≥ {least}"), ratio >= least),
        Floor::AtMost(most) => (format!("≤ {most}"), ratio <= most),
    };
    let missed = if kept { "" } else { " **missed**" };
    let (name, unit) = (measurement.name, measurement.unit);
    Ok(format!("| {name} | {} {unit} | {} {unit} | {ratio:.2} | {floor}{missed} |", short(host), short(rump)))
}

fn short(value: f64) -> String {
    if value >= 1000.0 { format!("{value:.0}") } else { format!("{value:.1}") }
}

fn netbench(measurement: &Measurement) -> Program {
    let program = Program::new(rump::build_directory().join("netbench"));
    match measurement.cpu {
        Some(cpu) => program.args(["--cpu", cpu]),
        None => program,
    }
}

/// A server that is ready, and its address.
fn serve(measurement: &Measurement, at: &str, on: impl Fn(Program) -> Program) -> Outcome<(Running, String)> {
    let mut server = on(netbench(measurement).args(["serve", at])).start()?;
    let said = server.expect("ready=")?;
    let address = said.lines().find_map(|line| line.strip_prefix("ready=")).unwrap_or_default().to_owned();
    Ok((server, address))
}

fn run(measurement: &Measurement, plan: &Plan, at: &str, on: impl Fn(Program) -> Program) -> Outcome<f64> {
    let mut program = netbench(measurement).args([measurement.mode, at]).args(measurement.options);
    if measurement.mode != "connect" {
        program = program.args(["--seconds", &plan.seconds.to_string()]);
    }
    let text = on(program).limit(Duration::from_secs_f64(plan.seconds + 30.0)).run()?.text();
    let figures: HashMap<&str, &str> = text.lines().filter_map(|line| line.split_once('=')).collect();
    figures
        .get(measurement.figure)
        .and_then(|figure| figure.parse().ok())
        .ok_or_else(|| Failure::new(format!("netbench printed no {}:\n{text}", measurement.figure)))
}

/// What the preload adds to a program that does nothing.
fn start_up(times: usize) -> Outcome<String> {
    let library = rump::library();
    let (mut bare, mut preloaded) = (Vec::new(), Vec::new());
    for _ in 0..times {
        bare.push(once(None)?);
        preloaded.push(once(Some(&library))?);
    }
    let (bare, preloaded) = (median(&mut bare), median(&mut preloaded));
    let added = preloaded - bare;
    let missed = if added < 1.0 { "" } else { " **missed**" };
    Ok(format!("| start-up of `true` | {bare:.2} ms | {preloaded:.2} ms | +{added:.2} ms | < 1 ms{missed} |"))
}

/// Milliseconds that one `true` takes.
fn once(preload: Option<&PathBuf>) -> Outcome<f64> {
    let mut command = std::process::Command::new("/bin/true");
    if let Some(library) = preload {
        command.env("LD_PRELOAD", library);
    }
    let start = Instant::now();
    let status = command.status()?;
    let took = start.elapsed();
    ensure(status.success(), || format!("`true` ended with {status}"))?;
    Ok(took.as_secs_f64() * 1e3)
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The engine alone: benches/engine, which prints its own tables.
pub fn engine(more: &[String]) -> Outcome {
    let run = ["run", "--release", "--quiet", "-p", "engine-bench", "--"];
    build::cargo(&run.into_iter().chain(more.iter().map(String::as_str)).collect::<Vec<_>>())
}
