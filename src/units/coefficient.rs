//! Units of the coefficient: other words for the same applied vector.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What the coefficient is counted in. Changing it never changes what is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CoefficientUnit {
    /// c: multiples of the stored vector.
    #[default]
    Raw,
    /// c·‖v‖: length of what is added.
    Unit,
    /// c·‖v‖/`H_b`: the same over the typical length of a residual vector.
    Kappa,
    /// c·‖v‖ over the mean length of all loaded behaviours' vectors at the block (CAA).
    Behaviour,
    /// c·‖v‖ over the largest projection of the vector's own texts (`AxBench`).
    Range,
    /// Angle in degrees by which a residual vector at a right angle to v turns.
    Angle,
    /// c over the coefficient whose KL statistic is 1 nat.
    Kl,
}

/// What the conversions need at a block; all lengths above 0.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct UnitScale {
    /// ‖v‖.
    pub norm: Option<f64>,
    /// `H_b`.
    pub residual: Option<f64>,
    /// Mean norm of the loaded behaviours' vectors at the block.
    pub mean_norm: Option<f64>,
    /// Largest projection on v̂ of the texts that v was made of.
    pub max_projection: Option<f64>,
    /// Raw coefficient at which the KL statistic is 1 nat.
    pub one_nat: Option<f64>,
}

impl CoefficientUnit {
    /// All, in the order the picker shows them.
    pub const ALL: [Self; 7] = [
        Self::Raw,
        Self::Unit,
        Self::Kappa,
        Self::Behaviour,
        Self::Range,
        Self::Angle,
        Self::Kl,
    ];

    /// The stable name used in files, flags and on screen.
    pub fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Unit => "unit",
            Self::Kappa => "kappa",
            Self::Behaviour => "behaviour-normalised",
            Self::Range => "activation-range",
            Self::Angle => "angle",
            Self::Kl => "iso-kl",
        }
    }

    /// What 1 means.
    pub fn words(self) -> &'static str {
        match self {
            Self::Raw => "1 is the stored vector",
            Self::Unit => "1 is a length of 1 along the vector",
            Self::Kappa => "1 is as long as a typical residual vector (H)",
            Self::Behaviour => "1 is the mean length of the vectors in the library at this block",
            Self::Range => "1 is the largest projection of the vector's own texts",
            Self::Angle => "degrees that a residual vector at a right angle turns",
            Self::Kl => "1 is the coefficient with a KL of 1 nat (C finds it)",
        }
    }
}

impl fmt::Display for CoefficientUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for CoefficientUnit {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let named = Self::ALL.into_iter().find(|unit| unit.name() == s);
        named.ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.into_iter().map(Self::name).collect();
            format!("unknown unit '{s}'; use one of {}", names.join(", "))
        })
    }
}

impl UnitScale {
    /// The same applied vector in a unit; `None` where a figure for it is missing.
    pub fn from_raw(&self, unit: CoefficientUnit, c: f64) -> Option<f64> {
        match unit {
            CoefficientUnit::Angle => Some((c * self.kappa()?).atan().to_degrees()),
            _ => Some(c * self.factor(unit)?),
        }
    }

    /// The raw coefficient of a value; `None` where a figure is missing, and for an angle that no
    /// addition reaches (90 degrees and more).
    pub fn to_raw(&self, unit: CoefficientUnit, value: f64) -> Option<f64> {
        match unit {
            CoefficientUnit::Angle if value.abs() >= 90.0 => None,
            CoefficientUnit::Angle => Some(value.to_radians().tan() / self.kappa()?),
            _ => Some(value / self.factor(unit)?),
        }
    }

    /// κ of c = 1.
    fn kappa(&self) -> Option<f64> {
        over(self.norm, self.residual)
    }

    fn factor(&self, unit: CoefficientUnit) -> Option<f64> {
        match unit {
            CoefficientUnit::Raw => Some(1.0),
            CoefficientUnit::Unit => self.norm.filter(|n| *n > 0.0),
            CoefficientUnit::Kappa | CoefficientUnit::Angle => self.kappa(),
            CoefficientUnit::Behaviour => over(self.norm, self.mean_norm),
            CoefficientUnit::Range => over(self.norm, self.max_projection),
            CoefficientUnit::Kl => over(Some(1.0), self.one_nat.map(f64::abs)),
        }
    }

    /// Angle in degrees and ratio of norms that adding c·v gives a residual vector of typical length
    /// at a right angle to v (turn = atan κ, ratio = √(1 + κ²)).
    pub fn turn(&self, c: f64) -> Option<(f64, f64)> {
        let kappa = c * self.kappa()?;
        Some((kappa.atan().to_degrees().abs(), kappa.hypot(1.0)))
    }
}

fn over(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    let (a, b) = (a?, b?);
    (a > 0.0 && b > 0.0).then(|| a / b)
}

/// Angle to v in degrees after adding, and ratio of norms, for a residual vector at `phi` degrees to v
/// and `κ_t` = c·‖v‖/‖h‖ (the conversion of any addition).
pub fn turned(phi: f64, kappa: f64) -> (f64, f64) {
    let (sin, cos) = phi.to_radians().sin_cos();
    let after = sin.atan2(cos + kappa).to_degrees();
    let ratio = (1.0 + 2.0 * kappa * cos + kappa * kappa).sqrt();
    ((phi - after).abs(), ratio)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_turns() {
        for (kappa, turn, ratio) in [
            (0.1, 5.7, 1.005),
            (0.5, 26.6, 1.118),
            (1.0, 45.0, 1.414),
            (2.0, 63.4, 2.236),
        ] {
            let (t, r) = turned(90.0, kappa);
            assert!(
                (t - turn).abs() < 0.05 && (r - ratio).abs() < 5e-4,
                "{t} {r}"
            );
            let scale = UnitScale {
                norm: Some(kappa),
                residual: Some(1.0),
                ..UnitScale::default()
            };
            let (t, r) = scale.turn(1.0).unwrap_or_default();
            assert!(
                (t - turn).abs() < 0.05 && (r - ratio).abs() < 5e-4,
                "{t} {r}"
            );
        }
        // The golden example: kt = −0.6535181 at the angle of its h.
        let phi = (-0.966_537_972_8_f64 / 2.467_792_535_9).acos().to_degrees();
        let (turn, ratio) = turned(phi, -0.653_518_1);
        assert!((turn - 25.583_46).abs() < 1e-3 && (ratio - 1.392_480_1).abs() < 1e-6);
    }

    #[test]
    fn units_go_there_and_back() {
        let scale = UnitScale {
            norm: Some(30.2),
            residual: Some(92.6),
            mean_norm: Some(17.0),
            max_projection: Some(44.0),
            one_nat: Some(-1.7),
        };
        for unit in CoefficientUnit::ALL {
            for c in [-2.5, -0.3, 0.0, 0.7, 3.0] {
                let there = scale.from_raw(unit, c).unwrap_or(f64::NAN);
                let back = scale.to_raw(unit, there).unwrap_or(f64::NAN);
                assert!(
                    (back - c).abs() < 1e-9,
                    "{}: {c} {there} {back}",
                    unit.name()
                );
                assert_eq!(there > 0.0, c > 0.0, "{}", unit.name());
            }
        }
        assert_eq!(scale.to_raw(CoefficientUnit::Angle, 90.0), None);
        assert_eq!(
            UnitScale::default().from_raw(CoefficientUnit::Kappa, 1.0),
            None
        );
        assert_eq!(
            UnitScale::default().from_raw(CoefficientUnit::Raw, 1.5),
            Some(1.5)
        );
    }
}
