//! The only names that a pickle may import, and what each becomes.

use super::super::array::Number;

/// An allowed global.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::steering::format) enum Global {
    RebuildTensor,
    RebuildParameter,
    RebuildFromType,
    /// A class of tensors, which says nothing that is used.
    TensorClass,
    Storage(Number),
    Dict,
    NumpyReconstruct,
    NumpyScalar,
    NumpyArray,
    NumpyDtype,
    NumpyFromBuffer,
    Encode,
    /// A class whose state is read as plain data.
    Class(&'static str),
}

/// What a name stands for; `None` for everything else there is.
pub(super) fn find(module: &str, name: &str) -> Option<Global> {
    use Global as G;
    Some(match (module, name) {
        ("torch._utils", "_rebuild_tensor_v2") => G::RebuildTensor,
        ("torch._utils", "_rebuild_parameter") => G::RebuildParameter,
        ("torch._tensor", "_rebuild_from_type_v2") => G::RebuildFromType,
        ("torch" | "torch._tensor", "Tensor") | ("torch.nn.parameter", "Parameter") => {
            G::TensorClass
        }
        ("torch", storage) => G::Storage(match storage {
            "FloatStorage" => Number::F32,
            "DoubleStorage" => Number::F64,
            "HalfStorage" => Number::F16,
            "BFloat16Storage" => Number::Bf16,
            "ByteStorage" => Number::U8,
            "CharStorage" => Number::I8,
            "ShortStorage" => Number::I16,
            "IntStorage" => Number::I32,
            "LongStorage" => Number::I64,
            "BoolStorage" => Number::Bool,
            _ => return None,
        }),
        ("collections", "OrderedDict" | "defaultdict") => G::Dict,
        ("numpy.core.multiarray" | "numpy._core.multiarray", "_reconstruct") => G::NumpyReconstruct,
        ("numpy.core.multiarray" | "numpy._core.multiarray", "scalar") => G::NumpyScalar,
        ("numpy.core.numeric" | "numpy._core.numeric", "_frombuffer") => G::NumpyFromBuffer,
        ("numpy", "ndarray") => G::NumpyArray,
        ("numpy", "dtype") => G::NumpyDtype,
        ("_codecs", "encode") => G::Encode,
        ("steering_vectors.steering_vector", "SteeringVector") => G::Class(STEERING_VECTORS),
        ("repeng.extract", "ControlVector") => G::Class(REPENG),
        ("activation_steering.steering_vector", "SteeringVector") => G::Class(IBM),
        _ => return None,
    })
}

/// Object of the steering-vectors library.
pub(in crate::steering::format) const STEERING_VECTORS: &str = "steering-vectors";
/// Object of repeng.
pub(in crate::steering::format) const REPENG: &str = "repeng";
/// Object of IBM's activation-steering.
pub(in crate::steering::format) const IBM: &str = "IBM activation-steering";
