//! Against transformers on weights nobody here trained.

use steerscope::engine::{Cancel, Rows};
use steerscope::engine::{Generation, NoHook, SamplerSettings};

use super::support::{assert_close, floats, forward, ids, json, stories};

#[test]
fn probe_logits_and_token_ids_equal_the_reference() {
    let (Some(model), Some(reference)) = (stories(), json("oracle/stories260K/reference.json"))
    else {
        return;
    };
    let probes = reference["probes"].as_array().expect("probes");
    assert!(!probes.is_empty());
    for probe in probes {
        let text = probe["text"].as_str().expect("text");
        let tokens = model.tokenizer().encode(text).expect("encodes");
        assert_eq!(tokens, ids(&probe["ids"]), "{text}");
        let rows = forward(&model, &tokens, &mut NoHook);
        let last = Rows::from_vec(
            rows.row(rows.n() - 1).expect("a row").to_vec(),
            rows.width(),
        )
        .expect("rows");
        let logits = model.logits(&last).expect("logits");
        assert_close(&logits, &floats(&probe["last_logits"]), 1e-3, text);
    }
}

#[test]
fn greedy_text_from_bos_equals_the_reference() {
    let (Some(model), Some(reference)) = (stories(), json("oracle/stories260K/reference.json"))
    else {
        return;
    };
    let want = ids(&reference["greedy_from_bos"]["ids"]);
    let settings = SamplerSettings::default();
    let mut run = Generation::start(
        model.clone(),
        vec![want[0]],
        1,
        &settings,
        Vec::new(),
        Box::new(NoHook),
    )
    .expect("starts");
    let mut got = vec![want[0]];
    while got.len() < want.len() {
        got.extend(
            run.step(&Cancel::never())
                .expect("a step")
                .iter()
                .filter_map(|s| s.token),
        );
    }
    assert_eq!(got, want);
}
