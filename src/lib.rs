//! steerscope: take the helm of a language model in the terminal.
//!
//! The map, top to bottom; each module may import only what stands right of or below it
//! (`tests/it/architecture.rs` holds the table):
//!
//! ```text
//! ui → app → protocol ← worker → measure, steering → engine
//! runtime, cli: the shells around them        units, stats, text, shards, hub, chat, store: leaves
//! ```
//!
//! * a key → `app/action`, a colour → `themes/` and `ui/theme`, a panel → `ui/<panel>`
//! * what a slider does → `app/steering` → [`protocol::Command`] → [`worker`] → [`engine`]
//! * a number → [`measure`], [`stats`]; a file format → `steering/dataset`, `steering/format`

pub mod app;
pub mod chat;
pub mod cli;
pub mod engine;
pub mod hub;
pub mod measure;
pub mod plot;
pub mod protocol;
pub mod runtime;
pub mod shards;
pub mod stats;
pub mod steering;
pub mod store;
pub mod text;
pub mod ui;
pub mod units;
pub mod worker;

// A fuzzer watches allocations through the system's allocator.
#[cfg(not(fuzzing))]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
