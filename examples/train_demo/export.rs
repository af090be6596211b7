//! Writes the model as a Hugging Face directory with weights in half precision.

use std::collections::HashMap;
use std::path::Path;

use candle_core::Tensor;
use half::f16;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::json;
use tokenizers::Tokenizer;

use crate::Result;
use crate::corpus::CONTEXT;
use crate::model::{EPS, Model, THETA};
use crate::params::PER_BLOCK;
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
    let mut add = |name: String, tensor: &Tensor| -> Result<()> {
        let half = tensor
            .flatten_all()?
            .to_vec1::<f32>()?
            .iter()
            .flat_map(|&x| f16::from_f32(x).to_le_bytes())
            .collect();
        out.push((name, tensor.dims().to_vec(), half));
        Ok(())
    };
    let (first, last) = (&model.vars[0], &model.vars[model.vars.len() - 1]);
    add("model.embed_tokens.weight".into(), first)?;
    add("model.norm.weight".into(), last)?;
    let blocks = model.vars[1..].chunks_exact(PER_BLOCK).take(s.blocks);
    for (i, block) in blocks.enumerate() {
        let name = |n: &str| format!("model.layers.{i}.{n}.weight");
        for (j, n) in ["q_proj", "k_proj", "v_proj"].iter().enumerate() {
            add(
                name(&format!("self_attn.{n}")),
                &block[1].narrow(0, j * c, c)?,
            )?;
        }
        add(name("self_attn.o_proj"), &block[2])?;
        add(name("mlp.gate_proj"), &block[4].narrow(0, 0, f)?)?;
        add(name("mlp.up_proj"), &block[4].narrow(0, f, f)?)?;
        add(name("mlp.down_proj"), &block[5])?;
        add(name("input_layernorm"), &block[0])?;
        add(name("post_attention_layernorm"), &block[3])?;
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
