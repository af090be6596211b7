//! Weighted cross entropy of the next token, projection to the vocabulary included.

use std::sync::Mutex;

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};

use super::kernels::softmax;
use super::linalg::{linear, linear_dw, linear_dx};
use super::{floats, like, output};

/// Arguments: normalised hidden states (n, c), embedding (v, c). Result: sum of weight times loss, a scalar.
///
/// The logits are the largest activation by far; their gradient is made in place of them in the forward pass and
/// folded into those of the arguments at once, so that they are held only for a moment.
pub(crate) struct Loss {
    targets: Vec<u32>,
    weights: Vec<f32>,
    kept: Mutex<Option<[Vec<f32>; 2]>>,
}

impl Loss {
    pub(crate) fn new(targets: &[u32], weights: &[f32]) -> Self {
        Self {
            targets: targets.to_vec(),
            weights: weights.to_vec(),
            kept: Mutex::default(),
        }
    }
}

impl CustomOp2 for Loss {
    fn name(&self) -> &'static str {
        "weighted-cross-entropy"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        xl: &Layout,
        embed: &CpuStorage,
        el: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, e) = (floats(x, xl)?, floats(embed, el)?);
        let (v, c) = el.shape().dims2()?;
        let mut logits = vec![0f32; x.len() / c * v];
        linear(&mut logits, x, e, c);
        let mut loss = 0f64;
        let rows = logits.chunks_mut(v).zip(&self.targets).zip(&self.weights);
        for ((row, &target), &w) in rows {
            if w == 0.0 {
                row.fill(0.0);
                continue;
            }
            softmax(row, 1.0);
            let p = &mut row[target as usize];
            loss -= f64::from(w) * f64::from(p.max(1e-30).ln());
            *p -= 1.0;
            for g in row.iter_mut() {
                *g *= w;
            }
        }
        let (mut dx, mut de) = (vec![0f32; x.len()], vec![0f32; e.len()]);
        linear_dx(&mut dx, &logits, e, c);
        linear_dw(&mut de, &logits, x, c);
        if let Ok(mut kept) = self.kept.lock() {
            *kept = Some([dx, de]);
        }
        Ok(output(vec![loss as f32], ()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        embed: &Tensor,
        _: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let Some([dx, de]) = self.kept.lock().ok().and_then(|mut k| k.take()) else {
            bail!("the loss goes backward once");
        };
        let scale = dy.to_scalar::<f32>()?;
        let scaled = |mut g: Vec<f32>| {
            for g in &mut g {
                *g *= scale;
            }
            g
        };
        Ok((like(x, scaled(dx))?, like(embed, scaled(de))?))
    }
}
