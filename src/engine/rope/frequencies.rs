//! Rotary frequencies from a configuration: plain, linear, Llama 3.1, `YaRN` and `LongRoPE`.

use std::f64::consts::PI;

use serde_json::{Map, Value};

use crate::engine::EngineError;
use crate::engine::fields::{Fields, number};

/// Wider than any head.
const MOST_DIMS: usize = 1 << 14;

/// Rotation of queries and keys.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::engine) struct RopeSpec {
    /// Rotated dimensions of a head: the first ones.
    pub(in crate::engine) dims: usize,
    /// Angle per position of each rotated pair.
    pub(in crate::engine) inverse: Vec<f32>,
    /// Factor of cosines and sines.
    pub(in crate::engine) attention: f32,
    /// Other frequencies for all positions of longer texts.
    pub(in crate::engine) long: Option<Long>,
    /// Most positions that these frequencies hold for.
    pub(in crate::engine) longest: usize,
}

/// The frequencies of texts beyond a length.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::engine) struct Long {
    pub(in crate::engine) beyond: usize,
    pub(in crate::engine) inverse: Vec<f32>,
}

impl RopeSpec {
    /// No rotation.
    pub(in crate::engine) fn none() -> Self {
        Self {
            dims: 0,
            inverse: Vec::new(),
            attention: 1.0,
            long: None,
            longest: usize::MAX,
        }
    }

    /// Frequencies of base `theta` as in the original.
    pub(in crate::engine) fn plain(theta: f64, dims: usize) -> Self {
        // The powers are rounded to f32 as the reference implementation does: at long positions the
        // difference would show.
        let inverse = (0..dims / 2)
            .map(|i| {
                let exponent = 2.0 * i as f32 / dims as f32;
                1.0 / f64::from(theta as f32).powf(f64::from(exponent)) as f32
            })
            .collect();
        Self {
            dims,
            inverse,
            attention: 1.0,
            long: None,
            longest: usize::MAX,
        }
    }

    /// From `rope_parameters` (transformers 5), else `rope_theta` and `rope_scaling`; where they
    /// differ by the kind of layer, those of `full_attention`.
    pub(in crate::engine) fn read(
        c: &Fields<'_>,
        head_dim: usize,
        max_positions: usize,
    ) -> Result<Self, EngineError> {
        let table = table(c, "full_attention")?;
        let theta = table
            .number("rope_theta")?
            .map_or_else(|| c.positive_if("rope_theta"), |theta| Ok(Some(theta)))?;
        table.spec(theta.unwrap_or(10_000.0), head_dim, max_positions)
    }

    /// The same of `sliding_attention` layers, whose base outside `rope_parameters` is
    /// `rope_local_base_freq`, never scaled.
    pub(in crate::engine) fn read_local(
        c: &Fields<'_>,
        head_dim: usize,
        max_positions: usize,
    ) -> Result<Self, EngineError> {
        let table = table(c, "sliding_attention")?;
        let theta = c.positive_if("rope_local_base_freq")?.unwrap_or(10_000.0);
        if !table.by_layer {
            return Ok(Self::plain(theta, head_dim));
        }
        let theta = table.number("rope_theta")?.unwrap_or(theta);
        table.spec(theta, head_dim, max_positions)
    }
}

/// The rotary part of a configuration.
struct Table<'a> {
    c: &'a Fields<'a>,
    values: Option<&'a Map<String, Value>>,
    /// There is one table for each kind of layer.
    by_layer: bool,
}

fn table<'a>(c: &'a Fields<'a>, layer: &str) -> Result<Table<'a>, EngineError> {
    let Some(value) = c.get("rope_parameters").or_else(|| c.get("rope_scaling")) else {
        return Ok(Table {
            c,
            values: None,
            by_layer: false,
        });
    };
    let object = |value: &'a Value| {
        value
            .as_object()
            .ok_or_else(|| c.bad(format!("the rope parameters are {value}")))
    };
    let values = object(value)?;
    let nested = values.get(layer).filter(|v| !v.is_null());
    Ok(Table {
        c,
        by_layer: nested.is_some(),
        values: Some(nested.map_or(Ok(values), object)?),
    })
}

impl Table<'_> {
    fn get(&self, name: &str) -> Option<&Value> {
        self.values?.get(name).filter(|v| !v.is_null())
    }

    /// A positive number, if given.
    fn number(&self, name: &str) -> Result<Option<f64>, EngineError> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        match number(value) {
            Some(v) if v > 0.0 => Ok(Some(v)),
            _ => Err(self.c.bad(format!("{name} of the rope is {value}"))),
        }
    }

    fn need(&self, kind: &str, name: &str) -> Result<f64, EngineError> {
        self.number(name)?.ok_or_else(|| {
            self.c
                .bad(format!("the {kind} rope needs a positive {name}"))
        })
    }

    /// Context length before scaling.
    fn original(&self, max_positions: usize) -> Result<f64, EngineError> {
        let name = "original_max_position_embeddings";
        let given = match self.number(name)? {
            Some(v) => Some(v),
            None => self.c.positive_if(name)?,
        };
        Ok(given.unwrap_or(max_positions as f64))
    }

    fn spec(
        &self,
        theta: f64,
        head_dim: usize,
        max_positions: usize,
    ) -> Result<RopeSpec, EngineError> {
        let part = match self.number("partial_rotary_factor")? {
            Some(v) => v,
            None => self.c.positive_if("partial_rotary_factor")?.unwrap_or(1.0),
        };
        // A part that was computed as a quotient may fall a hair short.
        let dims = (head_dim as f64 * part + 1e-6) as usize;
        if !dims.is_multiple_of(2) || dims > head_dim || dims > MOST_DIMS {
            return Err(self.c.bad(format!(
                "{dims} of the {head_dim} dimensions of a head would be rotated, positions need pairs"
            )));
        }
        let mut spec = RopeSpec::plain(theta, dims);
        let kind = self.get("rope_type").or_else(|| self.get("type"));
        match kind.and_then(Value::as_str).unwrap_or("default") {
            // Within the context it was made for, dynamic scaling changes nothing.
            "default" | "dynamic" => {}
            "linear" => {
                let factor = self.need("linear", "factor")?;
                scale(&mut spec, |_, v| v / factor);
            }
            "llama3" => self.llama3(&mut spec)?,
            "yarn" => self.yarn(&mut spec, theta, max_positions)?,
            "longrope" | "su" => self.longrope(&mut spec, max_positions)?,
            kind => return Err(self.c.unsupported(format!("rope type \"{kind}\""))),
        }
        Ok(spec)
    }

    /// Low frequencies divided by the factor, a smooth passage between.
    fn llama3(&self, spec: &mut RopeSpec) -> Result<(), EngineError> {
        let need = |name| self.need("llama3", name);
        let (low, high) = (need("low_freq_factor")?, need("high_freq_factor")?);
        let (factor, original) = (need("factor")?, need("original_max_position_embeddings")?);
        if high <= low {
            return Err(self.c.bad("high_freq_factor must exceed low_freq_factor"));
        }
        scale(spec, |_, frequency| {
            let wavelength = 2.0 * PI / frequency;
            if wavelength < original / high {
                frequency
            } else if wavelength > original / low {
                frequency / factor
            } else {
                let smooth = (original / wavelength - low) / (high - low);
                (1.0 - smooth) * frequency / factor + smooth * frequency
            }
        });
        Ok(())
    }

    /// Peng et al. 2309.00071.
    fn yarn(
        &self,
        spec: &mut RopeSpec,
        theta: f64,
        max_positions: usize,
    ) -> Result<(), EngineError> {
        let original = self.original(max_positions)?;
        let factor = self
            .number("factor")?
            .unwrap_or(max_positions as f64 / original);
        let dims = spec.dims as f64;
        let at =
            |rotations: f64| dims * (original / (rotations * 2.0 * PI)).ln() / (2.0 * theta.ln());
        let fast = at(self.number("beta_fast")?.unwrap_or(32.0));
        let slow = at(self.number("beta_slow")?.unwrap_or(1.0));
        let whole = self.get("truncate").and_then(Value::as_bool) != Some(false);
        let (low, high) = if whole {
            (fast.floor(), slow.ceil())
        } else {
            (fast, slow)
        };
        let (low, mut high) = (low.max(0.0), high.min(dims - 1.0));
        // Not below, where the reference would divide by zero.
        if high - low < 0.001 {
            high = low + 0.001;
        }
        scale(spec, |i, v| {
            let ramp = ((i as f64 - low) / (high - low)).clamp(0.0, 1.0);
            v / factor * ramp + v * (1.0 - ramp)
        });
        let magnitude = |m: f64| {
            if factor <= 1.0 {
                1.0
            } else {
                0.1 * m * factor.ln() + 1.0
            }
        };
        let pair = (self.number("mscale")?, self.number("mscale_all_dim")?);
        let usual = match pair {
            (Some(m), Some(all)) => magnitude(m) / magnitude(all),
            _ => magnitude(1.0),
        };
        spec.attention = self.number("attention_factor")?.unwrap_or(usual) as f32;
        Ok(())
    }

    /// Ding et al. 2402.13753: one divisor per frequency, of two lists: one for texts up to the
    /// original length, one for all positions of longer texts. Where the second is missing, texts
    /// end at that length.
    fn longrope(&self, spec: &mut RopeSpec, max_positions: usize) -> Result<(), EngineError> {
        let divisors = |name: &str| {
            let list = self.get(name).and_then(Value::as_array);
            let divisors: Option<Vec<f64>> = list.and_then(|list| {
                let positive = |v| number(v).filter(|v| *v > 0.0);
                list.iter().map(positive).collect()
            });
            divisors
                .filter(|d| d.len() == spec.inverse.len())
                .ok_or_else(|| {
                    let n = spec.inverse.len();
                    self.c
                        .bad(format!("the longrope needs {n} positive numbers as {name}"))
                })
        };
        let short = divisors("short_factor")?;
        let long = match self.get("long_factor") {
            Some(_) => Some(divisors("long_factor")?),
            None => None,
        };
        let original = self.original(max_positions)?;
        let factor = self
            .number("factor")?
            .unwrap_or(max_positions as f64 / original);
        let usual = if factor <= 1.0 || original <= 1.0 {
            1.0
        } else {
            (1.0 + factor.ln() / original.ln()).sqrt()
        };
        let beyond = (original as usize).max(1);
        let mut plain = spec.clone();
        spec.long = long.map(|divisors| {
            scale(&mut plain, |i, v| v / divisors[i]);
            Long {
                beyond,
                inverse: plain.inverse,
            }
        });
        scale(spec, |i, v| v / short[i]);
        spec.attention = self.number("attention_factor")?.unwrap_or(usual) as f32;
        if spec.long.is_none() {
            spec.longest = beyond;
        }
        Ok(())
    }
}

fn scale(spec: &mut RopeSpec, f: impl Fn(usize, f64) -> f64) {
    for (i, v) in spec.inverse.iter_mut().enumerate() {
        *v = f(i, f64::from(*v)) as f32;
    }
}
