//! Rows of the residual stream outside candle.

use super::EngineError;

/// Row-major f32 matrix of shape `(n, width)`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rows {
    data: Vec<f32>,
    width: usize,
}

impl Rows {
    /// Takes `data` as rows of `width` values each.
    ///
    /// # Errors
    /// [`EngineError::Request`] when the length is no multiple of `width`.
    pub fn from_vec(data: Vec<f32>, width: usize) -> Result<Self, EngineError> {
        if width == 0 || !data.len().is_multiple_of(width) {
            return Err(EngineError::Request(format!(
                "{} values as rows of {width}",
                data.len()
            )));
        }
        Ok(Self { data, width })
    }

    /// No rows of width `width`.
    pub fn empty(width: usize) -> Self {
        Self {
            data: Vec::new(),
            width,
        }
    }

    /// Number of rows.
    pub fn n(&self) -> usize {
        self.data.len().checked_div(self.width).unwrap_or(0)
    }

    /// Values per row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Row `i`, if there is one.
    pub fn row(&self, i: usize) -> Option<&[f32]> {
        self.data.get(i * self.width..(i + 1) * self.width)
    }

    /// All values, row-major.
    pub fn as_slice(&self) -> &[f32] {
        &self.data
    }

    /// All values, row-major.
    pub fn as_mut_slice(&mut self) -> &mut [f32] {
        &mut self.data
    }

    /// Gives the values back.
    pub fn into_vec(self) -> Vec<f32> {
        self.data
    }
}
