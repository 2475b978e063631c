use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use super::*;

/// A directory with executable files in it.
struct Bin(tempfile::TempDir);

impl Bin {
    fn new() -> Bin {
        Bin(tempfile::tempdir().unwrap())
    }

    fn add(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        path
    }

    fn path(&self) -> &OsStr {
        self.0.path().as_os_str()
    }

    fn check(&self, program: &Path) -> Result<(), Unreachable> {
        check(program, Some(self.path()))
    }
}

const PT_INTERP: u8 = 3;
const PT_NOTE: u8 = 4;

/// A 64-bit little-endian ELF executable of `machine` with those segments, as far as its headers go.
fn elf_file(machine: u8, segments: &[(u8, &[u8])]) -> Vec<u8> {
    let mut file = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    file.extend([2, 0, machine, 0, 1, 0, 0, 0]); // type, machine, version
    file.extend([0; 8]); // entry
    file.extend(64u64.to_le_bytes()); // program headers
    file.extend([0; 12]); // section headers, flags
    file.extend([64, 0, 56, 0, segments.len() as u8, 0, 64, 0, 0, 0, 0, 0]);
    let mut at = (64 + 56 * segments.len()) as u64;
    for (kind, content) in segments {
        let size = content.len() as u64;
        file.extend([*kind, 0, 0, 0, 4, 0, 0, 0]);
        file.extend([at, 0, 0, size, size, 4].map(u64::to_le_bytes).concat());
        at += size;
    }
    segments.iter().for_each(|(_, content)| file.extend(*content));
    file
}

fn image(machine: u8, interpreter: Option<&str>) -> Vec<u8> {
    let path = interpreter.map(|path| format!("{path}\0"));
    let segments: Vec<_> = path.iter().map(|path| (PT_INTERP, path.as_bytes())).collect();
    elf_file(machine, &segments)
}

fn shell() -> PathBuf {
    Path::new("/bin/sh").to_owned()
}

#[test]
fn a_name_is_found_as_execvp_finds_it() {
    let (first, second) = (Bin::new(), Bin::new());
    fs::write(first.0.path().join("a"), "not executable").unwrap();
    fs::create_dir(first.0.path().join("b")).unwrap();
    let (a, b) = (second.add("a", ""), second.add("b", ""));
    let path = std::env::join_paths([first.path(), second.path()]).unwrap();
    let find = |name: &str| find(OsStr::new(name), Some(&path));
    assert_eq!((find("a"), find("b")), (Ok(a.clone()), Ok(b)));
    assert_eq!(find(a.to_str().unwrap()), Ok(a));
    for name in ["c", "", "./c", "/"] {
        let error = find(name).unwrap_err();
        assert_ne!(error.status(), 125, "{error}");
    }
    let only = super::find(OsStr::new("a"), Some(first.path()));
    assert_eq!(only, Err(Unreachable::NotExecutable(first.0.path().join("a"))));
    assert_eq!(only.unwrap_err().status(), 126);
    assert_eq!(find("c").unwrap_err().status(), 127);
}

#[test]
fn the_programs_of_this_machine_are_reached() {
    let bin = Bin::new();
    assert_eq!(bin.check(&shell()), Ok(()));
    assert_eq!(bin.check(&std::env::current_exe().unwrap()), Ok(()));
}

#[test]
fn a_static_program_is_refused() {
    let bin = Bin::new();
    let program = bin.add("static", image(62, None));
    assert_eq!(bin.check(&program), Err(Unreachable::Static(program)));
}

#[test]
fn a_program_of_go_is_refused_though_it_is_dynamic() {
    let bin = Bin::new();
    let own = elf::ours().and_then(|ours| ours.interpreter).expect("tests are dynamically linked");
    let loader = [own.as_os_str().as_bytes(), b"\0"].concat();
    let check = |name: &str, notes: &[u8]| {
        let program = bin.add(name, elf_file(62, &[(PT_INTERP, &loader), (PT_NOTE, notes)]));
        (bin.check(&program), program)
    };
    // namesz, descsz, type, name, description
    let gnu = b"\x04\0\0\0\x04\0\0\0\x05\0\0\0GNU\0....";
    let go = b"\x04\0\0\0\x04\0\0\0\x04\0\0\0Go\0\0abcd";
    assert_eq!(check("c", gnu).0, Ok(()));
    assert_eq!(check("cut", &go[..9]).0, Ok(()));
    let (outcome, program) = check("go", &[gnu.as_slice(), go].concat());
    assert_eq!(outcome, Err(Unreachable::Go(program)));
}

#[test]
fn a_program_of_another_machine_or_libc_is_refused() {
    let ours = elf::ours().expect("tests are ELF");
    let own = ours.interpreter.clone().expect("tests are dynamically linked");
    let same = Image { interpreter: Some(Path::new("/elsewhere").join(own.file_name().unwrap())), ..ours.clone() };
    let program = Path::new("program");
    assert_eq!(loader(program, &same, Some(&ours)), Ok(()));
    for other in [Image { machine: 0, ..ours.clone() }, Image { is_64: !ours.is_64, ..ours.clone() }] {
        assert_eq!(loader(program, &other, Some(&ours)), Err(Unreachable::OtherMachine(program.to_owned())));
    }
    let musl = PathBuf::from("/lib/ld-musl-x86_64.so.1");
    let image = Image { interpreter: Some(musl.clone()), ..ours.clone() };
    let expected = Unreachable::OtherLibc { program: program.to_owned(), loader: musl, ours: own };
    assert_eq!(loader(program, &image, Some(&ours)), Err(expected));
}

#[test]
fn headers_are_read_from_the_file() {
    let bin = Bin::new();
    let read = |content: &[u8]| elf::read(File::open(bin.add("program", content)).unwrap());
    let expected = Image { machine: 183, is_64: true, interpreter: Some(PathBuf::from("/lib/ld.so")), is_go: false };
    assert_eq!(read(&image(183, Some("/lib/ld.so"))).unwrap(), Some(expected));
    for text in [b"".as_slice(), b"\x7fEL", b"echo hello\n"] {
        assert_eq!(read(text).unwrap(), None);
    }
    let whole = image(62, Some("/lib/ld.so"));
    for cut in [4, 20, 63, 100, 122] {
        assert!(read(&whole[..cut]).is_err(), "cut at {cut}");
    }
}

#[test]
fn a_script_is_as_its_interpreter_is() {
    let bin = Bin::new();
    let fixed = bin.add("static", image(62, None));
    assert_eq!(bin.check(&bin.add("good", "#! /bin/sh -e\necho")), Ok(()));
    assert_eq!(bin.check(&bin.add("no-line", "echo hello\n")), Ok(()), "execvp(3) gives it to /bin/sh");
    assert_eq!(bin.check(&bin.add("empty", "")), Ok(()));

    let script = bin.add("bad", format!("#!{}", fixed.display()));
    let why = Box::new(Unreachable::Static(fixed.clone()));
    assert_eq!(bin.check(&script), Err(Unreachable::Interpreter { script: script.clone(), why }));
    let outer = bin.add("outer", format!("#!{} -x\n", script.display()));
    assert!(matches!(bin.check(&outer), Err(Unreachable::Interpreter { script, .. }) if script == outer));

    for line in ["#!/nowhere/sh", "#!", "#!   \n"] {
        let script = bin.add("missing", line);
        let error = bin.check(&script).unwrap_err();
        let Unreachable::Interpreter { why, .. } = &error else { panic!("{error}") };
        assert!(matches!(**why, Unreachable::NotFound(_)), "{error}");
    }
}

#[test]
fn what_env_finds_for_a_script_is_looked_at_too() {
    let bin = Bin::new();
    let fixed = bin.add("static", image(62, None));
    for line in ["#!/usr/bin/env static", "#!/usr/bin/env -S A=b static -x\n"] {
        let script = bin.add("script", line);
        let why = Box::new(Unreachable::Static(fixed.clone()));
        assert_eq!(bin.check(&script), Err(Unreachable::Interpreter { script, why }));
    }
}

#[test]
fn scripts_that_run_each_other_come_to_an_end() {
    let bin = Bin::new();
    let at = |name: &str| bin.0.path().join(name);
    bin.add("a", format!("#!{}", at("b").display()));
    bin.add("b", format!("#!{}", at("a").display()));
    assert!(bin.check(&at("a")).unwrap_err().to_string().contains("too deep"));
}

#[test]
fn who_gains_privilege_is_refused_the_library() {
    let caller = |uid, gid| Caller { uid, gid, ignores_grants: false };
    let grants = |mode, capabilities| Grants { mode, uid: 0, gid: 50, capabilities };
    // (mode, capabilities, caller's uid and gid, what is gained)
    let table = [
        (0o755, false, 1000, 1000, None),
        (0o4755, false, 1000, 1000, Some(Gain::Setuid)),
        (0o4755, false, 0, 0, None), // it is root's already
        (0o2755, false, 1000, 1000, Some(Gain::Setuid)),
        (0o2755, false, 0, 0, Some(Gain::Setuid)),
        (0o2755, false, 1000, 50, None),
        (0o2745, false, 1000, 1000, None), // no group execute
        (0o755, true, 1000, 1000, Some(Gain::Capabilities)),
        (0o755, true, 0, 0, None),
    ];
    for (mode, capabilities, uid, gid, expected) in table {
        let gained = grants(mode, capabilities).gain(&caller(uid, gid));
        assert_eq!(gained, expected, "{mode:o} {capabilities} run by {uid}:{gid}");
    }
    let ignores = Caller { ignores_grants: true, ..caller(1000, 1000) };
    assert_eq!(grants(0o6755, true).gain(&ignores), None);
}
