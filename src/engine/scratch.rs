//! Rows that a pass is done with become the memory of its next ones: fresh pages from the system cost a
//! tenth of a prefill, and every block asks for the same sizes.

use std::cell::RefCell;
use std::sync::{Mutex, MutexGuard, PoisonError};

use candle_core::{CpuStorage, InplaceOp1, Layout, Tensor};

/// Most pieces that are kept: those of one block.
const PIECES: usize = 8;

static POOL: Mutex<Pool> = Mutex::new(Pool::new());

/// While one of these lives, passes leave their memory to the passes after them. It is freed with the last.
#[derive(Debug)]
pub struct WorkingMemory(());

impl WorkingMemory {
    /// Hold it for as long as passes of similar size follow each other.
    pub fn keep() -> Self {
        pool().holders += 1;
        Self(())
    }
}

impl Drop for WorkingMemory {
    fn drop(&mut self) {
        pool().leave();
    }
}

#[derive(Debug)]
struct Pool {
    holders: usize,
    pieces: Vec<Vec<f32>>,
}

impl Pool {
    const fn new() -> Self {
        Self {
            holders: 0,
            pieces: Vec::new(),
        }
    }

    fn leave(&mut self) {
        self.holders = self.holders.saturating_sub(1);
        if self.holders == 0 {
            self.pieces = Vec::new();
        }
    }

    /// The smallest piece of at least `len` values.
    fn find(&mut self, len: usize) -> Option<Vec<f32>> {
        let fits = self.pieces.iter().enumerate();
        let fits = fits.filter(|(_, v)| v.capacity() >= len);
        let (i, _) = fits.min_by_key(|(_, v)| v.capacity())?;
        Some(self.pieces.swap_remove(i))
    }

    fn keep(&mut self, values: Vec<f32>) {
        if self.holders == 0 {
            return;
        }
        if self.pieces.len() == PIECES {
            let least = self.pieces.iter_mut().min_by_key(|v| v.capacity());
            if let Some(least) = least.filter(|v| v.capacity() < values.capacity()) {
                *least = values;
            }
            return;
        }
        self.pieces.push(values);
    }
}

fn pool() -> MutexGuard<'static, Pool> {
    // A panic cannot leave it in a state that matters: it holds memory that nobody reads.
    POOL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `len` values, whatever they are: the caller writes every one.
pub(super) fn values(len: usize) -> Vec<f32> {
    // Zeros straight from the system cost nothing that writing does not cost anyway.
    let Some(mut values) = pool().find(len) else {
        return vec![0.0; len];
    };
    values.resize(len, 0.0);
    values
}

/// Keeps memory for the rows to come.
pub(super) fn keep(values: Vec<f32>) {
    pool().keep(values);
}

/// The values of rows that nobody else looks at: theirs, or a copy where they are part of something.
#[expect(
    clippy::needless_pass_by_value,
    reason = "nobody is to look at the rows afterwards"
)]
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
    fn memory_is_kept_while_somebody_holds_it() {
        let mut pool = Pool::new();
        pool.keep(vec![1.0; 100]);
        assert_eq!(pool.find(10), None, "nobody holds it");
        pool.holders = 2;
        pool.keep(vec![1.0; 100]);
        pool.keep(vec![1.0; 50]);
        pool.leave();
        let found = pool.find(40).map(|v| v.capacity());
        assert_eq!(found, Some(50), "the best fit");
        pool.leave();
        assert_eq!(pool.find(40), None, "the last one left");
    }

    #[test]
    fn large_pieces_push_small_ones_out() {
        let mut pool = Pool::new();
        pool.holders = 1;
        (1..=PIECES).for_each(|i| pool.keep(vec![0.0; i]));
        pool.keep(vec![0.0; 100]);
        pool.keep(vec![0.0; 1]);
        let mut kept: Vec<usize> = pool.pieces.iter().map(Vec::capacity).collect();
        kept.sort_unstable();
        assert_eq!((kept.len(), kept[0], kept[PIECES - 1]), (PIECES, 2, 100));
    }

    #[test]
    fn a_part_of_a_tensor_is_copied() {
        let whole = Tensor::from_vec(vec![1.0f32, 2.0, 3.0, 4.0], (2, 2), &Device::Cpu).unwrap();
        let row = whole.narrow(0, 1, 1).unwrap();
        assert_eq!(taken(row).unwrap(), [3.0, 4.0]);
        assert_eq!(whole.to_vec2::<f32>().unwrap(), [[1.0, 2.0], [3.0, 4.0]]);
        assert_eq!(taken(whole).unwrap(), [1.0, 2.0, 3.0, 4.0]);
    }
}
