//! The internal record of one contrastive pair.

use serde_json::Value;

/// How prompt and answer become one text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Joining {
    /// One after the other, character for character.
    Verbatim,
    /// Trimmed prompt, one space, trimmed answer: the template-free form of Tan et al.
    /// (2407.12404), used for the public evaluation sets.
    TrimmedWithSpace,
}

/// What a row contrasts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// One prompt, two answers. Usable for extraction and measurement; read where the two texts
    /// first differ.
    Answers {
        /// Prompt after conversion.
        prompt: String,
        /// Answer that shows the behaviour.
        positive: String,
        /// The other answer.
        negative: String,
        /// How prompt and answer are joined.
        joining: Joining,
    },
    /// Two whole texts. Usable for extraction only; read at the last token of each.
    Texts {
        /// Text that shows the behaviour.
        positive: String,
        /// The other text.
        negative: String,
    },
}

/// One contrastive pair.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// Row number in the source, 0-based, before any row was dropped.
    pub row: usize,
    /// The pair.
    pub content: Content,
    /// Whether the positive answer is option (A); `None` for answers that are not option letters.
    pub positive_is_a: Option<bool>,
    /// Whether the positive answer says Yes; `None` unless the option's text is exactly Yes or No.
    pub positive_is_yes: Option<bool>,
    /// The row's `meta`, kept as it stands.
    pub meta: Option<Value>,
}

impl Example {
    /// A row of one prompt and two answers; whether the positive one is A or Yes is read off.
    pub fn answers(
        row: usize,
        prompt: String,
        positive: String,
        negative: String,
        joining: Joining,
    ) -> Self {
        let letter = option_letter(&positive);
        let positive_is_a = letter.map(|l| l == 'A');
        let said = match letter {
            Some(letter) => option_text(&prompt, letter),
            None => Some(positive.trim()),
        };
        let positive_is_yes = said.and_then(|text| match text {
            "Yes" => Some(true),
            "No" => Some(false),
            _ => None,
        });
        let content = Content::Answers {
            prompt,
            positive,
            negative,
            joining,
        };
        Self {
            row,
            content,
            positive_is_a,
            positive_is_yes,
            meta: None,
        }
    }

    /// A row of two whole texts.
    pub fn texts(row: usize, positive: String, negative: String) -> Self {
        let content = Content::Texts { positive, negative };
        Self {
            row,
            content,
            positive_is_a: None,
            positive_is_yes: None,
            meta: None,
        }
    }

    /// Prompt as the model reads it; `None` for a pair of texts.
    pub fn prompt_text(&self) -> Option<&str> {
        match &self.content {
            Content::Answers {
                prompt,
                joining: Joining::Verbatim,
                ..
            } => Some(prompt),
            Content::Answers { prompt, .. } => Some(prompt.trim()),
            Content::Texts { .. } => None,
        }
    }

    /// Positive and negative answer as they follow [`Example::prompt_text`], separating space
    /// included; the whole texts where there is no prompt.
    pub fn answer_texts(&self) -> [String; 2] {
        match &self.content {
            Content::Answers {
                positive,
                negative,
                joining: Joining::TrimmedWithSpace,
                ..
            } => [positive, negative].map(|a| format!(" {}", a.trim())),
            Content::Answers {
                positive, negative, ..
            }
            | Content::Texts { positive, negative } => [positive.clone(), negative.clone()],
        }
    }

    /// The full positive and negative text.
    pub fn full_texts(&self) -> [String; 2] {
        let prompt = self.prompt_text().unwrap_or_default();
        self.answer_texts()
            .map(|answer| format!("{prompt}{answer}"))
    }
}

/// The letter of an answer of the form `(A)`, outer whitespace ignored.
pub(super) fn option_letter(answer: &str) -> Option<char> {
    let mut inner = answer.trim().strip_prefix('(')?.strip_suffix(')')?.chars();
    let letter = inner.next()?;
    (inner.next().is_none() && letter.is_ascii_uppercase()).then_some(letter)
}

/// Trimmed text of the option `(letter) …` or `(letter): …` of a question, on its own line.
fn option_text(prompt: &str, letter: char) -> Option<&str> {
    prompt.lines().find_map(|line| {
        let rest = line
            .trim_start()
            .strip_prefix('(')?
            .strip_prefix(letter)?
            .strip_prefix(')')?;
        Some(rest.strip_prefix(':').unwrap_or(rest).trim())
    })
}
