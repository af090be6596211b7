//! `steerscope vectors`: what vector files hold, conversion between formats.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::json;

use super::args::{VectorConvertArgs, VectorsCommand, VectorsListArgs};
use super::open::{self, failed, may_write, remark};
use super::output::Ending;
use super::{probe, vectors_info};
use crate::protocol::Asset;
use crate::steering::format::{
    ExportOptions, Exported, ImportOptions, Imported, VectorFormat, export,
};
use crate::text::one_line;
use crate::worker::LibraryError;

pub(super) fn run(command: &VectorsCommand) -> Result<(), Ending> {
    match command {
        VectorsCommand::List(args) => list(args),
        VectorsCommand::Info(args) => vectors_info::run(args),
        VectorsCommand::Convert(args) => convert(args),
        VectorsCommand::Probe(args) => probe::run(args),
    }
}

/// Reads what a name or path stands for. A question exits as wrong usage, because a flag answers it.
pub(super) fn imported(text: &str, options: &ImportOptions) -> Result<Imported, Ending> {
    let library = open::library();
    let asset = library.vector_asset(text);
    library
        .import_vector(&asset, options)
        .map_err(|error| match &error {
            LibraryError::Vector(e) if e.asks() => Ending::Usage(error.to_string()),
            _ => failed(error),
        })
}

/// One line of a list: a vector, or why it is none yet.
struct Listed {
    asset: Asset,
    found: Result<Imported, (&'static str, String)>,
}

fn list(args: &VectorsListArgs) -> Result<(), Ending> {
    let library = open::library();
    let assets: Vec<Asset> = match args.paths.as_slice() {
        [] => library.vectors().into_iter().map(|e| e.asset).collect(),
        paths => candidates(paths)?.into_iter().map(Asset::File).collect(),
    };
    let options = ImportOptions::default();
    let listed: Vec<Listed> = assets
        .into_iter()
        .map(|asset| {
            let found = library.import_vector(&asset, &options);
            let found = found.map_err(|e| (e.id(), e.to_string()));
            Listed { asset, found }
        })
        .collect();
    let mut out = io::stdout().lock();
    if args.json {
        let rows: Vec<_> = listed.iter().map(as_json).collect();
        let object = json!({ "schema": 1, "vectors": rows });
        writeln!(out, "{object:#}")?;
        return Ok(());
    }
    let name = |l: &Listed| match &l.asset {
        Asset::File(path) => path.display().to_string(),
        asset => asset.label(),
    };
    let width = listed.iter().map(|l| name(l).chars().count()).max();
    let width = width.unwrap_or(0);
    for row in &listed {
        match &row.found {
            Ok(found) => writeln!(
                out,
                "{:width$}  {:12}  {:4} values  {}",
                name(row),
                found.format.name(),
                found.vector.width(),
                one_line(&found.sentence)
            )?,
            Err((id, message)) => {
                writeln!(out, "{:width$}  {id}: {}", name(row), one_line(message))?;
            }
        }
    }
    Ok(())
}

fn as_json(listed: &Listed) -> serde_json::Value {
    match &listed.found {
        Ok(found) => json!({
            "asset": listed.asset,
            "name": found.vector.name,
            "format": found.format.name(),
            "producer": found.producer,
            "sentence": found.sentence,
            "blocks": found.vector.directions.keys().collect::<Vec<_>>(),
            "width": found.vector.width(),
            "id": found.vector.id(),
            "warnings": found.warnings.iter().map(|w| &w.text).collect::<Vec<_>>(),
        }),
        Err((id, message)) => json!({ "asset": listed.asset, "error": id, "message": message }),
    }
}

/// The files named, and in folders everything that may be a vector. A folder that is a vector itself
/// is one.
fn candidates(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Ending> {
    let mut found = Vec::new();
    for path in paths {
        if !path.is_dir() || crate::steering::format::is_vector_folder(path) {
            found.push(path.clone());
            continue;
        }
        let unreadable =
            |e: io::Error| Ending::Failed(format!("'{}' cannot be read ({e})", path.display()));
        let mut inside = Vec::new();
        for entry in std::fs::read_dir(path).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?.path();
            let file = entry.is_file() && entry.extension().is_none_or(|e| e != "toml");
            if file || crate::steering::format::is_vector_folder(&entry) {
                inside.push(entry);
            }
        }
        inside.sort();
        found.extend(inside);
    }
    Ok(found)
}

fn convert(args: &VectorConvertArgs) -> Result<(), Ending> {
    let imported = imported(&args.vector, &args.import.options_at(args.site))?;
    if imported.format != VectorFormat::Native {
        remark(&imported.sentence);
    }
    for warning in &imported.warnings {
        remark(&warning.to_string());
    }
    let mut vector = imported.vector;
    if args.flip {
        vector = vector.reversed();
    }
    if let Some(factor) = args.scale {
        vector = vector.scaled(factor).map_err(failed)?;
    }
    if let Some(c) = args.fold_multiplier {
        vector = vector.folded(c).map_err(failed)?;
    }
    if let Some(name) = &args.name {
        vector.name.clone_from(name);
    }
    for block in &args.skip_layer {
        vector
            .direction(crate::units::BlockIndex(*block))
            .map_err(failed)?;
    }
    let options = ExportOptions {
        block: args.block,
        skip: args.skip_layer.clone(),
        model_hint: args.model_hint.clone(),
        n_blocks: args.import.model_blocks,
    };
    let exported = export(&vector, args.to, &options).map_err(failed)?;
    write(&exported, &args.out, args.force)?;
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{}: {} as {}",
        args.out.display(),
        one_line(&vector.name),
        args.to
    )?;
    for lost in &exported.loses {
        writeln!(out, "not kept: {lost}")?;
    }
    Ok(())
}

/// Writes one file, or the files of a directory, each through a temporary one beside it.
fn write(exported: &Exported, path: &Path, force: bool) -> Result<(), Ending> {
    let mut places = Vec::new();
    for (name, bytes) in &exported.files {
        let place = if exported.directory {
            path.join(name)
        } else {
            path.to_path_buf()
        };
        may_write(&place, force)?;
        places.push((place, bytes));
    }
    let failed = |place: &Path, error: &io::Error| {
        Ending::Failed(format!("'{}' cannot be written: {error}", place.display()))
    };
    if exported.directory {
        std::fs::create_dir_all(path).map_err(|e| failed(path, &e))?;
    }
    for (place, bytes) in places {
        let mut partial = place.clone().into_os_string();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        std::fs::write(&partial, bytes)
            .and_then(|()| std::fs::rename(&partial, &place))
            .map_err(|e| failed(&place, &e))?;
    }
    Ok(())
}
