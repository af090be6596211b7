//! Models with and without a chat template, from the directory to the generated text.

use std::cell::RefCell;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use steerscope::engine::{Cancel, Model, TextTokenizer};
use steerscope::protocol::{ChatFormat, Event, GenerateRequest, Sampling};
use steerscope::units::{Lane, RunId};
use steerscope::worker::generate_to_end;
use tempfile::TempDir;

use super::dir;
use crate::engine::tiny::Tiny;

/// A random model with the tokenizer of the other tests and these further files.
pub(crate) fn with_files(files: &[(&str, &str)]) -> TempDir {
    let tokenizer = dir().join("tokenizer.json");
    let size = TextTokenizer::from_file(&tokenizer).unwrap().vocab_size();
    let made = Tiny::default().with("vocab_size", json!(size)).write();
    fs::copy(tokenizer, made.path().join("tokenizer.json")).unwrap();
    for (name, text) in files {
        fs::write(made.path().join(name), text).unwrap();
    }
    made
}

pub(crate) const SETTINGS: &str =
    r#"{"bos_token": "<|begin_of_text|>", "eos_token": {"content": "<|eot_id|>"}}"#;

/// A model with Llama 3's template.
pub(crate) fn llama_3() -> TempDir {
    let template = fs::read_to_string(dir().join("llama-3.jinja")).unwrap();
    with_files(&[
        ("chat_template.jinja", &template),
        ("tokenizer_config.json", SETTINGS),
    ])
}

fn open(path: &Path) -> Arc<Model> {
    Arc::new(Model::open(path).unwrap())
}

fn generated(model: &Arc<Model>, prompt: &str, chat: Option<ChatFormat>) -> (usize, String) {
    let request = GenerateRequest {
        run: RunId(1),
        prompt: prompt.to_owned(),
        chat,
        steering: None,
        reference: steerscope::protocol::Reference::Unsteered,
        sampling: Sampling {
            max_tokens: 6,
            ..Sampling::default()
        },
    };
    let seen = RefCell::new((0, String::new()));
    generate_to_end(
        model,
        request,
        None,
        Cancel::never(),
        &|event| match event {
            Event::GenerationStarted { prompt_tokens, .. } => seen.borrow_mut().0 = prompt_tokens,
            Event::Tokens {
                lane: Lane::Baseline,
                tokens,
                ..
            } => {
                seen.borrow_mut()
                    .1
                    .extend(tokens.into_iter().map(|t| t.text));
            }
            _ => {}
        },
    )
    .unwrap();
    seen.into_inner()
}

#[test]
fn a_prompt_in_the_chat_format_is_the_rendered_text_without_a_second_bos() {
    let made = llama_3();
    let model = open(made.path());
    assert!(model.chat().is_some() && model.chat_error().is_none());
    let prompt = model.chat_prompt(Some("Be kind."), "Hello").unwrap();
    assert!(!prompt.system_in_user);
    assert!(
        prompt
            .text
            .starts_with("<|begin_of_text|><|start_header_id|>system<|end_header_id|>")
    );
    assert!(
        prompt
            .text
            .ends_with("<|start_header_id|>assistant<|end_header_id|>\n\n")
    );
    let system = Some("Be kind.".to_owned());
    let chat = generated(&model, "Hello", Some(ChatFormat { system }));
    assert_eq!(chat.0, prompt.ids.len());
    // The rendered text as a plain prompt is the same input, so the answer is the same.
    assert_eq!(chat, generated(&model, &prompt.text, None));
    assert_ne!(chat, generated(&model, "Hello", None));
}

#[test]
fn an_answer_also_ends_with_the_templates_end_of_text() {
    let made = llama_3();
    let model = open(made.path());
    let end = model.tokenizer().token_id("<|eot_id|>").unwrap();
    assert!(!model.stop_ids().contains(&end));
    assert!(model.chat_stop_ids().contains(&end));
}

#[test]
fn a_base_model_has_no_chat_format() {
    let made = with_files(&[("tokenizer_config.json", SETTINGS)]);
    let model = open(made.path());
    assert!(model.chat().is_none() && model.chat_error().is_none());
    assert_eq!(
        model.chat_prompt(None, "x").unwrap_err().id(),
        "chat-template-missing"
    );
    assert!(Model::bundled().unwrap().chat_error().is_none());
}

#[test]
fn a_damaged_template_does_not_keep_the_model_from_loading() {
    let made = with_files(&[("chat_template.jinja", "{% if %}")]);
    let model = open(made.path());
    assert!(model.chat().is_none());
    assert_eq!(model.chat_error().unwrap().id(), "chat-template-syntax");
    assert_eq!(
        model.chat_prompt(None, "x").unwrap_err().id(),
        "chat-template-syntax"
    );
}
