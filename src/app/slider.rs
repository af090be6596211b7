//! The coefficient slider: range, steps, and the mapping between values and columns.

/// Bipolar scale from `-max` to `+max` with a fixed step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    max: f32,
    step: f32,
}

/// Largest coefficient anyone can type.
pub const LIMIT: f32 = 1000.0;

impl Scale {
    /// Twice the largest multiplier of the grid, in steps of a thirtieth of it rounded to 1, 2
    /// or 5 times a power of ten.
    pub fn for_grid(multipliers: &[f32]) -> Self {
        let largest = multipliers
            .iter()
            .filter(|m| m.is_finite())
            .fold(0.0f32, |a, m| a.max(m.abs()))
            .clamp(1e-3, LIMIT / 2.0);
        let mut scale = Self {
            max: 1.0,
            step: 0.1,
        };
        scale.set_max(2.0 * largest);
        scale
    }

    /// The range ends at ± this.
    pub fn max(self) -> f32 {
        self.max
    }

    /// One step.
    pub fn step(self) -> f32 {
        self.step
    }

    /// Widens the range so that `value` lies in it; never narrows.
    pub fn include(&mut self, value: f32) {
        if value.is_finite() && value.abs() > self.max {
            self.set_max(nice_above(value.abs().min(LIMIT)));
        }
    }

    fn set_max(&mut self, max: f32) {
        self.max = max.clamp(1e-3, LIMIT);
        self.step = nice_below(self.max / 30.0);
    }

    /// The nearest step within the limit; a value that is not finite becomes 0.
    pub fn snap(self, value: f32) -> f32 {
        if !value.is_finite() {
            return 0.0;
        }
        let steps = (f64::from(value) / f64::from(self.step)).round();
        // Through f64 and back, so that 12 steps of 0.1 are 1.2 and not 1.2000001.
        let snapped = (steps * f64::from(self.step) * 1e6).round() / 1e6;
        clean(snapped as f32).clamp(-self.max, self.max)
    }

    /// Value under a column of a track that is `width` columns wide; the middle column is 0.
    pub fn value_at(self, column: u16, width: u16) -> f32 {
        if width < 2 {
            return 0.0;
        }
        let share = f32::from(column.min(width - 1)) / f32::from(width - 1);
        self.snap((2.0 * share - 1.0) * self.max)
    }

    /// Column of a value on a track that is `width` columns wide.
    pub fn column_of(self, value: f32, width: u16) -> u16 {
        if width < 2 || !value.is_finite() {
            return width / 2;
        }
        let share = (value / self.max).clamp(-1.0, 1.0).midpoint(1.0);
        (share * f32::from(width - 1)).round() as u16
    }
}

/// No negative zero on screen.
pub(crate) fn clean(value: f32) -> f32 {
    if value == 0.0 { 0.0 } else { value }
}

fn decade(value: f32) -> f64 {
    10f64.powf(f64::from(value).max(1e-6).log10().floor())
}

fn nice_below(value: f32) -> f32 {
    let d = decade(value);
    let m = f64::from(value) / d;
    let f = if m >= 4.999 {
        5.0
    } else if m >= 1.999 {
        2.0
    } else {
        1.0
    };
    (f * d) as f32
}

fn nice_above(value: f32) -> f32 {
    let d = decade(value);
    let m = f64::from(value) / d;
    let f = [1.0, 1.5, 2.0, 3.0, 5.0, 10.0]
        .into_iter()
        .find(|f| m <= f + 1e-6)
        .unwrap_or(10.0);
    (f * d) as f32
}
