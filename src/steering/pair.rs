//! Contrastive pairs as tokens, ready for extraction.

use std::ops::Range;

use super::dataset::{Content, Dataset, Example};
use super::extract::{ExtractError, Layout, PositionRead, Positions};
use super::locate::{Rejection, Rejections};
use super::wording::{LocatedTexts, Wording};
use crate::engine::{EngineError, Model, TextTokenizer};

/// A tokenised text and where it is read; what follows the last position read is left out, since it
/// cannot influence it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadText {
    /// Tokens up to and including the last position read.
    pub ids: Vec<u32>,
    /// Positions that are read.
    pub positions: Positions,
}

impl ReadText {
    /// Absolute position of the last token that is read.
    pub fn position(&self) -> usize {
        self.ids.len().saturating_sub(1)
    }

    fn new(mut ids: Vec<u32>, positions: Positions) -> Self {
        ids.truncate(positions.end());
        Self { ids, positions }
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
    /// Number of tokens that both texts begin with and that precede the last position read of either.
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

/// Rows and what stands around them.
#[derive(Debug, Clone, Copy)]
pub enum PairRows<'a> {
    /// As the data set has them.
    Plain(&'a [&'a Example]),
    /// Rows with a prompt, worded.
    Worded {
        /// Wordings.
        wordings: &'a [Wording],
        /// System text within their prompts.
        system: Option<&'a str>,
    },
    /// Whole texts, each as a user's turn in the model's chat format.
    Turns {
        /// Rows.
        examples: &'a [&'a Example],
        /// System text.
        system: Option<&'a str>,
    },
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
        let read = if has_answers(dataset, examples)? {
            PositionRead::Answer
        } else {
            PositionRead::Last
        };
        let tokens = examples.iter().map(|example| {
            let texts = plain(example, tokenizer, false)?;
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
            let texts = worded(wording, None, tokenizer, false)?;
            Ok((wording.row, texts))
        });
        Self::collect(dataset, PositionRead::Answer, tokens, max_positions)
    }

    /// Pairs read at given positions of their whole texts; rows without such a position are left out
    /// and counted.
    pub fn read_at(
        dataset: &Dataset,
        rows: PairRows<'_>,
        read: PositionRead,
        model: &Model,
    ) -> Result<Self, ExtractError> {
        let (tokenizer, most) = (model.tokenizer(), model.config().max_positions);
        match rows {
            PairRows::Plain(examples) => {
                has_answers(dataset, examples)?;
                let tokens = examples.iter().map(|example| {
                    let texts = plain(example, tokenizer, read.needs_parts())?;
                    Ok((example.row, texts))
                });
                Self::collect(dataset, read, tokens, most)
            }
            PairRows::Worded { wordings, system } => {
                let tokens = wordings.iter().map(|wording| {
                    let texts = worded(wording, system, tokenizer, read.needs_parts())?;
                    Ok((wording.row, texts))
                });
                Self::collect(dataset, read, tokens, most)
            }
            PairRows::Turns { examples, system } => {
                let tokens = examples.iter().map(|example| {
                    let texts = turns(example, system, model)?;
                    Ok((example.row, texts))
                });
                Self::collect(dataset, read, tokens, most)
            }
        }
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
            let (row, texts) = row?;
            let read = |(ids, layout): (Vec<u32>, Layout)| {
                let text = ReadText::new(ids, read.of(&layout)?);
                if text.ids.len() <= max_positions {
                    Ok(text)
                } else {
                    Err(Rejection::TooLong)
                }
            };
            let both = texts.and_then(|[positive, negative]| {
                Ok(ContrastivePair {
                    row,
                    positive: read(positive)?,
                    negative: read(negative)?,
                })
            });
            match both {
                Ok(pair) => pairs.push(pair),
                Err(reason) => rejected.add(reason),
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

/// Tokens and parts of a positive and a negative text.
type Tokenised = Result<[(Vec<u32>, Layout); 2], Rejection>;

/// Whether rows have a prompt and two answers; both kinds in one set are refused.
fn has_answers(dataset: &Dataset, examples: &[&Example]) -> Result<bool, ExtractError> {
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
    Ok(texts == 0)
}

/// Tokens and parts of a row's positive text as it is written; `None` for a row that cannot be read.
pub(super) fn first_text(
    example: &Example,
    tokenizer: &TextTokenizer,
) -> Result<Option<(Vec<u32>, Layout)>, EngineError> {
    let texts = plain(example, tokenizer, true)?;
    Ok(texts.ok().and_then(|both| both.into_iter().next()))
}

/// A row as it is written.
fn plain(
    example: &Example,
    tokenizer: &TextTokenizer,
    parts: bool,
) -> Result<Tokenised, EngineError> {
    if let Some(wording) = Wording::of(example) {
        return worded(&wording, None, tokenizer, parts);
    }
    let [positive, negative] = example.full_texts();
    let (positive, negative) = (tokenizer.encode(&positive)?, tokenizer.encode(&negative)?);
    Ok(distinct([positive, negative]).map(|texts| {
        texts.map(|ids| {
            let layout = Layout {
                len: ids.len(),
                ..Layout::default()
            };
            (ids, layout)
        })
    }))
}

fn distinct([positive, negative]: [Vec<u32>; 2]) -> Result<[Vec<u32>; 2], Rejection> {
    if positive == negative {
        Err(Rejection::EqualTexts)
    } else if positive.is_empty() || negative.is_empty() {
        Err(Rejection::NoTokens)
    } else {
        Ok([positive, negative])
    }
}

/// A prompt with its two answers; `parts`: where system text and question stand is looked for too.
fn worded(
    wording: &Wording,
    system: Option<&str>,
    tokenizer: &TextTokenizer,
    parts: bool,
) -> Result<Tokenised, EngineError> {
    let LocatedTexts { located, texts } = match wording.tokens(tokenizer)? {
        Ok(found) => found,
        Err(reason) => return Ok(Err(reason)),
    };
    let [mut said, mut user] = [None, None];
    if parts {
        let encode = |text: &str| wording.encode(tokenizer, text);
        let ids = &texts[0];
        [said, user] = conversation(&wording.prompt, system, &wording.user, ids, &encode)?;
    }
    Ok(Ok(texts.map(|ids| {
        let layout = Layout {
            len: ids.len(),
            answer: Some(located.k),
            prompt_len: Some(located.prompt_len),
            system: said.clone(),
            user: user.clone(),
        };
        (ids, layout)
    })))
}

/// Both texts of a row as what a user says; read up to where the answer would begin.
fn turns(example: &Example, system: Option<&str>, model: &Model) -> Result<Tokenised, EngineError> {
    let tokenizer = model.tokenizer();
    let mut both = Vec::with_capacity(2);
    for text in example.full_texts() {
        let turn = model.chat_prompt(system, text.trim())?;
        let encode = |text: &str| tokenizer.encode_verbatim(text);
        let [said, user] = conversation(&turn.text, system, &text, &turn.ids, &encode)?;
        let layout = Layout {
            len: turn.ids.len(),
            answer: None,
            prompt_len: Some(turn.ids.len()),
            system: said,
            user,
        };
        both.push((turn.ids, layout));
    }
    let Ok([positive, negative]) = <[_; 2]>::try_from(both) else {
        return Ok(Err(Rejection::NoTokens));
    };
    Ok(if positive.0 == negative.0 {
        Err(Rejection::EqualTexts)
    } else {
        Ok([positive, negative])
    })
}

/// Tokens of the system text and of the user's in a prompt, `ids` being the tokens of a text that
/// begins with it. A token across the boundary belongs to what follows.
pub(super) fn conversation(
    prompt: &str,
    system: Option<&str>,
    user: &str,
    ids: &[u32],
    encode: &dyn Fn(&str) -> Result<Vec<u32>, EngineError>,
) -> Result<[Option<Range<usize>>; 2], EngineError> {
    let tokens = |bytes: Option<Range<usize>>| -> Result<Option<Range<usize>>, EngineError> {
        let Some(bytes) = bytes else { return Ok(None) };
        let up_to = |end: usize| -> Result<usize, EngineError> {
            let before = encode(prompt.get(..end).unwrap_or_default())?;
            Ok(ids.iter().zip(&before).take_while(|(a, b)| a == b).count())
        };
        Ok(Some(up_to(bytes.start)?..up_to(bytes.end)?).filter(|r| !r.is_empty()))
    };
    let user = user.trim();
    let user = prompt.rfind(user).map(|at| at..at + user.len());
    let before = user.as_ref().map_or(prompt.len(), |user| user.start);
    let system = system.map(str::trim).filter(|s| !s.is_empty());
    let system = system.and_then(|system| {
        let at = prompt.get(..before)?.find(system)?;
        Some(at..at + system.len())
    });
    Ok([tokens(system)?, tokens(user)?])
}
