//! Whether a preloaded library reaches a program: what ld.so(8) would ignore it for, and what goes by it (Go), told before
//! the program uses the host's network.

mod elf;
mod privilege;
#[cfg(test)]
mod tests;

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use elf::Image;
use privilege::{Caller, Gain, Grants};

/// Why a program cannot be run on a rump kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreachable {
    NotFound(OsString),
    NotExecutable(PathBuf),
    NotReadable(PathBuf, String),
    Static(PathBuf),
    Go(PathBuf),
    Setuid(PathBuf),
    Capabilities(PathBuf),
    OtherMachine(PathBuf),
    OtherLibc { program: PathBuf, loader: PathBuf, ours: PathBuf },
    Interpreter { script: PathBuf, why: Box<Unreachable> },
    TooDeep(PathBuf),
}

/// The file that `name` means, as execvp(3) finds it.
pub fn find(name: &OsStr, path: Option<&OsStr>) -> Result<PathBuf, Unreachable> {
    if name.as_bytes().contains(&b'/') {
        return match Path::new(name) {
            file if is_executable(file) => Ok(file.to_owned()),
            file if file.exists() => Err(Unreachable::NotExecutable(file.to_owned())),
            _ => Err(Unreachable::NotFound(name.to_owned())),
        };
    }
    let path = path.unwrap_or(OsStr::new("/bin:/usr/bin"));
    let places: Vec<_> =
        std::env::split_paths(path).map(|place| place.join(name)).filter(|_| !name.is_empty()).collect();
    match (places.iter().find(|file| is_executable(file)), places.iter().find(|file| file.is_file())) {
        (Some(file), _) => Ok(file.clone()),
        (None, Some(file)) => Err(Unreachable::NotExecutable(file.clone())),
        (None, None) => Err(Unreachable::NotFound(name.to_owned())),
    }
}

/// Refuses a program that would run without the library. `path` is where a script's `env` looks.
pub fn check(program: &Path, path: Option<&OsStr>) -> Result<(), Unreachable> {
    const DEEPEST: u32 = 5; // execve(2): the host kernel follows no more interpreters
    check_at(program, path, DEEPEST)
}

fn check_at(program: &Path, path: Option<&OsStr>, depth: u32) -> Result<(), Unreachable> {
    let unreadable = |error: std::io::Error| Unreachable::NotReadable(program.to_owned(), error.to_string());
    let status = program.metadata().map_err(unreadable)?;
    let mut file = File::open(program);
    let mut head = [0; 256]; // BINPRM_BUF_SIZE, which is all that the host kernel looks at
    let head = match file.as_mut().map(|file| read_head(file, &mut head)) {
        Ok(Ok(len)) => &head[..len],
        _ => &[],
    };
    if let Some(line) = head.strip_prefix(b"#!") {
        // The privilege of a script's own file has no effect.
        let depth = depth.checked_sub(1).ok_or_else(|| Unreachable::TooDeep(program.to_owned()))?;
        return interpreters(line, path)
            .and_then(|found| found.iter().try_for_each(|i| check_at(i, path, depth)))
            .map_err(|why| Unreachable::Interpreter { script: program.to_owned(), why: Box::new(why) });
    }
    match Grants::of(program, &status).gain(&Caller::of(program)) {
        Some(Gain::Setuid) => return Err(Unreachable::Setuid(program.to_owned())),
        Some(Gain::Capabilities) => return Err(Unreachable::Capabilities(program.to_owned())),
        None => {}
    }
    let file = file.map_err(unreadable)?;
    match elf::read(file).map_err(unreadable)? {
        Some(image) => loader(program, &image, elf::ours().as_ref()),
        None if depth > 0 => check_at(Path::new("/bin/sh"), path, depth - 1), // execvp(3) on ENOEXEC
        None => Err(Unreachable::TooDeep(program.to_owned())),
    }
}

/// The library is of this command's own machine and C library.
fn loader(program: &Path, image: &Image, ours: Option<&Image>) -> Result<(), Unreachable> {
    let Some(loader) = &image.interpreter else { return Err(Unreachable::Static(program.to_owned())) };
    if image.is_go {
        return Err(Unreachable::Go(program.to_owned()));
    }
    let Some(ours) = ours else { return Ok(()) };
    if image.machine != ours.machine || image.is_64 != ours.is_64 {
        return Err(Unreachable::OtherMachine(program.to_owned()));
    }
    match &ours.interpreter {
        Some(own) if own.file_name() != loader.file_name() => {
            let (loader, ours) = (loader.clone(), own.clone());
            Err(Unreachable::OtherLibc { program: program.to_owned(), loader, ours })
        }
        _ => Ok(()),
    }
}

/// What a `#!` line runs: the interpreter, and with `env` the program that it finds.
fn interpreters(line: &[u8], path: Option<&OsStr>) -> Result<Vec<PathBuf>, Unreachable> {
    let line = line.split(|&b| b == b'\n' || b == 0).next().unwrap_or_default();
    let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).map(OsStr::from_bytes);
    let interpreter = words.next().unwrap_or_default();
    let mut found = vec![executable(interpreter)?];
    if Path::new(interpreter).file_name() == Some(OsStr::new("env")) {
        let is_program = |word: &&OsStr| !word.as_bytes().starts_with(b"-") && !word.as_bytes().contains(&b'=');
        if let Some(program) = words.find(is_program) {
            found.push(find(program, path)?);
        }
    }
    Ok(found)
}

/// The host kernel looks up an interpreter without PATH.
fn executable(interpreter: &OsStr) -> Result<PathBuf, Unreachable> {
    let file = Path::new(interpreter);
    if is_executable(file) { Ok(file.to_owned()) } else { Err(Unreachable::NotFound(interpreter.to_owned())) }
}

fn is_executable(file: &Path) -> bool {
    use rustix::fs::{Access, AtFlags, CWD};
    file.is_file() && rustix::fs::accessat(CWD, file, Access::EXEC_OK, AtFlags::EACCESS).is_ok()
}

fn read_head(file: &mut File, head: &mut [u8]) -> std::io::Result<usize> {
    let mut len = 0;
    while len < head.len() {
        match file.read(&mut head[len..])? {
            0 => break,
            read => len += read,
        }
    }
    Ok(len)
}

impl Unreachable {
    /// The exit status that shells and env(1) give for it.
    pub fn status(&self) -> u8 {
        match self {
            Unreachable::NotFound(_) => 127,
            Unreachable::NotExecutable(_) => 126,
            _ => super::REFUSED,
        }
    }
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unreachable::NotFound(name) => write!(f, "{}: no such program", name.display()),
            Unreachable::NotExecutable(file) => write!(f, "{}: you may not execute it", file.display()),
            Unreachable::NotReadable(file, error) => {
                write!(
                    f,
                    "{}: whether the library reaches it cannot be told, because it cannot be read: {error}",
                    file.display()
                )
            }
            Unreachable::Static(file) => write!(
                f,
                "{}: it is statically linked, so that no library can be put before it and it would use the host's network",
                file.display()
            ),
            Unreachable::Go(file) => write!(
                f,
                "{}: it is written in Go, whose sockets are not made by the C library, so that it would use the host's network",
                file.display()
            ),
            Unreachable::Setuid(file) => write!(
                f,
                "{}: it is setuid or setgid, and the loader of such programs takes no library of yours, so that it would use \
                 the host's network: run it as its owner, or a copy of it",
                file.display()
            ),
            Unreachable::Capabilities(file) => write!(
                f,
                "{}: it has file capabilities, and the loader of such programs takes no library of yours, so that it would use \
                 the host's network: run it as root, or a copy of it, which has none",
                file.display()
            ),
            Unreachable::OtherMachine(file) => write!(
                f,
                "{}: it is made for another machine than this command and its library, so that the loader would leave the \
                 library out",
                file.display()
            ),
            Unreachable::OtherLibc { program, loader, ours } => write!(
                f,
                "{}: it is loaded by {} and the library by {}: it needs a library built for its own C library",
                program.display(),
                loader.display(),
                ours.display()
            ),
            Unreachable::Interpreter { script, why } => write!(f, "{}: of what it runs, {why}", script.display()),
            Unreachable::TooDeep(file) => {
                write!(f, "{}: it is a script of a script of a script, too deep to run", file.display())
            }
        }
    }
}
