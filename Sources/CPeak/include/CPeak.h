// The most that one core multiplies and adds, to hold the inner loops against.
#pragma once
#include <stddef.h>

/// Fused multiply-adds of floats in registers alone, `rounds` times as many as `cp_multiplications`
/// says, with the widest vectors of an instruction set (avx2, avx512, neon). The result is of no
/// use but that it must be made; 0 where this machine's compiler knows no such set.
float cp_multiply(const char *_Nonnull set, size_t rounds);
/// Fused multiply-adds of one round; 0 for a set without a peak of its own.
size_t cp_multiplications(const char *_Nonnull set);
