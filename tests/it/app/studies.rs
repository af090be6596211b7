//! What the scripted worker answers to studies: deterministic, with every kind of gap in it.

use std::time::Duration;

use steerscope::protocol::{
    Apart, Asset, Calibration, Condition, ControlGroup, ControlReport, ControlsTable,
    DatasetResponse, Event, ExtractBlock, ExtractReport, ExtractStudy, FanPart, FinishReason,
    Gated, Lens, MeasureRequest, Prediction, ShiftTable, Study, StudyNews, StudyRequest, SweepPart,
    SweepUnit, Tax, TaxLine, TokenRow, TokenStrip, TokensStudy, VectorResponse, VectorsStudy,
    VectorsTable,
};
use steerscope::units::{BlockIndex, RunId};

use super::world::{BLOCKS, items, result, story};

/// Everything a study reports, `parts` of a sweep's slices at most.
pub fn news(request: &StudyRequest, parts: usize) -> Vec<Event> {
    let mut news = match &request.study {
        Study::Sweep(sweep) => {
            let measure = |block| MeasureRequest {
                condition: None,
                edit: steerscope::units::Edit::ADD,
                run: RunId(0),
                vector: sweep.vector.clone(),
                dataset: sweep.dataset.clone(),
                block: BlockIndex(block),
                mask: sweep.mask,
                multipliers: sweep.multipliers.clone(),
                probe: None,
            };
            let slice = |first: usize| {
                let one = |unit, scale: f32, block: usize| SweepPart {
                    block: BlockIndex(block),
                    unit,
                    scale,
                    first,
                    rows: (first..first + 16)
                        .map(|i| result(i, &measure(block)).propensity)
                        .map(|row| row.into_iter().map(|m| m * scale).collect())
                        .collect(),
                };
                let kappa = |block: usize| 1.6 - 0.2 * block as f32;
                let raw = (1..BLOCKS).map(|b| one(SweepUnit::Raw, 1.0, b));
                let equal = (1..BLOCKS).map(|b| one(SweepUnit::EqualKappa, kappa(b), b));
                StudyNews::Sweep(raw.chain(equal).collect())
            };
            (0..items().len()).step_by(16).map(slice).collect()
        }
        Study::Extract(study) => [
            (24, None),
            (48, Some("/data/vectors/new.safetensors".into())),
        ]
        .map(|(done, file)| StudyNews::Extracted(Box::new(extracted(study, done, file))))
        .into(),
        Study::Predict(_) => ["she_he", "a data set with a longer name"]
            .map(|name| StudyNews::Predicted(Box::new(prediction(name))))
            .into(),
        Study::Shift(_) => ["she_he", "mood", "kindness", "bravery", "patience"]
            .iter()
            .enumerate()
            .map(|(i, name)| StudyNews::Shifted(Box::new(shifts(name, i as f64))))
            .collect(),
        Study::Controls(_) => vec![StudyNews::Controls(Box::new(controls()))],
        Study::Tokens(tokens) => vec![StudyNews::Tokens(Box::new(strip(tokens)))],
        Study::Fan(fan) => {
            let mut labels: Vec<String> =
                fan.coefficients.iter().map(|c| format!("{c:+}")).collect();
            if let Some(zero) = labels.iter_mut().find(|l| *l == "+0" || *l == "-0") {
                "0".clone_into(zero);
            }
            if fan.controls.is_some() {
                labels.push("random 0 +1".to_owned());
            }
            let lanes = fan
                .coefficients
                .iter()
                .copied()
                .chain(fan.controls.map(|_| 0.1));
            let texts = lanes.enumerate().map(|(lane, c)| {
                StudyNews::Fan(FanPart {
                    lane,
                    tokens: story(&fan.prompt, c),
                    finished: Some(FinishReason::Eos),
                })
            });
            let mut news: Vec<StudyNews> = texts.collect();
            let gate = gate(fan.condition.as_ref());
            news.insert(0, StudyNews::FanLanes { labels, gate });
            news
        }
        Study::Tax(study) => {
            let at = |c: f32| Tax {
                coefficient: c,
                top1: 0.5 - 0.12 * f64::from(c * c),
                perplexity: 8.0 + 5.0 * f64::from(c * c * c.abs()),
            };
            vec![StudyNews::Taxed(Box::new(TaxLine {
                unsteered: at(0.0),
                rows: study.multipliers.iter().map(|c| at(*c)).collect(),
                gate: gate(study.condition.as_ref()),
            }))]
        }
        Study::Calibrate(study) => vec![StudyNews::Calibrated(Box::new(Calibration {
            coefficient: 0.8,
            achieved: 1.02,
            target: study.target,
            evaluations: 7,
            reached: true,
            band: (Some(0.3), Some(1.9)),
            tax: [0.0, 0.4, 0.8, 1.6]
                .map(|coefficient| Tax {
                    coefficient,
                    top1: 0.6 - 0.1 * f64::from(coefficient),
                    perplexity: 7.0 + 3.0 * f64::from(coefficient),
                })
                .into(),
        }))],
        Study::Vectors(study) => vec![
            StudyNews::Vectors(Box::new(several(study, 20))),
            StudyNews::Vectors(Box::new(several(study, 64))),
        ],
        Study::Datasets(study) => {
            let mut news: Vec<StudyNews> = ["kindness", "patience", "she_he", "few"]
                .iter()
                .enumerate()
                .map(|(i, name)| {
                    let mut response = response(name, i);
                    let steered = response.inputs.len() * 3 / 4;
                    response.steered = study.condition.as_ref().map(|_| steered);
                    StudyNews::Dataset(Box::new(response))
                })
                .collect();
            news.push(StudyNews::Remark("'texts' left out: pairs of texts".into()));
            news
        }
    };
    news.truncate(parts);
    news.into_iter()
        .map(|news| Event::Study {
            run: request.run,
            news,
        })
        .collect()
}

/// The end of a study.
pub fn finished(request: &StudyRequest) -> Event {
    Event::Study {
        run: request.run,
        news: StudyNews::Finished {
            elapsed: Duration::from_millis(1234),
            from_store: 2,
        },
    }
}

fn prediction(name: &str) -> Prediction {
    let side = |sign: f32| {
        (0..32)
            .map(|i| sign * 0.6 + ((i * 37 % 32) as f32 / 16.0 - 1.0))
            .collect::<Vec<f32>>()
    };
    let apart = |positive: Vec<f32>, negative: Vec<f32>| Apart {
        n: 32,
        directional: Some(0.41),
        d_prime: Some(1.04),
        separated: false,
        auc: Some(0.77),
        overlap: Some(0.42),
        positive,
        negative,
    };
    Prediction {
        dataset: name.to_owned(),
        block: 3,
        norm: 12.5,
        pairs: 96,
        dropped: 1,
        directional: Some(0.48),
        leave_one_out: Some(0.45),
        pairwise: Some(0.24),
        euclidean: Some(-0.81),
        norm_variance: Some(-1.52),
        held_out: Some(apart(side(1.0), side(-1.0))),
        in_sample: Apart {
            separated: true,
            d_prime: None,
            ..apart(Vec::new(), Vec::new())
        },
        stability: Some((0.97, 0.91, 25)),
    }
}

fn shifts(name: &str, i: f64) -> ShiftTable {
    let test: Vec<String> = ["BASE", "SYS_POS", "SYS_NEG", "USER_POS", "USER_NEG"]
        .map(str::to_owned)
        .into();
    let mut train = test.clone();
    train.push("MEAN".to_owned());
    let at = |a: usize, b: usize| 1.5 - 0.3 * i - 0.25 * (a as f64 - b as f64).abs();
    let matrix = |f: &dyn Fn(usize, usize) -> Option<f64>, columns: usize| {
        (0..6)
            .map(|a| (0..columns).map(|b| f(a, b)).collect())
            .collect()
    };
    ShiftTable {
        dataset: name.to_owned(),
        steerability: matrix(&|a, b| Some(at(a, b)), 5),
        variance: matrix(&|a, b| Some(at(a, b).abs() / 3.0), 5),
        relative: (0..5)
            .map(|a| {
                (0..5)
                    .map(|b| (b != 2).then(|| at(a, b) / at(b, b)))
                    .collect()
            })
            .collect(),
        cosine: matrix(&|a, b| Some(1.0 - 0.1 * (a as f64 - b as f64).abs()), 6),
        gaps: (0..20)
            .map(|k| (f64::from(k) / 10.0, 1.0 - f64::from(k) / 30.0))
            .collect(),
        cosines: (0..15)
            .map(|k| (f64::from(k) / 12.0, 0.95 - f64::from(k) / 40.0))
            .collect(),
        gap_correlation: Some(-0.71),
        cosine_correlation: None,
        rows: 64,
        left_out: 3,
        sentences: (
            "You are patient and take your time.".to_owned(),
            "You are impatient.".to_owned(),
            i > 2.0,
        ),
        chat: false,
        train,
        test,
    }
}

/// A prompt of similarity 0.3.
fn gate(condition: Option<&Condition>) -> Option<Gated> {
    condition.map(|c| Gated {
        similarity: Some(0.3),
        open: (0.3 > c.threshold) == c.above,
    })
}

fn strip(study: &TokensStudy) -> TokenStrip {
    let words = story(&study.prompt, study.coefficient);
    let likely = |best: &str, p: f32| {
        let others = [" the", " was", " a", " and"];
        let rest = others.iter().enumerate();
        let mut all = vec![(best.to_owned(), p)];
        all.extend(rest.map(|(i, w)| ((*w).to_owned(), (1.0 - p) / (i + 2) as f32)));
        all
    };
    let rows: Vec<TokenRow> = words
        .iter()
        .take(study.tokens.len())
        .enumerate()
        .map(|(i, w)| TokenRow {
            id: w.id,
            text: w.text.clone(),
            kl: if i % 7 == 0 {
                1.6
            } else {
                0.02 * (i % 5) as f64
            },
            log_probability: (-1.2, -0.3),
            projection: (0.4, 2.9),
            top: (likely(" he", 0.6), likely(&w.text, 0.74)),
        })
        .collect();
    let lens = Lens {
        token: study.lens,
        blocks: (0..BLOCKS)
            .map(|b| {
                let p = 0.1 + 0.1 * b as f32;
                (
                    likely(" he", p),
                    likely(if b < 3 { " he" } else { " she" }, p),
                )
            })
            .collect(),
    };
    TokenStrip {
        diverges: Some(0),
        rows,
        frozen: study.frozen,
        gate: gate(study.condition.as_ref()),
        lens: Some(lens),
    }
}

fn controls() -> ControlsTable {
    let group = |group, name: &str, k: usize, middle: f32| {
        let slope = |i: usize| middle + 0.5 * ((i * 37 % 64) as f32 / 64.0 - 0.5);
        ControlReport {
            group,
            name: name.to_owned(),
            means: (0..k)
                .map(|i| f64::from(middle) + 0.1 * (i as f64 / k as f64 - 0.5))
                .collect(),
            slopes: (0..64 * k).map(slope).collect(),
        }
    };
    ControlsTable {
        groups: vec![
            group(ControlGroup::Vector, "", 1, 0.7),
            group(ControlGroup::Reversed, "", 1, -0.7),
            group(ControlGroup::Random, "", 16, 0.02),
            group(ControlGroup::Orthogonal, "", 16, -0.01),
            group(ControlGroup::Permuted, "", 1, 0.05),
            group(ControlGroup::Shuffled, "", 8, 0.1),
            group(ControlGroup::Other, "mood", 1, 0.2),
            group(ControlGroup::Prompt, "", 1, 0.9),
        ],
        z_random: Some(11.4),
        z_shuffled: Some(7.25),
        inputs: (64, 64),
    }
}

fn response(name: &str, k: usize) -> DatasetResponse {
    let n = if name == "few" { 3 } else { 64 };
    let slope = |i: usize| {
        let noise = (i * 37 % 64) as f32 / 64.0 - 0.5;
        let letter = if i.is_multiple_of(2) { 0.4 } else { -0.4 };
        match name {
            "kindness" => 1.4 + 0.3 * noise,
            "patience" => 0.2 + 1.1 * letter + 0.4 * noise,
            _ => 0.6 + 0.8 * noise - 0.3 * k as f32,
        }
    };
    let lettered = matches!(name, "kindness" | "patience");
    DatasetResponse {
        dataset: name.to_owned(),
        asset: Asset::Bundled(name.to_owned()),
        vector: "mean of its training pairs".to_owned(),
        norm: 3.5,
        inputs: (0..n)
            .map(|i| {
                let a = lettered.then_some(i % 2 == 0);
                let yes = lettered.then_some(i % 4 < 2);
                (slope(i), a, yes)
            })
            .collect(),
        steered: None,
        from_store: k == 1,
        published: None,
    }
}

fn several(study: &VectorsStudy, done: usize) -> VectorsTable {
    let slope =
        |k: usize, i: usize| 1.1 - 0.5 * k as f32 + 0.9 * ((i * 37 % 64) as f32 / 64.0 - 0.5);
    let rows = study.vectors.iter().enumerate().map(|(k, asset)| {
        let recommended = study.own_blocks && k != 1;
        let slopes: Vec<f32> = (0..done).map(|i| slope(k, i)).collect();
        let middle = f64::from(slopes.iter().sum::<f32>()) / done as f64;
        VectorResponse {
            asset: asset.clone(),
            name: asset.label(),
            block: if recommended { 2 + k } else { study.block.0 },
            recommended,
            norm: 3.0 + k as f32,
            kappa: Some(0.2 + 0.1 * k as f32),
            scale: if study.equal_kappa.is_some() {
                1.0 + 0.5 * k as f32
            } else {
                1.0
            },
            slopes,
            interval: (done == 64).then_some((middle - 0.11, middle + 0.1)),
            from_store: k == 0,
        }
    });
    VectorsTable {
        rows: rows.collect(),
        reference: study.equal_kappa.as_ref().map(|a| (a.label(), 0.2)),
        inputs: (done, 64),
    }
}

fn extracted(study: &ExtractStudy, done: usize, file: Option<std::path::PathBuf>) -> ExtractReport {
    let block = |block: usize| ExtractBlock {
        block,
        norm: 1.0 + 0.4 * block as f64,
        explained: (study.method == "pca").then_some(0.31),
        cosine_to_mean: Some(1.0 - 0.15 * block as f64),
        top_two: 0.1 * block as f64,
        sign_defined: block != 4,
    };
    ExtractReport {
        name: study.name.clone(),
        method: study.method.clone(),
        read: study.read.clone().unwrap_or_else(|| "answer".to_owned()),
        block: study.block.0,
        counted: "pairs".to_owned(),
        done,
        total: 48,
        pairs: done,
        said: None,
        about: None,
        blocks: (0..BLOCKS).map(block).collect(),
        directional: Some(0.61),
        leave_one_out: Some(0.57),
        d_prime: Some(1.9),
        auc: None,
        complete: file.is_some(),
        file,
    }
}
