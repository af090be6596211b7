//! Flags for where and how a vector is applied, shared by every command that steers.

use clap::Args;

use super::args::{parse_block, parse_finite};
use super::open::failed;
use super::output::Ending;
use crate::steering::SteeringVector;
use crate::units::{BlockIndex, CoefficientUnit, Edit, HookPoint, Mask, Operator};

/// Help of `--mask`.
pub(super) const MASKS: &str = "Steered positions: from_last_prompt, from_answer, all, all_but_first, prefill_only, or a range such as 3..7";
const OPERATORS: &str = "Operator: add, norm_preserving_add, project, ablate_then_add, clamp, angular, spherical, piecewise [default: the file's, normally add]";
const POINTS: &str = "Point of the block: resid_pre, attn_out, resid_mid, mlp_out, resid_post [default: the file's, normally resid_post]";

const UNITS: &str = "Unit of the coefficients: raw, unit (length), kappa, behaviour-normalised, activation-range, angle (degrees), iso-kl; the output states both";

/// Help of a sweep's `--unit`.
pub(super) const SWEEP_UNITS: &str = "Unit of the multipliers in place of a comparison, each block with raw multipliers of its own: raw, unit (length), kappa, behaviour-normalised, activation-range, angle (degrees), iso-kl; the output states both";

/// Where and how a vector is applied.
#[derive(Debug, Clone, Args)]
pub struct SiteArgs {
    /// Block whose output is steered, 0-based [default: the file's recommendation, else 0.42 of the depth]
    #[arg(long, value_name = "B", value_parser = parse_block)]
    pub layer: Option<BlockIndex>,
    /// Steered positions.
    #[arg(long, value_name = "MASK", help = MASKS, default_value_t = Mask::default())]
    pub mask: Mask,
    /// What is done.
    #[command(flatten)]
    pub edit: EditArgs,
}

impl SiteArgs {
    /// The operator and site that these flags and the vector's file ask for.
    pub(super) fn edit(&self, vector: &SteeringVector) -> Result<Edit, Ending> {
        self.edit.of(vector)
    }
}

/// What coefficients are counted in.
#[derive(Debug, Clone, Args)]
pub struct UnitArgs {
    /// Unit of the coefficients given.
    #[arg(long, value_name = "UNIT", help = UNITS, default_value_t)]
    pub unit: CoefficientUnit,
}

/// A condition on the prompt (CAST, Lee et al. 2409.05907).
#[derive(Debug, Clone, Args)]
pub struct ConditionArgs {
    /// Condition vector: only prompts like it are steered
    #[arg(long, value_name = "FILE|NAME", requires = "condition_threshold")]
    pub condition: Option<String>,
    /// Block of the condition, 0-based [default: the file's recommendation, else 0.42 of the depth]
    #[arg(long, value_name = "B", value_parser = parse_block, requires = "condition")]
    pub condition_layer: Option<BlockIndex>,
    /// Similarity, -1 to 1, above which a prompt is steered
    #[arg(long, value_name = "S", allow_negative_numbers = true, value_parser = parse_finite, requires = "condition")]
    pub condition_threshold: Option<f32>,
    /// Steer prompts below the threshold instead
    #[arg(long, requires = "condition")]
    pub condition_below: bool,
}

/// What is done with a vector, where it is not what its file says.
#[derive(Debug, Clone, Args)]
pub struct EditArgs {
    /// Operator.
    #[arg(long, value_name = "OPERATOR", help = OPERATORS)]
    pub operator: Option<Operator>,
    /// Point of the block.
    #[arg(long, value_name = "POINT", help = POINTS)]
    pub site: Option<HookPoint>,
}

impl EditArgs {
    /// The same for a vector that is made on the spot.
    pub(super) fn own(&self) -> Edit {
        Edit {
            operator: self.operator.unwrap_or_default(),
            point: self.site.unwrap_or_default(),
        }
    }

    /// The operator and site that these flags and the vector's file ask for.
    pub(super) fn of(&self, vector: &SteeringVector) -> Result<Edit, Ending> {
        let edit = Edit {
            operator: self.operator.unwrap_or(vector.edit.operator),
            point: self.site.unwrap_or(vector.edit.point),
        };
        vector.check_edit(edit).map_err(failed)?;
        Ok(edit)
    }
}
