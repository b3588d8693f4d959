//! Rows of stored tables: their hashes, and their numbers on lattices.

mod delta;
mod hash;
mod lattice;
mod parquet;

pub use delta::{packed, unpacked};
pub use hash::{Cells, key, row_hashes, text};
pub use lattice::{FloatLattice, IntLattice, Place, float_lattice, floats_of, int_lattice, ints_of};
pub use parquet::{Page, file, places};
