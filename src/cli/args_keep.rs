//! Flags that say what a measuring command keeps: results in a file, prompts in memory.

use std::path::PathBuf;

use clap::Args;

use crate::engine::Model;
use crate::measure::CacheOptions;
use crate::runtime::Paths;
use crate::store::Keeping;

/// The run store of a measuring command.
#[derive(Debug, Clone, Args)]
pub struct StoreArgs {
    /// Run store to look results up in and to keep them in [default: runs.sqlite in the data directory]
    #[arg(long, value_name = "FILE", conflicts_with = "no_store")]
    pub store: Option<PathBuf>,
    /// Measure anew and keep nothing
    #[arg(long)]
    pub no_store: bool,
}

impl StoreArgs {
    /// The store these flags ask for, or none.
    pub fn keeping(&self) -> Keeping {
        self.path()
            .map_or_else(Keeping::none, |path| Keeping::open(&path))
    }

    /// Its file.
    pub fn path(&self) -> Option<PathBuf> {
        let default = || Paths::find().runs();
        (!self.no_store).then(|| self.store.clone().unwrap_or_else(default))
    }
}

/// Memory for prompts that were computed.
#[derive(Debug, Clone, Args)]
pub struct MemoryArgs {
    /// Memory for computed prompts, such as 512M or 2G; those beyond it are computed again when they are needed again [default: a quarter of the machine's; 2.5 GiB on a GPU]
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub memory: Option<usize>,
}

impl MemoryArgs {
    /// Limits of the caches of a model: those asked for, else a quarter of the memory that this process
    /// may have. On a GPU, whose memory is another, and where the system does not tell, the
    /// library's default.
    pub fn options(&self, model: &Model) -> CacheOptions {
        let quarter = || {
            let on_cpu = model.device().contains("cpu");
            on_cpu.then(Self::quarter).flatten()
        };
        self.memory
            .or_else(quarter)
            .map_or_else(CacheOptions::default, CacheOptions::within)
    }

    /// A quarter of the memory that this process may have, if that is known.
    pub fn quarter() -> Option<usize> {
        installed().map(|bytes| bytes / 4)
    }
}

/// Bytes of memory that the machine has, or that its container is allowed; `None` where the system does
/// not say.
fn installed() -> Option<usize> {
    let total = installed_in(&std::fs::read_to_string("/proc/meminfo").ok()?)?;
    let limit = std::fs::read_to_string("/sys/fs/cgroup/memory.max");
    // Without a limit the file says "max".
    let limit = limit.ok().and_then(|text| text.trim().parse().ok());
    Some(total.min(limit.unwrap_or(usize::MAX)))
}

fn installed_in(meminfo: &str) -> Option<usize> {
    let line = meminfo.lines().find(|l| l.starts_with("MemTotal:"))?;
    let kib: usize = line.split_whitespace().nth(1)?.parse().ok()?;
    kib.checked_mul(1024)
}

/// A size in bytes, or with K, M, G or T (powers of 1024; an `iB` or `B` after it changes nothing).
pub(super) fn parse_size(text: &str) -> Result<usize, String> {
    let wrong = || {
        format!(
            "'{text}' is no size; write a number above 0 with K, M, G or T, such as 512M or 1.5G"
        )
    };
    let plain = text.trim().to_ascii_uppercase();
    let plain = plain
        .strip_suffix("IB")
        .or(plain.strip_suffix('B'))
        .unwrap_or(&plain);
    let powers = [('K', 1), ('M', 2), ('G', 3), ('T', 4)];
    let named = powers
        .iter()
        .find_map(|(unit, n)| Some((plain.strip_suffix(*unit)?, *n)));
    let (digits, power) = named.unwrap_or((plain, 0));
    let factor = 1024_f64.powi(power);
    let bytes = digits.trim().parse::<f64>().map_err(|_| wrong())? * factor;
    // Beyond 2⁵³ a double no longer holds every whole number, and no machine has that much.
    if (1.0..9e15).contains(&bytes) {
        Ok(bytes as usize)
    } else {
        Err(wrong())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_in_powers_of_1024() {
        for (text, bytes) in [
            ("512M", 512 << 20),
            ("2G", 2 << 30),
            ("1.5g", 3 << 29),
            ("2GiB", 2 << 30),
            ("64 kb", 64 << 10),
            ("1", 1),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for text in ["", "G", "0", "-1G", "2X", "nanG", "infG", "1e30G", "2GG"] {
            let said = parse_size(text).expect_err(text);
            assert!(said.contains("512M") && said.contains(text), "{said}");
        }
    }

    #[test]
    fn the_machine_says_how_much_memory_it_has() {
        let text = "MemTotal:       24000000 kB\nMemFree: 1 kB\n";
        assert_eq!(installed_in(text), Some(24_000_000 * 1024));
        assert_eq!(installed_in("nothing"), None);
    }
}
