//! The parameters: their order, shapes and first values.

use crate::rng::Rng;

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Shape {
    pub(crate) vocab: usize,
    pub(crate) width: usize,
    pub(crate) blocks: usize,
    pub(crate) heads: usize,
    pub(crate) ffn: usize,
}

/// One tensor of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Embed,
    /// Weight of a norm.
    Norm,
    /// Projection that reads the residual stream.
    Reader,
    /// Projection that writes into the residual stream.
    Writer,
}

/// Tensors of a block, in order: first norm, stacked query-key-value projection, output projection, second norm,
/// stacked gate and up projections, down projection.
pub(crate) const PER_BLOCK: usize = 6;

impl Shape {
    /// Kind and dimensions of every tensor: embedding, blocks, last norm. Checkpoints hold them one after another.
    pub(crate) fn tensors(self) -> Vec<(Kind, Vec<usize>)> {
        let (c, f) = (self.width, self.ffn);
        let mut out = vec![(Kind::Embed, vec![self.vocab, c])];
        for _ in 0..self.blocks {
            out.extend([
                (Kind::Norm, vec![c]),
                (Kind::Reader, vec![3 * c, c]),
                (Kind::Writer, vec![c, c]),
                (Kind::Norm, vec![c]),
                (Kind::Reader, vec![2 * f, c]),
                (Kind::Writer, vec![c, f]),
            ]);
        }
        out.push((Kind::Norm, vec![c]));
        out
    }

    pub(crate) fn parameters(self) -> usize {
        self.tensors().iter().map(|(_, dims)| size(dims)).sum()
    }

    /// First values of all parameters.
    pub(crate) fn init(self, seed: u64) -> Vec<f32> {
        let mut rng = Rng::new(seed, 0x1417);
        let std = 0.8 / (self.width as f32).sqrt();
        let mut out = Vec::with_capacity(self.parameters());
        for (kind, dims) in self.tensors() {
            let std = match kind {
                Kind::Norm => {
                    out.extend(vec![1f32; size(&dims)]);
                    continue;
                }
                Kind::Embed => 0.05,
                Kind::Reader => std,
                // start small, so that depth does not blow up the residual stream
                Kind::Writer => std / (2.0 * self.blocks as f32).sqrt(),
            };
            out.extend((0..size(&dims)).map(|_| rng.normal() * std));
        }
        out
    }
}

pub(crate) fn size(dims: &[usize]) -> usize {
    dims.iter().product()
}
