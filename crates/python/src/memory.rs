//! Memory of answers. The kernel clears a fresh page before it gives it away, which takes longer than computing most features that fill
//! it. Large blocks therefore outlive their array and serve the next answer; meanwhile the kernel may take their pages back (`MADV_FREE`).

use numpy::ndarray::{ArrayView, Dimension};
use numpy::{Element, PyArray};
use pyo3::prelude::*;

/// An array of this shape whose numbers are still to be written.
pub(crate) fn empty<T: Element, D: Dimension>(py: Python<'_>, shape: D) -> PyResult<Bound<'_, PyArray<T, D>>> {
    #[cfg(target_os = "linux")]
    if let Some(block) = blocks::take(shape.size() * size_of::<T>()) {
        let pointer: *const T = block.start().cast();
        let lease = Bound::new(py, Lease(Some(block)))?;
        // SAFETY: the block starts at a page, holds all numbers, and lives until the lease that the array keeps is dropped. Any bits are
        // a number of the types asked for here, integers and floats.
        return Ok(unsafe { PyArray::borrow_from_array(&ArrayView::from_shape_ptr(shape, pointer), lease.into_any()) });
    }
    // SAFETY: as above, in memory of numpy's.
    Ok(unsafe { PyArray::new(py, shape, false) })
}

/// What an array holds on to; the block goes back when the array goes.
#[cfg(target_os = "linux")]
#[pyclass(frozen, module = "tickcast._engine")]
struct Lease(Option<blocks::Block>);

#[cfg(target_os = "linux")]
impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(block) = self.0.take() {
            blocks::keep(block);
        }
    }
}

#[cfg(target_os = "linux")]
mod blocks {
    use std::ffi::c_void;
    use std::ptr::{NonNull, null_mut};
    use std::sync::{Mutex, PoisonError};

    /// Smaller blocks are left to numpy.
    const LARGE: usize = 1 << 20;
    /// A huge page.
    const PAGE: usize = 2 << 20;
    /// At most so many blocks and bytes wait for the next answer.
    const BLOCKS: usize = 16;
    const BYTES: usize = 1 << 30;

    static WAITING: Mutex<Vec<Block>> = Mutex::new(Vec::new());

    /// Pages of our own.
    pub(super) struct Block {
        base: NonNull<c_void>,
        mapped: usize,
    }

    // SAFETY: a block is memory and an address; nothing ties it to a thread.
    unsafe impl Send for Block {}
    // SAFETY: a shared block can do nothing but tell where it starts.
    unsafe impl Sync for Block {}

    impl Block {
        fn map(bytes: usize) -> Option<Self> {
            let mapped = bytes.checked_next_multiple_of(PAGE)?.checked_add(PAGE)?;
            let access = libc::PROT_READ | libc::PROT_WRITE;
            // SAFETY: a private anonymous mapping at an address of the kernel's choice touches nothing that exists.
            let base = unsafe { libc::mmap(null_mut(), mapped, access, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0) };
            if base == libc::MAP_FAILED {
                return None;
            }
            let block = Self {
                base: NonNull::new(base)?,
                mapped,
            };
            block.advise(libc::MADV_HUGEPAGE);
            Some(block)
        }

        /// The first huge page inside.
        pub fn start(&self) -> *mut c_void {
            let base = self.base.as_ptr();
            base.wrapping_byte_add(base.align_offset(PAGE))
        }

        fn bytes(&self) -> usize {
            self.mapped - PAGE
        }

        fn advise(&self, advice: i32) {
            // SAFETY: the range lies inside the mapping. Advice that is refused changes nothing.
            unsafe { libc::madvise(self.start(), self.bytes(), advice) };
        }
    }

    impl Drop for Block {
        fn drop(&mut self) {
            // SAFETY: this is the mapping as it was made, and nobody holds the block any more.
            unsafe { libc::munmap(self.base.as_ptr(), self.mapped) };
        }
    }

    /// A block of at least so many bytes; None where numpy should see to it.
    pub(super) fn take(bytes: usize) -> Option<Block> {
        if bytes < LARGE {
            return None;
        }
        let mut waiting = WAITING.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |block: &Block| (bytes..=bytes.saturating_mul(2).saturating_add(PAGE)).contains(&block.bytes());
        let found = (0..waiting.len())
            .filter(|i| fits(&waiting[*i]))
            .min_by_key(|i| waiting[*i].bytes());
        match found {
            Some(i) => Some(waiting.remove(i)),
            None => {
                drop(waiting);
                Block::map(bytes)
            }
        }
    }

    /// Keep a block for the next answer; the oldest go when there are too many.
    pub(super) fn keep(block: Block) {
        block.advise(libc::MADV_FREE);
        let mut waiting = WAITING.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push(block);
        while waiting.len() > BLOCKS || waiting.iter().map(Block::bytes).sum::<usize>() > BYTES {
            drop(waiting.remove(0));
        }
    }
}
