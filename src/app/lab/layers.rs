//! A sweep as a table: blocks by multipliers, with the figures of each block beside them.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::protocol::{Study, SweepPart, SweepStudy, SweepUnit};
use crate::stats::{anti_steerable_count, mean, median, sd, steerability, variance};

/// What a cell shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Figure {
    /// Mean propensity at the multiplier.
    #[default]
    Propensity,
    /// Mean change of propensity from multiplier 0.
    Effect,
    /// Share of inputs that moved against the multiplier's sign, or not at all.
    WrongWay,
    /// Standard deviation of that change over inputs.
    Spread,
}

impl Figure {
    /// All, in the order a key goes through them.
    pub const ALL: [Self; 4] = [Self::Propensity, Self::Effect, Self::WrongWay, Self::Spread];

    /// Name in the panel's title.
    pub fn title(self) -> &'static str {
        match self {
            Self::Propensity => "mean propensity",
            Self::Effect => "mean change from 0",
            Self::WrongWay => "moved the wrong way, %",
            Self::Spread => "sd of the change",
        }
    }
}

/// Figures at one multiplier.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Cell {
    /// Mean propensity, logits.
    pub propensity: Option<f64>,
    /// Mean change from multiplier 0, logits; `None` where the grid has no 0.
    pub effect: Option<f64>,
    /// Share of inputs moved against the sign, 0..=1; `None` at 0.
    pub wrong_way: Option<f64>,
    /// Standard deviation of the change.
    pub spread: Option<f64>,
}

impl Cell {
    /// The figure asked for.
    pub fn get(&self, figure: Figure) -> Option<f64> {
        match figure {
            Figure::Propensity => self.propensity,
            Figure::Effect => self.effect,
            Figure::WrongWay => self.wrong_way,
            Figure::Spread => self.spread,
        }
    }
}

/// One block.
#[derive(Debug, Clone, Default)]
pub struct Line {
    /// Output of this block.
    pub block: usize,
    /// What multiplier 1 is, in units of the vector at this block.
    pub scale: f32,
    /// Propensities of the inputs measured so far, in their order.
    pub rows: Vec<Vec<f32>>,
    /// Per multiplier.
    pub cells: Vec<Cell>,
    /// Inputs with a finite slope.
    pub n: usize,
    /// Mean steerability, logits per multiplier.
    pub mean: Option<f64>,
    /// Median of it.
    pub median: Option<f64>,
    /// Variance of it (n − 1).
    pub variance: Option<f64>,
    /// Share of inputs with a slope of at most 0.
    pub anti: Option<f64>,
    outdated: bool,
}

impl Line {
    fn refresh(&mut self, grid: &[f32]) {
        if !std::mem::take(&mut self.outdated) {
            return;
        }
        let finite = |row: &&Vec<f32>| row.len() == grid.len() && row.iter().all(|m| m.is_finite());
        let rows: Vec<&Vec<f32>> = self.rows.iter().filter(finite).collect();
        let slopes: Vec<f64> = rows
            .iter()
            .filter_map(|row| steerability(grid, row))
            .collect();
        self.n = slopes.len();
        self.mean = mean(&slopes);
        self.median = median(&slopes);
        self.variance = variance(&slopes);
        self.anti = (!slopes.is_empty())
            .then(|| anti_steerable_count(&slopes) as f64 / slopes.len() as f64);
        let zero = grid.iter().position(|m| *m == 0.0);
        self.cells = (0..grid.len())
            .map(|j| cell(&rows, grid, j, zero))
            .collect();
    }
}

fn cell(rows: &[&Vec<f32>], grid: &[f32], j: usize, zero: Option<usize>) -> Cell {
    let at = |row: &[f32], j: usize| row.get(j).map(|m| f64::from(*m));
    let values: Vec<f64> = rows.iter().filter_map(|row| at(row, j)).collect();
    let changes: Vec<f64> = zero.map_or_else(Vec::new, |zero| {
        rows.iter()
            .filter_map(|row| Some(at(row, j)? - at(row, zero)?))
            .collect()
    });
    let sign = grid.get(j).map_or(0.0, |m| f64::from(*m));
    let wrong = changes.iter().filter(|d| **d * sign <= 0.0).count();
    let moved = sign != 0.0 && !changes.is_empty();
    Cell {
        propensity: mean(&values),
        effect: mean(&changes),
        wrong_way: moved.then(|| wrong as f64 / changes.len() as f64),
        spread: sd(&changes),
    }
}

/// The table, raw and at equal κ.
#[derive(Debug, Clone, Default)]
pub struct Layers {
    /// What was asked.
    pub asked: Option<Study>,
    /// Time and stored cells, at the end.
    pub finished: Option<(Duration, usize)>,
    /// Which comparison is shown.
    pub unit: SweepUnit,
    /// What the cells show.
    pub figure: Figure,
    /// The figures are those of an earlier question.
    pub stale: bool,
    lines: BTreeMap<(bool, usize), Line>,
}

impl Layers {
    pub(super) fn asked(&mut self, study: Study) {
        self.asked = Some(study);
        self.stale = !self.lines.is_empty();
        self.finished = None;
    }

    /// Without results, with the view as it was.
    pub(super) fn emptied(&self) -> Self {
        Self {
            unit: self.unit,
            figure: self.figure,
            ..Self::default()
        }
    }

    /// What the sweep was asked for.
    pub fn study(&self) -> Option<&SweepStudy> {
        match &self.asked {
            Some(Study::Sweep(study)) => Some(study),
            _ => None,
        }
    }

    /// Multipliers of the columns.
    pub fn grid(&self) -> &[f32] {
        self.study().map_or(&[], |s| &s.multipliers)
    }

    pub(super) fn take_in(&mut self, parts: Vec<SweepPart>) {
        if std::mem::take(&mut self.stale) {
            self.lines.clear();
        }
        for part in parts {
            let key = (part.unit == SweepUnit::EqualKappa, part.block.0);
            let line = self.lines.entry(key).or_default();
            line.block = part.block.0;
            line.scale = part.scale;
            if part.first <= line.rows.len() {
                line.rows.truncate(part.first);
                line.rows.extend(part.rows);
                line.outdated = true;
            }
        }
    }

    /// Brings the figures up to date; once per batch.
    pub(crate) fn refresh(&mut self) {
        let grid = self.grid().to_vec();
        for line in self.lines.values_mut() {
            line.refresh(&grid);
        }
    }

    /// Blocks of the comparison shown, in order.
    pub fn lines(&self) -> impl DoubleEndedIterator<Item = &Line> {
        let kappa = self.unit == SweepUnit::EqualKappa;
        self.lines
            .iter()
            .filter(move |((k, _), _)| *k == kappa)
            .map(|(_, line)| line)
    }

    /// One block of the comparison shown.
    pub fn line(&self, block: usize) -> Option<&Line> {
        self.lines.get(&(self.unit == SweepUnit::EqualKappa, block))
    }

    /// One block with the vector as it is.
    pub fn raw(&self, block: usize) -> Option<&Line> {
        self.lines.get(&(false, block))
    }

    /// Inputs that every block of the comparison shown has had.
    pub fn done(&self) -> usize {
        self.lines().map(|l| l.rows.len()).min().unwrap_or(0)
    }

    /// The block with the largest mean steerability at equal κ, raw where that is not known
    /// (science of layer selection: raw comparison favours late blocks, whose norms are larger).
    pub fn suggested(&self) -> Option<usize> {
        let best = |kappa: bool| {
            self.lines
                .iter()
                .filter(|((k, _), _)| *k == kappa)
                .filter_map(|((_, block), line)| Some((*block, line.mean?)))
                .max_by(|a, b| a.1.total_cmp(&b.1))
                .map(|(block, _)| block)
        };
        best(true).or_else(|| best(false))
    }
}
