//! The characters panes are drawn with: one Unicode set, one ASCII set.

use crate::app::GlyphSet;

/// Characters by meaning. Every one is a single column wide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Glyphs {
    /// Whether only ASCII may be drawn.
    pub ascii: bool,
}

impl Glyphs {
    /// The set of that name.
    pub fn of(set: GlyphSet) -> Self {
        Self {
            ascii: set == GlyphSet::Ascii,
        }
    }
}
