//! `steerscope list`: what can be loaded by name.

use std::io::{self, Write};

use serde_json::json;

use super::args::ListArgs;
use super::open;
use super::output::Ending;
use crate::protocol::{Asset, CatalogEntry};

pub(super) fn run(args: &ListArgs) -> Result<(), Ending> {
    let library = open::library();
    let (vectors, datasets) = (library.vectors(), library.datasets());
    let mut out = io::stdout().lock();
    if args.json {
        let object = json!({ "schema": 1, "vectors": vectors, "datasets": datasets });
        writeln!(out, "{object:#}")?;
        return Ok(());
    }
    for (title, entries) in [("Vectors", &vectors), ("Data sets", &datasets)] {
        writeln!(out, "{title}")?;
        let width = entries
            .iter()
            .map(|e| name(e).chars().count())
            .max()
            .unwrap_or(0);
        for entry in entries {
            writeln!(out, "  {:width$}  {}", name(entry), entry.description)?;
        }
    }
    Ok(())
}

fn name(entry: &CatalogEntry) -> String {
    match &entry.asset {
        Asset::File(path) => path.display().to_string(),
        asset => asset.label(),
    }
}
