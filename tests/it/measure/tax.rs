//! The tax on a neutral text.

use std::sync::Arc;

use steerscope::engine::{Cancel, Keep, KvCache, Model, NoHook, Part};
use steerscope::measure::{NEUTRAL_TEXT, Site, tax, text_ids};
use steerscope::units::{BlockIndex, Mask};

use super::support::{direction, tiny};

/// Perplexity and top-1 accuracy of a plain pass.
fn plain(model: &Model, ids: &[u32]) -> (f64, f64) {
    let mut cache = KvCache::new(model, 1);
    let part = [Part { sequence: 0, ids }];
    let never = Cancel::never();
    let rows = model
        .extend(&mut cache, &part, Keep::All, &mut NoHook, &never)
        .unwrap();
    let logits = model.logits(&rows).unwrap();
    let rows = logits.chunks_exact(model.config().vocab_size);
    let (mut nats, mut hits, n) = (0.0, 0, ids.len() - 1);
    for (row, &next) in rows.zip(&ids[1..]) {
        let total: f64 = row.iter().map(|x| f64::from(*x).exp()).sum();
        let own = row[next as usize];
        nats += total.ln() - f64::from(own);
        hits += usize::from(row.iter().all(|x| *x <= own));
    }
    ((nats / n as f64).exp(), hits as f64 / n as f64)
}

#[test]
fn without_steering_it_is_the_plain_perplexity() {
    for model in [tiny(), Arc::new(Model::bundled().unwrap())] {
        let v = direction(model.hidden_size());
        let ids = text_ids(&model, NEUTRAL_TEXT).unwrap();
        assert!(ids.len() > 100 && ids.len() <= 256, "{}", ids.len());
        for mask in Mask::ALL {
            let site = Site {
                edit: steerscope::units::Edit::ADD,
                direction: &v,
                block: BlockIndex(2),
                mask,
            };
            let never = Cancel::never();
            let rows = tax(&model, &site, &ids, &[0.0, 8.0, 0.0], &never).unwrap();
            let (perplexity, top1) = plain(&model, &ids);
            assert!((rows[0].perplexity / perplexity - 1.0).abs() < 1e-6);
            assert!((rows[0].top1 - top1).abs() < 1e-12);
            assert_eq!((rows[0], rows[0].tokens), (rows[2], ids.len() - 1));
            // The prompt alone is one token here: too little to make a text worse for sure.
            if mask == Mask::PrefillOnly {
                assert_ne!(rows[1].perplexity, rows[0].perplexity);
            } else {
                assert!(rows[1].perplexity > rows[0].perplexity, "{mask}: {rows:?}");
            }
            // A lane in a batch is the lane alone.
            let alone = tax(&model, &site, &ids, &[8.0], &never).unwrap();
            assert_eq!(alone[0], rows[1]);
        }
    }
}
