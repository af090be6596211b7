//! Root-mean-square norm of rows: x / rms(x) * w.

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor};

use super::kernels::{rms_backward, rms_backward_weight, rms_forward};
use super::{floats, like, output, with};

pub(crate) struct Norm {
    pub(crate) eps: f32,
}

impl CustomOp2 for Norm {
    fn name(&self) -> &'static str {
        "rms-norm"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        xl: &Layout,
        w: &CpuStorage,
        wl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, w) = (floats(x, xl)?, floats(w, wl)?);
        let mut y = vec![0f32; x.len()];
        for (x, y) in x.chunks(w.len()).zip(y.chunks_mut(w.len())) {
            rms_forward(x, w, self.eps, y);
        }
        Ok(output(y, xl.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        _: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (dx, dw) = with([x, w, dy], |[xs, ws, dys]| {
            let c = ws.len();
            let (mut dx, mut dw) = (vec![0f32; xs.len()], vec![0f32; c]);
            for ((x, dy), dx) in xs.chunks(c).zip(dys.chunks(c)).zip(dx.chunks_mut(c)) {
                rms_backward(x, ws, dy, self.eps, dx);
                rms_backward_weight(x, dy, self.eps, &mut dw);
            }
            (dx, dw)
        })?;
        Ok((like(x, dx)?, like(w, dw)?))
    }
}
