// The inner loops of a merge. One body per loop, compiled once per instruction set; every set gives
// the same bits for the same input. No loop allocates, and none keeps state.
//
// Numbers are worked on in `float` (precision 0) or `double` (precision 1). Panels of the right
// factor are CK_PANEL_BYTES wide whatever the set, the left factor is packed in groups of
// CK_LEFT_ROWS rows, so that packed data is the same for all sets.
#pragma once
#include <stddef.h>
#include <stdint.h>

#define CK_PANEL_BYTES 128
#define CK_LEFT_ROWS 12
#define CK_SQUARE_LANES 16
#define CK_MEASURED_RUN 256

#pragma clang assume_nonnull begin

/// Element types in files, in the order of the tables below.
enum { ck_bf16 = 0, ck_f16 = 1, ck_f32 = 2, ck_f64 = 3 };

/// A tile of the low-rank product: rows × columns of `value`, its rows `stride` elements apart.
///
/// `left` is packed [row group][rank][CK_LEFT_ROWS], groups `left_group` elements apart; `right` is
/// packed [panel][rank][panel width], panels `right_panel` elements apart. The first `skip` columns
/// of the first panel lie before the tile. Padding is read but never shows in `value`.
///
/// Where `base` is there, `value` holds nothing yet: it is made of the file elements of type
/// `base_element` at `base`, rows `base_stride` elements apart.
struct ck_product {
  void *value;
  size_t stride;
  const void *_Nullable base;
  size_t base_stride;
  int base_element;
  size_t rows, columns, skip, rank;
  const void *left;
  size_t left_group;
  const void *right;
  size_t right_panel;
};

/// A block of which each row begins with a run, on its way: file elements of type `source`, the
/// working numbers made of them, without gaps between their rows, and room for the file elements of
/// type `target` that these are rounded to. `stride` is the elements from one row to the next of
/// `base` and of `written`, `totals_stride` the doubles from one row's totals to the next's.
struct ck_measured {
  int source, target;
  const void *base;
  const void *value;
  void *written;
  size_t rows, columns, stride, totals_stride;
};

/// Counts that add up whatever the order, of elements, and the largest |value − base|.
struct ck_counts {
  double largest;
  /// value − base is not 0.
  uint64_t moved;
  /// What was written differs from the base rounded to the same type.
  uint64_t changed;
  /// Moved and not changed.
  uint64_t vanished;
  /// Finite in the base, and not as written.
  uint64_t overflowed;
};

/// The loops of one set.
struct ck_table;

/// The table of a set by name (plain, avx2, avx512, neon), or NULL where this CPU lacks it or no
/// set has that name.
const struct ck_table *_Nullable ck_named(const char *name);
/// The value of SHARDWELD_INSTRUCTION_SET, or NULL where it is not set.
const char *_Nullable ck_requested(void);

/// dst[i] = src[i · stride] for elements of 2, 4 or 8 bytes.
void ck_gather(const void *src, size_t stride, size_t count, size_t size, void *dst);
/// dst[place(first + i)] = src[i] for elements of 4 or 8 bytes, where
/// place(n) = n / group · group_stride + n % group · step.
void ck_scatter(const void *src, size_t count, size_t size, size_t first, size_t group,
                size_t group_stride, size_t step, void *dst);

// The loops. `precision` and `element` are the numbers above; each is said in full in table.h.

void ck_widen(const struct ck_table *t, int precision, int element, const void *from, void *to,
              size_t count);
void ck_narrow(const struct ck_table *t, int precision, int element, const void *from, void *to,
               size_t count);
void ck_add_product(const struct ck_table *t, int precision, const struct ck_product *product,
                    double scale);
void ck_sum_product(const struct ck_table *t, int precision, const struct ck_product *product);
void ck_add_scaled(const struct ck_table *t, int precision, void *value, const void *other,
                   double scale, size_t count);
void ck_add_sticky(const struct ck_table *t, double *value, const double *other, double scale,
                   size_t count);
void ck_lerp(const struct ck_table *t, int precision, void *value, const void *other,
             double amount, size_t count);
void ck_scale(const struct ck_table *t, int precision, const void *from, void *to, double factor,
              size_t count);
void ck_scale_each(const struct ck_table *t, int precision, const void *from, const void *factors,
                   void *to, size_t count);
void ck_row_squares(const struct ck_table *t, int precision, const void *value, size_t count,
                    size_t first, double *lanes);
void ck_column_squares(const struct ck_table *t, int precision, const void *value, size_t count,
                       double *sums);
size_t ck_count_beyond(const struct ck_table *t, int precision, const void *value, double limit,
                       size_t count);
/// Rounds a block as `ck_narrow` does, and adds to the counts and to three totals for each run of
/// CK_MEASURED_RUN elements of each row: the squares of the base, of value − base, and of
/// (written − rounded base) − (value − base). A run is summed in CK_SQUARE_LANES lanes, element n
/// of it in lane n % CK_SQUARE_LANES: in working numbers, or in double where those squares do not
/// fit. Elements of which one of these numbers is not finite are in no square and not in `largest`,
/// `moved` or `vanished`.
void ck_round_measured(const struct ck_table *t, int precision, const struct ck_measured *block,
                       double *totals, struct ck_counts *counts);

#pragma clang assume_nonnull end
