//! Which pane stands where at which size.

use ratatui::layout::Rect;

use crate::app::focus::Pane;
use crate::app::hits::Target;
use crate::app::screen::Screen;
use crate::text;
use crate::ui::canvas::Canvas;
use crate::ui::{Role, curve, histogram, lab, prompts, slider, statusbar, textpane, vectors};

/// Draws everything but the overlays.
pub(super) fn screen(c: &mut Canvas<'_>, area: Rect) {
    if area.width < 20 || area.height < 5 {
        let style = c.style(Role::Warning);
        c.text(area.x, area.y, "too small: needs 40x10", style, area.width);
        return;
    }
    let tabs = area.width < 60 || area.height < 16;
    let status = u16::from(area.height >= 12);
    let [title, rest] = cut_top(area, 1);
    let [rest, footer] = cut_bottom(rest, 1);
    let [body, status] = cut_bottom(rest, status);
    statusbar::title(c, title);
    if c.app.screen() != Screen::Explore {
        lab::draw(c, body);
        statusbar::status(c, status);
        statusbar::footer(c, footer);
        return;
    }
    // A line of screens where a line can be spared.
    let [screens, body] = cut_top(body, u16::from(area.height >= 32 && area.width >= 80));
    if screens.height > 0 {
        lab::tabs(c, screens);
    }
    if tabs {
        one_pane(c, body);
    } else if c.app.is_zoomed() {
        pane(c, body, c.app.focus());
    } else if area.width >= 120 {
        three_columns(c, body);
    } else if area.width >= 80 {
        side_by_side(c, body);
    } else {
        stacked(c, body);
    }
    statusbar::status(c, status);
    statusbar::footer(c, footer);
}

pub(super) fn pane(c: &mut Canvas<'_>, area: Rect, pane: Pane) {
    if area.is_empty() {
        return;
    }
    match pane {
        Pane::Prompts if c.app.editor().is_some() => prompts::open_prompt(c, area, true),
        Pane::Prompts => prompts::list(c, area),
        Pane::Baseline | Pane::Steered => textpane::draw(c, area, pane),
        Pane::Layer => slider::layer(c, area),
        Pane::Coefficient => slider::coefficient(c, area),
        Pane::Histogram => histogram::draw(c, area),
        Pane::Curve => curve::draw(c, area),
        Pane::Vectors => vectors::draw(c, area),
        Pane::Map
        | Pane::Factors
        | Pane::Shift
        | Pane::Predictors
        | Pane::Datasets
        | Pane::Controls
        | Pane::Tokens
        | Pane::Fan => {
            lab::pane(c, area, pane);
        }
    }
}

fn three_columns(c: &mut Canvas<'_>, area: Rect) {
    let side = (area.width * 24 / 100).clamp(28, 46);
    let right = (area.width * 32 / 100).clamp(38, 72);
    let [left, rest] = cut_left(area, side);
    let [middle, right] = cut_right(rest, right);

    let [list, sliders] = cut_bottom(left, 9);
    let [layer, coefficient] = cut_top(sliders, 4);
    prompts::list(c, list);
    pane(c, layer, Pane::Layer);
    pane(c, coefficient, Pane::Coefficient);

    let lines = prompts::lines(c, middle.width.saturating_sub(2)).max(1) as u16;
    let most = if c.app.editor().is_some() {
        area.height / 2
    } else {
        area.height / 3
    };
    let wanted = if c.app.editor().is_some() {
        lines.max(4)
    } else {
        lines
    };
    let [prompt, texts] = cut_top(middle, (wanted + 2).clamp(3, most.max(3)));
    prompts::open_prompt(c, prompt, true);
    two_texts(c, texts);

    let [upper, lower] = cut_top(right, right.height * 11 / 20);
    pane(c, upper, Pane::Histogram);
    pane(c, lower, Pane::Curve);
}

fn side_by_side(c: &mut Canvas<'_>, area: Rect) {
    let roomy = area.height >= 28;
    let editing = c.app.editor().is_some();
    let lines = prompts::lines(c, area.width.saturating_sub(2)).max(1) as u16;
    let prompt = match (editing, roomy) {
        (true, _) => (lines + 2).clamp(4, (area.height / 2).max(4)),
        (false, true) => (lines + 2).clamp(3, 7),
        (false, false) => 1,
    };
    let figures = (area.height * 2 / 5).clamp(8, 22);
    let sliders = if roomy { 4 } else { 3 };
    let [prompt, rest] = cut_top(area, prompt);
    let [rest, bottom] = cut_bottom(rest, figures);
    let [texts, sliders] = cut_bottom(rest, sliders);
    prompts::open_prompt(c, prompt, editing || roomy);
    two_texts(c, texts);
    let [layer, coefficient] = cut_left(sliders, sliders.width * 2 / 5);
    pane(c, layer, Pane::Layer);
    pane(c, coefficient, Pane::Coefficient);
    figures_below(c, bottom);
}

/// The list of inputs takes the curve's place while it is what the user works in.
fn figures_below(c: &mut Canvas<'_>, area: Rect) {
    let [left, right] = cut_left(area, area.width / 2);
    let listing = c.app.focus() == Pane::Prompts && c.app.editor().is_none()
        || c.app.focus() == Pane::Histogram && c.app.selected_bar().is_some();
    pane(c, left, Pane::Histogram);
    if listing {
        prompts::list(c, right);
    } else {
        pane(c, right, Pane::Curve);
    }
}

fn two_texts(c: &mut Canvas<'_>, area: Rect) {
    let [left, right] = cut_left(area, area.width / 2);
    pane(c, left, Pane::Baseline);
    pane(c, right, Pane::Steered);
}

fn stacked(c: &mut Canvas<'_>, area: Rect) {
    let editing = c.app.editor().is_some();
    let [prompt, rest] = cut_top(area, if editing { 5 } else { 1 });
    prompts::open_prompt(c, prompt, editing);
    let figures = if rest.height >= 18 {
        (rest.height * 2 / 5).clamp(7, 20)
    } else {
        0
    };
    let [rest, bottom] = cut_bottom(rest, figures);
    let [texts, sliders] = cut_bottom(rest, 2);
    let [upper, lower] = cut_top(texts, texts.height / 2);
    pane(c, upper, Pane::Baseline);
    pane(c, lower, Pane::Steered);
    let [layer, coefficient] = cut_top(sliders, 1);
    slider::layer_line(c, layer);
    slider::coefficient_line(c, coefficient);
    if bottom.height > 0 {
        figures_below(c, bottom);
    } else if matches!(c.app.focus(), Pane::Histogram | Pane::Curve | Pane::Prompts) && !editing {
        // No room below: the focused figure lies over the texts.
        c.clear(texts);
        c.hits
            .regions
            .retain(|(_, t)| !matches!(t, Target::Pane(Pane::Baseline | Pane::Steered)));
        pane(c, texts, c.app.focus());
    }
}

/// One pane under a row of tabs; the sliders stay in reach on the last line.
fn one_pane(c: &mut Canvas<'_>, area: Rect) {
    let [tabs, rest] = cut_top(area, u16::from(area.height >= 4));
    if tabs.height > 0 {
        draw_tabs(c, tabs);
    }
    let focus = c.app.focus();
    let sliding = matches!(focus, Pane::Layer | Pane::Coefficient);
    if sliding && rest.height >= 8 {
        // What the slider does shows below it.
        let [slider, text] = cut_top(rest, if focus == Pane::Layer { 4 } else { 5 });
        pane(c, slider, focus);
        pane(c, text, Pane::Steered);
    } else if sliding && rest.height >= 5 {
        let [text, slider] = cut_bottom(rest, 1);
        pane(c, text, Pane::Steered);
        match focus {
            Pane::Layer => slider::layer_line(c, slider),
            _ => slider::coefficient_line(c, slider),
        }
    } else if rest.height >= 6 {
        let [main, slider] = cut_bottom(rest, 1);
        pane(c, main, focus);
        slider::coefficient_line(c, slider);
    } else {
        pane(c, rest, focus);
    }
    // Every pane can be reached, shown or not.
    c.hits.panes = Pane::ALL.to_vec();
}

fn draw_tabs(c: &mut Canvas<'_>, area: Rect) {
    let names: Vec<String> = Pane::ALL
        .iter()
        .map(|p| {
            let short = match p {
                Pane::Coefficient => "coef",
                Pane::Histogram => "hist",
                Pane::Curve => "curve",
                other => other.title(),
            };
            format!("{} {short}", c.app.screen().number(*p))
        })
        .collect();
    let full: usize = names.iter().map(|n| text::width(n) + 2).sum();
    let mut x = area.x;
    for (pane, name) in Pane::ALL.iter().zip(&names) {
        let focused = *pane == c.app.focus();
        let number = c.app.screen().number(*pane).to_string();
        let label = if full <= usize::from(area.width) || focused {
            name
        } else {
            &number
        };
        let room = area.right().saturating_sub(x);
        if room == 0 {
            return;
        }
        let style = c.style(if focused {
            Role::Selection
        } else {
            Role::Muted
        });
        let label = format!(" {label} ");
        let used = c.raw(x, area.y, &label, style, room);
        c.region(
            Rect {
                x,
                y: area.y,
                width: used,
                height: 1,
            },
            Target::Pane(*pane),
        );
        x += used;
    }
}

/// The first `rows` rows and the rest.
pub(super) fn cut_top(area: Rect, rows: u16) -> [Rect; 2] {
    let rows = rows.min(area.height);
    [
        Rect {
            height: rows,
            ..area
        },
        Rect {
            y: area.y + rows,
            height: area.height - rows,
            ..area
        },
    ]
}

/// The rest and the last `rows` rows.
pub(super) fn cut_bottom(area: Rect, rows: u16) -> [Rect; 2] {
    cut_top(area, area.height - rows.min(area.height))
}

/// The first `columns` columns and the rest.
pub(super) fn cut_left(area: Rect, columns: u16) -> [Rect; 2] {
    let columns = columns.min(area.width);
    [
        Rect {
            width: columns,
            ..area
        },
        Rect {
            x: area.x + columns,
            width: area.width - columns,
            ..area
        },
    ]
}

/// The rest and the last `columns` columns.
pub(super) fn cut_right(area: Rect, columns: u16) -> [Rect; 2] {
    cut_left(area, area.width - columns.min(area.width))
}
