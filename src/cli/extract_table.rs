//! The table of `steerscope extract`.

use std::io::{self, Write};

use super::open::remark;
use crate::measure::Predictors;
use crate::steering::{BlockReport, Extracted, Method, TOP_TWO_WARNING, meta};
use crate::units::BlockIndex;

pub(super) fn write(
    file: &str,
    method: Method,
    extracted: &Extracted,
    out: &mut impl Write,
) -> io::Result<()> {
    let [positive, negative] = extracted.texts;
    let texts = if positive == negative {
        format!("{positive} pairs")
    } else {
        format!("{positive} positive and {negative} negative texts")
    };
    writeln!(
        out,
        "{file}: {} ({method}), {texts}, read at {}",
        method.words(),
        extracted.read
    )?;
    let unit = if method.is_unit() {
        "multiplier 1 adds a vector of norm 1: multipliers do not compare with those of a mean difference"
    } else {
        "multiplier 1 adds the whole difference"
    };
    writeln!(out, "{unit}\n")?;
    writeln!(
        out,
        "block      norm  norm of mean  share  cos to mean  without top 2  top-2 energy"
    )?;
    for row in &extracted.blocks {
        writeln!(
            out,
            "{:>5}  {:>8.4}  {:>12.4}  {:>5}  {:>11}  {:>13}  {:>12.3}",
            row.block.0,
            row.norm,
            row.mean_norm,
            number(row.explained_share, 3),
            number(row.cosine_to_mean, 4),
            number(row.cosine_without_top_two, 4),
            row.top_two_share,
        )?;
    }
    Ok(())
}

/// Predictors below the table.
pub(super) fn predictors(
    block: BlockIndex,
    predictors: &Predictors,
    out: &mut impl Write,
) -> io::Result<()> {
    let agreement = &predictors.agreement;
    writeln!(
        out,
        "\nmean difference at block {block}, before any steering ('steerscope predict' adds held-out pairs)"
    )?;
    let mut line =
        |name: &str, value: Option<f64>| writeln!(out, "  {name:<34} {}", number(value, 4));
    line("directional agreement", agreement.directional)?;
    line("leave-one-out agreement, chance 0", agreement.leave_one_out)?;
    line("pairwise agreement", agreement.pairwise)?;
    line("d' in-sample, inflated", predictors.in_sample.d_prime)?;
    line("AUC in-sample, inflated", predictors.in_sample.auc)?;
    line(
        "stability, 25 pairs",
        predictors.stability.as_ref().map(|s| s.mean),
    )
}

/// What should be known before the vector is used.
pub(super) fn remarks(method: Method, extracted: &Extracted) {
    let blocks = |which: &dyn Fn(&BlockReport) -> bool| {
        let found = extracted.blocks.iter().filter(|b| which(b));
        let found: Vec<String> = found.map(|b| b.block.to_string()).collect();
        (!found.is_empty()).then(|| found.join(", "))
    };
    if let Some(blocks) = blocks(&|b| b.top_two_share > TOP_TWO_WARNING) {
        remark(&format!(
            "more than half of the vector's energy lies in two coordinates at block {blocks}; such coordinates are \
             often large whatever the text, so compare the cosines with and without them"
        ));
    }
    if let Some(blocks) = blocks(&|b| !b.sign_defined) {
        remark(&format!(
            "the pairs do not say which way the direction points at block {blocks}; its sign is arbitrary there"
        ));
    }
    let low = |b: &BlockReport| b.cosine_to_mean.is_some_and(|c| c.abs() < 0.5);
    if let (Method::RepengDiff, Some(blocks)) = (method, blocks(&low)) {
        remark(&format!(
            "{method} subtracts the mean difference, and little of it is left at block {blocks} (cosine below 0.5)"
        ));
    }
    if let Some(filter) = extracted.vector.metadata.get("filter") {
        remark(filter);
    }
    if let Some(truncated) = extracted.vector.metadata.get("texts_truncated") {
        remark(&format!("{truncated} texts were cut at --truncate"));
    }
    if let Some(score) = extracted.vector.metadata.get("chosen_score") {
        let chosen = extracted.vector.metadata.get(meta::RECOMMENDED_LAYER);
        remark(&format!(
            "position {} and block {} chosen by d' of held-out projections ({score})",
            extracted.read,
            chosen.map_or("-", String::as_str),
        ));
    }
    if !extracted.complete
        && let Some(stopped) = extracted.vector.metadata.get(meta::STOPPED_AFTER)
    {
        remark(&format!("stopped after {stopped}"));
    }
}

fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |x| format!("{x:.digits$}"))
}
