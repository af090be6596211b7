//! `steerscope shift`: vectors of five prompt settings, measured in all of them.

use std::io::{self, Write};

use serde::Serialize;

use super::args::ShiftArgs;
use super::lab::{self, number, store_fault};
use super::open::{self, Opened, failed};
use super::output::{Ending, Progress};
use crate::engine::Cancel;
use crate::measure::shift::{
    Correlation, MEAN_VECTOR, SentenceFile, Sentences, Setting, ShiftError, ShiftMatrix, ShiftPlan,
    ShiftResources, ShiftedPoints, measure_shift_with, shifted_points,
};
use crate::measure::{
    DatasetIdentity, ModelIdentity, Protocol, Split, Template, check_multipliers,
};
use crate::runtime::Paths;
use crate::steering::dataset::Part;
use crate::store::Keeping;

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    schema_version: u32,
    model: ModelIdentity,
    protocol: Protocol,
    system: String,
    chat_template: bool,
    norm_matched: bool,
    settings: [Setting; 5],
    datasets: Vec<Entry>,
    shifts: Vec<ShiftedPoints>,
}

#[derive(Serialize)]
struct Entry {
    dataset: DatasetIdentity,
    sentences: Sentences,
    pairs: [usize; 5],
    inputs: usize,
    left_out: usize,
    matrix: ShiftMatrix,
}

pub(super) fn run(args: &ShiftArgs) -> Result<(), Ending> {
    let grid = args.grid.grid();
    check_multipliers(&grid).map_err(|e| Ending::Usage(e.to_string()))?;
    let files = sentence_files(args)?;
    let opened = open::model(&args.model)?;
    let block = lab::block(args.site.layer, &opened)?;
    if let Some(error) = opened.model.chat_error() {
        open::remark(&format!("{error}; prompts are plain text"));
    }
    if args.system.is_empty() && opened.model.chat().is_none() {
        open::remark(
            "without a system text and a chat template SYS_POS equals USER_POS and SYS_NEG equals USER_NEG",
        );
    }
    let mut keeping = args.store.keeping();
    store_fault(&mut keeping);
    let mut datasets = Vec::with_capacity(args.datasets.len());
    let (mut cells, mut found) = (0, 0);
    for text in &args.datasets {
        if let Some((entry, [of, known])) = entry(args, &opened, text, &files, &grid, &mut keeping)?
        {
            datasets.push(entry);
            cells += of;
            found += known;
        }
    }
    if found > 0 {
        open::remark(&format!(
            "{found} of {cells} cells from the store; --no-store measures anew"
        ));
    }
    store_fault(&mut keeping);
    if datasets.is_empty() {
        return Err(Ending::Failed("no data set could be measured".to_string()));
    }
    let matrices: Vec<&ShiftMatrix> = datasets.iter().map(|e| &e.matrix).collect();
    let split = Split::part(Part::Test, args.seed).first(args.limit);
    let mut protocol = Protocol::new(block, args.site.mask, &grid, split)
        .with_edit(args.site.edit.own())
        .on(&opened.model);
    if opened.model.chat().is_some() {
        protocol.template = Template::Chat;
    }
    let report = Report {
        schema_version: 1,
        model: lab::model_identity(&opened),
        protocol,
        system: args.system.clone(),
        chat_template: opened.model.chat().is_some(),
        norm_matched: !args.no_norm_matching,
        settings: Setting::ALL,
        shifts: shifted_points(&matrices),
        datasets,
    };
    let mut out = io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &report).map_err(io::Error::from)?;
        writeln!(out)?;
        return Ok(());
    }
    writeln!(
        out,
        "model    {}, block {block}, mask {}, {}",
        report.model.name,
        report.protocol.mask,
        if report.norm_matched {
            "norms matched to BASE"
        } else {
            "own norms"
        }
    )?;
    for entry in &report.datasets {
        table(entry, &mut out)?;
    }
    if report.datasets.len() > 1 {
        over_datasets(&report, &mut out)?;
    }
    Ok(())
}

/// Files that are asked for sentences, in order.
fn sentence_files(args: &ShiftArgs) -> Result<Vec<SentenceFile>, Ending> {
    let mut files = Vec::new();
    if let Some(path) = &args.sentences {
        files.push(SentenceFile::load(path).map_err(failed)?);
    } else {
        let path = Paths::find().data.join("sentences.toml");
        if path.exists() {
            files.push(SentenceFile::load(&path).map_err(failed)?);
        }
    }
    files.push(SentenceFile::bundled().map_err(failed)?);
    Ok(files)
}

/// One data set with its cells and those of them that were in the store; `None` (and a remark) where
/// too few rows can be measured in all settings.
fn entry(
    args: &ShiftArgs,
    opened: &Opened,
    text: &str,
    files: &[SentenceFile],
    grid: &[f32],
    keeping: &mut Keeping,
) -> Result<Option<(Entry, [usize; 2])>, Ending> {
    let dataset = open::dataset(text)?;
    let known = files.iter().find_map(|file| file.get(&dataset.name));
    let sentences = known.cloned().unwrap_or_else(|| {
        open::remark(&format!(
            "no sentences for '{}': they are made from its name; write your own into a file and give --sentences",
            dataset.name
        ));
        Sentences::from_name(&dataset.name)
    });
    let mut train = dataset.part(Part::Train, args.seed);
    train.truncate(args.pairs.unwrap_or(usize::MAX));
    let mut test = dataset.part(Part::Test, args.seed);
    test.truncate(args.limit.unwrap_or(usize::MAX));
    let plan = ShiftPlan {
        model: &opened.model,
        dataset: &dataset,
        train: &train,
        test: &test,
        system: &args.system,
        sentences: &sentences,
        block: lab::block(args.site.layer, opened)?,
        // Vectors are made here, so that no file says otherwise.
        edit: args.site.edit.own(),
        mask: args.site.mask,
        multipliers: grid,
        norm_matched: !args.no_norm_matching,
    };
    let mut progress = Progress::start("texts");
    let mut report = |done, total| progress.update(done, total);
    let resources = ShiftResources {
        cache: args.memory.options(&opened.model),
        keeping,
        model: &opened.name,
        split: Split::part(Part::Test, args.seed).first(args.limit),
    };
    let run = match measure_shift_with(&plan, resources, &mut report, &Cancel::never()) {
        Ok(run) => run,
        Err(error @ ShiftError::TooFew { .. }) if args.datasets.len() > 1 => {
            open::remark(&format!("{error}; left out"));
            return Ok(None);
        }
        Err(error) => return Err(failed(error)),
    };
    progress.finish();
    if run.left_out > 0 {
        open::remark(&format!(
            "{} rows of '{}' left out: some setting cannot use them",
            run.left_out, dataset.name
        ));
    }
    let entry = Entry {
        dataset: lab::dataset_identity(&dataset, Vec::new()),
        sentences,
        pairs: run.pairs,
        inputs: run.rows.len(),
        left_out: run.left_out,
        matrix: ShiftMatrix::new(&run.figures),
    };
    Ok(Some((entry, [run.cells, run.found])))
}

fn table(entry: &Entry, out: &mut impl Write) -> Result<(), Ending> {
    let matrix = &entry.matrix;
    writeln!(out)?;
    writeln!(
        out,
        "data     {}: {} inputs, vectors of {} pairs",
        entry.dataset.name, entry.inputs, entry.pairs[0]
    )?;
    writeln!(out, "         + {}", entry.sentences.positive)?;
    writeln!(out, "         - {}", entry.sentences.negative)?;
    let names: Vec<&str> = Setting::ALL.iter().map(|s| s.name()).collect();
    let head = |out: &mut dyn Write, title: &str| {
        writeln!(out)?;
        write!(out, "{title:<12}")?;
        for name in &names {
            write!(out, "  {name:>8}")?;
        }
        writeln!(out)
    };
    let rows = || {
        names
            .iter()
            .copied()
            .chain([MEAN_VECTOR])
            .zip(&matrix.cells)
    };
    head(out, "steerability")?;
    for (name, cells) in rows() {
        write!(out, "{name:<12}")?;
        for cell in cells {
            write!(out, "  {:>8}", number(cell.mean))?;
        }
        writeln!(out)?;
    }
    head(out, "variance")?;
    for (name, cells) in rows() {
        write!(out, "{name:<12}")?;
        for cell in cells {
            write!(out, "  {:>8}", number(cell.variance))?;
        }
        writeln!(out)?;
    }
    writeln!(
        out,
        "rows: setting of the vector, columns: setting of the test"
    )?;
    head(out, "relative")?;
    for (name, points) in names.iter().zip(matrix.relative.chunks(names.len())) {
        write!(out, "{name:<12}")?;
        for point in points {
            write!(out, "  {:>8}", number(point.relative))?;
        }
        writeln!(out)?;
    }
    write!(out, "{:<12}", "unsteered m")?;
    for m in &matrix.unsteered {
        write!(out, "  {:>8}", number(*m))?;
    }
    writeln!(out)?;
    writeln!(out)?;
    writeln!(
        out,
        "relative steerability against propensity gap  {}",
        correlation(&matrix.relative_against_gap)
    )?;
    writeln!(
        out,
        "cosine of vectors against propensity gap      {}",
        correlation(&matrix.cosine_against_gap)
    )?;
    Ok(())
}

fn over_datasets(report: &Report, out: &mut impl Write) -> Result<(), Ending> {
    let width = lab::widest(report.datasets.iter().map(|e| e.dataset.name.as_str())).max(8);
    let titles: Vec<String> = (report.shifts.iter())
        .map(|s| format!("{}>{}", s.train.name(), s.test.name()))
        .collect();
    writeln!(out)?;
    write!(out, "{:<width$}  {:>9}", "data set", "BASE>BASE")?;
    for title in &titles {
        write!(out, "  {title:>16}")?;
    }
    writeln!(out)?;
    for (i, entry) in report.datasets.iter().enumerate() {
        let own = entry.matrix.steerability(Setting::Base, Setting::Base);
        write!(out, "{:<width$}  {:>9}", entry.dataset.name, number(own))?;
        for shift in &report.shifts {
            let moved = shift.points.get(i).and_then(|p| p.1);
            write!(out, "  {:>16}", number(moved))?;
        }
        writeln!(out)?;
    }
    write!(out, "{:<width$}  {:>9}", "Spearman", "")?;
    for shift in &report.shifts {
        write!(out, "  {:>16}", number(shift.correlation.spearman))?;
    }
    writeln!(out)?;
    if report.datasets.len() < 4 {
        writeln!(out, "a correlation takes at least four data sets")?;
    }
    Ok(())
}

fn correlation(c: &Correlation) -> String {
    let left_out = match c.left_out {
        0 => String::new(),
        n => format!(", {n} undefined"),
    };
    format!(
        "Spearman {} over {} points{left_out}",
        number(c.spearman),
        c.n
    )
}
