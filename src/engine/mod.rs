//! The model: a hooked decoder on candle.
