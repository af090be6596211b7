//! The attention half of a block: projections, rotary embedding, causal attention within documents, output.

use std::sync::{Arc, Mutex};

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};

use super::heads::Heads;
use super::linalg::{linear, linear_dw, linear_dx};
use super::{floats, like, output, with};

/// Arguments: x (rows, t, c), query, key and value projections stacked (3c, c), output projection (c, c).
pub(crate) struct Attend {
    heads: Arc<Heads>,
    /// First position that each position sees, (rows, t).
    starts: Arc<[u32]>,
    kept: Option<Mutex<Option<Kept>>>,
}

struct Kept {
    qkv: Vec<f32>,
    mixed: Vec<f32>,
}

impl Attend {
    /// `train`: a backward pass will follow.
    pub(crate) fn new(heads: Arc<Heads>, starts: Arc<[u32]>, train: bool) -> Self {
        Self {
            heads,
            starts,
            kept: train.then(Mutex::default),
        }
    }
}

impl CustomOp3 for Attend {
    fn name(&self) -> &'static str {
        "attend"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        xl: &Layout,
        qkv: &CpuStorage,
        ql: &Layout,
        out: &CpuStorage,
        ol: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, wq, wo) = (floats(x, xl)?, floats(qkv, ql)?, floats(out, ol)?);
        let (_, t, c) = xl.shape().dims3()?;
        let n = x.len() / c;
        let mut qkv = vec![0f32; n * 3 * c];
        linear(&mut qkv, x, wq, c);
        let mut mixed = vec![0f32; n * c];
        let rows = qkv.chunks(t * 3 * c).zip(mixed.chunks_mut(t * c));
        for ((y, out), s) in rows.zip(self.starts.chunks(t)) {
            self.heads.forward(y, s, out);
        }
        let mut y = vec![0f32; n * c];
        linear(&mut y, &mixed, wo, c);
        if let Some(Ok(mut kept)) = self.kept.as_ref().map(Mutex::lock) {
            *kept = Some(Kept { qkv, mixed });
        }
        Ok(output(y, xl.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        qkv: &Tensor,
        out: &Tensor,
        _: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (_, t, c) = x.dims3()?;
        let Some(Ok(Some(kept))) = self.kept.as_ref().map(|k| k.lock().map(|mut k| k.take()))
        else {
            bail!("attention was not run for training");
        };
        let (dx, dwq, dwo) = with([x, qkv, out, dy], |[x, wq, wo, dy]| {
            let n = x.len() / c;
            let mut dmixed = vec![0f32; n * c];
            linear_dx(&mut dmixed, dy, wo, c);
            let mut dwo = vec![0f32; wo.len()];
            linear_dw(&mut dwo, dy, &kept.mixed, c);
            let mut dqkv = vec![0f32; n * 3 * c];
            let rows = kept.qkv.chunks(t * 3 * c).zip(dmixed.chunks(t * c));
            for (((y, g), d), s) in rows
                .zip(dqkv.chunks_mut(t * 3 * c))
                .zip(self.starts.chunks(t))
            {
                self.heads.backward(y, s, g, d);
            }
            let mut dx = vec![0f32; x.len()];
            linear_dx(&mut dx, &dqkv, wq, c);
            let mut dwq = vec![0f32; wq.len()];
            linear_dw(&mut dwq, &dqkv, x, c);
            (dx, dwq, dwo)
        })?;
        Ok((like(x, dx)?, like(qkv, dwq)?, like(out, dwo)?))
    }
}
