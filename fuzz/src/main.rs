//! Inputs of fuzz targets by hand: `replay` runs some, `unpack` and `keep` are for `cargo xtask fuzz`.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use clap::Parser;
use fuzz_targets::{TARGETS, Target, corpus};

/// Bytes of the longest input that is kept, and how many of a target.
const LONGEST: usize = 400;
const MOST: usize = 400;

#[derive(Parser)]
#[command(name = "fuzz", about = "Inputs of fuzz targets: runs them, unpacks and keeps them")]
enum Task {
    /// Run a target on the inputs in files, as libFuzzer left them. With FUZZ_SHOW in the environment `engine` prints what happens.
    Replay { target: String, files: Vec<PathBuf> },
    /// Write each kept input of a target into a file of its own.
    Unpack { target: String, directory: PathBuf },
    /// Keep the shortest of the inputs in a directory.
    Keep { target: String, directory: PathBuf },
}

fn main() -> Result<(), Box<dyn Error>> {
    match Task::parse() {
        Task::Replay { target, files } => {
            let target = find(&target)?;
            for file in files {
                println!("{}", file.display());
                target(&fs::read(file)?);
            }
        }
        Task::Unpack { target, directory } => {
            find(&target)?;
            for (at, input) in corpus::parse(&fs::read_to_string(corpus::file(&target))?)?.iter().enumerate() {
                fs::write(directory.join(at.to_string()), input)?;
            }
        }
        Task::Keep { target, directory } => {
            find(&target)?;
            let inputs = fs::read_dir(directory)?.map(|entry| fs::read(entry?.path()));
            let mut inputs = inputs.collect::<Result<Vec<_>, _>>()?;
            inputs.retain(|input| input.len() <= LONGEST);
            inputs.sort_by_key(Vec::len);
            inputs.truncate(MOST);
            fs::write(corpus::file(&target), corpus::show(inputs))?;
        }
    }
    Ok(())
}

fn find(name: &str) -> Result<Target, String> {
    let names = || TARGETS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let target = TARGETS.iter().find(|(known, _)| *known == name);
    target.map(|(_, target)| *target).ok_or_else(|| format!("there is no target {name}; there are {}", names()))
}
