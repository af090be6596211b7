//! How the interface wants rows to be asked, for the running model.

use crate::engine::{EngineError, Model};
use crate::measure::{Asked, Prompting, Protocol, Split};
use crate::protocol::{AskedWords, Asking};
use crate::units::{BlockIndex, Mask};

/// The choice for a model: its chat template, plain questions where it has none.
///
/// # Errors
/// Those of [`Prompting::chat`].
pub(super) fn asked(model: &Model, asking: &Asking) -> Result<Asked, EngineError> {
    let prompting = match &asking.chat {
        None => Prompting::plain(),
        Some(chat) => Prompting::chat(model, chat.system.as_deref().unwrap_or_default())?,
    };
    let parity = asking.parity;
    Ok(Asked { prompting, parity })
}

/// What panels say of it.
pub(super) fn words(asked: &Asked, split: &Split) -> AskedWords {
    // Site and grid are no part of the words.
    let any = Protocol::new(BlockIndex(0), Mask::default(), &[], split.clone());
    let protocol = asked.stamp(any);
    AskedWords {
        rows: protocol.rows_words(),
        prompts: protocol.prompts_words(),
        propensity: protocol.propensity_words().to_owned(),
        badge: protocol.badge(),
    }
}
