//! The columns of an export.

use serde_json::Value;

use crate::store::list::Record;

/// Values of a column, one per row.
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    /// Texts; `None` where a protocol has no such field.
    Text(Vec<Option<String>>),
    /// Whole numbers.
    Int(Vec<Option<i64>>),
    /// Single precision: multipliers and propensities, as they were measured.
    Float(Vec<Option<f32>>),
    /// Double precision.
    Double(Vec<Option<f64>>),
    /// Truth values.
    Bool(Vec<Option<bool>>),
}

/// One column.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Name.
    pub name: &'static str,
    /// Values.
    pub data: Data,
}

/// Columns of equal length.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// In the order of the file.
    pub columns: Vec<Column>,
}

/// Texts that are the same for all rows of a run.
const TEXTS: &[&str] = &[
    "key",
    "program",
    "model",
    "model_sha256",
    "model_config_sha256",
    "vector",
    "vector_id",
    "dataset",
    "dataset_id",
    "inputs_sha256",
];

/// Fields of the protocol that are texts: column, place in its JSON.
const PROTOCOL_TEXTS: &[(&str, &str)] = &[
    ("mask", "/mask"),
    ("operator", "/operator"),
    ("unit", "/unit"),
    ("template", "/template"),
    ("system", "/system"),
    ("split", "/split/kind"),
    ("part", "/split/part"),
    ("propensity_mode", "/propensity"),
    ("arithmetic", "/arithmetic"),
];

/// Fields of the protocol that are whole numbers.
const PROTOCOL_NUMBERS: &[(&str, &str)] = &[
    ("seed", "/split/seed"),
    ("limit", "/split/limit"),
    ("statistics", "/statistics"),
];

impl Default for Table {
    /// All columns, no rows.
    fn default() -> Self {
        let text = |name| Column {
            name,
            data: Data::Text(Vec::new()),
        };
        let int = |name| Column {
            name,
            data: Data::Int(Vec::new()),
        };
        let mut columns = vec![int("run"), int("created_ms")];
        columns.extend(TEXTS.iter().map(|name| text(name)));
        columns.push(int("block"));
        columns.extend(PROTOCOL_TEXTS.iter().map(|(name, _)| text(name)));
        columns.extend(PROTOCOL_NUMBERS.iter().map(|(name, _)| int(name)));
        columns.push(int("input"));
        for name in ["positive_is_a", "positive_is_yes"] {
            columns.push(Column {
                name,
                data: Data::Bool(Vec::new()),
            });
        }
        for name in ["multiplier", "propensity"] {
            columns.push(Column {
                name,
                data: Data::Float(Vec::new()),
            });
        }
        columns.push(Column {
            name: "steerability",
            data: Data::Double(Vec::new()),
        });
        Self { columns }
    }
}

/// A value on its way into a column.
enum Field {
    Text(Option<String>),
    Int(Option<i64>),
    Float(Option<f32>),
    Double(Option<f64>),
    Bool(Option<bool>),
}

impl Data {
    fn push(&mut self, field: &Field) {
        match (self, field) {
            (Self::Text(values), Field::Text(v)) => values.push(v.clone()),
            (Self::Int(values), Field::Int(v)) => values.push(*v),
            (Self::Float(values), Field::Float(v)) => values.push(*v),
            (Self::Double(values), Field::Double(v)) => values.push(*v),
            (Self::Bool(values), Field::Bool(v)) => values.push(*v),
            (data, _) => data.push_missing(),
        }
    }

    /// Keeps the columns equally long.
    fn push_missing(&mut self) {
        match self {
            Self::Text(values) => values.push(None),
            Self::Int(values) => values.push(None),
            Self::Float(values) => values.push(None),
            Self::Double(values) => values.push(None),
            Self::Bool(values) => values.push(None),
        }
    }

    /// Rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Text(values) => values.len(),
            Self::Int(values) => values.len(),
            Self::Float(values) => values.len(),
            Self::Double(values) => values.len(),
            Self::Bool(values) => values.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Table {
    /// Rows.
    pub fn len(&self) -> usize {
        self.columns.first().map_or(0, |c| c.data.len())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds the rows of a run, multipliers of an input side by side.
    pub fn add(&mut self, record: &Record) {
        let cell = &record.cell;
        let of_run = run_fields(record);
        let inputs = cell.inputs.iter().zip(cell.rows()).zip(cell.steerability());
        for ((input, row), slope) in inputs {
            for (multiplier, propensity) in cell.multipliers.iter().zip(row) {
                let of_row = [
                    Field::Int(i64::try_from(input.row).ok()),
                    Field::Bool(input.positive_is_a),
                    Field::Bool(input.positive_is_yes),
                    Field::Float(Some(*multiplier)),
                    Field::Float(propensity.is_finite().then_some(*propensity)),
                    Field::Double(slope),
                ];
                for (column, field) in self.columns.iter_mut().zip(of_run.iter().chain(&of_row)) {
                    column.data.push(field);
                }
            }
        }
    }
}

fn run_fields(record: &Record) -> Vec<Field> {
    let (key, cell) = (&record.key, &record.cell);
    let protocol: Value = serde_json::from_str(&key.protocol).unwrap_or_default();
    let digest = key.digest();
    let texts = [
        &digest,
        &cell.program,
        &cell.names.model,
        &key.model,
        &key.config,
        &cell.names.vector,
        &key.vector,
        &cell.names.dataset,
        &key.dataset,
        &key.inputs,
    ];
    let mut fields = vec![
        Field::Int(Some(record.id)),
        Field::Int(i64::try_from(cell.created).ok()),
    ];
    fields.extend(texts.into_iter().map(|t| Field::Text(Some(t.clone()))));
    fields.push(Field::Int(i64::try_from(cell.block).ok()));
    fields.extend(PROTOCOL_TEXTS.iter().map(|(_, place)| {
        let value = protocol.pointer(place).and_then(Value::as_str);
        Field::Text(value.map(str::to_owned))
    }));
    fields.extend(
        PROTOCOL_NUMBERS
            .iter()
            .map(|(_, place)| Field::Int(protocol.pointer(place).and_then(Value::as_i64))),
    );
    fields
}
