//! `steerscope calibrate`: the coefficient at which a vector has a given effect on the next token.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use super::args::{CalibrateArgs, SignChoice, TemplateChoice};
use super::condition::Condition;
use super::lab::{self, store_fault};
use super::open::{self, Opened, failed, remark};
use super::output::{Ending, Progress};
use super::study::Study;
use crate::engine::{Cancel, Model};
use crate::measure::calibrate::{
    Band, Calibration, Calibrator, Coefficient, Edge, HARDLY, INCOHERENT, KlStatistic,
    PERPLEXITY_RATIO, ROLLOUT, Reason, Sign, Solved, Step, Verdict,
};
use crate::measure::{
    Applied, CalibrationAsked, DEFAULT_SYSTEM, ModelIdentity, NEUTRAL_PROMPTS, NEUTRAL_TEXT, Site,
    TaxRow, VectorIdentity, text_ids,
};
use crate::steering::dataset::Part;
use crate::steering::residual_norms;
use crate::units::BlockIndex;

/// Fewest prompts that a 95th percentile says much about, and most that are continued.
const PROMPTS: [usize; 2] = [4, 8];

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    schema_version: u32,
    model: ModelIdentity,
    vector: VectorIdentity,
    /// Where the prompts come from, or the fixed text.
    read_on: String,
    calibration: Calibration,
    band: Band,
    tax: Vec<TaxAt>,
}

#[derive(Serialize)]
struct TaxAt {
    coefficient: Coefficient,
    top1: f64,
    perplexity: f64,
    tokens: usize,
}

/// Prompts with where they come from, and the typical residual length at every block.
struct Read {
    prompts: Vec<Vec<u32>>,
    stop_ids: Vec<u32>,
    norms: Vec<f32>,
    words: String,
}

pub(super) fn run(args: &CalibrateArgs) -> Result<(), Ending> {
    let opened = open::model(&args.model)?;
    let model = &opened.model;
    let vector = open::vector(&args.vector, &opened)?;
    let block = open::block(args.site.layer, &vector, &opened)?;
    let direction = vector.direction(block).map_err(failed)?;
    let site = Site {
        direction,
        block,
        mask: args.site.mask,
        edit: args.site.edit(&vector)?,
    };
    let condition = Condition::of(&args.condition, &opened)?;
    // With a fixed text the prompts serve the residual length alone.
    let of_prompts = condition.as_ref().filter(|_| args.fixed_text.is_none());
    let read = read(args, &opened, of_prompts)?;
    let (texts, read_on) = if let Some(file) = &args.fixed_text {
        let ids = text_ids(model, &text_of(file)?).map_err(failed)?;
        if let Some(condition) = &condition
            && !condition.text(&ids)?.open
        {
            return Err(Ending::Failed(format!(
                "the condition is closed for '{}', so no coefficient does anything there; give another text or threshold",
                file.display()
            )));
        }
        let words = format!("the text '{}', {} tokens", file.display(), ids.len());
        (vec![ids], words)
    } else {
        let words = format!("{}, {ROLLOUT} greedy steered tokens each", read.words);
        (read.prompts, words)
    };
    let neutral = match &args.neutral {
        Some(file) => text_of(file)?,
        None => NEUTRAL_TEXT.to_owned(),
    };
    let neutral = text_ids(model, &neutral).map_err(failed)?;
    let sign = match args.sign {
        SignChoice::Positive => Sign::Positive,
        SignChoice::Negative => Sign::Negative,
    };
    let norm = f64::from(read.norms.get(block.0).copied().unwrap_or_default());
    let applied = Applied {
        model,
        model_name: &opened.name,
        vector: &vector,
        block,
        mask: site.mask,
        edit: site.edit,
    };
    let asked = CalibrationAsked {
        target: args.target,
        sign,
        texts: &texts,
        fixed: args.fixed_text.is_some(),
        stop_ids: &read.stop_ids,
        residual_norm: norm,
        neutral: &neutral,
    };
    let question = applied.calibration_question(&asked);
    let mut keeping = args.store.keeping();
    store_fault(&mut keeping);
    let known = keeping.answer(&question);
    let solved = if let Some(known) = known.and_then(|t| serde_json::from_str(&t).ok()) {
        remark("from the store; --no-store calibrates anew");
        known
    } else {
        let solved = solve(model, &site, &asked)?;
        let text = serde_json::to_string(&solved).map_err(io::Error::from)?;
        keeping.keep_answer(&question, &text);
        solved
    };
    store_fault(&mut keeping);
    let Solved {
        calibration,
        band,
        tax,
    } = solved;
    let unit = |row: &TaxRow| {
        let raw = f64::from(row.coefficient);
        let unit = raw * calibration.vector_norm;
        Coefficient {
            raw,
            unit,
            kappa: unit / calibration.residual_norm,
        }
    };
    let scaled: Vec<Coefficient> = tax.iter().map(unit).collect();
    let at = |(row, coefficient): (&TaxRow, Coefficient)| TaxAt {
        coefficient,
        top1: row.top1,
        perplexity: row.perplexity,
        tokens: row.tokens,
    };
    let report = Report {
        schema_version: 1,
        model: lab::model_identity(&opened),
        vector: VectorIdentity {
            name: vector.name.clone(),
            id: vector.id(),
            norm: vector.norm(block).unwrap_or(f32::NAN),
        },
        read_on,
        calibration,
        band,
        tax: tax.iter().zip(scaled).map(at).collect(),
    };
    let mut out = io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &report).map_err(io::Error::from)?;
        writeln!(out)?;
        return Ok(());
    }
    table(&report, block, &mut out)?;
    Ok(())
}

/// Searches, and looks around what was found.
fn solve(
    model: &Arc<Model>,
    site: &Site<'_>,
    asked: &CalibrationAsked<'_>,
) -> Result<Solved, Ending> {
    let never = Cancel::never();
    let statistic = if asked.fixed {
        let text = asked.texts.first().cloned().unwrap_or_default();
        KlStatistic::fixed(model, site, text, &never)
    } else {
        let stop = asked.stop_ids.to_vec();
        KlStatistic::rollouts(model, site, asked.texts.to_vec(), stop, &never)
    };
    let statistic = statistic.map_err(failed)?;
    let calibrator = Calibrator::new(model, statistic, asked.residual_norm).map_err(failed)?;
    let mut line = Progress::start("evaluating");
    let mut done = 0;
    // The search and its band take twenty evaluations at most.
    let mut progress = |_: &Step| {
        done += 1;
        line.update(done, 20);
    };
    let (target, sign) = (asked.target, asked.sign);
    let solved = calibrator.all(target, sign, asked.neutral, &mut progress, &never);
    line.finish();
    solved.map_err(failed)
}

/// The prompts that the flags ask for; with a fixed text they serve the residual length alone.
fn read(
    args: &CalibrateArgs,
    opened: &Opened,
    condition: Option<&Condition<'_>>,
) -> Result<Read, Ending> {
    let model = &opened.model;
    let chat = args.ask.template == TemplateChoice::Chat && model.chat().is_some();
    let stop_ids = if chat {
        model.chat_stop_ids()
    } else {
        model.stop_ids().to_vec()
    };
    let (mut prompts, norms, words) = if let Some(text) = &args.dataset {
        let study = Study::open(opened, text, &args.ask, false, 0)?;
        let part = [Part::Validation, Part::Test]
            .into_iter()
            .find(|part| !study.dataset.part(*part, 0).is_empty())
            .unwrap_or(Part::All);
        let rows = study.rows(part, None)?;
        let wordings = (study.asked.prompting.wordings(model, &rows.examples)).map_err(failed)?;
        let tokens = (wordings.iter()).map(|w| w.encode(model.tokenizer(), &w.prompt));
        let prompts = tokens.collect::<Result<Vec<_>, _>>().map_err(failed)?;
        let words = format!("'{}' ({})", study.dataset.name, part.name());
        (prompts, Some(study.residual_norms()?), words)
    } else {
        let (texts, words) = match &args.prompts {
            Some(file) => (text_of(file)?, format!("'{}'", file.display())),
            None => (NEUTRAL_PROMPTS.join("\n"), "the neutral ones".to_owned()),
        };
        let lines = texts.lines().map(str::trim_end).filter(|l| !l.is_empty());
        let system = args.ask.system.as_deref().unwrap_or(DEFAULT_SYSTEM);
        let system = Some(system).filter(|s| !s.is_empty());
        let ids = lines.map(|line| match args.ask.template {
            TemplateChoice::Chat => model.chat_prompt(system, line).map(|p| p.ids),
            TemplateChoice::Plain => model.tokenizer().encode(line),
        });
        let prompts: Vec<Vec<u32>> = ids.collect::<Result<_, _>>().map_err(failed)?;
        (prompts, None, words)
    };
    let found = prompts.len();
    prompts.retain(|p| !p.is_empty() && p.len() + ROLLOUT <= model.config().max_positions);
    if prompts.len() < found {
        remark(&format!(
            "{} of {found} prompts leave no room for {ROLLOUT} tokens and are left out",
            found - prompts.len()
        ));
    }
    let mut words = words;
    if let Some(condition) = condition {
        // One that is not steered keeps its distribution at every coefficient.
        let (open, found) = (condition.open(&prompts)?, prompts.len());
        let mut open = open.into_iter();
        prompts.retain(|_| open.next().unwrap_or(false));
        if prompts.is_empty() && found > 0 {
            return Err(Ending::Failed(format!(
                "the condition is closed for every prompt of {words}, so no coefficient does anything; give prompts like the condition vector, or another threshold"
            )));
        }
        words = format!("{words}, {} of {found} steered", prompts.len());
    }
    prompts.truncate(PROMPTS[1]);
    if prompts.is_empty() {
        return Err(Ending::Failed(format!(
            "{words} has no prompt that can be continued; give four to eight, one per line"
        )));
    }
    if prompts.len() < PROMPTS[0] && args.fixed_text.is_none() {
        remark(&format!(
            "{} prompts are few for a 95th percentile; give four to eight",
            prompts.len()
        ));
    }
    let norms = if let Some(norms) = norms {
        norms
    } else {
        let ids: Vec<&[u32]> = prompts.iter().map(Vec::as_slice).collect();
        residual_norms(model, &ids, &Cancel::never()).map_err(failed)?
    };
    Ok(Read {
        words: format!("{} prompts, {words}", prompts.len()),
        prompts,
        stop_ids,
        norms,
    })
}

fn text_of(file: &Path) -> Result<String, Ending> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        Ending::Failed(format!(
            "'{}' cannot be read as text ({error}); check path and encoding",
            file.display()
        ))
    })?;
    Ok(text.trim_end_matches(['\n', '\r']).to_owned())
}

fn table(report: &Report, block: BlockIndex, out: &mut impl Write) -> Result<(), Ending> {
    let calibration = &report.calibration;
    let (best, n) = (calibration.best, calibration.history.len());
    let ending = match calibration.verdict {
        Verdict::Reached => format!("reached after {n} evaluations"),
        Verdict::Unreachable => format!(
            "unreachable (KL saturates): the strongest steering looked at stays below it, {n} evaluations"
        ),
        Verdict::AlwaysAbove => {
            format!("exceeded already by the weakest steering looked at, {n} evaluations")
        }
        Verdict::Inexact => format!(
            "not within 5 % after {n} evaluations: the texts change and the statistic jumps; this is the nearest"
        ),
    };
    writeln!(out, "model    {}", report.model.name)?;
    writeln!(
        out,
        "vector   {} at block {block}, mask {}, length {:.3}; residual stream {:.3}",
        report.vector.name, calibration.mask, calibration.vector_norm, calibration.residual_norm
    )?;
    writeln!(out, "read on  {}", report.read_on)?;
    writeln!(out, "target   {} nats: {ending}\n", calibration.target)?;
    writeln!(
        out,
        "{:<22} {:>9} {:>9} {:>8}  {:>8}",
        "", "c", "unit", "kappa", "KL"
    )?;
    let mut line = |name: &str, s: &Coefficient, words: &str| {
        writeln!(
            out,
            "{name:<22} {:>+9.4} {:>+9.3} {:>+8.4}  {words}",
            s.raw, s.unit, s.kappa
        )
    };
    let nats = |stat: f64| format!("{stat:>8.4}");
    let name = match calibration.verdict {
        Verdict::Reached => "calibrated",
        _ => "nearest",
    };
    line(name, &best.coefficient, &nats(best.stat))?;
    let words = |edge: &Edge, met: f64| match (edge.reason, edge.stat) {
        (Reason::Perplexity, _) => {
            format!("{:>8}  neutral text's perplexity x {PERPLEXITY_RATIO}", "-")
        }
        (Reason::Bracket, stat) => format!(
            "{}  end of the interval searched",
            stat.map_or_else(|| format!("{:>8}", "-"), nats)
        ),
        (Reason::Statistic, stat) => format!(
            "{}  KL about {met}",
            stat.map_or_else(|| format!("{:>8}", "-"), nats)
        ),
    };
    let band = &report.band;
    line(
        "hardly any effect to",
        &band.low.coefficient,
        &words(&band.low, HARDLY),
    )?;
    line(
        "incoherent from",
        &band.high.coefficient,
        &words(&band.high, INCOHERENT),
    )?;
    let tokens = report.tax.first().map_or(0, |t| t.tokens);
    writeln!(out, "\ntax on the neutral text, {tokens} tokens")?;
    writeln!(
        out,
        "{:>9} {:>8}  {:>7}  {:>10}",
        "c", "kappa", "top-1", "perplexity"
    )?;
    for row in &report.tax {
        writeln!(
            out,
            "{:>+9.4} {:>+8.4}  {:>5.1} %  {:>10.3}",
            row.coefficient.raw,
            row.coefficient.kappa,
            100.0 * row.top1,
            row.perplexity
        )?;
    }
    Ok(())
}
