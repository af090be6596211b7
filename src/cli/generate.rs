//! `steerscope generate`: both lanes from one prompt, the same job the screen runs.

use std::cell::RefCell;
use std::io::{self, IsTerminal, Read, Write};

use serde_json::json;

use super::args::GenerateArgs;
use super::condition::Condition;
use super::extract_positions;
use super::open::{self, Opened, failed, remark};
use super::output::Ending;
use super::probe;
use super::units;
use crate::engine::{Cancel, EngineError};
use crate::measure::Site;
use crate::protocol::{ChatFormat, Event, FinishReason, GenerateRequest, Steering, TokenPiece};
use crate::units::{Lane, RunId};
use crate::worker::generate_to_end;

/// What one lane made.
#[derive(Default)]
struct Text {
    tokens: Vec<TokenPiece>,
    finish: Option<FinishReason>,
}

impl Text {
    fn text(&self) -> String {
        self.tokens.iter().map(|t| t.text.as_str()).collect()
    }
}

pub(super) fn run(args: &GenerateArgs) -> Result<(), Ending> {
    let prompt = prompt(args.prompt.as_deref())?;
    let opened = open::model(&args.model)?;
    if let Some(rows) = extract_positions::rows(args.vector.as_deref())? {
        return extract_positions::generate(args, &opened, &rows, &prompt);
    }
    let vector = args
        .vector
        .as_deref()
        .map(|v| open::vector(v, &opened))
        .transpose()?;
    let mut stated = None;
    let mut steering = match &vector {
        None => None,
        Some(v) => {
            let block = open::block(args.site.layer, v, &opened)?;
            let site = Site {
                direction: v.direction(block).map_err(failed)?,
                block,
                mask: args.site.mask,
                edit: args.site.edit(v)?,
            };
            let given = [args.coefficient];
            let (raw, said) = units::raw(args.unit.unit, &given, &opened, v, &site, None)?;
            stated = said;
            Some(Steering {
                vector: v.id(),
                block,
                coefficient: raw.first().copied().unwrap_or(args.coefficient),
                mask: site.mask,
                edit: site.edit,
                condition: None,
            })
        }
    };
    let system = args.system.clone();
    let (prompt, chat) = asked(args.chat, system, &opened, prompt)?;
    let mut gate = None;
    if let Some(condition) = Condition::of(&args.condition, &opened)? {
        let read = ids(&opened, &prompt, chat.as_ref().map(|c| c.1.as_str()))?;
        let judged = condition.text(&read)?;
        if !judged.open {
            steering = None;
        }
        gate = Some(judged);
    }
    let request = GenerateRequest {
        run: RunId(1),
        prompt: prompt.clone(),
        chat: chat.as_ref().map(|(format, _)| format.clone()),
        steering: steering.clone(),
        reference: crate::protocol::Reference::Unsteered,
        sampling: args.sampling.to_sampling(),
    };
    let lanes = RefCell::new([Text::default(), Text::default()]);
    let slot = |lane| usize::from(lane == Lane::Steered);
    generate_to_end(
        &opened.model,
        request,
        vector.as_ref(),
        Cancel::never(),
        &|event| match event {
            Event::Tokens { lane, tokens, .. } => {
                lanes.borrow_mut()[slot(lane)].tokens.extend(tokens);
            }
            Event::LaneFinished { lane, reason, .. } => {
                lanes.borrow_mut()[slot(lane)].finish = Some(reason);
            }
            _ => {}
        },
    )
    .map_err(failed)?;
    let [baseline, steered] = lanes.into_inner();

    let mut out = io::stdout().lock();
    if args.json {
        let lane = |t: &Text| {
            let ids: Vec<u32> = t.tokens.iter().map(|p| p.id).collect();
            json!({ "text": t.text(), "ids": ids, "finish": t.finish })
        };
        // The first tokens of what both lanes were given.
        let receipt = match (&vector, &steering) {
            (Some(vector), Some(s)) => {
                let ids = ids(&opened, &prompt, chat.as_ref().map(|c| c.1.as_str()))?;
                probe::receipt(
                    &opened,
                    vector,
                    (s.block, s.edit, s.mask),
                    s.coefficient,
                    ids,
                )
            }
            _ => None,
        };
        let object = json!({
            "schema": 1,
            "model": { "name": opened.name, "hash": opened.model.hash() },
            "vector": vector.as_ref().map(|v| json!({ "name": v.name, "id": v.id() })),
            "steering": steering,
            "condition": gate,
            "unit": stated,
            "receipt": receipt,
            "sampling": args.sampling.to_sampling(),
            "prompt": prompt,
            "chat": chat.as_ref().map(|(format, rendered)| {
                json!({ "system": format.system, "rendered": rendered })
            }),
            "baseline": lane(&baseline),
            "steered": steering.is_some().then(|| lane(&steered)),
        });
        writeln!(out, "{object:#}")?;
        return Ok(());
    }
    let Some(steering) = steering else {
        writeln!(out, "{}", baseline.text())?;
        return Ok(());
    };
    // The model does not go on with a user's words, it answers them.
    let gap = if chat.is_some() { "\n\n" } else { "" };
    let differ = first_difference(&baseline.tokens, &steered.tokens);
    writeln!(out, "── unsteered ──\n{prompt}{gap}{}\n", baseline.text())?;
    writeln!(
        out,
        "── steered: block {}, coefficient {:+} ──\n{}{gap}{}\n",
        steering.block,
        steering.coefficient,
        prompt,
        steered.text()
    )?;
    match differ {
        Some(n) => writeln!(out, "The texts part at generated token {}.", n + 1)?,
        None => writeln!(out, "Both texts are the same.")?,
    }
    Ok(())
}

/// Token ids of what the model reads: the rendered conversation, or the prompt as plain text.
pub(super) fn ids(
    opened: &Opened,
    prompt: &str,
    rendered: Option<&str>,
) -> Result<Vec<u32>, Ending> {
    let tokenizer = opened.model.tokenizer();
    let ids = match rendered {
        Some(text) => tokenizer.encode_verbatim(text),
        None => tokenizer.encode(prompt),
    };
    ids.map_err(failed)
}

/// The prompt as it is given, and with `--chat` its format and the rendered text. A model without a
/// template gets the plain text.
pub(super) fn asked(
    chat: bool,
    system: Option<String>,
    opened: &Opened,
    prompt: String,
) -> Result<(String, Option<(ChatFormat, String)>), Ending> {
    if !chat {
        return Ok((prompt, None));
    }
    let rendered = match opened.model.chat_prompt(system.as_deref(), &prompt) {
        Err(EngineError::NoChat) => {
            remark("the model has no chat template; it gets the prompt as plain text");
            let plain = system.map_or(prompt.clone(), |s| format!("{s}\n\n{prompt}"));
            return Ok((plain, None));
        }
        done => done.map_err(failed)?,
    };
    if rendered.system_in_user {
        remark(
            "the model's chat template takes no system text; it stands at the beginning of the user's turn",
        );
    }
    Ok((prompt, Some((ChatFormat { system }, rendered.text))))
}

fn first_difference(a: &[TokenPiece], b: &[TokenPiece]) -> Option<usize> {
    let shared = a.iter().zip(b).take_while(|(a, b)| a.id == b.id).count();
    (shared < a.len().max(b.len())).then_some(shared)
}

/// The prompt of the flag, or of standard input.
pub(super) fn prompt(flag: Option<&str>) -> Result<String, Ending> {
    if let Some(text) = flag.filter(|t| *t != "-") {
        return Ok(text.to_string());
    }
    if io::stdin().is_terminal() {
        return Err(Ending::Usage(
            "give a prompt with --prompt, or pipe one into standard input".to_string(),
        ));
    }
    let mut text = String::new();
    io::stdin().read_to_string(&mut text).map_err(|error| {
        Ending::Failed(format!(
            "the prompt on standard input is not readable text: {error}"
        ))
    })?;
    // A shell's echo ends in a line break that nobody means as part of the prompt.
    Ok(text.trim_end_matches(['\n', '\r']).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_part_at_the_first_token_that_differs() {
        let piece = |id| TokenPiece {
            id,
            text: String::new(),
        };
        assert_eq!(
            first_difference(&[piece(1), piece(2)], &[piece(1), piece(3)]),
            Some(1)
        );
        assert_eq!(
            first_difference(&[piece(1)], &[piece(1), piece(3)]),
            Some(1)
        );
        assert_eq!(first_difference(&[piece(1)], &[piece(1)]), None);
    }
}
