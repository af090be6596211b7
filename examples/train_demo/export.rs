//! Writes the model as a Hugging Face directory with weights in half precision.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;

use half::f16;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::json;
use tokenizers::Tokenizer;

use crate::Result;
use crate::corpus::CONTEXT;
use crate::model::{EPS, Model, THETA};
use crate::tokenizer::{BOS, BOS_TEXT, EOS, EOS_TEXT};

pub(crate) fn write(dir: &Path, model: &Model, tok: &Tokenizer) -> Result<()> {
    std::fs::create_dir_all(dir)?;
    let s = model.shape;
    let (c, f) = (s.width, s.ffn);
    let config = json!({
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": s.vocab,
        "hidden_size": c,
        "intermediate_size": f,
        "num_hidden_layers": s.blocks,
        "num_attention_heads": s.heads,
        "num_key_value_heads": s.heads,
        "head_dim": c / s.heads,
        "hidden_act": "silu",
        "max_position_embeddings": CONTEXT,
        "rms_norm_eps": EPS,
        "rope_theta": THETA,
        "rope_scaling": null,
        "attention_bias": false,
        "mlp_bias": false,
        "tie_word_embeddings": true,
        "bos_token_id": BOS,
        "eos_token_id": EOS,
        "torch_dtype": "float16",
        "use_cache": true,
        "initializer_range": 0.02
    });
    write_json(&dir.join("config.json"), &config)?;
    write_json(
        &dir.join("generation_config.json"),
        &json!({ "bos_token_id": BOS, "eos_token_id": EOS }),
    )?;
    let tokenizer_config = json!({
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": BOS_TEXT,
        "eos_token": EOS_TEXT,
        "add_bos_token": true,
        "add_eos_token": false,
        "clean_up_tokenization_spaces": false,
        "model_max_length": CONTEXT
    });
    write_json(&dir.join("tokenizer_config.json"), &tokenizer_config)?;
    tok.save(dir.join("tokenizer.json"), false)?;

    let mut out: Vec<(String, Vec<usize>, Vec<u8>)> = Vec::new();
    let mut add = |name: String, dims: &[usize], from: Range<usize>| {
        let half = model.params[from]
            .iter()
            .flat_map(|&x| f16::from_f32(x).to_le_bytes())
            .collect();
        out.push((name, dims.to_vec(), half));
    };
    add(
        "model.embed_tokens.weight".into(),
        &[s.vocab, c],
        model.layout.embed.clone(),
    );
    add("model.norm.weight".into(), &[c], model.layout.norm.clone());
    for (i, b) in model.layout.blocks.iter().enumerate() {
        let name = |n: &str| format!("model.layers.{i}.{n}.weight");
        for (j, n) in ["q_proj", "k_proj", "v_proj"].iter().enumerate() {
            let at = b.qkv.start + j * c * c;
            add(name(&format!("self_attn.{n}")), &[c, c], at..at + c * c);
        }
        add(name("self_attn.o_proj"), &[c, c], b.out.clone());
        let mid = b.gate_up.start + f * c;
        add(name("mlp.gate_proj"), &[f, c], b.gate_up.start..mid);
        add(name("mlp.up_proj"), &[f, c], mid..b.gate_up.end);
        add(name("mlp.down_proj"), &[c, f], b.down.clone());
        add(name("input_layernorm"), &[c], b.norm1.clone());
        add(name("post_attention_layernorm"), &[c], b.norm2.clone());
    }
    let views = out
        .iter()
        .map(|(n, dims, data)| Ok((n.as_str(), TensorView::new(Dtype::F16, dims.clone(), data)?)))
        .collect::<Result<Vec<_>>>()?;
    let meta = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    // readers may be looking at the old file: write aside, then replace
    let part = dir.join("model.part");
    std::fs::write(&part, safetensors::serialize(views, Some(meta))?)?;
    std::fs::rename(&part, dir.join("model.safetensors"))?;
    Ok(())
}

fn write_json(path: &Path, value: &serde_json::Value) -> Result<()> {
    Ok(std::fs::write(
        path,
        serde_json::to_string_pretty(value)? + "\n",
    )?)
}
