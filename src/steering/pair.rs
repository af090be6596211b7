//! Contrastive pairs as tokens, ready for extraction.

use super::dataset::{Content, Dataset, Example};
use super::error::ExtractError;
use super::locate::{Rejection, Rejections};
use super::wording::{LocatedTexts, Wording};
use crate::engine::{EngineError, TextTokenizer};

/// A tokenised text that is read at its last token; what follows the position read is left out,
/// since it cannot influence it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadText {
    /// Tokens up to and including the position read.
    pub ids: Vec<u32>,
}

impl ReadText {
    /// Absolute position that is read.
    pub fn position(&self) -> usize {
        self.ids.len().saturating_sub(1)
    }
}

/// One pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContrastivePair {
    /// Row of the data set.
    pub row: usize,
    /// Text that shows the behaviour.
    pub positive: ReadText,
    /// The other text.
    pub negative: ReadText,
}

impl ContrastivePair {
    /// Number of tokens that both texts begin with and that precede both positions read.
    pub fn shared_prefix(&self) -> usize {
        let (a, b) = (&self.positive.ids, &self.negative.ids);
        let limit = self.positive.position().min(self.negative.position());
        a.iter()
            .zip(b)
            .take(limit)
            .take_while(|(a, b)| a == b)
            .count()
    }

    /// The pair with its roles exchanged.
    #[must_use]
    pub fn swapped(&self) -> Self {
        Self {
            row: self.row,
            positive: self.negative.clone(),
            negative: self.positive.clone(),
        }
    }
}

/// Which token of each text is read; one kind for all pairs of a vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PositionRead {
    /// The first token that differs between the two answers, normally the option letter.
    Answer,
    /// The last token of each text.
    Last,
}

impl PositionRead {
    /// Stable name used in vector files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Last => "last",
        }
    }
}

/// The pairs of one data set for one tokenizer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairSet {
    /// Name of the data set.
    pub dataset: String,
    /// Its canonical hash.
    pub dataset_id: String,
    /// Kind of position read.
    pub read: PositionRead,
    /// Usable pairs.
    pub pairs: Vec<ContrastivePair>,
    /// Rows left out, counted by reason.
    pub rejected: Rejections,
}

impl PairSet {
    /// Tokenises the rows of a data set; rows longer than `max_positions` tokens are left out.
    pub fn build(
        dataset: &Dataset,
        tokenizer: &TextTokenizer,
        max_positions: usize,
    ) -> Result<Self, ExtractError> {
        let examples: Vec<&Example> = dataset.examples.iter().collect();
        Self::of_rows(dataset, &examples, tokenizer, max_positions)
    }

    /// The same for some rows of a data set, such as its training part.
    pub fn of_rows(
        dataset: &Dataset,
        examples: &[&Example],
        tokenizer: &TextTokenizer,
        max_positions: usize,
    ) -> Result<Self, ExtractError> {
        let answers = examples
            .iter()
            .filter(|e| matches!(e.content, Content::Answers { .. }))
            .count();
        let texts = examples.len() - answers;
        if answers > 0 && texts > 0 {
            return Err(ExtractError::MixedPositions {
                dataset: dataset.name.clone(),
                answers,
                texts,
            });
        }
        let read = if texts > 0 {
            PositionRead::Last
        } else {
            PositionRead::Answer
        };
        let tokens = examples.iter().map(|example| {
            let texts = tokenise(example, tokenizer)?;
            Ok((example.row, texts))
        });
        Self::collect(dataset, read, tokens, max_positions)
    }

    /// Pairs of given wordings, read at the answer token.
    pub fn of_wordings(
        dataset: &Dataset,
        wordings: &[Wording],
        tokenizer: &TextTokenizer,
        max_positions: usize,
    ) -> Result<Self, ExtractError> {
        let tokens = wordings.iter().map(|wording| {
            let texts = answer_texts(wording, tokenizer)?;
            Ok((wording.row, texts))
        });
        Self::collect(dataset, PositionRead::Answer, tokens, max_positions)
    }

    fn collect(
        dataset: &Dataset,
        read: PositionRead,
        tokens: impl Iterator<Item = Result<(usize, Tokenised), EngineError>>,
        max_positions: usize,
    ) -> Result<Self, ExtractError> {
        let mut pairs = Vec::new();
        let mut rejected = Rejections::default();
        for row in tokens {
            match row? {
                (row, Ok([positive, negative]))
                    if positive.len().max(negative.len()) <= max_positions =>
                {
                    let [positive, negative] = [positive, negative].map(|ids| ReadText { ids });
                    pairs.push(ContrastivePair {
                        row,
                        positive,
                        negative,
                    });
                }
                (_, Ok(_)) => rejected.add(Rejection::TooLong),
                (_, Err(reason)) => rejected.add(reason),
            }
        }
        if pairs.is_empty() {
            let why = rejected.messages().join("; ");
            let why = if why.is_empty() {
                "it has no rows".to_owned()
            } else {
                why
            };
            return Err(ExtractError::NoPairs {
                dataset: dataset.name.clone(),
                why,
            });
        }
        let (dataset, dataset_id) = (dataset.name.clone(), dataset.id.clone());
        Ok(Self {
            dataset,
            dataset_id,
            read,
            pairs,
            rejected,
        })
    }
}

type Tokenised = Result<[Vec<u32>; 2], Rejection>;

/// Tokens of both texts up to the position read.
fn tokenise(example: &Example, tokenizer: &TextTokenizer) -> Result<Tokenised, EngineError> {
    if let Some(wording) = Wording::of(example) {
        return answer_texts(&wording, tokenizer);
    }
    let [positive, negative] = example.full_texts();
    let (positive, negative) = (tokenizer.encode(&positive)?, tokenizer.encode(&negative)?);
    Ok(if positive == negative {
        Err(Rejection::EqualTexts)
    } else if positive.is_empty() || negative.is_empty() {
        Err(Rejection::NoTokens)
    } else {
        Ok([positive, negative])
    })
}

/// Tokens of both texts up to the answer token.
fn answer_texts(wording: &Wording, tokenizer: &TextTokenizer) -> Result<Tokenised, EngineError> {
    let found = wording.tokens(tokenizer)?;
    Ok(found.map(|LocatedTexts { located, mut texts }| {
        for text in &mut texts {
            text.truncate(located.k + 1);
        }
        texts
    }))
}
