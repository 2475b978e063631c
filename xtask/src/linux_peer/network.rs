//! Two hosts and the wire between them. Each host is a namespace with a bridge of the kernel, on which are the host's own
//! address, the TAP interface of `impair`, and one for a rump kernel: both kernels send through the same devices.

use std::time::Duration;

use system_tests::failure::ensure;
use system_tests::{Failure, Namespace, Outcome, Program, Running, rump};

use super::cells::Cell;

/// Which kernel an end is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// The host's.
    Linux,
    /// Ours.
    Rump,
}

/// See the module.
pub struct Network {
    left: Namespace,
    right: Namespace,
}

/// A wire that carries frames.
pub struct Wire(Running);

/// How true the wire was to its own times, in microseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lateness {
    /// Of half of the frames.
    pub median: f64,
    /// Of all but one in a hundred.
    pub p99: f64,
}

impl Network {
    /// Makes the two hosts. Needs root.
    pub fn new() -> Outcome<Network> {
        Ok(Network { left: host(1)?, right: host(2)? })
    }

    /// Joins them by the wire of a cell.
    pub fn wire(&self, cell: &Cell, seed: usize) -> Outcome<Wire> {
        let end = |host: &Namespace| format!("{}:wire", host.name());
        // Ahead of both ends, or its times would be theirs.
        let impair = Program::new("chrt").args(["-f", "50"]).arg(rump::build_directory().join("impair"));
        let mut wire = impair
            .args([end(&self.left), end(&self.right)])
            .args(["--mbit", &cell.mbit.to_string(), "--rtt-ms", &cell.rtt_ms.to_string()])
            .args(["--queue", &cell.queue_bytes().to_string(), "--loss", &cell.loss.to_string()])
            .args(["--reorder", &cell.reorder.to_string(), "--seed", &seed.to_string()])
            .limit(Duration::from_secs(120))
            .start()?;
        wire.expect("ready")?;
        Ok(Wire(wire))
    }

    /// A server on the right, which counts what comes to it.
    pub fn server(&self, kernel: Kernel) -> Outcome<Running> {
        let at = format!("{}:5001", address(kernel, 2));
        let mut server =
            on(kernel, &self.right, 2, netbench().args(["serve", &at])).limit(Duration::from_secs(120)).start()?;
        server.expect("ready=")?;
        Ok(server)
    }

    /// A client on the left that sends to the server on `to`.
    pub fn client(&self, kernel: Kernel, to: Kernel, skip: f64, seconds: f64) -> Outcome<Running> {
        let at = format!("{}:5001", address(to, 2));
        let flow = netbench().args(["flow", &at, "--skip", &skip.to_string(), "--seconds", &seconds.to_string()]);
        // The host's default may be another. Ours is CUBIC.
        let flow = if kernel == Kernel::Linux { flow.args(["--congestion", "cubic"]) } else { flow };
        on(kernel, &self.left, 1, flow).limit(Duration::from_secs_f64(skip + seconds + 60.0)).start()
    }

    /// What a server counted of the client on `from`, in Mbit/s.
    pub fn figure(server: &mut Running, from: Kernel) -> Outcome<f64> {
        let label = format!("flow={} mbit=", address(from, 1));
        let said = server.expect(&label)?;
        let figure = said.lines().find_map(|line| line.strip_prefix(&label));
        figure.and_then(|figure| figure.parse().ok()).ok_or_else(|| Failure::new(format!("no figure in {said:?}")))
    }
}

impl Wire {
    /// Takes it away.
    pub fn take_away(self) -> Outcome<Lateness> {
        let text = self.0.stop()?.text();
        let figure = |name: &str| -> Outcome<f64> {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            line.and_then(|value| value.parse().ok()).ok_or_else(|| Failure::new(format!("no {name} in {text:?}")))
        };
        ensure(figure("refused")? == 0.0, || format!("an end refused frames:\n{text}"))?;
        Ok(Lateness { median: figure("late_median_us")?, p99: figure("late_p99_us")? })
    }
}

/// Ahead of all but the wire, as the receive path of the host's kernel is.
fn netbench() -> Program {
    Program::new("chrt").args(["-f", "10"]).arg(rump::build_directory().join("netbench"))
}

fn on(kernel: Kernel, host: &Namespace, side: u8, program: Program) -> Program {
    let program = program.within(host);
    match kernel {
        Kernel::Linux => program,
        Kernel::Rump => program.rump(&format!("tap:rump,addr={}/24", address(Kernel::Rump, side))),
    }
}

/// Sides are 1 and 2.
fn address(kernel: Kernel, side: u8) -> String {
    let offset = if kernel == Kernel::Rump { 2 } else { 0 };
    format!("10.9.0.{}", side + offset)
}

fn host(side: u8) -> Outcome<Namespace> {
    let host = Namespace::new()?;
    let settings = [
        // Nothing on the wire but what is measured.
        "net.ipv6.conf.all.disable_ipv6=1",
        "net.ipv6.conf.default.disable_ipv6=1",
        // No connection learns from the one before.
        "net.ipv4.tcp_no_metrics_save=1",
        // Room for 1 Gbit/s × 100 ms.
        "net.ipv4.tcp_rmem=4096 131072 67108864",
        "net.ipv4.tcp_wmem=4096 16384 67108864",
    ];
    Program::new("sysctl").arg("-qw").args(settings).within(&host).run()?;
    host.ip("link add br0 type bridge")?;
    for device in ["wire", "rump"] {
        host.ip(&format!("tuntap add dev {device} mode tap vnet_hdr"))?;
        // The only queue that loses frames is the wire's.
        host.ip(&format!("link set {device} master br0 txqueuelen 10000 up"))?;
    }
    host.ip(&format!("address add {}/24 dev br0", address(Kernel::Linux, side)))?;
    host.ip("link set br0 up")?;
    Ok(host)
}
