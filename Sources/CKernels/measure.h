// What an update did to a row, beside what it was before. Included by body.h once for float and
// once for double; WORD is the unsigned integer of REAL's size.

// Four rows of numbers, padded with zeros to whole lanes: base, base as it would be written, made,
// and made as it was written.
struct KIND(run) {
  const REAL *base, *plain, *value, *written;
};

typedef REAL KIND(lanes) __attribute__((ext_vector_type(CK_SQUARE_LANES)));
typedef WORD KIND(words) __attribute__((ext_vector_type(CK_SQUARE_LANES)));
typedef double KIND(sums) __attribute__((ext_vector_type(CK_SQUARE_LANES)));

CK_INLINE WORD KIND(word)(REAL x) { WORD w; CK_COPY(&w, &x, sizeof w); return w; }

CK_INLINE int KIND(is_finite)(REAL x) {
  const REAL zero = x - x;
  return zero == zero;
}

// Lane i with lane i + 8, then + 4, + 2, + 1.
CK_INLINE double KIND(lane_total)(const KIND(sums) *sums) {
  double lanes[CK_SQUARE_LANES];
  CK_COPY(lanes, sums, sizeof lanes);
  for (int half = CK_SQUARE_LANES / 2; half > 0; half /= 2)
    for (int i = 0; i < half; i++) lanes[i] += lanes[i + half];
  return lanes[0];
}

// `is_same`: base and base as written are the same numbers.
CK_INLINE void KIND(add_run)(struct KIND(run) run, size_t count, double *totals,
                             struct ck_counts *counts, const int is_same) {
  KIND(sums) of_base = 0, of_update = 0, of_loss = 0;
  KIND(words) largest = 0, moved = 0, changed = 0, vanished = 0;
  for (size_t i = 0; i < count; i += CK_SQUARE_LANES) {
    KIND(lanes) b, p, w, o;
    KIND(words) plain, written, update;
    CK_COPY(&b, run.base + i, sizeof b);
    CK_COPY(&w, run.value + i, sizeof w);
    CK_COPY(&o, run.written + i, sizeof o);
    if (is_same) p = b;
    else CK_COPY(&p, run.plain + i, sizeof p);
    const KIND(lanes) d = w - b;
    KIND(lanes) e = o - w;
    if (!is_same) e = e - (p - b);
    const KIND(sums) base = __builtin_convertvector(b, KIND(sums));
    of_base += base * base;
    const KIND(sums) wide = __builtin_convertvector(d, KIND(sums));
    of_update += wide * wide;
    const KIND(sums) lost = __builtin_convertvector(e, KIND(sums));
    of_loss += lost * lost;
    CK_COPY(&plain, &p, sizeof p);
    CK_COPY(&written, &o, sizeof o);
    CK_COPY(&update, &d, sizeof d);
    // Without their signs, finite numbers are in the order of their bits.
    update &= (WORD)-1 >> 1;
    const KIND(words) is_moved = (KIND(words))(update != 0);
    const KIND(words) is_kept = (KIND(words))(plain == written);
    largest = __builtin_elementwise_max(largest, update);
    moved -= is_moved;
    changed -= ~is_kept;
    vanished -= is_moved & is_kept;
  }
  totals[0] = KIND(lane_total)(&of_base);
  totals[1] = KIND(lane_total)(&of_update);
  totals[2] = KIND(lane_total)(&of_loss);
  const WORD most = __builtin_reduce_max(largest);
  REAL number;
  CK_COPY(&number, &most, sizeof number);
  if ((double)number > counts->largest) counts->largest = (double)number;
  counts->moved += __builtin_reduce_add(moved);
  counts->changed += __builtin_reduce_add(changed);
  counts->vanished += __builtin_reduce_add(vanished);
}

// Counts the elements that are not finite on their way, and makes them zeros in all four.
static void KIND(clear_non_finite)(REAL *base, REAL *plain, REAL *value, REAL *written,
                                   size_t count, struct ck_counts *counts) {
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

static void KIND(measure)(const struct ck_measured *row, double *totals,
                          struct ck_counts *counts) {
  const struct ck_table *table = &CK(table);
  const int precision = sizeof(REAL) == sizeof(double);
  const size_t source_size = CK(element_size)(row->source);
  const size_t target_size = CK(element_size)(row->target);
  const int is_same = row->source == row->target;
  for (size_t start = 0; start < row->count; start += CK_MEASURED_RUN, totals += 3) {
    REAL base[CK_MEASURED_RUN], plain[CK_MEASURED_RUN], value[CK_MEASURED_RUN],
        written[CK_MEASURED_RUN];
    const size_t rest = row->count - start;
    const size_t count = rest < CK_MEASURED_RUN ? rest : CK_MEASURED_RUN;
    const size_t padded = (count + CK_SQUARE_LANES - 1) / CK_SQUARE_LANES * CK_SQUARE_LANES;
    const REAL *made = (const REAL *)row->value + start;
    for (size_t i = count; i < padded; i++) base[i] = plain[i] = written[i] = 0;
    table->widen[precision][row->source]((const char *)row->base + start * source_size, base,
                                         count);
    table->widen[precision][row->target]((const char *)row->written + start * target_size,
                                         written, count);
    if (!is_same) {
      uint64_t narrow[CK_MEASURED_RUN];
      table->narrow[precision][row->target](base, narrow, count);
      table->widen[precision][row->target](narrow, plain, count);
    }
    if (count != padded) {
      CK_COPY(value, made, count * sizeof *value);
      for (size_t i = count; i < padded; i++) value[i] = 0;
    }
    struct KIND(run) run = {base, is_same ? base : plain, count == padded ? made : value, written};
    double sums[3];
    struct ck_counts here = {0};
    if (is_same) KIND(add_run)(run, padded, sums, &here, 1);
    else KIND(add_run)(run, padded, sums, &here, 0);
    const double all = sums[0] + sums[1] + sums[2];
    if (all - all != 0) {
      here = (struct ck_counts){0};
      if (count == padded) CK_COPY(value, made, count * sizeof *value);
      if (is_same) CK_COPY(plain, base, padded * sizeof *plain);
      KIND(clear_non_finite)(base, plain, value, written, count, &here);
      run = (struct KIND(run)){base, plain, value, written};
      KIND(add_run)(run, padded, sums, &here, 0);
    }
    if (here.largest > counts->largest) counts->largest = here.largest;
    counts->moved += here.moved;
    counts->changed += here.changed;
    counts->vanished += here.vanished;
    counts->overflowed += here.overflowed;
    for (int i = 0; i < 3; i++) totals[i] += sums[i];
  }
}
