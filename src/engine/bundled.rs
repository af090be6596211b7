//! The model inside the binary.
