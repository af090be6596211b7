//! Where a template is looked for, and files with the wrong things in them.

use std::fs;

use serde_json::{Value, json};
use steerscope::chat::{ChatError, ChatTemplate, Message, Options};
use tempfile::TempDir;

fn dir(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

fn load(files: &[(&str, &str)]) -> Result<Option<ChatTemplate>, ChatError> {
    ChatTemplate::from_dir(dir(files).path())
}

/// What the template of these files makes of an empty conversation.
fn text(files: &[(&str, &str)]) -> String {
    let template = load(files).unwrap().expect("a template");
    template.render(&[], &Options::default()).unwrap()
}

#[test]
fn the_file_of_its_own_goes_before_json_and_settings() {
    let settings =
        json!({"chat_template": "settings {{ bos_token }}", "bos_token": "<b>"}).to_string();
    let other = json!({"chat_template": "other {{ bos_token }}"}).to_string();
    let all = [
        ("chat_template.jinja", "own {{ bos_token }}"),
        ("chat_template.json", other.as_str()),
        ("tokenizer_config.json", settings.as_str()),
    ];
    assert_eq!(text(&all), "own <b>");
    assert_eq!(text(&all[1..]), "other <b>");
    assert_eq!(text(&all[2..]), "settings <b>");
    assert_eq!(text(&all[..1]), "own ");
}

#[test]
fn a_model_without_a_template_has_none() {
    for files in [
        &[][..],
        &[("tokenizer_config.json", "{}")],
        &[(
            "tokenizer_config.json",
            r#"{"chat_template": null, "bos_token": null}"#,
        )],
        &[("tokenizer_config.json", r#"{"chat_template": ""}"#)],
    ] {
        assert_eq!(load(files), Ok(None));
    }
}

#[test]
fn of_several_templates_the_default_is_taken() {
    let named = |names: &[&str]| {
        let list: Vec<Value> = names
            .iter()
            .map(|n| json!({"name": n, "template": n}))
            .collect();
        json!({ "chat_template": list }).to_string()
    };
    let settings = named(&["tool_use", "default", "rag"]);
    assert_eq!(text(&[("tokenizer_config.json", &settings)]), "default");
    let error = load(&[("tokenizer_config.json", &named(&["tool_use", "rag"]))]).unwrap_err();
    assert!(error.to_string().contains("tool_use, rag"), "{error}");
}

#[test]
fn special_tokens_are_texts_or_objects() {
    let settings = json!({
        "chat_template": "{{ bos_token }}|{{ eos_token }}|{{ pad_token }}|{{ unk_token is defined }}",
        "bos_token": "<b>", "eos_token": {"content": "<e>", "lstrip": false}, "unk_token": null,
    });
    let map = json!({"bos_token": "<other>", "pad_token": {"content": "<p>"}}).to_string();
    let settings = settings.to_string();
    let files = [
        ("tokenizer_config.json", settings.as_str()),
        ("special_tokens_map.json", map.as_str()),
    ];
    assert_eq!(text(&files), "<b>|<e>|<p>|False");
}

#[test]
fn wrong_types_are_named_with_their_file() {
    for (settings, named) in [
        (r#"{"chat_template": 3}"#, "chat_template"),
        (r#"{"chat_template": {"default": "x"}}"#, "chat_template"),
        (r#"{"chat_template": [3]}"#, "chat_template"),
        (r#"{"chat_template": [{"name": "default"}]}"#, "template"),
        (r#"{"chat_template": []}"#, "default"),
        (r#"{"chat_template": "x", "bos_token": 3}"#, "bos_token"),
        (r#"{"chat_template": "x", "eos_token": ["a"]}"#, "eos_token"),
        (
            r#"{"chat_template": "x", "eos_token": {"content": 1}}"#,
            "eos_token",
        ),
        (r#"{"chat_template": "#, "JSON"),
        ("", "JSON"),
    ] {
        let error = load(&[("tokenizer_config.json", settings)]).unwrap_err();
        assert_eq!(error.id(), "chat-file-invalid", "{settings}");
        let said = error.to_string();
        assert!(
            said.contains("tokenizer_config.json") && said.contains(named),
            "{said}"
        );
    }
    let error = load(&[("chat_template.json", "[1, 2")]).unwrap_err();
    assert!(error.to_string().contains("chat_template.json"), "{error}");
    let error = load(&[("chat_template.jinja", "{% if %}")]).unwrap_err();
    assert_eq!(error.id(), "chat-template-syntax");
    assert!(error.to_string().contains("chat_template.jinja"), "{error}");
}

#[test]
fn a_file_that_is_no_text_is_unreadable() {
    let dir = dir(&[]);
    fs::write(dir.path().join("chat_template.jinja"), [0xff, 0xfe, 0x00]).unwrap();
    let error = ChatTemplate::from_dir(dir.path()).unwrap_err();
    assert_eq!(error.id(), "chat-file-unreadable");
    fs::remove_file(dir.path().join("chat_template.jinja")).unwrap();
    fs::create_dir(dir.path().join("chat_template.jinja")).unwrap();
    let error = ChatTemplate::from_dir(dir.path()).unwrap_err();
    assert_eq!(error.id(), "chat-file-unreadable");
}

#[test]
fn a_system_text_that_is_refused_or_left_out_goes_before_the_users() {
    let turn = |source: &str, system| {
        let template = load(&[("chat_template.jinja", source)]).unwrap().unwrap();
        let turn = template.turn(system, "Hi").unwrap();
        (turn.text, turn.system_in_user)
    };
    let all = "{% for m in messages %}[{{ m.role }}] {{ m.content }}{% endfor %}{% if add_generation_prompt %}>{% endif %}";
    let refuses = format!(
        "{{% if messages[0].role == 'system' %}}{{{{ raise_exception('no system') }}}}{{% endif %}}{all}"
    );
    let drops = all.replace(" %}[", " if m.role != 'system' %}[");
    assert_eq!(turn(all, None), ("[user] Hi>".into(), false));
    assert_eq!(
        turn(all, Some("Be.")),
        ("[system] Be.[user] Hi>".into(), false)
    );
    for source in [refuses, drops] {
        assert_eq!(turn(&source, None), ("[user] Hi>".into(), false));
        assert_eq!(
            turn(&source, Some("Be.")),
            ("[user] Be.\n\nHi>".into(), true)
        );
    }
    // What the template refuses without a system text as well stays refused.
    let template = load(&[("chat_template.jinja", "{{ raise_exception('never') }}")]);
    let template = template.unwrap().unwrap();
    assert_eq!(
        template.turn(Some("Be."), "Hi").unwrap_err().id(),
        "chat-refused"
    );
    let message = Message::new("user", "Hi");
    assert!(template.render(&[message], &Options::default()).is_err());
}
