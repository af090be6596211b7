//! Models from the Hugging Face hub: the files that the engine reads, fetched into the cache that
//! `huggingface_hub` and transformers use, so that nothing is downloaded twice.
//!
//! The result of [`fetch`] is a directory (a snapshot of the cache) that loads like any other, or a
//! GGUF file in one. It knows nothing of models, screens or threads; the caller says when to stop.

mod about;
mod error;
mod fetch;
mod files;
mod gguf;
mod id;
mod settings;
mod transfer;

pub use error::HubError;
pub use fetch::{Fetched, Step, fetch};
pub use id::HubId;
pub use settings::HubSettings;
