//! What a user does first, on the bundled model.

use super::harness::Session;

const WIDE: (u16, u16) = (120, 40);

fn explore(columns: u16, rows: u16) -> Session {
    let session = Session::start(&["--inputs", "24"], columns, rows);
    session.wait_for("24/24");
    session
}

/// Text of the line that holds `mark`.
fn line_with(screen: &str, mark: &str) -> Option<String> {
    screen
        .lines()
        .find(|l| l.contains(mark))
        .map(ToString::to_string)
}

/// Number right after `mark`, e.g. the mean in `mean +0.31`.
fn number_after(screen: &str, mark: &str) -> Option<f64> {
    let rest = screen.split(mark).nth(1)?;
    let number: String = rest
        .trim_start()
        .chars()
        .take_while(|c| "+-.0123456789".contains(*c))
        .collect();
    number.parse().ok()
}

#[test]
fn the_bundled_model_opens_generates_and_measures_offline() {
    let session = explore(WIDE.0, WIDE.1);
    let screen = session.wait("both texts", |s| {
        (s.contains("unsteered") && s.contains("steered") && s.contains("anti-steerable"))
            .then(|| s.to_string())
    });
    assert!(number_after(&screen, "mean").is_some(), "{screen}");
    assert!(line_with(&screen, "bundled").is_some(), "{screen}");
}

#[test]
fn the_coefficient_moves_by_key_and_the_steered_text_follows() {
    let mut session = explore(WIDE.0, WIDE.1);
    let before = session.wait("the applied norm", |s| line_with(s, "c·‖v‖"));
    session.send("5\t\t"); // whatever has the focus: the coefficient pane next
    session.send("\x1b");
    session.send("5");
    session.send("l");
    session.wait("another applied norm", |s| {
        line_with(s, "c·‖v‖").filter(|l| *l != before)
    });
    session.wait("the new label of the steered text", |s| {
        s.contains("steered").then_some(())
    });
}

#[test]
fn the_layer_moves_by_key_and_the_histogram_is_recomputed() {
    let mut session = explore(WIDE.0, WIDE.1);
    let before = session.wait("the layer", |s| line_with(s, "‖v‖ "));
    session.send("[");
    session.wait("another layer", |s| {
        line_with(s, "‖v‖ ").filter(|l| *l != before)
    });
    session.wait_for("24/24");
}

#[test]
fn a_slider_moves_by_mouse() {
    let mut session = explore(WIDE.0, WIDE.1);
    let (row, before) = session.wait("the coefficient pane", |s| {
        let row = s.lines().position(|l| l.contains("5 coefficient"))?;
        Some((row as u16, line_with(s, "c·‖v‖")?))
    });
    session.click(4, row + 1);
    session.wait("another applied norm", |s| {
        line_with(s, "c·‖v‖").filter(|l| *l != before)
    });
}

#[test]
fn a_typed_prompt_is_generated_from() {
    let mut session = explore(WIDE.0, WIDE.1);
    session.send("a");
    session.send("The old grey owl said");
    session.wait_for("The old grey owl said");
    session.send("\r");
    session.wait("its continuation", |s| {
        (s.contains("The old grey owl said") && s.contains("unsteered")).then_some(())
    });
}

#[test]
fn a_bar_opens_one_of_its_inputs() {
    let mut session = explore(WIDE.0, WIDE.1);
    session.send("6");
    session.send("l");
    session.send("\r");
    session.wait("an opened input", |s| {
        s.contains("prompt input").then_some(())
    });
}

#[test]
fn it_survives_a_storm_of_sizes() {
    let mut session = explore(WIDE.0, WIDE.1);
    for (columns, rows) in [
        (80, 24),
        (1, 1),
        (40, 10),
        (200, 50),
        (20, 4),
        (79, 23),
        (120, 40),
    ] {
        session.resize(columns, rows);
    }
    session.wait_for("anti-steerable");
    session.resize(80, 24);
    session.wait("the small layout", |s| {
        (s.lines().count() <= 24 && s.contains("steered")).then_some(())
    });
}

#[test]
fn no_colour_is_written_under_no_color() {
    let mut session = Session::start_with(&["--inputs", "8"], 100, 30, &[("NO_COLOR", "1")]);
    session.wait_for("8/8");
    session.send("q");
    session.wait_for_end();
    let raw = String::from_utf8_lossy(&session.raw()).into_owned();
    for colour in ["\x1b[38;", "\x1b[48;", "\x1b[31m", "\x1b[32m", "\x1b[34m"] {
        assert!(!raw.contains(colour), "{colour:?} was written");
    }
}

#[test]
fn a_model_of_the_hub_is_fetched_while_the_loaded_one_stays() {
    let server = crate::hub::server::Server::with_model();
    let cache = tempfile::tempdir().unwrap();
    let endpoint = server.endpoint();
    let env = [
        ("HF_ENDPOINT", endpoint.as_str()),
        ("HF_HOME", cache.path().to_str().unwrap()),
    ];
    let mut session = Session::start_with(&["--inputs", "16"], WIDE.0, WIDE.1, &env);
    session.wait_for("16/16");
    session.send("M");
    session.wait_for("type to filter, or a path");
    session.send("org/other\r");
    session.wait_for("the hub has no 'org/other'");
    session.send("\x1b");
    session.wait("the message to go", |s| {
        (!s.contains("the hub has no")).then_some(())
    });
    session.send("M");
    session.wait_for("type to filter, or a path");
    session.send("org/name\r");
    session.wait("the name of the fetched model", |s| {
        s.lines()
            .next()
            .is_some_and(|l| l.contains("org/name"))
            .then_some(())
    });
    // Its own vectors are the user's business; the data set comes along.
    session.wait_for("no vector: press v");
}
