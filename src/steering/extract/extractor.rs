//! A vector in the making: read a few texts, look at what they give, stop at any time.

use std::collections::BTreeMap;

use serde::Serialize;

use super::super::pair::PairSet;
use super::super::vector::{SteeringVector, meta};
use super::corpora::{Corpora, Texts};
use super::describe::{self, Provenance};
use super::error::ExtractError;
use super::family::Family;
use super::mean::PairActivations;
use super::method::Method;
use super::pairs::Pairs;
use super::persona::{Persona, PersonaJob};
use super::position::PositionRead;
use super::refusal::Refusal;
use super::report::BlockReport;
use super::respond::Responding;
use crate::engine::{Cancel, Model};
use crate::units::BlockIndex;

/// What a vector is made from.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// Contrastive pairs, read where their set says.
    Pairs(PairSet),
    /// Two sets of texts, positive and negative; prompts for [`Method::RefusalMean`].
    Corpora(Texts, Texts),
    /// Two system texts and prompts.
    Persona(Persona),
}

/// How a vector is made.
#[derive(Debug, Clone, PartialEq)]
pub struct Extraction {
    /// Method.
    pub method: Method,
    /// Position read in texts that are no pairs; `None`: the method's own.
    pub read: Option<PositionRead>,
    /// Seed of random signs, of the choice of held-out prompts, of draws.
    pub seed: u64,
    /// Bytes that kept differences may take. Beyond, blocks are done in groups, each of which reads
    /// all pairs again.
    pub memory: usize,
    /// Longer texts of corpora are cut after so many tokens; van der Weij et al. take 4096.
    pub truncate: usize,
    /// System text of the prompts of [`Method::RefusalMean`].
    pub system: Option<String>,
    /// How responses of [`Method::PersonaMean`] are generated.
    pub responding: Responding,
    /// Block whose activations are kept for predictors.
    pub watch: Option<BlockIndex>,
}

impl Extraction {
    /// A method with the usual settings.
    pub fn new(method: Method) -> Self {
        Self {
            method,
            read: None,
            seed: 0,
            memory: 1 << 30,
            truncate: 4096,
            system: None,
            responding: Responding::default(),
            watch: None,
        }
    }
}

/// A vector and what is to be known about it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Extracted {
    /// The vector; its metadata say how many texts it is made of.
    #[serde(skip)]
    pub vector: SteeringVector,
    /// Per block.
    pub blocks: Vec<BlockReport>,
    /// Positive and negative texts read.
    pub texts: [usize; 2],
    /// Position read.
    pub read: String,
    /// Whether everything was read.
    pub complete: bool,
    /// Generated texts under the trait's and the other system text.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub responses: Vec<[String; 2]>,
}

/// A vector in the making.
///
/// ```text
/// while extractor.step(&model, &cancel)? < extractor.total() { show(extractor.snapshot(&model)?) }
/// extractor.finish(&model)?
/// ```
/// A step that is cancelled keeps what the steps before it read: [`Extractor::finish`] then gives the
/// vector of those texts, marked as incomplete.
pub struct Extractor {
    name: String,
    model_id: String,
    method: Method,
    done: usize,
    family: Box<dyn Family>,
}

impl std::fmt::Debug for Extractor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Extractor")
            .field("method", &self.method)
            .field("done", &self.done)
            .finish_non_exhaustive()
    }
}

impl Extractor {
    /// Tokenises the source; nothing is read yet. `name` becomes the vector's name, `model_id` the display
    /// name of the model in its metadata.
    ///
    /// # Errors
    /// [`ExtractError::WrongSource`], [`ExtractError::NoTexts`], those of the tokenizer.
    pub fn new(
        model: &Model,
        name: &str,
        model_id: &str,
        source: Source,
        how: &Extraction,
    ) -> Result<Self, ExtractError> {
        let method = how.method;
        let wrong = |given, needed| ExtractError::WrongSource {
            method,
            given,
            needed,
        };
        let read = how.read.unwrap_or_else(|| method.default_read(false));
        let most = how.truncate.clamp(1, model.config().max_positions);
        let family: Box<dyn Family> = match (method, source) {
            (Method::ActAdd, _) => {
                return Err(wrong(
                    "an ordinary source",
                    "it has a row for every position: extract_positions makes it from one pair of prompts",
                ));
            }
            (Method::DiffmeanTokens, Source::Pairs(set)) => {
                Box::new(Corpora::of_pairs(method, model, set))
            }
            (method, Source::Pairs(set)) if method.takes_pairs() => Box::new(Pairs::new(
                method, set, model, how.seed, how.memory, how.watch,
            )),
            (Method::CorpusMean | Method::DiffmeanTokens, Source::Corpora(a, b)) => {
                Box::new(Corpora::new(method, model, [&a, &b], read, most)?)
            }
            (Method::RefusalMean, Source::Corpora(a, b)) => Box::new(Refusal::new(
                model,
                [&a, &b],
                how.system.as_deref(),
                how.seed,
            )?),
            (Method::PersonaMean, Source::Persona(persona)) => {
                Box::new(PersonaJob::new(model, &persona, read, how.responding)?)
            }
            (Method::CorpusMean, _) => {
                return Err(wrong(
                    "pairs",
                    "give two sets of texts, positive and negative",
                ));
            }
            (Method::RefusalMean, _) => {
                return Err(wrong(
                    "pairs",
                    "give two sets of prompts, positive and negative",
                ));
            }
            (Method::PersonaMean, _) => {
                return Err(wrong(
                    "texts",
                    "give two system texts and the prompts to answer under both",
                ));
            }
            (_, Source::Corpora(..)) => {
                return Err(wrong("unpaired texts", "give contrastive pairs"));
            }
            (_, Source::Persona(_) | Source::Pairs(_)) => {
                return Err(wrong("system texts and prompts", "give contrastive pairs"));
            }
        };
        Ok(Self {
            name: name.to_owned(),
            model_id: model_id.to_owned(),
            method,
            done: 0,
            family,
        })
    }

    /// Units (pairs, documents, prompts) to read, every pass over them counted.
    pub fn total(&self) -> usize {
        self.family.total()
    }

    /// How often all pairs are read: once for each group of blocks whose differences fit into the memory
    /// allowed.
    pub fn passes(&self) -> usize {
        self.family.passes()
    }

    /// Units read so far.
    pub fn done(&self) -> usize {
        self.done
    }

    /// Reads one batch and returns the units done so far, [`total`](Self::total) at the end.
    ///
    /// # Errors
    /// Those of the engine, cancellation included: what was read before is kept.
    pub fn step(&mut self, model: &Model, cancel: &Cancel) -> Result<usize, ExtractError> {
        cancel.check()?;
        self.done = self.family.step(model, cancel)?;
        Ok(self.done)
    }

    /// Activations at the watched block so far, for predictors; `None` where none is watched and for
    /// sources without pairs.
    pub fn watched(&self) -> Option<&PairActivations> {
        self.family.watched()
    }

    /// The vector of what was read so far, marked as incomplete where something is left. For components
    /// it solves an eigenproblem per block, so that it is not free.
    ///
    /// # Errors
    /// [`ExtractError::NothingRead`], [`ExtractError::NoDifference`], [`ExtractError::NoSpread`].
    pub fn snapshot(&self, model: &Model) -> Result<Extracted, ExtractError> {
        let outcome = self.family.outcome()?;
        let complete = self.done >= self.total();
        let blocks: Vec<BlockReport> = (outcome.blocks.iter())
            .map(|(block, outcome)| BlockReport::new(*block, outcome))
            .collect();
        let directions: BTreeMap<usize, Vec<f32>> = (outcome.blocks.into_iter())
            .map(|(block, outcome)| (block, outcome.direction.values))
            .collect();
        let provenance = Provenance {
            model_id: &self.model_id,
            method: self.method,
            read: outcome.read.clone(),
            counts: outcome.counts,
            dataset_id: &outcome.dataset_id,
        };
        let mut metadata = describe::metadata(model, &provenance, &directions);
        metadata.extend(outcome.facts);
        if let Some(block) = outcome.recommended {
            metadata.insert(meta::RECOMMENDED_LAYER.to_owned(), block.to_string());
        }
        if !complete {
            let words = format!("{} of {}", self.done, self.total());
            metadata.insert(meta::STOPPED_AFTER.to_owned(), words);
        }
        if self.method.is_unit() {
            let norms = blocks.iter().map(|b| (b.block.0, b.mean_norm));
            let norms = describe::map_of_blocks(norms);
            metadata.insert(meta::MEAN_NORM.to_owned(), norms);
            let cosines = (blocks.iter()).filter_map(|b| Some((b.block.0, b.cosine_to_mean?)));
            let cosines = describe::map_of_blocks(cosines);
            metadata.insert(meta::COSINE_TO_MEAN.to_owned(), cosines);
        }
        let shares = (blocks.iter()).filter_map(|b| Some((b.block.0, b.explained_share?)));
        let shares = describe::map_of_blocks(shares);
        if shares.len() > 2 {
            metadata.insert(meta::EXPLAINED_SHARE.to_owned(), shares);
        }
        let undefined: Vec<String> = (blocks.iter().filter(|b| !b.sign_defined))
            .map(|b| b.block.to_string())
            .collect();
        if !undefined.is_empty() {
            metadata.insert(meta::SIGN_UNDEFINED.to_owned(), undefined.join(","));
        }
        let vector = SteeringVector::new(&self.name, directions, metadata)
            .map_err(ExtractError::NoDirection)?;
        Ok(Extracted {
            vector,
            blocks,
            texts: outcome.counts,
            read: outcome.read,
            complete,
            responses: outcome.responses,
        })
    }

    /// The vector of what was read.
    ///
    /// # Errors
    /// Those of [`snapshot`](Self::snapshot).
    pub fn finish(self, model: &Model) -> Result<Extracted, ExtractError> {
        self.snapshot(model)
    }
}

/// Makes a vector. `progress` is told units done and in all after every batch, with the extractor for
/// a [snapshot](Extractor::snapshot). When cancelled, the vector of what was read so far comes back,
/// marked as incomplete.
///
/// # Errors
/// Those of [`Extractor::new`], of the engine and of [`Extractor::snapshot`].
pub fn extract(
    model: &Model,
    name: &str,
    model_id: &str,
    source: Source,
    how: &Extraction,
    progress: &mut dyn FnMut(usize, usize, &Extractor),
    cancel: &Cancel,
) -> Result<Extracted, ExtractError> {
    let mut extractor = Extractor::new(model, name, model_id, source, how)?;
    let total = extractor.total();
    progress(0, total, &extractor);
    while extractor.done() < total {
        match extractor.step(model, cancel) {
            Ok(done) => progress(done, total, &extractor),
            Err(error) if error.is_cancelled() && extractor.done() > 0 => break,
            Err(error) => return Err(error),
        }
    }
    extractor.finish(model)
}
