//! Prompt shifts of data sets (Tan et al. 2407.12404): six vectors in five settings.

use super::datasets::load;
use super::{Room, Trouble, rows};
use crate::measure::Asked;
use crate::measure::shift::{
    DEFAULT_SYSTEM, MEAN_VECTOR, SentenceFile, Sentences, Setting, ShiftMatrix, ShiftPlan,
    ShiftResources, ShiftRun, measure_shift_with,
};
use crate::protocol::{ShiftStudy, ShiftTable, StudyNews};
use crate::steering::dataset::Part;

pub(super) fn run(room: &Room<'_>, study: &ShiftStudy) -> Result<usize, Trouble> {
    let files = sentence_files(room)?;
    if let Some(error) = room.model.chat_error() {
        room.remark(format!("{error}; prompts are plain text"));
    }
    // Its settings word the rows themselves.
    let asked = Asked::default();
    let (mut done, total) = (0, study.datasets.len() * 100);
    let (mut keeping, mut from_store) = (room.archive.own(), 0);
    room.each(&study.datasets, |asset| {
        let at = done;
        done += 100;
        let dataset = load(room, asset, &asked)?;
        let known = files.iter().find_map(|file| file.get(&dataset.name));
        let sentences = known
            .cloned()
            .unwrap_or_else(|| Sentences::from_name(&dataset.name));
        let train = dataset.part(Part::Train, 0);
        let (test, split) =
            rows::part(&asked, &dataset, room.inputs).map_err(|e| room.trouble(e.id(), &e))?;
        let plan = ShiftPlan {
            model: room.model,
            dataset: &dataset,
            train: &train,
            test: &test,
            system: DEFAULT_SYSTEM,
            sentences: &sentences,
            block: study.block,
            mask: study.mask,
            edit: study.edit,
            multipliers: &study.multipliers,
            norm_matched: study.norm_matched,
        };
        let mut told = |i: usize, n: usize| room.progress(at + 100 * i / n.max(1), total);
        let resources = ShiftResources {
            cache: room.memory.study(room.model),
            keeping: &mut keeping,
            model: room.model_name,
            split,
        };
        let run = measure_shift_with(&plan, resources, &mut told, room.cancel)
            .map_err(|e| room.trouble(e.id(), &e))?;
        from_store += run.found;
        let chat = room.model.chat().is_some();
        let table = plain(&dataset.name, &run, &sentences, known.is_none(), chat);
        room.news(StudyNews::Shifted(Box::new(table)));
        Ok(())
    })?;
    if let Some(fault) = keeping.take_fault() {
        room.remark(format!("not kept in the run store: {fault}"));
    }
    Ok(from_store)
}

/// The user's pairs of sentences before the shipped ones.
fn sentence_files(room: &Room<'_>) -> Result<Vec<SentenceFile>, Trouble> {
    let mut files = Vec::new();
    if let Some(path) = room.library.file("sentences.toml") {
        files.push(SentenceFile::load(&path).map_err(|e| room.trouble(e.id(), &e))?);
    }
    files.push(SentenceFile::bundled().map_err(|e| room.trouble(e.id(), &e))?);
    Ok(files)
}

fn plain(
    dataset: &str,
    run: &ShiftRun,
    sentences: &Sentences,
    fallback: bool,
    chat: bool,
) -> ShiftTable {
    let matrix = ShiftMatrix::new(&run.figures);
    let test: Vec<String> = Setting::ALL.iter().map(|s| s.name().to_owned()).collect();
    let mut train = test.clone();
    train.push(MEAN_VECTOR.to_owned());
    let n = train.len();
    let mut relative = vec![vec![None; test.len()]; test.len()];
    for point in &matrix.relative {
        relative[point.train as usize][point.test as usize] = point.relative;
    }
    let place = |name: &str| train.iter().position(|t| t == name).unwrap_or(0);
    let mut cosine = vec![vec![None; n]; n];
    for (i, row) in cosine.iter_mut().enumerate() {
        row[i] = (matrix.norms.get(i).copied().unwrap_or(0.0) > 0.0).then_some(1.0);
    }
    for point in &matrix.similarity {
        let (a, b) = (place(&point.a), place(&point.b));
        cosine[a][b] = point.cosine;
        cosine[b][a] = point.cosine;
    }
    ShiftTable {
        dataset: dataset.to_owned(),
        steerability: (matrix.cells.iter())
            .map(|row| row.iter().map(|cell| cell.mean).collect())
            .collect(),
        variance: (matrix.cells.iter())
            .map(|row| row.iter().map(|cell| cell.variance).collect())
            .collect(),
        relative,
        cosine,
        gaps: (matrix.relative.iter())
            .filter_map(|p| p.gap.zip(p.relative))
            .collect(),
        cosines: (matrix.similarity.iter())
            .filter_map(|p| p.gap.zip(p.cosine))
            .collect(),
        gap_correlation: matrix.relative_against_gap.spearman,
        cosine_correlation: matrix.cosine_against_gap.spearman,
        rows: run.rows.len(),
        left_out: run.left_out,
        sentences: (
            sentences.positive.clone(),
            sentences.negative.clone(),
            fallback,
        ),
        chat,
        train,
        test,
    }
}
