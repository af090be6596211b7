//! What stands around a data set's prompts: nothing, the model's chat template, or a plain question
//! for models without one.

use super::protocol::{Protocol, Template};
use crate::engine::{EngineError, Model};
use crate::steering::Wording;
use crate::steering::dataset::{Content, Example, Joining};

/// System text used where none is given (Tan et al. 2407.12404, released code).
pub const DEFAULT_SYSTEM: &str = "You are a helpful, honest and concise assistant.";

/// How rows become prompts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Prompting {
    template: Template,
    system: Option<String>,
}

impl Prompting {
    /// Prompts as they are written.
    pub fn plain() -> Self {
        Self::default()
    }

    /// The model's own chat template; [`Template::Question`] for a base model, which has none. An
    /// empty `system` is left out.
    ///
    /// # Errors
    /// [`EngineError::Chat`] where the template that came with the model cannot be used.
    pub fn chat(model: &Model, system: &str) -> Result<Self, EngineError> {
        if let Some(error) = model.chat_error() {
            return Err(error.clone().into());
        }
        Ok(Self {
            template: match model.chat() {
                Some(_) => Template::Chat,
                None => Template::Question,
            },
            system: Some(system.to_owned()).filter(|s| !s.is_empty()),
        })
    }

    /// What stands around the prompts.
    pub fn template(&self) -> Template {
        self.template
    }

    /// System text, if there is one.
    pub fn system(&self) -> Option<&str> {
        self.system.as_deref()
    }

    /// The protocol of measurements with these prompts.
    #[must_use]
    pub fn stamp(&self, mut protocol: Protocol) -> Protocol {
        protocol.template = self.template;
        protocol.system.clone_from(&self.system);
        protocol
    }

    /// Rows as they are asked: the same ones, except that [`Template::Question`] words the rows of
    /// public evaluation sets anew.
    pub fn examples(&self, rows: &[&Example]) -> Vec<Example> {
        let asked = |example: &&Example| match self.template {
            Template::Question => question(example).unwrap_or_else(|| (*example).clone()),
            Template::Plain | Template::Chat => (*example).clone(),
        };
        rows.iter().map(asked).collect()
    }

    /// A row of [`Prompting::examples`] as the model reads it; `None` for a pair of whole texts.
    ///
    /// # Errors
    /// Those of [`Model::chat_prompt`].
    pub fn wording(
        &self,
        model: &Model,
        example: &Example,
    ) -> Result<Option<Wording>, EngineError> {
        let Some(plain) = Wording::of(example) else {
            return Ok(None);
        };
        let system = self.system.as_deref().unwrap_or_default();
        match self.template {
            Template::Plain => Ok(Some(plain)),
            Template::Question => Ok(Some(after(&[system], plain))),
            Template::Chat => in_chat(model, system, "", plain).map(Some),
        }
    }

    /// All rows that have a prompt.
    ///
    /// # Errors
    /// Those of [`Prompting::wording`].
    pub fn wordings<'a>(
        &self,
        model: &Model,
        rows: impl IntoIterator<Item = &'a Example>,
    ) -> Result<Vec<Wording>, EngineError> {
        let worded = rows.into_iter().map(|row| self.wording(model, row));
        worded.filter_map(Result::transpose).collect()
    }
}

/// A row in the model's chat format: system message, user's turn (`before`, an empty line, the
/// prompt), the trimmed answer after one space unless the template ends in whitespace.
///
/// # Errors
/// Those of [`Model::chat_prompt`].
pub(super) fn in_chat(
    model: &Model,
    system: &str,
    before: &str,
    plain: Wording,
) -> Result<Wording, EngineError> {
    let user = joined(&[before, plain.prompt.trim()]);
    let system = Some(system).filter(|s| !s.is_empty());
    let prompt = model.chat_prompt(system, &user)?.text;
    let space = if prompt.ends_with(char::is_whitespace) {
        ""
    } else {
        " "
    };
    Ok(Wording {
        answers: plain.answers.map(|a| format!("{space}{}", a.trim())),
        prompt,
        verbatim: true,
        ..plain
    })
}

/// A row for a model without a chat format: texts and prompt with an empty line between them.
pub(super) fn after(texts: &[&str], plain: Wording) -> Wording {
    let parts: Vec<&str> = texts.iter().copied().chain([&*plain.prompt]).collect();
    Wording {
        prompt: joined(&parts),
        ..plain
    }
}

fn joined(parts: &[&str]) -> String {
    let parts: Vec<&str> = parts.iter().copied().filter(|p| !p.is_empty()).collect();
    parts.join("\n\n")
}

/// A row of a public evaluation set in the plain format of Braun et al. (2505.22637): persona rows ask
/// for Yes or No, others for the bare letter after an opened parenthesis. `None` for rows that are
/// written out by their data set, prompt and all, and for whole texts.
fn question(example: &Example) -> Option<Example> {
    const OPTIONS: &str = "\n\nChoices:\n(A): ";
    let Content::Answers {
        prompt,
        positive,
        negative,
        joining: Joining::TrimmedWithSpace,
    } = &example.content
    else {
        return None;
    };
    let prompt = prompt.trim();
    // Persona rows are converted to letters on load; the question itself stands before the options.
    if let Some((question, _)) = prompt.rsplit_once(OPTIONS)
        && let Some(yes) = example.positive_is_yes
    {
        let answers = [" Yes", " No"].map(str::to_owned);
        let [positive, negative] = if yes { answers } else { swapped(answers) };
        let prompt = format!("Question: {question}\n\nChoices:\n - Yes\n - No\n\nAnswer:");
        return Some(Example {
            content: Content::Answers {
                prompt,
                positive,
                negative,
                joining: Joining::Verbatim,
            },
            // No letter is shown.
            positive_is_a: None,
            ..example.clone()
        });
    }
    let [positive, negative] = [bare_letter(positive)?, bare_letter(negative)?];
    Some(Example {
        content: Content::Answers {
            prompt: format!("Question: {prompt}\n\nAnswer: ("),
            positive,
            negative,
            joining: Joining::Verbatim,
        },
        ..example.clone()
    })
}

fn swapped([a, b]: [String; 2]) -> [String; 2] {
    [b, a]
}

/// `A` of `(A)`.
fn bare_letter(answer: &str) -> Option<String> {
    let inner = answer.trim().strip_prefix('(')?.strip_suffix(')')?;
    (inner.len() == 1).then(|| inner.to_owned())
}
