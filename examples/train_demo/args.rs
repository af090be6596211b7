//! The command line.

use std::path::PathBuf;

use crate::params::Shape;
use crate::{Error, Result, tokenizer};

pub(crate) const USAGE: &str = "\
train_demo: rebuilds the bundled model, its tokenizer, its data sets and its vectors

  --out DIR          checkpoints and tokenizer of the run (default runs/demo)
  --text FILE        stories, separated by <|endoftext|>
  --publish ROOT     at the end, write ROOT/assets/model, ROOT/assets/data and ROOT/vectors
  --steps N          length of the run (default 8300)
  --stop N           stop early, at this step
  --resume           go on from the checkpoint in --out
  --device D         auto, cpu, cuda or metal (default auto; the last two need the feature of that name)
  --seed S           seed of weights, batches and data sets (default 1)
  --rows N           rows of 256 tokens a step (default 8)
  --shards N         parts of a batch that are worked on in parallel (default 2 on the CPU, else 1)
  --width, --blocks, --heads, --ffn
                     shape of the model (default 160, 7, 5, 432)
  --every N          steps between checkpoints (default 200)
  --eval             evaluate the checkpoint on test items and stop
  --controls ROOT    compare the vectors published there with random ones and stop
  --data-only DIR    write the data sets and stop
  --show N           print generated documents and stop";

pub(crate) struct Args {
    pub(crate) out: PathBuf,
    pub(crate) text: PathBuf,
    pub(crate) steps: usize,
    pub(crate) stop: usize,
    pub(crate) rows: usize,
    pub(crate) shards: Option<usize>,
    pub(crate) seed: u64,
    pub(crate) resume: bool,
    pub(crate) eval: bool,
    pub(crate) publish: Option<PathBuf>,
    pub(crate) controls: Option<PathBuf>,
    pub(crate) device: String,
    pub(crate) data_only: Option<PathBuf>,
    pub(crate) show: usize,
    pub(crate) shape: Shape,
    pub(crate) every: usize,
}

impl Args {
    pub(crate) fn parse() -> Result<Self> {
        let mut a = Self {
            out: "runs/demo".into(),
            text: "stories.txt".into(),
            steps: 8300,
            stop: usize::MAX,
            rows: 8,
            shards: None,
            seed: 1,
            resume: false,
            eval: false,
            publish: None,
            controls: None,
            device: "auto".into(),
            data_only: None,
            show: 0,
            shape: Shape {
                vocab: tokenizer::VOCAB,
                width: 160,
                blocks: 7,
                heads: 5,
                ffn: 432,
            },
            every: 200,
        };
        let mut it = std::env::args().skip(1);
        while let Some(k) = it.next() {
            let mut v = || {
                it.next()
                    .ok_or_else(|| Error::from(format!("{k} wants a value")))
            };
            match k.as_str() {
                "--out" => a.out = v()?.into(),
                "--text" => a.text = v()?.into(),
                "--steps" => a.steps = v()?.parse()?,
                "--stop" => a.stop = v()?.parse()?,
                "--rows" => a.rows = v()?.parse()?,
                "--shards" => a.shards = Some(v()?.parse()?),
                "--seed" => a.seed = v()?.parse()?,
                "--width" => a.shape.width = v()?.parse()?,
                "--blocks" => a.shape.blocks = v()?.parse()?,
                "--heads" => a.shape.heads = v()?.parse()?,
                "--ffn" => a.shape.ffn = v()?.parse()?,
                "--every" => a.every = v()?.parse()?,
                "--resume" => a.resume = true,
                "--eval" => a.eval = true,
                "--publish" => a.publish = Some(v()?.into()),
                "--controls" => a.controls = Some(v()?.into()),
                "--device" => a.device = v()?,
                "--data-only" => a.data_only = Some(v()?.into()),
                "--show" => a.show = v()?.parse()?,
                _ => return Err(format!("unknown option {k}\n\n{USAGE}").into()),
            }
        }
        let s = a.shape;
        if s.heads == 0 || !s.width.is_multiple_of(2 * s.heads) {
            return Err(format!(
                "width {} does not divide into {} heads of even size",
                s.width, s.heads
            )
            .into());
        }
        if a.rows == 0 || a.shards == Some(0) || a.every == 0 {
            return Err("--rows, --shards and --every must be at least 1".into());
        }
        Ok(a)
    }
}
