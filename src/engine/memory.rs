//! Whether a model fits into memory, asked before anything is read.

use super::EngineError;

/// Beyond the weights: activations of a pass and the keys and values of the first prompts.
const WORKING: u64 = 256 << 20;

/// Refuses weights of `weights` bytes where the machine says how much memory is free and it is less.
pub(super) fn check(file: &str, weights: u64) -> Result<(), EngineError> {
    match available() {
        Some(free) => fits(file, weights, free),
        None => Ok(()),
    }
}

fn fits(file: &str, weights: u64, available: u64) -> Result<(), EngineError> {
    let needed = weights.saturating_add(WORKING);
    if needed <= available {
        return Ok(());
    }
    Err(EngineError::Memory {
        file: file.to_owned(),
        needed,
        available,
    })
}

/// Bytes that can be had without swapping; `None` where the system does not say.
pub(super) fn available() -> Option<u64> {
    available_in(&std::fs::read_to_string("/proc/meminfo").ok()?)
}

fn available_in(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find(|l| l.starts_with("MemAvailable:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_is_understood() {
        let text = "MemTotal:       24000000 kB\nMemAvailable:   12000000 kB\n";
        assert_eq!(available_in(text), Some(12_000_000 * 1024));
        assert_eq!(available_in("MemTotal: 1 kB"), None);
    }

    #[test]
    fn too_large_a_model_is_refused_with_both_figures() {
        assert!(fits("a", 1 << 30, 2 << 30).is_ok());
        let error = fits("big.safetensors", 16 << 30, 8 << 30).expect_err("refused");
        let message = error.to_string();
        assert_eq!(error.id(), "memory");
        assert!(
            message.contains("16.2 GiB") && message.contains("8.0 GiB"),
            "{message}"
        );
    }
}
