//! Small files of every format, made byte by byte as the tools of origin make them.

use std::io::Write as _;
use std::path::{Path, PathBuf};

/// A direction of width 44 (that of the tiny model) that is different for every number.
pub(crate) const D: usize = 44;

pub(crate) fn v(n: i64) -> Vec<f32> {
    (0..D)
        .map(|i| ((i as i64 * 37 + n * 11 + 5) % 23) as f32 / 8.0 - 1.25)
        .collect()
}

pub(crate) fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|x| x.to_le_bytes()).collect()
}

/// A GGUF metadata value.
#[derive(Clone)]
pub(crate) enum M {
    U32(u32),
    I32(i32),
    F32(f32),
    Bool(bool),
    Text(&'static str),
}

pub(crate) fn gguf(metadata: &[(&str, M)], tensors: &[(&str, Vec<f32>)]) -> Vec<u8> {
    gguf_typed(metadata, tensors, 0)
}

/// The same with a type number for all tensors.
pub(crate) fn gguf_typed(
    metadata: &[(&str, M)],
    tensors: &[(&str, Vec<f32>)],
    kind: u32,
) -> Vec<u8> {
    let mut out = b"GGUF\x03\0\0\0".to_vec();
    out.extend((tensors.len() as u64).to_le_bytes());
    out.extend((metadata.len() as u64).to_le_bytes());
    let text = |out: &mut Vec<u8>, t: &str| {
        out.extend((t.len() as u64).to_le_bytes());
        out.extend(t.as_bytes());
    };
    for (key, value) in metadata {
        text(&mut out, key);
        match value {
            M::U32(x) => {
                out.extend(4u32.to_le_bytes());
                out.extend(x.to_le_bytes());
            }
            M::I32(x) => {
                out.extend(5u32.to_le_bytes());
                out.extend(x.to_le_bytes());
            }
            M::F32(x) => {
                out.extend(6u32.to_le_bytes());
                out.extend(x.to_le_bytes());
            }
            M::Bool(x) => {
                out.extend(7u32.to_le_bytes());
                out.push(u8::from(*x));
            }
            M::Text(x) => {
                out.extend(8u32.to_le_bytes());
                text(&mut out, x);
            }
        }
    }
    let mut at = 0u64;
    for (name, values) in tensors {
        text(&mut out, name);
        out.extend(1u32.to_le_bytes());
        out.extend((values.len() as u64).to_le_bytes());
        out.extend(kind.to_le_bytes());
        out.extend(at.to_le_bytes());
        at += (values.len() as u64 * 4).next_multiple_of(32);
    }
    for (_, values) in tensors {
        out.resize(out.len().next_multiple_of(32), 0);
        out.extend(bytes(values));
    }
    out
}

/// Metadata of a control vector with a `layer_count`.
pub(crate) fn control(count: M) -> Vec<(&'static str, M)> {
    vec![
        ("general.architecture", M::Text("controlvector")),
        ("controlvector.model_hint", M::Text("llama")),
        ("controlvector.layer_count", count),
    ]
}

/// Metadata of a projection.
pub(crate) fn glp(mode: &'static str, version: u32) -> Vec<(&'static str, M)> {
    vec![
        ("general.architecture", M::Text("controlvector")),
        ("glp.mode", M::Text(mode)),
        ("glp.spec_version", M::U32(version)),
        ("glp.hook_point", M::Text("residual_stream_post_layer")),
        ("glp.alpha_default", M::F32(0.5)),
    ]
}

/// A pickle stream in the making.
#[derive(Default, Clone)]
pub(crate) struct P {
    pub(crate) stream: Vec<u8>,
    pub(crate) storages: Vec<Vec<u8>>,
}

impl P {
    pub(crate) fn new() -> Self {
        Self {
            stream: vec![0x80, 2],
            storages: Vec::new(),
        }
    }

    pub(crate) fn op(mut self, bytes: &[u8]) -> Self {
        self.stream.extend(bytes);
        self
    }

    pub(crate) fn text(self, text: &str) -> Self {
        self.op(b"X")
            .op(&(text.len() as u32).to_le_bytes())
            .op(text.as_bytes())
    }

    pub(crate) fn int(self, n: i32) -> Self {
        self.op(b"J").op(&n.to_le_bytes())
    }

    /// A tensor over a storage of its own.
    pub(crate) fn tensor(self, shape: &[usize], values: &[f32]) -> Self {
        let mut stride = vec![1; shape.len()];
        for i in (1..shape.len()).rev() {
            stride[i - 1] = stride[i] * shape[i];
        }
        self.view("FloatStorage", bytes(values), values.len(), shape, &stride)
    }

    pub(crate) fn view(
        mut self,
        storage: &str,
        data: Vec<u8>,
        numel: usize,
        shape: &[usize],
        stride: &[usize],
    ) -> Self {
        let key = self.storages.len().to_string();
        self.storages.push(data);
        let mut p = self
            .op(b"ctorch._utils\n_rebuild_tensor_v2\n((")
            .text("storage")
            .op(format!("ctorch\n{storage}\n").as_bytes())
            .text(&key)
            .text("cpu")
            .int(numel as i32)
            .op(b"tQ")
            .int(0)
            .op(b"(");
        for n in shape {
            p = p.int(*n as i32);
        }
        p = p.op(b"t(");
        for n in stride {
            p = p.int(*n as i32);
        }
        p.op(b"t\x89ccollections\nOrderedDict\n)RtR")
    }

    /// The archive that `torch.save` writes.
    pub(crate) fn pt(self) -> Vec<u8> {
        let Self { stream, storages } = self.op(b".");
        let mut files = vec![
            ("archive/data.pkl".to_owned(), stream),
            ("archive/byteorder".to_owned(), b"little".to_vec()),
        ];
        for (i, data) in storages.into_iter().enumerate() {
            files.push((format!("archive/data/{i}"), data));
        }
        files.push(("archive/version".to_owned(), b"3\n".to_vec()));
        zip(&files, false)
    }
}

/// An archive of stored or deflated entries.
pub(crate) fn zip(files: &[(String, Vec<u8>)], deflated: bool) -> Vec<u8> {
    let method = if deflated {
        zip::CompressionMethod::Deflated
    } else {
        zip::CompressionMethod::Stored
    };
    let options = zip::write::SimpleFileOptions::default().compression_method(method);
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, data) in files {
        writer.start_file(name.as_str(), options).unwrap();
        writer.write_all(data).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// An npy file with any header text.
pub(crate) fn npy_raw(header: &str, data: &[u8]) -> Vec<u8> {
    let mut out = b"\x93NUMPY\x01\x00".to_vec();
    out.extend((header.len() as u16 + 1).to_le_bytes());
    out.extend(header.as_bytes());
    out.push(b'\n');
    out.extend(data);
    out
}

pub(crate) fn npy(shape: &str, values: &[f32]) -> Vec<u8> {
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}");
    npy_raw(&header, &bytes(values))
}

/// A safetensors file of F32 tensors.
pub(crate) fn safetensors(
    metadata: &serde_json::Value,
    tensors: &[(&str, Vec<usize>, Vec<f32>)],
) -> Vec<u8> {
    let mut header = serde_json::Map::new();
    if !metadata.is_null() {
        header.insert("__metadata__".to_owned(), metadata.clone());
    }
    let mut data = Vec::new();
    for (name, shape, values) in tensors {
        let start = data.len();
        data.extend(bytes(values));
        header.insert(
            (*name).to_owned(),
            serde_json::json!({"dtype": "F32", "shape": shape, "data_offsets": [start, data.len()]}),
        );
    }
    let mut text = serde_json::Value::Object(header).to_string();
    while !text.len().is_multiple_of(8) {
        text.push(' ');
    }
    let mut out = (text.len() as u64).to_le_bytes().to_vec();
    out.extend(text.as_bytes());
    out.extend(data);
    out
}

pub(crate) fn put(folder: &Path, name: &str, data: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, data).unwrap();
    path
}
