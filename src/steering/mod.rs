//! Contrastive pairs, vectors, operators, file formats.
