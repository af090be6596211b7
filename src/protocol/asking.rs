//! How the rows of a data set are asked and read, as the interface chooses it.

use serde::{Deserialize, Serialize};

use super::ChatFormat;

/// The choices of a protocol that are made when a data set is loaded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Asking {
    /// Prompts in the model's chat format, as plain questions where it has none; `None`: as they are
    /// written.
    pub chat: Option<ChatFormat>,
    /// As the released code of Tan et al. (2407.12404) does it: overlapping split, repeated prompts kept,
    /// summed logits of whole answers.
    pub parity: bool,
}

impl Asking {
    /// Id of a data set so asked, from its own: figures under another one are other figures. The
    /// data set's own where nothing is changed.
    pub fn identify(&self, dataset: &str) -> String {
        let mut id = dataset.to_owned();
        if self.parity {
            id.push_str("+parity");
        }
        if let Some(chat) = &self.chat {
            let system = chat.system.as_deref().unwrap_or("");
            id.push_str("+chat:");
            id.push_str(system);
        }
        id
    }
}

/// The same in words, as the worker found it: what every panel says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedWords {
    /// Which rows.
    pub rows: String,
    /// What stands around the prompts.
    pub prompts: String,
    /// What a propensity is.
    pub propensity: String,
    /// What has to stand beside every figure, where a paper's code defines it.
    pub badge: Option<String>,
}
