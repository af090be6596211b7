//! Published templates against the text that the transformers library makes of them
//! (`tests/data/chat/make_chat.py`).

use std::collections::BTreeMap;
use std::fs;

use serde::Deserialize;
use steerscope::chat::{ChatError, ChatTemplate, Message, Options, Specials};

use super::{dir, json};

#[derive(Deserialize)]
struct Source {
    specials: BTreeMap<String, String>,
}

/// One rendering; exactly one of the last three is there.
#[derive(Debug, Deserialize)]
struct Case {
    conversation: String,
    generation: bool,
    variables: BTreeMap<String, serde_json::Value>,
    text: Option<String>,
    refuses: Option<String>,
    fails: Option<String>,
}

/// The template of a name and the cases made with it.
fn template(name: &str, source: &Source) -> Result<(ChatTemplate, Vec<Case>), ChatError> {
    let text = fs::read_to_string(dir().join(format!("{name}.jinja"))).unwrap();
    let specials = source
        .specials
        .iter()
        .map(|(k, v)| (k.as_str(), v.as_str()));
    let template = ChatTemplate::new(&text, name, Specials::new(specials))?;
    Ok((template, json(&dir().join(format!("expected/{name}.json")))))
}

fn fault(case: &Case, got: Result<String, ChatError>) -> Option<String> {
    match (case, got) {
        (
            Case {
                text: Some(want), ..
            },
            Ok(got),
        ) if *want == got => None,
        (
            Case {
                refuses: Some(want),
                ..
            },
            Err(ChatError::Refused { message }),
        ) if *want == message => None,
        (Case { fails: Some(_), .. }, Err(ChatError::Failed { .. })) => None,
        (case, got) => Some(format!("{case:?}\n     got {got:?}")),
    }
}

#[test]
fn published_templates_render_as_transformers_renders_them() {
    let sources: BTreeMap<String, Source> = json(&dir().join("sources.json"));
    let conversations: BTreeMap<String, Vec<Message>> = json(&dir().join("conversations.json"));
    let (mut faults, mut compared) = (Vec::new(), 0);
    for (name, source) in &sources {
        let (template, cases) = match template(name, source) {
            Ok(made) => made,
            Err(error) => {
                faults.push(format!("{name}: {error}"));
                continue;
            }
        };
        for case in cases {
            let options = Options {
                add_generation_prompt: case.generation,
                variables: case.variables.clone(),
                now: Some(jiff::civil::date(2024, 7, 26).at(9, 5, 3, 0)),
            };
            let got = template.render(&conversations[&case.conversation], &options);
            compared += 1;
            faults.extend(fault(&case, got).map(|f| format!("{name}: {f}")));
        }
    }
    let count = faults.len();
    assert!(
        faults.is_empty(),
        "{count} of {compared}:\n{}",
        faults.join("\n")
    );
    assert!(
        sources.len() >= 10 && compared >= 300,
        "only {compared} compared"
    );
}
