//! Which tokens are read.

use steerscope::engine::{Cancel, Keep, KvCache, Model, NoHook, Part};
use steerscope::steering::dataset::{Dataset, Example};
use steerscope::steering::{
    Method, PairRows, PairSet, Phase, PositionRead, Source, Wording, pair_activations,
};
use steerscope::units::BlockIndex;

use super::made;
use crate::measure::support::{dataset, tiny};

fn set(model: &Model, dataset: &Dataset, read: PositionRead) -> PairSet {
    let rows: Vec<&Example> = dataset.examples.iter().collect();
    PairSet::read_at(dataset, PairRows::Plain(&rows), read, model).expect("pairs")
}

/// Residual rows after the last block, one pass for one text.
fn rows(model: &Model, text: &str) -> Vec<Vec<f32>> {
    let ids = model.tokenizer().encode(text).unwrap();
    let part = [Part {
        sequence: 0,
        ids: &ids,
    }];
    let mut cache = KvCache::new(model, 1);
    let never = Cancel::never();
    let rows = model
        .extend(&mut cache, &part, Keep::All, &mut NoHook, &never)
        .unwrap();
    rows.as_slice()
        .chunks_exact(model.hidden_size())
        .map(<[f32]>::to_vec)
        .collect()
}

fn mean(rows: &[Vec<f32>]) -> Vec<f32> {
    let n = rows.len() as f32;
    (0..rows[0].len())
        .map(|j| rows.iter().map(|r| r[j]).sum::<f32>() / n)
        .collect()
}

#[test]
fn names_are_read_back() {
    for name in [
        "answer",
        "last",
        "all",
        "every",
        "prompt_last",
        "prompt",
        "system",
        "user",
        "assistant",
        "template",
        "-2",
        "3..7",
    ] {
        let read: PositionRead = name.parse().unwrap();
        assert_eq!(read.to_string(), name);
    }
    assert_eq!("-1".parse(), Ok(PositionRead::Last));
    for bad in ["", "-0", "-x", "7..3", "3..3", "..", "first"] {
        assert!(
            bad.parse::<PositionRead>().unwrap_err().contains(bad),
            "{bad}"
        );
    }
}

/// What is read of a text's rows and the length of its prompt.
type Of = fn(&[Vec<f32>], usize) -> Vec<f32>;

#[test]
fn every_kind_reads_the_rows_it_names() {
    let model = tiny();
    let dataset = dataset();
    let last = BlockIndex(3);
    let cases: [(PositionRead, Of); 8] = [
        (PositionRead::Last, |r, _| r[r.len() - 1].clone()),
        (PositionRead::FromEnd(2), |r, _| r[r.len() - 2].clone()),
        (PositionRead::All, |r, _| mean(&r[1..])),
        (PositionRead::Every, |r, _| mean(r)),
        (PositionRead::Range { from: 1, to: 3 }, |r, _| {
            mean(&r[1..3])
        }),
        (PositionRead::Phase(Phase::Assistant), |r, p| mean(&r[p..])),
        (PositionRead::PromptLast, |r, p| r[p - 1].clone()),
        (PositionRead::Prompt, |r, p| mean(&r[..p])),
    ];
    for (read, of) in cases {
        let set = set(&model, &dataset, read);
        assert_eq!(set.read, read);
        let never = Cancel::never();
        let got = pair_activations(&model, &set, last, &mut |_, _| {}, &never).unwrap();
        for (i, pair) in set.pairs.iter().enumerate() {
            let example = &dataset.examples[pair.row];
            let prompt = model
                .tokenizer()
                .encode(example.prompt_text().unwrap())
                .unwrap();
            for (text, got) in example
                .full_texts()
                .iter()
                .zip([&got.positive, &got.negative])
            {
                let want = of(&rows(&model, text), prompt.len());
                let got = &got[i * 48..][..48];
                let near = got.iter().zip(&want).all(|(a, b)| (a - b).abs() < 1e-5);
                assert!(near, "{read}, row {}", pair.row);
            }
        }
    }
}

#[test]
fn the_default_is_what_it_was() {
    let model = tiny();
    let dataset = dataset();
    let built = PairSet::build(&dataset, model.tokenizer(), 256).unwrap();
    assert_eq!(set(&model, &dataset, PositionRead::Answer), built);
}

#[test]
fn parts_of_a_conversation_do_not_overlap_and_cover_the_prompt() {
    let model = tiny();
    let dataset = dataset();
    let system = "Be kind.";
    let wordings: Vec<Wording> = (dataset.examples.iter())
        .map(|row| {
            let plain = Wording::of(row).unwrap();
            Wording {
                prompt: format!("<sys> {system} </sys>\n<user> {}\n<answer>", plain.prompt),
                verbatim: true,
                ..plain
            }
        })
        .collect();
    let of = |read| {
        let rows = PairRows::Worded {
            wordings: &wordings,
            system: Some(system),
        };
        PairSet::read_at(&dataset, rows, read, &model).expect("pairs")
    };
    let phases = [
        Phase::System,
        Phase::User,
        Phase::Template,
        Phase::Assistant,
    ];
    let sets = phases.map(|phase| of(PositionRead::Phase(phase)));
    for (i, wording) in wordings.iter().enumerate() {
        let text = &sets[3].pairs[i].positive;
        for position in 0..text.ids.len() {
            let reading = sets
                .iter()
                .filter(|s| s.pairs[i].positive.positions.contains(position));
            assert_eq!(reading.count(), 1, "row {i}, position {position}");
        }
        let words = |set: &PairSet| {
            let text = &set.pairs[i].positive;
            let ids: Vec<u32> = (0..text.ids.len())
                .filter(|p| text.positions.contains(*p))
                .map(|p| text.ids[p])
                .collect();
            model.tokenizer().decode(&ids).unwrap()
        };
        assert!(words(&sets[0]).contains("kind"), "{}", words(&sets[0]));
        let question = &wording.user;
        let start: String = question.chars().take(3).collect();
        assert!(
            words(&sets[1]).contains(start.trim()),
            "{}",
            words(&sets[1])
        );
    }
}

#[test]
fn rows_without_the_position_are_counted() {
    let model = tiny();
    let dataset = dataset();
    let rows: Vec<&Example> = dataset.examples.iter().collect();
    let far = PositionRead::Range { from: 10, to: 12 };
    let set = PairSet::read_at(&dataset, PairRows::Plain(&rows), far, &model).unwrap();
    assert!(set.rejected.total() > 0 && set.pairs.len() + set.rejected.total() == 5);
    let refused = PairSet::read_at(
        &dataset,
        PairRows::Plain(&rows),
        PositionRead::Phase(Phase::System),
        &model,
    );
    assert_eq!(refused.unwrap_err().id(), "no-pairs");
}

#[test]
fn any_position_makes_a_vector() {
    let model = tiny();
    let dataset = dataset();
    for read in [
        PositionRead::All,
        PositionRead::Last,
        PositionRead::Phase(Phase::Assistant),
    ] {
        let source = Source::Pairs(set(&model, &dataset, read));
        let got = made(&model, Method::Mean, source);
        assert_eq!(got.vector.metadata["positions_read"], read.to_string());
    }
}
