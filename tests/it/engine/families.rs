//! Variants of the architecture and of the files: untied, biased, sharded, half precision.

use serde_json::json;
use steerscope::engine::{Config, Model, NoHook, TextTokenizer};

use super::support::forward;
use super::tiny::{Tiny, prompt, tokenizer};

/// A plain f64 forward pass straight from the tensors, for shapes that no reference file covers.
mod naive {
    use super::super::tiny::Tensors;
    use serde_json::Value;

    fn mul(x: &[Vec<f64>], t: &Tensors, name: &str) -> Vec<Vec<f64>> {
        let (shape, w) = &t[&format!("{name}.weight")];
        let bias = t.get(&format!("{name}.bias"));
        let row = |x: &Vec<f64>| {
            (0..shape[0])
                .map(|i| {
                    let b = bias.map_or(0.0, |b| f64::from(b.1[i]));
                    b + x
                        .iter()
                        .zip(&w[i * shape[1]..])
                        .map(|(a, b)| a * f64::from(*b))
                        .sum::<f64>()
                })
                .collect()
        };
        x.iter().map(row).collect()
    }

    fn norm(x: &[Vec<f64>], w: &[f32]) -> Vec<Vec<f64>> {
        x.iter()
            .map(|r| {
                let s = (r.iter().map(|v| v * v).sum::<f64>() / r.len() as f64 + 1e-5).sqrt();
                r.iter()
                    .zip(w)
                    .map(|(v, w)| v / s * f64::from(*w))
                    .collect()
            })
            .collect()
    }

    fn rotate(v: &[f64], p: usize, theta: f64) -> Vec<f64> {
        let half = v.len() / 2;
        let mut out = v.to_vec();
        for j in 0..half {
            let a = p as f64 * theta.powf(-2.0 * j as f64 / v.len() as f64);
            out[j] = v[j] * a.cos() - v[j + half] * a.sin();
            out[j + half] = v[j] * a.sin() + v[j + half] * a.cos();
        }
        out
    }

    pub(super) fn logits(config: &Value, t: &Tensors, ids: &[u32]) -> Vec<Vec<f64>> {
        let n = |k: &str| config[k].as_u64().expect("a size") as usize;
        let (d, hd, heads, kv) = (
            n("hidden_size"),
            n("head_dim"),
            n("num_attention_heads"),
            n("num_key_value_heads"),
        );
        let embed = &t["model.embed_tokens.weight"].1;
        let mut x: Vec<Vec<f64>> = ids
            .iter()
            .map(|id| {
                embed[*id as usize * d..][..d]
                    .iter()
                    .map(|v| f64::from(*v))
                    .collect()
            })
            .collect();
        for b in 0..n("num_hidden_layers") {
            let p = format!("model.layers.{b}");
            let y = norm(&x, &t[&format!("{p}.input_layernorm.weight")].1);
            let [q, k, v] = ["q", "k", "v"].map(|c| mul(&y, t, &format!("{p}.self_attn.{c}_proj")));
            let theta = config["rope_theta"].as_f64().expect("a number");
            let head = |m: &Vec<Vec<f64>>, i: usize, h: usize| m[i][h * hd..(h + 1) * hd].to_vec();
            let mut mixed = vec![vec![]; ids.len()];
            for (i, mixed) in mixed.iter_mut().enumerate() {
                for h in 0..heads {
                    let group = h / (heads / kv);
                    let query = rotate(&head(&q, i, h), i, theta);
                    let mut w: Vec<f64> = (0..=i)
                        .map(|j| {
                            let key = rotate(&head(&k, j, group), j, theta);
                            let dot: f64 = query.iter().zip(&key).map(|(a, b)| a * b).sum();
                            (dot / (hd as f64).sqrt()).exp()
                        })
                        .collect();
                    let total: f64 = w.iter().sum();
                    for w in &mut w {
                        *w /= total;
                    }
                    mixed.extend(
                        (0..hd).map(|c| (0..=i).map(|j| w[j] * head(&v, j, group)[c]).sum::<f64>()),
                    );
                }
            }
            let add = |x: &mut Vec<Vec<f64>>, y: Vec<Vec<f64>>| {
                x.iter_mut()
                    .zip(y)
                    .for_each(|(x, y)| x.iter_mut().zip(y).for_each(|(x, y)| *x += y));
            };
            add(&mut x, mul(&mixed, t, &format!("{p}.self_attn.o_proj")));
            let y = norm(&x, &t[&format!("{p}.post_attention_layernorm.weight")].1);
            let [gate, up] = ["gate", "up"].map(|c| mul(&y, t, &format!("{p}.mlp.{c}_proj")));
            let inner: Vec<Vec<f64>> = gate
                .iter()
                .zip(up)
                .map(|(g, u)| {
                    g.iter()
                        .zip(u)
                        .map(|(g, u)| g / (1.0 + (-g).exp()) * u)
                        .collect()
                })
                .collect();
            add(&mut x, mul(&inner, t, &format!("{p}.mlp.down_proj")));
        }
        let y = norm(&x, &t["model.norm.weight"].1);
        mul(
            &y,
            t,
            if t.contains_key("lm_head.weight") {
                "lm_head"
            } else {
                "model.embed_tokens"
            },
        )
    }
}

fn check(tiny: &Tiny) {
    let model = tiny.model();
    let ids = prompt(45, 2);
    let rows = forward(&model, &ids, &mut NoHook);
    let got = model.logits(&rows).expect("logits");
    let want = naive::logits(&tiny.config, &tiny.tensors(), &ids);
    for (i, want) in want.iter().enumerate() {
        for (j, want) in want.iter().enumerate() {
            let got = f64::from(got[i * 97 + j]);
            assert!(
                (got - want).abs() < 2e-3 * (1.0 + want.abs()),
                "row {i} token {j}: {got} {want}"
            );
        }
    }
}

#[test]
fn tied_model_equals_a_plain_double_precision_pass() {
    check(&Tiny::default());
}

#[test]
fn untied_model_with_every_bias_equals_a_plain_double_precision_pass() {
    let tiny = Tiny::default()
        .with("tie_word_embeddings", json!(false))
        .with("attention_bias", json!(true))
        .with("mlp_bias", json!(true));
    check(&tiny);
}

#[test]
fn whole_panel_shapes_equal_a_plain_double_precision_pass() {
    let tiny = Tiny::default()
        .with("hidden_size", json!(64))
        .with("intermediate_size", json!(96))
        .with("head_dim", json!(32))
        .with("num_attention_heads", json!(3))
        .with("num_key_value_heads", json!(3));
    check(&tiny);
}

#[test]
fn shards_give_the_same_model_as_one_file() {
    let one = Tiny::default().model();
    let many = Tiny {
        shards: 3,
        ..Tiny::default()
    }
    .model();
    let ids = prompt(20, 1);
    assert_eq!(
        forward(&one, &ids, &mut NoHook),
        forward(&many, &ids, &mut NoHook)
    );
    assert_eq!(one.parameters(), many.parameters());
    assert_eq!(many.hash().len(), 64);
    assert_ne!(one.hash(), many.hash());
}

#[test]
fn half_precision_weights_are_widened_exactly() {
    for dtype in ["F16", "BF16"] {
        let tiny = Tiny {
            dtype,
            ..Tiny::default()
        };
        let half = tiny.model();
        let mut rounded = tiny.tensors();
        for (_, values) in rounded.values_mut() {
            for v in values {
                *v = if dtype == "F16" {
                    half::f16::from_f32(*v).to_f32()
                } else {
                    half::bf16::from_f32(*v).to_f32()
                };
            }
        }
        let dir = Tiny::default().write();
        super::tiny::rewrite(dir.path(), &rounded);
        let full = Model::from_dir(dir.path()).expect("loads");
        let ids = prompt(12, 1);
        assert_eq!(
            forward(&half, &ids, &mut NoHook),
            forward(&full, &ids, &mut NoHook),
            "{dtype}"
        );
    }
}

#[test]
fn stop_ids_come_from_the_generation_configuration_first() {
    let dir = Tiny::default().write();
    assert_eq!(Model::from_dir(dir.path()).expect("loads").stop_ids(), [2]);
    let path = dir.path().join("generation_config.json");
    std::fs::write(&path, r#"{"eos_token_id": [5, 6]}"#).expect("written");
    assert_eq!(
        Model::from_dir(dir.path()).expect("loads").stop_ids(),
        [5, 6]
    );
    std::fs::write(&path, r#"{"do_sample": false}"#).expect("written");
    assert_eq!(Model::from_dir(dir.path()).expect("loads").stop_ids(), [2]);
}

#[test]
fn parameters_are_counted_as_the_files_hold_them() {
    for (tied, bias) in [(true, false), (false, true)] {
        let tiny = Tiny::default()
            .with("tie_word_embeddings", json!(tied))
            .with("attention_bias", json!(bias))
            .with("mlp_bias", json!(bias));
        let want: usize = tiny.tensors().values().map(|t| t.1.len()).sum();
        assert_eq!(tiny.model().parameters(), want);
    }
}

#[test]
fn random_model_is_the_same_for_the_same_seed() {
    let config = Config::from_json(Tiny::default().config.to_string().as_bytes(), "test")
        .expect("a configuration");
    let words = TextTokenizer::from_bytes(tokenizer(97).as_bytes(), "test").expect("a tokenizer");
    let model = |seed| Model::random(config.clone(), words.clone(), seed).expect("a model");
    let run = |m: &Model| forward(m, &prompt(5, 0), &mut NoHook);
    assert_eq!(run(&model(3)), run(&model(3)));
    assert_ne!(run(&model(3)), run(&model(4)));
    assert_eq!(model(3).hash(), model(3).hash());
    assert_ne!(model(3).hash(), model(4).hash());
}
