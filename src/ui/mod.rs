//! Rendering of the application state.
