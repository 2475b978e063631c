//! `rump netstat`: the sockets of running kernels.

use std::net::SocketAddr;

use arena::observe::Observation;
use kernel::Description;
use kernel::endpoint::Kind;

use crate::kernels::{self, Running};
use crate::table::Table;
use crate::{Failure, print};

/// Shows the sockets of running kernels
///
/// RECV-Q and SEND-Q are bytes that the program has not read, and that the peer has not acknowledged; of a listener, the
/// connections that wait to be accepted. Nothing is asked of the kernels, which may be stopped or busy.
#[derive(clap::Args)]
pub struct Netstat {
    /// Only the kernels of this process
    #[arg(short, value_name = "PID")]
    pid: Option<u32>,
}

impl Netstat {
    pub fn run(self) -> Result<(), Failure> {
        print(&table(&kernels::find(self.pid).map_err(Failure::new)?))
    }
}

fn table(kernels: &[Running]) -> String {
    let mut table = Table::new(&["PID", "KERNEL", "PROTO", "RECV-Q", "SEND-Q", "LOCAL", "REMOTE", "STATE"]);
    for Running { pid, name, sockets } in kernels {
        for socket in sockets {
            let Some(description) = Description::decode(&socket.words) else { continue };
            let [receive, send] = queues(socket, &description);
            table.row([
                pid.to_string(),
                name.clone(),
                protocol(description.kind),
                receive.to_string(),
                send.to_string(),
                end(description.local),
                end(description.remote),
                description.state.to_owned(),
            ]);
        }
    }
    table.to_string()
}

fn queues(socket: &Observation, description: &Description) -> [u64; 2] {
    match description.state {
        "LISTEN" => [u64::from(socket.accept_queue), 0],
        _ => [socket.rx_used, socket.tx_used],
    }
}

fn protocol(kind: Kind) -> String {
    match kind {
        Kind::Stream => "tcp".to_owned(),
        Kind::Datagram => "udp".to_owned(),
        Kind::Ping => "icmp".to_owned(),
        Kind::Packet(_) => "packet".to_owned(),
        Kind::Raw(protocol) => format!("raw:{protocol}"),
    }
}

/// As netstat(8) writes it: `*` for a port that is none.
fn end(address: SocketAddr) -> String {
    match address.port() {
        0 => format!("{}:*", address.ip()),
        _ => address.to_string(),
    }
}
