//! No subcommand: decide how the screen looks from flags and environment, then open it.

use std::env;
use std::process::ExitCode;

use super::args::{ColourChoice, CrashPoint, GlyphChoice, MemoryArgs, ScreenArgs};
use super::say;
use crate::app::{GlyphSet, Settings};
use crate::protocol::Asset;
use crate::runtime::{self, Paths, Screenplay};
use crate::ui::{Depth, Look};
use crate::worker::Library;

pub(super) fn run(args: ScreenArgs) -> ExitCode {
    let paths = Paths::find();
    let look = Look::new(depth(args.color));
    let names = look.names();
    let theme = args.theme.unwrap_or_else(|| "default".to_string());
    if !names.contains(&theme) {
        return say(
            &format!(
                "there is no theme '{theme}'; choose one of {}",
                names.join(", ")
            ),
            2,
        );
    }
    let asking = match args.ask.asking(args.parity) {
        Ok(asking) => asking,
        Err(words) => return say(&words, 2),
    };
    let library = Library::new(Some(paths.data.clone()));
    let find = |text: Option<String>, find: &dyn Fn(&str) -> Asset| text.map(|t| find(&t));
    let settings = Settings {
        model: args.model,
        vector: find(args.vector, &|t| library.vector_asset(t)),
        dataset: find(args.dataset, &|t| library.dataset_asset(t)),
        asking,
        themes: names,
        theme,
        glyphs: glyphs(args.glyphs),
        home: env::home_dir(),
        ..Settings::default()
    };
    let play = Screenplay {
        settings,
        look,
        mouse: !args.no_mouse,
        inputs: args.inputs,
        device: args.device,
        store: args.store.path(),
        memory: args.memory.memory,
        quarter: MemoryArgs::quarter(),
        paths,
        crash_ui: args.crash == Some(CrashPoint::Ui),
        crash_engine: args.crash == Some(CrashPoint::Engine),
    };
    match runtime::run(play) {
        Ok(status) => status,
        Err(error) => say(&format!("the terminal cannot be used: {error}"), 1),
    }
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_default()
}

/// Colours the terminal says it can show.
fn depth(choice: ColourChoice) -> Depth {
    let term = variable("TERM");
    let refused = !variable("NO_COLOR").is_empty() || term == "dumb";
    if choice == ColourChoice::Never || (choice == ColourChoice::Auto && refused) {
        return Depth::None;
    }
    let colour_term = variable("COLORTERM");
    if colour_term == "truecolor" || colour_term == "24bit" || term.ends_with("-direct") {
        Depth::True
    } else if term.contains("256color") {
        Depth::Indexed
    } else {
        Depth::Ansi16
    }
}

/// Unicode where the locale is UTF-8 and the terminal has the glyphs.
fn glyphs(choice: GlyphChoice) -> GlyphSet {
    match choice {
        GlyphChoice::Unicode => GlyphSet::Unicode,
        GlyphChoice::Ascii => GlyphSet::Ascii,
        GlyphChoice::Auto => {
            let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
                .into_iter()
                .map(variable)
                .find(|v| !v.is_empty())
                .unwrap_or_default()
                .to_ascii_lowercase();
            let utf8 = locale.contains("utf-8") || locale.contains("utf8") || cfg!(windows);
            if utf8 && variable("TERM") != "linux" {
                GlyphSet::Unicode
            } else {
                GlyphSet::Ascii
            }
        }
    }
}
