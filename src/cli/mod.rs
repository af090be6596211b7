//! Command-line twins of the screens.
