//! The model being trained: a Llama decoder (`RMSNorm`, rotary positions, `SwiGLU`, tied embeddings) with its
//! backward pass written out. Composing it from a tensor library's differentiable operations costs about twice
//! the time: every step there allocates, clears and adds buffers, and threads meet after each of them. Here each
//! thread takes its own rows through the whole model.

use rayon::prelude::*;

use crate::attention::Attention;
use crate::corpus::{Batch, CONTEXT};
use crate::kernels::{
    rms_backward, rms_backward_weight, rms_forward, softmax, swiglu_backward, swiglu_forward,
};
use crate::linalg::{linear, linear_dw, linear_dx};
use crate::params::{Layout, Shape};

pub(crate) const EPS: f32 = 1e-5;
pub(crate) const THETA: f32 = 10_000.0;

pub(crate) struct Model {
    pub(crate) shape: Shape,
    pub(crate) layout: Layout,
    pub(crate) params: Vec<f32>,
    attention: Attention,
}

/// What the backward pass of one block needs.
struct Trace {
    x: Vec<f32>,
    n1: Vec<f32>,
    qkv: Vec<f32>,
    mixed: Vec<f32>,
    mid: Vec<f32>,
    n2: Vec<f32>,
    gate_up: Vec<f32>,
    act: Vec<f32>,
}

fn norm(x: &[f32], w: &[f32]) -> Vec<f32> {
    let mut y = vec![0f32; x.len()];
    for (x, y) in x.chunks(w.len()).zip(y.chunks_mut(w.len())) {
        rms_forward(x, w, EPS, y);
    }
    y
}

/// dx += gradient of `norm` in x; dw += gradient in w.
fn norm_back(x: &[f32], w: &[f32], dy: &[f32], dx: &mut [f32], dw: &mut [f32]) {
    let c = w.len();
    let mut part = vec![0f32; c];
    for ((x, dy), dx) in x.chunks(c).zip(dy.chunks(c)).zip(dx.chunks_mut(c)) {
        rms_backward(x, w, dy, EPS, &mut part);
        rms_backward_weight(x, dy, EPS, dw);
        for (d, p) in dx.iter_mut().zip(&part) {
            *d += p;
        }
    }
}

impl Model {
    pub(crate) fn new(shape: Shape, params: Vec<f32>) -> Self {
        let attention = Attention::new(shape.heads, shape.width / shape.heads, CONTEXT + 1, THETA);
        Self {
            shape,
            layout: shape.layout(),
            params,
            attention,
        }
    }

    fn block(&self, i: usize, x: Vec<f32>, starts: &[u32], t: usize) -> (Trace, Vec<f32>) {
        let (b, p, c, f) = (
            &self.layout.blocks[i],
            &self.params,
            self.shape.width,
            self.shape.ffn,
        );
        let n = x.len() / c;
        let n1 = norm(&x, &p[b.norm1.clone()]);
        let mut qkv = vec![0f32; n * 3 * c];
        linear(&mut qkv, false, &n1, &p[b.qkv.clone()], c);
        let mut mixed = vec![0f32; n * c];
        for ((y, out), s) in qkv
            .chunks(t * 3 * c)
            .zip(mixed.chunks_mut(t * c))
            .zip(starts.chunks(t))
        {
            self.attention.forward(y, s, out);
        }
        let mut mid = x.clone();
        linear(&mut mid, true, &mixed, &p[b.out.clone()], c);
        let n2 = norm(&mid, &p[b.norm2.clone()]);
        let mut gate_up = vec![0f32; n * 2 * f];
        linear(&mut gate_up, false, &n2, &p[b.gate_up.clone()], c);
        let mut act = vec![0f32; n * f];
        for (gu, a) in gate_up.chunks(2 * f).zip(act.chunks_mut(f)) {
            let (g, u) = gu.split_at(f);
            swiglu_forward(g, u, a);
        }
        let mut y = mid.clone();
        linear(&mut y, true, &act, &p[b.down.clone()], f);
        (
            Trace {
                x,
                n1,
                qkv,
                mixed,
                mid,
                n2,
                gate_up,
                act,
            },
            y,
        )
    }

    /// Turns the gradient after block i into the gradient before it; adds to the parameter gradients.
    fn block_back(
        &self,
        i: usize,
        tr: &Trace,
        dy: Vec<f32>,
        starts: &[u32],
        t: usize,
        grad: &mut [f32],
    ) -> Vec<f32> {
        let (b, p, c, f) = (
            &self.layout.blocks[i],
            &self.params,
            self.shape.width,
            self.shape.ffn,
        );
        let n = dy.len() / c;
        let mut dact = vec![0f32; n * f];
        linear_dx(&mut dact, false, &dy, &p[b.down.clone()], f);
        linear_dw(&mut grad[b.down.clone()], &dy, &tr.act, f);
        let mut dgu = vec![0f32; n * 2 * f];
        for ((gu, da), d) in tr
            .gate_up
            .chunks(2 * f)
            .zip(dact.chunks(f))
            .zip(dgu.chunks_mut(2 * f))
        {
            let ((g, u), (dg, du)) = (gu.split_at(f), d.split_at_mut(f));
            swiglu_backward(g, u, da, dg, du);
        }
        let mut dn = vec![0f32; n * c];
        linear_dx(&mut dn, false, &dgu, &p[b.gate_up.clone()], c);
        linear_dw(&mut grad[b.gate_up.clone()], &dgu, &tr.n2, c);
        let mut dmid = dy;
        norm_back(
            &tr.mid,
            &p[b.norm2.clone()],
            &dn,
            &mut dmid,
            &mut grad[b.norm2.clone()],
        );
        let mut dmixed = vec![0f32; n * c];
        linear_dx(&mut dmixed, false, &dmid, &p[b.out.clone()], c);
        linear_dw(&mut grad[b.out.clone()], &dmid, &tr.mixed, c);
        let mut dqkv = vec![0f32; n * 3 * c];
        for (((y, g), d), s) in tr
            .qkv
            .chunks(t * 3 * c)
            .zip(dmixed.chunks(t * c))
            .zip(dqkv.chunks_mut(t * 3 * c))
            .zip(starts.chunks(t))
        {
            self.attention.backward(y, s, g, d);
        }
        linear_dx(&mut dn, false, &dqkv, &p[b.qkv.clone()], c);
        linear_dw(&mut grad[b.qkv.clone()], &dqkv, &tr.n1, c);
        let mut dx = dmid;
        norm_back(
            &tr.x,
            &p[b.norm1.clone()],
            &dn,
            &mut dx,
            &mut grad[b.norm1.clone()],
        );
        dx
    }

    fn embed(&self, inputs: &[u32]) -> Vec<f32> {
        let (c, e) = (self.shape.width, &self.params[self.layout.embed.clone()]);
        inputs
            .iter()
            .flat_map(|&id| &e[id as usize * c..][..c])
            .copied()
            .collect()
    }

    /// Normalised output of the last block, (n, width); rows of t tokens.
    pub(crate) fn hidden(&self, inputs: &[u32], starts: &[u32], t: usize) -> Vec<f32> {
        let mut x = self.embed(inputs);
        for i in 0..self.shape.blocks {
            x = self.block(i, x, starts, t).1;
        }
        norm(&x, &self.params[self.layout.norm.clone()])
    }

    /// As `hidden` for one text; `edit` sees, and may change, the residual stream after every block.
    pub(crate) fn hidden_with(
        &self,
        inputs: &[u32],
        mut edit: impl FnMut(usize, &mut [f32]),
    ) -> Vec<f32> {
        let (mut x, starts) = (self.embed(inputs), vec![0; inputs.len()]);
        for i in 0..self.shape.blocks {
            x = self.block(i, x, &starts, inputs.len()).1;
            edit(i, &mut x);
        }
        norm(&x, &self.params[self.layout.norm.clone()])
    }

    /// Logits of (n, width) normalised hidden states.
    pub(crate) fn unembed(&self, hidden: &[f32]) -> Vec<f32> {
        let c = self.shape.width;
        let mut y = vec![0f32; hidden.len() / c * self.shape.vocab];
        linear(
            &mut y,
            false,
            hidden,
            &self.params[self.layout.embed.clone()],
            c,
        );
        y
    }

    /// Weighted loss summed over some rows, with its gradient: both divided by `count`.
    fn shard(
        &self,
        inputs: &[u32],
        targets: &[u32],
        weights: &[f32],
        starts: &[u32],
        count: usize,
    ) -> (f64, Vec<f32>) {
        let (c, v, t) = (self.shape.width, self.shape.vocab, CONTEXT);
        let mut grad = vec![0f32; self.layout.total];
        let mut x = self.embed(inputs);
        let mut traces = Vec::with_capacity(self.shape.blocks);
        for i in 0..self.shape.blocks {
            let (trace, y) = self.block(i, x, starts, t);
            traces.push(trace);
            x = y;
        }
        let n = norm(&x, &self.params[self.layout.norm.clone()]);
        let mut logits = self.unembed(&n);
        let mut loss = 0f64;
        for ((row, &target), &w) in logits.chunks_mut(v).zip(targets).zip(weights) {
            if w == 0.0 {
                row.fill(0.0);
                continue;
            }
            softmax(row, 1.0);
            loss -= f64::from(w) * f64::from(row[target as usize].max(1e-30).ln());
            row[target as usize] -= 1.0;
            let unit = w / count as f32;
            for g in row.iter_mut() {
                *g *= unit;
            }
        }
        let embed = &self.params[self.layout.embed.clone()];
        let mut dn = vec![0f32; n.len()];
        linear_dx(&mut dn, false, &logits, embed, c);
        linear_dw(&mut grad[self.layout.embed.clone()], &logits, &n, c);
        drop(logits);
        let mut dx = vec![0f32; x.len()];
        norm_back(
            &x,
            &self.params[self.layout.norm.clone()],
            &dn,
            &mut dx,
            &mut grad[self.layout.norm.clone()],
        );
        for (i, trace) in traces.iter().enumerate().rev() {
            dx = self.block_back(i, trace, dx, starts, t, &mut grad);
        }
        let de = &mut grad[self.layout.embed.clone()];
        for (&id, d) in inputs.iter().zip(dx.chunks(c)) {
            for (e, d) in de[id as usize * c..][..c].iter_mut().zip(d) {
                *e += d;
            }
        }
        (loss / count as f64, grad)
    }

    /// Loss and gradient of a batch, `shards` equal parts in parallel, added up in a fixed order.
    pub(crate) fn gradient(&self, b: &Batch, shards: usize) -> (f64, Vec<f32>) {
        let count = b.inputs.len();
        let per = b.rows.div_ceil(shards) * CONTEXT;
        let parts: Vec<(f64, Vec<f32>)> = (0..count.div_ceil(per))
            .into_par_iter()
            .map(|i| {
                let r = i * per..((i + 1) * per).min(count);
                self.shard(
                    &b.inputs[r.clone()],
                    &b.targets[r.clone()],
                    &b.weights[r.clone()],
                    &b.starts[r],
                    count,
                )
            })
            .collect();
        let mut parts = parts.into_iter();
        let (mut loss, mut grad) = parts.next().unwrap_or_default();
        for (l, g) in parts {
            loss += l;
            grad.par_chunks_mut(1 << 16)
                .zip(g.par_chunks(1 << 16))
                .for_each(|(a, b)| {
                    for (a, b) in a.iter_mut().zip(b) {
                        *a += b;
                    }
                });
        }
        (loss, grad)
    }
}

/// Negative log-likelihood of one target in nats.
pub(crate) fn nll(row: &[f32], target: usize) -> f32 {
    let mut p = row.to_vec();
    softmax(&mut p, 1.0);
    -p[target].max(1e-30).ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents::Role;
    use crate::rng::Rng;

    fn tiny() -> (Model, Batch) {
        let shape = Shape {
            vocab: 40,
            width: 16,
            blocks: 2,
            heads: 2,
            ffn: 24,
        };
        let mut rng = Rng::new(3, 0);
        let n = 2 * CONTEXT;
        let batch = Batch {
            rows: 2,
            inputs: (0..n).map(|_| rng.below(40) as u32).collect(),
            targets: (0..n).map(|_| rng.below(40) as u32).collect(),
            weights: (0..n).map(|_| rng.unit()).collect(),
            roles: vec![Role::Text; n],
            // two documents a row
            starts: (0..n)
                .map(|i| if i % CONTEXT < 100 { 0 } else { 100 })
                .collect(),
        };
        (Model::new(shape, shape.init(5)), batch)
    }

    #[test]
    fn gradient_matches_finite_differences() {
        let (mut model, batch) = tiny();
        let (_, grad) = model.gradient(&batch, 2);
        let mut rng = Rng::new(9, 9);
        // directions within one tensor at a time, so that none hides behind a larger one
        let layout = model.layout.clone();
        let b = &layout.blocks[1];
        for part in [
            &b.norm1,
            &b.qkv,
            &b.out,
            &b.norm2,
            &b.gate_up,
            &b.down,
            &layout.embed,
            &layout.norm,
        ] {
            let part = part.clone();
            let dir: Vec<f32> = part.clone().map(|_| rng.normal()).collect();
            let want: f32 = grad[part.clone()]
                .iter()
                .zip(&dir)
                .map(|(g, d)| g * d)
                .sum();
            let kept = model.params.clone();
            let mut at = |e: f32| {
                for (p, d) in model.params[part.clone()].iter_mut().zip(&dir) {
                    *p += e * d;
                }
                let loss = model.gradient(&batch, 1).0;
                model.params.clone_from(&kept);
                loss
            };
            let got = ((at(1e-3) - at(-1e-3)) / 2e-3) as f32;
            assert!(
                (got - want).abs() < 0.02 * want.abs().max(0.02),
                "{part:?}: {got} against {want}"
            );
        }
    }

    #[test]
    fn packed_documents_do_not_see_each_other() {
        let (model, batch) = tiny();
        let c = model.shape.width;
        let packed = model.hidden(&batch.inputs[..CONTEXT], &batch.starts[..CONTEXT], CONTEXT);
        let alone = model.hidden(
            &batch.inputs[100..CONTEXT],
            &[0; CONTEXT - 100],
            CONTEXT - 100,
        );
        for (a, b) in packed[100 * c..].iter().zip(&alone) {
            assert!((a - b).abs() < 1e-4, "{a} against {b}");
        }
    }
}
