// Loops over one run of numbers. Included by body.h once for float and once for double.

static void KIND(add_scaled)(void *value, const void *other, double scale, size_t count) {
  REAL *restrict w = value;
  const REAL *restrict v = other;
  const REAL s = (REAL)scale;
  for (size_t i = 0; i < count; i++) w[i] = w[i] + s * v[i];
}

static void KIND(lerp)(void *value, const void *other, double amount, size_t count) {
  REAL *restrict w = value;
  const REAL *restrict v = other;
  const REAL t = (REAL)amount;
  for (size_t i = 0; i < count; i++) w[i] = w[i] + t * (v[i] - w[i]);
}

// `from` and `to` may be the same run.
static void KIND(scale)(const void *from, void *to, double factor, size_t count) {
  const REAL *v = from;
  REAL *w = to;
  const REAL f = (REAL)factor;
  for (size_t i = 0; i < count; i++) w[i] = f * v[i];
}

static void KIND(scale_each)(const void *from, const void *factors, void *to, size_t count) {
  const REAL *v = from, *f = factors;
  REAL *w = to;
  for (size_t i = 0; i < count; i++) w[i] = f[i] * v[i];
}

// A fixed number of lanes, each summed in order: the sum does not depend on the vector width, nor
// on where a row is cut.
static void KIND(row_squares)(const void *value, size_t count, size_t first, double *lanes) {
  typedef REAL reals __attribute__((ext_vector_type(CK_SQUARE_LANES)));
  typedef double doubles __attribute__((ext_vector_type(CK_SQUARE_LANES)));
  const REAL *x = value;
  size_t i = 0;
  for (; i < count && (first + i) % CK_SQUARE_LANES != 0; i++)
    lanes[(first + i) % CK_SQUARE_LANES] += (double)x[i] * (double)x[i];
  if (count - i >= CK_SQUARE_LANES) {
    doubles sums;
    CK_COPY(&sums, lanes, sizeof sums);
    for (; count - i >= CK_SQUARE_LANES; i += CK_SQUARE_LANES) {
      reals run;
      CK_COPY(&run, x + i, sizeof run);
      doubles wide = __builtin_convertvector(run, doubles);
      sums += wide * wide;
    }
    CK_COPY(lanes, &sums, sizeof sums);
  }
  for (; i < count; i++)
    lanes[(first + i) % CK_SQUARE_LANES] += (double)x[i] * (double)x[i];
}

static void KIND(column_squares)(const void *value, size_t count, double *sums) {
  const REAL *restrict x = value;
  for (size_t i = 0; i < count; i++) {
    double wide = (double)x[i];
    sums[i] += wide * wide;
  }
}

static size_t KIND(count_beyond)(const void *value, double limit, size_t count) {
  const REAL *x = value;
  const REAL bound = (REAL)limit;
  size_t beyond = 0;
  for (size_t start = 0; start < count; start += 4096) {
    const size_t end = count - start < 4096 ? count : start + 4096;
    uint32_t here = 0;  // narrow, so that a vector holds as many counts as numbers
    for (size_t i = start; i < end; i++) here += !((x[i] < bound) & (x[i] > -bound));
    beyond += here;
  }
  return beyond;
}
