//! The panes of the Explore screen and the order focus moves through them.

/// A pane that can hold the focus. Numbered from 1 in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pane {
    /// Data-set inputs and typed prompts.
    Prompts,
    /// Unsteered text.
    Baseline,
    /// Steered text.
    Steered,
    /// Layer slider.
    Layer,
    /// Coefficient slider.
    Coefficient,
    /// Histogram of per-input steerability.
    Histogram,
    /// Propensity curve.
    Curve,
}

impl Pane {
    /// All panes, in focus order.
    pub const ALL: [Self; 7] = [
        Self::Prompts,
        Self::Baseline,
        Self::Steered,
        Self::Layer,
        Self::Coefficient,
        Self::Histogram,
        Self::Curve,
    ];

    /// Number key of the pane.
    pub fn number(self) -> usize {
        Self::ALL
            .iter()
            .position(|p| *p == self)
            .map_or(1, |i| i + 1)
    }

    /// Title on screen.
    pub fn title(self) -> &'static str {
        match self {
            Self::Prompts => "prompts",
            Self::Baseline => "unsteered",
            Self::Steered => "steered",
            Self::Layer => "layer",
            Self::Coefficient => "coefficient",
            Self::Histogram => "steerability",
            Self::Curve => "propensity",
        }
    }

    /// The pane `step` places further, around the end.
    #[must_use]
    pub fn moved(self, step: isize) -> Self {
        let n = Self::ALL.len() as isize;
        let at = (self.number() as isize - 1 + step).rem_euclid(n);
        Self::ALL.get(at as usize).copied().unwrap_or(self)
    }
}
