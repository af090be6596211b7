//! Data sets, pairs, vectors and the operator.

mod bad_files;
mod conversion;
mod dataset;
mod extract;
mod locate;
mod operator;
mod vector;
