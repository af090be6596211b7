//! The engine against reference numbers and against itself.

mod consistency;
mod families;
mod generation;
mod malformed;
mod parity;
mod resume;
mod support;
mod text;
mod tiny;
