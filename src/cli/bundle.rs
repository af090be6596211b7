//! `measure --bundle DIR`: a folder that says everything about a measurement and repeats it.

use std::cell::RefCell;
use std::io;
use std::path::Path;

use serde_json::{Value, json};

use super::measure;
use super::open::{Opened, failed, remark};
use super::output::Ending;
use crate::engine::Cancel;
use crate::measure::{Measurement, PreparedSet};
use crate::plot;
use crate::protocol::{Event, GenerateRequest, ResponseFigure, Sampling, Steering};
use crate::steering::dataset::{Example, to_own_jsonl};
use crate::steering::format::{ExportOptions, Target, export};
use crate::steering::{Card, SteeringVector};
use crate::units::{BlockIndex, Edit, Lane, Operator, RunId};
use crate::worker::generate_to_end;

/// Inputs whose texts are written out.
const TEXTS: usize = 4;
/// Tokens of each.
const TOKENS: usize = 64;

/// What a bundle is made of.
pub(super) struct Bundle<'a> {
    pub(super) opened: &'a Opened,
    pub(super) vector: &'a SteeringVector,
    pub(super) result: &'a Measurement,
    pub(super) set: &'a PreparedSet,
    /// All rows of the data set, whichever part was measured.
    pub(super) rows: &'a [Example],
    pub(super) figure: &'a ResponseFigure,
    /// How the model was named on the command line.
    pub(super) model: String,
    /// Flags of the command beyond model, vector, data set, site, grid and part.
    pub(super) flags: String,
}

impl Bundle<'_> {
    /// Writes the folder; the same measurement gives the same bytes.
    pub(super) fn write(&self, folder: &Path) -> Result<(), Ending> {
        let broken =
            |e: io::Error| failed(format!("'{}' cannot be written: {e}", folder.display()));
        std::fs::create_dir_all(folder.join("plots")).map_err(broken)?;
        let put =
            |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).map_err(broken);
        put(
            "vector.safetensors",
            &self.vector.to_bytes().map_err(failed)?,
        )?;
        let gguf = self.gguf();
        match &gguf {
            Ok(bytes) => put("vector.gguf", bytes)?,
            Err(why) => remark(&format!("the bundle has no vector.gguf: {why}")),
        }
        let card = Card {
            title: Some(self.vector.name.clone()),
            dataset: Some(self.result.dataset.name.clone()),
            recommended_layers: vec![self.result.protocol.block.0],
            ..Card::default()
        };
        put("card.toml", card.to_toml().map_err(failed)?.as_bytes())?;
        put("dataset.jsonl", to_own_jsonl(self.rows).as_bytes())?;
        let mut csv = Vec::new();
        measure::csv(self.result, &mut csv)?;
        put("results.csv", &csv)?;
        let pretty = |value: &Value| format!("{value:#}\n").into_bytes();
        let receipt = self.result.receipt.clone().unwrap_or(Value::Null);
        put("receipt.json", &pretty(&receipt))?;
        put("summary.json", &pretty(&self.summary()))?;
        put("transcripts.jsonl", self.transcripts()?.as_bytes())?;
        put("COMMANDS.md", self.commands(gguf.is_ok()).as_bytes())?;
        for name in ["plots/response.svg", "plots/response.png"] {
            plot::write(self.figure, &folder.join(name)).map_err(failed)?;
        }
        Ok(())
    }

    fn edit(&self) -> Edit {
        self.result.protocol.edit()
    }

    fn gguf(&self) -> Result<Vec<u8>, String> {
        let options = ExportOptions {
            model_hint: Some(self.opened.model.config().architecture.clone()),
            n_blocks: Some(self.opened.model.n_blocks()),
            skip: self
                .vector
                .directions
                .keys()
                .copied()
                .filter(|b| *b == 0)
                .collect(),
            ..ExportOptions::default()
        };
        let exported = export(self.vector, Target::Gguf, &options).map_err(|e| e.to_string())?;
        let first = exported.files.into_iter().next();
        first
            .map(|(_, bytes)| bytes)
            .ok_or_else(|| "nothing to write".to_owned())
    }

    /// Everything but the inputs, which `results.csv` has.
    fn summary(&self) -> Value {
        let result = self.result;
        json!({
            "schema": 1,
            "model": result.model,
            "vector": result.vector,
            "dataset": result.dataset,
            "split": result.protocol.split,
            "protocol": result.protocol,
            "badge": result.badge,
            "summary": result.summary,
            "curve": result.curve,
        })
    }

    /// Both texts of the first inputs' prompts at coefficient 1, greedy.
    fn transcripts(&self) -> Result<String, Ending> {
        let protocol = &self.result.protocol;
        let mut lines = String::new();
        for input in self.set.inputs.iter().take(TEXTS) {
            let sampling = Sampling {
                max_tokens: TOKENS,
                ..Sampling::default()
            };
            let request = GenerateRequest {
                run: RunId(1),
                prompt: input.prompt.clone(),
                chat: None,
                steering: Some(Steering {
                    vector: self.vector.id(),
                    block: protocol.block,
                    coefficient: 1.0,
                    mask: protocol.mask,
                    edit: self.edit(),
                    condition: None,
                }),
                reference: crate::protocol::Reference::Unsteered,
                sampling: sampling.clone(),
            };
            let texts = RefCell::new([String::new(), String::new()]);
            let take = |event| {
                if let Event::Tokens { lane, tokens, .. } = event {
                    let text = &mut texts.borrow_mut()[usize::from(lane == Lane::Steered)];
                    text.extend(tokens.iter().map(|t| t.text.as_str()));
                }
            };
            let model = &self.opened.model;
            generate_to_end(model, request, Some(self.vector), Cancel::never(), &take)
                .map_err(failed)?;
            let [base, steered] = texts.into_inner();
            let line = json!({
                "id": input.row,
                "prompt": input.prompt,
                "prompt_format": "plain text",
                "coefficient": 1.0,
                "seed": sampling.seed,
                "unsteered": base,
                "steered": steered,
            });
            lines.push_str(&line.to_string());
            lines.push('\n');
        }
        Ok(lines)
    }

    /// Exact commands for this program and others, with what 1 here is there.
    fn commands(&self, gguf: bool) -> String {
        let protocol = &self.result.protocol;
        let (b, mask) = (protocol.block, protocol.mask);
        let norm = self.result.vector.norm;
        let grid: Vec<String> = protocol
            .multipliers
            .iter()
            .map(ToString::to_string)
            .collect();
        let mut text = format!(
            "# Commands\n\n\
             Vector '{}' at the output of block {b} (0-based), operator {}, mask {mask}. A coefficient of 1 adds \
             a vector of length {norm:.6}.\n\n\
             ## steerscope\n\n```sh\n\
             steerscope measure --model {model} --vector vector.safetensors --dataset dataset.jsonl --layer {b} \
             --mask {mask} --multipliers={} --split {}{}\n\
             steerscope vectors probe vector.safetensors --model {model} --layer {b}\n\
             steerscope generate --model {model} --vector vector.safetensors --layer {b} --mask {mask} \
             --coefficient 1 --prompt \"…\"\n```\n",
            self.result.vector.name,
            protocol.edit(),
            grid.join(","),
            protocol.split.part,
            self.flags,
            model = self.model,
        );
        if self.edit() != Edit::ADD {
            text.push_str("\nOther tools have no such operator or site; nothing is converted.\n");
            return text;
        }
        if gguf {
            text.push_str(&others(b, norm));
        } else {
            text.push_str("\nllama.cpp cannot steer block 0, so there is no vector.gguf.\n");
        }
        text
    }
}

fn others(b: BlockIndex, norm: f32) -> String {
    debug_assert_eq!(Edit::ADD.operator, Operator::Add);
    format!(
        "\n## llama.cpp\n\n`direction.{b}` is added to the output of block {b} (`l_out-{b}`), at every position, the \
         prompt included. Scale 1 is coefficient 1.\n\n```sh\n\
         llama-cli -m MODEL.gguf --control-vector-scaled vector.gguf:1 --control-vector-layer-range {b} {b} -p \"…\"\n```\n\n\
         Builds before the colon syntax take file and scale as two arguments.\n\n\
         ## repeng\n\nCoefficient 1 is coefficient 1: the file keeps the raw difference. A vector that repeng makes itself has \
         norm 1; to compare, multiply its coefficient by 1/{norm:.6}.\n\n```python\n\
         from repeng import ControlModel, ControlVector\n\
         model = ControlModel(model, [{b}])\n\
         model.set_control(ControlVector.import_gguf(\"vector.gguf\"), 1.0)\n```\n\n\
         ## EasySteer\n\nAlgorithm `direct`, scale 1, target layer {b}, normalize false.\n\n```json\n\
         {{\"vectors\": [{{\"source\": \"vector.gguf\", \"scale\": 1.0, \"layers\": [{b}], \"normalize\": false, \"algorithm\": \"direct\"}}]}}\n```\n"
    )
}
