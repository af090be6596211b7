//! The differentiable suffix: its values against the engine's, its gradient against differences of the
//! engine on our kernel.

use std::sync::Arc;

use candle_core::{Device, Tensor, Var};
use steerscope::engine::{Branch, Cancel, KvCache, Model, NoHook, Rows, Suffix, SuffixInputs};
use steerscope::units::BlockIndex;

use super::oracle::{both, oracles, relative};
use super::support::{close, embedded, forward, prefilled, tail};
use super::tiny::{Tiny, direction_of, prompt_below};

/// Texts of unequal length in a cache, and branches at their ends: two of the first.
struct Scene {
    cache: KvCache,
    branches: Vec<Branch>,
    /// Residual rows of the branches after `block`.
    rows: Vec<f32>,
    answers: Vec<[u32; 2]>,
}

fn scene(model: &Model, block: usize) -> Scene {
    let texts = [30, 12, 5].map(|n| prompt_below(40, n, n)).to_vec();
    let prefilled = prefilled(model, texts);
    let branches = [(0, 27), (0, 27), (1, 10), (2, 0)]
        .map(|(sequence, start)| tail(&prefilled.texts, sequence, start))
        .to_vec();
    let d = model.hidden_size();
    let rows = branches
        .iter()
        .enumerate()
        .flat_map(|(i, b)| (b.start..b.start + b.len).map(move |p| (i, b.sequence, p)))
        .flat_map(|(i, sequence, p)| {
            let row = prefilled.record.row(block, sequence, p, d);
            let shift = direction_of(d, i + 3);
            let moved = row.iter().zip(shift).map(|(h, v)| h + 0.3 * v);
            moved.collect::<Vec<_>>()
        })
        .collect();
    Scene {
        cache: prefilled.cache,
        branches,
        rows,
        answers: vec![[3, 11], [11, 3], [5, 6], [20, 21]],
    }
}

/// Weights of the branches in the sum whose gradient is taken.
const WEIGHTS: [f32; 4] = [1.0, 0.7, -0.5, 1.3];

fn rows_tensor(scene: &Scene, d: usize) -> Var {
    let n = scene.rows.len() / d;
    Var::from_vec(scene.rows.clone(), (n, d), &Device::Cpu).expect("a tensor")
}

fn flat(values: &Tensor) -> Vec<f32> {
    let values = values.flatten_all().expect("values");
    values.to_vec1().expect("values")
}

/// Weighted logit differences and their gradient.
fn backward(suffix: &Suffix, inputs: &SuffixInputs, scene: &Scene, d: usize) -> (f32, Vec<f32>) {
    let x = rows_tensor(scene, d);
    let last = suffix
        .forward(inputs, &x, &Cancel::never())
        .expect("a pass");
    let all = suffix
        .logit_differences(&last, &scene.answers)
        .expect("logits");
    let weights = Tensor::new(&WEIGHTS, &Device::Cpu).expect("a tensor");
    let sum = (all * weights).expect("a sum").sum_all().expect("a sum");
    let gradient = sum.backward().expect("a gradient");
    let gradient = flat(gradient.get(&x).expect("reaches the rows"));
    (sum.to_scalar().expect("a number"), gradient)
}

/// The same sum by the engine on our kernel, of rows moved by `step · along`.
fn value(model: &Model, block: usize, scene: &Scene, along: &[f32], step: f64) -> f64 {
    let rows = scene
        .rows
        .iter()
        .zip(along)
        .map(|(h, v)| (f64::from(*h) + step * f64::from(*v)) as f32)
        .collect();
    let rows = Rows::from_vec(rows, model.hidden_size()).expect("rows");
    let after = Some(BlockIndex(block));
    let last = model
        .resume(
            &scene.cache,
            after,
            &scene.branches,
            rows,
            &mut NoHook,
            &Cancel::never(),
        )
        .expect("a pass");
    let logits = model.answer_logits(&last, &scene.answers).expect("logits");
    let pairs = logits.iter().zip(WEIGHTS);
    pairs
        .map(|([p, n], w)| f64::from(w) * (f64::from(*p) - f64::from(*n)))
        .sum()
}

/// Derivative along a direction by differences of fourth order: the remaining error is rounding.
fn difference(model: &Model, block: usize, scene: &Scene, along: &[f32]) -> f64 {
    let h = 0.02;
    let f = |step| value(model, block, scene, along, step);
    (8.0 * (f(h) - f(-h)) - (f(2.0 * h) - f(-2.0 * h))) / (12.0 * h)
}

fn norm(v: &[f32]) -> f64 {
    v.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt()
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter()
        .zip(b)
        .map(|(a, b)| f64::from(*a) * f64::from(*b))
        .sum()
}

#[test]
fn gradients_equal_differences_of_the_engine_in_every_family() {
    for oracle in oracles() {
        let (model, d) = (&oracle.model, oracle.model.hidden_size());
        let mut worst = 0.0f64;
        for block in 0..model.n_blocks() {
            let scene = scene(model, block);
            let suffix = model.suffix(Some(BlockIndex(block))).expect("a suffix");
            let inputs = suffix
                .inputs(&scene.cache, &scene.branches)
                .expect("inputs");
            let (got, gradient) = backward(&suffix, &inputs, &scene, d);
            let still = vec![0.0; gradient.len()];
            let want = value(model, block, &scene, &still, 0.0);
            let what = format!("{} after block {block}", oracle.name);
            assert!(
                (f64::from(got) - want).abs() < 1e-4 * (1.0 + want.abs()),
                "{what}: {got} {want}"
            );

            // Along the gradient, along a direction in every row as steering has it, and along others.
            let size = norm(&gradient);
            assert!(size > 1e-3, "{what}: a gradient of {size}");
            let unit: Vec<f32> = gradient.iter().map(|g| g / size as f32).collect();
            let n = gradient.len() / d;
            let steering = direction_of(d, 9).repeat(n);
            let others = (0..3).map(|i| direction_of(n * d, 20 + i));
            for along in [unit, steering].into_iter().chain(others) {
                let scale = norm(&along);
                let along: Vec<f32> = along.iter().map(|v| v / scale as f32).collect();
                let (slope, by_gradient) = (
                    difference(model, block, &scene, &along),
                    dot(&gradient, &along),
                );
                worst = worst.max((slope - by_gradient).abs() / size);
                assert!(
                    (slope - by_gradient).abs() < 2e-3 * size,
                    "{what}: {slope} by differences, {by_gradient} by the gradient of size {size}"
                );
            }
        }
        println!("{}: {worst:.1e} of the gradient's size", oracle.name);
    }
}

#[test]
fn suffixes_of_both_decoders_agree_in_every_family() {
    for (kernel, tensors) in both() {
        let d = kernel.model.hidden_size();
        let [a, b] = [&kernel.model, &tensors.model].map(|model| {
            let scene = scene(model, 0);
            let suffix = model.suffix(Some(BlockIndex(0))).expect("a suffix");
            let inputs = suffix
                .inputs(&scene.cache, &scene.branches)
                .expect("inputs");
            backward(&suffix, &inputs, &scene, d).1
        });
        let gap = relative(&a, &b);
        assert!(gap < 1e-4, "{}: {gap}", kernel.name);
    }
}

#[test]
fn values_equal_the_resumed_pass_and_its_logits() {
    for oracle in oracles() {
        let (model, d) = (&oracle.model, oracle.model.hidden_size());
        let scene = scene(model, 0);
        let suffix = model.suffix(Some(BlockIndex(0))).expect("a suffix");
        let inputs = suffix
            .inputs(&scene.cache, &scene.branches)
            .expect("inputs");
        let x = rows_tensor(&scene, d);
        let last = suffix
            .forward(&inputs, &x, &Cancel::never())
            .expect("a pass");
        let rows = Rows::from_vec(scene.rows.clone(), d).expect("rows");
        let want = model
            .resume(
                &scene.cache,
                Some(BlockIndex(0)),
                &scene.branches,
                rows,
                &mut NoHook,
                &Cancel::never(),
            )
            .expect("a pass");
        close(&flat(&last), want.as_slice(), &oracle.name);
        let logits = flat(&suffix.logits(&last).expect("logits"));
        let all = model.logits(&want).expect("logits");
        close(&logits, &all, &oracle.name);
        let pairs = suffix.answer_logits(&last, &scene.answers).expect("logits");
        let vocab = model.config().vocab_size;
        let picked: Vec<f32> = scene
            .answers
            .iter()
            .enumerate()
            .flat_map(|(i, ids)| ids.map(|id| all[i * vocab + id as usize]))
            .collect();
        close(&flat(&pairs), &picked, &oracle.name);
    }
}

#[test]
fn a_suffix_from_the_embeddings_is_the_whole_model() {
    let model = Tiny::default().model();
    let ids = prompt_below(90, 20, 1);
    let d = model.hidden_size();
    let rows = embedded(&Tiny::default(), &ids, d);
    let suffix = model.suffix(None).expect("a suffix");
    let branch = [tail(std::slice::from_ref(&ids), 0, 0)];
    let inputs = suffix
        .inputs(&KvCache::new(&model, 1), &branch)
        .expect("inputs");
    let x = Tensor::from_vec(rows, (20, d), suffix.device()).expect("a tensor");
    let got = suffix
        .forward(&inputs, &x, &Cancel::never())
        .expect("a pass");
    let want = forward(&model, &ids, &mut NoHook);
    close(&flat(&got), want.row(19).expect("a row"), "the last row");
}

#[test]
fn only_the_blocks_above_the_site_are_read() {
    let model = Tiny::default().model();
    let bytes = |after: Option<usize>| {
        let suffix = model.suffix(after.map(BlockIndex)).expect("a suffix");
        suffix.weight_bytes()
    };
    let (all, half, none) = (bytes(None), bytes(Some(1)), bytes(Some(3)));
    assert_eq!((half, none), (all / 2, 0));
    assert!(all > 0);
    let after = Some(BlockIndex(4));
    let refused = model.suffix(after).map(|_| ()).expect_err("refused");
    assert_eq!(refused.id(), "engine-request");
}

#[test]
fn rows_that_do_not_fit_and_cancelled_passes_are_refused() {
    let model = Tiny::default().model();
    let d = model.hidden_size();
    let scene = scene(&model, 1);
    let suffix = model.suffix(Some(BlockIndex(1))).expect("a suffix");
    let inputs = suffix
        .inputs(&scene.cache, &scene.branches)
        .expect("inputs");
    let refused = |x: &Tensor, cancel: &Cancel| {
        let rows = suffix.forward(&inputs, x, cancel).map(|_| ());
        rows.expect_err("refused").id()
    };
    let short = Tensor::zeros((2, d), candle_core::DType::F32, &Device::Cpu).expect("a tensor");
    assert_eq!(refused(&short, &Cancel::never()), "engine-request");
    let whole = rows_tensor(&scene, d);
    let stop = Cancel::new(Arc::new(2.into()), 1);
    assert_eq!(refused(&whole, &stop), "cancelled");
    let far = Branch {
        sequence: 0,
        start: 31,
        len: 1,
    };
    let none = suffix.inputs(&scene.cache, &[far]).map(|_| ());
    assert_eq!(none.expect_err("refused").id(), "engine-request");
    let last = suffix
        .forward(&inputs, &whole, &Cancel::never())
        .expect("a pass");
    let ids = [[1, 2]; 3];
    let refused = suffix.logit_differences(&last, &ids).map(|_| ());
    assert_eq!(refused.expect_err("refused").id(), "engine-request");
}
