//! Every screen as text, at several sizes, themes and character sets.

mod layout;
mod screens;
mod themes;
