// The choice of a set by name, and the moves of elements that need no set of their own.
#include "table.h"

#include <stdlib.h>
#include <string.h>

const struct ck_table *ck_named(const char *name) {
  if (strcmp(name, "plain") == 0) return &ck_plain;
#if defined(__x86_64__)
  const int has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                       __builtin_cpu_supports("f16c");
  const int has_avx512 = has_avx2 && __builtin_cpu_supports("avx512f") &&
                         __builtin_cpu_supports("avx512bw") &&
                         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (strcmp(name, "avx2") == 0 && has_avx2) return &ck_avx2;
  if (strcmp(name, "avx512") == 0 && has_avx512) return &ck_avx512;
#elif defined(__aarch64__)
  if (strcmp(name, "neon") == 0) return &ck_neon;
#endif
  return NULL;
}

const char *ck_requested(void) { return getenv("SHARDWELD_INSTRUCTION_SET"); }

#define CK_GATHER(type)                                                        \
  {                                                                            \
    const type *from = src;                                                    \
    type *to = dst;                                                            \
    for (size_t i = 0; i < count; i++) to[i] = from[i * stride];               \
  }

void ck_gather(const void *src, size_t stride, size_t count, size_t size, void *dst) {
  if (size == 2) CK_GATHER(uint16_t)
  else if (size == 4) CK_GATHER(uint32_t)
  else CK_GATHER(uint64_t)
}

// Whole groups of step 1 are copied at once.
#define CK_SCATTER(type)                                                       \
  {                                                                            \
    const type *from = src;                                                    \
    type *to = dst;                                                            \
    for (size_t i = 0; i < count;) {                                           \
      const size_t n = first + i, inside = n % group;                          \
      const size_t run = group - inside < count - i ? group - inside : count - i; \
      type *start = to + n / group * group_stride + inside * step;             \
      if (step == 1) memcpy(start, from + i, run * sizeof(type));              \
      else for (size_t j = 0; j < run; j++) start[j * step] = from[i + j];     \
      i += run;                                                                \
    }                                                                          \
  }

void ck_scatter(const void *src, size_t count, size_t size, size_t first, size_t group,
                size_t group_stride, size_t step, void *dst) {
  if (size == 4) CK_SCATTER(uint32_t)
  else CK_SCATTER(uint64_t)
}

void ck_widen(const struct ck_table *t, int precision, int element, const void *from, void *to,
              size_t count) {
  t->widen[precision][element](from, to, count);
}

void ck_narrow(const struct ck_table *t, int precision, int element, const void *from, void *to,
               size_t count) {
  t->narrow[precision][element](from, to, count);
}

void ck_add_product(const struct ck_table *t, int precision, const struct ck_product *product,
                    double scale) {
  t->add_product[precision](product, scale);
}

void ck_sum_product(const struct ck_table *t, int precision, const struct ck_product *product) {
  t->sum_product[precision](product);
}

void ck_add_scaled(const struct ck_table *t, int precision, void *value, const void *other,
                   double scale, size_t count) {
  t->add_scaled[precision](value, other, scale, count);
}

void ck_add_sticky(const struct ck_table *t, double *value, const double *other, double scale,
                   size_t count) {
  t->add_sticky(value, other, scale, count);
}

void ck_lerp(const struct ck_table *t, int precision, void *value, const void *other,
             double amount, size_t count) {
  t->lerp[precision](value, other, amount, count);
}

void ck_scale(const struct ck_table *t, int precision, const void *from, void *to, double factor,
              size_t count) {
  t->scale[precision](from, to, factor, count);
}

void ck_scale_each(const struct ck_table *t, int precision, const void *from, const void *factors,
                   void *to, size_t count) {
  t->scale_each[precision](from, factors, to, count);
}

void ck_row_squares(const struct ck_table *t, int precision, const void *value, size_t count,
                    size_t first, double *lanes) {
  t->row_squares[precision](value, count, first, lanes);
}

void ck_column_squares(const struct ck_table *t, int precision, const void *value, size_t count,
                       double *sums) {
  t->column_squares[precision](value, count, sums);
}

size_t ck_count_beyond(const struct ck_table *t, int precision, const void *value, double limit,
                       size_t count) {
  return t->count_beyond[precision](value, limit, count);
}

void ck_round_measured(const struct ck_table *t, int precision, const struct ck_measured *block,
                       double *totals, struct ck_counts *counts) {
  t->round_measured[precision](block, totals, counts);
}
