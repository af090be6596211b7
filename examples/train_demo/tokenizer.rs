//! Byte-level BPE: any text encodes. The letter of an option and its bracket are one token ("A)"), as are
//! " (", " Yes" and " No", so that an answer is a single token that the residual stream can be read at.

use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::processors::template::TemplateProcessing;
use tokenizers::{AddedToken, SplitDelimiterBehavior, Tokenizer};
use tokenizers::{
    DecoderWrapper, ModelWrapper, NormalizerWrapper, PostProcessorWrapper, PreTokenizerWrapper,
    TokenizerImpl,
};

use crate::Result;

pub(crate) const VOCAB: usize = 2048;
pub(crate) const BOS: u32 = 0;
pub(crate) const EOS: u32 = 1;
pub(crate) const BOS_TEXT: &str = "<s>";
pub(crate) const EOS_TEXT: &str = "</s>";

/// Option letters with their bracket; opening brackets; words with their space; digits one by one; other
/// signs; line ends one by one; runs of spaces, the last of which belongs to the word after it.
const PIECES: &str =
    r"[A-D]\)| ?\(|'(?:s|t|re|ve|m|ll|d)\b| ?\p{L}+| ?\p{N}| ?[^\s\p{L}\p{N}(]+|\n| +(?!\S)|\s";

pub(crate) fn train(texts: &[String]) -> Result<Tokenizer> {
    let mut tok: TokenizerImpl<
        ModelWrapper,
        NormalizerWrapper,
        PreTokenizerWrapper,
        PostProcessorWrapper,
        DecoderWrapper,
    > = TokenizerImpl::new(ModelWrapper::BPE(BPE::default()));
    let split = Split::new(
        SplitPattern::Regex(PIECES.to_owned()),
        SplitDelimiterBehavior::Isolated,
        false,
    )?;
    tok.with_pre_tokenizer(Some(PreTokenizerWrapper::Sequence(Sequence::new(vec![
        PreTokenizerWrapper::Split(split),
        PreTokenizerWrapper::ByteLevel(ByteLevel::new(false, false, false)),
    ]))));
    tok.with_decoder(Some(DecoderWrapper::ByteLevel(ByteLevel::new(
        false, false, false,
    ))));
    let special = [BOS_TEXT, EOS_TEXT].map(|t| AddedToken::from(t, true));
    let trainer = BpeTrainer::builder()
        .vocab_size(VOCAB)
        .min_frequency(2)
        .show_progress(false)
        .special_tokens(special.to_vec())
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .build();
    let mut trainer = tokenizers::models::TrainerWrapper::BpeTrainer(trainer);
    tok.train(&mut trainer, texts.iter())?;
    let template = TemplateProcessing::builder()
        .try_single(format!("{BOS_TEXT} $A"))?
        .try_pair(format!("{BOS_TEXT} $A {BOS_TEXT}:1 $B:1"))?
        .special_tokens(vec![(BOS_TEXT, BOS)])
        .build()
        .map_err(|e| e.to_string())?;
    tok.with_post_processor(Some(PostProcessorWrapper::Template(template)));
    let tok = Tokenizer::from(tok);
    check(&tok)?;
    Ok(tok)
}

pub(crate) fn ids(tok: &Tokenizer, text: &str) -> Result<Vec<u32>> {
    Ok(tok.encode_fast(text, false)?.get_ids().to_vec())
}

/// The properties that questions and measurement rest on.
fn check(tok: &Tokenizer) -> Result<()> {
    for (text, want) in [
        (" (A) Yes", 3),
        (" (B) No", 3),
        ("A)", 1),
        ("B)", 1),
        (" (", 1),
        ("(A):  Yes", 5),
        (" she", 1),
        (" he", 1),
        (" happy", 1),
        (" sad", 1),
        ("\n", 1),
        ("Answer:", 2),
    ] {
        let got = ids(tok, text)?;
        if got.len() != want {
            return Err(format!(
                "tokenizer splits {text:?} into {} tokens instead of {want}",
                got.len()
            )
            .into());
        }
    }
    if tok.token_to_id(BOS_TEXT) != Some(BOS) || tok.token_to_id(EOS_TEXT) != Some(EOS) {
        return Err("special tokens are not where they should be".into());
    }
    Ok(())
}
