//! What steering costs over the grid of multipliers: top-1 accuracy and perplexity of the neutral text.

use super::{Room, Trouble};
use crate::measure::{Applied, NEUTRAL_TEXT, Site, TaxRow, tax, text_ids};
use crate::protocol::{Gated, StudyNews, Tax, TaxLine, TaxStudy};
use crate::units::Edit;

pub(super) fn run(room: &Room<'_>, study: &TaxStudy) -> Result<usize, Trouble> {
    let vector = room.vector_of(&study.vector)?;
    let model = room.model;
    let direction = vector
        .direction(study.block)
        .map_err(|e| room.trouble(e.id(), &e))?;
    let site = Site {
        direction,
        block: study.block,
        mask: study.mask,
        edit: study.edit,
    };
    let mut coefficients = study.multipliers.clone();
    coefficients.sort_by(f32::total_cmp);
    let ids = text_ids(model, NEUTRAL_TEXT).map_err(|e| room.trouble(e.id(), &e))?;
    // The model as it is comes first: not every operator leaves it alone at 0.
    let plain = Site {
        edit: Edit::ADD,
        ..site
    };
    let gate = room.judge(study.condition.as_ref(), &ids)?;
    if gate.is_some_and(|gate| !gate.open) {
        let read = tax(model, &plain, &ids, &[0.0], room.cancel);
        let mut rows = read.map_err(|e| room.trouble(e.id(), &e))?;
        if let Some(unsteered) = rows.first().copied() {
            rows.extend(coefficients.iter().map(|&coefficient| TaxRow {
                coefficient,
                ..unsteered
            }));
        }
        tell(room, &rows, gate);
        return Ok(0);
    }
    let place = Applied {
        model,
        model_name: room.model_name,
        vector: &vector,
        block: study.block,
        mask: study.mask,
        edit: study.edit,
    };
    let question = place.tax_question(&ids, &coefficients);
    let mut found = 0;
    let rows = room.shelf.taxes.get(question.digest(), || {
        if let Some(rows) = room.archive.answer(&question) {
            found = 1;
            return Ok(rows);
        }
        let first = [(&plain, 0.0)];
        let sites = first
            .into_iter()
            .chain(coefficients.iter().map(|c| (&site, *c)));
        let mut rows: Vec<TaxRow> = Vec::new();
        for (i, (site, coefficient)) in sites.enumerate() {
            room.progress(i, coefficients.len() + 1);
            if site.edit.operator.is_off(coefficient)
                && let Some(before) = rows.first().copied()
            {
                rows.push(before);
                continue;
            }
            let one = tax(model, site, &ids, &[coefficient], room.cancel);
            rows.extend(one.map_err(|e| room.trouble(e.id(), &e))?);
        }
        room.archive.put_answer(question.clone(), &rows);
        Ok(rows)
    })?;
    tell(room, &rows, gate);
    Ok(found)
}

/// The model as it is, and the coefficients.
fn tell(room: &Room<'_>, rows: &[TaxRow], gate: Option<Gated>) {
    if let Some((unsteered, rows)) = rows.split_first() {
        room.news(StudyNews::Taxed(Box::new(TaxLine {
            unsteered: row(unsteered),
            rows: rows.iter().map(row).collect(),
            gate,
        })));
    }
}

pub(super) fn row(row: &TaxRow) -> Tax {
    Tax {
        coefficient: row.coefficient,
        top1: row.top1,
        perplexity: row.perplexity,
    }
}
