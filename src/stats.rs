//! Statistics: slope, quantiles, intervals, bins.
