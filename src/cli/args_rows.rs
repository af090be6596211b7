//! Flags that say which rows of a data set are read, and what stands around them.

use clap::{Args, ValueEnum};

use crate::measure::DEFAULT_SYSTEM;
use crate::protocol::{Asking, ChatFormat};
use crate::steering::dataset::Part;

/// Part of a data set; disjoint, as the file says in `meta.split`, else 40, 10 and 50 %.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SplitChoice {
    /// Vectors are made from it
    Train,
    /// Layers and coefficients are chosen on it
    Val,
    /// Everything reported is measured on it
    Test,
    /// Everything, in file order
    All,
}

impl From<SplitChoice> for Part {
    fn from(choice: SplitChoice) -> Self {
        match choice {
            SplitChoice::Train => Self::Train,
            SplitChoice::Val => Self::Validation,
            SplitChoice::Test => Self::Test,
            SplitChoice::All => Self::All,
        }
    }
}

/// `--template`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TemplateChoice {
    /// Prompts as the data set has them
    Plain,
    /// The model's own chat template; a model without one reads plain questions
    Chat,
}

/// What stands around a data set's prompts.
#[derive(Debug, Clone, Args)]
pub struct AskArgs {
    /// What stands around the prompts, of vectors extracted here too
    #[arg(long, value_enum, default_value_t = TemplateChoice::Plain)]
    pub template: TemplateChoice,
    /// System text of --template chat; '' for none [default: "You are a helpful, honest and concise assistant."]
    #[arg(long, value_name = "TEXT")]
    pub system: Option<String>,
}

impl AskArgs {
    /// System text of the chat template, `None` for prompts as they are written.
    ///
    /// # Errors
    /// Words for a system text without a chat.
    pub fn chat(&self) -> Result<Option<&str>, String> {
        match (self.template, &self.system) {
            (TemplateChoice::Plain, None) => Ok(None),
            (TemplateChoice::Plain, Some(_)) => Err(
                "a system text belongs to a chat; give --template chat with --system".to_owned(),
            ),
            (TemplateChoice::Chat, system) => Ok(Some(system.as_deref().unwrap_or(DEFAULT_SYSTEM))),
        }
    }

    /// The same for the screen.
    ///
    /// # Errors
    /// Those of [`AskArgs::chat`].
    pub fn asking(&self, parity: bool) -> Result<Asking, String> {
        let system = |s: &str| Some(s.to_owned()).filter(|s| !s.is_empty());
        let chat = self.chat()?;
        Ok(Asking {
            chat: chat.map(|s| ChatFormat { system: system(s) }),
            parity,
        })
    }
}
