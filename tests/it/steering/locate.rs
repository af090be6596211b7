//! The first differing token.

use proptest::collection::vec;
use proptest::prelude::*;
use steerscope::steering::{Located, Rejection, locate};

#[test]
fn letter_after_an_opening_parenthesis() {
    // prompt, " (", "A" or "B", ")"
    let found = locate(&[1, 5, 6], &[1, 5, 6, 40, 65, 41], &[1, 5, 6, 40, 66, 41]).unwrap();
    assert_eq!(
        found,
        Located {
            prompt_len: 3,
            k: 4,
            positive: 65,
            negative: 66
        }
    );
    assert!(!found.from_answer_is_void());
}

#[test]
fn letter_merged_with_its_parenthesis_is_read_at_the_last_prompt_position() {
    let found = locate(&[1, 5, 6], &[1, 5, 6, 900, 41], &[1, 5, 6, 901, 41]).unwrap();
    assert_eq!((found.prompt_len, found.k), (3, 3));
    assert!(found.from_answer_is_void());
}

#[test]
fn a_tokenizer_that_ends_texts_with_a_token_of_its_own() {
    // The bare prompt ends in EOS (2); its last shared position is what counts.
    let found = locate(&[1, 5, 6, 2], &[1, 5, 6, 70, 2], &[1, 5, 6, 71, 2]).unwrap();
    assert_eq!((found.prompt_len, found.k), (3, 3));
}

#[test]
fn every_rejection_has_its_case() {
    assert_eq!(locate(&[1], &[1, 2], &[1, 2]), Err(Rejection::EqualTexts));
    assert_eq!(
        locate(&[1], &[1, 2], &[1, 2, 3]),
        Err(Rejection::OneIsPrefix)
    );
    assert_eq!(
        locate(&[1], &[7, 2], &[1, 2]),
        Err(Rejection::NoSharedPrefix)
    );
    // Positive merges nothing, negative merges the prompt's last token.
    assert_eq!(
        locate(&[1, 5, 6], &[1, 5, 6, 7], &[1, 5, 67]),
        Err(Rejection::DiffersInPrompt)
    );
    // They part after the prompt's last token, where only one of them still follows it.
    assert_eq!(
        locate(&[1, 5, 6], &[1, 5, 8], &[1, 5, 6]),
        Err(Rejection::PromptEndDiffers)
    );
}

proptest! {
    #[test]
    fn prefixes_agree_up_to_k_and_differ_there(
        prompt in vec(0_u32..4, 0..6), positive in vec(0_u32..4, 0..8), negative in vec(0_u32..4, 0..8),
    ) {
        if let Ok(found) = locate(&prompt, &positive, &negative) {
            let k = found.k;
            prop_assert!(k > 0 && found.prompt_len <= k);
            prop_assert_eq!(&positive[..k], &negative[..k]);
            prop_assert_ne!(positive[k], negative[k]);
            prop_assert_eq!((found.positive, found.negative), (positive[k], negative[k]));
            prop_assert_eq!(&prompt[..found.prompt_len], &positive[..found.prompt_len]);
        }
    }
}
