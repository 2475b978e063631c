//! The table of hooks against libc itself: a function that touches descriptors, names or signals is in it, or there is a reason.

#[cfg(target_arch = "x86_64")]
mod calls;

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

use elf::ElfStream;
use elf::abi::{SHN_UNDEF, STT_FUNC, STT_GNU_IFUNC};
use elf::endian::AnyEndian;
use system_tests::failure::ensure;
use system_tests::{Failure, Outcome, Program, rump};

/// What the names of functions contain that may concern a socket.
const FAMILIES: &[&str] = &[
    "sock",
    "recv",
    "send",
    "poll",
    "select",
    "accept",
    "connect",
    "listen",
    "bind",
    "shutdown",
    "peer",
    "dup",
    "fcntl",
    "ioctl",
    "pipe",
    "fd",
    "inotify",
    "openpt",
    "getpt",
    "pty",
    "open",
    "creat",
    "temp",
    "close",
    "read",
    "write",
    "splice",
    "tee",
    "copy_file",
    "addrinfo",
    "nameinfo",
    "hostby",
    "hostent",
    "hostname",
    "hostid",
    "netby",
    "netent",
    "res_",
    "ifaddr",
    "if_",
    "rcmd",
    "rexec",
    "ruserok",
    "rresv",
    "clnt",
    "svc",
    "pmap",
    "rpc",
    "auth",
    "aio_",
    "lio_",
    "gai_",
    "fork",
    "exit",
    "exec",
    "spawn",
    "signal",
    "sigaction",
    "sigset",
    "siginterrupt",
    "sigvec",
    "syscall",
    "isatty",
    "lseek",
    "fstat",
    "sync",
    "daemon",
    "ether_",
    "myaddress",
    "longjmp",
    "pread",
    "pwrite",
    "fsmount",
    "fspick",
    "dlsym",
    "dlvsym",
];

/// Names that contain one of these by chance.
const OTHERS: &[&str] = &[
    "xdr",
    "wcs",
    "wmem",
    "str",
    "chroot",
    "key_",
    "create_module",
    "hcreate",
    "argz_create",
    "dcgettext",
    "_IO_un",
    "__cyg_profile",
    "bind_textdomain",
    "bindtextdomain",
    "gettimeofday",
    "settimeofday",
    "regexec",
    "re_exec",
    "process_madvise",
    "__gconv",
    "_dl_",
    "feof",
];

/// The functions that a program can call (GLIBC_PRIVATE ones it cannot), by the file's dynamic symbols, and where they are.
fn functions(library: &Path) -> Outcome<Vec<(String, Range<u64>)>> {
    let failed = |error: elf::ParseError| Failure::new(format!("{}: {error}", library.display()));
    let mut elf = ElfStream::<AnyEndian, _>::open_stream(File::open(library)?).map_err(failed)?;
    let mut public = Vec::new();
    {
        let versions = elf.symbol_version_table().map_err(failed)?.expect("libc's symbols have versions");
        let mut index = 0;
        while let Ok(definition) = versions.get_definition(index) {
            let names: Vec<_> = definition.map(|d| d.names.filter_map(Result::ok).collect()).unwrap_or_default();
            public.push(!names.contains(&"GLIBC_PRIVATE"));
            index += 1;
        }
    }
    let (symbols, strings) = elf.dynamic_symbol_table().map_err(failed)?.expect("libc is a dynamic library");
    let is_function = |kind| kind == STT_FUNC || kind == STT_GNU_IFUNC;
    let mut functions: Vec<(String, Range<u64>)> = symbols
        .iter()
        .zip(public)
        .filter(|(symbol, public)| *public && symbol.st_shndx != SHN_UNDEF && is_function(symbol.st_symtype()))
        .filter_map(|(symbol, _)| {
            let name = strings.get(symbol.st_name as usize).ok()?.to_owned();
            Some((name, symbol.st_value..symbol.st_value + symbol.st_size))
        })
        .collect();
    functions.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    functions.dedup();
    Ok(functions)
}

/// The library's own list: names, and how each is answered.
fn listing() -> Outcome<Vec<(String, String)>> {
    let failed = |error: elf::ParseError| Failure::new(format!("librumphijack.so: {error}"));
    rump::built()?;
    let mut elf = ElfStream::<AnyEndian, _>::open_stream(File::open(rump::library())?).map_err(failed)?;
    let section = *elf.section_header_by_name("rump_hooks").map_err(failed)?.expect("the section");
    let (bytes, _) = elf.section_data(&section).map_err(failed)?;
    let text = String::from_utf8_lossy(bytes).into_owned();
    let line = |line: &str| line.split_once('\t').map(|(name, how)| (name.to_owned(), how.to_owned()));
    Ok(text.lines().filter_map(line).collect())
}

/// The libc that this test runs with, and so the programs.
fn libc() -> PathBuf {
    let maps = std::fs::read_to_string("/proc/self/maps").expect("maps");
    let line = maps.lines().find(|line| line.ends_with("/libc.so.6")).expect("tests are linked to glibc");
    PathBuf::from(&line[line.find('/').expect("a path")..])
}

/// `pattern` is the name, with `*` for anything, once.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((before, after)) => {
            name.len() >= before.len() + after.len() && name.starts_with(before) && name.ends_with(after)
        }
    }
}

#[test]
fn every_function_of_libc_that_may_concern_a_socket_is_accounted_for() -> Outcome {
    let listing = listing()?;
    let concerns = |name: &&String| {
        FAMILIES.iter().any(|family| name.contains(family)) && !OTHERS.iter().any(|other| name.contains(other))
    };
    let functions = functions(&libc())?;
    let unknown: Vec<&String> = functions
        .iter()
        .map(|(name, _)| name)
        .filter(concerns)
        .filter(|name| !listing.iter().any(|(pattern, _)| matches(pattern, name)))
        .collect();
    ensure(unknown.is_empty(), || {
        format!("libc has functions that are neither in hijack/src/table.rs nor in hijack/src/listing.rs: {unknown:?}")
    })
}

/// Whatever it is called.
#[test]
#[cfg(target_arch = "x86_64")]
fn every_function_that_makes_an_internet_socket_inside_of_libc_is_accounted_for() -> Outcome {
    let listing = listing()?;
    let functions = functions(&libc())?;
    let reaching = calls::reaching_a_socket(&libc(), &functions)?;
    ensure(reaching.iter().any(|name| name == "rcmd"), || format!("rcmd(3) makes one, but is not among {reaching:?}"))?;
    let unknown: Vec<&String> =
        reaching.iter().filter(|name| !listing.iter().any(|(pattern, _)| matches(pattern, name))).collect();
    ensure(unknown.is_empty(), || {
        format!(
            "libc's functions that come to socket(2), and are in neither table.rs nor listing.rs of hijack/src: {unknown:?}"
        )
    })
}

#[test]
fn what_is_left_to_the_host_is_not_hooked_as_well() -> Outcome {
    let listing = listing()?;
    let (left, hooked): (Vec<_>, Vec<_>) = listing.iter().partition(|(_, how)| how.starts_with("left\t"));
    for (pattern, _) in left {
        let both = hooked.iter().find(|(name, _)| matches(pattern, name));
        ensure(both.is_none(), || format!("{pattern} is left to the host, yet {both:?} is hooked"))?;
    }
    Ok(())
}

#[test]
fn rump_hooks_says_who_answers() -> Outcome {
    let shown = Program::rump_command().words("hooks poll").run()?.text();
    let line = |function: &str| shown.lines().find(|line| line.split_whitespace().next() == Some(function));
    for (function, who) in [("ppoll", "rump, for its sockets"), ("__poll_chk", "rump")] {
        let line = line(function).unwrap_or_default();
        ensure(line.contains(who), || format!("{function}: {line:?}"))?;
    }
    ensure(line("socket").is_none(), || "socket does not contain poll".into())?;
    let left = Program::rump_command().words("hooks fsync").run()?.text();
    ensure(left.contains("the host: the host fails as for any socket"), || left)
}
