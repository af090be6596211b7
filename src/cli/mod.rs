//! The command line: parses, chooses between the screen and a command, turns endings into exit
//! statuses (0 done, 1 failed, 2 wrong usage, 130 interrupted).

pub mod args;
mod args_calibrate;
mod args_data;
mod args_extract;
mod args_keep;
mod args_lab;
mod args_rows;
mod args_site;
mod args_sweep;
mod args_tokens;
mod args_vectors;
mod bundle;
mod calibrate;
mod compare;
mod condition;
mod controls;
mod dataset;
mod extract;
mod extract_positions;
mod extract_source;
mod extract_table;
mod factors;
mod fan;
mod generate;
mod lab;
mod list;
mod measure;
mod measure_positions;
mod open;
mod output;
mod predict;
mod probe;
mod runs;
mod screen;
mod shift;
mod study;
mod sweep;
mod sweep_cells;
mod tokens;
mod tokens_table;
mod units;
mod vectors;
mod vectors_info;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use args::{Cli, Command};
use clap::Parser;
use output::Ending;

/// Parses the process's arguments and runs what they ask for.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers, not faults; a closed pipe is no fault either.
            let status = u8::try_from(error.exit_code()).unwrap_or(2);
            let _ = error.print();
            return ExitCode::from(status);
        }
    };
    crate::engine::init_threads();
    let done = match cli.command {
        Some(Command::Generate(args)) => generate::run(&args),
        Some(Command::Extract(args)) => extract::run(&args),
        Some(Command::Measure(args)) => measure::run(&args),
        Some(Command::Sweep(args)) => sweep::run(&args),
        Some(Command::Factors(args)) => factors::run(&args),
        Some(Command::Predict(args)) => predict::run(&args),
        Some(Command::Shift(args)) => shift::run(&args),
        Some(Command::Compare(args)) => compare::run(&args),
        Some(Command::Controls(args)) => controls::run(&args),
        Some(Command::Calibrate(args)) => calibrate::run(&args),
        Some(Command::Fan(args)) => fan::run(&args),
        Some(Command::Tokens(args)) => tokens::run(&args),
        Some(Command::List(args)) => list::run(&args),
        Some(Command::Runs(command)) => runs::run(&command),
        Some(Command::Dataset(command)) => dataset::run(&command),
        Some(Command::Vectors(command)) => vectors::run(&command),
        None if io::stdout().is_terminal() && io::stdin().is_terminal() => return screen::run(cli.screen),
        None => Err(Ending::Usage(
            "no terminal to draw on; use 'steerscope generate', 'extract', 'measure' or another command (see --help)"
                .to_string(),
        )),
    };
    match done {
        Ok(()) | Err(Ending::BrokenPipe) => ExitCode::SUCCESS,
        Err(Ending::Failed(message)) => say(&message, 1),
        Err(Ending::Usage(message)) => say(&message, 2),
    }
}

fn say(message: &str, status: u8) -> ExitCode {
    // With standard error closed the exit status still tells.
    let _ = writeln!(io::stderr(), "steerscope: {message}");
    ExitCode::from(status)
}
