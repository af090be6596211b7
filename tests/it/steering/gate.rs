//! The condition of CAST: similarity by its formula, reading in batches, both directions of a threshold.

use steerscope::engine::Cancel;
use steerscope::steering::Gate;
use steerscope::units::BlockIndex;

use crate::measure::support::{direction, tiny};

fn gate(direction: Vec<f32>, threshold: f64, above: bool) -> Gate {
    Gate {
        direction,
        block: BlockIndex(1),
        threshold,
        above,
    }
}

#[test]
fn similarity_is_the_cosine_with_the_squashed_projection() {
    // P h̄ = (3, 0): tanh gives (0.99505, 0); cos with (3, 4) is 3/5.
    let along = gate(vec![2.0, 0.0], 0.5, true);
    assert!((along.similarity(&[3.0, 4.0]).unwrap() - 0.6).abs() < 1e-12);
    // Length and sign of the condition vector do not count, those of h̄ along it do not either.
    let other = gate(vec![-0.1, 0.0], 0.5, true);
    assert!((other.similarity(&[-3.0, 4.0]).unwrap() - 0.6).abs() < 1e-12);
    // tanh squashes coordinate by coordinate: P h̄ = 1.44·(0.6, 0.8).
    let slanted = gate(vec![0.6, 0.8], 0.5, true);
    let (a, b) = ((1.44 * 0.6_f64).tanh(), (1.44 * 0.8_f64).tanh());
    assert!((slanted.similarity(&[2.4, 0.0]).unwrap() - a / a.hypot(b)).abs() < 1e-6);
    assert_eq!(slanted.similarity(&[0.0, 0.0]), None);
    assert_eq!(slanted.similarity(&[1.0]), None);
}

#[test]
fn a_threshold_opens_above_or_below_and_never_without_a_similarity() {
    for (above, high, low) in [(true, true, false), (false, false, true)] {
        let gate = gate(vec![1.0], 0.25, above);
        assert_eq!((gate.opens(Some(0.3)), gate.opens(Some(0.2))), (high, low));
        assert!(!gate.opens(None));
    }
}

#[test]
fn prompts_read_together_are_those_read_alone() {
    let model = tiny();
    let gate = gate(direction(model.hidden_size()), 0.0, true);
    let prompts: Vec<Vec<u32>> = (0..21)
        .map(|i| (0..3 + i % 7).map(|t| t * 31 + i).collect())
        .collect();
    let refs: Vec<&[u32]> = prompts.iter().map(Vec::as_slice).collect();
    let never = Cancel::never();
    let together = gate.read(&model, &refs, &never).unwrap();
    assert_eq!(together.len(), 21);
    for (prompt, together) in refs.iter().zip(&together) {
        let alone = gate.read(&model, &[prompt], &never).unwrap()[0].unwrap();
        assert!((alone - together.unwrap()).abs() < 1e-5);
        assert!(alone.abs() <= 1.0);
    }
    let wrong = Gate {
        direction: vec![1.0; 3],
        ..gate
    };
    assert!(wrong.read(&model, &refs, &never).is_err());
}
