//! Rows of stored tables: their hashes, and their numbers on lattices.

mod hash;
mod lattice;

pub use hash::{Cells, key, row_hashes, text};
pub use lattice::{FloatLattice, IntLattice, Place, float_lattice, floats_of, int_lattice, ints_of};
