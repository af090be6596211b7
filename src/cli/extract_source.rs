//! What the flags of `steerscope extract` say a vector is made from.

use std::path::Path;

use serde_json::{Value, json};

use super::args::{ExtractArgs, TemplateChoice};
use super::open::{self, Opened, failed, remark};
use super::output::Ending;
use super::study;
use crate::measure::{Prompting, Template};
use crate::steering::dataset::{Dataset, Example, Part, load_texts};
use crate::steering::{Method, PairRows, PairSet, Persona, Source, Texts};

/// What is read, and how it is called in the result.
pub(super) struct Given {
    pub(super) source: Source,
    /// Default name of the vector.
    pub(super) name: String,
    /// What `--json` says about the data.
    pub(super) about: Value,
}

pub(super) fn given(args: &ExtractArgs, opened: &Opened) -> Result<Given, Ending> {
    if let (Some(positive), Some(negative), Some(prompts)) =
        (&args.trait_text, &args.anti, &args.prompts)
    {
        let persona = Persona {
            positive: positive.clone(),
            negative: negative.clone(),
            prompts: texts(prompts, args.limit)?,
        };
        let about = json!({ "trait": positive, "anti": negative, "prompts": persona.prompts.name });
        return Ok(Given {
            name: persona.prompts.name.clone(),
            source: Source::Persona(persona),
            about,
        });
    }
    if let (Some(positive), Some(negative)) = (&args.positive, &args.negative) {
        let (positive, negative) = (texts(positive, args.limit)?, texts(negative, args.limit)?);
        let about = json!({ "positive": positive.name, "negative": negative.name });
        let name = format!("{} - {}", positive.name, negative.name);
        if !args.method.takes_pairs() {
            as_written(args)?;
            let source = Source::Corpora(positive, negative);
            return Ok(Given {
                source,
                name,
                about,
            });
        }
        if positive.texts.len() != negative.texts.len() {
            return Err(Ending::Failed(format!(
                "{} pairs texts line by line, and '{}' has {} of them, '{}' {}; give as many, or the method corpus_mean",
                args.method,
                positive.name,
                positive.texts.len(),
                negative.name,
                negative.texts.len()
            )));
        }
        let dataset = paired(&name, &positive.texts, &negative.texts)?;
        return from_dataset(args, opened, &dataset, Part::All, about);
    }
    if let Some([positive, negative]) = args.pair.as_deref() {
        let name = format!("{positive} - {negative}");
        let about = json!({ "pair": [positive, negative] });
        let (positive, negative) = (vec![positive.clone()], vec![negative.clone()]);
        let dataset = paired(&name, &positive, &negative)?;
        return from_dataset(args, opened, &dataset, Part::All, about);
    }
    if args.method == Method::PersonaMean {
        return Err(Ending::Usage(
            "persona_mean is made from responses; give --trait TEXT --anti TEXT --prompts FILE"
                .to_owned(),
        ));
    }
    let dataset = open::dataset(args.dataset.as_deref().unwrap_or_default())?;
    let about = json!({ "name": dataset.name, "id": dataset.id });
    from_dataset(args, opened, &dataset, args.split.into(), about)
}

fn from_dataset(
    args: &ExtractArgs,
    opened: &Opened,
    dataset: &Dataset,
    part: Part,
    about: Value,
) -> Result<Given, Ending> {
    let mut rows = dataset.part(part, args.seed);
    rows.truncate(args.limit.unwrap_or(usize::MAX));
    let unpaired = matches!(args.method, Method::CorpusMean | Method::RefusalMean);
    let source = if unpaired {
        as_written(args)?;
        let side = |side: usize| Texts {
            name: dataset.name.clone(),
            texts: rows
                .iter()
                .map(|row| row.full_texts()[side].clone())
                .collect(),
        };
        Source::Corpora(side(0), side(1))
    } else {
        let set = pairs(args, opened, dataset, &rows)?;
        for message in set.rejected.messages() {
            remark(&message);
        }
        Source::Pairs(set)
    };
    Ok(Given {
        source,
        name: dataset.name.clone(),
        about,
    })
}

/// Refuses flags that would change nothing.
fn as_written(args: &ExtractArgs) -> Result<(), Ending> {
    let refusal = args.method == Method::RefusalMean;
    if refusal && args.read.is_some() {
        return Err(Ending::Usage(
            "refusal_mean chooses the position itself; leave --read out".to_owned(),
        ));
    }
    let asked = args.ask.template == TemplateChoice::Chat || args.ask.system.is_some();
    if !refusal && asked {
        return Err(Ending::Usage(format!(
            "{} reads texts as they are written; leave --template and --system out",
            args.method
        )));
    }
    Ok(())
}

/// Rows as they are asked and read.
fn pairs(
    args: &ExtractArgs,
    opened: &Opened,
    dataset: &Dataset,
    rows: &[&Example],
) -> Result<PairSet, Ending> {
    let model = &opened.model;
    let prompting = study::prompting(opened, &args.ask)?;
    let examples = prompting.examples(rows);
    let refs: Vec<&Example> = examples.iter().collect();
    let answers = refs.iter().all(|e| e.prompt_text().is_some());
    let read = args
        .read
        .unwrap_or_else(|| args.method.default_read(answers));
    let system = prompting.system();
    let plain = prompting == Prompting::plain();
    let set = if plain {
        PairSet::read_at(dataset, PairRows::Plain(&refs), read, model)
    } else if answers {
        let wordings = prompting.wordings(model, &examples).map_err(failed)?;
        let wordings = &wordings;
        PairSet::read_at(dataset, PairRows::Worded { wordings, system }, read, model)
    } else if prompting.template() == Template::Chat {
        let examples = &refs;
        PairSet::read_at(dataset, PairRows::Turns { examples, system }, read, model)
    } else {
        return Err(Ending::Failed(format!(
            "'{}' holds whole texts and '{}' came without a chat template; leave --template chat out",
            dataset.name, opened.name
        )));
    };
    set.map_err(failed)
}

fn texts(path: &Path, limit: Option<usize>) -> Result<Texts, Ending> {
    let mut texts = load_texts(path).map_err(failed)?;
    texts.truncate(limit.unwrap_or(usize::MAX));
    let name = path.file_stem().unwrap_or(path.as_os_str());
    Ok(Texts {
        name: name.to_string_lossy().into_owned(),
        texts,
    })
}

/// Pairs of whole texts.
fn paired(name: &str, positive: &[String], negative: &[String]) -> Result<Dataset, Ending> {
    let rows = positive.iter().zip(negative);
    let rows: Vec<String> = rows
        .map(|(p, n)| json!({ "positive": p, "negative": n }).to_string())
        .collect();
    let rows = rows.join("\n");
    let dataset = Dataset::from_bytes(name, rows.as_bytes()).map_err(failed)?;
    for warning in &dataset.warnings {
        remark(&warning.to_string());
    }
    Ok(dataset)
}
