//! The prompt list, the open prompt and its editor.

use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::app::focus::Pane;
use crate::app::hits::Target;
use crate::app::prompts::PromptRef;
use crate::text;
use crate::ui::Role;
use crate::ui::canvas::Canvas;

/// Draws the list of typed prompts and inputs.
pub(super) fn list(c: &mut Canvas<'_>, area: Rect) {
    let prompts = c.app.prompts();
    let (shown, total) = (prompts.visible().len(), prompts.total());
    let count = if shown == total {
        total.to_string()
    } else {
        format!("{shown}/{total}")
    };
    let range = c
        .app
        .selected_range()
        .map(|(low, high)| format!(" in ({low:.2}, {high:.2}]"));
    let muted = c.style(Role::Muted);
    let zero = c.style(Role::Zero);
    let inner = c.pane(
        area,
        Pane::Prompts,
        &[(&count, muted), (range.as_deref().unwrap_or(""), zero)],
    );
    let mut rows = inner;
    if (c.app.is_filtering() || !prompts.filter.is_empty()) && inner.height > 1 {
        filter_line(c, Rect { height: 1, ..inner });
        rows = Rect {
            y: inner.y + 1,
            height: inner.height - 1,
            ..inner
        };
    }
    let height = usize::from(rows.height);
    c.hits.list_height = height;
    if shown == 0 && height > 0 {
        let what = if c.app.is_loading() {
            "loading"
        } else if total == 0 {
            "no prompts: d chooses a data set, a writes one"
        } else {
            "none passes the filter: esc"
        };
        c.message(rows, what, muted);
        return;
    }
    let first = prompts
        .selected
        .saturating_sub(height / 2)
        .min(shown.saturating_sub(height));
    let visible: Vec<PromptRef> = prompts
        .visible()
        .iter()
        .skip(first)
        .take(height)
        .copied()
        .collect();
    for (i, row) in visible.into_iter().enumerate() {
        let place = Rect {
            y: rows.y + i as u16,
            height: 1,
            ..rows
        };
        c.region(place, Target::PromptRow(first + i));
        draw_row(c, place, row, first + i == c.app.prompts().selected);
    }
}

fn draw_row(c: &mut Canvas<'_>, area: Rect, row: PromptRef, selected: bool) {
    let prompts = c.app.prompts();
    let active = prompts.active() == Some(row);
    let (mark, mark_style) = slope_mark(c, row);
    let (rest, cut) = prompts.distinct(row);
    let lead = if cut { c.glyphs.ellipsis } else { "" };
    let content = format!("{lead}{}", text::one_line(rest).trim_start());
    let focused = matches!(c.app.focus(), Pane::Prompts | Pane::Histogram);
    let base = c.style(if active { Role::Accent } else { Role::Text });
    let here = if active { c.glyphs.here } else { " " };
    let accent = c.style(Role::Accent);
    let used = c.pieces(
        area.x,
        area.y,
        &[(here, accent), (&mark, mark_style), (" ", base)],
        area.width,
    );
    c.text(
        area.x + used,
        area.y,
        content.trim_start(),
        base,
        area.width.saturating_sub(used),
    );
    if selected && focused {
        c.select(area);
    }
}

/// The input's steerability with its sign, five columns.
fn slope_mark(c: &Canvas<'_>, row: PromptRef) -> (String, Style) {
    let PromptRef::Input(index) = row else {
        return ("typed".to_owned(), c.style(Role::Muted));
    };
    let current = c
        .app
        .experiment()
        .current()
        .and_then(|m| m.steerability(index));
    let ghost = c
        .app
        .experiment()
        .ghost()
        .and_then(|m| m.steerability(index));
    let (value, role) = match (current, ghost) {
        (Some(s), _) if s > 0.0 => (s, Role::Positive),
        (Some(s), _) => (s, Role::Negative),
        (None, Some(s)) => (s, Role::Stale),
        (None, None) => return (format!("{:>5}", c.glyphs.dot), c.style(Role::Muted)),
    };
    (five(value), c.style(role))
}

fn five(value: f32) -> String {
    if !value.is_finite() {
        return "  nan".to_owned();
    }
    let text = match value.abs() {
        a if a < 10.0 => format!("{value:+.2}"),
        a if a < 100.0 => format!("{value:+.1}"),
        a if a < 1e4 => format!("{value:+.0}"),
        _ => format!("{value:+.0e}"),
    };
    format!("{text:>5}").chars().take(5).collect()
}

fn filter_line(c: &mut Canvas<'_>, area: Rect) {
    let typing = c.app.is_filtering();
    let cursor = if typing { c.glyphs.cursor } else { "" };
    let line = format!("/{}{cursor}", c.app.prompts().filter);
    let style = c.style(if typing { Role::Accent } else { Role::Muted });
    c.text(area.x, area.y, &line, style, area.width);
}

/// Lines the open prompt, or its editor, takes at this width.
pub(super) fn lines(c: &Canvas<'_>, width: u16) -> usize {
    let shown = c
        .app
        .editor()
        .map_or_else(|| c.app.prompts().active_text(), |e| e.text());
    text::wrap(&text::sanitize(shown), usize::from(width)).len()
}

/// Draws the prompt the texts come from, or the editor on it; in one line if there is no room
/// for a box.
pub(super) fn open_prompt(c: &mut Canvas<'_>, area: Rect, boxed: bool) {
    if area.is_empty() {
        return;
    }
    if c.app.editor().is_some() {
        editor(c, area);
        return;
    }
    let prompts = c.app.prompts();
    let shown = text::sanitize(prompts.active_text());
    let origin = match prompts.active() {
        Some(PromptRef::Input(i)) => {
            let id = prompts.items().get(i).map_or(i, |item| item.id);
            format!("input {id}")
        }
        Some(PromptRef::Typed(_)) => "typed".to_owned(),
        None => "none".to_owned(),
    };
    let (text_style, muted, accent) = (
        c.style(Role::Text),
        c.style(Role::Muted),
        c.style(Role::Accent),
    );
    if !boxed || area.height < 3 {
        let line = shown.replace('\n', " ");
        c.region(area, Target::Pane(Pane::Prompts));
        let here = c.glyphs.here;
        let head = format!(" prompt {origin} ");
        let used = c.pieces(
            area.x,
            area.y,
            &[(&head, muted), (here, accent), (" ", muted)],
            area.width,
        );
        c.text(area.x + used, area.y, &line, text_style, area.width - used);
        return;
    }
    c.region(area, Target::Pane(Pane::Prompts));
    let name = c.style(Role::Text);
    let inner = c.frame(area, &[("prompt ", name), (&origin, muted)], false);
    if shown.is_empty() {
        let what = if c.app.is_loading() {
            "loading"
        } else {
            "no prompt: press a to write one"
        };
        c.message(inner, what, muted);
        return;
    }
    let wrapped = text::wrap(&shown, usize::from(inner.width));
    // The end of a long prompt is where the model goes on: show that.
    let skip = wrapped.len().saturating_sub(usize::from(inner.height));
    for (i, line) in wrapped.into_iter().skip(skip).enumerate() {
        let line = shown.get(line).unwrap_or_default();
        c.text(inner.x, inner.y + i as u16, line, text_style, inner.width);
    }
}

fn editor(c: &mut Canvas<'_>, area: Rect) {
    let Some(editor) = c.app.editor() else { return };
    c.region(area, Target::Pane(Pane::Prompts));
    let (focus, muted) = (c.style(Role::Focus), c.style(Role::Muted));
    let inner = if area.height >= 3 {
        c.frame(
            area,
            &[("write a prompt", focus), ("  enter generates", muted)],
            true,
        )
    } else {
        area
    };
    if inner.is_empty() {
        return;
    }
    let width = usize::from(inner.width.saturating_sub(1)).max(1);
    let lines = text::wrap(editor.text(), width);
    let cursor = editor.cursor();
    // A cursor in the blank at a wrapped line's end belongs to that line.
    let at = lines.iter().rposition(|l| l.start <= cursor).unwrap_or(0);
    let height = usize::from(inner.height);
    let first = (at + 1).saturating_sub(height);
    let style = c.style(Role::Text);
    for (i, line) in lines.iter().enumerate().skip(first).take(height) {
        let y = inner.y + (i - first) as u16;
        let shown = editor.text().get(line.clone()).unwrap_or_default();
        c.raw(inner.x, y, shown, style, inner.width);
        if i == at {
            let before = editor
                .text()
                .get(line.start..cursor.min(line.end))
                .unwrap_or_default();
            let x = inner.x + (text::width(before) as u16).min(inner.width - 1);
            let selection = c.style(Role::Selection);
            c.buf.set_style(
                Rect {
                    x,
                    y,
                    width: 1,
                    height: 1,
                },
                selection,
            );
        }
    }
}
