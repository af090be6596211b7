//! What a family's tensors are called.

/// Query, key and value projections in the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Qkv {
    /// Three matrices.
    Separate([&'static str; 3]),
    /// One: all queries, then all keys, then all values.
    Packed(&'static str),
    /// One: query, key and value of a head side by side, head after head.
    PerHead(&'static str),
}

/// The MLP's first matrices in the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MlpIn {
    /// Gate and up.
    Separate([&'static str; 2]),
    /// One: gate above up.
    Packed(&'static str),
    /// One without a gate.
    Plain(&'static str),
}

/// Names of a family's tensors, without the final `.weight` or `.bias`. Those of a block stand after
/// `{base}{block}{number}.`, the others after `{base}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Names {
    /// Beginnings of all names but the head's; the first under which there is an embedding counts.
    pub(super) bases: &'static [&'static str],
    pub(super) embedding: &'static str,
    /// Learned positions.
    pub(super) positions: Option<&'static str>,
    pub(super) final_norm: &'static str,
    /// Output head; the first that there is counts.
    pub(super) heads: &'static [&'static str],
    pub(super) block: &'static str,
    pub(super) attention_norm: &'static str,
    /// Norm of what attention adds.
    pub(super) attention_post: &'static str,
    pub(super) qkv: Qkv,
    pub(super) query_norm: &'static str,
    pub(super) key_norm: &'static str,
    pub(super) output: &'static str,
    pub(super) mlp_norm: &'static str,
    /// Norm of what the MLP adds.
    pub(super) mlp_post: &'static str,
    pub(super) mlp_in: MlpIn,
    pub(super) mlp_out: &'static str,
    /// Matrices of the blocks are kept as (inputs, outputs).
    pub(super) transposed: bool,
}

impl Names {
    /// Llama's, from which most families differ little. The longer bases are those of the text part
    /// of a model that also sees images.
    pub(super) const LLAMA: Self = Self {
        bases: &["model.", "language_model.model.", "model.language_model."],
        embedding: "embed_tokens",
        positions: None,
        final_norm: "norm",
        heads: &["lm_head", "language_model.lm_head"],
        block: "layers.",
        attention_norm: "input_layernorm",
        attention_post: "",
        qkv: Qkv::Separate(["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"]),
        query_norm: "self_attn.q_norm",
        key_norm: "self_attn.k_norm",
        output: "self_attn.o_proj",
        mlp_norm: "post_attention_layernorm",
        mlp_post: "",
        mlp_in: MlpIn::Separate(["mlp.gate_proj", "mlp.up_proj"]),
        mlp_out: "mlp.down_proj",
        transposed: false,
    };

    /// With the four norms of a block as Gemma 2 names them.
    pub(super) const FOUR_NORMS: Self = Self {
        attention_post: "post_attention_layernorm",
        mlp_norm: "pre_feedforward_layernorm",
        mlp_post: "post_feedforward_layernorm",
        ..Self::LLAMA
    };
}
