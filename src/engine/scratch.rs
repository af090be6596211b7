//! Rows that a pass is done with become the memory of its next ones: fresh pages from the system cost a
//! tenth of a prefill, and every block asks for the same sizes.

use std::cell::RefCell;

use candle_core::{CpuStorage, InplaceOp1, Layout, Tensor};

/// Most pieces that are kept: those of one block.
const PIECES: usize = 8;

thread_local! {
    /// `None` outside of passes.
    static KEPT: RefCell<Option<Vec<Vec<f32>>>> = const { RefCell::new(None) };
}

/// While it lives, rows given back on this thread are kept for it. Passes may nest: a thread that waits for
/// others may run another pass meanwhile.
pub(super) struct Keeping(Option<Vec<Vec<f32>>>);

impl Keeping {
    pub(super) fn begin() -> Self {
        Self(KEPT.replace(Some(Vec::new())))
    }
}

impl Drop for Keeping {
    fn drop(&mut self) {
        KEPT.set(self.0.take());
    }
}

/// `len` values, whatever they are: the caller writes every one.
pub(super) fn values(len: usize) -> Vec<f32> {
    let found = KEPT.with_borrow_mut(|kept| {
        let kept = kept.as_mut()?;
        let fits = kept.iter().enumerate().filter(|(_, v)| v.capacity() >= len);
        let (i, _) = fits.min_by_key(|(_, v)| v.capacity())?;
        Some(kept.swap_remove(i))
    });
    // Zeros straight from the system cost nothing that writing does not cost anyway.
    let Some(mut values) = found else {
        return vec![0.0; len];
    };
    values.resize(len, 0.0);
    values
}

/// Keeps memory for the rows to come.
pub(super) fn keep(values: Vec<f32>) {
    KEPT.with_borrow_mut(|kept| {
        if let Some(kept) = kept.as_mut().filter(|kept| kept.len() < PIECES) {
            kept.push(values);
        }
    });
}

/// The values of rows that nobody else looks at: theirs, or a copy where they are part of something.
pub(super) fn taken(rows: Tensor) -> candle_core::Result<Vec<f32>> {
    let taken = Take(RefCell::default());
    rows.inplace_op1(&taken)?;
    Ok(taken.0.into_inner())
}

/// Keeps the memory of rows that nobody looks at any more.
pub(super) fn done(rows: Tensor) -> candle_core::Result<()> {
    keep(taken(rows)?);
    Ok(())
}

struct Take(RefCell<Vec<f32>>);

impl InplaceOp1 for Take {
    fn name(&self) -> &'static str {
        "take"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> candle_core::Result<()> {
        let CpuStorage::F32(values) = storage else {
            candle_core::bail!("rows in f32 were expected");
        };
        let Some((from, to)) = layout.contiguous_offsets() else {
            candle_core::bail!("a contiguous tensor was expected");
        };
        *self.0.borrow_mut() = if (from, to) == (0, values.len()) {
            std::mem::take(values)
        } else {
            values[from..to].to_vec()
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn memory_is_kept_within_a_pass_alone() {
        keep(vec![1.0; 100]);
        assert!(values(10).capacity() < 100, "nothing is kept outside");
        let outer = Keeping::begin();
        keep(vec![1.0; 100]);
        keep(vec![1.0; 50]);
        {
            let _inner = Keeping::begin();
            assert!(values(10).capacity() < 50, "an inner pass has its own");
        }
        let found = values(40);
        assert_eq!((found.len(), found.capacity()), (40, 50), "the best fit");
        drop(outer);
        assert!(values(40).capacity() < 100);
    }

    #[test]
    fn a_part_of_a_tensor_is_copied() {
        let _pass = Keeping::begin();
        let whole = Tensor::from_vec(vec![1.0f32, 2.0, 3.0, 4.0], (2, 2), &Device::Cpu).unwrap();
        let row = whole.narrow(0, 1, 1).unwrap();
        assert_eq!(taken(row).unwrap(), [3.0, 4.0]);
        assert_eq!(whole.to_vec2::<f32>().unwrap(), [[1.0, 2.0], [3.0, 4.0]]);
        assert_eq!(taken(whole).unwrap(), [1.0, 2.0, 3.0, 4.0]);
    }
}
