//! The unit in which the coefficient is shown and typed. What is kept is always the raw coefficient,
//! so that another unit never changes what is applied.

use crate::app::{App, signed};
use crate::units::{CoefficientUnit, Operator, UnitScale};

impl App {
    /// The unit chosen, or raw where the operator or a missing figure leaves no other.
    pub fn unit(&self) -> CoefficientUnit {
        match self.unit_lacks(self.unit) {
            None => self.unit,
            Some(_) => CoefficientUnit::Raw,
        }
    }

    /// What conversions need, at the block of the setting.
    pub fn unit_scale(&self) -> UnitScale {
        let block = self.steering.now().block;
        let residual = (self.dataset.as_ref()).and_then(|d| d.residual_norms.get(block).copied());
        let positive = |x: f32| Some(f64::from(x)).filter(|x| x.is_finite() && *x > 0.0);
        UnitScale {
            norm: self.norm_at(block).and_then(positive),
            residual: residual.and_then(positive),
            mean_norm: self.library.mean_norm(block),
            max_projection: self.largest_projection(),
            one_nat: self
                .calibrated_here()
                .map(|found| f64::from(found.coefficient)),
        }
    }

    /// Why a unit cannot be used now; `None` where it can.
    pub fn unit_lacks(&self, unit: CoefficientUnit) -> Option<&'static str> {
        if unit == CoefficientUnit::Raw {
            return None;
        }
        if !self.steering.now().edit.operator.scales_with_norm() {
            return Some("this operator's coefficient is no length");
        }
        if self.unit_scale().from_raw(unit, 1.0).is_some() {
            return None;
        }
        Some(match unit {
            CoefficientUnit::Kappa | CoefficientUnit::Angle => "needs a data set: press d",
            CoefficientUnit::Behaviour => "needs the vectors screen: press F12",
            CoefficientUnit::Range => "needs the pairs that the vector was made of",
            CoefficientUnit::Kl => "needs a calibration: press C",
            CoefficientUnit::Raw | CoefficientUnit::Unit => "needs a vector: press v",
        })
    }

    /// A raw coefficient in the unit chosen.
    pub fn in_unit(&self, c: f32) -> f64 {
        let raw = f64::from(c);
        self.unit_scale().from_raw(self.unit(), raw).unwrap_or(raw)
    }

    /// A coefficient as the slider shows it, its unit behind it.
    pub fn coefficient_words(&self, c: f32, kappa: &str) -> String {
        let value = self.in_unit(c);
        match self.unit() {
            CoefficientUnit::Raw => match self.steering.now().edit.operator {
                Operator::Angular => format!("{}°", signed(c)),
                _ => signed(c),
            },
            CoefficientUnit::Unit => format!("{value:+.2} long"),
            CoefficientUnit::Kappa => format!("{value:+.3} {kappa}"),
            CoefficientUnit::Behaviour => format!("{value:+.2} mean"),
            CoefficientUnit::Range => format!("{value:+.2} range"),
            CoefficientUnit::Angle => format!("{value:+.1}°"),
            CoefficientUnit::Kl => format!("{value:+.2} of 1 nat"),
        }
    }

    /// A number typed in the unit chosen, as a raw coefficient.
    pub(super) fn typed_coefficient(&self, value: f32) -> Option<f32> {
        if self.unit() == CoefficientUnit::Raw {
            return Some(value);
        }
        let raw = self.unit_scale().to_raw(self.unit(), f64::from(value))?;
        Some(raw as f32).filter(|c| c.is_finite())
    }

    /// Shows and takes the coefficient in another unit.
    pub(super) fn set_unit(&mut self, unit: CoefficientUnit) {
        self.unit = unit;
        self.typed.clear();
        self.dirty = true;
    }
}
