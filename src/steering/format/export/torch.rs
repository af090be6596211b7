//! `PyTorch` files: fixed protocol-2 streams, so that equal content gives equal bytes.

use super::super::super::error::VectorError;
use super::super::super::vector::bytes_of;
use super::super::zipped;
use super::{Exported, Source};
use crate::units::{BlockIndex, HookPoint, Operator};

/// A pickle in the making, with the storages it refers to.
#[derive(Default)]
struct Stream {
    bytes: Vec<u8>,
    storages: Vec<Vec<u8>>,
}

impl Stream {
    fn op(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    fn text(&mut self, text: &str) {
        self.op(b"X");
        self.op(&(text.len() as u32).to_le_bytes());
        self.op(text.as_bytes());
    }

    fn int(&mut self, n: usize) {
        self.op(b"J");
        self.op(&(n as u32).to_le_bytes());
    }

    fn float(&mut self, x: f64) {
        self.op(b"G");
        self.op(&x.to_be_bytes());
    }

    fn global(&mut self, module: &str, name: &str) {
        self.op(format!("c{module}\n{name}\n").as_bytes());
    }

    /// A contiguous float tensor of shape `[d]`.
    fn tensor(&mut self, values: &[f32]) {
        self.global("torch._utils", "_rebuild_tensor_v2");
        self.op(b"((");
        self.text("storage");
        self.global("torch", "FloatStorage");
        self.text(&self.storages.len().to_string());
        self.text("cpu");
        self.int(values.len());
        self.op(b"tQ");
        self.int(0);
        self.int(values.len());
        self.op(b"\x85");
        self.int(1);
        self.op(b"\x85\x89");
        self.global("collections", "OrderedDict");
        self.op(b")RtR");
        self.storages.push(bytes_of(values));
    }

    /// The archive around the stream.
    fn file(mut self, name: &str) -> Result<Vec<u8>, VectorError> {
        self.op(b".");
        let entry = |path: &str, bytes: Vec<u8>| (format!("vector/{path}"), bytes);
        let mut entries = vec![
            entry("data.pkl", self.bytes),
            entry("byteorder", b"little".to_vec()),
        ];
        for (i, bytes) in self.storages.into_iter().enumerate() {
            entries.push(entry(&format!("data/{i}"), bytes));
        }
        entries.push(entry("version", b"3\n".to_vec()));
        zipped::write(name, &entries)
    }
}

/// An object of the steering-vectors library, as `torch.save` writes it.
pub(super) fn steering_vectors(source: &Source<'_>) -> Result<Exported, VectorError> {
    source.only(
        &[Operator::Add],
        &[HookPoint::ResidPost, HookPoint::MlpOut, HookPoint::AttnOut],
    )?;
    let mut stream = Stream::default();
    stream.op(b"\x80\x02");
    stream.global("steering_vectors.steering_vector", "SteeringVector");
    stream.op(b")\x81}(");
    stream.text("layer_activations");
    stream.op(b"}(");
    for (block, values) in &source.vector.directions {
        stream.int(*block);
        stream.tensor(values);
    }
    stream.op(b"u");
    stream.text("layer_type");
    stream.text(match source.vector.edit.point {
        HookPoint::MlpOut => "mlp",
        HookPoint::AttnOut => "self_attn",
        _ => "decoder_block",
    });
    stream.op(b"ub");
    let exported = Exported::one("vector.pt", stream.file(&source.vector.name)?);
    Ok(exported.loses(&[
        "the mask: with a key/value cache that library does not steer generated tokens from a minimal index on",
        "the name and everything about its origin",
    ]))
}

/// lm-evaluation-harness: one hookpoint, because with several it adds the last vector at all of them.
pub(super) fn lm_eval(source: &Source<'_>) -> Result<Exported, VectorError> {
    source.only(&[Operator::Add, Operator::Clamp], &[HookPoint::ResidPost])?;
    let block = source.block()?;
    let values = source.vector.direction(BlockIndex(block))?;
    let multiplier = f64::from(source.multiplier().unwrap_or(1.0));
    let length = values.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>();
    let (action, coefficient) = match source.vector.edit.operator {
        // Its clamp sets the component itself, ours c times the direction's length.
        Operator::Clamp => ("clamp", multiplier * length.sqrt()),
        _ => ("add", multiplier),
    };
    let mut stream = Stream::default();
    stream.op(b"\x80\x02}(");
    stream.text(&format!("layers.{block}"));
    stream.op(b"}(");
    stream.text("steering_vector");
    stream.tensor(values);
    stream.text("steering_coefficient");
    stream.float(coefficient);
    stream.text("action");
    stream.text(action);
    stream.text("bias");
    stream.op(b"Nuu");
    let exported = Exported::one("vector.pt", stream.file(&source.vector.name)?);
    Ok(exported.loses(&[
        "all blocks but one",
        "the mask",
        "the name and everything about its origin",
    ]))
}
