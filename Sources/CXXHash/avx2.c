// The library's own header, compiled inside for x86-64 with AVX2. Its state is laid out the same.
#include "avx2.h"

#if defined(__x86_64__)
#include <immintrin.h>
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#define XXH_INLINE_ALL
#define XXH_VECTOR XXH_AVX2
#include <xxhash.h>

void cxx_update_avx2(void *state, const void *bytes, size_t count) {
  (void)XXH3_128bits_update(state, bytes, count);
}
#pragma clang attribute pop
#endif
