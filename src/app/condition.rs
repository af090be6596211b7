//! The condition on prompts: its dialog, and what it says of the data set's prompts.

use crate::app::App;
use crate::app::messages::Level;
use crate::app::overlay::Overlay;
use crate::app::steering::ConditionSetting;
use crate::protocol::{Asset, Condition, Gated};
use crate::stats::quantile;
use crate::text::one_line;
use crate::units::{BlockIndex, RunId};

/// Fields of the dialog, in order.
pub const FIELDS: [&str; 4] = ["like", "block", "similarity", "threshold"];

/// The dialog.
#[derive(Debug, Clone, PartialEq)]
pub struct ConditionForm {
    vectors: Vec<Asset>,
    /// 0: no condition; then the vectors.
    vector: usize,
    block: usize,
    blocks: usize,
    above: bool,
    /// Typed threshold.
    threshold: String,
    fresh: bool,
    /// Field under edit.
    pub at: usize,
    /// Why it cannot be taken.
    pub error: Option<String>,
}

impl ConditionForm {
    /// What a field shows.
    pub fn value(&self, field: usize) -> String {
        match field {
            0 => (self.asset()).map_or_else(|| "none: steer every prompt".to_owned(), Asset::label),
            1 => self.block.to_string(),
            2 if self.above => "above".to_owned(),
            2 => "below".to_owned(),
            _ => self.threshold.clone(),
        }
    }

    /// What a field means.
    pub fn hint(&self, field: usize) -> &'static str {
        match field {
            0 => "condition vector",
            1 => "whose output is compared",
            2 => "the prompts that are steered",
            _ => "-1 to 1",
        }
    }

    /// Whether a field takes typed text.
    pub fn takes_text(&self) -> bool {
        self.at == 3
    }

    fn asset(&self) -> Option<&Asset> {
        self.vectors.get(self.vector.checked_sub(1)?)
    }

    /// Another field.
    pub fn step(&mut self, by: isize) {
        self.go_to((self.at as isize + by).rem_euclid(FIELDS.len() as isize) as usize);
    }

    /// To a field by its number.
    pub fn go_to(&mut self, at: usize) {
        self.at = at.min(FIELDS.len() - 1);
        self.fresh = true;
    }

    /// Another value of the field.
    pub fn nudge(&mut self, by: isize) {
        let turn = |at: usize, n: usize| (at as isize + by).rem_euclid(n.max(1) as isize) as usize;
        self.error = None;
        match self.at {
            0 => self.vector = turn(self.vector, self.vectors.len() + 1),
            1 => self.block = turn(self.block, self.blocks),
            2 => self.above = !self.above,
            _ => {
                let now: f32 = self.threshold.parse().unwrap_or(0.0);
                let next = ((now * 100.0).round() + by as f32) / 100.0;
                self.threshold = format!("{:.2}", next.clamp(-1.0, 1.0));
                self.fresh = true;
            }
        }
    }

    /// Types into the field.
    pub fn type_char(&mut self, c: char) {
        if self.at == 3 && (c.is_ascii_digit() || c == '.' || c == '-') {
            if std::mem::take(&mut self.fresh) {
                self.threshold.clear();
            }
            if self.threshold.len() < 9 {
                self.threshold.push(c);
            }
            self.error = None;
        }
    }

    /// Deletes the last character.
    pub fn backspace(&mut self) {
        self.fresh = false;
        if self.at == 3 {
            self.threshold.pop();
        }
    }

    fn read(&self) -> Result<Option<(Asset, f32)>, String> {
        let Some(asset) = self.asset() else {
            return Ok(None);
        };
        let threshold: Option<f32> = self.threshold.trim().parse().ok();
        match threshold.filter(|t| (-1.0..=1.0).contains(t)) {
            Some(threshold) => Ok(Some((asset.clone(), threshold))),
            None => Err("the threshold lies between -1 and 1".to_owned()),
        }
    }
}

/// Judgement of the prompt whose texts are shown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct PromptGate {
    pub(super) run: RunId,
    pub(super) gate: Gated,
}

impl App {
    /// Opens the dialog.
    pub(super) fn open_condition(&mut self) {
        let now = self.steering.now();
        let mut vectors: Vec<Asset> = self.vectors.iter().map(|e| e.asset.clone()).collect();
        for asset in self.vector.iter().map(|v| &v.asset).chain(&self.conditions) {
            if !vectors.contains(asset) {
                vectors.push(asset.clone());
            }
        }
        if vectors.is_empty() {
            self.say(Level::Info, "no vector is there; open one with v");
            return;
        }
        let of = now.condition.and_then(|c| self.conditions.get(c.vector));
        let vector = of.and_then(|asset| vectors.iter().position(|v| v == asset));
        self.overlays.push(Overlay::Condition(ConditionForm {
            vectors,
            vector: vector.map_or(0, |at| at + 1),
            block: now.condition.map_or(now.block, |c| c.block),
            blocks: self.blocks(),
            above: now.condition.is_none_or(|c| c.above),
            threshold: now
                .condition
                .map_or_else(|| "0.00".to_owned(), |c| format!("{}", c.threshold)),
            fresh: true,
            at: 0,
            error: None,
        }));
    }

    /// Takes what the dialog says.
    pub(super) fn apply_condition(&mut self) {
        let Some(Overlay::Condition(form)) = self.overlays.last_mut() else {
            return;
        };
        let (block, above) = (form.block, form.above);
        let read = match form.read() {
            Ok(read) => read,
            Err(why) => {
                form.error = Some(why);
                return;
            }
        };
        self.overlays.pop();
        let condition = read.map(|(asset, threshold)| {
            let known = self.conditions.iter().position(|c| *c == asset);
            let vector = known.unwrap_or_else(|| {
                self.conditions.push(asset);
                self.conditions.len() - 1
            });
            ConditionSetting {
                vector,
                block,
                threshold,
                above,
            }
        });
        self.change(|s| s.condition = condition);
    }

    /// The condition of a setting, as the worker wants it.
    pub(super) fn condition_of(&self, setting: Option<ConditionSetting>) -> Option<Condition> {
        let c = setting?;
        Some(Condition {
            vector: self.conditions.get(c.vector)?.clone(),
            block: BlockIndex(c.block),
            threshold: c.threshold,
            above: c.above,
        })
    }

    /// The present condition.
    pub fn condition(&self) -> Option<Condition> {
        self.condition_of(self.steering.now().condition)
    }

    /// The present condition in words; empty without one.
    pub fn condition_words(&self) -> String {
        self.condition().map_or_else(String::new, |c| {
            format!(
                "if like '{}' b{} {} {}",
                one_line(&c.vector.label()),
                c.block,
                if c.above { ">" } else { "<=" },
                c.threshold
            )
        })
    }

    /// Prompts of the data set that are steered, of those that were judged; `None` without a condition.
    pub fn prompts_open(&self) -> Option<(usize, usize)> {
        let gates = self.gates();
        let open = gates.iter().filter(|gate| gate.open).count();
        (!gates.is_empty()).then_some((open, gates.len()))
    }

    /// Similarities of the data set's prompts in words, for choosing a threshold.
    pub fn similarities(&self, form: &ConditionForm) -> Option<String> {
        let now = self.condition()?;
        if form.asset() != Some(&now.vector) || form.block != now.block.0 {
            return None;
        }
        let mut all: Vec<f64> = (self.gates().iter())
            .filter_map(|gate| gate.similarity)
            .collect();
        all.sort_by(f64::total_cmp);
        let threshold = f64::from(form.threshold.trim().parse::<f32>().ok()?);
        let open = all.iter().filter(|s| (**s > threshold) == form.above);
        Some(format!(
            "prompts: {:.2} to {:.2}, median {:.2}; {} of {} steered",
            all.first()?,
            all.last()?,
            quantile(&all, 0.5)?,
            open.count(),
            all.len()
        ))
    }

    fn gates(&self) -> Vec<Gated> {
        let Some(measured) = self.experiment.current() else {
            return Vec::new();
        };
        (measured.results.iter().flatten())
            .filter_map(|r| r.gate)
            .collect()
    }

    /// How the condition judged the prompt whose texts are shown.
    pub fn shown_gate(&self) -> Option<Gated> {
        let shown = self.compare.shown()?;
        let gate = self.prompt_gate.filter(|g| g.run == shown.request.run)?;
        Some(gate.gate)
    }
}
