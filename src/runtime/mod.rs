//! The terminal shell around app and ui.
