//! The dialog for how rows are asked and read, with the whole protocol under it.

use ratatui::layout::Rect;

use crate::app::asking::{AskingForm, FIELDS};
use crate::app::hits::Target;
use crate::ui::Role;
use crate::ui::canvas::Canvas;
use crate::ui::overlay::{centred, open};

/// Where values begin.
const VALUE: u16 = 12;

/// Draws the dialog.
pub(super) fn draw(c: &mut Canvas<'_>, screen: Rect, form: &AskingForm) -> Option<Rect> {
    let n = FIELDS.len() as u16;
    let area = centred(screen, 84, 2 * n + 7);
    let name = c.style(Role::Focus);
    let inner = open(c, area, &[("protocol", name)]);
    let (muted, accent, plain) = (
        c.style(Role::Muted),
        c.style(Role::Accent),
        c.style(Role::Text),
    );
    let room = inner.width.saturating_sub(VALUE);
    for (i, label) in FIELDS.iter().enumerate() {
        let y = inner.y + 2 * i as u16;
        if y >= inner.bottom() {
            break;
        }
        let rows = Rect {
            y,
            height: 2.min(inner.bottom() - y),
            ..inner
        };
        c.region(rows, Target::OverlayRow(i));
        let at = form.at == i;
        let here = if at { c.glyphs.here } else { " " };
        c.text(inner.x, y, here, accent, 1);
        c.text(inner.x + 2, y, label, plain, VALUE - 3);
        // The end of a long text is where it is typed.
        let value = form.value(i);
        let most = usize::from(room.saturating_sub(1));
        let skip = value.chars().count().saturating_sub(most);
        let shown: String = value.chars().skip(skip).collect();
        let typed = at && form.is_typed(i);
        let cursor = if typed { c.glyphs.cursor } else { "" };
        c.pieces(
            inner.x + VALUE,
            y,
            &[(&shown, accent), (cursor, accent)],
            room,
        );
        if y + 1 < inner.bottom() {
            c.text(inner.x + VALUE, y + 1, form.hint(i), muted, room);
        }
    }
    let y = inner.y + 2 * n;
    if let Some(dataset) = c.app.dataset() {
        let words = &dataset.words;
        let now = [&words.rows, &words.prompts, &words.propensity].map(String::as_str);
        let line = format!("now: {}", now.join(&format!(" {} ", c.glyphs.dot)));
        let width = inner.width.saturating_sub(2);
        if y + 1 < inner.bottom() {
            c.text(inner.x + 2, y + 1, &line, plain, width);
        }
        if let Some(badge) = words.badge.as_ref().filter(|_| y + 2 < inner.bottom()) {
            c.text(inner.x + 2, y + 2, badge, c.style(Role::Warning), width);
        }
    }
    if y + 4 < inner.bottom() {
        let words = "left and right change, enter measures anew, esc leaves";
        c.text(
            inner.x + 2,
            y + 4,
            words,
            muted,
            inner.width.saturating_sub(2),
        );
    }
    c.hits.overlay_height = FIELDS.len();
    None
}
