//! Per-input measurements.
