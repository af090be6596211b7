//! numpy's npy (versions 1 to 3): numbers of any width in both byte orders, C and Fortran order.
//! The shape is compared with the bytes present before anything is reserved.

use super::super::error::VectorError;
use super::array::{Array, Number, count, within};
use super::error::FormatError;
use super::literal::Literal;

pub(super) const MAGIC: &[u8] = b"\x93NUMPY";
/// Longest header that numpy itself accepts without being told to trust it.
const MAX_HEADER: usize = 10_000;

/// What a header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) number: Number,
    pub(super) big: bool,
    pub(super) fortran: bool,
    pub(super) shape: Vec<usize>,
    /// Where the data begin.
    pub(super) start: usize,
}

/// Bytes of a beginning that surely hold the header of a readable file.
pub(super) const HEAD: usize = MAX_HEADER + 12;

impl Header {
    /// Reads the header from the first [`HEAD`] bytes or more.
    pub(super) fn read(file: &str, bytes: &[u8]) -> Result<Self, VectorError> {
        let bad = |reason: &str| FormatError::NpyInvalid {
            file: file.to_owned(),
            reason: reason.to_owned(),
        };
        let rest = bytes
            .strip_prefix(MAGIC)
            .ok_or_else(|| bad("it does not begin with \\x93NUMPY"))?;
        let (len, start) = match rest {
            [1, _, a, b, ..] => (usize::from(u16::from_le_bytes([*a, *b])), 10),
            [2 | 3, _, a, b, c, d, ..] => (u32::from_le_bytes([*a, *b, *c, *d]) as usize, 12),
            [1..=3, ..] | [] => {
                return Err(VectorError::Truncated {
                    file: file.to_owned(),
                    expected: 12,
                    got: bytes.len() as u64,
                });
            }
            _ => return Err(bad("its version is not 1, 2 or 3").into()),
        };
        if len > MAX_HEADER {
            return Err(bad("its header is longer than any array needs").into());
        }
        let text = bytes
            .get(start..start + len)
            .ok_or_else(|| VectorError::Truncated {
                file: file.to_owned(),
                expected: (start + len) as u64,
                got: bytes.len() as u64,
            })?;
        let text = std::str::from_utf8(text).map_err(|_| bad("its header is no text"))?;
        let header = Literal::parse(text).ok_or_else(|| bad("its header is no dictionary"))?;
        let descr = match header.get("descr") {
            Some(Literal::Text(descr)) => descr,
            Some(_) => {
                return Err(FormatError::NpyDtype {
                    file: file.to_owned(),
                    dtype: "of several fields".to_owned(),
                }
                .into());
            }
            None => return Err(bad("its header has no descr").into()),
        };
        let (number, big) = number(file, descr)?;
        let fortran = match header.get("fortran_order") {
            Some(Literal::Bool(fortran)) => *fortran,
            _ => return Err(bad("its header has no fortran_order").into()),
        };
        let Some(Literal::List(shape)) = header.get("shape") else {
            return Err(bad("its header has no shape").into());
        };
        let shape = shape
            .iter()
            .map(|n| match n {
                Literal::Int(n) => usize::try_from(*n).ok(),
                _ => None,
            })
            .collect::<Option<Vec<usize>>>()
            .ok_or_else(|| bad("its shape is no list of sizes"))?;
        Ok(Self {
            number,
            big,
            fortran,
            shape,
            start: start + len,
        })
    }

    /// Values and bytes of the data, if `present` bytes are enough for them.
    pub(super) fn size(&self, file: &str, present: u64) -> Result<(usize, usize), VectorError> {
        count(&self.shape, self.number.size())
            .filter(|(_, bytes)| *bytes as u64 <= present)
            .ok_or_else(|| {
                FormatError::NpyShape {
                    file: file.to_owned(),
                    shape: format!("{:?}", self.shape),
                }
                .into()
            })
    }
}

/// The number type of a `descr` such as `<f4`, and whether it is big endian.
pub(super) fn number(file: &str, descr: &str) -> Result<(Number, bool), VectorError> {
    let (order, code) = match descr.strip_prefix(['<', '>', '|', '=']) {
        Some(code) => (descr.chars().next().unwrap_or('<'), code),
        None => ('<', descr),
    };
    if code.starts_with('O') {
        let file = file.to_owned();
        return Err(FormatError::NpyObject { file }.into());
    }
    let number = Number::from_numpy(code).ok_or_else(|| FormatError::NpyDtype {
        file: file.to_owned(),
        dtype: match code {
            // What numpy writes for types it does not know.
            "V2" => format!("{descr} (probably bfloat16)"),
            _ => descr.to_owned(),
        },
    })?;
    Ok((number, order == '>'))
}

/// Reads a whole array.
pub(super) fn read(file: &str, bytes: &[u8], limit: u64) -> Result<Array, VectorError> {
    let header = Header::read(file, bytes)?;
    let data = bytes.get(header.start..).unwrap_or_default();
    array(file, header, data, limit)
}

/// The array that a header and its data stand for.
pub(super) fn array(
    file: &str,
    header: Header,
    data: &[u8],
    limit: u64,
) -> Result<Array, VectorError> {
    let (n, size) = header.size(file, data.len() as u64)?;
    within(file, size as u64, limit)?;
    let values = header
        .number
        .decode(data.get(..size).unwrap_or_default(), header.big);
    let values = if header.fortran && header.shape.len() > 1 {
        row_major(&values, &header.shape, n)
    } else {
        values
    };
    Ok(Array {
        shape: header.shape,
        number: header.number,
        values,
    })
}

/// Column-major values put in row-major order.
fn row_major(values: &[f32], shape: &[usize], n: usize) -> Vec<f32> {
    let mut index = vec![0usize; shape.len()];
    let mut out = Vec::with_capacity(n);
    for _ in 0..n {
        let at = index
            .iter()
            .zip(shape)
            .rev()
            .fold(0, |at, (i, size)| at * size + i);
        out.push(values.get(at).copied().unwrap_or_default());
        for (i, size) in index.iter_mut().zip(shape).rev() {
            *i += 1;
            if *i < *size {
                break;
            }
            *i = 0;
        }
    }
    out
}

/// The bytes of a float32 array in C order, as numpy writes it (version 1.0, header padded to 64).
pub(super) fn write(shape: &[usize], values: &[f32]) -> Vec<u8> {
    let sizes: Vec<String> = shape.iter().map(ToString::to_string).collect();
    let tuple = match sizes.as_slice() {
        [one] => format!("({one},)"),
        many => format!("({})", many.join(", ")),
    };
    let mut text = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {tuple}, }}");
    let filled = (MAGIC.len() + 4 + text.len() + 1).next_multiple_of(64);
    let padding = filled - (MAGIC.len() + 4 + text.len() + 1);
    text.push_str(&" ".repeat(padding));
    text.push('\n');
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&[1, 0]);
    bytes.extend_from_slice(&(text.len() as u16).to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
    bytes.extend(super::super::vector::bytes_of(values));
    bytes
}
