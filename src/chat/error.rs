//! What can go wrong with a chat template: each message says what, in which file, and what to do.

/// A chat template that cannot be read or rendered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChatError {
    /// A file exists but cannot be read as text.
    #[error("{file}: cannot be read ({reason}); check the file and its permissions")]
    Unreadable {
        /// The file.
        file: String,
        /// The system's words.
        reason: String,
    },
    /// A file is no JSON, or a field has the wrong type.
    #[error("{file}: {reason}; fetch the file again or correct it")]
    Invalid {
        /// The file.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// The template is longer than any published one by far.
    #[error(
        "{file}: the chat template has {bytes} bytes, more than {most}; fetch the file again or correct it"
    )]
    TooLong {
        /// The file.
        file: String,
        /// Its length.
        bytes: usize,
        /// The longest that is read.
        most: usize,
    },
    /// The template is not in the language of templates.
    #[error(
        "{file}, line {line} of the chat template: {reason}; fetch the file again or correct it"
    )]
    Syntax {
        /// The file.
        file: String,
        /// Line within the template, from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// The template itself refuses the conversation (`raise_exception`).
    #[error("the model's chat template refuses this conversation: {message}")]
    Refused {
        /// The template's words.
        message: String,
    },
    /// The template does not come to an end, or writes without one.
    #[error("{file}: the chat template was stopped: {what}; correct the file")]
    Limit {
        /// The file.
        file: String,
        /// Which limit.
        what: String,
    },
    /// The template fails on this conversation.
    #[error("{file}, line {line} of the chat template: {reason}; correct the file")]
    Failed {
        /// The file.
        file: String,
        /// Line within the template, from 1; 0 when it is not known.
        line: usize,
        /// What failed.
        reason: String,
    },
}

impl ChatError {
    /// Stable kebab-case name for scripts and tests.
    pub fn id(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "chat-file-unreadable",
            Self::Invalid { .. } => "chat-file-invalid",
            Self::TooLong { .. } => "chat-template-long",
            Self::Syntax { .. } => "chat-template-syntax",
            Self::Refused { .. } => "chat-refused",
            Self::Limit { .. } => "chat-template-limit",
            Self::Failed { .. } => "chat-template-failed",
        }
    }
}
