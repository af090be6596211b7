//! `generate --chat`.

use serde_json::Value;

use super::{home, refusal, steerscope};
use crate::chat::model::{SETTINGS, llama_3, with_files};

const GEMMA: &str = "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}<|user|>{{ m.content }}{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}";

/// The JSON object on standard output, and standard error.
fn generate(model: &std::path::Path, more: &[&str]) -> (Value, String) {
    let home = home();
    let mut command = steerscope(&home);
    command.args([
        "generate",
        "--prompt",
        "Hello",
        "--max-tokens",
        "3",
        "--json",
        "--model",
    ]);
    let output = command.arg(model).args(more).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    (serde_json::from_slice(&output.stdout).unwrap(), said)
}

#[test]
fn the_prompt_becomes_a_users_turn_after_the_system_text() {
    let made = llama_3();
    let (value, said) = generate(made.path(), &["--chat", "--system", "Be kind."]);
    assert_eq!(said, "");
    assert_eq!(value["prompt"], "Hello");
    assert_eq!(
        value["chat"]["rendered"],
        "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe kind.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nHello<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"
    );
    let (plain, _) = generate(made.path(), &[]);
    assert!(plain["chat"].is_null());
    assert_ne!(plain["baseline"], value["baseline"]);
}

#[test]
fn a_model_without_a_template_gets_plain_text_and_a_remark_says_so() {
    let made = with_files(&[("tokenizer_config.json", SETTINGS)]);
    let (value, said) = generate(made.path(), &["--chat"]);
    assert!(
        said.starts_with("note: ") && said.contains("no chat template"),
        "{said}"
    );
    assert_eq!(value["prompt"], "Hello");
    assert!(value["chat"].is_null());
    assert_eq!(value["baseline"], generate(made.path(), &[]).0["baseline"]);
    let (value, _) = generate(made.path(), &["--chat", "--system", "Be kind."]);
    assert_eq!(value["prompt"], "Be kind.\n\nHello");
}

#[test]
fn a_refused_system_text_goes_into_the_users_turn_and_a_remark_says_so() {
    let made = with_files(&[("chat_template.jinja", GEMMA)]);
    let (value, said) = generate(made.path(), &["--chat", "--system", "Be kind."]);
    assert!(said.contains("takes no system text"), "{said}");
    assert_eq!(
        value["chat"]["rendered"],
        "<|user|>Be kind.\n\nHello<|assistant|>"
    );
    let (_, said) = generate(made.path(), &["--chat"]);
    assert_eq!(said, "");
}

#[test]
fn a_damaged_template_and_a_system_text_without_chat_are_refused() {
    let made = with_files(&[("chat_template.jinja", "\n{% if %}")]);
    let home = home();
    let mut command = steerscope(&home);
    command.args(["generate", "--prompt", "x", "--chat", "--model"]);
    let (code, said) = refusal(command.arg(made.path()));
    assert_eq!(code, 1);
    assert!(said.contains("chat_template.jinja, line 2"), "{said}");
    let (code, said) = refusal(steerscope(&home).args(["generate", "-p", "x", "--system", "y"]));
    assert_eq!(code, 2);
    assert!(said.contains("--chat"), "{said}");
}
