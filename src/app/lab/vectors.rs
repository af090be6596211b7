//! Vectors side by side on the loaded data set: which, where, at what length; loading one of them.

use crate::app::App;
use crate::protocol::{Asset, Command, Study, SweepUnit, VectorsStudy};
use crate::units::BlockIndex;

/// Vectors compared at most: more distributions are no picture, and one pass holds as many.
const MOST: usize = 16;

/// What a row of the screen would load.
pub(in crate::app) enum RowAsset {
    /// A vector, and the block that it is compared at.
    Vector(Asset, usize),
    Dataset(Asset),
}

impl App {
    /// The vectors that are compared, and how many there would be without the limit.
    pub fn compared_vectors(&self) -> (Vec<Asset>, usize) {
        let loaded = self.vector.as_ref().map(|v| &v.asset);
        self.library.compared(loaded, MOST)
    }

    pub(super) fn vectors_study(&self) -> Option<Study> {
        let setting = self.steering.now();
        let loaded = self.vector.as_ref().map(|v| v.asset.clone());
        let (vectors, _) = self.compared_vectors();
        let reference = || loaded.or_else(|| vectors.first().cloned());
        Some(Study::Vectors(VectorsStudy {
            dataset: self.dataset.as_ref()?.id.clone(),
            block: BlockIndex(setting.block),
            own_blocks: !self.lab.one_block,
            equal_kappa: match self.lab.vectors_unit {
                SweepUnit::Raw => None,
                SweepUnit::EqualKappa => Some(reference()?),
            },
            vectors: (!vectors.is_empty()).then(|| vectors.clone())?,
            mask: setting.mask,
            edit: setting.edit,
            condition: self.condition(),
            multipliers: self.settings.multipliers.clone(),
        }))
    }

    /// Data sets with their own vectors, with the loaded one, vectors on the loaded data set, and again.
    pub(super) fn next_comparison(&mut self) {
        let lab = &mut self.lab;
        (lab.across_vectors, lab.one_vector) = match (lab.across_vectors, lab.one_vector) {
            (false, false) => (false, true),
            (false, true) => (true, true),
            (true, _) => (false, false),
        };
        lab.row = 0;
        lab.wanted = true;
    }

    /// As they are, or at equal κ.
    pub(super) fn next_vectors_unit(&mut self) {
        if self.lab.across_vectors {
            self.lab.vectors_unit = match self.lab.vectors_unit {
                SweepUnit::Raw => SweepUnit::EqualKappa,
                SweepUnit::EqualKappa => SweepUnit::Raw,
            };
            self.lab.wanted = true;
        }
    }

    pub(in crate::app) fn toggle_own_blocks(&mut self) {
        self.lab.one_block = !self.lab.one_block;
        self.lab.wanted = true;
    }

    /// What the cursor of the data-sets screen stands on.
    pub(in crate::app) fn row_loads(&self) -> Option<RowAsset> {
        let row = self.lab.row;
        if self.lab.across_vectors {
            let found = self.lab.vectors()?.rows.get(row)?;
            return Some(RowAsset::Vector(found.asset.clone(), found.block));
        }
        let found = self.lab.responses.items.get(row)?;
        Some(RowAsset::Dataset(found.asset.clone()))
    }

    /// Loads it.
    pub(in crate::app) fn load_row(&mut self) {
        match self.row_loads() {
            // At the block of its row, on the data set that it was compared on.
            Some(RowAsset::Vector(asset, block)) => {
                self.wanted_vector = Some(asset.clone());
                self.send(Command::LoadVector(asset));
                self.block_chosen = true;
                self.change(|s| s.block = block);
            }
            Some(RowAsset::Dataset(asset)) => self.choose_dataset(asset),
            None => {}
        }
    }
}
