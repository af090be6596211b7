//! Figures for papers and talks: what the screen shows of a measurement, as SVG or PNG.

mod response;

use std::path::{Path, PathBuf};
use std::sync::Once;

use plotters::coord::Shift;
use plotters::prelude::*;

use crate::protocol::ResponseFigure;

/// Size of a figure in points of the SVG, in pixels of half that size of the PNG.
const SIZE: (u32, u32) = (1200, 560);

/// Why a figure could not be written.
#[derive(Debug, thiserror::Error)]
pub enum PlotError {
    /// Neither of the two formats.
    #[error("'{0}' ends in neither .svg nor .png; name the figure with one of them")]
    Ending(PathBuf),
    /// Nothing to draw.
    #[error("nothing is measured yet; a figure needs at least one input")]
    Empty,
    /// The file cannot be written.
    #[error("'{path}' cannot be written: {reason}")]
    Write {
        /// File.
        path: PathBuf,
        /// The system's or the library's words.
        reason: String,
    },
}

impl PlotError {
    /// Stable kebab-case id.
    pub fn id(&self) -> &'static str {
        match self {
            Self::Ending(_) => "figure-format",
            Self::Empty => "figure-empty",
            Self::Write { .. } => "figure-write",
        }
    }
}

/// Writes the figure of a measurement to a `.svg` or `.png` file. The file appears whole or not at all.
///
/// # Errors
/// [`PlotError`].
pub fn write(figure: &ResponseFigure, path: &Path) -> Result<(), PlotError> {
    let ending = path
        .extension()
        .and_then(|e| e.to_str())
        .unwrap_or_default();
    let failed = |reason: String| PlotError::Write {
        path: path.to_owned(),
        reason,
    };
    let bytes = match ending.to_ascii_lowercase().as_str() {
        "svg" => svg(figure, &failed)?.into_bytes(),
        "png" => png(figure, &failed)?,
        _ => return Err(PlotError::Ending(path.to_owned())),
    };
    let mut beside = path.as_os_str().to_owned();
    beside.push(".partial");
    std::fs::write(&beside, bytes)
        .and_then(|()| std::fs::rename(&beside, path))
        .map_err(|e| failed(e.to_string()))
}

type Failed<'a> = &'a dyn Fn(String) -> PlotError;

fn svg(figure: &ResponseFigure, failed: Failed<'_>) -> Result<String, PlotError> {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
        on(&area, figure, failed)?;
    }
    Ok(text)
}

fn png(figure: &ResponseFigure, failed: Failed<'_>) -> Result<Vec<u8>, PlotError> {
    let mut pixels = vec![0; (SIZE.0 * SIZE.1 * 3) as usize];
    {
        let area = BitMapBackend::with_buffer(&mut pixels, SIZE).into_drawing_area();
        on(&area, figure, failed)?;
    }
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, SIZE.0, SIZE.1);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(|e| failed(e.to_string()))?;
    let written = writer.write_image_data(&pixels);
    written.map_err(|e| failed(e.to_string()))?;
    writer.finish().map_err(|e| failed(e.to_string()))?;
    Ok(bytes)
}

fn on<B: DrawingBackend>(
    area: &DrawingArea<B, Shift>,
    figure: &ResponseFigure,
    failed: Failed<'_>,
) -> Result<(), PlotError> {
    if figure.rows.is_empty() || figure.multipliers.is_empty() {
        return Err(PlotError::Empty);
    }
    font();
    response::draw(area, figure).map_err(|e| failed(e.to_string()))?;
    area.present().map_err(|e| failed(e.to_string()))
}

/// The font inside the binary: no figure depends on those of a machine.
fn font() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Bytes of a released font; should they ever not parse, drawing text says so.
        let bytes = dejavu::sans::regular();
        let _ = plotters::style::register_font("sans-serif", FontStyle::Normal, bytes);
    });
}
