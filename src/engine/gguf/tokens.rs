//! The tokenizer of a GGUF file, rebuilt as the `tokenizer.json` that it came from.

use std::collections::HashMap;

use serde_json::{Map, Value as Json, json};

use super::metadata::{Metadata, Value};
use crate::chat::{ChatError, ChatTemplate, Specials};
use crate::engine::EngineError;

/// Kinds of tokens in the format.
const UNKNOWN: i64 = 2;
const CONTROL: i64 = 3;
const USER_DEFINED: i64 = 4;
const BYTE: i64 = 6;

/// Control tokens that end a turn in chat models.
const TURN_ENDS: &[&str] = &["<|eot_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>"];

/// How a text is split before byte pairs are merged.
struct Split {
    /// What it is called in files.
    names: &'static [&'static str],
    /// A regular expression; empty for GPT-2's own.
    pattern: &'static str,
    /// Digits stand alone first.
    digits: bool,
}

const fn split(names: &'static [&'static str], pattern: &'static str) -> Split {
    Split {
        names,
        pattern,
        digits: false,
    }
}

const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

const SPLITS: &[Split] = &[
    split(&["gpt-2"], ""),
    Split {
        names: &["smollm"],
        pattern: "",
        digits: true,
    },
    split(&["llama-bpe", "llama3", "llama-v3"], LLAMA3),
    split(&["dbrx", "smaug-bpe"], LLAMA3),
    split(
        &["qwen2", "deepseek-r1-qwen"],
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    ),
    split(
        &["tekken"],
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    ),
    split(
        &["gpt-4o"],
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    ),
];

/// Vocabulary of a file.
struct Vocabulary<'a> {
    tokens: &'a [&'a str],
    kinds: &'a [i64],
    scores: &'a [f32],
}

impl Vocabulary<'_> {
    fn kind(&self, id: usize) -> i64 {
        self.kinds.get(id).copied().unwrap_or(1)
    }

    /// Text to id; of two equal tokens the first.
    fn ids(&self) -> HashMap<&str, usize> {
        let mut ids = HashMap::with_capacity(self.tokens.len());
        for (id, token) in self.tokens.iter().enumerate() {
            ids.entry(*token).or_insert(id);
        }
        ids
    }

    fn added(&self) -> Json {
        let added = self.tokens.iter().enumerate().filter_map(|(id, token)| {
            let special = matches!(self.kind(id), UNKNOWN | CONTROL);
            (special || self.kind(id) == USER_DEFINED).then(|| {
                json!({
                    "id": id, "content": token, "single_word": false, "lstrip": false,
                    "rstrip": false, "normalized": false, "special": special,
                })
            })
        });
        added.collect()
    }
}

/// The tokenizer in the words of `tokenizer.json`.
pub(super) fn tokenizer_json(metadata: &Metadata<'_>, file: &str) -> Result<Json, EngineError> {
    let bad = |reason: String| EngineError::Tokenizer {
        file: file.to_owned(),
        reason,
    };
    let kind = metadata.text("tokenizer.ggml.model")?;
    let tokens = metadata.texts("tokenizer.ggml.tokens")?;
    if tokens.is_empty() {
        return Err(bad("it holds no tokens".to_owned()));
    }
    let (kinds, scores) = ("tokenizer.ggml.token_type", "tokenizer.ggml.scores");
    let vocabulary = Vocabulary {
        tokens,
        kinds: match metadata.get(kinds) {
            Some(Value::Integers(list)) => list,
            None => &[],
            Some(_) => return Err(metadata.bad(kinds, "no list of whole numbers")),
        },
        scores: match metadata.get(scores) {
            Some(Value::Floats(list)) => list,
            None => &[],
            Some(_) => return Err(metadata.bad(scores, "no list of numbers")),
        },
    };
    let (mut parts, bos) = match kind {
        Some("llama") => (sentence_pieces(metadata, &vocabulary)?, true),
        Some("gpt2") => {
            let name = metadata.text("tokenizer.ggml.pre")?.unwrap_or("default");
            let split = SPLITS.iter().find(|split| split.names.contains(&name));
            let split =
                split.ok_or_else(|| bad(format!("its text splitting \"{name}\" is not known")))?;
            let merges = metadata.texts("tokenizer.ggml.merges")?;
            let bos = split.names.contains(&"llama-bpe");
            (byte_pairs(split, merges, &vocabulary), bos)
        }
        other => {
            let kind = other.unwrap_or("none");
            return Err(bad(format!(
                "its kind is \"{kind}\", known are llama and gpt2"
            )));
        }
    };
    parts.insert("version".to_owned(), json!("1.0"));
    parts.insert("added_tokens".to_owned(), vocabulary.added());
    let bos = metadata
        .flag("tokenizer.ggml.add_bos_token")?
        .unwrap_or(bos);
    if let Some(id) = metadata.id("tokenizer.ggml.bos_token_id")?.filter(|_| bos)
        && let Some(token) = tokens.get(id as usize)
    {
        parts.insert("post_processor".to_owned(), begins_with(id, token));
    }
    Ok(Json::Object(parts))
}

/// Token ids that end a text.
pub(super) fn stop_ids(metadata: &Metadata<'_>) -> Result<Vec<u32>, EngineError> {
    let mut ids = Vec::new();
    for name in ["eos", "eot", "eom"] {
        ids.extend(metadata.id(&format!("tokenizer.ggml.{name}_token_id"))?);
    }
    let tokens = metadata.texts("tokenizer.ggml.tokens")?;
    if let Some(Value::Integers(kinds)) = metadata.get("tokenizer.ggml.token_type") {
        let ends = |id: &usize| kinds[*id] == CONTROL && TURN_ENDS.contains(&tokens[*id]);
        let last = kinds.len().min(tokens.len());
        ids.extend((0..last).filter(ends).map(|id| id as u32));
    }
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

/// The chat template, if the file has one.
pub(super) fn chat(metadata: &Metadata<'_>, file: &str) -> Result<Option<ChatTemplate>, ChatError> {
    let invalid = |e: EngineError| ChatError::Invalid {
        file: file.to_owned(),
        reason: e.to_string(),
    };
    let source = metadata.text("tokenizer.chat_template").map_err(invalid)?;
    let Some(source) = source.filter(|s| !s.is_empty()) else {
        return Ok(None);
    };
    let tokens = metadata.texts("tokenizer.ggml.tokens").map_err(invalid)?;
    let mut specials = Vec::new();
    for (key, name) in [
        ("bos", "bos_token"),
        ("eos", "eos_token"),
        ("unknown", "unk_token"),
        ("padding", "pad_token"),
    ] {
        let id = metadata.id(&format!("tokenizer.ggml.{key}_token_id"));
        let token = id.map_err(invalid)?.and_then(|id| tokens.get(id as usize));
        specials.extend(token.map(|token| (name, *token)));
    }
    ChatTemplate::new(source, file, Specials::new(specials)).map(Some)
}

/// Puts the token `id` before every text.
fn begins_with(id: u32, token: &str) -> Json {
    let special = |type_id| json!({"SpecialToken": {"id": token, "type_id": type_id}});
    let text = |name, type_id| json!({"Sequence": {"id": name, "type_id": type_id}});
    json!({
        "type": "TemplateProcessing",
        "single": [special(0), text("A", 0)],
        "pair": [special(0), text("A", 0), special(1), text("B", 1)],
        "special_tokens": {token: {"id": token, "ids": [id], "tokens": [token]}},
    })
}

/// `SentencePiece`: pieces with scores, which are turned into an order of merges.
fn sentence_pieces(
    metadata: &Metadata<'_>,
    vocabulary: &Vocabulary<'_>,
) -> Result<Map<String, Json>, EngineError> {
    let key = "tokenizer.ggml.add_space_prefix";
    let prefix = metadata.flag(key)?.unwrap_or(true);
    let unknown = metadata.id("tokenizer.ggml.unknown_token_id")?;
    let unknown = unknown.and_then(|id| vocabulary.tokens.get(id as usize));
    let ids = vocabulary.ids();
    let space = json!({"type": "Replace", "pattern": {"String": " "}, "content": "▁"});
    let mut normalizers = vec![space];
    let mut decoders = vec![
        json!({"type": "Replace", "pattern": {"String": "▁"}, "content": " "}),
        json!({"type": "ByteFallback"}),
        json!({"type": "Fuse"}),
    ];
    if prefix {
        normalizers.insert(0, json!({"type": "Prepend", "prepend": "▁"}));
        decoders.push(json!({"type": "Strip", "content": " ", "start": 1, "stop": 0}));
    }
    let parts = json!({
        "normalizer": {"type": "Sequence", "normalizers": normalizers},
        "decoder": {"type": "Sequence", "decoders": decoders},
        "model": {
            "type": "BPE", "unk_token": unknown, "fuse_unk": true, "byte_fallback": true,
            "vocab": ids, "merges": merges(vocabulary, &ids),
        },
    });
    Ok(object(parts))
}

/// All ways to put two pieces together to a third, best score first.
fn merges<'a>(vocabulary: &Vocabulary<'a>, ids: &HashMap<&str, usize>) -> Vec<[&'a str; 2]> {
    let mut all = Vec::new();
    for (id, token) in vocabulary.tokens.iter().enumerate() {
        if matches!(vocabulary.kind(id), UNKNOWN | CONTROL | BYTE) {
            continue;
        }
        let score = vocabulary.scores.get(id).copied().unwrap_or(0.0);
        let mut here: Vec<(usize, usize, [&str; 2])> = token
            .char_indices()
            .skip(1)
            .filter_map(|(at, _)| {
                let (left, right) = token.split_at_checked(at)?;
                Some((*ids.get(left)?, *ids.get(right)?, [left, right]))
            })
            .collect();
        here.sort_unstable_by_key(|(left, right, _)| (*left, *right));
        all.extend(here.into_iter().map(|(_, _, pair)| (score, pair)));
    }
    let characters = |text: &str| text.chars().count();
    all.sort_by(|(a, [al, ar]), (b, [bl, br])| {
        let lengths = (characters(bl), characters(br)).cmp(&(characters(al), characters(ar)));
        b.total_cmp(a).then(lengths)
    });
    all.into_iter().map(|(_, pair)| pair).collect()
}

/// Byte pairs with the order of merges in the file.
fn byte_pairs(split: &Split, merges: &[&str], vocabulary: &Vocabulary<'_>) -> Map<String, Json> {
    let bytes = json!({
        "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false,
        "use_regex": split.pattern.is_empty(),
    });
    let named = |name| split.names.contains(&name);
    let mut steps = Vec::new();
    if split.digits {
        steps.push(json!({"type": "Digits", "individual_digits": true}));
    }
    if !split.pattern.is_empty() {
        steps.push(json!({
            "type": "Split", "pattern": {"Regex": split.pattern}, "behavior": "Isolated", "invert": false,
        }));
    }
    steps.push(bytes);
    object(json!({
        "normalizer": if named("qwen2") { json!({"type": "NFC"}) } else { Json::Null },
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": steps},
        "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
        "model": {
            "type": "BPE", "ignore_merges": named("llama-bpe"),
            "vocab": vocabulary.ids(), "merges": merges,
        },
    }))
}

fn object(value: Json) -> Map<String, Json> {
    match value {
        Json::Object(map) => map,
        _ => Map::new(),
    }
}
