//! Model-written evaluations (Perez et al. 2212.09251): persona and lettered JSONL files.

use super::convert;
use super::error::DatasetError;
use super::example::{Example, Joining, option_letter};
use super::reader::{self, Rows};
use super::sniff::DatasetFormat;
use super::warning::DatasetWarning;

/// Fields of a question with its two answers.
pub(super) const FIELDS: [&str; 3] = [
    "question",
    "answer_matching_behavior",
    "answer_not_matching_behavior",
];

pub(super) fn read(file: &str, text: &str, format: DatasetFormat) -> Result<Rows, DatasetError> {
    let mut rows = Rows::default();
    let (mut equal, mut unreadable) = (0, 0);
    for row in reader::json_rows(file, text)? {
        let [question, matching, other] = FIELDS.map(|field| row.text(field));
        let (question, matching, other) = (question?, matching?, other?);
        if matching.trim() == other.trim() {
            equal += 1;
            continue;
        }
        let persona = format == DatasetFormat::MwePersona;
        let readable = |answer: &str| {
            let yes_no = matches!(answer.trim(), "Yes" | "No");
            if persona {
                yes_no
            } else {
                option_letter(answer).is_some()
            }
        };
        if !readable(matching) || !readable(other) {
            unreadable += 1;
            continue;
        }
        let [prompt, positive, negative] = if persona {
            convert::persona(row.index, question, matching, other)
        } else {
            [
                convert::without_meta(question),
                matching.to_owned(),
                other.to_owned(),
            ]
        };
        rows.examples.push(Example::answers(
            row.index,
            prompt,
            positive,
            negative,
            Joining::TrimmedWithSpace,
        ));
    }
    rows.warn(equal, |count| DatasetWarning::EqualAnswers { count });
    rows.warn(unreadable, |count| DatasetWarning::UnreadableAnswers {
        count,
    });
    Ok(rows)
}
