//! Projections by constant weights.

use candle_core::backend::BackendStorage;
use candle_core::{
    CpuStorage, CudaStorage, CustomOp1, DType, Layout, MetalStorage, Shape, Storage, Tensor,
};
use half::{bf16, f16};
use rayon::prelude::*;

use crate::engine::EngineError;
use crate::engine::assemble::{Matrix, Source};
use crate::engine::device::Target;
use crate::engine::precision::Precision;

/// `y = x Wᵀ (+ bias)` with W of shape `(n, k)`.
#[derive(Debug, Clone)]
pub(super) struct Dense {
    weight: Tensor,
    bias: Option<Tensor>,
}

impl Dense {
    /// Reads the rows of `parts`, one below the other, onto the device.
    pub(super) fn read(
        parts: &[Source<'_>],
        k: usize,
        bias: Option<Vec<f32>>,
        target: &Target,
    ) -> Result<Self, EngineError> {
        let n: usize = parts.iter().map(|p| p.rows()).sum();
        let precision = Precision::of(parts.iter().map(|p| p.precision()));
        let fill = |(mut r, row): (usize, &mut [f32])| {
            for part in parts {
                if r < part.rows() {
                    return part.fill(r, row);
                }
                r -= part.rows();
            }
            Ok(())
        };
        let mut values = vec![0.0; n * k];
        values.par_chunks_mut(k).enumerate().try_for_each(fill)?;
        let device = &target.device;
        let weight = match target.weights(precision) {
            DType::F16 => {
                let values: Vec<f16> = values.par_iter().map(|v| f16::from_f32(*v)).collect();
                Tensor::from_vec(values, (n, k), device)
            }
            DType::BF16 => {
                let values: Vec<bf16> = values.par_iter().map(|v| bf16::from_f32(*v)).collect();
                Tensor::from_vec(values, (n, k), device)
            }
            _ => Tensor::from_vec(values, (n, k), device),
        }?;
        let bias = bias.map(|b| Tensor::from_vec(b, n, device)).transpose()?;
        Ok(Self { weight, bias })
    }

    /// The same of what was found for a block.
    pub(super) fn of(matrix: Matrix<'_>, target: &Target) -> Result<Self, EngineError> {
        Self::read(&matrix.parts, matrix.k, matrix.bias, target)
    }

    /// W.
    pub(super) fn weight(&self) -> &Tensor {
        &self.weight
    }

    /// Memory held.
    pub(super) fn bytes(&self) -> usize {
        self.weight.elem_count() * self.weight.dtype().size_in_bytes()
    }

    /// `x (m, k) → (m, n)`, both in f32.
    pub(super) fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let x = x.to_dtype(self.weight.dtype())?.contiguous()?;
        let y = x
            .apply_op1(ByWeight(self.weight.clone()))?
            .to_dtype(DType::F32)?;
        match &self.bias {
            Some(bias) => y.broadcast_add(bias),
            None => Ok(y),
        }
    }

    /// The rows `ids` of W alone.
    pub(super) fn select(&self, ids: &[u32]) -> candle_core::Result<Self> {
        let ids = Tensor::new(ids, self.weight.device())?;
        Ok(Self {
            weight: self.weight.index_select(&ids, 0)?,
            bias: None,
        })
    }
}

/// The product with a constant. candle's own would compute the gradient of the weights as well: as many
/// operations again, and as much memory as the weights have.
struct ByWeight(Tensor);

impl ByWeight {
    fn product<S: BackendStorage>(
        &self,
        x: &S,
        lx: &Layout,
        w: &S,
        lw: &Layout,
    ) -> candle_core::Result<(S, Shape)> {
        let ((m, k), n) = (lx.shape().dims2()?, self.0.dim(0)?);
        let y = x.matmul(w, (1, m, n, k), lx, &lw.transpose(0, 1)?)?;
        Ok((y, Shape::from((m, n))))
    }
}

impl CustomOp1 for ByWeight {
    fn name(&self) -> &'static str {
        "by-weight"
    }

    fn cpu_fwd(&self, x: &CpuStorage, lx: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        let (w, lw) = self.0.storage_and_layout();
        match &*w {
            Storage::Cpu(w) => self.product(x, lx, w, lw),
            _ => candle_core::bail!("weights on the CPU were expected"),
        }
    }

    fn cuda_fwd(&self, x: &CudaStorage, lx: &Layout) -> candle_core::Result<(CudaStorage, Shape)> {
        let (w, lw) = self.0.storage_and_layout();
        match &*w {
            Storage::Cuda(w) => self.product(x, lx, w, lw),
            _ => candle_core::bail!("weights on the GPU were expected"),
        }
    }

    fn metal_fwd(
        &self,
        x: &MetalStorage,
        lx: &Layout,
    ) -> candle_core::Result<(MetalStorage, Shape)> {
        let (w, lw) = self.0.storage_and_layout();
        match &*w {
            Storage::Metal(w) => self.product(x, lx, w, lw),
            _ => candle_core::bail!("weights on the GPU were expected"),
        }
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, grad: &Tensor) -> candle_core::Result<Option<Tensor>> {
        Ok(Some(grad.contiguous()?.matmul(&self.0)?))
    }
}
