//! What the flags of `steerscope extract` say a vector is made from.

use std::path::Path;

use serde_json::{Value, json};

use super::args::{ExtractArgs, TemplateChoice};
use super::open::{self, Opened, failed, remark};
use super::output::Ending;
use super::study;
use crate::measure::{Prompting, Template};
use crate::steering::dataset::{Dataset, Example, Part};
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
            prompts: Texts::load(prompts, args.limit).map_err(failed)?,
        };
        let about = json!({ "trait": positive, "anti": negative, "prompts": persona.prompts.name });
        return Ok(Given {
            name: persona.prompts.name.clone(),
            source: Source::Persona(persona),
            about,
        });
    }
    if let (Some(positive), Some(negative)) = (&args.positive, &args.negative) {
        let load = |path: &Path| Texts::load(path, args.limit).map_err(failed);
        let (positive, negative) = (load(positive)?, load(negative)?);
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
        let dataset = paired(args, &name, [&positive, &negative])?;
        return from_dataset(args, opened, &dataset, Part::All, about);
    }
    if let Some([positive, negative]) = args.pair.as_deref() {
        let name = format!("{positive} - {negative}");
        let about = json!({ "pair": [positive, negative] });
        let sides = [positive, negative].map(|text| Texts::one(&name, text));
        let dataset = paired(args, &name, [&sides[0], &sides[1]])?;
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
    let source = if args.method.takes_sides() {
        as_written(args)?;
        let [positive, negative] = Texts::sides(&dataset.name, &rows);
        Source::Corpora(positive, negative)
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

/// Pairs of whole texts.
fn paired(args: &ExtractArgs, name: &str, sides: [&Texts; 2]) -> Result<Dataset, Ending> {
    let dataset = Texts::paired(args.method, name, sides).map_err(failed)?;
    for warning in &dataset.warnings {
        remark(&warning.to_string());
    }
    Ok(dataset)
}
