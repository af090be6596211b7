//! Fans: every lane is the text that it would be alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use steerscope::engine::{Cancel, Finish, Generation, Model, NoHook, SamplerSettings};
use steerscope::measure::controls::drawn;
use steerscope::steering::{Fan, FanLane, FanPlan, LaneSteering, SteerHook};
use steerscope::units::{BlockIndex, Mask};

use super::support::{direction, stories, tiny};

const BLOCK: BlockIndex = BlockIndex(1);
const TOKENS: usize = 24;

fn sampling() -> [SamplerSettings; 2] {
    let greedy = SamplerSettings::default();
    let sampled = SamplerSettings {
        temperature: 0.9,
        top_k: Some(40),
        top_p: Some(0.95),
        seed: 7,
    };
    [greedy, sampled]
}

fn prompt(model: &Model) -> Vec<u32> {
    let text = "Once upon a time there was a little girl. She";
    model.tokenizer().encode(text).unwrap()
}

fn plan(directions: &[Vec<f32>], lanes: &[(usize, f32)], mask: Mask) -> FanPlan {
    FanPlan {
        edit: steerscope::units::Edit::ADD,
        block: BLOCK,
        mask,
        directions: directions.iter().map(|d| d.as_slice().into()).collect(),
        lanes: (lanes.iter())
            .map(|&(direction, coefficient)| FanLane {
                direction,
                coefficient,
            })
            .collect(),
    }
}

fn start(model: &Arc<Model>, plan: FanPlan, settings: &SamplerSettings) -> Fan {
    let stop = model.stop_ids().to_vec();
    Fan::start(model, prompt(model), plan, settings, stop, TOKENS).unwrap()
}

/// One lane of plain generation: tokens and why it ended.
fn alone(
    model: &Arc<Model>,
    direction: &[f32],
    c: f32,
    mask: Mask,
    settings: &SamplerSettings,
) -> (Vec<u32>, Option<Finish>) {
    let (ids, stop) = (prompt(model), model.stop_ids().to_vec());
    let lane = LaneSteering::new(mask, ids.len(), c);
    let hook: Box<dyn steerscope::engine::Hook + Send> = if c == 0.0 {
        Box::new(NoHook)
    } else {
        Box::new(SteerHook::new(
            BLOCK,
            steerscope::units::Edit::ADD,
            direction,
            vec![lane],
        ))
    };
    let run = Generation::start(Arc::clone(model), ids, 1, settings, stop, hook);
    let mut run = run.unwrap().limit(TOKENS);
    let (mut tokens, mut finish) = (Vec::new(), None);
    while !run.is_finished() {
        for step in run.step(&Cancel::never()).unwrap() {
            tokens.extend(step.token);
            finish = step.finish;
        }
    }
    (tokens, finish)
}

#[test]
fn a_lane_is_the_text_that_its_coefficient_gives_alone() {
    let models = [Some(tiny()), stories()];
    for model in models.into_iter().flatten() {
        let v = direction(model.hidden_size());
        let mut directions = vec![v.clone()];
        directions.extend(drawn(&v, 1, 3).into_iter().map(|c| c.direction));
        let lanes = [(0, -2.0), (0, 0.0), (0, 2.0), (1, 2.0), (2, 2.0), (4, 2.0)];
        for settings in sampling() {
            for mask in Mask::ALL {
                let mut fan = start(&model, plan(&directions, &lanes, mask), &settings);
                while !fan.is_finished() {
                    fan.step(&Cancel::never()).unwrap();
                }
                assert!(fan.step(&Cancel::never()).unwrap().is_empty());
                assert_eq!(fan.unsteered(), Some(1));
                let unsteered = fan.texts()[1].clone();
                for (i, &(d, c)) in lanes.iter().enumerate() {
                    let got = &fan.texts()[i];
                    let (ids, finish) = alone(&model, &directions[d], c, mask, &settings);
                    assert_eq!((&got.ids, got.finish), (&ids, finish), "{mask}, lane {i}");
                    let shared = (ids.iter().zip(&unsteered.ids))
                        .take_while(|(a, b)| a == b)
                        .count();
                    let parts = (ids != unsteered.ids).then_some(shared);
                    assert_eq!(fan.parts_at(i), parts);
                }
                // −v at c is v at −c, to the last bit.
                assert_eq!(fan.texts()[0].ids, fan.texts()[3].ids);
            }
        }
    }
}

#[test]
fn pieces_make_the_texts_and_a_stopped_step_can_be_repeated() {
    let model = tiny();
    let v = direction(model.hidden_size());
    let lanes = [(0, 0.0), (0, 3.0)];
    let [greedy, _] = sampling();
    let mut fan = start(
        &model,
        plan(std::slice::from_ref(&v), &lanes, Mask::FromLastPrompt),
        &greedy,
    );
    let current = Arc::new(AtomicU64::new(1));
    let cancel = Cancel::new(Arc::clone(&current), 1);
    let mut pieces = vec![(String::new(), Vec::new()); 2];
    for i in 0.. {
        if i % 3 == 1 {
            current.store(2, Ordering::Release);
            assert!(fan.step(&cancel).unwrap_err().is_cancelled());
            current.store(1, Ordering::Release);
        }
        if fan.is_finished() {
            break;
        }
        for piece in fan.step(&cancel).unwrap() {
            pieces[piece.lane].0.push_str(&piece.text);
            pieces[piece.lane].1.extend(piece.token);
        }
    }
    for (i, (text, ids)) in pieces.into_iter().enumerate() {
        assert_eq!((&fan.texts()[i].text, &fan.texts()[i].ids), (&text, &ids));
        assert_eq!(
            ids,
            alone(&model, &v, lanes[i].1, Mask::FromLastPrompt, &greedy).0
        );
    }
}

#[test]
fn plans_that_do_not_fit_are_refused() {
    let model = tiny();
    let v = direction(model.hidden_size());
    let [greedy, _] = sampling();
    let refused = |plan: FanPlan| {
        let done = Fan::start(&model, prompt(&model), plan, &greedy, vec![], TOKENS);
        done.unwrap_err().to_string()
    };
    let mask = Mask::FromLastPrompt;
    assert!(
        refused(plan(std::slice::from_ref(&v), &[(1, 1.0)], mask)).contains("direction 1 of 1")
    );
    assert!(refused(plan(&[v[1..].to_vec()], &[(0, 1.0)], mask)).contains("47 values"));
    refused(plan(std::slice::from_ref(&v), &[], mask));
    let high = FanPlan {
        block: BlockIndex(9),
        ..plan(&[v], &[(0, 1.0)], mask)
    };
    assert!(refused(high).contains("block 9 of 4"));
}
