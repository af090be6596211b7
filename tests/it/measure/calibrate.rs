//! Calibration: the solver on functions with known answers, the statistic against its definition, and
//! whole calibrations of the bundled vectors.

use std::cell::RefCell;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use steerscope::engine::{Cancel, Keep, KvCache, Model, Part};
use steerscope::measure::calibrate::{
    BRACKET, Calibration, Calibrator, EVALUATIONS, Evaluation, HARDLY, INCOHERENT, KlStatistic,
    PERPLEXITY_RATIO, QUANTILE, ROLLOUT, Reason, Search, Sign, Solution, Verdict, solve,
};
use steerscope::measure::{MeasureError, NEUTRAL_PROMPTS, NEUTRAL_TEXT, Site, kl, tax, text_ids};
use steerscope::stats::quantile;
use steerscope::steering::{LaneSteering, SteerHook, SteeringVector, residual_norms};
use steerscope::units::{BlockIndex, Mask};
use steerscope::worker::Library;

use super::support::{direction, stories, tiny};

fn search(f: impl Fn(f64) -> f64, target: f64) -> Solution {
    let done = solve(&Search::new(target), &[], &mut |kappa| {
        assert!((BRACKET[0]..=BRACKET[1]).contains(&kappa), "{kappa}");
        Ok::<f64, Infallible>(f(kappa))
    });
    let Ok(solution) = done;
    assert!(solution.history.len() <= EVALUATIONS);
    solution
}

#[test]
fn rising_functions_are_solved_within_the_tolerance() {
    type Rising = fn(f64) -> f64;
    let functions: [(&str, Rising); 5] = [
        ("square", |k| 3.0 * k * k),
        ("steep", |k| 40.0 * k.powi(4)),
        ("shallow", |k| 0.9 * k.sqrt()),
        ("saturating", |k| 1.1 * k * k / (0.3 + k * k)),
        ("bent", |k| {
            if k < 0.5 {
                k * k
            } else {
                0.25 + 20.0 * (k - 0.5)
            }
        }),
    ];
    for (name, f) in functions {
        let solution = search(f, 1.0);
        let best = solution.best.unwrap();
        assert_eq!(solution.verdict, Verdict::Reached, "{name}: {solution:?}");
        assert!((best.stat - 1.0).abs() < 0.05, "{name}");
        assert_eq!(best.stat, f(best.kappa), "{name}");
    }
}

#[test]
fn a_search_begins_in_the_geometric_middle_and_doubles() {
    let kappas: Vec<f64> = (search(|k| 0.1 * k * k, 1.0).history.iter())
        .map(|e| e.kappa)
        .collect();
    assert!((kappas[0] - 0.2).abs() < 1e-12);
    for pair in kappas[..5].windows(2) {
        assert!((pair[1] / pair[0] - 2.0).abs() < 1e-9);
    }
    let down = search(|k| 1e4 * k * k, 1.0).history;
    assert!((down[1].kappa - 0.1).abs() < 1e-12);
}

#[test]
fn what_saturates_below_the_target_is_unreachable() {
    let solution = search(|k| 0.6 * k * k / (0.1 + k * k), 1.0);
    assert_eq!(solution.verdict, Verdict::Unreachable);
    let last = solution.history.last().unwrap();
    assert_eq!((last.kappa, solution.best), (BRACKET[1], Some(*last)));
    let above = search(|_| 7.0, 1.0);
    assert_eq!(above.verdict, Verdict::AlwaysAbove);
    assert_eq!(above.history.last().unwrap().kappa, BRACKET[0]);
}

#[test]
fn jumps_noise_and_overflow_end_in_time() {
    // Over a jump there is nothing to find; the better side is given.
    let jump = search(|k| if k < 0.77 { 0.7 } else { 3.0 }, 1.0);
    assert_eq!(jump.verdict, Verdict::Inexact);
    assert_eq!(
        (jump.history.len(), jump.best.unwrap().stat),
        (EVALUATIONS, 0.7)
    );
    // 10 % of ripple on a square.
    let noisy = search(|k| 2.0 * k * k * (1.0 + 0.1 * (97.0 * k).sin()), 1.0);
    assert!((noisy.best.unwrap().stat - 1.0).abs() < 0.2, "{noisy:?}");
    let overflow = search(|k| if k > 0.5 { f64::INFINITY } else { 5.0 * k * k }, 1.0);
    assert_eq!(overflow.verdict, Verdict::Reached, "{overflow:?}");
    let nothing = search(|_| 0.0, 1.0);
    assert_eq!(nothing.verdict, Verdict::Unreachable);
}

#[test]
fn known_evaluations_cost_nothing() {
    let f = |k: f64| 3.0 * k * k;
    let known: Vec<Evaluation> = [0.1, 0.4, 0.58]
        .map(|kappa| Evaluation {
            kappa,
            stat: f(kappa),
        })
        .to_vec();
    let calls = RefCell::new(0);
    let mut count = |kappa: f64| {
        *calls.borrow_mut() += 1;
        Ok::<f64, Infallible>(f(kappa))
    };
    let Ok(found) = solve(&Search::new(1.0), &known, &mut count);
    assert_eq!(
        (found.verdict, found.best),
        (Verdict::Reached, Some(known[2]))
    );
    let Ok(between) = solve(&Search::new(0.2), &known, &mut count);
    assert_eq!(between.verdict, Verdict::Reached);
    assert_eq!(*calls.borrow(), between.history.len());
    assert!(between.history.len() <= 2, "{between:?}");
}

fn prompts(model: &Model) -> Vec<Vec<u32>> {
    let ids = |text: &&str| model.tokenizer().encode(text).unwrap();
    NEUTRAL_PROMPTS.iter().map(ids).collect()
}

fn norm(model: &Model, block: BlockIndex) -> f64 {
    let prompts = prompts(model);
    let prompts: Vec<&[u32]> = prompts.iter().map(Vec::as_slice).collect();
    let norms = residual_norms(model, &prompts, &Cancel::never()).unwrap();
    f64::from(norms[block.0])
}

fn calibrator(model: &Arc<Model>, v: &[f32], block: BlockIndex, mask: Mask) -> Calibrator {
    let site = Site {
        edit: steerscope::units::Edit::ADD,
        direction: v,
        block,
        mask,
    };
    let stop = model.stop_ids().to_vec();
    let never = Cancel::never();
    let statistic = KlStatistic::rollouts(model, &site, prompts(model), stop, &never).unwrap();
    Calibrator::new(model, statistic, norm(model, block)).unwrap()
}

fn solved(calibrator: &Calibrator, target: f64, sign: Sign) -> Calibration {
    let done = calibrator
        .solve(target, sign, &mut |_| {}, &Cancel::never())
        .unwrap();
    assert!(done.history.len() <= EVALUATIONS);
    done
}

/// The definition, one token and one text at a time.
fn by_definition(model: &Model, site: &Site<'_>, c: f32) -> f64 {
    let never = Cancel::never();
    let mut all = Vec::new();
    for prompt in prompts(model) {
        let lane = LaneSteering::new(site.mask, prompt.len(), c);
        let logits = |ids: &[u32], lane| {
            let mut hook = SteerHook::new(site.block, site.edit, site.direction, vec![lane]);
            let part = [Part { sequence: 0, ids }];
            let mut cache = KvCache::new(model, 1);
            let rows = model
                .extend(&mut cache, &part, Keep::All, &mut hook, &never)
                .unwrap();
            let vocab = model.config().vocab_size;
            let all = model.logits(&rows).unwrap();
            all.chunks_exact(vocab)
                .map(<[f32]>::to_vec)
                .collect::<Vec<_>>()
        };
        let mut text = prompt.clone();
        for _ in 0..ROLLOUT {
            let rows = logits(&text, lane);
            let next = rows.last().unwrap().iter().enumerate();
            let best = next.fold(
                (0, f32::MIN),
                |b, (i, x)| if *x > b.1 { (i, *x) } else { b },
            );
            text.push(best.0 as u32);
            if model.stop_ids().contains(&(best.0 as u32)) {
                break;
            }
        }
        let (steered, base) = (logits(&text, lane), logits(&text, LaneSteering::OFF));
        let generated = prompt.len() - 1..text.len() - 1;
        all.extend(generated.map(|t| kl(&steered[t], &base[t])));
    }
    quantile(&all, QUANTILE).unwrap()
}

#[test]
fn the_statistic_is_its_definition() {
    let model = tiny();
    let v = direction(model.hidden_size());
    for mask in Mask::ALL {
        let site = Site {
            edit: steerscope::units::Edit::ADD,
            direction: &v,
            block: BlockIndex(1),
            mask,
        };
        let stop = model.stop_ids().to_vec();
        let never = Cancel::never();
        let statistic =
            KlStatistic::rollouts(&model, &site, prompts(&model), stop, &never).unwrap();
        for c in [0.05, -0.8] {
            let (fast, slow) = (
                statistic.at(c, &never).unwrap(),
                by_definition(&model, &site, c),
            );
            assert!(
                (fast - slow).abs() <= 1e-9 * slow,
                "{mask} {c}: {fast} {slow}"
            );
            assert!(slow > 0.0);
        }
        assert_eq!(statistic.at(0.0, &never).unwrap(), 0.0);
        let refused = statistic.at(f32::NAN, &never).unwrap_err();
        assert_eq!(refused.id(), "multiplier-value");
    }
}

fn bundled(name: &str) -> (Arc<Model>, SteeringVector) {
    let library = Library::new(None);
    let vector = library.load_vector(&library.vector_asset(name)).unwrap();
    (Arc::new(Model::bundled().unwrap()), vector)
}

/// Within 5 %, or one of the other endings and what makes it one.
fn check(done: &Calibration) {
    let stats = done.history.iter().map(|s| s.stat);
    let off = (done.best.stat / done.target - 1.0).abs();
    match done.verdict {
        Verdict::Reached => assert!(off < 0.05, "{done:?}"),
        Verdict::Unreachable => {
            assert!(stats.clone().all(|s| s < done.target), "{done:?}");
            assert!(done.history.last().unwrap().coefficient.kappa.abs() > 0.99 * BRACKET[1]);
        }
        Verdict::AlwaysAbove => assert!(stats.clone().all(|s| s > done.target), "{done:?}"),
        // The statistic jumps over the target: there are values on both sides.
        Verdict::Inexact => {
            assert!(
                stats.clone().any(|s| s < done.target) && stats.clone().any(|s| s > done.target)
            );
            assert!(off < 0.5, "{done:?}");
        }
    }
    let s = done.best.coefficient;
    assert!((s.unit - s.raw * done.vector_norm).abs() < 1e-9 * s.unit.abs());
    assert!((s.kappa - s.unit / done.residual_norm).abs() < 1e-9 * s.kappa.abs());
}

#[test]
fn bundled_vectors_reach_one_nat() {
    for (name, sign) in [
        ("she_he", Sign::Positive),
        ("kindness", Sign::Positive),
        ("mood", Sign::Negative),
    ] {
        let (model, vector) = bundled(name);
        let block = vector.recommended_block().unwrap();
        let v = vector.direction(block).unwrap();
        let calibrator = calibrator(&model, v, block, Mask::FromLastPrompt);
        let done = solved(&calibrator, 1.0, sign);
        check(&done);
        assert_eq!(done.verdict, Verdict::Reached, "{name}: {done:?}");
        assert_eq!(done.best.coefficient.raw < 0.0, sign == Sign::Negative);
        if name == "she_he" {
            assert_eq!(done, solved(&calibrator, 1.0, sign), "asked twice");
        }
    }
}

#[test]
fn the_band_holds_the_calibrated_coefficient() {
    let (model, vector) = bundled("mood");
    let block = vector.recommended_block().unwrap();
    let v = vector.direction(block).unwrap();
    let calibrator = calibrator(&model, v, block, Mask::FromLastPrompt);
    let done = solved(&calibrator, 1.0, Sign::Positive);
    let neutral = text_ids(&model, NEUTRAL_TEXT).unwrap();
    let never = Cancel::never();
    let mut told = 0;
    let band = calibrator
        .band(&done, &neutral, &mut |_| told += 1, &never)
        .unwrap();
    println!("{band:?}");
    assert_eq!(told, band.evaluations);
    assert!(band.evaluations <= 8 && band.batches <= 2);
    let [low, high] = [band.low, band.high].map(|e| e.coefficient.kappa);
    assert!(low < done.best.coefficient.kappa && low < high, "{band:?}");
    let stat = band.low.stat.unwrap();
    assert!((stat / HARDLY - 1.0).abs() < 0.15, "{stat}");
    let site = calibrator.statistic().site();
    let raw = band.high.coefficient.raw as f32;
    let rows = tax(&model, &site, &neutral, &[0.0, raw], &never).unwrap();
    let ratio = rows[1].perplexity / rows[0].perplexity;
    match band.high.reason {
        Reason::Perplexity => assert!((ratio / PERPLEXITY_RATIO - 1.0).abs() < 0.1, "{ratio}"),
        Reason::Statistic => assert!((band.high.stat.unwrap() / INCOHERENT - 1.0).abs() < 0.15),
        Reason::Bracket => assert!((high / BRACKET[1] - 1.0).abs() < 1e-6),
    }
}

#[test]
fn a_fixed_text_has_a_curve_of_its_own() {
    let (model, vector) = bundled("kindness");
    let block = vector.recommended_block().unwrap();
    let direction = vector.direction(block).unwrap();
    let site = Site {
        edit: steerscope::units::Edit::ADD,
        direction,
        block,
        mask: Mask::FromLastPrompt,
    };
    let never = Cancel::never();
    let ids = text_ids(&model, NEUTRAL_TEXT).unwrap();
    let statistic = KlStatistic::fixed(&model, &site, ids.clone(), &never).unwrap();
    assert_eq!(
        statistic.divergences(0.0, &never).unwrap(),
        vec![0.0; ids.len() - 1]
    );
    let calibrator = Calibrator::new(&model, statistic, norm(&model, block)).unwrap();
    let done = solved(&calibrator, 1.0, Sign::Positive);
    assert_eq!((done.verdict, done.prompts), (Verdict::Reached, None));
    // Nearly a parabola where the effect is small.
    let at = |c| calibrator.statistic().at(c, &never).unwrap();
    let ratio = at(0.02) / at(0.01);
    assert!((3.5..4.5).contains(&ratio), "{ratio}");
    let short = KlStatistic::fixed(&model, &site, ids[..1].to_vec(), &never).unwrap_err();
    assert_eq!(short.id(), "text-too-short");
}

#[test]
fn the_small_pretrained_model_is_calibrated_too() {
    let Some(model) = stories() else { return };
    let block = BlockIndex(model.n_blocks() / 2);
    let v = direction(model.hidden_size());
    for mask in [Mask::FromLastPrompt, Mask::All] {
        let calibrator = calibrator(&model, &v, block, mask);
        for sign in [Sign::Positive, Sign::Negative] {
            let done = solved(&calibrator, 1.0, sign);
            check(&done);
            assert_eq!(done, solved(&calibrator, 1.0, sign));
        }
        check(&solved(&calibrator, 300.0, Sign::Positive));
    }
}

#[test]
fn cancellation_and_refusals() {
    let model = tiny();
    let v = direction(model.hidden_size());
    let calibrator = calibrator(&model, &v, BlockIndex(1), Mask::FromLastPrompt);
    let current = Arc::new(AtomicU64::new(1));
    let cancel = Cancel::new(Arc::clone(&current), 1);
    let mut told = 0;
    let stopped = calibrator.solve(
        1e-4,
        Sign::Positive,
        &mut |_| {
            told += 1;
            current.store(2, Ordering::Release);
        },
        &cancel,
    );
    assert!(stopped.unwrap_err().is_cancelled());
    assert_eq!(told, 1);
    let never = Cancel::never();
    let target = calibrator.solve(0.0, Sign::Positive, &mut |_| {}, &never);
    assert_eq!(target.unwrap_err().id(), "calibration-target");
    let site = calibrator.statistic().site();
    let none = KlStatistic::rollouts(&model, &site, vec![], vec![], &never).unwrap_err();
    assert!(matches!(none, MeasureError::NoPrompts));
    let long = KlStatistic::rollouts(&model, &site, vec![vec![5; 250]], vec![], &never);
    assert_eq!(long.unwrap_err().id(), "context-length");
    let statistic = KlStatistic::rollouts(&model, &site, vec![vec![5; 3]], vec![], &never);
    let zero = Calibrator::new(&model, statistic.unwrap(), 0.0).unwrap_err();
    assert_eq!(zero.id(), "no-length");
}
