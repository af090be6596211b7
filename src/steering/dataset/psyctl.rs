//! Rows of psyctl: `{"situation", "char_name", "positive", "neutral"}`, what a character says in a situation
//! with a trait and without.

use serde_json::json;

use super::error::DatasetError;
use super::example::{Example, Joining};
use super::reader::{self, Rows};
use super::warning::DatasetWarning;

pub(super) fn read(file: &str, text: &str) -> Result<Rows, DatasetError> {
    let mut rows = Rows::default();
    let mut equal = 0;
    for row in reader::json_rows(file, text)? {
        let situation = row.text("situation")?.to_owned();
        let (positive, neutral) = (row.text("positive")?, row.text("neutral")?);
        if positive.trim() == neutral.trim() {
            equal += 1;
            continue;
        }
        let mut example = Example::answers(
            row.index,
            situation,
            positive.to_owned(),
            neutral.to_owned(),
            Joining::TrimmedWithSpace,
        );
        let name = row.object.get("char_name").filter(|name| name.is_string());
        example.meta = name.map(|name| json!({ "char_name": name }));
        rows.examples.push(example);
    }
    rows.warn(equal, |count| DatasetWarning::EqualAnswers { count });
    Ok(rows)
}
