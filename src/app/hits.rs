//! Where things stood in the last frame: plain data that rendering hands back for the pointer.

use crate::app::action::Action;
use crate::app::focus::Pane;
use crate::app::screen::Screen;

/// A rectangle of cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Area {
    /// Left column.
    pub x: u16,
    /// Top row.
    pub y: u16,
    /// Columns.
    pub width: u16,
    /// Rows.
    pub height: u16,
}

impl Area {
    /// Whether the cell lies inside.
    pub fn contains(self, column: u16, row: u16) -> bool {
        column >= self.x
            && row >= self.y
            && u32::from(column) < u32::from(self.x) + u32::from(self.width)
            && u32::from(row) < u32::from(self.y) + u32::from(self.height)
    }
}

/// Something the pointer can act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A pane; a click focuses it, the wheel scrolls or steps it.
    Pane(Pane),
    /// The layer slider's track.
    LayerTrack,
    /// The coefficient slider's track.
    CoefficientTrack,
    /// A row of the prompt list: index into the visible rows.
    PromptRow(usize),
    /// A bar of the histogram: bin index.
    Bar(usize),
    /// A hint or a button that runs an action.
    Run(Action),
    /// A row of the top overlay: index into its visible entries.
    OverlayRow(usize),
    /// The top overlay's box.
    Overlay,
    /// The tab of a screen.
    Tab(Screen),
    /// A cell of the map: block, index of the multiplier.
    Cell(usize, usize),
    /// A token of the strip.
    Token(usize),
    /// A row of a laboratory's list.
    LabRow(usize),
}

/// The regions of one frame and the sizes the app needs to keep its scroll positions valid.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hits {
    /// Regions, later ones on top.
    pub regions: Vec<(Area, Target)>,
    /// Panes drawn in this frame.
    pub panes: Vec<Pane>,
    /// Wrapped lines of the longer text.
    pub text_lines: usize,
    /// First line of the texts on screen.
    pub text_first: usize,
    /// Rows of a text pane.
    pub text_height: usize,
    /// Rows of the prompt list.
    pub list_height: usize,
    /// Rows of the top overlay's list or text.
    pub overlay_height: usize,
    /// Lines of the top overlay's text.
    pub overlay_lines: usize,
}

impl Hits {
    /// The topmost region under a cell.
    pub fn at(&self, column: u16, row: u16) -> Option<(Area, Target)> {
        self.regions
            .iter()
            .rev()
            .find(|(area, _)| area.contains(column, row))
            .copied()
    }
}
