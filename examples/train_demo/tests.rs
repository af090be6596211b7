//! The fused operations against candle's own autograd and against finite differences.

use candle_core::Device;

use crate::corpus::{Batch, CONTEXT};
use crate::documents::Role;
use crate::model::{Model, flat};
use crate::params::Shape;
use crate::rng::Rng;

const SHAPE: Shape = Shape {
    vocab: 40,
    width: 16,
    blocks: 2,
    heads: 2,
    ffn: 24,
};

fn model() -> Model {
    Model::new(SHAPE, &SHAPE.init(5), &Device::Cpu).unwrap()
}

/// Two rows of two documents each.
fn batch() -> Batch {
    let mut rng = Rng::new(3, 0);
    let n = 2 * CONTEXT;
    let mut ids = || (0..n).map(|_| rng.below(40) as u32).collect::<Vec<_>>();
    let (inputs, targets) = (ids(), ids());
    Batch {
        rows: 2,
        inputs,
        targets,
        weights: (0..n).map(|_| rng.unit()).collect(),
        roles: vec![Role::Text; n],
        starts: (0..n)
            .map(|i| if i % CONTEXT < 100 { 0 } else { 100 })
            .collect(),
    }
}

#[test]
fn fused_gradients_agree_with_those_of_plain_operations() {
    let (fused, batch) = (model(), batch());
    let mut plain = model();
    plain.use_plain_operations();
    let (a, grads) = fused.gradient(&batch, 2).unwrap();
    let (b, wanted) = plain.gradient(&batch, 1).unwrap();
    assert!((a - b).abs() < 1e-5, "losses {a} and {b}");
    for (i, (g, w)) in grads.iter().zip(&wanted).enumerate() {
        let norm = |t: &candle_core::Tensor| {
            let sum = t.sqr().unwrap().sum_all().unwrap();
            sum.to_scalar::<f32>().unwrap().sqrt()
        };
        let off = norm(&(g - w).unwrap()) / norm(w);
        assert!(off < 1e-4, "tensor {i}: off by {off}");
    }
}

#[test]
fn gradient_matches_finite_differences() {
    let (model, batch) = (model(), batch());
    let (_, grads) = model.gradient(&batch, 2).unwrap();
    let mut rng = Rng::new(9, 9);
    // directions within one tensor at a time, so that none hides behind a larger one
    for (var, grad) in model.vars.iter().zip(&grads) {
        let data: Vec<f32> = (0..var.elem_count()).map(|_| rng.normal()).collect();
        let dir = candle_core::Tensor::from_vec(data, var.shape(), &Device::Cpu).unwrap();
        let want = (grad * &dir).unwrap().sum_all().unwrap();
        let want = want.to_scalar::<f32>().unwrap();
        let kept = var.as_detached_tensor().copy().unwrap();
        let at = |e: f64| {
            var.set(&(&kept + (&dir * e).unwrap()).unwrap()).unwrap();
            model.gradient(&batch, 1).unwrap().0
        };
        let got = ((at(1e-3) - at(-1e-3)) / 2e-3) as f32;
        var.set(&kept).unwrap();
        assert!(
            (got - want).abs() < 0.02 * want.abs().max(0.02),
            "{:?}: {got} against {want}",
            var.shape()
        );
    }
}

#[test]
fn packed_documents_do_not_see_each_other() {
    let (model, batch) = (model(), batch());
    let of = |from: usize, starts: &[u32]| {
        let inputs = &batch.inputs[from..CONTEXT];
        let hidden = model.hidden(inputs, starts, CONTEXT - from).unwrap();
        hidden.flatten_all().unwrap().to_vec1::<f32>().unwrap()
    };
    let packed = of(0, &batch.starts[..CONTEXT]);
    let alone = of(100, &[0; CONTEXT - 100]);
    for (a, b) in packed[100 * SHAPE.width..].iter().zip(&alone) {
        assert!((a - b).abs() < 1e-4, "{a} against {b}");
    }
}

#[test]
fn parameters_survive_being_cut_and_joined() {
    let init = SHAPE.init(5);
    assert_eq!(flat(&model().vars).unwrap(), init);
}
