//! Text helpers: sanitising hostile text, width, wrapping.
