//! Where the program keeps things: XDG folders, or one folder named by `STEERSCOPE_HOME`.

use std::path::PathBuf;

use etcetera::{AppStrategy, AppStrategyArgs, choose_app_strategy};

/// The folders of one user. Nothing is created until something is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// Vectors and data sets of the user: `vectors/`, `datasets/`, `themes/`.
    pub data: PathBuf,
    /// Log, crash files, prompt history.
    pub state: PathBuf,
}

impl Paths {
    /// From the environment; falls back to the temporary folder where there is no home.
    pub fn find() -> Self {
        if let Some(home) = std::env::var_os("STEERSCOPE_HOME").filter(|h| !h.is_empty()) {
            let home = PathBuf::from(home);
            return Self {
                data: home.join("data"),
                state: home.join("state"),
            };
        }
        let names = AppStrategyArgs {
            top_level_domain: "dev".to_string(),
            author: "steerscope".to_string(),
            app_name: "steerscope".to_string(),
        };
        choose_app_strategy(names).map_or_else(
            |_| {
                let fallback = std::env::temp_dir().join("steerscope");
                Self {
                    data: fallback.join("data"),
                    state: fallback.join("state"),
                }
            },
            |s| Self {
                data: s.data_dir(),
                state: s.state_dir().unwrap_or_else(|| s.data_dir().join("state")),
            },
        )
    }

    /// Standard error while the screen is up.
    pub fn log(&self) -> PathBuf {
        self.state.join("steerscope.log")
    }

    /// Measured results.
    pub fn runs(&self) -> PathBuf {
        self.data.join(crate::store::FILE_NAME)
    }

    /// Prompts typed before, newest last, as JSON lines.
    pub fn history(&self) -> PathBuf {
        self.state.join("history.jsonl")
    }
}
