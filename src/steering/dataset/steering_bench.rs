//! Processed files of steering-bench (Tan et al. 2407.12404): a JSON list of
//! `{"positive": {"prompt", "response"}, "negative": {…}, "meta", "steering_token_index"}`.

use serde_json::Value;

use super::error::DatasetError;
use super::example::{Example, Joining};
use super::reader::{self, Row, Rows};
use super::warning::DatasetWarning;

pub(super) fn read(file: &str, text: &str) -> Result<Rows, DatasetError> {
    read_sides(file, text, side)
}

/// Rows of two sides, each a prompt and a response.
pub(super) fn read_sides(
    file: &str,
    text: &str,
    side: fn(&Row<'_>, &str) -> Result<[String; 2], DatasetError>,
) -> Result<Rows, DatasetError> {
    let mut rows = Rows::default();
    let (mut equal, mut two_prompts) = (0, 0);
    for row in reader::json_rows(file, text)? {
        let ([prompt, positive], [other_prompt, negative]) =
            (side(&row, "positive")?, side(&row, "negative")?);
        let mut example = if prompt == other_prompt {
            if positive.trim() == negative.trim() {
                equal += 1;
                continue;
            }
            Example::answers(
                row.index,
                prompt,
                positive,
                negative,
                Joining::TrimmedWithSpace,
            )
        } else {
            two_prompts += 1;
            Example::texts(
                row.index,
                whole(&prompt, &positive),
                whole(&other_prompt, &negative),
            )
        };
        example.meta = row
            .object
            .get("meta")
            .filter(|m| !Value::is_null(m))
            .cloned();
        rows.examples.push(example);
    }
    rows.warn(equal, |count| DatasetWarning::EqualAnswers { count });
    rows.warn(two_prompts, |count| DatasetWarning::DifferentPrompts {
        count,
    });
    Ok(rows)
}

/// Prompt and response of one side; the response may be empty.
fn side(row: &Row<'_>, name: &str) -> Result<[String; 2], DatasetError> {
    let object = row.object(name)?;
    let path = format!("{name}.prompt");
    let prompt = row.text_or_empty(object, "prompt", &path)?;
    if prompt.trim().is_empty() {
        return Err(DatasetError::EmptyField {
            place: row.place(&path),
        });
    }
    let response = row.text_or_empty(object, "response", &format!("{name}.response"))?;
    Ok([prompt.to_owned(), response.to_owned()])
}

fn whole(prompt: &str, response: &str) -> String {
    format!("{} {}", prompt.trim(), response.trim())
        .trim_end()
        .to_owned()
}
