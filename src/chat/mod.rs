//! Chat templates: a conversation as the text a chat model was trained on, rendered as the
//! transformers library renders it.
//!
//! A template comes with the model and is a program in a small language, so it is run like
//! anybody's program: on a stack of its own, with limits on steps, depth and output, and every
//! failure is a [`ChatError`].
//!
//! Known difference: a loop over None, which is an error in Python, is an empty loop here. Published
//! templates that only make sense with tools do that.

mod error;
mod files;
mod json;
mod python;
mod render;
mod rewrite;
mod template;

pub use error::ChatError;
pub use files::Specials;
pub use render::CHAT_THREAD;
pub use template::{ChatTemplate, Message, Options, Turn};
