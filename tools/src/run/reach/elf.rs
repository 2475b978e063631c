//! What the headers of an ELF file say of how it is loaded.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Error, ErrorKind, Read, Seek};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use elf::abi::{ELFMAGIC, PT_INTERP, PT_NOTE};
use elf::endian::AnyEndian;
use elf::file::Class;
use elf::note::Note;
use elf::{ElfStream, ParseError};

/// How a program is loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    pub machine: u16,
    pub is_64: bool,
    /// The loader; `None` for a static program.
    pub interpreter: Option<PathBuf>,
    /// Made by Go, which says so in a note.
    pub is_go: bool,
}

/// Reads an executable's headers; `None` if it is not ELF.
pub fn read(mut file: File) -> Result<Option<Image>, Error> {
    let mut magic = [0; ELFMAGIC.len()];
    file.rewind()?;
    match file.read_exact(&mut magic) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
        outcome => outcome?,
    }
    if magic != ELFMAGIC {
        return Ok(None);
    }
    parse(file).map(Some).map_err(|error| match error {
        ParseError::IOError(error) => error,
        error => Error::new(ErrorKind::InvalidData, error),
    })
}

/// How this command is loaded, and with it the library that was built for the same target.
pub fn ours() -> Option<Image> {
    read(File::open("/proc/self/exe").ok()?).ok()?
}

fn parse(file: File) -> Result<Image, ParseError> {
    let mut stream = ElfStream::<AnyEndian, _>::open_stream(file)?;
    let segment = stream.segments().iter().find(|segment| segment.p_type == PT_INTERP).copied();
    let interpreter = match segment {
        Some(segment) => {
            let path = stream.segment_data(&segment)?;
            let path = path.split(|&b| b == 0).next().unwrap_or_default();
            Some(PathBuf::from(OsStr::from_bytes(path)))
        }
        None => None,
    };
    let is_go = is_go(&mut stream);
    Ok(Image { machine: stream.ehdr.e_machine, is_64: stream.ehdr.class == Class::ELF64, interpreter, is_go })
}

/// Notes that cannot be read are nobody's: the loader does not need them.
fn is_go(stream: &mut ElfStream<AnyEndian, File>) -> bool {
    let by_go = |note: Note| matches!(note, Note::Unknown(note) if note.name_str().is_ok_and(|name| name == "Go"));
    let segments = stream.segments().clone();
    let mut notes = segments.iter().filter(|segment| segment.p_type == PT_NOTE);
    notes.any(|segment| stream.segment_data_as_notes(segment).is_ok_and(|mut notes| notes.any(by_go)))
}
