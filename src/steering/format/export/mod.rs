//! Vectors written for other tools. Each target says what it cannot hold; what would change the edit is
//! refused rather than left out. Equal content gives equal bytes.

mod gguf;
mod johny_b;
mod json;
mod tables;
mod torch;

use std::collections::BTreeMap;
use std::fmt;

use super::super::error::VectorError;
use super::super::vector::{SteeringVector, meta};
use super::error::FormatError;
use super::gguf::LAYER_SCALES;
use crate::units::{BlockIndex, HookPoint, Operator};

/// A format that vectors can be written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Our safetensors.
    Native,
    /// GGUF control vector.
    Gguf,
    /// GGUF layer projection.
    Glp,
    /// `.svec` for IBM's CAST: key b + 1, where that tool applies it at block b.
    SvecCast,
    /// `.svec` for the output controls of `AISteer360`: key b.
    SvecAisteer,
    /// Directory of johny-b.
    JohnyB,
    /// Pickled object of the steering-vectors library.
    SteeringVectors,
    /// lm-evaluation-harness.
    LmEval,
    /// One numpy array per block.
    Npy,
    /// A table of numbers.
    Csv,
    /// Neuronpedia's JSON.
    Neuronpedia,
    /// `EasySteer` specification beside a GGUF file.
    EasySteer,
}

impl Target {
    /// All, in the order the help shows them.
    pub const ALL: [Self; 12] = [
        Self::Native,
        Self::Gguf,
        Self::Glp,
        Self::SvecCast,
        Self::SvecAisteer,
        Self::JohnyB,
        Self::SteeringVectors,
        Self::LmEval,
        Self::Npy,
        Self::Csv,
        Self::Neuronpedia,
        Self::EasySteer,
    ];

    /// The stable name used in flags and on screen.
    pub fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Gguf => "gguf",
            Self::Glp => "glp",
            Self::SvecCast => "svec-cast",
            Self::SvecAisteer => "svec-aisteer",
            Self::JohnyB => "johny-b",
            Self::SteeringVectors => "steering-vectors",
            Self::LmEval => "lm-eval",
            Self::Npy => "npy",
            Self::Csv => "csv",
            Self::Neuronpedia => "neuronpedia",
            Self::EasySteer => "easysteer",
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Target {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|t| t.name() == s)
            .ok_or_else(|| {
                let names: Vec<&str> = Self::ALL.into_iter().map(Self::name).collect();
                format!("unknown format '{s}'; use one of {}", names.join(", "))
            })
    }
}

/// What a writer is told beside the vector.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ExportOptions {
    /// The block of targets that hold one; without it the recommended or the only one.
    pub block: Option<usize>,
    /// Blocks to leave out.
    pub skip: Vec<usize>,
    /// `model_type` of the model's Hugging Face configuration, where the vector does not know it.
    pub model_hint: Option<String>,
    /// Decoder blocks of the model, where the vector does not know them.
    pub n_blocks: Option<usize>,
}

/// Files to write, and what they do not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// Names and bytes; one file, or those of a directory.
    pub files: Vec<(String, Vec<u8>)>,
    /// Whether they belong in a directory of their own.
    pub directory: bool,
    /// What is lost, one sentence each.
    pub loses: Vec<String>,
}

impl Exported {
    fn one(name: impl Into<String>, bytes: Vec<u8>) -> Self {
        Self {
            files: vec![(name.into(), bytes)],
            directory: false,
            loses: Vec::new(),
        }
    }

    fn loses(mut self, what: &[&str]) -> Self {
        self.loses.extend(what.iter().map(ToString::to_string));
        self
    }
}

/// Writes a vector in a format.
///
/// # Errors
/// The format has no way to say what the vector is, such as its operator, its site or a block.
pub fn export(
    vector: &SteeringVector,
    target: Target,
    options: &ExportOptions,
) -> Result<Exported, VectorError> {
    let mut vector = vector.clone();
    vector.directions.retain(|b, _| !options.skip.contains(b));
    if vector.directions.is_empty() {
        return Err(refuse(
            target,
            &vector,
            "every block is left out",
            "leave out fewer blocks",
        ));
    }
    if !options.skip.is_empty() {
        // The hash of what was there before.
        vector.metadata.remove(meta::SHA256);
    }
    let source = Source {
        vector: &vector,
        target,
        options,
    };
    let mut exported = match target {
        Target::Native => Exported::one("vector.safetensors", vector.to_bytes()?),
        Target::Gguf => gguf::control_vector(&source)?,
        Target::Glp => gguf::projection(&source)?,
        Target::SvecCast => json::cast(&source)?,
        Target::SvecAisteer => json::aisteer(&source)?,
        Target::JohnyB => johny_b::directory(&source)?,
        Target::SteeringVectors => torch::steering_vectors(&source)?,
        Target::LmEval => torch::lm_eval(&source)?,
        Target::Npy => tables::npy(&source)?,
        Target::Csv => tables::csv(&source),
        Target::Neuronpedia => json::neuronpedia(&source)?,
        Target::EasySteer => json::easysteer(&source)?,
    };
    if source.layer_scales().is_some() && !matches!(target, Target::Glp | Target::Native) {
        let what = "what each layer's alpha is times the others' (glp.layer_scales)";
        exported.loses.push(what.to_owned());
    }
    for block in &options.skip {
        exported.loses.push(format!("block {block}, as asked"));
    }
    Ok(exported)
}

fn refuse(target: Target, vector: &SteeringVector, what: &str, advice: &str) -> VectorError {
    FormatError::WriteUnsupported {
        target: target.name(),
        name: vector.name.clone(),
        what: what.to_owned(),
        advice: advice.to_owned(),
    }
    .into()
}

/// A vector on its way into a format.
struct Source<'a> {
    vector: &'a SteeringVector,
    target: Target,
    options: &'a ExportOptions,
}

impl Source<'_> {
    fn refuse(&self, what: &str, advice: &str) -> VectorError {
        refuse(self.target, self.vector, what, advice)
    }

    /// Refuses operators and points that the format cannot say.
    fn only(&self, operators: &[Operator], points: &[HookPoint]) -> Result<(), VectorError> {
        let edit = self.vector.edit;
        if !operators.contains(&edit.operator) {
            let what = format!("its operator is {}", edit.operator);
            return Err(self.refuse(&what, "write it as native or, for projections, as glp"));
        }
        if !points.contains(&edit.point) {
            let what = format!("it acts at {}", edit.point);
            return Err(self.refuse(&what, "write it as native"));
        }
        Ok(())
    }

    /// `add` at the block output.
    fn only_add(&self) -> Result<(), VectorError> {
        self.only(&[Operator::Add], &[HookPoint::ResidPost])
    }

    fn fact(&self, key: &str) -> Option<&str> {
        self.vector.metadata.get(key).map(String::as_str)
    }

    /// The Hugging Face `model_type`.
    fn model_hint(&self) -> &str {
        let told = self.options.model_hint.as_deref();
        told.or_else(|| self.fact(meta::MODEL_HINT))
            .unwrap_or("unknown")
    }

    fn n_blocks(&self) -> Option<usize> {
        let known = || self.fact(meta::N_LAYERS)?.trim().parse().ok();
        self.options.n_blocks.or_else(known)
    }

    fn multiplier(&self) -> Option<f32> {
        let text = self.fact(meta::RECOMMENDED_MULTIPLIER)?;
        text.trim().parse().ok().filter(|c: &f32| c.is_finite())
    }

    /// `block:factor` of the blocks whose alpha a GLP file sets apart; the file's layers may have been
    /// shifted since.
    fn layer_scales(&self) -> Option<String> {
        let shift = self
            .fact(meta::SOURCE_SHIFT)
            .and_then(|s| s.trim().parse().ok());
        let shift: i64 = shift.unwrap_or(0);
        let cell = |cell: &str| {
            let (layer, factor) = cell.split_once(':')?;
            let block = layer.trim().parse::<i64>().ok()?.checked_add(shift)?;
            let there = |b: &usize| i64::try_from(*b) == Ok(block);
            let is_there = self.vector.directions.keys().any(there);
            is_there.then(|| format!("{block}:{}", factor.trim()))
        };
        let cells: Vec<String> = (self.fact(LAYER_SCALES)?.split(','))
            .filter_map(cell)
            .collect();
        (!cells.is_empty()).then(|| cells.join(","))
    }

    /// The block of a format that holds one.
    fn block(&self) -> Result<usize, VectorError> {
        let directions = &self.vector.directions;
        let only = match directions.len() {
            1 => directions.keys().next().copied(),
            _ => None,
        };
        let block = self
            .options
            .block
            .or(only)
            .or_else(|| self.vector.recommended_block().map(|b| b.0));
        let Some(block) = block else {
            return Err(self.refuse(
                "it holds one block, the vector several",
                "choose one with --block B",
            ));
        };
        self.vector.direction(BlockIndex(block))?;
        Ok(block)
    }

    /// Refuses a layer number b + 1 that the model does not have.
    fn expressible_as_input(&self, block: usize) -> Result<(), VectorError> {
        if self.n_blocks().is_some_and(|n| block + 1 >= n) {
            let what = format!("block {block} is the last, and no block follows whose input it is");
            let advice = format!("drop it with --skip-layer {block}");
            return Err(self.refuse(&what, &advice));
        }
        Ok(())
    }

    /// Metadata that a foreign container can carry along, without what it says in its own words.
    fn facts(&self, without: &[&str]) -> BTreeMap<String, String> {
        let own = [
            "format",
            "format_version",
            meta::NAME,
            meta::HIDDEN_SIZE,
            meta::OPERATOR,
            meta::SHA256,
            meta::MODEL_HINT,
        ];
        let mut facts = self.vector.metadata.clone();
        facts.retain(|k, _| !own.contains(&k.as_str()) && !without.contains(&k.as_str()));
        facts
    }
}
