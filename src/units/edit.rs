//! What an intervention does to the residual stream, and at which point of a block.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A point of a block, with the names of `TransformerLens`. What a post-norm or a residual factor does
/// to a contribution is part of it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum HookPoint {
    /// What enters the block.
    ResidPre,
    /// What attention adds to the stream.
    AttnOut,
    /// The stream after attention. Where attention and MLP run in parallel the MLP does not read it.
    ResidMid,
    /// What the MLP adds to the stream.
    MlpOut,
    /// What leaves the block: the canonical site.
    #[default]
    ResidPost,
}

impl HookPoint {
    /// All, in the order in which a block passes them.
    pub const ALL: [Self; 5] = [
        Self::ResidPre,
        Self::AttnOut,
        Self::ResidMid,
        Self::MlpOut,
        Self::ResidPost,
    ];

    /// The stable name used in files, flags and on screen.
    pub fn name(self) -> &'static str {
        match self {
            Self::ResidPre => "resid_pre",
            Self::AttnOut => "attn_out",
            Self::ResidMid => "resid_mid",
            Self::MlpOut => "mlp_out",
            Self::ResidPost => "resid_post",
        }
    }

    /// Whether this is the canonical site.
    pub fn is_canonical(&self) -> bool {
        *self == Self::ResidPost
    }
}

impl fmt::Display for HookPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for HookPoint {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let plain = s.strip_prefix("hook_").unwrap_or(s);
        Self::ALL
            .into_iter()
            .find(|point| point.name() == plain)
            .ok_or_else(|| {
                format!(
                    "unknown site '{s}'; use resid_pre, attn_out, resid_mid, mlp_out or resid_post"
                )
            })
    }
}

/// How a vector v and a coefficient c change a row h of the residual stream. v̂ = v/‖v‖.
///
/// Several directions at one site (a basis) are removed one after the other by
/// [`Project`](Self::Project) and span the plane of [`Angular`](Self::Angular); the others take one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operator {
    /// h + c·v.
    #[default]
    Add,
    /// (h + c·v)·‖h‖/‖h + c·v‖.
    NormPreservingAdd,
    /// h − c·(h·v̂)·v̂: c = 1 removes the component (ablation), a negative c amplifies it.
    Project,
    /// h − (h·v̂)·v̂ + c·v: the component becomes c·‖v‖. Off at c = 0.
    AblateThenAdd,
    /// The component becomes c·‖v‖; c = 0 removes it.
    Clamp,
    /// The component in the plane of two orthonormal directions is turned to c degrees, its norm kept.
    Angular,
    /// ‖h‖·slerp(h/‖h‖, sign(c)·v̂, |c|), c in −1..=1.
    Spherical,
    /// h + c·v·sign(h·v̂) (the piecewise form of `RepE`).
    Piecewise,
}

impl Operator {
    /// All, in the order the pickers show them.
    pub const ALL: [Self; 8] = [
        Self::Add,
        Self::NormPreservingAdd,
        Self::Project,
        Self::AblateThenAdd,
        Self::Clamp,
        Self::Angular,
        Self::Spherical,
        Self::Piecewise,
    ];

    /// The stable name used in files, flags and on screen.
    pub fn name(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::NormPreservingAdd => "norm_preserving_add",
            Self::Project => "project",
            Self::AblateThenAdd => "ablate_then_add",
            Self::Clamp => "clamp",
            Self::Angular => "angular",
            Self::Spherical => "spherical",
            Self::Piecewise => "piecewise",
        }
    }

    /// What it does, in a few words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Add => "h + c·v",
            Self::NormPreservingAdd => "h + c·v, rescaled to the norm of h",
            Self::Project => "removes c times the component along v; 1 ablates it",
            Self::AblateThenAdd => "removes the component, then adds c·v; 0 is off",
            Self::Clamp => "sets the component along v to c·‖v‖; 0 ablates it",
            Self::Angular => "turns the component in a plane to c degrees",
            Self::Spherical => "turns h towards v by the share c, norm kept",
            Self::Piecewise => "adds c·v in the direction h already has along v",
        }
    }

    /// Whether this coefficient leaves every row as it is, so that the hook is skipped.
    pub fn is_off(self, coefficient: f32) -> bool {
        coefficient == 0.0 && !matches!(self, Self::Clamp | Self::Angular)
    }

    /// Whether it may leave a row in its mask as it is, depending on the row.
    pub fn is_conditional(self) -> bool {
        matches!(
            self,
            Self::NormPreservingAdd | Self::Angular | Self::Spherical | Self::Piecewise
        )
    }

    /// Whether an edit grows with ‖v‖, so that c·‖v‖ and c·‖v‖/H_b describe it.
    pub fn scales_with_norm(self) -> bool {
        !matches!(self, Self::Project | Self::Angular | Self::Spherical)
    }

    /// Directions it needs at a site, at least and at most.
    pub fn ranks(self) -> (usize, usize) {
        match self {
            Self::Project => (1, usize::MAX),
            Self::Angular => (2, 2),
            _ => (1, 1),
        }
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Operator {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|o| o.name() == s)
            .ok_or_else(|| {
                let names: Vec<&str> = Self::ALL.into_iter().map(Self::name).collect();
                format!("unknown operator '{s}'; use one of {}", names.join(", "))
            })
    }
}

/// An operator at a point of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Edit {
    /// What is done.
    pub operator: Operator,
    /// Where in the block.
    pub point: HookPoint,
}

impl Edit {
    /// `add` at the block output.
    pub const ADD: Self = Self {
        operator: Operator::Add,
        point: HookPoint::ResidPost,
    };
}

impl fmt::Display for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.point {
            HookPoint::ResidPost => self.operator.fmt(f),
            point => write!(f, "{} at {point}", self.operator),
        }
    }
}
