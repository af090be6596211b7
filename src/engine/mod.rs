//! The model: a hooked decoder of many families on candle. A family's file in `family` turns its
//! `config.json` into a `Spec`; one decoder, driven by that, computes them all.
//!
//! Everything is packed: sequences of unequal length stand one below the other as rows, there is no
//! padding. A [`Hook`] reads or rewrites the residual stream at block outputs, or rows at another
//! [`HookPoint`], under absolute positions; a [`KvCache`] keeps keys and values; [`Model::extend`] is prefill and decode alike and
//! [`Model::resume`] runs the upper blocks from a residual checkpoint for many branches at once.
//!
//! Every number of a row depends on that row's own past alone, never on the other rows of a call:
//! all sums run in one fixed order whatever the batch. So a lane decoded beside another is
//! bit-identical to the lane decoded alone, and a cached pass to an uncached one.

mod anew;
mod assemble;
mod attention;
mod batch;
mod block;
mod buffer;
mod bundled;
mod bytes;
mod cache;
mod cancel;
mod chat;
mod config;
mod decoder;
mod device;
mod error;
mod family;
mod fields;
mod forward;
mod gated;
mod generate;
mod gguf;
mod hook;
mod jobs;
mod kernel;
mod linear;
mod load;
mod memory;
mod model;
mod names;
mod norm;
mod ops;
mod packed;
mod panels;
mod pass;
mod precision;
#[doc(hidden)]
pub mod probe;
mod quant;
mod random;
mod replay;
mod rope;
mod rows;
mod sample;
mod scratch;
mod source;
mod spec;
mod stream;
mod tensor;
mod threads;
mod tokenizer;
mod transpose;
mod weights;

pub use cache::KvCache;
pub use cancel::Cancel;
pub use chat::ChatPrompt;
pub use config::Config;
pub use error::EngineError;
pub use forward::{Branch, Keep, Part};
pub use generate::{Finish, Generation, LaneStep};
pub use hook::{Hook, HookPoint, NoHook, Place};
pub use model::Model;
pub use precision::Precision;
pub use quant::Quant;
pub use rows::Rows;
pub use sample::SamplerSettings;
pub use scratch::WorkingMemory;
pub use stream::StreamDecoder;
pub use tensor::{Suffix, SuffixInputs};
pub use threads::{init_threads, thread_count};
pub use tokenizer::TextTokenizer;
