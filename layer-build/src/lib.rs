//! Host side of the faas-supervisor layer.
