//! lm-evaluation-harness: {hookpoint: {`steering_vector`, `steering_coefficient`, action, bias}}.

use super::super::error::VectorError;
use super::super::vector::meta;
use super::Context;
use super::error::FormatError;
use super::imported::VectorFormat;
use super::keys;
use super::pickle::{Node, Pickle};
use super::reading::{Found, Reading};
use super::torch::Tensors;
use crate::units::{Edit, Operator};

pub(super) fn read(
    pickle: &Pickle,
    tensors: &mut Tensors,
    root: &Node,
    context: &Context<'_>,
) -> Result<Reading, VectorError> {
    let mut reading = Reading::new(VectorFormat::LmEval, "lm-eval", "hookpoint");
    let mut edit: Option<Edit> = None;
    let mut coefficients = Vec::new();
    for (hookpoint, entry) in pickle.entries(root) {
        let Some(array) = (match pickle.get(entry, "steering_vector") {
            Some(node) => tensors.array(pickle, node)?,
            None => None,
        }) else {
            continue;
        };
        let (block, point) = keys::place(&hookpoint).ok_or_else(|| FormatError::Site {
            file: context.file.to_owned(),
            site: format!("'{hookpoint}'"),
        })?;
        let action = pickle.text(entry, "action").unwrap_or("add");
        let biased = !matches!(pickle.get(entry, "bias"), None | Some(Node::None));
        let operator = match (action, biased) {
            ("add", _) => Operator::Add,
            ("clamp", false) => Operator::Clamp,
            (other, _) => {
                return Err(VectorError::OperatorUnsupported {
                    file: context.file.to_owned(),
                    operator: if biased {
                        format!("{other} with a bias")
                    } else {
                        other.to_owned()
                    },
                });
            }
        };
        let here = Edit { operator, point };
        if edit.is_some_and(|e| e.point != point) {
            return Err(VectorError::MixedSites {
                file: context.file.to_owned(),
                a: edit.map_or(point, |e| e.point),
                b: point,
            });
        }
        if edit.is_some_and(|e| e != here) {
            return Err(VectorError::OperatorUnsupported {
                file: context.file.to_owned(),
                operator: "add and clamp in one file".to_owned(),
            });
        }
        edit = Some(here);
        let values = array.direction(context.file, &hookpoint)?;
        let coefficient = match pickle.get(entry, "steering_coefficient") {
            Some(Node::Float(c)) => Some(*c),
            Some(Node::Int(c)) => Some(*c as f64),
            _ => None,
        };
        if let Some(c) = coefficient {
            // Its clamp sets the component itself, ours c times the direction's length.
            let length = values.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>();
            coefficients.push(match operator {
                Operator::Clamp => c / length.sqrt(),
                _ => c,
            });
        }
        reading.found.push(Found::at(hookpoint, block, values));
    }
    reading.edit = edit.ok_or_else(|| context.unknown("no hookpoint with a vector"))?;
    if let [one] = coefficients.as_slice() {
        reading.fact(meta::RECOMMENDED_MULTIPLIER, (*one as f32).to_string());
    }
    if reading.found.len() > 1 {
        reading.warn(
            "lm-eval-hookpoints",
            "with several hookpoints lm-eval itself adds the last vector at all of them; here each has its own",
        );
    }
    Ok(reading)
}
