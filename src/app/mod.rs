//! Application state: pure data and one update function.
