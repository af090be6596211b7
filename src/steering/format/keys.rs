//! Layer and site in the names that tools give their tensors.

use crate::units::HookPoint;

/// Modules that may stand before the list of blocks.
const ROOTS: [&str; 8] = [
    "base_model",
    "model",
    "transformer",
    "gpt_neox",
    "language_model",
    "module",
    "decoder",
    "backbone",
];
/// Names of the list of blocks.
const LISTS: [&str; 5] = ["layers", "layer", "blocks", "block", "h"];

/// Canonical block (−1 for what enters block 0) and point of a name such as `15`, `layer_15`,
/// `model.layers.15.mlp` or `blocks.15.hook_resid_pre`; `None` for any other name.
pub(super) fn place(key: &str) -> Option<(i64, HookPoint)> {
    if let Some(block) = number(key) {
        return Some((block, HookPoint::ResidPost));
    }
    let lower = key.to_ascii_lowercase();
    for list in ["layers", "layer", "blocks", "block", "l"] {
        if let Some(rest) = lower.strip_prefix(list)
            && let Some(block) = number(rest.trim_start_matches(['_', '-', ' ']))
        {
            return Some((block, HookPoint::ResidPost));
        }
    }
    // `model.layers[13].mlp` is `model.layers.13.mlp`.
    let plain = key.replace('[', ".").replace(']', "");
    let parts: Vec<&str> = plain.split('.').collect();
    let at = parts.iter().position(|p| LISTS.contains(p))?;
    let (before, rest) = parts.split_at_checked(at)?;
    if !before.iter().all(|p| ROOTS.contains(p)) {
        return None;
    }
    let [_, block, site @ ..] = rest else {
        return None;
    };
    let block = number(block)?;
    Some(match site {
        [] | ["hook_resid_post"] => (block, HookPoint::ResidPost),
        ["hook_resid_pre"] => (block - 1, HookPoint::ResidPost),
        ["hook_resid_mid"] => (block, HookPoint::ResidMid),
        ["hook_attn_out" | "self_attn" | "attn" | "attention"]
        | ["self_attn" | "attn", "o_proj" | "c_proj"] => (block, HookPoint::AttnOut),
        ["hook_mlp_out" | "mlp"] | ["mlp", "down_proj" | "c_proj"] => (block, HookPoint::MlpOut),
        _ => return None,
    })
}

fn number(text: &str) -> Option<i64> {
    let digits = !text.is_empty() && text.len() <= 6 && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// Words about the number that a file's name holds, for a question; empty where there is none.
pub(super) fn hint(stem: &str) -> String {
    let lower = stem.to_ascii_lowercase();
    for word in ["layer", "block", "l"] {
        for (at, _) in lower.match_indices(word) {
            let before = lower.get(..at).and_then(|s| s.chars().next_back());
            if word == "l" && before.is_some_and(char::is_alphanumeric) {
                continue;
            }
            let rest = lower.get(at + word.len()..).unwrap_or_default();
            let rest = rest.trim_start_matches(['_', '-', '=', 's']);
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            if !digits.is_empty() {
                return format!(" (its name suggests {digits})");
            }
        }
    }
    String::new()
}
