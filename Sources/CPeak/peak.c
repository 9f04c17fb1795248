#include "CPeak.h"

#include <string.h>

// Twelve sums hide the latency of two multiply-adds a cycle, and fit sixteen registers with the
// factors.
enum { sum_count = 12 };

#define CP_MULTIPLY(name, byte_count)                                                    \
  static float name(size_t rounds) {                                                     \
    typedef float vector __attribute__((ext_vector_type(byte_count / 4)));               \
    vector sums[sum_count], left = (vector)(0.999f), right = (vector)(1e-3f);            \
    for (int i = 0; i < sum_count; i++) sums[i] = (vector)((float)i);                    \
    for (size_t round = 0; round < rounds; round++) {                                    \
      _Pragma("clang loop unroll(full)") for (int i = 0; i < sum_count; i++)             \
          sums[i] = __builtin_elementwise_fma(sums[i], left, right);                     \
    }                                                                                    \
    float total = 0;                                                                     \
    for (int i = 0; i < sum_count; i++) total += sums[i].x;                              \
    return total;                                                                        \
  }

#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
CP_MULTIPLY(multiply_avx2, 32)
#pragma clang attribute pop
#pragma clang attribute push(                                                            \
    __attribute__((target("avx512f"), min_vector_width(512))), apply_to = function)
CP_MULTIPLY(multiply_avx512, 64)
#pragma clang attribute pop
#elif defined(__aarch64__)
CP_MULTIPLY(multiply_neon, 16)
#endif

float cp_multiply(const char *set, size_t rounds) {
#if defined(__x86_64__)
  if (strcmp(set, "avx2") == 0) return multiply_avx2(rounds);
  if (strcmp(set, "avx512") == 0) return multiply_avx512(rounds);
#elif defined(__aarch64__)
  if (strcmp(set, "neon") == 0) return multiply_neon(rounds);
#endif
  (void)rounds;
  return 0;
}

size_t cp_multiplications(const char *set) {
#if defined(__x86_64__)
  if (strcmp(set, "avx2") == 0) return sum_count * 8;
  if (strcmp(set, "avx512") == 0) return sum_count * 16;
#elif defined(__aarch64__)
  if (strcmp(set, "neon") == 0) return sum_count * 4;
#endif
  return 0;
}
