//! The widest vectors that the processor knows.

/// Work compiled for vectors of several widths. `run` must be `inline(always)`, or it stays what it was.
pub(super) trait Work {
    fn run(self);
}

/// Run `work` compiled for the widest vectors of this processor. No multiplication is fused with an addition, so no bit changes.
#[inline(always)]
pub(super) fn widest(work: impl Work) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::is_x86_feature_detected as knows;
        if knows!("avx512f") && knows!("avx512vl") && knows!("avx512dq") {
            // SAFETY: the processor has just said that it knows these.
            return unsafe { avx512(work) };
        }
        if knows!("avx2") {
            // SAFETY: the processor has just said that it knows AVX2.
            return unsafe { avx2(work) };
        }
    }
    work.run();
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512dq")]
fn avx512(work: impl Work) {
    work.run();
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn avx2(work: impl Work) {
    work.run();
}
