//! Which device computes a model, and whether the model fits there.

use candle_core::{DType, Device};

use super::assemble::Loader;
use super::error::gib;
use super::weights::Weights;
use super::{Config, EngineError, Precision, memory};
use crate::units::DeviceChoice;

/// Beyond the weights: activations of a pass and the keys and values of the first prompts.
const WORKING: u64 = 512 << 20;

/// A device that computes with candle's tensors.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) device: Device,
    pub(super) choice: DeviceChoice,
    /// Number type of keys, values and attention.
    pub(super) dtype: DType,
}

impl Target {
    /// candle on the CPU, in f32.
    pub(super) fn cpu() -> Self {
        Self {
            device: Device::Cpu,
            choice: DeviceChoice::TensorCpu,
            dtype: DType::F32,
        }
    }

    /// Number type in which weights are kept that a file has in `precision`: a GPU multiplies halves as
    /// they are, candle on the CPU works in f32, and what is quantised becomes f32.
    pub(super) fn weights(&self, precision: Precision) -> DType {
        let gpu = !self.device.is_cpu();
        match precision {
            Precision::F16 if gpu => DType::F16,
            Precision::Bf16 if gpu => DType::BF16,
            _ => DType::F32,
        }
    }

    /// An error in the words that fit this device.
    pub(super) fn explain(&self, error: EngineError) -> EngineError {
        match error {
            EngineError::Candle(e) => {
                let words = e.to_string();
                let lower = words.to_lowercase();
                if lower.contains("out of memory") || lower.contains("out_of_memory") {
                    EngineError::DeviceMemory {
                        device: self.choice.to_string(),
                        what: "an allocation failed".to_owned(),
                    }
                } else {
                    EngineError::Candle(e)
                }
            }
            error => error,
        }
    }
}

/// The way a model is computed.
#[derive(Debug, Clone)]
pub(super) enum Place {
    /// Our kernel, on the CPU.
    Kernel,
    /// candle's tensors.
    Tensors(Target),
}

impl Place {
    /// The place that `choice` means for a model that is about to be loaded.
    pub(super) fn find(
        choice: DeviceChoice,
        config: &Config,
        weights: &dyn Weights,
    ) -> Result<Self, EngineError> {
        match choice {
            DeviceChoice::Cpu => Ok(Self::Kernel),
            DeviceChoice::Auto => {
                let gpus = [
                    (cfg!(feature = "cuda"), DeviceChoice::Cuda(0)),
                    (cfg!(feature = "metal"), DeviceChoice::Metal(0)),
                ];
                let mut built = gpus.into_iter().filter(|g| g.0);
                // A missing driver, a GPU in use or a model too large for it is what `auto` is for.
                let found = built.find_map(|(_, gpu)| tensors(gpu, config, weights).ok());
                Ok(found.unwrap_or(Self::Kernel))
            }
            choice => tensors(choice, config, weights),
        }
    }

    pub(super) fn is_kernel(&self) -> bool {
        matches!(self, Self::Kernel)
    }
}

fn tensors(
    choice: DeviceChoice,
    config: &Config,
    weights: &dyn Weights,
) -> Result<Place, EngineError> {
    let precision = Loader::new(config, weights).embedding()?.precision();
    let mut target = Target {
        device: open(choice)?,
        choice,
        dtype: DType::F32,
    };
    target.dtype = target.weights(precision);
    let needed = weight_bytes(config, target.dtype).saturating_add(WORKING);
    if let Some(available) = free(&target.device)
        && needed > available
    {
        return Err(EngineError::DeviceMemory {
            device: choice.to_string(),
            what: format!(
                "the model needs about {} and {} are free",
                gib(needed),
                gib(available)
            ),
        });
    }
    Ok(Place::Tensors(target))
}

fn open(choice: DeviceChoice) -> Result<Device, EngineError> {
    let (built, feature) = match choice {
        DeviceChoice::Cuda(_) => (cfg!(feature = "cuda"), "cuda"),
        DeviceChoice::Metal(_) => (cfg!(feature = "metal"), "metal"),
        _ => return Ok(Device::Cpu),
    };
    if !built {
        return Err(EngineError::DeviceNotBuilt {
            device: choice.to_string(),
            feature,
        });
    }
    match choice {
        DeviceChoice::Cuda(n) => Device::new_cuda(n),
        DeviceChoice::Metal(n) => Device::new_metal(n),
        _ => Ok(Device::Cpu),
    }
    .map_err(|e| EngineError::DeviceUnavailable {
        device: choice.to_string(),
        reason: e.to_string(),
    })
}

/// Free memory of a device in bytes; `None` where it is not to be had: candle does not tell it for Metal.
fn free(device: &Device) -> Option<u64> {
    match device {
        Device::Cpu => memory::available(),
        #[cfg(feature = "cuda")]
        Device::Cuda(cuda) => {
            let (free, _) = cuda.cuda_stream().context().mem_get_info().ok()?;
            Some(free as u64)
        }
        _ => None,
    }
}

/// Memory of the weights, by the sizes of the configuration.
fn weight_bytes(config: &Config, dtype: DType) -> u64 {
    let times = |a: usize, b: usize| (a as u64).saturating_mul(b as u64);
    let (d, f) = (config.hidden_size, config.intermediate_size);
    let heads = config.n_heads + config.n_kv_heads;
    let attention = times(2 * d, heads).saturating_mul(config.head_dim as u64);
    let mlp = times(d, f).saturating_mul(if config.spec.gated { 3 } else { 2 });
    let blocks = attention
        .saturating_add(mlp)
        .saturating_mul(config.n_blocks as u64);
    let tables = times(config.vocab_size, d).saturating_mul(if config.tied { 1 } else { 2 });
    blocks
        .saturating_add(tables)
        .saturating_mul(dtype.size_in_bytes() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn out_of_memory_is_told_from_other_failures() {
        let target = Target::cpu();
        let of = |words: &str| {
            let error = candle_core::Error::Msg(words.to_owned());
            target.explain(EngineError::Candle(error)).id()
        };
        let cuda = "DriverError(CUDA_ERROR_OUT_OF_MEMORY, \"out of memory\")";
        assert_eq!(of(cuda), "device-memory");
        assert_eq!(of("shape mismatch"), "tensor-failed");
    }
}
