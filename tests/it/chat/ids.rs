//! Token ids of rendered conversations against transformers' `apply_chat_template(tokenize=True)`.

use std::collections::BTreeMap;
use std::fs;

use serde::Deserialize;
use steerscope::chat::{ChatTemplate, Message, Options, Specials};
use steerscope::engine::TextTokenizer;

use super::{dir, json};

#[derive(Deserialize)]
struct Case {
    template: String,
    eos_token: String,
    conversation: String,
    ids: Vec<u32>,
}

const BOS: &str = "<|begin_of_text|>";

fn tokenizer() -> TextTokenizer {
    TextTokenizer::from_file(&dir().join("tokenizer.json")).unwrap()
}

#[test]
fn rendered_conversations_have_the_ids_of_transformers() {
    let tokenizer = tokenizer();
    let conversations: BTreeMap<String, Vec<Message>> = json(&dir().join("conversations.json"));
    let cases: Vec<Case> = json(&dir().join("expected/ids.json"));
    assert!(cases.len() >= 18);
    let bos = tokenizer.token_id(BOS).unwrap();
    for case in cases {
        let source = fs::read_to_string(dir().join(format!("{}.jinja", case.template))).unwrap();
        let specials = Specials::new([("bos_token", BOS), ("eos_token", case.eos_token.as_str())]);
        let template = ChatTemplate::new(&source, &case.template, specials).unwrap();
        let options = Options {
            add_generation_prompt: true,
            ..Options::default()
        };
        let text = template
            .render(&conversations[&case.conversation], &options)
            .unwrap();
        let ids = tokenizer.encode_verbatim(&text).unwrap();
        assert_eq!(ids, case.ids, "{} {}", case.template, case.conversation);
        let encoded = tokenizer.encode(&text).unwrap();
        if text.starts_with(BOS) {
            // Put in by hand, the same text gets no second one either.
            assert_eq!(encoded, ids);
            assert_eq!(ids.iter().filter(|id| **id == bos).count(), 1);
        } else {
            assert_eq!(encoded, [&[bos], ids.as_slice()].concat());
        }
    }
}

#[test]
fn what_a_text_spells_out_twice_stays_twice() {
    let tokenizer = tokenizer();
    let bos = tokenizer.token_id(BOS).unwrap();
    let starts = |text: &str| {
        let ids = tokenizer.encode(text).unwrap();
        ids.iter().take_while(|id| **id == bos).count()
    };
    assert_eq!(starts("plain"), 1);
    assert_eq!(starts(""), 1);
    assert_eq!(starts(BOS), 1);
    assert_eq!(starts(&format!("{BOS}text")), 1);
    assert_eq!(starts(&format!("{BOS}{BOS}text")), 2);
}
