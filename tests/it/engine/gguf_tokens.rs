//! The tokenizer, the stop tokens and the chat template of a GGUF file.

use steerscope::engine::Model;

use super::gguf::open;
use super::gguf_file::{Gguf, Meta, convert, words};
use super::tiny::Tiny;

#[test]
fn tokenizer_beside_the_file_serves_where_the_file_has_none_of_a_known_kind() {
    let tiny = Tiny::default();
    let mut gguf = convert(&tiny.config, &tiny.tensors());
    // A folder for each: a file must not change while a model still reads it.
    let open = |gguf: &Gguf, beside: bool| {
        let dir = tempfile::tempdir().expect("a directory");
        if beside {
            let words = super::tiny::tokenizer(97);
            std::fs::write(dir.path().join("tokenizer.json"), words).expect("written");
        }
        Model::open(&gguf.write(dir.path()))
    };
    let refused = open(&gguf, false).expect_err("a refusal");
    assert_eq!(refused.id(), "tokenizer-invalid");
    assert!(
        refused.to_string().contains("tokenizer.json beside"),
        "{refused}"
    );
    let model = open(&gguf, true).expect("loads");
    assert_eq!(model.tokenizer().encode("w3 w5").expect("encodes"), [3, 5]);
    words(&mut gguf, 97);
    gguf.set("tokenizer.ggml.pre", "unheard-of");
    assert!(open(&gguf, false).is_err());
    assert!(open(&gguf, true).is_ok());
}

#[test]
fn byte_pairs_specials_and_stop_ids_come_from_the_metadata() {
    let tiny = Tiny::default();
    let mut gguf = convert(&tiny.config, &tiny.tensors());
    words(&mut gguf, 97);
    let mut tokens: Vec<String> = (0..97).map(|i| format!("<unused{i}>")).collect();
    for (id, token) in [
        "a",
        "b",
        "Ġ",
        "ab",
        "Ġab",
        "<|im_end|>",
        "<|begin|>",
        "1",
        "2",
        "12",
    ]
    .iter()
    .enumerate()
    {
        tokens[id] = (*token).to_owned();
    }
    gguf.set("tokenizer.ggml.tokens", Meta::Texts(tokens));
    let merges = ["a b", "Ġ ab", "1 2"].map(str::to_owned).to_vec();
    gguf.set("tokenizer.ggml.merges", Meta::Texts(merges));
    let mut kinds = vec![1; 97];
    kinds[5] = 3;
    kinds[6] = 3;
    gguf.set("tokenizer.ggml.token_type", Meta::I32s(kinds));
    gguf.set("tokenizer.ggml.bos_token_id", Meta::U32(6));
    gguf.set("tokenizer.ggml.eos_token_id", Meta::U32(9));
    for (split, bos, want) in [
        ("gpt-2", false, vec![3, 4, 5, 9]),
        ("qwen2", true, vec![6, 3, 4, 5, 7, 8]),
        ("llama-bpe", true, vec![6, 3, 4, 5, 9]),
        ("smollm", false, vec![3, 4, 5, 7, 8]),
    ] {
        gguf.set("tokenizer.ggml.pre", split);
        gguf.set("tokenizer.ggml.add_bos_token", Meta::Bool(bos));
        let model = open(&gguf);
        let ids = model
            .tokenizer()
            .encode("ab ab<|im_end|>12")
            .expect("encodes");
        assert_eq!(ids, want, "{split}");
        assert_eq!(model.tokenizer().decode(&ids).expect("decodes"), "ab ab12");
        assert_eq!(model.stop_ids(), [5, 9]);
    }
}

#[test]
fn the_chat_template_and_its_special_tokens_come_from_the_metadata() {
    let tiny = Tiny::default();
    let mut gguf = convert(&tiny.config, &tiny.tensors());
    words(&mut gguf, 97);
    assert!(open(&gguf).chat().is_none());
    let template =
        "{{ bos_token }}{% for m in messages %}{{ m.content }}{{ eos_token }}{% endfor %}";
    gguf.set("tokenizer.chat_template", template);
    gguf.set("tokenizer.ggml.bos_token_id", Meta::U32(4));
    gguf.set("tokenizer.ggml.eos_token_id", Meta::U32(5));
    let Meta::Texts(tokens) = &gguf
        .metadata
        .iter()
        .find(|(k, _)| k == "tokenizer.ggml.tokens")
        .expect("tokens")
        .1
    else {
        panic!("tokens are texts");
    };
    let want = format!("{}Hi{}", tokens[4], tokens[5]);
    assert_eq!(
        open(&gguf).chat_prompt(None, "Hi").expect("rendered").text,
        want
    );
    for (value, id) in [
        (Meta::from("{% if %}"), "chat-template-syntax"),
        (Meta::U32(1), "chat-file-invalid"),
    ] {
        gguf.set("tokenizer.chat_template", value);
        let model = open(&gguf);
        assert!(model.chat().is_none());
        assert_eq!(model.chat_error().expect("refused").id(), id);
    }
}

#[test]
fn pieces_with_scores_are_merged_best_first() {
    let tiny = Tiny::default();
    let mut gguf = convert(&tiny.config, &tiny.tensors());
    words(&mut gguf, 97);
    let mut tokens: Vec<String> = (0..97).map(|i| format!("<unused{i}>")).collect();
    for (id, token) in ["<unk>", "<s>", "</s>", "▁", "a", "b", "c", "ab", "bc", "▁a"]
        .iter()
        .enumerate()
    {
        tokens[id] = (*token).to_owned();
    }
    let mut scores = vec![-1000.0; 97];
    (scores[7], scores[8], scores[9]) = (-2.0, -1.0, -3.0);
    let mut kinds = vec![5; 97];
    kinds[..10].copy_from_slice(&[2, 3, 3, 1, 1, 1, 1, 1, 1, 1]);
    gguf.set("tokenizer.ggml.model", "llama");
    gguf.set("tokenizer.ggml.tokens", Meta::Texts(tokens));
    gguf.set("tokenizer.ggml.scores", Meta::F32s(scores));
    gguf.set("tokenizer.ggml.token_type", Meta::I32s(kinds));
    gguf.set("tokenizer.ggml.bos_token_id", Meta::U32(1));
    gguf.set("tokenizer.ggml.unknown_token_id", Meta::U32(0));
    let ids = |gguf: &Gguf, text: &str| open(gguf).tokenizer().encode(text).expect("encodes");
    // "bc" goes before "ab".
    assert_eq!(ids(&gguf, "abc"), [1, 9, 8]);
    assert_eq!(ids(&gguf, "ab b"), [1, 3, 7, 3, 5]);
    gguf.set("tokenizer.ggml.add_space_prefix", Meta::Bool(false));
    gguf.set("tokenizer.ggml.add_bos_token", Meta::Bool(false));
    assert_eq!(ids(&gguf, "abz"), [7, 0]);
    assert_eq!(
        open(&gguf).tokenizer().decode(&[7, 3, 8]).expect("decodes"),
        "ab bc"
    );
}
