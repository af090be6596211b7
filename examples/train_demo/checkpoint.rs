//! Checkpoints: weights, optimiser moments and counters in one safetensors file, replaced atomically.

use std::collections::HashMap;
use std::path::Path;

use candle_core::Device;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::Result;
use crate::model::{Model, flat};
use crate::optim::AdamW;
use crate::params::Shape;

/// What a run has behind it.
#[derive(Clone, Copy, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Progress {
    pub(crate) step: usize,
    pub(crate) tokens: u64,
    pub(crate) seconds: f64,
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Header {
    shape: Shape,
    seed: u64,
    progress: Progress,
}

const FILE: &str = "checkpoint.safetensors";

fn bytes(x: &[f32]) -> Vec<u8> {
    x.iter().flat_map(|v| v.to_le_bytes()).collect()
}

pub(crate) fn save(
    dir: &Path,
    model: &Model,
    opt: &AdamW,
    seed: u64,
    progress: Progress,
) -> Result<()> {
    let data = [
        ("params", bytes(&flat(&model.vars)?)),
        ("adam.m", bytes(&flat(&opt.m)?)),
        ("adam.v", bytes(&flat(&opt.v)?)),
    ];
    let views = data
        .iter()
        .map(|(k, d)| Ok((*k, TensorView::new(Dtype::F32, vec![d.len() / 4], d)?)))
        .collect::<Result<Vec<_>>>()?;
    let header = serde_json::to_string(&Header {
        shape: model.shape,
        seed,
        progress,
    })?;
    let part = dir.join("checkpoint.part");
    std::fs::write(
        &part,
        safetensors::serialize(views, Some(HashMap::from([("run".to_owned(), header)])))?,
    )?;
    std::fs::rename(&part, dir.join(FILE))?;
    Ok(())
}

/// Model, optimiser, seed and counters of the checkpoint in `dir`, or None if there is none.
pub(crate) fn load(dir: &Path, device: &Device) -> Result<Option<(Model, AdamW, u64, Progress)>> {
    let path = dir.join(FILE);
    if !path.exists() {
        return Ok(None);
    }
    let file = std::fs::read(&path)?;
    let (_, meta) = SafeTensors::read_metadata(&file)?;
    let run = meta
        .metadata()
        .as_ref()
        .and_then(|m| m.get("run"))
        .ok_or("checkpoint without run header")?;
    let header: Header = serde_json::from_str(run)?;
    let tensors = SafeTensors::deserialize(&file)?;
    let get = |name: &str| -> Result<Vec<f32>> {
        let data = tensors.tensor(name)?;
        let all: Vec<f32> = data
            .data()
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            .collect();
        let want = header.shape.parameters();
        if all.len() == want {
            Ok(all)
        } else {
            Err(format!(
                "{}: {name} has {} numbers instead of {want}",
                path.display(),
                all.len()
            )
            .into())
        }
    };
    let model = Model::new(header.shape, &get("params")?, device)?;
    let opt = AdamW::with_moments(&model, &get("adam.m")?, &get("adam.v")?)?;
    Ok(Some((model, opt, header.seed, header.progress)))
}
