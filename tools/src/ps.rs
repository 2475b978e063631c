//! `rump ps`: the running kernels.

use crate::table::Table;
use crate::{Failure, kernels};

/// Shows the running kernels
///
/// Those of this user, or of all as root. A program has a kernel from its first socket on.
#[derive(clap::Args)]
pub struct Ps {}

impl Ps {
    pub fn run(self) -> Result<(), Failure> {
        let mut table = Table::new(&["PID", "KERNEL", "SOCKETS", "NET", "COMMAND"]);
        for kernel in kernels::find(None).map_err(Failure::new)? {
            table.row([
                kernel.pid.to_string(),
                kernel.name,
                kernel.sockets.len().to_string(),
                kernels::variable(kernel.pid, "RUMP_NET").unwrap_or_else(|| "-".to_owned()),
                kernels::command_line(kernel.pid),
            ]);
        }
        crate::print(&table.to_string())
    }
}
