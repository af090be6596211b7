//! New vectors from every kind of source.

use std::path::Path;
use std::sync::mpsc::Receiver;

use steerscope::app::extraction::METHODS;
use steerscope::protocol::{
    Asset, Command, Event, ExtractReport, ExtractSource, ExtractStudy, Failure, PromptPart, Stage,
    Study, StudyNews, StudyRequest,
};
use steerscope::steering::{Method, PositionRows, SteeringVector};
use steerscope::units::{BlockIndex, RunId};
use steerscope::worker::Worker;

use super::{LIMIT, with_folder};

/// Sends an extraction and waits for its end: the last report, or why it was refused.
fn make(
    (worker, events): &(Worker, Receiver<Event>),
    run: u64,
    source: &ExtractSource,
    method: &str,
    name: &str,
) -> Result<ExtractReport, Failure> {
    worker.send(Command::Study(StudyRequest {
        run: RunId(run),
        study: Study::Extract(ExtractStudy {
            source: source.clone(),
            method: method.to_owned(),
            read: None,
            limit: None,
            name: name.to_owned(),
            block: BlockIndex(2),
        }),
    }));
    let mut last = None;
    loop {
        match events.recv_timeout(LIMIT).expect("it ends") {
            Event::Study {
                news: StudyNews::Extracted(report),
                ..
            } => last = Some(*report),
            Event::Study {
                news: StudyNews::Finished { .. },
                ..
            } => return Ok(last.expect("a report")),
            Event::Failed(failure) => return Err(failure),
            _ => {}
        }
    }
}

fn sources(folder: &Path) -> [ExtractSource; 4] {
    let file = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let texts = ["Tom is kind.", "Tom is mean."].map(str::to_owned);
    [
        ExtractSource::Dataset(Asset::Bundled("kindness_texts".into())),
        ExtractSource::Files([
            file(
                "kind.txt",
                "Tom was kind.\nAnna shared her bread.\nBen helped the dog.\n",
            ),
            file(
                "mean.txt",
                "Tom was mean.\nAnna took the bread.\nBen hit the dog.\n",
            ),
        ]),
        ExtractSource::Pair(texts.clone()),
        ExtractSource::Systems {
            texts,
            prompts: file("prompts.txt", "Tom saw a dog. He\nAnna had a ball. She\n"),
            max_tokens: 6,
        },
    ]
}

#[test]
fn every_method_runs_from_the_sources_that_the_dialog_offers_it_for() {
    let folder = tempfile::tempdir().unwrap();
    let bench = with_folder(folder.path());
    let [dataset, files, pair, systems] = sources(folder.path());
    let known: Vec<&str> = Method::ALL.into_iter().map(Method::name).collect();
    assert!(METHODS.iter().all(|(name, _)| known.contains(name)));
    assert_eq!(METHODS.len(), known.len());
    let runs: Vec<(&ExtractSource, &str)> = vec![
        (&dataset, "corpus_mean"),
        (&dataset, "diffmean_tokens"),
        (&files, "corpus_mean"),
        (&files, "mean"),
        (&files, "lat"),
        (&files, "diffmean_tokens"),
        (&pair, "mean"),
        (&systems, "persona_mean"),
    ];
    for (i, (source, method)) in runs.into_iter().enumerate() {
        let name = format!("{method} {i}");
        let report = make(&bench, i as u64 + 1, source, method, &name)
            .unwrap_or_else(|e| panic!("{method} from {source:?}: {e:?}"));
        assert!(report.complete && report.done == report.total, "{report:?}");
        assert_eq!(report.said.is_some(), method == "persona_mean");
        let vector = SteeringVector::load(&report.file.unwrap()).unwrap();
        assert_eq!(vector.method(), Some(method));
        assert!(vector.norm(BlockIndex(2)).unwrap() > 0.0);
    }
    let report = make(&bench, 20, &pair, "actadd", "one pair").unwrap();
    assert!(report.about.unwrap().contains("a row for each of"));
    let rows = PositionRows::load(&report.file.unwrap()).unwrap().unwrap();
    assert!(rows.positions() > 2 && report.blocks.len() == 7);
}

#[test]
fn what_a_source_cannot_give_is_refused_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let bench = with_folder(folder.path());
    let [dataset, mut files, pair, systems] = sources(folder.path());
    let refused = |run: u64, source: &ExtractSource, method: &str| {
        let failure = make(&bench, run, source, method, method).unwrap_err();
        assert_eq!(failure.stage, Stage::Study);
        failure.id
    };
    assert_eq!(refused(1, &dataset, "persona_mean"), "method-source");
    assert_eq!(refused(2, &dataset, "actadd"), "method-source");
    assert_eq!(refused(3, &systems, "mean"), "method-source");
    assert_eq!(refused(4, &pair, "repeng_diff"), "no-spread");
    std::fs::write(folder.path().join("mean.txt"), "Tom was mean.\n").unwrap();
    assert_eq!(refused(5, &files, "mean"), "unequal-sides");
    let ExtractSource::Files([_, negative]) = &mut files else {
        panic!("files");
    };
    *negative = folder.path().join("nowhere.txt");
    assert_eq!(refused(6, &files, "corpus_mean"), "dataset-missing");
}

#[test]
fn the_first_text_of_a_source_comes_token_by_token() {
    let folder = tempfile::tempdir().unwrap();
    let (worker, events) = with_folder(folder.path());
    let [texts, _, _, systems] = sources(folder.path());
    let read = |run: u64, source: ExtractSource| {
        worker.send(Command::ReadSource {
            run: RunId(run),
            source,
        });
        loop {
            match events.recv_timeout(LIMIT).expect("an answer") {
                Event::PromptRead { run: of, tokens } if of == RunId(run) => return Ok(tokens),
                Event::Failed(failure) => return Err(failure.id),
                _ => {}
            }
        }
    };
    let tokens = read(1, texts).unwrap();
    assert!(tokens.iter().all(|t| t.part == PromptPart::Text));
    let asked = ExtractSource::Dataset(Asset::Bundled("kindness".into()));
    let tokens = read(2, asked).unwrap();
    let count = |part| tokens.iter().filter(|t| t.part == part).count();
    assert_eq!(count(PromptPart::Choice), 1, "{tokens:?}");
    assert!(count(PromptPart::User) > 5);
    assert_eq!(read(3, systems).unwrap_err(), "extract-request");
}

#[test]
fn a_vector_is_extracted_with_its_predictors_and_written() {
    let folder = tempfile::tempdir().unwrap();
    let (worker, events) = with_folder(folder.path());
    let study = |run: u64, method: &str, name: &str| {
        Command::Study(StudyRequest {
            run: RunId(run),
            study: Study::Extract(ExtractStudy {
                source: ExtractSource::Dataset(Asset::Bundled("kindness_texts".into())),
                method: method.to_owned(),
                read: None,
                limit: Some(24),
                name: name.to_owned(),
                block: BlockIndex(2),
            }),
        })
    };
    let run = |command: Command| {
        worker.send(command);
        let (mut reports, mut saved) = (Vec::new(), None);
        loop {
            match events.recv_timeout(LIMIT).expect("it ends") {
                Event::Study {
                    news: StudyNews::Extracted(report),
                    ..
                } => reports.push(*report),
                Event::Saved(path) => saved = Some(path),
                Event::Study {
                    news: StudyNews::Finished { .. },
                    ..
                } => {
                    return Ok((reports, saved));
                }
                Event::Failed(failure) => return Err(failure),
                _ => {}
            }
        }
    };
    for (i, method) in ["mean", "pca", "logistic", "repeng_diff"]
        .into_iter()
        .enumerate()
    {
        let (reports, saved) = run(study(i as u64 + 1, method, method)).unwrap();
        let last = reports.last().unwrap();
        assert!(last.complete && last.done == last.total, "{last:?}");
        assert_eq!(last.blocks.len(), 7);
        assert!(last.directional.is_some() && last.d_prime.is_some());
        let path = saved.unwrap();
        assert_eq!(
            path,
            folder.path().join(format!("vectors/{method}.safetensors"))
        );
        let vector = SteeringVector::load(&path).unwrap();
        assert_eq!(vector.method(), Some(method));
        let norm = f64::from(vector.norm(BlockIndex(2)).unwrap());
        assert!((norm / last.blocks[2].norm - 1.0).abs() < 1e-4);
        if method != "mean" {
            assert!((norm - 1.0).abs() < 1e-4, "{method}");
        }
    }
    // A file of that name is never replaced, an unknown method never guessed.
    assert_eq!(
        run(study(8, "mean", "mean")).unwrap_err().stage,
        Stage::Study
    );
    assert_eq!(
        run(study(9, "median", "other")).unwrap_err().id,
        "extract-request"
    );
}

#[test]
fn an_extraction_that_is_stopped_keeps_what_it_read() {
    let folder = tempfile::tempdir().unwrap();
    let (worker, events) = with_folder(folder.path());
    worker.send(Command::Study(StudyRequest {
        run: RunId(1),
        study: Study::Extract(ExtractStudy {
            source: ExtractSource::Dataset(Asset::Bundled("kindness_texts".into())),
            method: "mean".to_owned(),
            read: Some("all".to_owned()),
            limit: None,
            name: "part".to_owned(),
            block: BlockIndex(2),
        }),
    }));
    let mut stopped = false;
    let path = loop {
        match events.recv_timeout(LIMIT).expect("it ends") {
            Event::Progress {
                stage: Stage::Study,
                done,
                ..
            } if done > 0 && !stopped => {
                stopped = true;
                worker.send(Command::StopStudy);
            }
            Event::Saved(path) => break path,
            Event::Failed(failure) => panic!("{failure:?}"),
            _ => {}
        }
    };
    let vector = SteeringVector::load(&path).unwrap();
    // A fast machine may have been through before the stop came.
    if let Some(words) = vector.metadata.get("stopped_after") {
        let (done, total) = words.split_once(" of ").unwrap();
        assert!(done.parse::<usize>().unwrap() < total.parse::<usize>().unwrap());
    }
    assert!(vector.norm(BlockIndex(2)).unwrap() > 0.0);
}
