//! What varies between decoder families; a family's file fills it in, everything else is shared.

use super::rope::RopeSpec;

/// Kind of all norms of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NormKind {
    /// Root mean square (Zhang & Sennrich 1910.07467).
    Rms,
    /// The same, with files that hold the weight less 1 (Gemma).
    RmsPlusOne,
    /// Mean and variance, with a bias (Ba et al. 1607.06450).
    Layer,
}

/// Where attention and MLP are normed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NormPlace {
    /// What they read.
    Before,
    /// What they add to the residual stream (`OLMo` 2).
    After,
    /// Both (Gemma 2 and 3).
    Both,
}

impl NormPlace {
    pub(super) fn before(self) -> bool {
        self != Self::After
    }

    pub(super) fn after(self) -> bool {
        self != Self::Before
    }
}

/// RMS norm of queries and keys before they are rotated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum QkNorm {
    /// None.
    Off,
    /// Every head by itself, one weight for all (Qwen3, Gemma 3).
    Head,
    /// All heads together (`OLMo` 2).
    Whole,
}

/// Activation of the MLP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Activation {
    /// x · sigmoid(x).
    Silu,
    /// x · Φ(x), by the error function.
    Gelu,
    /// The same by the tanh formula (Hendrycks & Gimpel 1606.08415).
    GeluTanh,
}

impl Activation {
    /// By its name in `hidden_act` and the like.
    pub(super) fn parse(name: &str) -> Option<Self> {
        match name {
            "silu" | "swish" => Some(Self::Silu),
            "gelu" => Some(Self::Gelu),
            "gelu_new" | "gelu_fast" | "gelu_pytorch_tanh" => Some(Self::GeluTanh),
            _ => None,
        }
    }
}

/// Which projections have biases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "four independent facts of a model"
)]
pub(super) struct Biases {
    pub(super) qkv: bool,
    pub(super) output: bool,
    /// Gate and up, or the first of two matrices.
    pub(super) mlp_in: bool,
    pub(super) mlp_out: bool,
}

/// What differs from block to block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LayerKind {
    /// Index into [`Spec::ropes`].
    pub(super) rope: usize,
    /// Positions that a query sees, its own included; `None`: all before it.
    pub(super) window: Option<usize>,
}

/// A decoder beyond its sizes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spec {
    pub(super) norm: NormKind,
    pub(super) eps: f32,
    pub(super) norm_place: NormPlace,
    /// Attention and MLP both read the block's input.
    pub(super) parallel: bool,
    pub(super) qk_norm: QkNorm,
    pub(super) activation: Activation,
    /// activation(gate) · up; otherwise the activation between two matrices.
    pub(super) gated: bool,
    pub(super) biases: Biases,
    pub(super) ropes: Vec<RopeSpec>,
    /// One per block.
    pub(super) layers: Vec<LayerKind>,
    /// Factor of the attention scores, usually 1/√d.
    pub(super) attention_scale: f32,
    /// Scores become `cap · tanh(score / cap)`.
    pub(super) attention_cap: Option<f32>,
    /// Factor of the token embedding.
    pub(super) embedding_scale: Option<f32>,
    /// Factor of what attention and MLP add.
    pub(super) residual_scale: Option<f32>,
    /// Factor of the logits.
    pub(super) logit_scale: Option<f32>,
    /// Logits become `cap · tanh(logit / cap)`, after the factor.
    pub(super) logit_cap: Option<f32>,
}

impl Spec {
    /// Gives the blocks that `local` picks a window of `window` positions.
    pub(super) fn window(&mut self, window: Option<usize>, local: &[bool]) {
        for (layer, local) in self.layers.iter_mut().zip(local) {
            layer.window = window.filter(|_| *local);
        }
    }
}
