//! Views of weight matrices as they come from the files: picked rows, the transpose, a factor.

use std::borrow::Cow;

use super::EngineError;
use super::ops::times;
use super::precision::Precision;
use super::weights::RowSource;

type Boxed<'a> = Box<dyn RowSource + 'a>;

/// Rows of another matrix in another order.
pub(super) struct Picked<'a, F> {
    pub(super) source: Boxed<'a>,
    pub(super) n: usize,
    /// Row of `source` that is row `i` here; below its number of rows.
    pub(super) row: F,
}

impl<F: Fn(usize) -> usize + Sync> RowSource for Picked<'_, F> {
    fn rows(&self) -> usize {
        self.n
    }

    fn fill(&self, i: usize, row: &mut [f32]) -> Result<(), EngineError> {
        self.source.fill((self.row)(i), row)
    }

    fn precision(&self) -> Precision {
        self.source.precision()
    }

    fn bytes(&self, i: usize) -> Option<Cow<'_, [u8]>> {
        self.source.bytes((self.row)(i))
    }

    fn release(&self) {
        self.source.release();
    }
}

/// The transpose of a matrix, read whole: its columns are wanted a few dozen at a time.
pub(super) struct Transposed {
    values: Vec<f32>,
    n: usize,
    precision: Precision,
}

impl Transposed {
    /// From a matrix with rows of `n` values.
    pub(super) fn read(source: &dyn RowSource, n: usize) -> Result<Self, EngineError> {
        let mut values = vec![0.0; source.rows() * n];
        for (i, row) in values.chunks_exact_mut(n).enumerate() {
            source.fill(i, row)?;
        }
        let precision = match source.precision() {
            // Its blocks run along the other side.
            Precision::Quantised(_) => Precision::F32,
            plain => plain,
        };
        Ok(Self {
            values,
            n,
            precision,
        })
    }
}

impl RowSource for Transposed {
    fn rows(&self) -> usize {
        self.n
    }

    fn fill(&self, i: usize, row: &mut [f32]) -> Result<(), EngineError> {
        let column = self.values.iter().skip(i).step_by(self.n);
        row.iter_mut().zip(column).for_each(|(to, v)| *to = *v);
        Ok(())
    }

    fn precision(&self) -> Precision {
        self.precision
    }
}

/// A matrix times a number.
pub(super) struct Scaled<'a> {
    pub(super) source: Boxed<'a>,
    pub(super) by: f32,
}

impl RowSource for Scaled<'_> {
    fn rows(&self) -> usize {
        self.source.rows()
    }

    fn fill(&self, i: usize, row: &mut [f32]) -> Result<(), EngineError> {
        self.source.fill(i, row)?;
        times(row, Some(self.by));
        Ok(())
    }
}
