//! Writes GGUF version 3: metadata in the given order, one-dimensional F32 tensors, alignment 32.

use super::super::super::vector::bytes_of;

const ALIGNMENT: usize = 32;

/// A metadata value that the writers use.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::steering::format) enum GgufValue {
    U32(u32),
    F32(f32),
    Bool(bool),
    Text(String),
}

/// The bytes of a file.
pub(in crate::steering::format) fn file(
    metadata: &[(String, GgufValue)],
    tensors: &[(String, &[f32])],
) -> Vec<u8> {
    let mut out = super::MAGIC.to_vec();
    out.extend_from_slice(&3u32.to_le_bytes());
    out.extend_from_slice(&(tensors.len() as u64).to_le_bytes());
    out.extend_from_slice(&(metadata.len() as u64).to_le_bytes());
    let text = |out: &mut Vec<u8>, text: &str| {
        out.extend_from_slice(&(text.len() as u64).to_le_bytes());
        out.extend_from_slice(text.as_bytes());
    };
    for (key, value) in metadata {
        text(&mut out, key);
        match value {
            GgufValue::U32(v) => {
                out.extend_from_slice(&4u32.to_le_bytes());
                out.extend_from_slice(&v.to_le_bytes());
            }
            GgufValue::F32(v) => {
                out.extend_from_slice(&6u32.to_le_bytes());
                out.extend_from_slice(&v.to_le_bytes());
            }
            GgufValue::Bool(v) => {
                out.extend_from_slice(&7u32.to_le_bytes());
                out.push(u8::from(*v));
            }
            GgufValue::Text(v) => {
                out.extend_from_slice(&8u32.to_le_bytes());
                text(&mut out, v);
            }
        }
    }
    let mut offset = 0u64;
    for (name, values) in tensors {
        text(&mut out, name);
        out.extend_from_slice(&1u32.to_le_bytes());
        out.extend_from_slice(&(values.len() as u64).to_le_bytes());
        out.extend_from_slice(&0u32.to_le_bytes());
        out.extend_from_slice(&offset.to_le_bytes());
        offset += ((values.len() * 4).next_multiple_of(ALIGNMENT)) as u64;
    }
    for (_, values) in tensors {
        out.resize(out.len().next_multiple_of(ALIGNMENT), 0);
        out.extend(bytes_of(values));
    }
    out.resize(out.len().next_multiple_of(ALIGNMENT), 0);
    out
}
