//! What can lie over the main screen, as a stack: pickers, palette, help, dialog, log, panel.

use crate::app::action::Action;
use crate::app::asking::AskingForm;
use crate::app::condition::ConditionForm;
use crate::app::extraction::ExtractForm;
use crate::app::tokens::TokenCursor;
use crate::protocol::{Asset, ModelSource, Sampling};
use crate::units::{CoefficientUnit, FileFact, HookPoint, Mask, Operator};

/// What a picker chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PickerKind {
    /// Steering vector.
    Vector,
    /// Data set.
    Dataset,
    /// Steered positions.
    Mask,
    /// Operator.
    Operator,
    /// Point of the block.
    Point,
    /// Unit of the coefficient.
    Unit,
    /// Name of a vector.
    Rename,
    /// Factor of a vector.
    Factor,
    /// Name of a file.
    Save,
    /// What a vector's file does not say.
    Import,
    /// Theme.
    Theme,
    /// Model.
    Model,
}

impl PickerKind {
    /// Title of the picker.
    pub fn title(self) -> &'static str {
        match self {
            Self::Vector => "steering vector",
            Self::Dataset => "data set",
            Self::Mask => "steered positions",
            Self::Operator => "operator",
            Self::Point => "point of the block",
            Self::Unit => "unit of the coefficient",
            Self::Rename => "rename the vector",
            Self::Factor => "scale the vector",
            Self::Save => "save the vector",
            Self::Import => "about this file",
            Self::Theme => "theme",
            Self::Model => "model",
        }
    }

    /// What the input line of the picker takes.
    pub fn hint(self) -> &'static str {
        match self {
            Self::Rename | Self::Save => " type a name",
            Self::Factor => " type a number",
            Self::Import => " type a number, or choose",
            Self::Mask => " type to filter, or a range such as 3..7",
            _ if self.takes_path() => " type to filter, or a path",
            _ => " type to filter",
        }
    }

    /// Whether a typed path can be opened.
    pub fn takes_path(self) -> bool {
        matches!(self, Self::Vector | Self::Dataset | Self::Model)
    }
}

/// A filtered list: what was typed and which entry is selected.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct List {
    /// Typed filter.
    pub filter: String,
    /// Selected entry of those that pass.
    pub selected: usize,
}

/// One layer over the main screen.
#[derive(Debug, Clone, PartialEq)]
pub enum Overlay {
    /// Keys and what they do.
    Help(List),
    /// Actions by name.
    Palette(List),
    /// A choice.
    Picker(PickerKind, List),
    /// Sampling settings.
    Sampling(Form),
    /// All messages; rows scrolled back from the newest.
    Log(usize),
    /// The receipt; rows scrolled down.
    Receipt(usize),
    /// A new vector.
    Extract(Box<ExtractForm>),
    /// The condition on prompts.
    Condition(ConditionForm),
    /// How rows are asked.
    Asking(AskingForm),
    /// The prompt token by token.
    Tokens(TokenCursor),
    /// The engine died, for this reason.
    Died(String),
}

/// What taking an entry does.
#[derive(Debug, Clone, PartialEq)]
pub enum Choice {
    /// Runs an action.
    Run(Action),
    /// Loads a vector.
    Vector(Asset),
    /// Loads a data set.
    Dataset(Asset),
    /// Sets the mask.
    Mask(Mask),
    /// Sets the unit.
    Unit(CoefficientUnit),
    /// Renames the selected vector.
    Rename(String),
    /// Scales the selected vector.
    Factor(f32),
    /// Saves the selected vector.
    Save(String),
    /// Answers what a vector's file does not say.
    Told(FileFact),
    /// Sets the operator.
    Operator(Operator),
    /// Sets the point of the block.
    Point(HookPoint),
    /// Sets the theme.
    Theme(String),
    /// Loads a model.
    Model(ModelSource),
    /// Nothing: a heading.
    Heading,
}

/// One entry of a list overlay.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Name.
    pub label: String,
    /// Description, or the reason why it is not available.
    pub detail: String,
    /// Keys, or a mark such as "loaded".
    pub note: String,
    /// Can be taken now.
    pub enabled: bool,
    /// What taking it does.
    pub choice: Choice,
}

/// The fields of the sampling dialog, in order.
pub const FIELDS: [(&str, &str); 5] = [
    ("temperature", "0 = greedy"),
    ("top-k", "empty = all"),
    ("top-p", "empty = all"),
    ("seed", "both lanes draw the same"),
    ("length", "tokens"),
];

/// Sampling settings under edit, as typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    /// One text per field.
    pub values: [String; 5],
    /// Field under edit.
    pub at: usize,
    /// The value was just entered by moving: typing replaces it.
    fresh: bool,
    /// Why the values cannot be taken.
    pub error: Option<String>,
}

impl Form {
    /// The dialog on these settings.
    pub fn new(s: &Sampling) -> Self {
        let optional = |v: Option<String>| v.unwrap_or_default();
        Self {
            values: [
                s.temperature.to_string(),
                optional(s.top_k.map(|k| k.to_string())),
                optional(s.top_p.map(|p| p.to_string())),
                s.seed.to_string(),
                s.max_tokens.to_string(),
            ],
            at: 0,
            fresh: true,
            error: None,
        }
    }

    /// Moves to another field, around the end.
    pub fn step(&mut self, by: isize) {
        self.at = (self.at as isize + by).rem_euclid(FIELDS.len() as isize) as usize;
        self.fresh = true;
    }

    /// Types into the field.
    pub fn type_char(&mut self, c: char) {
        let fresh = std::mem::take(&mut self.fresh);
        if let Some(value) = self
            .values
            .get_mut(self.at)
            .filter(|_| c.is_ascii_digit() || c == '.')
        {
            if fresh {
                value.clear();
            }
            if value.len() < 20 {
                value.push(c);
            }
            self.error = None;
        }
    }

    /// Deletes the last character of the field.
    pub fn backspace(&mut self) {
        self.fresh = false;
        if let Some(value) = self.values.get_mut(self.at) {
            value.pop();
        }
    }

    /// Lowers or raises the field by its step.
    pub fn nudge(&mut self, by: i32) {
        let at = self.at;
        let Some(value) = self.values.get_mut(at) else {
            return;
        };
        let number: f64 = value.parse().unwrap_or(match at {
            1 => 40.0,
            2 => 1.0,
            _ => 0.0,
        });
        let step = [0.1, 1.0, 0.05, 1.0, 16.0].get(at).copied().unwrap_or(1.0);
        let (low, high) = [
            (0.0, 5.0),
            (1.0, 1e6),
            (0.05, 1.0),
            (0.0, 1e15),
            (1.0, 4096.0),
        ]
        .get(at)
        .copied()
        .unwrap_or((0.0, 1.0));
        let next = ((number + f64::from(by) * step) * 100.0).round() / 100.0;
        *value = next.clamp(low, high).to_string();
        self.fresh = true;
        self.error = None;
    }

    /// The settings, or which field is wrong and what it takes.
    pub fn read(&self) -> Result<Sampling, String> {
        let field = |i: usize| self.values.get(i).map_or("", |v| v.trim());
        let temperature: f64 = field(0)
            .parse()
            .map_err(|_| "temperature takes a number, 0 for greedy".to_owned())?;
        if !(0.0..=100.0).contains(&temperature) {
            return Err("temperature lies between 0 and 100".to_owned());
        }
        let top_k = match field(1) {
            "" | "0" => None,
            text => Some(
                text.parse()
                    .map_err(|_| "top-k takes a whole number".to_owned())?,
            ),
        };
        let top_p: Option<f64> = match field(2) {
            "" => None,
            text => Some(
                text.parse()
                    .map_err(|_| "top-p takes a number".to_owned())?,
            ),
        };
        if top_p.is_some_and(|p| !(p > 0.0 && p <= 1.0)) {
            return Err("top-p lies above 0 and at most at 1".to_owned());
        }
        let seed = field(3)
            .parse()
            .map_err(|_| "seed takes a whole number".to_owned())?;
        let max_tokens: usize = field(4)
            .parse()
            .map_err(|_| "length takes a whole number".to_owned())?;
        if !(1..=4096).contains(&max_tokens) {
            return Err("length lies between 1 and 4096 tokens".to_owned());
        }
        Ok(Sampling {
            temperature,
            top_k,
            top_p,
            seed,
            max_tokens,
        })
    }
}

/// How well `text` matches `query` as a subsequence; higher is better, `None` is no match.
pub fn fuzzy(query: &str, text: &str) -> Option<i32> {
    let mut score = 0;
    let mut last = None;
    let lower: Vec<char> = text.to_lowercase().chars().collect();
    let mut at = 0;
    for q in query.to_lowercase().chars().filter(|c| !c.is_whitespace()) {
        let found = (at..lower.len()).find(|i| lower.get(*i) == Some(&q))?;
        let starts = found == 0 || lower.get(found - 1).is_some_and(|c| !c.is_alphanumeric());
        score += if last == found.checked_sub(1) && last.is_some() {
            8
        } else {
            0
        };
        score += if starts { 6 } else { 0 };
        score -= i32::try_from(found.min(40)).unwrap_or(40) / 8;
        last = Some(found);
        at = found + 1;
    }
    Some(score)
}
