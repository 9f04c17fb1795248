// Every loop once. Included by one source file per instruction set, inside that set's target
// attribute, with
//   CK(name)      the loop's name in this set
//   CK_VECTOR     bytes of a vector register
//   CK_VECTORS    vectors of a panel worked on at once
//   CK_ROWS       rows worked on at once; divides CK_LEFT_ROWS
//   CK_HAS_F16    1 where the CPU converts F16 itself
// Contraction is off: only __builtin_*fma fuses, so that each set rounds at the same places.
#include <stdint.h>
#include <stddef.h>

#pragma STDC FP_CONTRACT OFF
// What takes or gives a vector is always inlined: no call depends on how one would be passed.
#pragma clang diagnostic ignored "-Wpsabi"

#define CK_INLINE static inline __attribute__((always_inline))
#define CK_COPY(to, from, count) __builtin_memcpy((to), (from), (count))

#include "convert.h"
#include "sticky.h"

CK_INLINE size_t CK(element_size)(int element) {
  return element == ck_f64 ? 8 : element == ck_f32 ? 4 : 2;
}

#define REAL float
#define WORD uint32_t
#define KIND(name) CK(name##_f32)
#define CK_IS_SINGLE 1
#include "product.h"
#include "elementwise.h"
#include "measure.h"
#undef REAL
#undef WORD
#undef KIND
#undef CK_IS_SINGLE

#define REAL double
#define WORD uint64_t
#define KIND(name) CK(name##_f64)
#define CK_IS_SINGLE 0
#include "product.h"
#include "elementwise.h"
#include "measure.h"
#undef REAL
#undef WORD
#undef KIND
#undef CK_IS_SINGLE

#define CK_BOTH(name) {CK(name##_f32), CK(name##_f64)}

const struct ck_table CK(table) = {
    .widen = {{CK(widen_bf16_f32), CK(widen_f16_f32), CK(widen_f32_f32), CK(widen_f64_f32)},
              {CK(widen_bf16_f64), CK(widen_f16_f64), CK(widen_f32_f64), CK(widen_f64_f64)}},
    .narrow = {{CK(narrow_f32_bf16), CK(narrow_f32_f16), CK(narrow_f32_f32), CK(narrow_f32_f64)},
               {CK(narrow_f64_bf16), CK(narrow_f64_f16), CK(narrow_f64_f32), CK(narrow_f64_f64)}},
    .add_product = CK_BOTH(add_product),
    .sum_product = CK_BOTH(sum_product),
    .add_scaled = CK_BOTH(add_scaled),
    .add_sticky = CK(add_sticky),
    .lerp = CK_BOTH(lerp),
    .scale = CK_BOTH(scale),
    .scale_each = CK_BOTH(scale_each),
    .row_squares = CK_BOTH(row_squares),
    .column_squares = CK_BOTH(column_squares),
    .count_beyond = CK_BOTH(count_beyond),
    .round_measured = CK_BOTH(round_measured),
};
