//! All parameters in one flat vector, so that optimiser and checkpoints are plain loops.

use std::ops::Range;

use crate::rng::Rng;

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Shape {
    pub(crate) vocab: usize,
    pub(crate) width: usize,
    pub(crate) blocks: usize,
    pub(crate) heads: usize,
    pub(crate) ffn: usize,
}

/// Where the tensors of one block lie.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) norm1: Range<usize>,
    pub(crate) qkv: Range<usize>,
    pub(crate) out: Range<usize>,
    pub(crate) norm2: Range<usize>,
    pub(crate) gate_up: Range<usize>,
    pub(crate) down: Range<usize>,
}

#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) embed: Range<usize>,
    pub(crate) norm: Range<usize>,
    pub(crate) blocks: Vec<Block>,
    pub(crate) total: usize,
}

impl Shape {
    pub(crate) fn layout(self) -> Layout {
        let (c, f) = (self.width, self.ffn);
        let mut at = 0;
        let mut next = |n: usize| {
            at += n;
            at - n..at
        };
        let embed = next(self.vocab * c);
        let blocks = (0..self.blocks)
            .map(|_| Block {
                norm1: next(c),
                qkv: next(3 * c * c),
                out: next(c * c),
                norm2: next(c),
                gate_up: next(2 * f * c),
                down: next(c * f),
            })
            .collect();
        let norm = next(c);
        Layout {
            embed,
            norm,
            blocks,
            total: at,
        }
    }

    pub(crate) fn init(self, seed: u64) -> Vec<f32> {
        let mut rng = Rng::new(seed, 0x1417);
        let layout = self.layout();
        // norm weights are one; the rest is drawn
        let mut p = vec![1f32; layout.total];
        let std = 0.8 / (self.width as f32).sqrt();
        // writers into the residual stream start small, so that depth does not blow it up
        let small = std / (2.0 * self.blocks as f32).sqrt();
        let mut fill = |r: &Range<usize>, std: f32| {
            for x in &mut p[r.clone()] {
                *x = rng.normal() * std;
            }
        };
        fill(&layout.embed, 0.05);
        for b in &layout.blocks {
            fill(&b.qkv, std);
            fill(&b.out, small);
            fill(&b.gate_up, std);
            fill(&b.down, small);
        }
        p
    }
}
