//! Draws the pictures of the README: the real app, the real engine, one real frame, as SVG.
//!
//! `cargo run --release --example screenshot -- OUT.svg [COLUMNS ROWS THEME [VECTOR [KEY...]]]`
//! presses the keys once everything is loaded, and waits for what they start.

use std::error::Error;
use std::fmt::Write as _;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use steerscope::app::screen::Screen;
use steerscope::app::{App, Effect, Msg, Settings};
use steerscope::protocol::{Asset, Event};
use steerscope::ui::{self, Depth, Glyphs, Look};
use steerscope::worker::{Options, Worker};

/// Size of one cell in SVG units.
const CELL: (f32, f32) = (8.4, 18.0);

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let out = args.first().ok_or("give the file to write")?;
    let number = |i: usize, default: u16| args.get(i).map_or(Ok(default), |s| s.parse());
    let (columns, rows) = (number(1, 120)?, number(2, 40)?);
    let theme = args
        .get(3)
        .cloned()
        .unwrap_or_else(|| "catppuccin-mocha".to_owned());

    let vector = args.get(4).cloned().unwrap_or_else(|| "she_he".to_owned());
    let mut keys = args.iter().skip(5);

    let mut look = Look::new(Depth::True);
    let settings = Settings {
        vector: Some(Asset::Bundled(vector.clone())),
        dataset: Some(Asset::Bundled(vector)),
        themes: look.names(),
        theme,
        animation: false,
        ..Settings::default()
    };
    let mut app = App::new(settings);
    let (sender, events) = mpsc::channel();
    let worker = Worker::start(Options::default(), move |event| {
        // The receiver lives as long as the loop below.
        let _ = sender.send(event);
    })?;
    let start = Instant::now();
    app.update(Msg::Resize(columns, rows));
    let (mut lanes, mut measured) = (0, false);
    loop {
        // The library is read when its screen is opened.
        let listing = app.screen() == Screen::Vectors && app.library().is_reading();
        let idle = app.lab().running().is_none() && !app.proof().is_running();
        if lanes == 2 && measured && idle && !listing {
            let Some(key) = keys.next() else { break };
            let key = key.parse().map_err(|e| format!("'{key}': {e:?}"))?;
            let effects = app.update(Msg::Key(key));
            perform(&worker, effects);
            perform(&worker, app.flush());
            continue;
        }
        perform(&worker, app.flush());
        let event = events.recv_timeout(Duration::from_secs(120))?;
        match &event {
            Event::GenerationStarted { .. } => lanes = 0,
            Event::LaneFinished { .. } => lanes += 1,
            Event::MeasureFinished { .. } => measured = true,
            Event::Failed(failure) => return Err(failure.message.clone().into()),
            _ => {}
        }
        let mut effects = app.update(Msg::Tick(start.elapsed()));
        effects.extend(app.update(Msg::Worker(event)));
        perform(&worker, effects);
    }
    worker.shutdown(Duration::from_secs(1));

    let mut terminal = Terminal::new(TestBackend::new(columns, rows))?;
    let glyphs = Glyphs::of(app.glyphs());
    let theme = look.theme(&app);
    terminal.draw(|frame| {
        ui::render(&app, theme, &glyphs, frame);
    })?;
    std::fs::write(out, svg(terminal.backend().buffer()))?;
    Ok(())
}

fn perform(worker: &Worker, effects: Vec<Effect>) {
    for effect in effects {
        if let Effect::Send(command) = effect {
            worker.send(command);
        }
    }
}

/// The buffer as SVG: one rectangle and one text run for each stretch of equal style.
fn svg(buffer: &Buffer) -> String {
    let (columns, rows) = (buffer.area.width, buffer.area.height);
    let (width, height) = (f32::from(columns) * CELL.0, f32::from(rows) * CELL.1);
    let paper = colour(buffer[(0, 0)].bg, "#1e1e2e");
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.1} {height:.1}\" \
         font-family=\"DejaVu Sans Mono, Menlo, Consolas, monospace\" font-size=\"14\" xml:space=\"preserve\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"{paper}\"/>\n"
    );
    for y in 0..rows {
        let mut x = 0;
        while x < columns {
            let first = &buffer[(x, y)];
            let begin = x;
            let mut run = String::new();
            while x < columns && same_style(first, &buffer[(x, y)]) {
                run.push_str(buffer[(x, y)].symbol());
                x += 1;
            }
            stretch(&mut text, first, (begin, y), x - begin, &run, &paper);
        }
    }
    text.push_str("</svg>\n");
    text
}

fn same_style(a: &Cell, b: &Cell) -> bool {
    (a.fg, a.bg, a.modifier) == (b.fg, b.bg, b.modifier)
}

fn stretch(
    text: &mut String,
    cell: &Cell,
    (x, y): (u16, u16),
    length: u16,
    run: &str,
    paper: &str,
) {
    let (mut ink, mut ground) = (colour(cell.fg, "#cdd6f4"), colour(cell.bg, paper));
    if cell.modifier.contains(Modifier::REVERSED) {
        std::mem::swap(&mut ink, &mut ground);
    }
    let (left, top, width) = (
        f32::from(x) * CELL.0,
        f32::from(y) * CELL.1,
        f32::from(length) * CELL.0,
    );
    // Writing to a string cannot fail.
    if ground != paper {
        let _ = writeln!(
            text,
            "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{}\" fill=\"{ground}\"/>",
            CELL.1
        );
    }
    if run.trim().is_empty() {
        return;
    }
    let weight = if cell.modifier.contains(Modifier::BOLD) {
        " font-weight=\"bold\""
    } else {
        ""
    };
    let faint = if cell.modifier.contains(Modifier::DIM) {
        " opacity=\"0.6\""
    } else {
        ""
    };
    let safe = run
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let base = top + 0.76 * CELL.1;
    let _ = writeln!(
        text,
        "<text x=\"{left:.1}\" y=\"{base:.1}\" fill=\"{ink}\" textLength=\"{width:.1}\" lengthAdjust=\"spacingAndGlyphs\"{weight}{faint}>{safe}</text>"
    );
}

/// Hexadecimal form; `default` stands for the terminal's own colour.
fn colour(colour: Color, default: &str) -> String {
    match colour {
        Color::Rgb(r, g, b) => format!("#{r:02x}{g:02x}{b:02x}"),
        _ => default.to_owned(),
    }
}
