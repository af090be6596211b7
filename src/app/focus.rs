//! The panes of all screens; `screen` says which stand where.

/// A pane that can hold the focus.
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
    /// Blocks by multipliers.
    Map,
    /// Spurious factors.
    Factors,
    /// Prompt shifts.
    Shift,
    /// Predictors.
    Predictors,
    /// Data sets side by side.
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

impl Pane {
    /// Those of the Explore screen, in focus order.
    pub const ALL: [Self; 7] = [
        Self::Prompts,
        Self::Baseline,
        Self::Steered,
        Self::Layer,
        Self::Coefficient,
        Self::Histogram,
        Self::Curve,
    ];

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
            Self::Map => "layers",
            Self::Factors => "spurious factors",
            Self::Shift => "prompt shift",
            Self::Predictors => "predictors",
            Self::Datasets => "data sets",
            Self::Controls => "controls",
            Self::Tokens => "tokens",
            Self::Fan => "fan",
            Self::Vectors => "vectors",
        }
    }
}
