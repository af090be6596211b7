//! One prompt under several coefficients, decoded as one batch and told as it grows.

use std::sync::Arc;

use super::{Room, Trouble};
use crate::engine::SamplerSettings;
use crate::measure::controls::{Control, drawn};
use crate::protocol::{FanPart, FanStudy, StudyNews, TokenPiece};
use crate::steering::{Fan, FanLane, FanPlan};
use crate::worker::generate::finish_reason;

pub(super) fn run(room: &Room<'_>, study: &FanStudy) -> Result<usize, Trouble> {
    let vector = room.vector_of(&study.vector)?;
    let direction = vector
        .direction(study.block)
        .map_err(|e| room.trouble(e.id(), &e))?;
    let mut directions: Vec<Arc<[f32]>> = vec![direction.into()];
    let mut lanes: Vec<FanLane> = study
        .coefficients
        .iter()
        .map(|coefficient| FanLane {
            direction: 0,
            coefficient: *coefficient,
        })
        .collect();
    let short = |c: f32| {
        let text = format!("{c:+.3}");
        let text = text.trim_end_matches('0').trim_end_matches('.');
        if c == 0.0 {
            "0".to_owned()
        } else {
            text.to_owned()
        }
    };
    let mut labels: Vec<String> = study.coefficients.iter().map(|c| short(*c)).collect();
    if let Some(coefficient) = study.controls {
        for control in drawn(direction, 1, 0) {
            if matches!(control.control, Control::Orthogonal(_)) {
                continue;
            }
            labels.push(format!("{} {}", control.control.name(), short(coefficient)));
            lanes.push(FanLane {
                direction: directions.len(),
                coefficient,
            });
            directions.push(control.direction.into());
        }
    }
    let (prompt, stop) = room.prompt(&study.prompt, study.chat.as_ref())?;
    let gate = room.judge(study.condition.as_ref(), &prompt)?;
    room.news(StudyNews::FanLanes { labels, gate });
    let sampling = SamplerSettings {
        temperature: study.sampling.temperature,
        top_k: study.sampling.top_k,
        top_p: study.sampling.top_p,
        seed: study.sampling.seed,
    };
    let plan = FanPlan {
        block: study.block,
        mask: study.mask,
        edit: study.edit,
        directions,
        lanes,
    };
    let plan = if gate.is_none_or(|gate| gate.open) {
        plan
    } else {
        plan.closed()
    };
    let most = study.sampling.max_tokens;
    let mut fan = Fan::start(room.model, prompt, plan, &sampling, stop, most)
        .map_err(|e| room.trouble(e.id(), &e))?;
    let mut done = 0;
    while !fan.is_finished() {
        let pieces = fan
            .step(room.cancel)
            .map_err(|e| room.trouble(e.id(), &e))?;
        for piece in pieces {
            room.news(StudyNews::Fan(FanPart {
                lane: piece.lane,
                tokens: piece
                    .token
                    .map(|id| TokenPiece {
                        id,
                        text: piece.text.clone(),
                    })
                    .into_iter()
                    .collect(),
                finished: piece.finish.map(finish_reason),
            }));
        }
        done += 1;
        room.progress(done.min(most), most);
    }
    Ok(0)
}
