//! Tokenizers and streams of complete characters.

use steerscope::engine::{Model, StreamDecoder, TextTokenizer};

use super::support::stories;

const TEXT: &str =
    "Hello, \"world\"!  Zwölf Boxkämpfer — 日本語 🙂 \n\n\ttabs, don't stop. e\u{301}";

fn stream(tokenizer: &TextTokenizer, prompt: &[u32], ids: &[u32]) -> Vec<String> {
    let mut decoder = if prompt.is_empty() {
        StreamDecoder::new(tokenizer)
    } else {
        StreamDecoder::after(tokenizer, prompt).expect("decodes")
    };
    let mut pieces: Vec<String> = ids
        .iter()
        .map(|id| decoder.push(*id).expect("decodes"))
        .collect();
    pieces.push(decoder.finish().expect("decodes"));
    pieces
}

/// At every cut: prompt and stream together are the text, and no piece holds part of a character.
fn check(tokenizer: &TextTokenizer) {
    let ids = tokenizer.encode(TEXT).expect("encodes");
    let whole = tokenizer.decode(&ids).expect("decodes");
    assert!(!whole.contains('\u{FFFD}'), "{whole}");
    assert_eq!(stream(tokenizer, &[], &ids).concat(), whole);
    for cut in 1..ids.len() {
        let (before, after) = ids.split_at(cut);
        let start = tokenizer.decode(before).expect("decodes");
        if start.contains('\u{FFFD}') {
            continue;
        }
        let pieces = stream(tokenizer, before, after);
        assert_eq!(format!("{start}{}", pieces.concat()), whole, "cut {cut}");
        assert!(
            pieces.iter().all(|p| !p.contains('\u{FFFD}')),
            "cut {cut}: {pieces:?}"
        );
    }
}

#[test]
fn byte_level_stream_gives_complete_characters_and_the_same_text() {
    let model = Model::bundled().expect("loads");
    check(model.tokenizer());
    let ids = model.tokenizer().encode(TEXT).expect("encodes");
    assert_eq!(
        model.tokenizer().decode(&ids).expect("decodes"),
        TEXT,
        "any text survives"
    );
}

#[test]
fn metaspace_stream_with_byte_fallback_keeps_spaces_and_characters() {
    let Some(model) = stories() else { return };
    check(model.tokenizer());
    let prompt = model
        .tokenizer()
        .encode("Once upon a time")
        .expect("encodes");
    let longer = model
        .tokenizer()
        .encode("Once upon a time there was")
        .expect("encodes");
    let pieces = stream(model.tokenizer(), &prompt, &longer[prompt.len()..]);
    assert_eq!(pieces.concat(), " there was");
}

#[test]
fn bytes_that_never_become_a_character_are_given_out_in_bounded_time() {
    let Some(model) = stories() else { return };
    let byte = model.tokenizer().token_id("<0xE2>").expect("a byte token");
    let letter = model
        .tokenizer()
        .encode("a")
        .expect("encodes")
        .pop()
        .expect("a token");
    let mut decoder = StreamDecoder::new(model.tokenizer());
    let mut text = String::new();
    for _ in 0..6 {
        text += &decoder.push(byte).expect("decodes");
    }
    assert!(!text.is_empty());
    text += &decoder.push(letter).expect("decodes");
    text += &decoder.finish().expect("decodes");
    assert!(
        text.ends_with('a') && text.starts_with('\u{FFFD}'),
        "{text:?}"
    );
}

#[test]
fn bundled_model_loads_and_predicts_from_any_prompt() {
    use steerscope::engine::NoHook;
    let model = Model::bundled().expect("loads");
    assert_eq!(model.hash().len(), 64);
    assert!(!model.stop_ids().is_empty());
    for text in ["Once upon a time", "¿日本? 🙂", " "] {
        let ids = model.tokenizer().encode(text).expect("encodes");
        assert!(!ids.is_empty(), "{text}");
        let rows = super::support::forward(&model, &ids, &mut NoHook);
        assert!(
            model
                .logits(&rows)
                .expect("logits")
                .iter()
                .all(|l| l.is_finite())
        );
    }
}
