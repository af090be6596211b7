//! What the laboratory's commands have in common.

use std::io::{self, Write};
use std::sync::Arc;

use super::open::{Opened, failed, remark};
use super::output::Ending;
use super::study::{Rows, Study};
use crate::measure::reference::published;
use crate::measure::{
    CacheOptions, DatasetIdentity, ModelIdentity, PreparedSet, Protocol, Site, store_cell,
    store_key,
};
use crate::stats::Summary;
use crate::steering::SteeringVector;
use crate::steering::dataset::Dataset;
use crate::store::{Keeping, Names};
use crate::units::BlockIndex;

/// Inputs between two looks at the progress line.
pub(super) const SLICE: usize = 16;

/// The block asked for, else 0.42 of the depth.
pub(super) fn block(asked: Option<BlockIndex>, opened: &Opened) -> Result<BlockIndex, Ending> {
    let n = opened.model.n_blocks();
    match asked {
        Some(block) if block.0 >= n => Err(Ending::Failed(format!(
            "'{}' has blocks 0 to {}; there is no block {block}",
            opened.name,
            n.saturating_sub(1)
        ))),
        asked => Ok(asked.unwrap_or_else(|| BlockIndex::start_of(n))),
    }
}

/// One vector at one site on some rows: found in the store, or measured and kept there. The set comes
/// back with the propensities `(inputs, multipliers)`.
pub(super) fn measured(
    study: &Study<'_>,
    opened: &Opened,
    vector: &SteeringVector,
    protocol: &Protocol,
    rows: &Rows,
    keep: &mut Keep<'_>,
) -> Result<Measured, Ending> {
    let set = study.prepared(rows, protocol.mask)?;
    let key = store_key(&opened.model, vector, &set, protocol);
    if let Some(cell) = keep.keeping.find(&key) {
        let rows = cell.rows().map(<[f32]>::to_vec).collect();
        return Ok(Measured {
            set,
            rows,
            found: true,
        });
    }
    let site = Site {
        direction: vector.direction(protocol.block).map_err(failed)?,
        block: protocol.block,
        mask: protocol.mask,
        edit: protocol.edit(),
    };
    let measured = study.propensities(&set, &site, &protocol.multipliers, keep.options)?;
    let names = names(opened, vector, &study.dataset);
    let cell = store_cell(names, protocol, &set, &rows.refs(), &measured);
    keep.keeping.put(&key, &cell);
    Ok(Measured {
        set,
        rows: measured,
        found: false,
    })
}

/// What a measuring command keeps.
pub(super) struct Keep<'a> {
    pub(super) keeping: &'a mut Keeping,
    pub(super) options: CacheOptions,
}

/// Inputs with their propensities.
pub(super) struct Measured {
    pub(super) set: Arc<PreparedSet>,
    pub(super) rows: Vec<Vec<f32>>,
    /// They come from the store.
    pub(super) found: bool,
}

/// Names shown to people in the store.
pub(super) fn names(opened: &Opened, vector: &SteeringVector, dataset: &Dataset) -> Names {
    Names {
        model: opened.name.clone(),
        vector: vector.name.clone(),
        dataset: dataset.name.clone(),
    }
}

/// Says once what is wrong with the store; measuring goes on without it.
pub(super) fn store_fault(keeping: &mut Keeping) {
    if let Some(fault) = keeping.take_fault() {
        remark(&format!("not kept in the run store: {fault}"));
    }
}

pub(super) fn model_identity(opened: &Opened) -> ModelIdentity {
    ModelIdentity {
        name: opened.name.clone(),
        sha256: opened.model.hash().to_string(),
        n_blocks: opened.model.n_blocks(),
        hidden_size: opened.model.hidden_size(),
    }
}

pub(super) fn dataset_identity(dataset: &Dataset, left_out: Vec<String>) -> DatasetIdentity {
    let remarks = dataset.warnings.iter().map(ToString::to_string);
    DatasetIdentity {
        name: dataset.name.clone(),
        id: dataset.id.clone(),
        format: dataset.format.name().to_string(),
        warnings: remarks.chain(left_out).collect(),
    }
}

/// Three decimals, a dash for what is not defined.
pub(super) fn number(x: Option<f64>) -> String {
    x.map_or_else(|| "-".to_string(), |x| format!("{x:.3}"))
}

/// Width of a first column that holds all of `names`.
pub(super) fn widest<'a>(names: impl IntoIterator<Item = &'a str>) -> usize {
    names
        .into_iter()
        .map(|n| n.chars().count())
        .max()
        .unwrap_or(0)
}

/// Our figures and the published ones of the same data set, one line each, where there are published
/// ones; says whether there are.
pub(super) fn beside_published(
    dataset: &str,
    ours: &Summary,
    shares: Option<[f64; 3]>,
    out: &mut dyn Write,
) -> io::Result<bool> {
    let Some(row) = published(dataset) else {
        return Ok(false);
    };
    let two = |x: f64| format!("{x:.2}");
    let percent = |x: Option<f64>| x.map_or_else(|| "-".to_string(), |x| format!("{x:.1} %"));
    let share = |part: usize| percent(shares.map(|s| 100.0 * s[part]));
    let quartiles = ours.quartiles;
    let lines = [
        (
            "ours",
            [
                number(ours.median),
                number(quartiles.map(|q| q.lower)),
                number(quartiles.map(|q| q.upper)),
                percent(ours.anti_steerable.fraction.map(|f| 100.0 * f)),
                number(ours.sd.map(|sd| sd * sd)),
                share(0),
                share(1),
                ours.n.to_string(),
            ],
        ),
        (
            "published",
            [
                two(row.median),
                two(row.quartiles[0]),
                two(row.quartiles[1]),
                percent(Some(row.anti_percent)),
                two(row.variance),
                percent(Some(100.0 * row.letter_share)),
                percent(Some(100.0 * row.word_share)),
                row.n.to_string(),
            ],
        ),
    ];
    let titles = [
        "median", "lower", "upper", "anti", "variance", "A/B", "Yes/No", "inputs",
    ];
    write!(out, "\n{:<9}", "")?;
    for title in titles {
        write!(out, "  {title:>8}")?;
    }
    writeln!(out)?;
    for (name, figures) in lines {
        write!(out, "{name:<9}")?;
        for figure in figures {
            write!(out, "  {figure:>8}")?;
        }
        writeln!(out)?;
    }
    Ok(true)
}
