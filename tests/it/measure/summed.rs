//! Summed logits of whole answers against a computation from scratch, on the bundled model.

use std::sync::Arc;

use steerscope::engine::{Cancel, Keep, KvCache, Model, Part};
use steerscope::measure::{
    CacheOptions, PreparedInput, PreparedSet, PromptCache, Site, summed_propensity,
};
use steerscope::steering::dataset::Dataset;
use steerscope::steering::{LaneSteering, SteerHook};
use steerscope::units::{BlockIndex, DeviceChoice, Mask};

use super::support::{direction, tiny};
use crate::chat::model::llama_3;

const GRID: [f32; 3] = [-1.5, 0.0, 1.0];

/// Answers of one token, of a letter with its parentheses, and of several words of unequal length.
const ROWS: &str = r#"{"prompt":"Tom found a dog in the garden. Tom was very","positive":" happy","negative":" sad"}
{"prompt":"Would you say \"I like rain\"?\n(A) Yes\n(B) No\nAnswer:","positive":" (A)","negative":" (B)"}
{"prompt":"Would you say \"I like the sea\"?\n(A) No\n(B) Yes\nAnswer:","positive":" (B)","negative":" (A)"}
{"prompt":"The old house by the sea was","positive":" big.","negative":" sad."}
{"prompt":"She went home because she was","positive":" very happy to see the dog","negative":" tired"}
"#;

fn prepared(model: &Model) -> Arc<PreparedSet> {
    let data = Dataset::from_bytes("rows", ROWS.as_bytes()).unwrap();
    let most = model.config().max_positions;
    Arc::new(PreparedSet::build(&data, model.tokenizer(), most).unwrap())
}

/// Full logits `(tokens, vocabulary)` of a text from scratch, steered.
fn logits(model: &Model, ids: &[u32], site: &Site<'_>, prompt_len: usize, c: f32) -> Vec<f32> {
    let lane = LaneSteering::new(site.mask, prompt_len, c);
    let mut hook = SteerHook::new(site.block, site.edit, site.direction, vec![lane]);
    let mut cache = KvCache::new(model, 1);
    let part = Part { sequence: 0, ids };
    let rows = model.extend(&mut cache, &[part], Keep::All, &mut hook, &Cancel::never());
    model.logits(&rows.unwrap()).unwrap()
}

/// Every token from P on, the answer whole: text by text, straight from the definition.
fn from_scratch(model: &Model, input: &PreparedInput, site: &Site<'_>, c: f32) -> f32 {
    let vocab = model.config().vocab_size;
    let mut sums = [0.0, 0.0];
    for (text, sum) in sums.iter_mut().enumerate() {
        let prompt = model.tokenizer().encode(&input.prompt).unwrap();
        let answer = [&input.positive, &input.negative][text];
        let whole = model
            .tokenizer()
            .encode(&format!("{}{answer}", input.prompt));
        let whole = whole.unwrap();
        assert_eq!(prompt.len(), input.prompt_len);
        let logits = logits(model, &whole, site, input.prompt_len, c);
        for t in prompt.len()..whole.len() {
            *sum += logits[(t - 1) * vocab + whole[t] as usize];
        }
    }
    sums[0] - sums[1]
}

#[test]
fn the_sum_is_that_of_full_passes_over_prompt_and_answer() {
    let chat = llama_3();
    let tensors = Model::open_on(chat.path(), DeviceChoice::TensorCpu).unwrap();
    let bundled = Model::bundled().unwrap();
    for model in [Arc::new(bundled), tiny(), Arc::new(tensors)] {
        let set = prepared(&model);
        assert_eq!(set.inputs.len(), 5);
        let v = direction(model.hidden_size());
        for mask in Mask::ALL {
            for block in [0, model.n_blocks() / 2, model.n_blocks() - 1] {
                let site = Site {
                    edit: steerscope::units::Edit::ADD,
                    direction: &v,
                    block: BlockIndex(block),
                    mask,
                };
                for input in &set.inputs {
                    let got = summed_propensity(&model, input, &site, &GRID, &Cancel::never());
                    for (got, c) in got.unwrap().iter().zip(GRID) {
                        let want = from_scratch(&model, input, &site, c);
                        assert!(
                            (got - want).abs() < 1e-4 * (1.0 + want.abs()),
                            "{mask}, block {block}, row {}, c {c}: {got} {want}",
                            input.row
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn it_differs_from_the_answers_logits_by_the_closing_token() {
    let model = Arc::new(Model::bundled().unwrap());
    let set = prepared(&model);
    let v = direction(model.hidden_size());
    let site = Site {
        edit: steerscope::units::Edit::ADD,
        direction: &v,
        block: BlockIndex(2),
        mask: Mask::FromLastPrompt,
    };
    let (never, vocab) = (Cancel::never(), model.config().vocab_size);
    let mut cache = PromptCache::new(
        Arc::clone(&model),
        Arc::clone(&set),
        CacheOptions::default(),
    );
    let default = cache.evaluate(&site, &GRID, 0..5, &never).unwrap();
    // With one closing token after either answer, and with none.
    let (mut closed, mut bare) = (0, 0);
    for (input, default) in set.inputs.iter().zip(&default) {
        let summed = summed_propensity(&model, input, &site, &GRID, &never).unwrap();
        match [&input.tails[0][..], &input.tails[1][..]] {
            [[], []] => bare += 1,
            [[a], [b]] if a == b => closed += 1,
            _ => continue,
        }
        for ((summed, default), c) in summed.iter().zip(default).zip(GRID) {
            let closing: Vec<f32> = (input.answers.iter().zip(&input.tails))
                .map(|(answer, tail)| {
                    let ids = [&input.prefix[..], &[*answer]].concat();
                    let logits = logits(&model, &ids, &site, input.prompt_len, c);
                    let of = |close: &u32| logits[(ids.len() - 1) * vocab + *close as usize];
                    tail.iter().map(of).sum()
                })
                .collect();
            let difference = closing[0] - closing[1];
            assert!(
                (summed - default - difference).abs() < 1e-4,
                "row {}: {summed} {default} {difference}",
                input.row
            );
        }
    }
    assert!(closed > 0 && bare > 0, "{closed} {bare}");
}

#[test]
fn answers_beyond_the_context_are_left_out_and_wrong_sites_refused() {
    let model = tiny();
    let set = (*prepared(&model)).clone();
    let longest = |i: &PreparedInput| i.prefix.len() + 1 + i.tails[0].len().max(i.tails[1].len());
    let most = set.inputs.iter().map(longest).max().unwrap();
    assert_eq!(set.clone().summed(most).inputs.len(), 5);
    let fewer = set.clone().summed(most - 1);
    assert!(fewer.inputs.len() < 5 && fewer.rejected.total() == 5 - fewer.inputs.len());
    let v = direction(model.hidden_size());
    let site = |block, direction| Site {
        edit: steerscope::units::Edit::ADD,
        direction,
        block: BlockIndex(block),
        mask: Mask::All,
    };
    let refused = |site: Site<'_>, grid: &[f32]| {
        let got = summed_propensity(&model, &set.inputs[0], &site, grid, &Cancel::never());
        got.unwrap_err().id()
    };
    assert_eq!(refused(site(4, &v), &GRID), "layer-range");
    assert_eq!(refused(site(0, &v[1..]), &GRID), "hidden-size");
    assert_eq!(refused(site(0, &v), &[f32::NAN]), "multiplier-value");
    // Other closing tokens are another key, for summed logits only.
    let mut other = set.clone();
    other.inputs[1].tails[0].push(3);
    assert_eq!(other.hash(), set.hash());
    assert_ne!(other.hash_with_tails(), set.hash_with_tails());
}
