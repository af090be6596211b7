//! The points of a block at which rows can be read and rewritten.

use steerscope::engine::{HookPoint, Model, NoHook};

use super::support::{Points, close, forward};
use super::tiny::{Tiny, prompt};

fn sum(a: &[f32], b: &[f32]) -> Vec<f32> {
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}

fn parts_add_up(model: &Model, ids: &[u32]) {
    let mut probe = Points::default();
    let watched = forward(model, ids, &mut probe);
    let plain = forward(model, ids, &mut NoHook);
    close(
        watched.as_slice(),
        plain.as_slice(),
        "watching changes nothing",
    );
    for b in 0..model.n_blocks() {
        let at = |point| probe.rows(b, point);
        close(
            at(HookPoint::ResidMid),
            &sum(at(HookPoint::ResidPre), at(HookPoint::AttnOut)),
            "resid_mid",
        );
        close(
            at(HookPoint::ResidPost),
            &sum(at(HookPoint::ResidMid), at(HookPoint::MlpOut)),
            "resid_post",
        );
        if b > 0 {
            let before = probe.rows(b - 1, HookPoint::ResidPost);
            assert_eq!(at(HookPoint::ResidPre), before);
        }
    }
}

#[test]
fn contributions_add_up_to_the_residual_stream() {
    parts_add_up(&Tiny::default().model(), &prompt(20, 1));
}

#[test]
fn contributions_add_up_in_every_family() {
    let families = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/families");
    for name in ["gemma3", "olmo2", "granite", "phi4_mini", "smollm3"] {
        let model = super::oracle::load(&families.join(name));
        parts_add_up(&model, &[3, 7, 11, 13, 17, 19, 23]);
    }
}

#[test]
fn an_edit_at_a_point_reaches_what_comes_after_it_and_nothing_before() {
    let (model, ids) = (Tiny::default().model(), prompt(12, 4));
    let run = |mut probe: Points| {
        forward(&model, &ids, &mut probe);
        probe
    };
    let plain = run(Points::default());
    for (i, point) in HookPoint::ALL.into_iter().enumerate() {
        let edited = run(Points::adding(1, point, 0.5));
        for (j, seen) in HookPoint::ALL.into_iter().enumerate() {
            let same = edited.rows(1, seen) == plain.rows(1, seen);
            // attn_out does not flow into mlp_out alone but everything after an edit sees it.
            assert_eq!(same, j < i, "edited {point:?}, looked at {seen:?}");
        }
        let [edited, plain] = [&edited, &plain].map(|p| p.rows(0, HookPoint::ResidPost));
        assert_eq!(edited, plain);
    }
    // The same shift of the stream, whether it comes with a contribution or after it.
    let [with, after] = [HookPoint::MlpOut, HookPoint::ResidPost].map(|point| {
        let seen = run(Points::adding(1, point, 0.5));
        seen.rows(1, HookPoint::ResidPost).to_vec()
    });
    close(&with, &after, "mlp_out and resid_post");
}
