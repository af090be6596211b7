//! Figures as files: whole, of the promised size, the same for the same figures.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed unwrap is a failed test"
)]

use steerscope::plot;
use steerscope::protocol::ResponseFigure;

fn figure() -> ResponseFigure {
    let multipliers = vec![-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5];
    let slope = |i: usize| 0.8 - (i as f32 * 0.37).sin();
    let row = |i: usize| {
        multipliers
            .iter()
            .map(|m| m * slope(i) + 0.1 * i as f32)
            .collect()
    };
    ResponseFigure {
        title: "a <vector> & more on a data set, block 3 of a model".to_owned(),
        protocol: "block 3, mask from_last_prompt, ‖v‖ 1.000".to_owned(),
        rows: (0..40).map(row).collect(),
        multipliers,
    }
}

#[test]
fn an_svg_says_what_it_shows_and_is_the_same_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str| {
        let path = folder.path().join(name);
        plot::write(&figure(), &path).unwrap();
        std::fs::read_to_string(path).unwrap()
    };
    let text = write("a.svg");
    assert_eq!(text, write("b.SVG"), "equal figures, equal bytes");
    assert!(text.starts_with("<svg") && text.trim_end().ends_with("</svg>"));
    assert!(
        text.contains("a &lt;vector&gt; &amp; more"),
        "text is escaped"
    );
    let slopes: Vec<f64> = (0..40)
        .map(|i| 0.8 - f64::from((i as f32 * 0.37).sin()))
        .collect();
    let anti = slopes.iter().filter(|s| **s <= 0.0).count();
    let share = format!("anti-steerable {:.0}%", 100.0 * anti as f64 / 40.0);
    assert!(anti > 0 && text.contains(&share), "{share}");
    // Bars on both sides of zero in their own colours.
    assert!(text.contains("#D55E00") && text.contains("#0072B2"));
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        2,
        "no partial file stays"
    );
}

#[test]
fn a_png_is_a_picture_with_text_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.png");
    plot::write(&figure(), &path).unwrap();
    let decoder = png::Decoder::new(std::fs::File::open(path).unwrap());
    let mut reader = decoder.read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size()];
    let info = reader.next_frame(&mut pixels).unwrap();
    assert_eq!((info.width, info.height), (1200, 560));
    let dark = |rows: std::ops::Range<usize>| {
        let pixels = pixels
            .chunks_exact(3)
            .skip(rows.start * 1200)
            .take(rows.len() * 1200);
        pixels.filter(|p| p.iter().all(|c| *c < 120)).count()
    };
    assert!(dark(10..40) > 300, "the title is drawn: {}", dark(10..40));
    assert!(dark(80..520) > 500, "axes and labels");
}

#[test]
fn what_cannot_be_drawn_is_refused_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let id = |figure: &ResponseFigure, name: &str| plot::write(figure, &at(name)).unwrap_err().id();
    assert_eq!(id(&figure(), "a.pdf"), "figure-format");
    assert_eq!(id(&figure(), "none/a.svg"), "figure-write");
    let empty = ResponseFigure {
        rows: Vec::new(),
        ..figure()
    };
    assert_eq!(id(&empty, "a.svg"), "figure-empty");
    // Figures that are not finite, and a single input, draw what there is.
    let odd = ResponseFigure {
        rows: vec![vec![f32::NAN; 7], vec![1.0; 7]],
        ..figure()
    };
    for name in ["b.svg", "b.png"] {
        plot::write(&odd, &at(name)).unwrap();
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}
