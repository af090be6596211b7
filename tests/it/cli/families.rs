//! Every command, and what the screen asks of the engine thread, on a model of every family.

use std::fs;
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::Value;
use steerscope::protocol::{
    Asking, Asset, Command, Event, GenerateRequest, MeasureRequest, ModelSource, Sampling, Steering,
};
use steerscope::units::{BlockIndex, Mask, RunId};
use steerscope::worker::{Options, Worker};
use tempfile::TempDir;

use super::{home, output, steerscope};
use crate::engine::{family_directories, write_gguf};

/// Models of every family at hand, and one of them as a GGUF file.
fn models() -> Vec<(TempDir, PathBuf)> {
    let mut models: Vec<(TempDir, PathBuf)> = family_directories()
        .into_iter()
        .map(|dir| {
            let path = dir.path().to_owned();
            (dir, path)
        })
        .collect();
    let dir = tempfile::tempdir().unwrap();
    let path = write_gguf(dir.path());
    models.push((dir, path));
    models
}

/// Twelve inputs in words that every one of the models knows.
fn dataset(home: &TempDir) -> PathBuf {
    let rows = (0..12).map(|i| {
        let (a, b, c) = (i % 7 + 3, i % 5 + 9, i % 3 + 15);
        format!(
            "{{\"prompt\": \"w{a} w{b} w{c} w{a} w{c}\", \"positive\": \" w20\", \"negative\": \" w21\"}}\n"
        )
    });
    let path = home.path().join("words.jsonl");
    fs::write(&path, rows.collect::<String>()).unwrap();
    path
}

#[test]
fn commands_run_on_every_family() {
    for (_keep, model) in models() {
        let home = home();
        let words = dataset(&home);
        let vector = home.path().join("v.safetensors");
        let run = |arguments: &[&str]| {
            let mut command = steerscope(&home);
            command.args(arguments).arg("--model").arg(&model);
            command
        };
        let words = words.to_str().unwrap();
        let file = vector.to_str().unwrap();
        output(&mut run(&[
            "extract",
            "--dataset",
            words,
            "--split",
            "all",
            "--out",
            file,
        ]));
        let measured = output(&mut run(&[
            "measure",
            "--dataset",
            words,
            "--vector",
            file,
            "--split",
            "all",
            "--layer",
            "1",
            "--json",
        ]));
        let measured: Value = serde_json::from_str(&measured).unwrap();
        let inputs = measured["inputs"].as_array().unwrap();
        assert_eq!(inputs.len(), 12, "{}", model.display());
        for input in inputs {
            let propensities = input["propensity"].as_array().unwrap();
            assert!(
                propensities.iter().all(Value::is_f64),
                "{}",
                model.display()
            );
        }
        let text = output(&mut run(&[
            "generate",
            "--prompt",
            "w5 w6 w7",
            "--vector",
            file,
            "--layer",
            "0",
            "--coefficient",
            "0",
            "--max-tokens",
            "8",
            "--json",
        ]));
        let text: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            text["baseline"]["text"],
            text["steered"]["text"],
            "{}",
            model.display()
        );
    }
}

#[test]
fn engine_thread_answers_the_screen_on_every_family() {
    for (_keep, model) in models() {
        let home = home();
        let words = dataset(&home);
        let vector = home.path().join("v.safetensors");
        output(
            steerscope(&home)
                .args(["extract", "--split", "all", "--dataset"])
                .arg(&words)
                .arg("--model")
                .arg(&model)
                .arg("--out")
                .arg(&vector),
        );
        let (send, receive) = mpsc::channel();
        let worker = Worker::start(Options::default(), move |event| {
            let _ = send.send(event);
        })
        .unwrap();
        let wait = |what: &dyn Fn(&Event) -> Option<String>| {
            let end = Instant::now() + Duration::from_secs(60);
            loop {
                let event = receive
                    .recv_timeout(end - Instant::now())
                    .expect("an answer");
                assert!(
                    !matches!(event, Event::Failed(_)),
                    "{}: {event:?}",
                    model.display()
                );
                if let Some(answer) = what(&event) {
                    return answer;
                }
            }
        };
        worker.send(Command::LoadModel(ModelSource::Directory(model.clone())));
        wait(&|e| match e {
            Event::ModelLoaded { info, .. } => Some(info.architecture.clone()),
            _ => None,
        });
        worker.send(Command::LoadVector(Asset::File(vector.clone())));
        let vector = wait(&|e| match e {
            Event::VectorLoaded(info) => Some(info.id.clone()),
            _ => None,
        });
        worker.send(Command::LoadDataset(Asset::File(words), Asking::default()));
        let dataset = wait(&|e| match e {
            Event::DatasetLoaded(info) => Some(info.id.clone()),
            _ => None,
        });
        worker.send(Command::Generate(GenerateRequest {
            run: RunId(1),
            prompt: "w5 w6 w7".to_owned(),
            chat: None,
            steering: Some(Steering {
                edit: steerscope::units::Edit::ADD,
                condition: None,
                vector: vector.clone(),
                block: BlockIndex(1),
                coefficient: 1.5,
                mask: Mask::default(),
            }),
            reference: steerscope::protocol::Reference::Unsteered,
            sampling: Sampling {
                max_tokens: 6,
                ..Sampling::default()
            },
        }));
        for _ in 0..2 {
            wait(&|e| matches!(e, Event::LaneFinished { .. }).then(String::new));
        }
        worker.send(Command::Measure(MeasureRequest {
            condition: None,
            edit: steerscope::units::Edit::ADD,
            run: RunId(2),
            vector,
            dataset,
            block: BlockIndex(0),
            mask: Mask::default(),
            multipliers: vec![-1.0, 0.0, 1.0],
            probe: Some(0.5),
        }));
        wait(&|e| matches!(e, Event::MeasureFinished { .. }).then(String::new));
        worker.shutdown(Duration::from_secs(5));
    }
}

#[test]
fn relative_path_of_a_gguf_file_is_no_hub_id() {
    let path = "models/model.gguf";
    assert_eq!(
        ModelSource::parse(path),
        ModelSource::Directory(PathBuf::from(path))
    );
    assert!(matches!(
        ModelSource::parse("models/model"),
        ModelSource::Hub(_)
    ));
}

#[test]
fn measurements_and_texts_on_tensors_are_those_of_the_kernel() {
    let home = home();
    let run = |arguments: &[&str], device: &str| -> Value {
        let mut command = steerscope(&home);
        command.args(arguments).args(["--json", "--device", device]);
        serde_json::from_str(&output(&mut command)).unwrap()
    };
    let measure = ["measure", "--dataset", "kindness", "--limit", "20"];
    let [got, want] = ["tensor-cpu", "cpu"].map(|device| run(&measure, device));
    let inputs = |v: &Value| v["inputs"].as_array().unwrap().clone();
    assert_eq!(inputs(&got).len(), 20);
    for (got, want) in inputs(&got).iter().zip(&inputs(&want)) {
        let values = |v: &Value| -> Vec<f64> {
            let all = v["propensity"].as_array().unwrap();
            all.iter().map(|v| v.as_f64().unwrap()).collect()
        };
        for (got, want) in values(got).into_iter().zip(values(want)) {
            assert!((got - want).abs() < 1e-4, "{got} {want}");
        }
    }
    let generate = [
        "generate",
        "--prompt",
        "Once upon a time",
        "--vector",
        "kindness",
    ];
    let [got, want] = ["tensor-cpu", "cpu"].map(|device| run(&generate, device));
    for lane in ["baseline", "steered"] {
        assert_eq!(got[lane]["text"], want[lane]["text"]);
        assert!(!got[lane]["text"].as_str().unwrap().is_empty());
    }
}
