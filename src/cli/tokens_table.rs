//! Tables of `steerscope tokens`.

use std::io::{self, Write};

use crate::measure::tokens::{Candidate, LensReading, LogitLens, Reading, TextToken, TokenStrip};
use crate::text;

/// Columns of a token's text.
const TOKEN: usize = 14;
/// Columns of a token with its probability.
const LIKELY: usize = TOKEN + 6;

pub(super) fn strip_table(strip: &TokenStrip, out: &mut impl Write) -> io::Result<()> {
    let frozen = if strip.frozen {
        ", attention frozen to the unsteered run"
    } else {
        ""
    };
    writeln!(
        out,
        "block {}, coefficient {:+}, {}{frozen}; {} tokens, {} of them the prompt",
        strip.block,
        strip.coefficient,
        strip.mask,
        strip.tokens.len(),
        strip.prompt_len
    )?;
    writeln!(
        out,
        "Each line: what the model expects after this token, unsteered | steered; KL(steered||unsteered) in nats.\n"
    )?;
    writeln!(
        out,
        "{:>5} {} {:>9} {:>19}  {} {:>15}  {} most likely, steered",
        "pos",
        cell("token", TOKEN),
        "KL",
        "h·v̂ (after edit)",
        cell("next", TOKEN),
        "p(next)",
        cell("most likely", LIKELY),
    )?;
    for row in &strip.rows {
        let here = strip.tokens.get(row.position);
        let (ours, theirs) = (&row.unsteered, &row.steered);
        let mark = if strip.first_difference == Some(row.position) {
            "  <- first difference"
        } else if best(&ours.top) == best(&theirs.top) {
            ""
        } else {
            "  *"
        };
        writeln!(
            out,
            "{:>5} {} {:>9.4} {:>9.2} {:>9.2}  {} {:>7} {:>7}  {} {}{mark}",
            row.position,
            token(here),
            row.kl,
            ours.projection,
            theirs.projection,
            token(row.next.as_ref()),
            chance(ours),
            chance(theirs),
            likely(&ours.top),
            likely(&theirs.top),
        )?;
    }
    writeln!(out)?;
    if let Some(kl) = &strip.kl {
        writeln!(
            out,
            "KL over the {} positions that predict a token of the text: sum {:.4}, mean {:.4}, 95th percentile {:.4}, largest {:.4}",
            kl.n, kl.sum, kl.mean, kl.p95, kl.max
        )?;
    }
    match strip.first_difference {
        Some(position) => writeln!(
            out,
            "The most likely token differs first after position {position}."
        ),
        None => writeln!(out, "The most likely token is the same everywhere."),
    }
}

pub(super) fn lens_table(lens: &LogitLens, out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "Position {} {}, block by block: the residual stream through the final norm and the head; next is {}.\n",
        lens.position,
        quoted(Some(&lens.token.text)),
        quoted(lens.next.as_ref().map(|next| next.text.as_str())),
    )?;
    writeln!(
        out,
        "{:>5} {:>9} {:>17} {:>13}  {} most likely, steered",
        "block",
        "KL",
        "p(next)",
        "rank",
        cell("most likely", LIKELY),
    )?;
    for row in &lens.rows {
        let mark = if row.block == lens.block {
            "  <- site"
        } else {
            ""
        };
        let (ours, theirs) = (&row.unsteered, &row.steered);
        writeln!(
            out,
            "{:>5} {:>9.4} {:>8} {:>8} {:>6} {:>6}  {} {}{mark}",
            row.block.0,
            row.kl,
            lens_chance(ours),
            lens_chance(theirs),
            rank(ours),
            rank(theirs),
            likely(&ours.top),
            likely(&theirs.top),
        )?;
    }
    Ok(())
}

fn best(top: &[Candidate]) -> Option<u32> {
    top.first().map(|candidate| candidate.id)
}

fn chance(side: &Reading) -> String {
    probability(side.log_probability)
}

fn lens_chance(side: &LensReading) -> String {
    probability(side.log_probability)
}

fn probability(log: Option<f64>) -> String {
    log.map_or("-".to_string(), |log| format!("{:.4}", log.exp()))
}

fn rank(side: &LensReading) -> String {
    side.rank.map_or("-".to_string(), |rank| rank.to_string())
}

fn token(token: Option<&TextToken>) -> String {
    cell(&quoted(token.map(|token| token.text.as_str())), TOKEN)
}

/// In quotes, because leading spaces matter; line breaks as the two characters that stand for them.
fn quoted(text: Option<&str>) -> String {
    text.map_or("-".to_string(), |text| {
        format!("'{}'", text::one_line(&text.replace('\n', "\\n")))
    })
}

fn likely(top: &[Candidate]) -> String {
    top.first().map_or_else(
        || cell("-", LIKELY),
        |first| {
            let text = cell(&quoted(Some(&first.text)), TOKEN);
            cell(&format!("{text} {:.3}", first.probability), LIKELY)
        },
    )
}

/// Cut and filled to `columns`.
fn cell(text: &str, columns: usize) -> String {
    let text = text::truncate(text, columns, "…");
    let missing = columns.saturating_sub(text::width(&text));
    text + &" ".repeat(missing)
}
