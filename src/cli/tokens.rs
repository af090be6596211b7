//! `steerscope tokens`: one text read by the unsteered and the steered model, token by token.

use std::io::{self, Write};
use std::sync::Arc;

use serde_json::json;

use super::args::TokensArgs;
use super::condition::Condition;
use super::generate::{asked, ids, prompt};
use super::open::{self, Opened, failed, remark};
use super::output::Ending;
use super::tokens_table::{lens_table, strip_table};
use super::units;
use crate::engine::{Cancel, Generation, SamplerSettings};
use crate::measure::tokens::{Passage, StripOptions, UnsteeredRun};
use crate::measure::{Site, under};
use crate::steering::{LaneSteering, SteerHook};

pub(super) fn run(args: &TokensArgs) -> Result<(), Ending> {
    let words = prompt(args.prompt.as_deref())?;
    let opened = open::model(&args.model)?;
    let vector = open::vector(&args.vector, &opened)?;
    let site = Site {
        block: open::block(args.site.layer, &vector, &opened)?,
        mask: args.site.mask,
        edit: args.site.edit(&vector)?,
        direction: &[],
    };
    let site = Site {
        direction: vector.direction(site.block).map_err(failed)?,
        ..site
    };
    let (words, chat) = asked(args.chat, args.system.clone(), &opened, words)?;
    let rendered = chat.as_ref().map(|(_, rendered)| rendered.as_str());
    let never = Cancel::never();
    let given = [args.coefficient];
    let (raw, stated) = units::raw(args.unit.unit, &given, &opened, &vector, &site, None)?;
    let coefficient = raw.first().copied().unwrap_or(args.coefficient);
    let gate = match Condition::of(&args.condition, &opened)? {
        Some(condition) => Some(condition.text(&ids(&opened, &words, rendered)?)?),
        None => None,
    };
    let (site, coefficient) = under(
        site,
        coefficient,
        gate.as_ref().is_none_or(|gate| gate.open),
    );
    let passage = passage(args, coefficient, &opened, &site, &words, rendered)?;
    let passage = if args.whole { passage.whole() } else { passage };
    let unsteered = UnsteeredRun::new(Arc::clone(&opened.model), passage, site.block, &never)
        .map_err(failed)?;
    let steered = unsteered
        .steer(&site, coefficient, args.frozen, &never)
        .map_err(failed)?;
    let options = StripOptions { top: args.top };
    let strip = unsteered.strip(&steered, options, &never).map_err(failed)?;
    let lens = args
        .lens
        .map(|position| unsteered.lens(&steered, position, args.top, &never))
        .transpose()
        .map_err(failed)?;

    let mut out = io::stdout().lock();
    if args.json {
        let tokenizer = opened.model.tokenizer();
        let passage = unsteered.passage();
        let text = tokenizer.decode(&passage.ids()[passage.prompt_len()..]);
        let object = json!({
            "schema_version": 1,
            "unit": stated,
            "condition": gate,
            "model": { "name": opened.name, "hash": opened.model.hash() },
            "vector": { "name": vector.name, "id": vector.id(), "norm": vector.norm(site.block) },
            "prompt": words,
            "chat": chat.as_ref().map(|(format, rendered)| {
                json!({ "system": format.system, "rendered": rendered })
            }),
            "text": text.map_err(failed)?,
            "text_from": if args.text.is_some() { "given" } else { "steered_greedy" },
            "strip": strip,
            "lens": lens,
        });
        writeln!(out, "{object:#}")?;
        return Ok(());
    }
    if gate.is_some_and(|gate| !gate.open) {
        writeln!(out, "Not steered: the condition is closed for this prompt.")?;
    }
    strip_table(&strip, &mut out)?;
    if let Some(lens) = &lens {
        writeln!(out)?;
        lens_table(lens, &mut out)?;
    }
    Ok(())
}

/// The prompt with the text that was given, else with what the steered model makes of it.
fn passage(
    args: &TokensArgs,
    coefficient: f32,
    opened: &Opened,
    site: &Site<'_>,
    words: &str,
    rendered: Option<&str>,
) -> Result<Passage, Ending> {
    let model = &opened.model;
    if let Some(text) = &args.text {
        return match rendered {
            Some(rendered) => Passage::from_chat(model, rendered, text),
            None => Passage::from_texts(model, words, text),
        }
        .map_err(failed);
    }
    let tokenizer = model.tokenizer();
    let (ids, stop) = match rendered {
        Some(rendered) => (tokenizer.encode_verbatim(rendered), model.chat_stop_ids()),
        None => (tokenizer.encode(words), model.stop_ids().to_vec()),
    };
    let ids = ids.map_err(failed)?;
    let lane = LaneSteering::new(site.mask, ids.len(), coefficient);
    let hook = Box::new(SteerHook::new(
        site.block,
        site.edit,
        site.direction,
        vec![lane],
    ));
    let (owned, greedy) = (Arc::clone(model), SamplerSettings::default());
    let mut generation = Generation::start(owned, ids.clone(), 1, &greedy, stop, hook)
        .map_err(failed)?
        .limit(args.max_tokens);
    let mut text = Vec::new();
    while !generation.is_finished() {
        for step in generation.step(&Cancel::never()).map_err(failed)? {
            text.extend(step.token);
        }
    }
    if text.is_empty() {
        return Err(Ending::Failed(
            "the steered model ends the text at once; give a text to compare on with --text"
                .to_string(),
        ));
    }
    remark(&format!(
        "the text is what the steered model writes, {} tokens; --text compares on another",
        text.len()
    ));
    Passage::new(model, &ids, &text).map_err(failed)
}
