//! Owns the engine on its own thread.
