//! A prompt as the model reads it: its tokens, and which part of a conversation each belongs to.

use std::ops::Range;

use super::job::{Desk, Emit};
use crate::engine::{EngineError, Model};
use crate::protocol::{ChatFormat, Event, PromptPart, PromptToken};
use crate::steering::Layout;
use crate::units::RunId;

/// Tokenises a prompt as generation does and reports it. Without a model nothing is reported.
pub(super) fn read(
    run: RunId,
    prompt: &str,
    chat: Option<&ChatFormat>,
    desk: &Desk,
    emit: Emit<'_>,
) -> Result<(), EngineError> {
    if let Some(model) = &desk.model {
        let tokens = tokens(model, prompt, chat)?;
        emit(Event::PromptRead { run, tokens });
    }
    Ok(())
}

/// A text with its parts as extraction sees them.
pub(super) fn of_layout(
    model: &Model,
    ids: &[u32],
    layout: &Layout,
) -> Result<Vec<PromptToken>, EngineError> {
    let inside = |range: &Option<Range<usize>>, i: usize| {
        range.as_ref().is_some_and(|range| range.contains(&i))
    };
    let each = ids.iter().enumerate().map(|(i, id)| {
        let part = match layout.prompt_len {
            None => PromptPart::Text,
            Some(_) if layout.answer == Some(i) => PromptPart::Choice,
            Some(end) if i >= end => PromptPart::Answer,
            Some(_) if inside(&layout.user, i) => PromptPart::User,
            Some(_) if inside(&layout.system, i) => PromptPart::System,
            Some(_) => PromptPart::Template,
        };
        let text = model.tokenizer().piece(*id)?;
        Ok(PromptToken { text, part })
    });
    each.collect()
}

fn tokens(
    model: &Model,
    prompt: &str,
    chat: Option<&ChatFormat>,
) -> Result<Vec<PromptToken>, EngineError> {
    let tokenizer = model.tokenizer();
    let Some(chat) = chat else {
        let ids = tokenizer.encode(prompt)?;
        let own = tokenizer.encode_verbatim(prompt)?.len();
        // What the tokenizer adds by itself stands in front.
        let added = ids.len().saturating_sub(own);
        let each = ids.iter().enumerate().map(|(i, id)| {
            let part = if i < added {
                PromptPart::Template
            } else {
                PromptPart::User
            };
            Ok(PromptToken {
                text: tokenizer.piece(*id)?,
                part,
            })
        });
        return each.collect();
    };
    let system = chat.system.as_deref().filter(|s| !s.is_empty());
    let rendered = model.chat_prompt(system, prompt)?;
    // The user's text is the last that reads like it, the system's the first.
    let user = rendered
        .text
        .rfind(prompt)
        .map(|at| (at, at + prompt.len()));
    let system = system.and_then(|s| rendered.text.find(s).map(|at| (at, at + s.len())));
    let token_at = |byte: usize| -> Result<usize, EngineError> {
        let before = rendered.text.get(..byte).unwrap_or_default();
        let ids = tokenizer.encode_verbatim(before)?;
        let same = ids.iter().zip(&rendered.ids).take_while(|(a, b)| a == b);
        Ok(same.count())
    };
    let range = |bytes: Option<(usize, usize)>| -> Result<std::ops::Range<usize>, EngineError> {
        match bytes {
            None => Ok(0..0),
            Some((from, to)) => Ok(token_at(from)?..token_at(to)?),
        }
    };
    let (user, system) = (range(user)?, range(system)?);
    let each = rendered.ids.iter().enumerate().map(|(i, id)| {
        let part = match i {
            i if user.contains(&i) => PromptPart::User,
            i if system.contains(&i) => PromptPart::System,
            _ => PromptPart::Template,
        };
        Ok(PromptToken {
            text: tokenizer.piece(*id)?,
            part,
        })
    });
    each.collect()
}
