//! The feed-forward half of a block: down(silu(gate(x)) * up(x)).

use std::sync::Mutex;

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};

use super::kernels::{swiglu_backward, swiglu_forward};
use super::linalg::{linear, linear_dw, linear_dx};
use super::{floats, like, output, with};

/// Arguments: x (.., c), gate and up stacked (2f, c), down (c, f).
#[derive(Default)]
pub(crate) struct Mlp {
    kept: Option<Mutex<Option<Kept>>>,
}

struct Kept {
    gate_up: Vec<f32>,
    act: Vec<f32>,
}

impl Mlp {
    /// `train`: a backward pass will follow.
    pub(crate) fn new(train: bool) -> Self {
        Self {
            kept: train.then(Mutex::default),
        }
    }
}

impl CustomOp3 for Mlp {
    fn name(&self) -> &'static str {
        "mlp"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        xl: &Layout,
        gate_up: &CpuStorage,
        gl: &Layout,
        down: &CpuStorage,
        dl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, wg, wd) = (floats(x, xl)?, floats(gate_up, gl)?, floats(down, dl)?);
        let (c, f) = dl.shape().dims2()?;
        let n = x.len() / c;
        let mut gate_up = vec![0f32; n * 2 * f];
        linear(&mut gate_up, x, wg, c);
        let mut act = vec![0f32; n * f];
        for (gu, a) in gate_up.chunks(2 * f).zip(act.chunks_mut(f)) {
            let (g, u) = gu.split_at(f);
            swiglu_forward(g, u, a);
        }
        let mut y = vec![0f32; n * c];
        linear(&mut y, &act, wd, f);
        if let Some(Ok(mut kept)) = self.kept.as_ref().map(Mutex::lock) {
            *kept = Some(Kept { gate_up, act });
        }
        Ok(output(y, xl.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        gate_up: &Tensor,
        down: &Tensor,
        _: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (c, f) = down.dims2()?;
        let Some(Ok(Some(kept))) = self.kept.as_ref().map(|k| k.lock().map(|mut k| k.take()))
        else {
            bail!("the feed-forward part was not run for training");
        };
        let (dx, dwg, dwd) = with([x, gate_up, down, dy], |[x, wg, wd, dy]| {
            let n = x.len() / c;
            let mut dact = vec![0f32; n * f];
            linear_dx(&mut dact, dy, wd, f);
            let mut dwd = vec![0f32; wd.len()];
            linear_dw(&mut dwd, dy, &kept.act, f);
            let mut dgu = vec![0f32; n * 2 * f];
            let rows = kept.gate_up.chunks(2 * f).zip(dact.chunks(f));
            for ((gu, da), d) in rows.zip(dgu.chunks_mut(2 * f)) {
                let ((g, u), (dg, du)) = (gu.split_at(f), d.split_at_mut(f));
                swiglu_backward(g, u, da, dg, du);
            }
            let mut dx = vec![0f32; x.len()];
            linear_dx(&mut dx, &dgu, wg, c);
            let mut dwg = vec![0f32; wg.len()];
            linear_dw(&mut dwg, &dgu, x, c);
            (dx, dwg, dwd)
        })?;
        Ok((like(x, dx)?, like(gate_up, dwg)?, like(down, dwd)?))
    }
}
