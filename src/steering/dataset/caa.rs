//! Files of contrastive activation addition (Panickssery et al. 2312.06681): a JSON list of
//! questions that already end with their options; taken verbatim.

use super::error::DatasetError;
use super::example::{Example, Joining};
use super::mwe::FIELDS;
use super::reader::{self, Rows};
use super::warning::DatasetWarning;

pub(super) fn read(file: &str, text: &str) -> Result<Rows, DatasetError> {
    let mut rows = Rows::default();
    let mut equal = 0;
    for row in reader::json_list(file, text)? {
        let [question, matching, other] = FIELDS.map(|field| row.text(field).map(str::to_owned));
        let (question, matching, other) = (question?, matching?, other?);
        if matching.trim() == other.trim() {
            equal += 1;
            continue;
        }
        rows.examples.push(Example::answers(
            row.index,
            question,
            matching,
            other,
            Joining::TrimmedWithSpace,
        ));
    }
    rows.warn(equal, |count| DatasetWarning::EqualAnswers { count });
    Ok(rows)
}
