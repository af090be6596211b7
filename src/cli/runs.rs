//! `steerscope runs`: what was measured before.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::json;

use super::args::{ExportArgs, GcArgs, MergeArgs, RunsCommand, RunsListArgs, ShowArgs, WhichStore};
use super::open::{failed, may_write, remark};
use super::output::Ending;
use crate::measure::Protocol;
use crate::runtime::Paths;
use crate::stats::{Summary, curve};
use crate::store::{Entry, Expiry, Exporter, Filter, Record, Store};

pub(super) fn run(command: &RunsCommand) -> Result<(), Ending> {
    match command {
        RunsCommand::List(args) => list(args),
        RunsCommand::Show(args) => show(args),
        RunsCommand::Export(args) => export(args),
        RunsCommand::Gc(args) => gc(args),
        RunsCommand::Merge(args) => merge(args),
    }
}

fn path(which: &WhichStore) -> PathBuf {
    which.store.clone().unwrap_or_else(|| Paths::find().runs())
}

fn open(which: &WhichStore) -> Result<Store, Ending> {
    Store::open_existing(&path(which)).map_err(failed)
}

fn list(args: &RunsListArgs) -> Result<(), Ending> {
    let store = open(&args.store)?;
    let entries = store.list(&args.filter.filter()).map_err(failed)?;
    let mut out = io::stdout().lock();
    if args.json {
        let object = json!({ "schema": 1, "store": store.file(), "runs": entries });
        writeln!(out, "{object:#}")?;
        return Ok(());
    }
    let header = [
        "run", "measured", "model", "vector", "data set", "block", "inputs", "mean", "anti",
    ];
    let mut table = vec![header.map(str::to_owned)];
    table.extend(entries.iter().map(line));
    let widths: Vec<usize> = (0..header.len())
        .map(|i| {
            let cells = table.iter().filter_map(|row| row.get(i));
            cells.map(|c| c.chars().count()).max().unwrap_or(0)
        })
        .collect();
    for row in &table {
        let mut text = String::new();
        for (i, (cell, width)) in row.iter().zip(&widths).enumerate() {
            // Names on the left, numbers on the right.
            let cell = if (1..5).contains(&i) {
                format!("{cell:<width$}  ")
            } else {
                format!("{cell:>width$}  ")
            };
            text.push_str(&cell);
        }
        writeln!(out, "{}", text.trim_end())?;
    }
    Ok(())
}

fn line(entry: &Entry) -> [String; 9] {
    let anti = if entry.finite == 0 {
        "-".to_owned()
    } else {
        let share = 100.0 * entry.anti_steerable as f64 / entry.finite as f64;
        format!("{share:.1} %")
    };
    [
        entry.run.to_string(),
        when(entry.created),
        short(&entry.names.model),
        short(&entry.names.vector),
        short(&entry.names.dataset),
        entry.block.to_string(),
        entry.n.to_string(),
        entry
            .mean
            .map_or_else(|| "-".to_owned(), |m| format!("{m:.3}")),
        anti,
    ]
}

/// A name in a column: without control characters, its end if it is long.
fn short(name: &str) -> String {
    const WIDTH: usize = 32;
    let chars: Vec<char> = name.chars().filter(|c| !c.is_control()).collect();
    if chars.len() <= WIDTH {
        return chars.into_iter().collect();
    }
    let end = chars.iter().skip(chars.len() + 1 - WIDTH);
    std::iter::once(&'…').chain(end).collect()
}

/// Local date and time.
fn when(created: u64) -> String {
    let millis = i64::try_from(created).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(millis).map_or_else(
        |_| "-".to_owned(),
        |t| {
            t.to_zoned(jiff::tz::TimeZone::system())
                .strftime("%Y-%m-%d %H:%M")
                .to_string()
        },
    )
}

fn show(args: &ShowArgs) -> Result<(), Ending> {
    let store = open(&args.store)?;
    let record = store.show(args.run).map_err(failed)?;
    let Record { id, key, cell } = &record;
    let slopes: Vec<f64> = (cell.steerability().into_iter())
        .map(|s| s.unwrap_or(f64::NAN))
        .collect();
    let summary = Summary::of_slopes(&slopes);
    let points = curve(&cell.multipliers, cell.rows());
    let protocol: serde_json::Value = serde_json::from_str(&key.protocol).unwrap_or_default();
    let mut out = io::stdout().lock();
    if args.json {
        let inputs: Vec<_> = (cell.inputs.iter().zip(cell.rows()))
            .zip(&slopes)
            .map(|((input, row), slope)| {
                json!({
                    "id": input.row,
                    "positive_is_a": input.positive_is_a,
                    "positive_is_yes": input.positive_is_yes,
                    "propensity": shortest(&row.iter().map(|m| m.is_finite().then_some(*m)).collect::<Vec<_>>()),
                    "steerability": slope.is_finite().then_some(*slope),
                })
            })
            .collect();
        let object = json!({
            "schema": 1,
            "run": id,
            "key": key.digest(),
            "created_ms": cell.created,
            "program": cell.program,
            "model": { "name": cell.names.model, "sha256": key.model, "config_sha256": key.config },
            "vector": { "name": cell.names.vector, "id": key.vector },
            "dataset": { "name": cell.names.dataset, "id": key.dataset, "inputs_sha256": key.inputs },
            "protocol": protocol,
            "inputs": inputs,
            "summary": summary,
            "curve": shortest(&points),
        });
        writeln!(out, "{object:#}")?;
        return Ok(());
    }
    let number = |x: Option<f64>| x.map_or_else(|| "-".to_owned(), |x| format!("{x:.3}"));
    writeln!(
        out,
        "run       {id}, measured {} by version {}",
        when(cell.created),
        cell.program
    )?;
    writeln!(out, "key       {}", key.digest())?;
    writeln!(
        out,
        "model     {} ({})",
        short(&cell.names.model),
        key.model
    )?;
    writeln!(
        out,
        "vector    {} ({})",
        short(&cell.names.vector),
        key.vector
    )?;
    writeln!(
        out,
        "data      {} ({})",
        short(&cell.names.dataset),
        key.dataset
    )?;
    writeln!(out, "protocol  {protocol}")?;
    let badge = serde_json::from_value::<Protocol>(protocol).ok();
    if let Some(badge) = badge.and_then(|p| p.badge()) {
        writeln!(out, "          {badge}")?;
    }
    writeln!(out)?;
    writeln!(out, "inputs             {}", cell.inputs.len())?;
    writeln!(out, "mean steerability  {}", number(summary.mean))?;
    writeln!(
        out,
        "median, sd         {}, {}",
        number(summary.median),
        number(summary.sd)
    )?;
    writeln!(
        out,
        "anti-steerable     {} of {}",
        summary.anti_steerable.count, summary.n
    )?;
    writeln!(out)?;
    writeln!(out, "multiplier  mean propensity")?;
    for point in &points {
        writeln!(out, "{:>10}  {:>15.3}", point.multiplier, point.mean)?;
    }
    Ok(())
}

/// As JSON with the shortest digits of single-precision numbers, not those of their doubles.
fn shortest<T: serde::Serialize>(value: &T) -> serde_json::Value {
    let text = serde_json::to_string(value).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

fn export(args: &ExportArgs) -> Result<(), Ending> {
    let store = open(&args.store)?;
    let filter = args.filter.filter();
    let Some(target) = &args.out else {
        if args.format == super::args::TableChoice::Parquet && io::stdout().is_terminal() {
            return Err(Ending::Usage(
                "Parquet is no text; give --out FILE or send standard output to a file".to_owned(),
            ));
        }
        let out = BufWriter::new(io::stdout());
        let (_, mut out) = write(&store, &filter, args, out)?;
        return Ok(out.flush()?);
    };
    may_write(target, args.force)?;
    // Through a file beside it, so that no reader ever sees half a table.
    let partial = PathBuf::from(format!("{}.partial", target.display()));
    let unwritable = |e: io::Error| Ending::Failed(format!("'{}': {e}", target.display()));
    let file = File::create(&partial).map_err(unwritable)?;
    let runs = write(&store, &filter, args, BufWriter::new(file)).and_then(|(runs, out)| {
        let file = out.into_inner().map_err(|e| unwritable(e.into_error()))?;
        file.sync_all().map_err(unwritable)?;
        Ok(runs)
    });
    if let Ok(runs) = runs {
        std::fs::rename(&partial, target).map_err(unwritable)?;
        remark(&format!("{runs} runs in '{}'", target.display()));
        return Ok(());
    }
    // Half a table is of no use; that it cannot be removed is of less.
    let _ = std::fs::remove_file(&partial);
    runs.map(|_| ())
}

fn write<W: Write + Send>(
    store: &Store,
    filter: &Filter,
    args: &ExportArgs,
    out: W,
) -> Result<(usize, W), Ending> {
    let mut exporter = Exporter::new(args.format.into(), out).map_err(failed)?;
    let mut runs = 0;
    store
        .each(filter, |record| {
            runs += 1;
            exporter.add(&record)
        })
        .map_err(failed)?;
    Ok((runs, exporter.finish().map_err(failed)?))
}

fn gc(args: &GcArgs) -> Result<(), Ending> {
    let filter = args.filter.filter();
    if args.older_than.is_none() && args.keep.is_none() && filter == Filter::default() {
        return Err(Ending::Usage(
            "say what may go: --older-than DAYS, --keep N, --run LIST, --model, --vector, --dataset or --layer"
                .to_owned(),
        ));
    }
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let before = args.older_than.map(|days| {
        let age = Duration::from_secs(days.saturating_mul(24 * 60 * 60));
        u64::try_from(now.saturating_sub(age).as_millis()).unwrap_or(0)
    });
    let expiry = Expiry {
        filter,
        before,
        keep: args.keep.unwrap_or(0),
    };
    let mut store = open(&args.store)?;
    let (gone, verb) = if args.dry_run {
        (store.expired(&expiry).map_err(failed)?, "would be removed")
    } else {
        (store.gc(&expiry).map_err(failed)?, "removed")
    };
    let numbers: Vec<String> = gone.iter().map(ToString::to_string).collect();
    let mut out = io::stdout().lock();
    if gone.is_empty() {
        writeln!(out, "no runs {verb}")?;
    } else {
        writeln!(out, "{} runs {verb}: {}", gone.len(), numbers.join(", "))?;
    }
    Ok(())
}

fn merge(args: &MergeArgs) -> Result<(), Ending> {
    let target: &Path = &path(&args.store);
    // A wrong name is noticed before a store is made for it.
    if let Some(missing) = args.from.iter().find(|f| !f.exists()) {
        return Err(Store::open_existing(missing).map_or_else(failed, |_| {
            Ending::Failed(format!("'{}' cannot be read", missing.display()))
        }));
    }
    let mut store = Store::open(target).map_err(failed)?;
    let mut out = io::stdout().lock();
    for from in &args.from {
        let merged = store.merge(from).map_err(failed)?;
        writeln!(
            out,
            "{}: {} new runs, {} known",
            from.display(),
            merged.new,
            merged.known
        )?;
    }
    Ok(())
}
