//! What CONFORMANCE.md names is there: files, what is in them, and tests.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

/// The rows of all tables: a rule, where it is kept, and what tests it.
fn rows() -> Vec<[String; 3]> {
    let text = fs::read_to_string(root().join("CONFORMANCE.md")).expect("the tables");
    let row = |line: &str| {
        let cells: Vec<_> =
            line.strip_prefix("| ")?.strip_suffix('|')?.split('|').map(|cell| cell.trim().into()).collect();
        Some(cells.try_into().unwrap_or_else(|cells: Vec<_>| panic!("{} cells: {line}", cells.len())))
    };
    text.lines().filter_map(row).collect()
}

/// What stands in backquotes, and what stands before it.
fn quoted(cell: &str) -> Vec<(&str, &str)> {
    let parts: Vec<&str> = cell.split('`').collect();
    parts.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()
}

/// The text of a file, or of all files in a directory and below.
fn text(path: &Path) -> Option<String> {
    if path.is_dir() {
        let inside = fs::read_dir(path).expect("readable").map(|entry| entry.expect("readable").path());
        return Some(inside.filter_map(|path| text(&path)).collect());
    }
    fs::read_to_string(path).ok()
}

/// Where the code is that keeps a rule: paths below `netstack/src` or of the repository, and what is in them.
fn absent_code(cell: &str) -> Vec<String> {
    let is_path = |name: &str| name.ends_with(".rs") || name.ends_with('/');
    let read = |name: &str| text(&root().join("netstack/src").join(name)).or_else(|| text(&root().join(name)));
    let (paths, names): (Vec<_>, Vec<_>) =
        quoted(cell).into_iter().map(|(_, name)| name).partition(|name| is_path(name));
    let there: String = paths.iter().filter_map(|path| read(path)).collect();
    let absent_paths = paths.into_iter().filter(|path| read(path).is_none());
    let absent_names = names.into_iter().filter(|name| !there.contains(name.rsplit("::").next().unwrap_or(name)));
    absent_paths.chain(absent_names).map(String::from).collect()
}

/// The file of tests that is called so: scripts, whole systems, or a module's own.
fn file_of_tests(name: &str) -> Option<String> {
    if let Some(scripts) = text(&root().join("netstack/tests").join(name).with_extension("rs")) {
        let dialogues = text(&root().join("netstack/tests/common/groups/dialogues.rs"))?;
        return Some(if scripts.contains("dialogues! {") { scripts + &dialogues } else { scripts });
    }
    if let Some(module) = name.strip_suffix("::tests") {
        let path = root().join("netstack/src").join(module.replace("::", "/"));
        let files = [path.join("tests.rs"), path.with_extension("rs"), path.join("mod.rs")];
        return files.iter().filter_map(|path| text(path)).find(|text| text.contains("#[test]"));
    }
    text(&root().join("tests/tests/system").join(name).with_extension("rs"))
}

/// Tests: of a file, one of it, another one of the same file, a group of the suite of socket semantics, or a fuzz target.
fn absent_tests(cell: &str) -> Vec<String> {
    let mut file = String::new();
    let mut is_there = |before: &str, name: &str| {
        let group = name.split('.').next().unwrap_or(name);
        if before.ends_with("suite's ") {
            return root().join(format!("tests/src/bin/semantics/{group}.rs")).exists();
        }
        if before.ends_with("fuzz target ") {
            return root().join(format!("fuzz/corpus/{name}.hex")).exists();
        }
        let (of, test) = name.rsplit_once("::").filter(|(_, test)| *test != "tests").unwrap_or((name, ""));
        if let Some(text) = file_of_tests(of) {
            file = text;
            return test.is_empty() || has(&file, test);
        }
        !name.contains("::") && has(&file, name)
    };
    quoted(cell).into_iter().filter(|(before, name)| !is_there(before, name)).map(|(_, name)| name.into()).collect()
}

fn has(file: &str, test: &str) -> bool {
    ["(", "<"].iter().any(|after| file.contains(&format!("fn {test}{after}")))
}

#[test]
fn all_code_and_all_tests_that_are_named_are_there() {
    let rows = rows();
    assert!(rows.len() > 100);
    let absent: Vec<String> =
        rows.iter().flat_map(|[_, code, tests]| [absent_code(code), absent_tests(tests)].concat()).collect();
    assert_eq!(absent, [""; 0]);
}

#[test]
fn what_is_not_there_is_missed() {
    assert_eq!(
        absent_code("`tcp/nagle.rs` `may_send_small`, `tcp/nowhere.rs` `nothing`"),
        ["tcp/nowhere.rs", "nothing"]
    );
    let tests = "`tcp_long`, `tcp_cork::nobody`, `tcp_data::nothing`, `nodelay_sends_each_piece`, `tcp::rtt::tests`, the suite's `no.thing`";
    assert_eq!(absent_tests(tests), ["tcp_cork::nobody", "tcp_data::nothing", "no.thing"]);
}
