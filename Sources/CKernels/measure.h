// What an update did to a block, beside what it was before, measured while the block is rounded.
// Included by body.h once for float and once for double; WORD is the unsigned integer of REAL's
// size.
//
// A run of CK_MEASURED_RUN elements is summed in lanes of REAL: squares of sixteen elements a lane,
// so a float's rounding shows in no digit that anyone reads, and the sum costs no conversion. Where
// such squares would not fit a float the run is summed again in double.

typedef REAL KIND(lanes) __attribute__((ext_vector_type(CK_SQUARE_LANES)));
typedef WORD KIND(words) __attribute__((ext_vector_type(CK_SQUARE_LANES)));
typedef double KIND(sums) __attribute__((ext_vector_type(CK_SQUARE_LANES)));

// Squares of base, of value − base, and of what rounding did to that; lanes are of REAL or double.
struct KIND(squares) { KIND(lanes) base, update, loss; };
struct KIND(wide_squares) { KIND(sums) base, update, loss; };

// Counts by lane. A lane counts for at most 2³² elements.
struct KIND(tally) { KIND(words) largest, moved, changed, vanished; };

// Sixteen elements: base, base as it would be written, made, and made as it was written.
struct KIND(sixteen) { KIND(lanes) base, plain, value, written; };

// The same of a run, padded with zeros to whole lanes.
struct KIND(run) {
  REAL base[CK_MEASURED_RUN], plain[CK_MEASURED_RUN], value[CK_MEASURED_RUN],
      written[CK_MEASURED_RUN];
};

// Squares that add up to less may have lost their smallest parts.
#define CK_LEAST_SQUARES (CK_IS_SINGLE ? 0x1p-80 : 0.0)

CK_INLINE WORD KIND(word)(REAL x) { WORD w; CK_COPY(&w, &x, sizeof w); return w; }

CK_INLINE int KIND(is_finite)(REAL x) {
  const REAL zero = x - x;
  return zero == zero;
}

CK_INLINE KIND(lanes) KIND(sixteen_of)(const REAL *from) {
  KIND(lanes) x;
  CK_COPY(&x, from, sizeof x);
  return x;
}

// Lane i with lane i + 8, then + 4, + 2, + 1.
#define CK_LANE_TOTAL(name, lanes)                            \
  CK_INLINE double KIND(name)(lanes x) {                      \
    const __typeof__(x.lo) half = x.lo + x.hi;                \
    const __typeof__(half.lo) quarter = half.lo + half.hi;    \
    const __typeof__(quarter.lo) pair = quarter.lo + quarter.hi; \
    return (double)(pair.x + pair.y);                         \
  }
CK_LANE_TOTAL(total, KIND(lanes))
CK_LANE_TOTAL(wide_total, KIND(sums))
#undef CK_LANE_TOTAL

// (written − value) − (plain − base), which is written − value where plain is base.
CK_INLINE KIND(lanes) KIND(loss)(struct KIND(sixteen) x, const int is_same) {
  const KIND(lanes) loss = x.written - x.value;
  return is_same ? loss : loss - (x.plain - x.base);
}

CK_INLINE void KIND(add_squares)(struct KIND(squares) *sums, struct KIND(sixteen) x,
                                 const int is_same) {
  const KIND(lanes) update = x.value - x.base, loss = KIND(loss)(x, is_same);
  sums->base = __builtin_elementwise_fma(x.base, x.base, sums->base);
  sums->update = __builtin_elementwise_fma(update, update, sums->update);
  sums->loss = __builtin_elementwise_fma(loss, loss, sums->loss);
}

CK_INLINE void KIND(add_wide_squares)(struct KIND(wide_squares) *sums, struct KIND(sixteen) x) {
  const KIND(sums) base = __builtin_convertvector(x.base, KIND(sums));
  const KIND(sums) update = __builtin_convertvector(x.value - x.base, KIND(sums));
  const KIND(sums) loss = __builtin_convertvector(KIND(loss)(x, 0), KIND(sums));
  sums->base += base * base;
  sums->update += update * update;
  sums->loss += loss * loss;
}

CK_INLINE void KIND(count)(struct KIND(tally) *tally, struct KIND(sixteen) x) {
  const KIND(lanes) difference = x.value - x.base;
  KIND(words) update, plain, written;
  CK_COPY(&update, &difference, sizeof update);
  CK_COPY(&plain, &x.plain, sizeof plain);
  CK_COPY(&written, &x.written, sizeof written);
  // Without their signs, finite numbers are in the order of their bits.
  update &= (WORD)-1 >> 1;
  const KIND(words) is_moved = (KIND(words))(update != 0);
  const KIND(words) is_kept = (KIND(words))(plain == written);
  tally->largest = __builtin_elementwise_max(tally->largest, update);
  tally->moved -= is_moved;
  tally->changed -= ~is_kept;
  tally->vanished -= is_moved & is_kept;
}

// The numbers of a part of a row, and its elements as written.
CK_INLINE void KIND(fill_run)(struct KIND(run) *run, const struct ck_measured *block,
                              const char *base, const REAL *value, const char *written,
                              size_t count, size_t padded) {
  const struct ck_table *table = &CK(table);
  const int precision = sizeof(REAL) == sizeof(double);
  table->widen[precision][block->source](base, run->base, count);
  table->widen[precision][block->target](written, run->written, count);
  if (block->source == block->target) {
    CK_COPY(run->plain, run->base, count * sizeof(REAL));
  } else {
    uint64_t narrow[CK_MEASURED_RUN];
    table->narrow[precision][block->target](run->base, narrow, count);
    table->widen[precision][block->target](narrow, run->plain, count);
  }
  CK_COPY(run->value, value, count * sizeof(REAL));
  for (size_t i = count; i < padded; i++)
    run->base[i] = run->plain[i] = run->value[i] = run->written[i] = 0;
}

CK_INLINE struct KIND(sixteen) KIND(part)(const struct KIND(run) *run, size_t first) {
  return (struct KIND(sixteen)){
      KIND(sixteen_of)(run->base + first), KIND(sixteen_of)(run->plain + first),
      KIND(sixteen_of)(run->value + first), KIND(sixteen_of)(run->written + first)};
}

// Counts the elements that are not finite on their way, and makes them zeros in all four.
static void KIND(clear_non_finite)(struct KIND(run) *run, size_t count, struct ck_counts *counts) {
  REAL *base = run->base, *plain = run->plain, *value = run->value, *written = run->written;
  for (size_t i = 0; i < count; i++) {
    const int is_finite = KIND(is_finite)(written[i]);
    if (KIND(is_finite)(base[i]) & KIND(is_finite)(plain[i]) & KIND(is_finite)(value[i]) &
        is_finite)
      continue;
    const int are_nan = (written[i] != written[i]) & (plain[i] != plain[i]);
    counts->changed += !are_nan & (KIND(word)(written[i]) != KIND(word)(plain[i]));
    counts->overflowed += KIND(is_finite)(base[i]) & !is_finite;
    base[i] = plain[i] = value[i] = written[i] = 0;
  }
}

// A run whose squares in lanes of REAL say nothing: with elements that are not finite, with squares
// that are not, or with so small ones that they vanish.
static void KIND(measure_with_care)(struct KIND(run) *run, size_t count, size_t padded,
                                    double *here, struct KIND(tally) *tally,
                                    struct ck_counts *counts) {
  KIND(clear_non_finite)(run, count, counts);
  struct KIND(wide_squares) sums = {0};
  for (size_t i = 0; i < padded; i += CK_SQUARE_LANES) {
    KIND(add_wide_squares)(&sums, KIND(part)(run, i));
    KIND(count)(tally, KIND(part)(run, i));
  }
  here[0] = KIND(wide_total)(sums.base);
  here[1] = KIND(wide_total)(sums.update);
  here[2] = KIND(wide_total)(sums.loss);
}

// Rounds a whole run of BF16 and measures it in registers: the common case, and most of the work.
CK_INLINE void KIND(round_bf16)(const uint16_t *base, const REAL *value, uint16_t *written,
                                struct KIND(squares) *sums, struct KIND(tally) *tally) {
#if CK_IS_SINGLE
  typedef uint16_t halves __attribute__((ext_vector_type(CK_SQUARE_LANES)));
  for (size_t i = 0; i < CK_MEASURED_RUN; i += CK_SQUARE_LANES) {
    halves stored, rounded;
    CK_COPY(&stored, base + i, sizeof stored);
    struct KIND(sixteen) x = {.value = KIND(sixteen_of)(value + i)};
    KIND(words) bits = __builtin_convertvector(stored, KIND(words)) << 16;
    CK_COPY(&x.base, &bits, sizeof bits);
    x.plain = x.base;
    // As `to_bf16` rounds one number.
    CK_COPY(&bits, &x.value, sizeof bits);
    const KIND(words) is_nan = (KIND(words))((bits & 0x7FFFFFFF) > 0x7F800000);
    bits = (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000;
    bits = (is_nan & 0x7FC00000) | (~is_nan & bits);
    rounded = __builtin_convertvector(bits >> 16, halves);
    CK_COPY(written + i, &rounded, sizeof rounded);
    CK_COPY(&x.written, &bits, sizeof bits);
    KIND(add_squares)(sums, x, 1);
    KIND(count)(tally, x);
  }
#else
  (void)base, (void)value, (void)written, (void)sums, (void)tally;
#endif
}

// True where no element was moved between two tallies.
CK_INLINE int KIND(is_still)(const struct KIND(tally) *before, const struct KIND(tally) *after) {
  return __builtin_reduce_max(after->moved ^ before->moved) == 0;
}

// Rounds a part of a row of at most CK_MEASURED_RUN elements, and measures it.
CK_INLINE void KIND(round_run)(const struct ck_measured *block, const char *base,
                               const REAL *value, char *written, size_t count, double *totals,
                               struct KIND(tally) *tally, struct ck_counts *counts) {
  const int precision = sizeof(REAL) == sizeof(double);
  const size_t padded = (count + CK_SQUARE_LANES - 1) / CK_SQUARE_LANES * CK_SQUARE_LANES;
  const struct KIND(tally) before = *tally;
  struct KIND(squares) sums = {0};
  struct KIND(run) run;
  const int is_bf16 = CK_IS_SINGLE && block->source == ck_bf16 && block->target == ck_bf16 &&
                      count == CK_MEASURED_RUN;
  if (is_bf16) {
    KIND(round_bf16)((const uint16_t *)base, value, (uint16_t *)written, &sums, tally);
  } else {
    CK(table).narrow[precision][block->target](value, written, count);
    KIND(fill_run)(&run, block, base, value, written, count, padded);
    for (size_t i = 0; i < padded; i += CK_SQUARE_LANES) {
      KIND(add_squares)(&sums, KIND(part)(&run, i), 0);
      KIND(count)(tally, KIND(part)(&run, i));
    }
  }
  double here[3] = {KIND(total)(sums.base), KIND(total)(sums.update), KIND(total)(sums.loss)};
  const double all = here[0] + here[1] + here[2];
  const int is_told = all - all == 0 && here[0] >= CK_LEAST_SQUARES &&
                      (here[1] >= CK_LEAST_SQUARES || KIND(is_still)(&before, tally));
  if (!is_told) {
    if (is_bf16) KIND(fill_run)(&run, block, base, value, written, count, padded);
    *tally = before;
    KIND(measure_with_care)(&run, count, padded, here, tally, counts);
  }
  for (int i = 0; i < 3; i++) totals[i] += here[i];
}

static void KIND(round_measured)(const struct ck_measured *block, double *totals,
                                 struct ck_counts *counts) {
  const size_t source_size = CK(element_size)(block->source);
  const size_t target_size = CK(element_size)(block->target);
  for (size_t row = 0; row < block->rows; row++) {
    const char *base = (const char *)block->base + row * block->stride * source_size;
    char *written = (char *)block->written + row * block->stride * target_size;
    const REAL *value = (const REAL *)block->value + row * block->columns;
    double *of_row = totals + row * block->totals_stride;
    struct KIND(tally) tally = {0};
    for (size_t start = 0; start < block->columns; start += CK_MEASURED_RUN, of_row += 3) {
      const size_t rest = block->columns - start;
      KIND(round_run)(block, base + start * source_size, value + start,
                      written + start * target_size,
                      rest < CK_MEASURED_RUN ? rest : CK_MEASURED_RUN, of_row, &tally, counts);
    }
    const WORD most = __builtin_reduce_max(tally.largest);
    REAL largest;
    CK_COPY(&largest, &most, sizeof largest);
    if ((double)largest > counts->largest) counts->largest = (double)largest;
    counts->moved += __builtin_reduce_add(tally.moved);
    counts->changed += __builtin_reduce_add(tally.changed);
    counts->vanished += __builtin_reduce_add(tally.vanished);
  }
}
