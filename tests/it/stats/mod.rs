//! Statistics against golden numbers and as properties.

mod golden;
mod histogram;
mod intervals;
mod shuffle;
mod slopes;
