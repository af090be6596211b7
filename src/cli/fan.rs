//! `steerscope fan`: one prompt continued under several coefficients, one batch.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};

use super::args::FanArgs;
use super::condition::Condition;
use super::generate::prompt;
use super::open::{self, Opened, failed, remark};
use super::output::{Ending, Progress};
use super::units;
use crate::engine::{Cancel, EngineError, Finish, SamplerSettings};
use crate::measure::Site;
use crate::measure::controls::{Control, drawn};
use crate::steering::{Fan, FanLane, FanPlan};

/// Fewest and most coefficients.
const LANES: std::ops::RangeInclusive<usize> = 2..=9;

/// A lane with what it is called.
struct Named {
    lane: FanLane,
    direction: String,
}

pub(super) fn run(args: &FanArgs) -> Result<(), Ending> {
    if !LANES.contains(&args.coefficients.len()) {
        return Err(Ending::Usage(format!(
            "a fan has {} to {} coefficients; {} were given with --coefficients",
            LANES.start(),
            LANES.end(),
            args.coefficients.len()
        )));
    }
    let text = prompt(args.prompt.as_deref())?;
    let opened = open::model(&args.model)?;
    let model = &opened.model;
    let vector = open::vector(&args.vector, &opened)?;
    let block = open::block(args.site.layer, &vector, &opened)?;
    let direction = vector.direction(block).map_err(failed)?;
    let site = Site {
        direction,
        block,
        mask: args.site.mask,
        edit: args.site.edit(&vector)?,
    };
    let (coefficients, stated) = units::raw(
        args.unit.unit,
        &args.coefficients,
        &opened,
        &vector,
        &site,
        None,
    )?;
    let Asked {
        ids,
        stop_ids,
        chat,
    } = asked(args, &opened, &text)?;

    let mut directions: Vec<Arc<[f32]>> = vec![direction.into()];
    let mut named: Vec<Named> = Vec::new();
    let mut add = |direction: usize, coefficient: f32, name: &str| {
        let lane = FanLane {
            direction,
            coefficient,
        };
        let direction = name.to_owned();
        named.push(Named { lane, direction });
    };
    if !coefficients.contains(&0.0) {
        add(0, 0.0, "vector");
    }
    for &coefficient in &coefficients {
        add(0, coefficient, "vector");
    }
    if args.controls {
        let furthest = |a: &f32, b: &f32| a.abs().total_cmp(&b.abs());
        let coefficient = coefficients.iter().copied().max_by(furthest);
        for control in drawn(direction, 1, args.sampling.seed) {
            if matches!(control.control, Control::Orthogonal(_)) {
                continue;
            }
            directions.push(control.direction.into());
            let name = control.control.name();
            add(directions.len() - 1, coefficient.unwrap_or(1.0), &name);
        }
    }
    let gate = match Condition::of(&args.condition, &opened)? {
        Some(condition) => Some(condition.text(&ids)?),
        None => None,
    };
    let open = gate.as_ref().is_none_or(|gate| gate.open);
    let plan = FanPlan {
        block,
        mask: site.mask,
        edit: site.edit,
        directions,
        lanes: named.iter().map(|named| named.lane).collect(),
    };
    let plan = if open { plan } else { plan.closed() };
    let sampling = SamplerSettings {
        temperature: args.sampling.temperature,
        top_k: args.sampling.top_k,
        top_p: args.sampling.top_p,
        seed: args.sampling.seed,
    };
    let limit = args.sampling.max_tokens;
    let mut fan = Fan::start(model, ids, plan, &sampling, stop_ids, limit).map_err(failed)?;
    let mut progress = Progress::start("generating");
    let (begin, never) = (Instant::now(), Cancel::never());
    let mut steps = 0;
    while !fan.is_finished() {
        fan.step(&never).map_err(failed)?;
        steps += 1;
        progress.update(steps, limit);
    }
    let tokens: usize = fan.texts().iter().map(|t| t.ids.len()).sum();
    let rate = tokens as f64 / begin.elapsed().as_secs_f64().max(1e-9);
    progress.finish();

    let mut out = io::stdout().lock();
    if args.json {
        let lanes: Vec<Value> = (named.iter().zip(fan.texts()).enumerate())
            .map(|(i, (named, text))| {
                json!({
                    "direction": named.direction,
                    "coefficient": named.lane.coefficient,
                    "text": text.text,
                    "ids": text.ids,
                    "finish": text.finish.map(finish),
                    "parts_at": fan.parts_at(i),
                })
            })
            .collect();
        let object = json!({
            "schema_version": 1,
            "model": { "name": opened.name, "hash": model.hash() },
            "vector": { "name": vector.name, "id": vector.id() },
            "block": block,
            "mask": args.site.mask,
            "sampling": args.sampling.to_sampling(),
            "prompt": text,
            "chat": chat,
            "unit": stated,
            "condition": gate,
            "lanes": lanes,
            "tokens_per_second": rate,
        });
        writeln!(out, "{object:#}")?;
        return Ok(());
    }
    let gap = if chat.is_some() { "\n\n" } else { "" };
    let closed = gate.as_ref().is_some_and(|gate| !gate.open);
    for (i, (named, made)) in named.iter().zip(fan.texts()).enumerate() {
        let what = match named.direction.as_str() {
            "vector" if named.lane.coefficient == 0.0 => "unsteered".to_owned(),
            "vector" => format!("coefficient {:+}", named.lane.coefficient),
            other => format!("{other}, coefficient {:+}", named.lane.coefficient),
        };
        let parts = match fan.parts_at(i) {
            _ if named.lane.coefficient == 0.0 => String::new(),
            Some(n) => format!(", differs from token {}", n + 1),
            None if closed => ", not steered: the condition is closed".to_owned(),
            None => ", the same as unsteered".to_owned(),
        };
        writeln!(out, "── {what}{parts} ──\n{text}{gap}{}\n", made.text)?;
    }
    writeln!(
        out,
        "Block {block}, mask {}; {tokens} tokens in {} lanes, {rate:.0} tokens/s.",
        args.site.mask,
        named.len()
    )?;
    Ok(())
}

/// A prompt as tokens.
struct Asked {
    ids: Vec<u32>,
    stop_ids: Vec<u32>,
    /// What a chat template was given and made of it.
    chat: Option<Value>,
}

/// The prompt as the flags ask for it. A model without a chat template gets the plain text.
fn asked(args: &FanArgs, opened: &Opened, text: &str) -> Result<Asked, Ending> {
    let model = &opened.model;
    let system = args.system.as_deref();
    let plain = |text: &str| -> Result<Asked, Ending> {
        Ok(Asked {
            ids: model.tokenizer().encode(text).map_err(failed)?,
            stop_ids: model.stop_ids().to_vec(),
            chat: None,
        })
    };
    if !args.chat {
        return plain(text);
    }
    let rendered = match model.chat_prompt(system, text) {
        Err(EngineError::NoChat) => {
            remark("the model has no chat template; it gets the prompt as plain text");
            return plain(&system.map_or(text.to_owned(), |s| format!("{s}\n\n{text}")));
        }
        done => done.map_err(failed)?,
    };
    if rendered.system_in_user {
        remark(
            "the model's chat template takes no system text; it stands at the beginning of the user's turn",
        );
    }
    Ok(Asked {
        chat: Some(json!({ "system": system, "rendered": rendered.text })),
        ids: rendered.ids,
        stop_ids: model.chat_stop_ids(),
    })
}

fn finish(finish: Finish) -> &'static str {
    match finish {
        Finish::Eos => "eos",
        Finish::Length => "length",
        Finish::NonFinite => "non_finite",
    }
}
