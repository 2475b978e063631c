//! `rump run` as a user meets it. The preloaded library is a stand-in that does nothing: the C library itself, which the
//! programs have anyway.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn stand_in() -> PathBuf {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let line = maps.lines().find(|line| line.ends_with("/libc.so.6")).expect("tests are linked to glibc");
    PathBuf::from(&line[line.find('/').unwrap()..])
}

fn rump() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rump"));
    for name in ["RUMP_NET", "RUMP_SERVER", "RUMP_NCPU", "RUMP_VERBOSE", "RUMP_MEMLIMIT", "RUMP_SPIN_US", "LD_PRELOAD"]
    {
        command.env_remove(name);
    }
    command
}

fn rump_run(arguments: &[&str]) -> Command {
    let mut command = rump();
    command.arg("run").arg("--lib").arg(stand_in()).args(arguments);
    command
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output, status: i32) -> String {
    assert_eq!(output.status.code(), Some(status), "{output:?}");
    assert_eq!(output.stdout, b"", "{output:?}");
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn variable(environment: &str, name: &str) -> Option<String> {
    environment.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).map(str::to_owned)
}

#[test]
fn the_program_gets_its_settings_and_the_library() {
    let output = rump_run(&["--net", "shmif:bus, addr=10.0.0.2/24", "--verbose", "--", "env"])
        .env("LD_PRELOAD", "/nothing.so")
        .current_dir("/dev/shm")
        .output()
        .unwrap();
    let environment = stdout(&output);
    let variable = |name| variable(&environment, name);
    assert_eq!(variable("RUMP_NET").as_deref(), Some("shmif:/dev/shm/bus,addr=10.0.0.2/24"));
    assert_eq!(variable("RUMP_VERBOSE").as_deref(), Some("1"));
    let library = stand_in().canonicalize().unwrap();
    assert_eq!(variable("LD_PRELOAD"), Some(format!("{}:/nothing.so", library.display())));
}

#[test]
fn without_settings_none_are_made_up() {
    let environment = stdout(&rump_run(&["env"]).output().unwrap());
    assert_eq!((variable(&environment, "RUMP_NET"), variable(&environment, "RUMP_VERBOSE")), (None, None));
}

#[test]
fn the_environments_settings_are_taken_where_no_option_stands() {
    let output = rump_run(&["env"]).env("RUMP_NET", "tap:tap9;hostname=a").env("RUMP_NCPU", "1").output().unwrap();
    let environment = stdout(&output);
    assert_eq!(variable(&environment, "RUMP_NET").as_deref(), Some("tap:tap9;hostname=a"));
}

#[test]
fn a_programs_own_options_are_its_own() {
    let output = rump_run(&["--net", "hostname=a", "echo", "--net", "--verbose", "--", "-x"]).output().unwrap();
    assert_eq!(stdout(&output), "--net --verbose -- -x\n");
}

#[test]
fn exit_status_and_signals_are_the_programs_own() {
    let status = rump_run(&["sh", "-c", "exit 42"]).status().unwrap();
    assert_eq!(status.code(), Some(42));
    let status = rump_run(&["sh", "-c", "kill -TERM $$"]).status().unwrap();
    assert_eq!(status.signal(), Some(15));
    let mut child = rump_run(&["sleep", "60"]).spawn().unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(2));
}

#[test]
fn a_wrong_setting_is_said_before_the_program_begins() {
    let error = stderr(&rump_run(&["--net", "shmif:/b,mtu=12", "echo"]).output().unwrap(), 125);
    assert!(error.starts_with("rump: RUMP_NET: mtu=12: ") && error.lines().count() == 1, "{error}");
    let error = stderr(&rump_run(&["echo"]).env("RUMP_MEMLIMIT", "1t").output().unwrap(), 125);
    assert!(error.starts_with("rump: RUMP_MEMLIMIT=1t"), "{error}");
}

#[test]
fn a_directory_that_a_setting_cannot_hold_is_said() {
    let directory = tempfile::Builder::new().prefix("a,b").tempdir().unwrap();
    let run = |net| rump_run(&["--net", net, "echo"]).current_dir(directory.path()).output().unwrap();
    let error = stderr(&run("shmif:bus"), 125);
    assert!(error.contains("write the paths in full"), "{error}");
    stdout(&run("shmif:/dev/shm/bus"));
}

#[test]
fn a_missing_library_is_said() {
    let error = stderr(&rump().args(["run", "--lib", "/nowhere/lib.so", "echo"]).output().unwrap(), 125);
    assert!(error.contains("--lib /nowhere/lib.so"), "{error}");

    let directory = tempfile::tempdir().unwrap();
    let alone = directory.path().join("rump");
    copy(env!("CARGO_BIN_EXE_rump"), &alone);
    let error = stderr(&Command::new(alone).args(["run", "echo"]).env_clear().output().unwrap(), 125);
    assert!(error.contains("librumphijack.so is in none of ") && error.contains("--lib"), "{error}");
}

#[test]
fn the_library_of_an_installation_is_found() {
    let prefix = tempfile::tempdir().unwrap();
    let (bin, lib) = (prefix.path().join("bin"), prefix.path().join("lib/rump"));
    fs::create_dir_all(&bin).unwrap();
    fs::create_dir_all(&lib).unwrap();
    copy(env!("CARGO_BIN_EXE_rump"), &bin.join("rump"));
    copy(stand_in(), &lib.join("librumphijack.so"));
    let output = Command::new(bin.join("rump")).args(["run", "/usr/bin/env"]).env_clear().output().unwrap();
    let expected = lib.join("librumphijack.so").canonicalize().unwrap();
    assert_eq!(variable(&stdout(&output), "LD_PRELOAD"), Some(expected.display().to_string()));
}

#[test]
fn what_cannot_be_run_is_said_with_the_status_of_a_shell() {
    let error = stderr(&rump_run(&["no-such-program"]).output().unwrap(), 127);
    assert_eq!(error, "rump: no-such-program: no such program\n");
    stderr(&rump_run(&["/etc/passwd"]).output().unwrap(), 126);
}

#[test]
fn file_capabilities_are_refused_to_who_is_not_root() {
    let directory = tempfile::Builder::new().permissions(world_readable()).tempdir().unwrap();
    let program = directory.path().join("echo");
    copy(find_program("echo"), &program);
    // vfs_cap_data of version 2 with CAP_NET_RAW permitted and effective, as ping has it.
    let data = [1u32 | 0x0200_0000, 1 << 13, 0, 0, 0].map(u32::to_le_bytes).concat();
    rustix::fs::setxattr(&program, "security.capability", &data, rustix::fs::XattrFlags::empty())
        .expect("file capabilities are set by root only: run this test as root");
    let own = directory.path().join("rump");
    copy(env!("CARGO_BIN_EXE_rump"), &own);

    let run = |uid: u32| {
        use std::os::unix::process::CommandExt;
        let mut command = Command::new(&own);
        command.arg("run").arg("--lib").arg(stand_in()).arg(&program).env_clear().current_dir("/").uid(uid).gid(uid);
        command.output().unwrap()
    };
    let error = stderr(&run(65534), 125);
    assert!(error.contains("has file capabilities"), "{error}");
    assert_eq!(stdout(&run(0)), "\n");
}

#[test]
fn help_has_every_key_link_and_variable() {
    let net = stdout(&rump().args(["help", "net"]).output().unwrap());
    for word in [
        "shmif:/dev/shm/bus",
        "tap:tap0",
        "addr=",
        "gw=",
        "mtu=",
        "mac=",
        "pcap=",
        "dns=",
        "hosts=",
        "search=",
        "hostname=",
    ] {
        assert!(net.contains(word), "{word} is missing in: {net}");
    }
    let env = stdout(&rump().args(["help", "env"]).output().unwrap());
    for word in ["RUMP_NET", "RUMP_SERVER", "RUMP_NCPU", "RUMP_VERBOSE", "RUMP_MEMLIMIT", "RUMP_SPIN_US"] {
        assert!(env.contains(word), "{word} is missing in: {env}");
    }
    assert!(stdout(&rump().args(["help", "run"]).output().unwrap()).contains("--net <SPEC>"));
    assert!(stderr(&rump().args(["help", "nothing"]).output().unwrap(), 1).contains("net, env"));
}

/// Copies by another process: a copy that this one wrote could not be executed (ETXTBSY) while a test beside is between fork
/// and exec with the open file.
fn copy(from: impl AsRef<Path>, to: &Path) {
    assert!(Command::new("cp").arg(from.as_ref()).arg(to).status().unwrap().success());
}

fn world_readable() -> fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o755)
}

fn find_program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    std::env::split_paths(&path)
        .map(|place: PathBuf| place.join(name))
        .find(|file: &PathBuf| Path::exists(file))
        .unwrap()
}
