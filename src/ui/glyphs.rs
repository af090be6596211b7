//! The characters panes are drawn with: one Unicode set, one ASCII set, each one column wide.

use ratatui::symbols::border;

use crate::app::GlyphSet;

/// Characters by meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Glyphs {
    /// Only ASCII is drawn.
    pub ascii: bool,
    /// Cut text ends with this.
    pub ellipsis: &'static str,
    /// Between facts on one line.
    pub dot: &'static str,
    /// Estimated, not measured.
    pub about: &'static str,
    /// First token that differs.
    pub diverge: &'static str,
    /// Line of the unsteered text with words the other lacks.
    pub removed: &'static str,
    /// Line of the steered text with words the other lacks.
    pub added: &'static str,
    /// End of a text that still grows, and the cursor of inputs.
    pub cursor: &'static str,
    /// Open prompt, selected entry.
    pub here: &'static str,
    /// Mean on an axis.
    pub mean: &'static str,
    /// Median on an axis.
    pub median: &'static str,
    /// Measured value at the coefficient.
    pub measured: &'static str,
    /// Interpolated value at the coefficient.
    pub estimated: &'static str,
    /// Point of a curve at a multiplier of the grid.
    pub point: &'static str,
    /// Slider's handle.
    pub handle: &'static str,
    /// Slider's track.
    pub track: &'static str,
    /// Slider's track between zero and the handle.
    pub filled: &'static str,
    /// Multiplier of the grid on a track.
    pub tick: &'static str,
    /// Zero on a track.
    pub zero: &'static str,
    /// Block without a vector on a track.
    pub missing: &'static str,
    /// Block that has been measured, on a track.
    pub known: &'static str,
    /// Axis.
    pub axis: &'static str,
    /// Zero on an axis.
    pub axis_zero: &'static str,
    /// Vertical line of the coefficient.
    pub vertical: &'static str,
    /// Horizontal line at propensity 0.
    pub level: &'static str,
    /// Fill of the quartile band.
    pub band: &'static str,
    /// Full cell of a bar right of zero.
    pub bar: &'static str,
    /// Full cell of a bar left of zero.
    pub bar_negative: &'static str,
    /// Cell of the previous histogram behind the current one.
    pub ghost: &'static str,
    /// Finished part of a gauge.
    pub gauge: &'static str,
    /// Rest of a gauge.
    pub gauge_rest: &'static str,
    /// All is up to date.
    pub live: &'static str,
    /// All is as it must be.
    pub check: &'static str,
    /// Error and failure.
    pub cross: &'static str,
    /// Norm sign.
    pub norm: &'static str,
    /// Product sign.
    pub times: &'static str,
    /// Residual-relative coefficient.
    pub kappa: &'static str,
    /// Range dash.
    pub to: &'static str,
    /// Turns of the spinner.
    pub spinner: &'static [&'static str],
    /// Border of a pane.
    pub border: border::Set<'static>,
    /// Border of the pane with the focus.
    pub border_focus: border::Set<'static>,
    eighths: [&'static str; 8],
}

/// Braille counts its dots down the left column first, the lowest row last.
const BRAILLE: [u32; 8] = [0x01, 0x08, 0x02, 0x10, 0x04, 0x20, 0x40, 0x80];

const UNICODE: Glyphs = Glyphs {
    ascii: false,
    ellipsis: "…",
    dot: "·",
    about: "≈",
    diverge: "◆",
    removed: "−",
    added: "+",
    cursor: "▌",
    here: "▸",
    mean: "▲",
    median: "△",
    measured: "◆",
    estimated: "◇",
    point: "●",
    handle: "●",
    track: "─",
    filled: "━",
    tick: "┴",
    zero: "┼",
    missing: "×",
    known: "▪",
    axis: "─",
    axis_zero: "┼",
    vertical: "┊",
    level: "┄",
    band: "░",
    bar: "█",
    bar_negative: "▒",
    ghost: "░",
    gauge: "━",
    gauge_rest: "─",
    live: "●",
    check: "✓",
    cross: "✗",
    norm: "‖v‖",
    times: "·",
    kappa: "κ",
    to: "–",
    spinner: &["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"],
    border: border::ROUNDED,
    border_focus: border::THICK,
    eighths: ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
};

const ASCII: Glyphs = Glyphs {
    ascii: true,
    ellipsis: "~",
    dot: "|",
    about: "~",
    diverge: "^",
    removed: "-",
    added: "+",
    cursor: "_",
    here: ">",
    mean: "^",
    median: "m",
    measured: "@",
    estimated: "o",
    point: "*",
    handle: "O",
    track: "-",
    filled: "=",
    tick: "+",
    zero: "|",
    missing: "x",
    known: "#",
    axis: "-",
    axis_zero: "|",
    vertical: "|",
    level: "-",
    band: ":",
    bar: "#",
    bar_negative: "x",
    ghost: ".",
    gauge: "=",
    gauge_rest: "-",
    live: "*",
    check: "+",
    cross: "!",
    norm: "|v|",
    times: "*",
    kappa: "kappa",
    to: "-",
    spinner: &["|", "/", "-", "\\"],
    border: border::Set {
        top_left: "+",
        top_right: "+",
        bottom_left: "+",
        bottom_right: "+",
        vertical_left: "|",
        vertical_right: "|",
        horizontal_top: "-",
        horizontal_bottom: "-",
    },
    border_focus: border::Set {
        top_left: "#",
        top_right: "#",
        bottom_left: "#",
        bottom_right: "#",
        vertical_left: "#",
        vertical_right: "#",
        horizontal_top: "=",
        horizontal_bottom: "=",
    },
    eighths: [".", ".", ":", ":", "i", "i", "#", "#"],
};

impl Glyphs {
    /// The set of that name.
    pub fn of(set: GlyphSet) -> Self {
        match set {
            GlyphSet::Unicode => UNICODE,
            GlyphSet::Ascii => ASCII,
        }
    }

    /// Top cell of a bar, filled by 1 to 8 eighths.
    pub fn eighth(&self, eighths: usize) -> &'static str {
        let i = eighths.clamp(1, 8) - 1;
        self.eighths.get(i).copied().unwrap_or(self.bar)
    }

    /// A turn of the spinner.
    pub fn spin(&self, turn: usize) -> &'static str {
        self.spinner
            .get(turn % self.spinner.len().max(1))
            .copied()
            .unwrap_or("")
    }

    /// A line chart's cell from its 2 × 4 dots, bit `2·row + column` from the top left; ASCII
    /// knows only how high in the cell the line runs.
    pub fn dots(&self, bits: u8) -> char {
        if self.ascii {
            return if bits.trailing_zeros() >= 4 {
                '.'
            } else if bits & 0b1111_0000 == 0 {
                '\''
            } else {
                '-'
            };
        }
        let code = (0..8)
            .filter(|i| bits & (1 << i) != 0)
            .fold(0x2800, |c, i| {
                c | BRAILLE.get(i as usize).copied().unwrap_or(0)
            });
        char::from_u32(code).unwrap_or(' ')
    }
}
