//! The training mixture: batches of rows with packed documents, every batch a function of (seed, step).

use std::path::Path;

use rayon::prelude::*;
use tokenizers::Tokenizer;

use crate::Result;
use crate::dialects::{Dialect, program};
use crate::documents::{self, Doc, Role, push};
use crate::rng::{Rng, hash};
use crate::schedule::{Curriculum, part_shares};
use crate::split::Split;
use crate::stories::{self, Controls};
use crate::tokenizer::{BOS, EOS, ids};

/// Row length in tokens.
pub(crate) const CONTEXT: usize = 256;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Stories,
    Controlled,
    Questions,
    Dialects,
}

pub(crate) const PARTS: [Part; 4] = [
    Part::Stories,
    Part::Controlled,
    Part::Questions,
    Part::Dialects,
];

impl Part {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Stories => "stories",
            Self::Controlled => "controlled stories",
            Self::Questions => "questions",
            Self::Dialects => "dialects",
        }
    }
}

/// Loss weight of a token by its role.
fn weight(role: Role) -> f32 {
    match role {
        Role::Text => 1.0,
        Role::Given => 0.2,
        Role::Answer | Role::Stance => 10.0,
        Role::Guess => 2.0,
        Role::Reason => 3.0,
    }
}

/// One row under construction.
#[derive(Default)]
pub(crate) struct Row {
    pub(crate) ids: Vec<u32>,
    pub(crate) roles: Vec<Role>,
    /// First position of each token's document.
    pub(crate) starts: Vec<u32>,
    open: u32,
}

impl Row {
    fn token(&mut self, id: u32, role: Role) {
        if id == BOS {
            self.open = self.ids.len() as u32;
        }
        self.ids.push(id);
        self.roles.push(role);
        self.starts.push(self.open);
    }

    /// Appends BOS, the document, EOS. Segments meet where the tokenizer splits anyway, so that the ids equal
    /// those of the whole text.
    pub(crate) fn document(&mut self, tok: &Tokenizer, doc: &Doc) -> Result<()> {
        self.token(BOS, Role::Given);
        let mut i = 0;
        while i < doc.len() {
            // neighbours of one role are encoded together
            let mut text = doc[i].text.clone();
            let mut j = i + 1;
            while j < doc.len() && doc[j].role == doc[i].role {
                text += &doc[j].text;
                j += 1;
            }
            for id in ids(tok, &text)? {
                self.token(id, doc[i].role);
            }
            i = j;
        }
        self.token(EOS, Role::Text);
        Ok(())
    }
}

pub(crate) struct Batch {
    pub(crate) rows: usize,
    pub(crate) inputs: Vec<u32>,
    pub(crate) targets: Vec<u32>,
    pub(crate) weights: Vec<f32>,
    pub(crate) roles: Vec<Role>,
    pub(crate) starts: Vec<u32>,
}

impl Batch {
    pub(crate) fn from_rows(rows: Vec<Row>) -> Self {
        let n = rows.len();
        let mut b = Self {
            rows: n,
            inputs: vec![],
            targets: vec![],
            weights: vec![],
            roles: vec![],
            starts: vec![],
        };
        for row in rows {
            b.inputs.extend(&row.ids[..CONTEXT]);
            b.targets.extend(&row.ids[1..=CONTEXT]);
            b.roles.extend(&row.roles[1..=CONTEXT]);
            b.starts.extend(&row.starts[..CONTEXT]);
        }
        // the BOS of the next document is not predicted
        b.weights = b
            .targets
            .iter()
            .zip(&b.roles)
            .map(|(&t, &r)| if t == BOS { 0.0 } else { weight(r) })
            .collect();
        b
    }
}

/// The story text, tokenized, one stream per split.
pub(crate) struct Corpus {
    streams: [Vec<u32>; 3],
    pub(crate) tok: Tokenizer,
}

/// Stories of the text file: separated by `<|endoftext|>`, lines joined as they are.
pub(crate) fn read_stories(path: &Path) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(text
        .split("<|endoftext|>")
        .map(str::trim)
        .filter(|s| s.len() > 40)
        .map(str::to_owned)
        .collect())
}

/// 3% validation, 3% test.
fn story_split(text: &str) -> Split {
    match hash(text) % 100 {
        0..3 => Split::Val,
        3..6 => Split::Test,
        _ => Split::Train,
    }
}

/// Texts on which the tokenizer is trained: all training stories and a share of everything generated.
pub(crate) fn tokenizer_texts(stories: &[String], seed: u64) -> Vec<String> {
    let mut out: Vec<String> = stories
        .iter()
        .filter(|s| story_split(s) == Split::Train)
        .cloned()
        .collect();
    let mut rng = Rng::new(seed, 0x70C);
    let cur = Curriculum::last();
    for _ in 0..2500 {
        out.push(
            documents::document(&mut rng, &cur, Split::Train)
                .iter()
                .map(|s| s.text.as_str())
                .collect(),
        );
        out.push(controlled(&mut rng));
    }
    for _ in 0..400 {
        out.push(dialect(&mut rng));
    }
    out
}

fn controlled(rng: &mut Rng) -> String {
    let c = Controls {
        she: rng.coin(),
        happy: rng.coin(),
    };
    if rng.chance(0.7) {
        stories::story(rng, c)
    } else {
        stories::mood_story(rng, c)
    }
}

fn dialect(rng: &mut Rng) -> String {
    let d = if rng.coin() {
        Dialect::Brace
    } else {
        Dialect::Indent
    };
    program(rng).print(d)
}

fn text_doc(text: String) -> Doc {
    let mut doc = Doc::new();
    push(&mut doc, text, Role::Text);
    doc
}

/// Draws until the text lies in the wanted split.
fn draw(rng: &mut Rng, split: Split, make: fn(&mut Rng) -> String) -> Doc {
    loop {
        let text = make(rng);
        if Split::of(&text) == split {
            return text_doc(text);
        }
    }
}

impl Corpus {
    pub(crate) fn new(stories: &[String], tok: Tokenizer) -> Result<Self> {
        let encoded: Vec<(Split, Vec<u32>)> = stories
            .par_iter()
            .map(|s| Ok((story_split(s), ids(&tok, s)?)))
            .collect::<Result<Vec<_>>>()?;
        let mut streams = [vec![], vec![], vec![]];
        for (split, ids) in encoded {
            let s = &mut streams[split as usize];
            s.push(BOS);
            s.extend(ids);
            s.push(EOS);
        }
        Ok(Self { streams, tok })
    }

    pub(crate) fn story_tokens(&self) -> [usize; 3] {
        [0, 1, 2].map(|i| self.streams[i].len())
    }

    pub(crate) fn row(
        &self,
        rng: &mut Rng,
        part: Part,
        cur: &Curriculum,
        split: Split,
    ) -> Result<Row> {
        let mut row = Row::default();
        if part == Part::Stories {
            let s = &self.streams[split as usize];
            let from = rng.below(s.len() - CONTEXT - 1);
            for &id in &s[from..=from + CONTEXT] {
                row.token(id, Role::Text);
            }
            return Ok(row);
        }
        while row.ids.len() <= CONTEXT {
            let doc = match part {
                Part::Questions => documents::document(rng, cur, split),
                Part::Controlled => draw(rng, split, controlled),
                _ => draw(rng, split, dialect),
            };
            row.document(&self.tok, &doc)?;
        }
        Ok(row)
    }

    /// The training batch of a step. The step also sets the curriculum.
    pub(crate) fn batch(&self, seed: u64, step: usize, rows: usize) -> Result<Batch> {
        let mut rng = Rng::new(seed, 1 + step as u64);
        let (shares, cur) = (part_shares(step), Curriculum::at(step));
        let rows = (0..rows)
            .map(|_| {
                let part = PARTS[rng.weighted(&shares)];
                self.row(&mut rng, part, &cur, Split::Train)
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Batch::from_rows(rows))
    }

    /// A fixed held-out batch of one part.
    pub(crate) fn held_out(
        &self,
        part: Part,
        rows: usize,
        split: Split,
        cur: &Curriculum,
    ) -> Result<Batch> {
        let mut rng = Rng::new(0xE7A1, part as u64);
        let rows = (0..rows)
            .map(|_| self.row(&mut rng, part, cur, split))
            .collect::<Result<Vec<_>>>()?;
        Ok(Batch::from_rows(rows))
    }
}

/// Prints some generated documents.
pub(crate) fn show(seed: u64, n: usize) {
    let mut rng = Rng::new(seed, 0x5403);
    for _ in 0..n {
        let doc = documents::document(&mut rng, &Curriculum::last(), Split::Train);
        println!(
            "{}\n--------",
            doc.iter().map(|s| s.text.as_str()).collect::<String>()
        );
        println!("{}\n--------", controlled(&mut rng));
        println!("{}\n========", dialect(&mut rng));
    }
}
