//! The dialog for the condition on prompts.

use ratatui::layout::Rect;

use super::overlay::{centred, open};
use crate::app::condition::{ConditionForm, FIELDS};
use crate::app::hits::Target;
use crate::ui::Role;
use crate::ui::canvas::Canvas;

/// Draws it.
pub(super) fn draw(c: &mut Canvas<'_>, screen: Rect, form: &ConditionForm) -> Option<Rect> {
    let area = centred(screen, 70, FIELDS.len() as u16 + 5);
    let name = c.style(Role::Focus);
    let inner = open(c, area, &[("steer only if the prompt is", name)]);
    let (muted, accent, plain) = (
        c.style(Role::Muted),
        c.style(Role::Accent),
        c.style(Role::Text),
    );
    for (i, label) in FIELDS.iter().enumerate() {
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
        let at = form.at == i;
        let here = if at { c.glyphs.here } else { " " };
        let cursor = if at && form.takes_text() {
            c.glyphs.cursor
        } else {
            ""
        };
        c.text(inner.x, y, here, accent, 1);
        c.text(inner.x + 2, y, label, plain, 11);
        let value = form.value(i);
        let used = c.pieces(inner.x + 14, y, &[(&value, accent), (cursor, accent)], 28);
        let from = inner.x + 14 + used.max(24) + 2;
        c.text(
            from,
            y,
            form.hint(i),
            muted,
            inner.right().saturating_sub(from),
        );
    }
    let y = inner.y + FIELDS.len() as u16 + 1;
    let found = c.app.similarities(form);
    let found = found.unwrap_or_else(|| {
        "cosine of the prompt's mean row with its part along the vector".to_owned()
    });
    let room = inner.width.saturating_sub(2);
    c.text(inner.x + 2, y, &found, muted, room);
    let (line, style) = match &form.error {
        Some(error) => (format!("{} {error}", c.glyphs.cross), c.style(Role::Error)),
        None => (
            "left and right change, enter takes it, esc leaves".to_owned(),
            muted,
        ),
    };
    c.text(inner.x + 2, y + 1, &line, style, room);
    c.hits.overlay_height = FIELDS.len();
    None
}
