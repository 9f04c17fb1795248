// The low-rank product, blocked for registers: CK_ROWS rows × CK_VECTORS vectors of sums stay in
// registers along the whole rank. Included by body.h once for float and once for double.

typedef REAL KIND(vector) __attribute__((ext_vector_type(CK_VECTOR / sizeof(REAL))));

enum {
  KIND(lane_count) = CK_VECTOR / sizeof(REAL),
  KIND(panel_width) = CK_PANEL_BYTES / sizeof(REAL),
  KIND(pass_width) = CK_VECTORS * CK_VECTOR / sizeof(REAL),
};

// Elements of a base from `from` on, widened.
CK_INLINE KIND(vector) KIND(widened)(const char *from, int element) {
  typedef uint16_t halves __attribute__((ext_vector_type(CK_VECTOR / sizeof(REAL))));
  typedef uint32_t words __attribute__((ext_vector_type(CK_VECTOR / sizeof(REAL))));
  typedef float floats __attribute__((ext_vector_type(CK_VECTOR / sizeof(REAL))));
  if (element == ck_bf16) {
    halves stored;
    floats wide;
    CK_COPY(&stored, from, sizeof stored);
    const words bits = __builtin_convertvector(stored, words) << 16;
    CK_COPY(&wide, &bits, sizeof wide);
    return __builtin_convertvector(wide, KIND(vector));
  }
  KIND(vector) wide;
  CK(table).widen[sizeof(REAL) == sizeof(double)][element](from, &wide, KIND(lane_count));
  return wide;
}

// `rows` rows (a constant at each call) of one pass: columns low..<high of its pass_width show.
// `value` points at the pass's column 0, which may lie before the tile; so does `base`, or it is
// NULL.
CK_INLINE void KIND(block)(REAL *value, const struct ck_product *p, const char *base,
                           const REAL *left, const REAL *right, size_t low, size_t high,
                           int is_sum, REAL scale, const int rows) {
  const size_t stride = p->stride, rank = p->rank;
  const size_t base_size = CK(element_size)(p->base_element);
  KIND(vector) sums[CK_ROWS][CK_VECTORS];
  REAL spill[KIND(pass_width)];
  const int is_whole = low == 0 && high == KIND(pass_width);
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++) {
    if (is_sum && !is_whole) {
      for (size_t j = 0; j < KIND(pass_width); j++) spill[j] = 0;
      for (size_t j = low; j < high; j++) spill[j] = value[(size_t)r * stride + j];
    }
    const REAL *start = is_whole ? value + (size_t)r * stride : spill;
#pragma clang loop unroll(full)
    for (int v = 0; v < CK_VECTORS; v++) {
      if (is_sum) CK_COPY(&sums[r][v], start + v * KIND(lane_count), CK_VECTOR);
      else sums[r][v] = (KIND(vector))((REAL)0);
    }
  }
  for (size_t k = 0; k < rank; k++) {
    KIND(vector) across[CK_VECTORS];
#pragma clang loop unroll(full)
    for (int v = 0; v < CK_VECTORS; v++)
      CK_COPY(&across[v], right + k * KIND(panel_width) + v * KIND(lane_count), CK_VECTOR);
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++) {
      KIND(vector) factor = (KIND(vector))(left[k * CK_LEFT_ROWS + r]);
#pragma clang loop unroll(full)
      for (int v = 0; v < CK_VECTORS; v++)
        sums[r][v] = __builtin_elementwise_fma(factor, across[v], sums[r][v]);
    }
  }
  KIND(vector) factor = (KIND(vector))(scale);
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++) {
    REAL *row = value + (size_t)r * stride;
    if (is_whole) {
#pragma clang loop unroll(full)
      for (int v = 0; v < CK_VECTORS; v++) {
        KIND(vector) old, delta = factor * sums[r][v];
        if (base)
          old = KIND(widened)(
              base + ((size_t)r * p->base_stride + v * KIND(lane_count)) * base_size,
              p->base_element);
        else CK_COPY(&old, row + v * KIND(lane_count), CK_VECTOR);
        old = is_sum ? sums[r][v] : old + delta;
        CK_COPY(row + v * KIND(lane_count), &old, CK_VECTOR);
      }
    } else {
#pragma clang loop unroll(full)
      for (int v = 0; v < CK_VECTORS; v++)
        CK_COPY(spill + v * KIND(lane_count), &sums[r][v], CK_VECTOR);
      if (base)
        CK(table).widen[sizeof(REAL) == sizeof(double)][p->base_element](
            base + ((size_t)r * p->base_stride + low) * base_size, row + low, high - low);
      for (size_t j = low; j < high; j++) {
        REAL delta = scale * spill[j];
        row[j] = is_sum ? spill[j] : row[j] + delta;
      }
    }
  }
}

// Panels outside, rows inside: a panel stays in the first cache while all rows pass by it.
CK_INLINE void KIND(tile)(const struct ck_product *p, int is_sum, REAL scale) {
  const REAL *left = p->left, *right = p->right;
  const size_t end = p->skip + p->columns;
  const size_t base_size = CK(element_size)(p->base_element);
  for (size_t pass = 0; pass < end; pass += KIND(pass_width)) {
    const size_t high = end - pass < KIND(pass_width) ? end - pass : KIND(pass_width);
    const size_t low = p->skip > pass ? p->skip - pass : 0;
    if (low >= high) continue;
    const REAL *panel = right + pass / KIND(panel_width) * p->right_panel +
                        pass % KIND(panel_width);
    for (size_t row = 0; row < p->rows;) {
      const REAL *group = left + row / CK_LEFT_ROWS * p->left_group + row % CK_LEFT_ROWS;
      // Column `pass` of the tile; computed on integers, as it may lie before the tile's memory.
      const size_t distance = row * p->stride + pass - p->skip;
      REAL *value = (REAL *)((uintptr_t)p->value + distance * sizeof(REAL));
      const char *base =
          p->base ? (const char *)((uintptr_t)p->base +
                                   (row * p->base_stride + pass - p->skip) * base_size)
                  : NULL;
      const size_t rest = p->rows - row;
      if (rest >= CK_ROWS && row % CK_ROWS == 0) {
        KIND(block)(value, p, base, group, panel, low, high, is_sum, scale, CK_ROWS);
        row += CK_ROWS;
      } else if (rest >= 2 && row % 2 == 0) {
        KIND(block)(value, p, base, group, panel, low, high, is_sum, scale, 2);
        row += 2;
      } else {
        KIND(block)(value, p, base, group, panel, low, high, is_sum, scale, 1);
        row += 1;
      }
    }
  }
}

static void KIND(add_product)(const struct ck_product *product, double scale) {
  KIND(tile)(product, 0, (REAL)scale);
}

static void KIND(sum_product)(const struct ck_product *product) {
  KIND(tile)(product, 1, 0);
}
