//! `rump run`: a program on a kernel of its own.

mod reach;

use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use kernel::config::{Config, Net};

use crate::{Failure, library};

/// Runs a program on a kernel of its own
///
/// The program replaces this command, so that signals and the exit status are its own. If it cannot be run the status is 127
/// (not found), 126 (found, but not executable) or 125 (a wrong setting, or a program that the library does not reach).
#[derive(clap::Args)]
pub struct Run {
    /// What the kernel is attached to, see `rump help net`; RUMP_NET otherwise
    #[arg(long, value_name = "SPEC")]
    net: Option<String>,
    /// Print the kernel's boot messages (RUMP_VERBOSE=1)
    #[arg(long, short)]
    verbose: bool,
    /// The library to use, found beside this command or in its ../lib otherwise
    #[arg(long, value_name = "PATH")]
    lib: Option<PathBuf>,
    /// The program and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "CMD")]
    command: Vec<OsString>,
}

const REFUSED: u8 = 125; // as env(1), nohup(1) and timeout(1) say that the failure is their own

impl Run {
    pub fn run(self) -> Result<(), Failure> {
        let refused = |message: String| Failure::new(message).with_status(REFUSED);
        let net = self.settings().map_err(refused)?;
        let library = library::find(self.lib.as_deref()).map_err(refused)?;
        let preload = preload(&library, env::var_os("LD_PRELOAD").as_deref()).map_err(refused)?;
        let [name, arguments @ ..] = self.command.as_slice() else { return Ok(()) };
        let path = env::var_os("PATH");
        let program = reach::find(name, path.as_deref())
            .and_then(|program| reach::check(&program, path.as_deref()).map(|()| program))
            .map_err(|error| Failure::new(&error).with_status(error.status()))?;

        let mut command = Command::new(&program);
        command.arg0(name).args(arguments).env("LD_PRELOAD", preload);
        if let Some(net) = net {
            command.env("RUMP_NET", net);
        }
        if self.verbose {
            command.env("RUMP_VERBOSE", "1");
        }
        let error = command.exec();
        Err(Failure::new(format!("{}: cannot be run: {error}", program.display())).with_status(126))
    }

    /// Reads all settings as the kernel will, so that a wrong one is said before the program begins. Gives RUMP_NET with
    /// its paths made absolute.
    fn settings(&self) -> Result<Option<String>, String> {
        let lookup = |name: &str| match (name, &self.net) {
            ("RUMP_NET", Some(net)) => Some(OsString::from(net)),
            _ => env::var_os(name),
        };
        let Config { interfaces, names, forward, secret, tcp, .. } =
            Config::from_env(lookup).map_err(|error| error.to_string())?;
        let mut net = Net { interfaces, names, forward, secret, tcp };
        let unresolved = net.to_string();
        if unresolved.is_empty() {
            return Ok(None);
        }
        let directory = env::current_dir().map_err(|error| format!("the current directory is not known: {error}"))?;
        net.resolve_paths(&directory);
        let resolved = net.to_string();
        match resolved.parse::<Net>() == Ok(net) {
            true => Ok(Some(resolved)),
            false => Err(format!(
                "RUMP_NET: {unresolved}: the name of the current directory has a character that RUMP_NET cannot hold (one of \
                 , ; or one that is not UTF-8): write the paths in full"
            )),
        }
    }
}

/// The library before what the user preloads already.
fn preload(library: &std::path::Path, users: Option<&OsStr>) -> Result<OsString, String> {
    // ld.so(8): entries are separated by spaces or colons, and $ begins a token.
    if library.as_os_str().as_bytes().iter().any(|b| b" :$".contains(b)) {
        return Err(format!(
            "{}: LD_PRELOAD cannot hold a path with a space, : or $: put the library elsewhere",
            library.display()
        ));
    }
    let mut preload = library.as_os_str().to_owned();
    if let Some(users) = users.filter(|users| !users.is_empty()) {
        preload.push(":");
        preload.push(users);
    }
    Ok(preload)
}
