//! Where librumphijack.so is.

use std::env;
use std::path::{Path, PathBuf};

const NAME: &str = "librumphijack.so";

/// The library that was named, or the first that is found: beside this command (which is where cargo puts it too), in
/// ../lib/rump, in ../lib.
pub fn find(named: Option<&Path>) -> Result<PathBuf, String> {
    if let Some(path) = named {
        return path.canonicalize().map_err(|error| format!("--lib {}: {error}: name the file {NAME}", path.display()));
    }
    let command =
        env::current_exe().map_err(|error| format!("where this command is cannot be told ({error}): give --lib"))?;
    let directory = command.parent().unwrap_or(Path::new("/"));
    let places = ["", "../lib/rump", "../lib"].map(|place| directory.join(place).join(NAME));
    places.iter().find_map(|place| place.canonicalize().ok()).ok_or_else(|| {
        let places: Vec<_> = places.iter().map(|place| place.display().to_string()).collect();
        format!("{NAME} is in none of {}: build or install it, or say where it is with --lib", places.join(", "))
    })
}
