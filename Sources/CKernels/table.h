// The function pointers of one instruction set.
#pragma once
#include "CKernels.h"

/// The loops of one set. First index: precision (0 float, 1 double); second: element type.
struct ck_table {
  /// From file elements to working numbers; exact, but F64 → float rounds to nearest even.
  void (*widen[2][4])(const void *from, void *to, size_t count);
  /// From working numbers to file elements: nearest even, NaN canonical, overflow to infinity.
  void (*narrow[2][4])(const void *from, void *to, size_t count);
  /// value += scale · (left · right): summed along the rank by fma from 0, scaled, then added.
  void (*add_product[2])(const struct ck_product *product, double scale);
  /// value is the running sum: value = fma(left, right, value) along the rank.
  void (*sum_product[2])(const struct ck_product *product);
  /// value += scale · other, two roundings.
  void (*add_scaled[2])(void *value, const void *other, double scale, size_t count);
  /// value += scale · other, exactly, then rounded to odd; in double alone.
  void (*add_sticky)(double *value, const double *other, double scale, size_t count);
  /// value += amount · (other − value), three roundings.
  void (*lerp[2])(void *value, const void *other, double amount, size_t count);
  /// to = factor · from.
  void (*scale[2])(const void *from, void *to, double factor, size_t count);
  /// to[j] = factors[j] · from[j].
  void (*scale_each[2])(const void *from, const void *factors, void *to, size_t count);
  /// lanes[(first + i) % CK_SQUARE_LANES] += value[i]², in order.
  void (*row_squares[2])(const void *value, size_t count, size_t first, double *lanes);
  /// sums[j] += value[j]².
  void (*column_squares[2])(const void *value, size_t count, double *sums);
  /// How many elements are NaN or of a magnitude of at least `limit`.
  size_t (*count_beyond[2])(const void *value, double limit, size_t count);
  /// Rounds a block and measures what an update did to it; see `ck_round_measured`.
  void (*round_measured[2])(const struct ck_measured *block, double *totals,
                            struct ck_counts *counts);
};

extern const struct ck_table ck_plain;
#if defined(__x86_64__)
extern const struct ck_table ck_avx2, ck_avx512;
#elif defined(__aarch64__)
extern const struct ck_table ck_neon;
#endif

