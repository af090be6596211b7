//! Corpora, responses, refusals, and a row for each position.

use steerscope::engine::{
    Cancel, Generation, Hook, Keep, KvCache, Model, NoHook, Part, SamplerSettings,
};
use steerscope::steering::{
    Extraction, Method, Persona, Phase, PositionRead, PositionRows, Responding, Source,
    SteeringVector, Texts, extract, extract_positions, meta,
};
use steerscope::units::BlockIndex;

use super::{cosine, made, norm, pairs};
use crate::measure::support::tiny;

fn texts(name: &str, texts: &[&str]) -> Texts {
    Texts {
        name: name.to_owned(),
        texts: texts.iter().map(|t| (*t).to_owned()).collect(),
    }
}

fn happy() -> Texts {
    texts(
        "happy",
        &[
            "Tom was happy.",
            "The sun is out and we sing.",
            "She laughed.",
            "We won!",
            "Joy.",
        ],
    )
}

fn sad() -> Texts {
    texts(
        "sad",
        &[
            "Tom was sad and cried.",
            "It rains.",
            "She fell down.",
            "We lost.",
            "Pain.",
        ],
    )
}

/// Rows after the last block of a token sequence.
fn rows(model: &Model, ids: &[u32]) -> Vec<Vec<f32>> {
    let part = [Part { sequence: 0, ids }];
    let never = Cancel::never();
    let mut cache = KvCache::new(model, 1);
    let rows = model
        .extend(&mut cache, &part, Keep::All, &mut NoHook, &never)
        .unwrap();
    rows.as_slice()
        .chunks_exact(model.hidden_size())
        .map(<[f32]>::to_vec)
        .collect()
}

fn minus(a: &[f32], b: &[f32]) -> Vec<f32> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

fn mean(rows: &[Vec<f32>]) -> Vec<f32> {
    let n = rows.len() as f32;
    (0..rows[0].len())
        .map(|j| rows.iter().map(|r| r[j]).sum::<f32>() / n)
        .collect()
}

fn near(a: &[f32], b: &[f32]) -> bool {
    a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5)
}

#[test]
fn corpora_are_read_at_the_last_token_of_each_document() {
    let model = tiny();
    let side = |texts: &Texts| {
        let last = |t: &String| {
            rows(&model, &model.tokenizer().encode(t).unwrap())
                .pop()
                .unwrap()
        };
        mean(&texts.texts.iter().map(last).collect::<Vec<_>>())
    };
    let mut more = happy();
    more.texts.push("One more of them.".to_owned());
    let got = made(
        &model,
        Method::CorpusMean,
        Source::Corpora(more.clone(), sad()),
    );
    assert_eq!((got.texts, got.read.as_str()), ([6, 5], "last"));
    let want = minus(&side(&more), &side(&sad()));
    assert!(near(got.vector.direction(BlockIndex(3)).unwrap(), &want));
    assert_eq!(got.vector.metadata[meta::N_POS], "6");
    assert_eq!(got.vector.metadata[meta::UNIT], "raw_difference");
    let swapped = made(&model, Method::CorpusMean, Source::Corpora(sad(), more));
    assert_eq!(swapped.vector.directions, got.vector.reversed().directions);
}

#[test]
fn all_tokens_of_all_texts_count_alike() {
    let model = tiny();
    let side = |texts: &Texts| {
        let all = texts.texts.iter().flat_map(|t| {
            rows(&model, &model.tokenizer().encode(t).unwrap())
                .into_iter()
                .skip(1)
        });
        mean(&all.collect::<Vec<_>>())
    };
    let want = minus(&side(&happy()), &side(&sad()));
    let got = made(
        &model,
        Method::DiffmeanTokens,
        Source::Corpora(happy(), sad()),
    );
    let v = got.vector.direction(BlockIndex(3)).unwrap();
    assert!((norm(v) - 1.0).abs() < 1e-6 && cosine(v, &want) > 1.0 - 1e-6);
    assert!((got.blocks[3].mean_norm - norm(&want)).abs() < 1e-4);
    let how = Extraction {
        read: Some(PositionRead::All),
        ..Extraction::new(Method::CorpusMean)
    };
    let source = Source::Corpora(happy(), sad());
    let never = Cancel::never();
    let raw = extract(&model, "v", "t", source, &how, &mut |_, _, _| {}, &never).unwrap();
    assert!(near(raw.vector.direction(BlockIndex(3)).unwrap(), &want));
    // Pairs are two sides too.
    let of_pairs = made(&model, Method::DiffmeanTokens, Source::Pairs(pairs(&model)));
    assert_eq!(of_pairs.texts, [5, 5]);
}

#[test]
fn long_texts_are_cut_and_counted() {
    let model = tiny();
    let how = Extraction {
        truncate: 4,
        ..Extraction::new(Method::CorpusMean)
    };
    let never = Cancel::never();
    let source = Source::Corpora(happy(), sad());
    let got = extract(&model, "v", "t", source, &how, &mut |_, _, _| {}, &never).unwrap();
    let cut: usize = got.vector.metadata["texts_truncated"].parse().unwrap();
    let long = |t: &&String| model.tokenizer().encode(t).unwrap().len() > 4;
    let both = [happy().texts, sad().texts].concat();
    assert_eq!(cut, both.iter().filter(long).count());
}

#[test]
fn responses_are_those_that_generating_gives_and_are_read_as_a_whole() {
    let model = tiny();
    let persona = Persona {
        positive: "You are kind.".to_owned(),
        negative: "You are cruel.".to_owned(),
        prompts: texts("prompts", &["Tom fell.", "A dog came by and"]),
    };
    let how = Extraction {
        responding: Responding {
            max_tokens: 6,
            ..Responding::default()
        },
        ..Extraction::new(Method::PersonaMean)
    };
    let never = Cancel::never();
    let source = Source::Persona(persona.clone());
    let got = extract(&model, "v", "t", source, &how, &mut |_, _, _| {}, &never).unwrap();
    assert!(got.vector.metadata["filter"].contains("unfiltered"));
    assert_eq!(got.responses.len(), 2);
    let mut sides = [Vec::new(), Vec::new()];
    for (i, prompt) in persona.prompts.texts.iter().enumerate() {
        for (side, system) in [&persona.positive, &persona.negative]
            .into_iter()
            .enumerate()
        {
            let ids = model
                .tokenizer()
                .encode(&format!("{system}\n\n{prompt}"))
                .unwrap();
            let settings = SamplerSettings::default();
            let stop = model.chat_stop_ids();
            let hook: Box<dyn Hook + Send> = Box::new(NoHook);
            let mut generation =
                Generation::start(model.clone(), ids.clone(), 1, &settings, stop, hook)
                    .unwrap()
                    .limit(6);
            let mut said = Vec::new();
            while !generation.is_finished() {
                said.extend(
                    generation
                        .step(&never)
                        .unwrap()
                        .into_iter()
                        .filter_map(|s| s.token),
                );
            }
            assert_eq!(
                got.responses[i][side],
                model.tokenizer().decode(&said).unwrap()
            );
            let whole = rows(&model, &[ids.clone(), said].concat());
            sides[side].push(mean(&whole[ids.len()..]));
        }
    }
    let want = minus(&mean(&sides[0]), &mean(&sides[1]));
    assert!(near(got.vector.direction(BlockIndex(3)).unwrap(), &want));
    // Without a response there is nothing to generate.
    let prompt_last = Extraction {
        read: Some(PositionRead::PromptLast),
        ..Extraction::new(Method::PersonaMean)
    };
    let source = Source::Persona(persona.clone());
    let got = extract(
        &model,
        "v",
        "t",
        source,
        &prompt_last,
        &mut |_, _, _| {},
        &never,
    )
    .unwrap();
    assert!(got.responses.is_empty() && got.read == "prompt_last");
    let elsewhere = Extraction {
        read: Some(PositionRead::Phase(Phase::System)),
        ..Extraction::new(Method::PersonaMean)
    };
    let source = Source::Persona(persona);
    let refused = extract(
        &model,
        "v",
        "t",
        source,
        &elsewhere,
        &mut |_, _, _| {},
        &never,
    );
    assert_eq!(refused.unwrap_err().id(), "method-source");
}

#[test]
fn drawn_responses_repeat_with_their_seed() {
    let model = tiny();
    let run = |seed| {
        let persona = Persona {
            positive: "You are kind.".to_owned(),
            negative: "You are cruel.".to_owned(),
            prompts: texts("prompts", &["Tom fell.", "A dog"]),
        };
        let how = Extraction {
            responding: Responding {
                max_tokens: 8,
                temperature: 1.0,
                seed,
            },
            ..Extraction::new(Method::PersonaMean)
        };
        let never = Cancel::never();
        let source = Source::Persona(persona);
        extract(&model, "v", "t", source, &how, &mut |_, _, _| {}, &never)
            .unwrap()
            .responses
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn a_refusal_vector_names_the_position_and_block_it_chose() {
    let model = tiny();
    let got = made(&model, Method::RefusalMean, Source::Corpora(happy(), sad()));
    // Two of five prompts of each side choose.
    assert_eq!((got.texts, got.read.as_str()), ([3, 3], "last"));
    let chosen: usize = got.vector.metadata["chosen_block"].parse().unwrap();
    assert_eq!(got.vector.recommended_block(), Some(BlockIndex(chosen)));
    assert!(chosen < 4 && got.vector.metadata.contains_key("chosen_score"));
    let few = texts("few", &["a", "b", "c"]);
    let how = Extraction::new(Method::RefusalMean);
    let never = Cancel::never();
    let source = Source::Corpora(few, sad());
    let refused = extract(&model, "v", "t", source, &how, &mut |_, _, _| {}, &never);
    assert_eq!(refused.unwrap_err().id(), "no-texts");
}

#[test]
fn methods_refuse_what_they_are_not_made_from() {
    let model = tiny();
    let persona = || Source::Persona(Persona::default());
    let corpora = || Source::Corpora(happy(), sad());
    let set = || Source::Pairs(pairs(&model));
    let cases = [
        (Method::Mean, corpora()),
        (Method::Pca, persona()),
        (Method::CorpusMean, set()),
        (Method::RefusalMean, persona()),
        (Method::PersonaMean, set()),
        (Method::DiffmeanTokens, persona()),
        (Method::ActAdd, set()),
    ];
    for (method, source) in cases {
        let how = Extraction::new(method);
        let never = Cancel::never();
        let refused = extract(&model, "v", "t", source, &how, &mut |_, _, _| {}, &never);
        let refused = refused.unwrap_err();
        assert_eq!(refused.id(), "method-source", "{method}: {refused}");
        assert!(refused.to_string().contains(method.name()));
    }
}

#[test]
fn a_row_for_each_position_is_added_there_and_nowhere_else() {
    let model = tiny();
    let never = Cancel::never();
    let rows_of =
        |p: &str, n: &str| extract_positions(&model, "v", "tiny", [p, n], &never).unwrap();
    let (love, hate) = ("I love talking about weddings", "I hate");
    let got = rows_of(love, hate);
    let long = model.tokenizer().encode(love).unwrap();
    assert_eq!(got.positions(), long.len());
    let mut short = model.tokenizer().encode(hate).unwrap();
    let space = *model
        .tokenizer()
        .encode_verbatim(" ")
        .unwrap()
        .last()
        .unwrap();
    short.resize(long.len(), space);
    let (up, down) = (rows(&model, &long), rows(&model, &short));
    for (t, row) in got.rows[&3].chunks_exact(48).enumerate() {
        assert!(near(row, &minus(&up[t], &down[t])), "position {t}");
    }
    // The same tokens stand at the beginning of both.
    assert_eq!(got.norms(BlockIndex(2))[0], 0.0);
    let swapped = rows_of(hate, love);
    let negated: Vec<f32> = got.rows[&1].iter().map(|x| -x).collect();
    assert_eq!(swapped.rows[&1], negated);

    let bytes = got.to_bytes();
    let back = PositionRows::from_bytes("v", &bytes).unwrap();
    assert_eq!(
        (&back.rows, back.width, back.to_bytes()),
        (&got.rows, 48, bytes.clone())
    );
    let refused = SteeringVector::from_bytes("v", &bytes).unwrap_err();
    assert_eq!(refused.id(), "operator-unsupported");
    for end in 0..bytes.len() {
        assert!(PositionRows::from_bytes("v", &bytes[..end]).is_err());
    }

    let mut hook = back.hook(BlockIndex(3), 0.5, 1, long.len()).unwrap();
    let prompt = model
        .tokenizer()
        .encode("Once upon a time there was a little girl who")
        .unwrap();
    assert!(prompt.len() > long.len());
    let mut cache = KvCache::new(&model, 2);
    let parts = [0, 1].map(|sequence| Part {
        sequence,
        ids: &prompt,
    });
    let all = model
        .extend(&mut cache, &parts, Keep::All, &mut hook, &never)
        .unwrap();
    for t in 0..prompt.len() {
        let (plain, steered) = (all.row(t).unwrap(), all.row(prompt.len() + t).unwrap());
        let added = got.rows[&3].get(t * 48..(t + 1) * 48);
        let want: Vec<f32> = match added {
            Some(v) => plain.iter().zip(v).map(|(h, v)| h + 0.5 * v).collect(),
            None => plain.to_vec(),
        };
        assert_eq!(steered, want, "position {t}");
    }
    assert_eq!(
        back.hook(BlockIndex(9), 1.0, 0, 3).unwrap_err().id(),
        "layer-missing"
    );
    let same = extract_positions(&model, "v", "tiny", ["a", "a"], &never).unwrap_err();
    assert_eq!(same.id(), "no-difference");
}
