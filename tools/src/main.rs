//! The `rump` command: a module a subcommand.

mod dumpbus;
mod help;
mod hooks;
mod kernels;
mod library;
mod netstat;
mod nodes;
mod ps;
mod run;
mod table;

use std::io::{ErrorKind, Write, stdout};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Programs on a network stack of their own.
#[derive(Parser)]
#[command(name = "rump", version, disable_help_subcommand = true, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Run(run::Run),
    Ps(ps::Ps),
    Netstat(netstat::Netstat),
    Nodes(nodes::Nodes),
    Dumpbus(dumpbus::Dumpbus),
    Hooks(hooks::Hooks),
    Help(help::Help),
}

/// Why a subcommand failed: one sentence for the user, and the exit status.
struct Failure {
    message: String,
    status: u8,
}

impl Failure {
    fn new(message: impl ToString) -> Failure {
        Failure { message: message.to_string(), status: 1 }
    }

    fn with_status(self, status: u8) -> Failure {
        Failure { status, ..self }
    }
}

/// Prints to standard output. A reader that has gone, as `head` does, is no error.
fn print(text: &str) -> Result<(), Failure> {
    match stdout().write_all(text.as_bytes()).and_then(|()| stdout().flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::new(format!("standard output: {error}"))),
        _ => Ok(()),
    }
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Run(run) => run.run(),
        Command::Ps(ps) => ps.run(),
        Command::Netstat(netstat) => netstat.run(),
        Command::Nodes(nodes) => nodes.run(),
        Command::Dumpbus(dumpbus) => dumpbus.run(),
        Command::Hooks(hooks) => hooks.run(),
        Command::Help(help) => help.run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure { message, status }) => {
            eprintln!("rump: {message}");
            ExitCode::from(status)
        }
    }
}
