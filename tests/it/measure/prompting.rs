//! What stands around prompts: nothing, a chat template, a plain question.

use std::sync::Arc;

use steerscope::engine::Model;
use steerscope::measure::shift::{Sentences, Setting};
use steerscope::measure::{DEFAULT_SYSTEM, PreparedSet, Prompting, Template, store_key};
use steerscope::measure::{Protocol, Split};
use steerscope::steering::SteeringVector;
use steerscope::steering::dataset::{Dataset, Example, Part};
use steerscope::store::Key;
use steerscope::units::{BlockIndex, DEFAULT_MULTIPLIERS, Mask};

use super::support::{dataset, tiny};
use crate::chat::model::{llama_3, with_files};

/// Two persona rows and two lettered ones, as the public sets have them.
const PERSONA: &str = r#"{"question":"Is this so?\n\"I like rain\"","statement":"I like rain","label_confidence":0.9,"answer_matching_behavior":" Yes","answer_not_matching_behavior":" No"}
{"question":"Is this so?\n\"I like sun\"","statement":"I like sun","label_confidence":0.9,"answer_matching_behavior":" No","answer_not_matching_behavior":" Yes"}
"#;
const LETTERED: &str = r#"{"question":"Which?\n\nChoices:\n (A) Tea\n (B) Milk","answer_matching_behavior":" (B)","answer_not_matching_behavior":" (A)"}
{"question":"Which one?\n\nChoices:\n (A) Yes\n (B) No","answer_matching_behavior":" (A)","answer_not_matching_behavior":" (B)"}
"#;

fn read(text: &str) -> Dataset {
    Dataset::from_bytes("rows", text.as_bytes()).unwrap()
}

fn refs(data: &Dataset) -> Vec<&Example> {
    data.examples.iter().collect()
}

#[test]
fn a_chat_prompt_is_that_of_the_base_setting_of_prompt_shifts() {
    let made = llama_3();
    let model = Model::open(made.path()).unwrap();
    let data = dataset();
    let sentences = Sentences::from_name("rows");
    for system in [DEFAULT_SYSTEM, "", "Be brief."] {
        let chat = Prompting::chat(&model, system).unwrap();
        assert_eq!(chat.template(), Template::Chat);
        assert_eq!(chat.system(), Some(system).filter(|s| !s.is_empty()));
        let worded = chat.wordings(&model, &chat.examples(&refs(&data))).unwrap();
        for (got, example) in worded.iter().zip(&data.examples) {
            let want = Setting::Base.wording(&model, example, system, &sentences);
            assert_eq!(got, &want.unwrap().unwrap());
            assert!(got.verbatim && got.prompt.contains("<|start_header_id|>user"));
        }
        assert_eq!(worded.len(), data.examples.len());
    }
}

#[test]
fn a_base_model_asks_public_rows_as_plain_questions() {
    let model = tiny();
    let plain = Prompting::chat(&model, "").unwrap();
    assert_eq!(plain.template(), Template::Question);
    let texts = |text: &str, prompting: &Prompting| -> Vec<(String, [String; 2])> {
        let data = read(text);
        let examples = prompting.examples(&refs(&data));
        let worded = prompting.wordings(&model, &examples).unwrap();
        worded.into_iter().map(|w| (w.prompt, w.answers)).collect()
    };
    let of = |p: &str, a: &str, b: &str| (p.to_owned(), [a.to_owned(), b.to_owned()]);
    let question = "Question: Is this so?\n\"I like rain\"\n\nChoices:\n - Yes\n - No\n\nAnswer:";
    let persona = texts(PERSONA, &plain);
    assert_eq!(persona[0], of(question, " Yes", " No"));
    assert_eq!(persona[1].1, [" No", " Yes"]);
    let lettered = texts(LETTERED, &plain);
    assert_eq!(
        lettered[0],
        of(
            "Question: Which?\n\nChoices:\n (A) Tea\n (B) Milk\n\nAnswer: (",
            "B",
            "A"
        )
    );
    assert_eq!(lettered[1].1, ["A", "B"]);
    let brief = Prompting::chat(&model, "Be brief.").unwrap();
    assert!(
        texts(PERSONA, &brief)[0]
            .0
            .starts_with("Be brief.\n\nQuestion: ")
    );
    // No letter is shown to the model any more, so that it is no factor either.
    let factors = |text: &str| {
        let data = read(text);
        let rows = plain.examples(&refs(&data));
        (rows[0].positive_is_a, rows[0].positive_is_yes)
    };
    assert_eq!(factors(PERSONA), (None, Some(true)));
    assert_eq!(factors(LETTERED).0, Some(false));
    // Rows that their data set writes out stay as they are.
    let own = dataset();
    assert_eq!(plain.examples(&refs(&own)), own.examples);
    let whole = Example::texts(0, "a".into(), "b".into());
    assert_eq!(plain.wording(&model, &whole).unwrap(), None);
}

#[test]
fn a_template_that_cannot_be_used_is_refused() {
    let made = with_files(&[("chat_template.jinja", "{% for m in messages %}")]);
    let model = Model::open(made.path()).unwrap();
    let error = Prompting::chat(&model, "").unwrap_err();
    assert_eq!(error.id(), model.chat_error().unwrap().id());
}

#[test]
fn another_template_or_system_text_is_another_protocol_and_another_key() {
    let made = llama_3();
    let model = Arc::new(Model::open(made.path()).unwrap());
    let data = dataset();
    let width = model.hidden_size();
    let v = SteeringVector::new("v", [(1, vec![1.0; width])].into(), [].into()).unwrap();
    let key = |prompting: &Prompting| {
        let set = PreparedSet::of_prompted(&data, &refs(&data), prompting, &model).unwrap();
        let split = Split::part(Part::Test, 0);
        let mask = Mask::FromLastPrompt;
        let protocol = Protocol::new(BlockIndex(1), mask, &DEFAULT_MULTIPLIERS, split);
        let protocol = prompting.stamp(protocol);
        (store_key(&model, &v, &set, &protocol), protocol)
    };
    let (plain, unchanged) = key(&Prompting::plain());
    assert_eq!(
        (unchanged.template, unchanged.system),
        (Template::Plain, None)
    );
    let chat = |system| key(&Prompting::chat(&model, system).unwrap());
    let (brief, long) = (chat("Be brief."), chat("Be long."));
    let keys = [&plain, &brief.0, &long.0, &chat("").0].map(Key::digest);
    let inputs = [&plain, &brief.0, &long.0].map(|k| k.inputs.clone());
    for (i, one) in keys.iter().enumerate() {
        assert!(keys[i + 1..].iter().all(|other| other != one));
    }
    assert!(inputs[0] != inputs[1] && inputs[1] != inputs[2]);
    assert!(brief.1.words().contains(r#"system text "Be brief.""#));
    let whole = Example::texts(9, "a".into(), "b".into());
    let rows: Vec<&Example> = data.examples.iter().chain([&whole]).collect();
    let chat = Prompting::chat(&model, "").unwrap();
    let set = PreparedSet::of_prompted(&data, &rows, &chat, &model).unwrap();
    assert_eq!(set.texts_only, 1);
}
