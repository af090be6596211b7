//! The points of a block at which rows can be read and rewritten.

use std::collections::HashMap;

use steerscope::engine::{Cancel, Hook, HookPoint, Keep, KvCache, Model, Part, Place};
use steerscope::units::BlockIndex;

use super::tiny::{Tiny, prompt};

/// Keeps what it sees; adds `by` at one point of one block.
#[derive(Default)]
struct Probe {
    add: Option<(usize, HookPoint, f32)>,
    seen: HashMap<(usize, HookPoint), Vec<f32>>,
}

impl Hook for Probe {
    fn wants(&self, _: BlockIndex) -> bool {
        true
    }

    fn wants_at(&self, _: BlockIndex, _: HookPoint) -> bool {
        true
    }

    fn visit(&mut self, _: BlockIndex, _: &[Place], _: &mut [f32], _: usize) {
        panic!("every point goes through visit_at here");
    }

    fn visit_at(
        &mut self,
        block: BlockIndex,
        point: HookPoint,
        places: &[Place],
        rows: &mut [f32],
        width: usize,
    ) {
        assert_eq!(rows.len(), places.len() * width);
        if let Some((b, at, by)) = self.add
            && (b, at) == (block.0, point)
        {
            for v in rows.iter_mut() {
                *v += by;
            }
        }
        self.seen.insert((block.0, point), rows.to_vec());
    }
}

fn pass(model: &Model, ids: &[u32], hook: &mut dyn Hook) -> Vec<f32> {
    let mut cache = KvCache::new(model, 1);
    let part = [Part { sequence: 0, ids }];
    let rows = model
        .extend(&mut cache, &part, Keep::All, hook, &Cancel::never())
        .expect("a pass");
    rows.as_slice().to_vec()
}

fn close(a: &[f32], b: &[f32], what: &str) {
    let largest = b.iter().fold(1e-6f32, |m, v| m.max(v.abs()));
    for (a, b) in a.iter().zip(b) {
        assert!((a - b).abs() <= 1e-5 * largest, "{what}: {a} {b}");
    }
}

fn sum(a: &[f32], b: &[f32]) -> Vec<f32> {
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}

fn parts_add_up(model: &Model, ids: &[u32]) {
    let mut probe = Probe::default();
    let watched = pass(model, ids, &mut probe);
    let plain = pass(model, ids, &mut steerscope::engine::NoHook);
    close(&watched, &plain, "watching changes nothing");
    for b in 0..model.n_blocks() {
        let at = |point| &probe.seen[&(b, point)];
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
            assert_eq!(
                at(HookPoint::ResidPre),
                &probe.seen[&(b - 1, HookPoint::ResidPost)]
            );
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
    let run = |add| {
        let mut probe = Probe {
            add,
            ..Probe::default()
        };
        pass(&model, &ids, &mut probe);
        probe.seen
    };
    let plain = run(None);
    for (i, point) in HookPoint::ALL.into_iter().enumerate() {
        let edited = run(Some((1, point, 0.5)));
        for (j, seen) in HookPoint::ALL.into_iter().enumerate() {
            let same = edited[&(1, seen)] == plain[&(1, seen)];
            // attn_out does not flow into mlp_out alone but everything after an edit sees it.
            assert_eq!(same, j < i, "edited {point:?}, looked at {seen:?}");
        }
        assert_eq!(
            edited[&(0, HookPoint::ResidPost)],
            plain[&(0, HookPoint::ResidPost)]
        );
    }
    // The same shift of the stream, whether it comes with a contribution or after it.
    let with = run(Some((1, HookPoint::MlpOut, 0.5)));
    let after = run(Some((1, HookPoint::ResidPost, 0.5)));
    let post = (1, HookPoint::ResidPost);
    close(&with[&post], &after[&post], "mlp_out and resid_post");
}
