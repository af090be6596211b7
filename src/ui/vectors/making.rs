//! The dialog for a new vector.

use ratatui::layout::Rect;

use crate::app::extraction::{ExtractForm, Field};
use crate::app::hits::Target;
use crate::text;
use crate::ui::Role;
use crate::ui::canvas::Canvas;
use crate::ui::overlay::{centred, open, tail};

/// Columns before the values.
const LABELS: u16 = 13;
/// Columns of a value with a hint behind it.
const VALUES: u16 = 24;

/// Draws it.
pub(in crate::ui) fn form(c: &mut Canvas<'_>, screen: Rect, form: &ExtractForm) -> Option<Rect> {
    let fields = form.fields();
    let area = centred(screen, 78, fields.len() as u16 + 4);
    let name = c.style(Role::Focus);
    let inner = open(c, area, &[("new vector", name)]);
    let (muted, accent, plain, warning) = (
        c.style(Role::Muted),
        c.style(Role::Accent),
        c.style(Role::Text),
        c.style(Role::Warning),
    );
    for (i, field) in fields.iter().enumerate() {
        let y = inner.y + i as u16;
        if y >= inner.bottom() {
            break;
        }
        let row = Rect {
            y,
            height: 1,
            ..inner
        };
        c.region(row, Target::OverlayRow(i));
        let at = form.field() == *field;
        let here = if at { c.glyphs.here } else { " " };
        c.text(inner.x, y, here, accent, 1);
        c.text(inner.x + 2, y, form.label(*field), plain, LABELS - 3);
        let cursor = if at && form.takes_text() {
            c.glyphs.cursor
        } else {
            ""
        };
        let value = text::one_line(&form.value(*field));
        let text_field = matches!(field, Field::Positive | Field::Negative | Field::Prompts);
        let x = inner.x + LABELS;
        // A typed text takes the whole row; its end is what is being typed.
        let room = if text_field && !value.is_empty() {
            inner.right().saturating_sub(x + 1)
        } else {
            VALUES
        };
        let shown = if at && form.takes_text() {
            tail(&value, usize::from(room.saturating_sub(1)))
        } else {
            &value
        };
        let used = c.pieces(x, y, &[(shown, accent), (cursor, accent)], room);
        if text_field && !value.is_empty() {
            continue;
        }
        let from = x + used.max(VALUES - 2) + 2;
        let misfit = *field == Field::Method && form.misfit().is_some();
        let style = if misfit { warning } else { muted };
        let room = inner.right().saturating_sub(from);
        c.text(from, y, form.hint(*field), style, room);
    }
    let y = inner.bottom().saturating_sub(1);
    let words = match (&form.error, form.field()) {
        (Some(why), _) => {
            c.text(inner.x + 2, y, why, warning, inner.width.saturating_sub(2));
            ""
        }
        (None, Field::Read) if form.read_is_fixed().is_none() => {
            "left and right choose, ctrl-t shows the first text to choose on it"
        }
        (None, _) if form.takes_text() => "type or paste, ctrl-u clears, enter makes the vector",
        (None, _) => "left and right choose, enter makes the vector, esc leaves",
    };
    c.text(inner.x + 2, y, words, muted, inner.width.saturating_sub(2));
    c.hits.overlay_height = fields.len();
    None
}
