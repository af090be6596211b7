//! The screens: Explore, and one for each question of the laboratory.

use crate::app::App;
use crate::app::focus::Pane;
use crate::protocol::StudyKind;

/// One screen at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Screen {
    /// Texts, sliders, histogram, curve.
    #[default]
    Explore,
    /// All blocks at all multipliers.
    Layers,
    /// How much of the spread is a letter or a Yes.
    Factors,
    /// Vectors under other prompts.
    Shift,
    /// What is known before steering.
    Predictors,
    /// Many data sets side by side.
    Datasets,
    /// The vector against other directions.
    Controls,
    /// The steered text token by token.
    Tokens,
    /// One prompt under several coefficients.
    Fan,
    /// The library of vectors.
    Vectors,
}

impl Screen {
    /// All screens, in the order of their tabs.
    pub const ALL: [Self; 10] = [
        Self::Explore,
        Self::Layers,
        Self::Factors,
        Self::Shift,
        Self::Predictors,
        Self::Datasets,
        Self::Controls,
        Self::Tokens,
        Self::Fan,
        Self::Vectors,
    ];

    /// Name on its tab.
    pub fn title(self) -> &'static str {
        match self {
            Self::Explore => "explore",
            Self::Layers => "layers",
            Self::Factors => "factors",
            Self::Shift => "prompt shift",
            Self::Predictors => "predictors",
            Self::Datasets => "data sets",
            Self::Controls => "controls",
            Self::Tokens => "tokens",
            Self::Fan => "fan",
            Self::Vectors => "vectors",
        }
    }

    /// Its panes, in focus order.
    pub fn panes(self) -> &'static [Pane] {
        match self {
            Self::Explore => &Pane::ALL,
            Self::Layers => &[Pane::Map, Pane::Histogram, Pane::Curve],
            Self::Factors => &[Pane::Factors],
            Self::Shift => &[Pane::Shift],
            Self::Predictors => &[Pane::Predictors],
            Self::Datasets => &[Pane::Datasets],
            Self::Controls => &[Pane::Controls],
            Self::Tokens => &[Pane::Tokens],
            Self::Fan => &[Pane::Fan],
            Self::Vectors => &[Pane::Vectors],
        }
    }

    /// Number key of a pane on this screen.
    pub fn number(self, pane: Pane) -> usize {
        self.panes()
            .iter()
            .position(|p| *p == pane)
            .map_or(1, |i| i + 1)
    }

    /// The study that fills it.
    pub fn study(self) -> Option<StudyKind> {
        match self {
            Self::Explore | Self::Vectors => None,
            Self::Layers => Some(StudyKind::Sweep),
            // Its stacks are the data sets' inputs by letter and word.
            Self::Factors | Self::Datasets => Some(StudyKind::Datasets),
            Self::Shift => Some(StudyKind::Shift),
            Self::Predictors => Some(StudyKind::Predict),
            Self::Controls => Some(StudyKind::Controls),
            Self::Tokens => Some(StudyKind::Tokens),
            Self::Fan => Some(StudyKind::Fan),
        }
    }

    /// The screen `step` tabs further, around the end.
    #[must_use]
    pub fn moved(self, step: isize) -> Self {
        let n = Self::ALL.len() as isize;
        let at = Self::ALL.iter().position(|s| *s == self).unwrap_or(0) as isize;
        let to = (at + step).rem_euclid(n);
        Self::ALL.get(to as usize).copied().unwrap_or(self)
    }
}

impl App {
    /// The screen shown.
    pub fn screen(&self) -> Screen {
        self.screen
    }

    /// Shows a screen. What it needs is asked for in the next flush.
    pub(super) fn show(&mut self, screen: Screen) {
        self.dirty = true;
        self.zoomed = false;
        self.filtering = false;
        self.editor = None;
        self.typed.clear();
        if self.screen == Screen::Explore {
            self.explore_focus = self.focus;
        }
        if screen != self.screen {
            self.lab.row = 0;
            self.lab.figure = 0;
        }
        self.screen = screen;
        self.focus = match screen {
            Screen::Explore => self.explore_focus,
            other => other.panes().first().copied().unwrap_or(Pane::Map),
        };
        self.lab.wanted = true;
    }
}
