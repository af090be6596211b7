//! Entries of the pickers about the setting, and of those that take what is typed.

use crate::app::App;
use crate::app::overlay::{Choice, Entry, PickerKind};
use crate::units::{CoefficientUnit, HookPoint, Mask, Operator};

impl App {
    /// Masks, operators, points, units.
    pub(super) fn setting_entries(&self, kind: PickerKind) -> Vec<Entry> {
        let now = self.steering.now();
        let entry =
            |label: &str, detail: String, used: bool, enabled: bool, choice: Choice| Entry {
                label: label.to_owned(),
                detail,
                note: if used { "in use" } else { "" }.to_owned(),
                enabled,
                choice,
            };
        match kind {
            PickerKind::Operator => (Operator::ALL.into_iter())
                .map(|operator| {
                    let (least, most) = operator.ranks();
                    let rank = self.vector.as_ref().map_or(1, |v| v.rank);
                    let fits = (least..=most).contains(&rank);
                    let lacking = match (fits, least) {
                        (true, _) => "",
                        (_, 2) => " (needs a vector of two directions)",
                        _ => " (needs a vector of one direction)",
                    };
                    let detail = format!("{}{lacking}", operator.words());
                    let used = now.edit.operator == operator;
                    entry(
                        operator.name(),
                        detail,
                        used,
                        fits,
                        Choice::Operator(operator),
                    )
                })
                .collect(),
            PickerKind::Point => (HookPoint::ALL.into_iter())
                .map(|point| {
                    let detail = match point {
                        HookPoint::ResidPre => "what enters the block",
                        HookPoint::AttnOut => "what attention adds to the stream",
                        HookPoint::ResidMid => "the stream between attention and MLP",
                        HookPoint::MlpOut => "what the MLP adds to the stream",
                        HookPoint::ResidPost => "what leaves the block, the usual site",
                    };
                    let used = now.edit.point == point;
                    entry(
                        point.name(),
                        detail.to_owned(),
                        used,
                        true,
                        Choice::Point(point),
                    )
                })
                .collect(),
            PickerKind::Unit => (CoefficientUnit::ALL.into_iter())
                .map(|unit| {
                    let lacks = self.unit_lacks(unit);
                    let value = self.unit_scale().from_raw(unit, f64::from(now.coefficient));
                    let detail = match (lacks, value) {
                        (Some(why), _) => format!("{} ({why})", unit.words()),
                        (None, Some(value)) => format!("{value:+.3}: {}", unit.words()),
                        (None, None) => unit.words().to_owned(),
                    };
                    let used = self.unit() == unit;
                    entry(
                        unit.name(),
                        detail,
                        used,
                        lacks.is_none(),
                        Choice::Unit(unit),
                    )
                })
                .collect(),
            _ => (Mask::ALL.into_iter())
                .map(|mask| {
                    let detail = match mask {
                        Mask::FromLastPrompt => "the last prompt token and everything after it",
                        Mask::FromAnswer => {
                            "generated tokens only; the first one is never affected"
                        }
                        Mask::All => "every position, the prompt included",
                        Mask::AllButFirst => "every position but the first, an attention sink",
                        Mask::PrefillOnly => "the prompt alone",
                        Mask::PromptRange { .. } => "a range of positions",
                    };
                    let used = now.mask == mask;
                    entry(
                        mask.name(),
                        detail.to_owned(),
                        used,
                        true,
                        Choice::Mask(mask),
                    )
                })
                .collect(),
        }
    }

    /// What the typed text stands for, where a picker takes one.
    pub(super) fn typed_entry(&self, kind: PickerKind, typed: &str) -> Option<Entry> {
        if typed.is_empty() {
            return None;
        }
        let (label, detail, choice) = match kind {
            PickerKind::Rename => (
                format!("call it '{typed}'"),
                "shown and saved under this name",
                Choice::Rename(typed.to_owned()),
            ),
            PickerKind::Save => (
                format!("save as '{typed}'"),
                "native format with all changes, in your vectors folder",
                Choice::Save(typed.to_owned()),
            ),
            PickerKind::Factor => {
                let factor: f32 = typed
                    .parse()
                    .ok()
                    .filter(|f: &f32| f.is_finite() && *f != 0.0)?;
                let words = "multiplies every value; u takes it back";
                (format!("times {factor}"), words, Choice::Factor(factor))
            }
            PickerKind::Mask => {
                let mask: Mask = typed.parse().ok()?;
                (
                    format!("steer {mask}"),
                    "token positions, 0 is the first",
                    Choice::Mask(mask),
                )
            }
            _ => return None,
        };
        Some(Entry {
            label,
            detail: detail.to_owned(),
            note: String::new(),
            enabled: true,
            choice,
        })
    }
}
