//! `rump hooks`: what the library answers, what it leaves to the host's libc, and why.

use std::fs::File;
use std::path::{Path, PathBuf};

use elf::ElfStream;
use elf::endian::AnyEndian;

use crate::table::Table;
use crate::{Failure, library, print};

/// Shows which functions of libc the library answers, and which it leaves to the host and why
///
/// Functions of the same name with another ending (`64`, `_chk`, `__`) are other functions of libc's.
#[derive(clap::Args)]
pub struct Hooks {
    /// Those whose name contains this
    name: Option<String>,
    /// The library; unset: the one that `rump run` takes
    #[arg(long, value_name = "PATH")]
    lib: Option<PathBuf>,
}

/// The section in which the library lists them.
const SECTION: &str = "rump_hooks";

impl Hooks {
    pub fn run(self) -> Result<(), Failure> {
        let library = library::find(self.lib.as_deref()).map_err(Failure::new)?;
        let listing = listing(&library).map_err(|error| Failure::new(format!("{}: {error}", library.display())))?;
        let mut table = Table::new(&["FUNCTION", "WHO ANSWERS"]);
        let wanted = |line: &Line<'_>| self.name.as_deref().is_none_or(|name| line.function.contains(name));
        for line in listing.lines().filter_map(Line::parse).filter(wanted) {
            table.row([line.function.to_owned(), line.meaning()]);
        }
        print(&table.to_string())
    }
}

/// A line of the listing: `NAME\tWORD`, or `NAME\tleft\tWHY`.
struct Line<'a> {
    function: &'a str,
    word: &'a str,
    why: &'a str,
}

impl<'a> Line<'a> {
    fn parse(line: &'a str) -> Option<Line<'a>> {
        let mut fields = line.split('\t');
        Some(Line { function: fields.next()?, word: fields.next()?, why: fields.next().unwrap_or_default() })
    }

    /// The words of the table's rows, for who has not read it.
    fn meaning(&self) -> String {
        match self.word {
            "asks" | "tells" => "rump, for its sockets and networks",
            "opens" => "rump, for its sockets; others are noted",
            "replaces" => "rump, which calls the host's where it has to",
            "passes" => "the host, unless it would be a way past rump",
            "after" => "the host; rump notes what it did",
            "makes" => "the host; rump notes the new descriptor",
            "refuses" => "nobody: it fails, since libc would use the host's network",
            "left" => return format!("the host: {}", self.why),
            word => word,
        }
        .to_owned()
    }
}

fn listing(library: &Path) -> Result<String, String> {
    let file = File::open(library).map_err(|error| error.to_string())?;
    let mut elf = ElfStream::<AnyEndian, _>::open_stream(file).map_err(|error| error.to_string())?;
    let section = elf.section_header_by_name(SECTION).map_err(|error| error.to_string())?.copied();
    let section =
        section.ok_or_else(|| format!("has no section {SECTION}: it is not rump's, or of another version"))?;
    let (bytes, _) = elf.section_data(&section).map_err(|error| error.to_string())?;
    String::from_utf8(bytes.to_vec()).map_err(|error| error.to_string())
}
