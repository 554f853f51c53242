//! Which registers this processor has.

use super::lanes::{Double, Lanes, Single};

/// The registers to work with.
#[derive(Debug, Clone, Copy)]
pub enum Machine {
    /// 256 bits with fused products.
    #[cfg(target_arch = "x86_64")]
    Avx2(pulp::x86::V3),
    /// What the compiler takes for granted.
    Portable,
}

impl Machine {
    /// The best of this processor.
    pub fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(simd) = pulp::x86::V3::try_new() {
            return Self::Avx2(simd);
        }
        Self::Portable
    }

    /// Single-precision numbers in a register.
    pub fn singles(self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => super::lanes::SingleAvx2::COUNT,
            Self::Portable => Single::COUNT,
        }
    }

    /// Whole numbers in a register of `coarse`.
    pub fn coarse(self) -> usize {
        16
    }

    /// Double-precision numbers in a register.
    pub fn doubles(self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => super::lanes::DoubleAvx2::COUNT,
            Self::Portable => Double::COUNT,
        }
    }
}
