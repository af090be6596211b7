//! The three updates of Adam in place, each one pass over its numbers.

use candle_core::{CpuStorage, InplaceOp2, InplaceOp3, Layout, Result, bail};

use super::floats;
use super::kernels::{adam_mean, adam_square, adam_step};

/// m = beta m + (1 - beta) clip g
pub(crate) struct Mean {
    pub(crate) beta: f32,
    pub(crate) clip: f32,
}

/// v = beta v + (1 - beta) (clip g)^2
pub(crate) struct Square {
    pub(crate) beta: f32,
    pub(crate) clip: f32,
}

/// p -= lr (m c1 / (sqrt(v c2) + 1e-8) + decay p); `c1`, `c2` are the bias corrections.
pub(crate) struct Step {
    pub(crate) lr: f32,
    pub(crate) c1: f32,
    pub(crate) c2: f32,
    pub(crate) decay: f32,
}

fn floats_mut<'a>(storage: &'a mut CpuStorage, layout: &Layout) -> Result<&'a mut [f32]> {
    match (storage, layout.contiguous_offsets()) {
        (CpuStorage::F32(all), Some((from, to))) => Ok(&mut all[from..to]),
        _ => bail!("the optimiser wants contiguous f32 parameters"),
    }
}

impl InplaceOp2 for Mean {
    fn name(&self) -> &'static str {
        "adam-mean"
    }

    fn cpu_fwd(&self, m: &mut CpuStorage, ml: &Layout, g: &CpuStorage, gl: &Layout) -> Result<()> {
        adam_mean(floats_mut(m, ml)?, floats(g, gl)?, self.beta, self.clip);
        Ok(())
    }
}

impl InplaceOp2 for Square {
    fn name(&self) -> &'static str {
        "adam-square"
    }

    fn cpu_fwd(&self, v: &mut CpuStorage, vl: &Layout, g: &CpuStorage, gl: &Layout) -> Result<()> {
        adam_square(floats_mut(v, vl)?, floats(g, gl)?, self.beta, self.clip);
        Ok(())
    }
}

impl InplaceOp3 for Step {
    fn name(&self) -> &'static str {
        "adam-step"
    }

    fn cpu_fwd(
        &self,
        p: &mut CpuStorage,
        pl: &Layout,
        m: &CpuStorage,
        ml: &Layout,
        v: &CpuStorage,
        vl: &Layout,
    ) -> Result<()> {
        let Self { lr, c1, c2, decay } = *self;
        let (m, v) = (floats(m, ml)?, floats(v, vl)?);
        adam_step(floats_mut(p, pl)?, m, v, lr, c1, c2, decay);
        Ok(())
    }
}
