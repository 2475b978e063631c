//! A real program, and what it runs on.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::death_signal::die_with_parent;
use crate::{Failure, Finished, Namespace, Outcome, Running, packages, rump};

/// How long a program may run when nothing else is said.
const DEFAULT_LIMIT: Duration = Duration::from_secs(30);

/// A program to be started. Without more it runs on the host, with the harness's environment less everything of rump's.
///
/// The wrappers (namespace, user, tracer) stand before the program on one command line and each replaces itself by the next, so
/// the process that is started *is* the program; only the tracer stays. The preload reaches the program alone.
#[derive(Clone)]
pub struct Program {
    name: String,
    arguments: Vec<OsString>,
    environment: Vec<(String, OsString)>,
    namespace: Option<String>,
    nowhere: bool,
    user: Option<u32>,
    trace: Option<PathBuf>,
    directory: Option<PathBuf>,
    input: Option<Vec<u8>>,
    limit: Duration,
    needs_build: bool,
}

impl Program {
    /// The program `name`, looked for in the system's directories and in `PATH`; or a path.
    pub fn new(name: impl AsRef<Path>) -> Program {
        Program {
            name: name.as_ref().to_string_lossy().into_owned(),
            arguments: Vec::new(),
            environment: Vec::new(),
            namespace: None,
            nowhere: false,
            user: None,
            trace: None,
            directory: None,
            input: None,
            limit: DEFAULT_LIMIT,
            needs_build: false,
        }
    }

    /// `python3` that runs this script and writes without a buffer.
    pub fn python(script: &str) -> Program {
        Program::new("python3").args(["-u", "-c", script])
    }

    /// The built `rump` command.
    pub fn rump_command() -> Program {
        let mut program = Program::new(rump::command());
        program.needs_build = true;
        program
    }

    /// One more argument.
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Program {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// More arguments.
    pub fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Program {
        self.arguments.extend(arguments.into_iter().map(|a| a.as_ref().to_owned()));
        self
    }

    /// Arguments as one writes them in a shell, parted by blanks (no quoting).
    pub fn words(self, line: &str) -> Program {
        self.args(line.split_whitespace())
    }

    /// A variable of the program's environment.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Program {
        self.environment.push((name.to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Runs on a rump kernel of its own with this `RUMP_NET`, by `LD_PRELOAD` and nothing else.
    ///
    /// With `RUMP_TESTS_ON=host` in the environment it stays on the host kernel: a test of a program passes there first (in a
    /// namespace that has the test's addresses), and only then says something of rump.
    pub fn rump(self, net: &str) -> Program {
        if std::env::var_os("RUMP_TESTS_ON").is_some_and(|kernel| kernel == "host") {
            return self;
        }
        self.preload().env("RUMP_NET", net)
    }

    /// Preloads the library and sets no `RUMP_NET`.
    pub fn preload(mut self) -> Program {
        self.needs_build = true;
        self.env("LD_PRELOAD", rump::library())
    }

    /// Runs in a network namespace.
    pub fn within(mut self, namespace: &Namespace) -> Program {
        self.namespace = Some(namespace.name().to_owned());
        self
    }

    /// Runs in a new network namespace in which nothing is up, not even the loopback: what would fall back to the host fails.
    pub fn nowhere(mut self) -> Program {
        self.nowhere = true;
        self
    }

    /// Runs as another user (and the group of the same number, with no capabilities left).
    pub fn user(mut self, uid: u32) -> Program {
        self.user = Some(uid);
        self
    }

    /// Writes its `socket()` calls, and those of its children, to `file`, for [`crate::strace`].
    pub fn traced(mut self, file: &Path) -> Program {
        self.trace = Some(file.to_owned());
        self
    }

    /// The working directory.
    pub fn directory(mut self, directory: &Path) -> Program {
        self.directory = Some(directory.to_owned());
        self
    }

    /// What its standard input gives before the end of file. Without this it is empty.
    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> Program {
        self.input = Some(bytes.into());
        self
    }

    /// How long [`Program::run`] lets it live (30 s when not said).
    pub fn limit(mut self, limit: Duration) -> Program {
        self.limit = limit;
        self
    }

    /// Starts it and gives it back running; it is killed when dropped.
    pub fn start(self) -> Outcome<Running> {
        if self.needs_build {
            rump::built()?;
        }
        let line = self.command_line()?;
        let shown = shown(&line);
        let (first, rest) = line.split_first().expect("a command line begins with a program");
        let mut command = Command::new(first);
        command.args(rest).stdin(if self.input.is_some() { Stdio::piped() } else { Stdio::null() });
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        for (name, _) in std::env::vars_os() {
            if name == "LD_PRELOAD" || name.to_string_lossy().starts_with("RUMP_") {
                command.env_remove(name);
            }
        }
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        die_with_parent(&mut command);
        Running::start(command, shown, self.input, self.limit)
    }

    /// Runs it to its end, whatever the end is.
    pub fn finish(self) -> Outcome<Finished> {
        self.start()?.finish()
    }

    /// Runs it to its end; a failure unless it exits with 0.
    pub fn run(self) -> Outcome<Finished> {
        self.finish()?.success()
    }

    fn command_line(&self) -> Outcome<Vec<OsString>> {
        let mut line = Vec::new();
        let mut words = |program: &str, words: &[&str]| -> Outcome {
            line.push(packages::find(program)?.into_os_string());
            line.extend(words.iter().map(OsString::from));
            Ok(())
        };
        if let Some(namespace) = &self.namespace {
            words("nsenter", &[&format!("--net=/run/netns/{namespace}"), "--"])?;
        }
        if self.nowhere {
            words("unshare", &["--user", "--map-root-user", "--net", "--"])?;
        }
        if let Some(uid) = self.user {
            let uid = uid.to_string();
            words(
                "setpriv",
                &["--reuid", &uid, "--regid", &uid, "--clear-groups", "--inh-caps=-all", "--no-new-privs", "--"],
            )?;
        }
        if let Some(file) = &self.trace {
            let file = file.to_str().ok_or_else(|| Failure::new("the trace file's name is not UTF-8"))?;
            words("strace", &["-f", "-q", "-e", "trace=socket", "-o", file])?;
        }
        let assignments = self.environment.iter().map(|(name, value)| {
            let mut assignment = OsString::from(format!("{name}="));
            assignment.push(value);
            assignment
        });
        if self.trace.is_some() {
            for assignment in assignments {
                line.extend(["-E".into(), assignment]);
            }
            line.push("--".into());
        } else if !self.environment.is_empty() {
            line.push(packages::find("env")?.into_os_string());
            line.extend(assignments);
        }
        line.push(packages::find(&self.name)?.into_os_string());
        line.extend(self.arguments.iter().cloned());
        Ok(line)
    }
}

fn shown(line: &[OsString]) -> String {
    line.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
