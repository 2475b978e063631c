//! The `rump` command: a module a subcommand.

mod help;
mod run;

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

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Run(run) => run.run(),
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
