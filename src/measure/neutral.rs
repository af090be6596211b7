//! Texts that have nothing to do with any behaviour: what a calibration continues and the tax is read off.

use crate::engine::{EngineError, Model};

/// The neutral text, written for this program in plain words, so that small models know most of them.
pub const NEUTRAL_TEXT: &str = "\
One morning the baker opened the door of the little shop and looked down the street. The sun was \
not yet up, and the houses on the hill were still dark. A man with a cart came by and left two \
boxes of apples at the gate. The baker put the bread on the shelf, washed the table and sat down \
by the window. After a while a girl came in with her dog. She wanted four rolls and a piece of \
cake for her mother. They talked about the rain of the last days, and about the river, which had \
come up as far as the bridge. Then the bell of the school rang. The girl took her bag, said \
goodbye and ran across the road. The baker counted the coins, wrote the number in a book and went \
back to work.";

/// Beginnings of texts for a calibration where none are given.
pub const NEUTRAL_PROMPTS: [&str; 8] = [
    "Once upon a time there was a little child who lived near the sea.",
    "The house at the end of the road had a green door.",
    "One day a boy and his sister went to the market.",
    "In the morning the farmer walked down to the river.",
    "The teacher opened the book and began to read.",
    "It was raining, and the children stayed inside.",
    "A dog sat under the big tree and looked at the road.",
    "My friend came to visit me last week.",
];

/// Tokens of a text, special ones as the tokenizer adds them; cut where the model's context ends.
///
/// # Errors
/// [`EngineError::Text`].
pub fn text_ids(model: &Model, text: &str) -> Result<Vec<u32>, EngineError> {
    let mut ids = model.tokenizer().encode(text)?;
    ids.truncate(model.config().max_positions);
    Ok(ids)
}
