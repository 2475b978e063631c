//! The figures, kept between runs of the command, so that a table can be measured in pieces: a line each,
//! `cell TAB series TAB figures`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use system_tests::{Failure, Outcome};

/// See the module.
pub struct Store {
    path: PathBuf,
    figures: BTreeMap<(String, String), Vec<f64>>,
}

impl Store {
    /// Reads what is there.
    pub fn open(path: PathBuf) -> Outcome<Store> {
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(Failure::new(format!("{}: {error}", path.display()))),
        };
        let figures = text.lines().filter_map(|line| {
            let mut fields = line.split('\t');
            let (cell, series, figures) = (fields.next()?, fields.next()?, fields.next()?);
            let figures = figures.split(' ').filter_map(|figure| figure.parse().ok()).collect();
            Some(((cell.to_owned(), series.to_owned()), figures))
        });
        Ok(Store { figures: figures.collect(), path })
    }

    /// Puts new figures in the place of old ones, and writes the file.
    pub fn put(&mut self, cell: &str, series: &str, figures: &[f64]) -> Outcome {
        self.figures.insert((cell.to_owned(), series.to_owned()), figures.to_vec());
        let line = |((cell, series), figures): (&(String, String), &Vec<f64>)| {
            let figures: Vec<String> = figures.iter().map(|figure| format!("{figure:.4}")).collect();
            format!("{cell}\t{series}\t{}\n", figures.join(" "))
        };
        std::fs::write(&self.path, self.figures.iter().map(line).collect::<String>())?;
        Ok(())
    }

    /// The figures of a series, sorted; none if it was not measured.
    pub fn get(&self, cell: &str, series: &str) -> Option<Vec<f64>> {
        let mut figures = self.figures.get(&(cell.to_owned(), series.to_owned()))?.clone();
        figures.sort_by(f64::total_cmp);
        (!figures.is_empty()).then_some(figures)
    }
}
