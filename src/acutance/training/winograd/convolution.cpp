// 3x3 convolutions by Winograd's minimal filtering F(4x4, 3x3), fp32, channels last, AVX-512 or AVX2.
//
// Source: Lavin and Gray, "Fast algorithms for convolutional neural networks", CVPR 2016. A tile of
// 4x4 outputs needs 6x6 inputs d and the filter g:
//
//     Y = A' [ (G g G') * (B' d B) ] A
//
// where * is by element and sums over input channels: 36 products of matrices, (tiles x inputs) by
// (inputs x outputs), in place of 9 that have 16 rows a tile. So there is a quarter of the
// multiplications. The points of the interpolation are 0, 1, -1, 2, -2 and infinity.
//
// U = G g G' (36, inputs, outputs) comes from Python, V = B' d B, M is the sum of products. Backward:
// towards the inputs it is a convolution with turned filters; towards the filters
// dU = V' (A dY A'), and Python makes dg = G' dU G of it.
//
// Tiles are taken BLOCK at a time, so that V, M and most of U stay in the second-level cache.

#include <ATen/Parallel.h>
#include <immintrin.h>
#include <torch/extension.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <optional>
#include <vector>

namespace {

#ifdef __AVX512F__

using Vector = __m512;
constexpr long BLOCK = 30;        // tiles
constexpr long MOST_VECTORS = 4;  // of columns at a time: 6 rows of them fill 24 of 32 registers

inline Vector load(const float* from) { return _mm512_loadu_ps(from); }
inline void store(float* to, Vector x) { _mm512_storeu_ps(to, x); }
inline Vector all(float x) { return _mm512_set1_ps(x); }
inline Vector fused(Vector x, Vector y, Vector z) { return _mm512_fmadd_ps(x, y, z); }
inline Vector larger(Vector x, Vector y) { return _mm512_max_ps(x, y); }
inline Vector where_positive(Vector where, Vector x) {
  return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(where, all(0), _CMP_GT_OQ), x);
}

#else

using Vector = __m256;
constexpr long BLOCK = 24;
constexpr long MOST_VECTORS = 2;  // 12 of 16 registers

inline Vector load(const float* from) { return _mm256_loadu_ps(from); }
inline void store(float* to, Vector x) { _mm256_storeu_ps(to, x); }
inline Vector all(float x) { return _mm256_set1_ps(x); }
inline Vector fused(Vector x, Vector y, Vector z) { return _mm256_fmadd_ps(x, y, z); }
inline Vector larger(Vector x, Vector y) { return _mm256_max_ps(x, y); }
inline Vector where_positive(Vector where, Vector x) {
  return _mm256_and_ps(_mm256_cmp_ps(where, all(0), _CMP_GT_OQ), x);
}

#endif

constexpr long LANES = sizeof(Vector) / sizeof(float);
constexpr long MOST_CHANNELS = 1024;

using MaybeTensor = std::optional<at::Tensor>;

alignas(64) const float ZEROS[MOST_CHANNELS] = {};  // what lies beyond the edges

// Memory of a thread that lasts.
class Scratch {
 public:
  float* floats(size_t count) {
    if (count > count_) {
      data_.reset(static_cast<float*>(std::aligned_alloc(64, (4 * count + 63) / 64 * 64)));
      TORCH_CHECK(data_ != nullptr, "no memory for ", count, " floats");
      count_ = count;
    }
    return data_.get();
  }

 private:
  struct Free {
    void operator()(float* data) const { std::free(data); }
  };
  std::unique_ptr<float, Free> data_;
  size_t count_ = 0;
};

float* scratch_V(size_t count) {
  thread_local Scratch scratch;
  return scratch.floats(count);
}

float* scratch_M(size_t count) {
  thread_local Scratch scratch;
  return scratch.floats(count);
}

// A matrix whose element (row, column) is at data[row * down + column * right].
struct Left {
  const float* data;
  long down, right;
};

// C = A B, or C += A B: ROWS rows and VECTORS * LANES columns of C in registers.
template <int ROWS, int VECTORS, bool ADD>
inline void product_in_registers(Left a, const float* b, float* c, long inner, long columns) {
  Vector sum[ROWS][VECTORS];
  for (int r = 0; r < ROWS; ++r)
    for (int v = 0; v < VECTORS; ++v)
      sum[r][v] = ADD ? load(c + r * columns + LANES * v) : all(0);
  for (long i = 0; i < inner; ++i) {
    Vector right[VECTORS];
    for (int v = 0; v < VECTORS; ++v) right[v] = load(b + i * columns + LANES * v);
    for (int r = 0; r < ROWS; ++r) {
      const Vector left = all(a.data[r * a.down + i * a.right]);
      for (int v = 0; v < VECTORS; ++v) sum[r][v] = fused(left, right[v], sum[r][v]);
    }
  }
  for (int r = 0; r < ROWS; ++r)
    for (int v = 0; v < VECTORS; ++v) store(c + r * columns + LANES * v, sum[r][v]);
}

template <int VECTORS, bool ADD>
void product_of_columns(Left a, const float* b, float* c, long rows, long inner, long columns) {
  const auto from = [&](long row) { return Left{a.data + row * a.down, a.down, a.right}; };
  long r = 0;
  for (; r + 6 <= rows; r += 6)
    product_in_registers<6, VECTORS, ADD>(from(r), b, c + r * columns, inner, columns);
  for (; r + 4 <= rows; r += 4)
    product_in_registers<4, VECTORS, ADD>(from(r), b, c + r * columns, inner, columns);
  for (; r < rows; ++r)
    product_in_registers<1, VECTORS, ADD>(from(r), b, c + r * columns, inner, columns);
}

// C (rows, columns) = or += A (rows, inner) B (inner, columns); columns in multiples of LANES.
template <bool ADD>
void product(Left a, const float* b, float* c, long rows, long inner, long columns) {
  // Few columns at a time leave the processor waiting: 6 registers are 3 and 3, not 4 and 2.
  for (long j = 0, left = columns / LANES; left > 0;) {
    const long now = std::min(left == 5 || left == 6 ? 3 : left, MOST_VECTORS);
    if constexpr (MOST_VECTORS == 4) {
      if (now == 4) product_of_columns<4, ADD>(a, b + j, c + j, rows, inner, columns);
      if (now == 3) product_of_columns<3, ADD>(a, b + j, c + j, rows, inner, columns);
    }
    if (now == 2) product_of_columns<2, ADD>(a, b + j, c + j, rows, inner, columns);
    if (now == 1) product_of_columns<1, ADD>(a, b + j, c + j, rows, inner, columns);
    j += now * LANES;
    left -= now;
  }
}

inline Vector times(float factor, Vector x) { return all(factor) * x; }

// factor * x + y
inline Vector plus(float factor, Vector x, Vector y) { return fused(all(factor), x, y); }

// B' d
inline void transform_input(const Vector d[6], Vector v[6]) {
  const Vector even = plus(-4, d[2], d[4]), odd = plus(-4, d[1], d[3]);
  const Vector even2 = d[4] - d[2], odd2 = times(2, d[3] - d[1]);
  v[0] = plus(4, d[0], plus(-5, d[2], d[4]));
  v[1] = even + odd;
  v[2] = even - odd;
  v[3] = even2 + odd2;
  v[4] = even2 - odd2;
  v[5] = plus(4, d[1], plus(-5, d[3], d[5]));
}

// A' m
inline void transform_output(const Vector m[6], Vector y[4]) {
  const Vector sum = m[1] + m[2], difference = m[1] - m[2];
  const Vector sum2 = m[3] + m[4], difference2 = m[3] - m[4];
  y[0] = m[0] + sum + sum2;
  y[1] = plus(2, difference2, difference);
  y[2] = plus(4, sum2, sum);
  y[3] = plus(8, difference2, difference) + m[5];
}

// A y
inline void transform_gradient(const Vector y[4], Vector m[6]) {
  const Vector even = y[0] + y[2], odd = y[1] + y[3];
  const Vector even2 = plus(4, y[2], y[0]), odd2 = plus(8, y[3], times(2, y[1]));
  m[0] = y[0];
  m[1] = even + odd;
  m[2] = even - odd;
  m[3] = even2 + odd2;
  m[4] = even2 - odd2;
  m[5] = y[3];
}

// The 4x4 tiles of a batch, in rows; the last of a row or column may hang over the edge.
struct Tiles {
  long height, width, down, across, count;

  explicit Tiles(const at::Tensor& x_NCHW)
      : height(x_NCHW.size(2)),
        width(x_NCHW.size(3)),
        down((height + 3) / 4),
        across((width + 3) / 4),
        count(x_NCHW.size(0) * down * across) {}

  long blocks() const { return (count + BLOCK - 1) / BLOCK; }
  long in_block(long block) const { return std::min(BLOCK, count - block * BLOCK); }
  long picture(long tile) const { return tile / (down * across); }
  long top(long tile) const { return tile % (down * across) / across * 4; }
  long left(long tile) const { return tile % across * 4; }
  long pixel(long tile, long y, long x) const { return (picture(tile) * height + y) * width + x; }
};

// Where the pixels of a SIDE x SIDE window are that begins BEFORE pixels before a tile.
template <int SIDE, int BEFORE>
void find_pixels(const float* x, const Tiles& tiles, long tile, long channels, const float** at) {
  for (int i = 0; i < SIDE; ++i)
    for (int j = 0; j < SIDE; ++j) {
      const long y = tiles.top(tile) - BEFORE + i, z = tiles.left(tile) - BEFORE + j;
      const bool inside = y >= 0 && y < tiles.height && z >= 0 && z < tiles.width;
      at[i * SIDE + j] = inside ? x + tiles.pixel(tile, y, z) * channels : ZEROS;
    }
}

// V (36, BLOCK, channels) = B' d B for the tiles of a block.
void transform_inputs(const float* x, const Tiles& tiles, long block, long channels, float* V) {
  for (long t = 0; t < tiles.in_block(block); ++t) {
    const float* at[36];
    find_pixels<6, 1>(x, tiles, block * BLOCK + t, channels, at);
    for (long c = 0; c < channels; c += LANES) {
      Vector columns[6][6];
      for (int j = 0; j < 6; ++j) {
        Vector d[6], v[6];
        for (int i = 0; i < 6; ++i) d[i] = load(at[i * 6 + j] + c);
        transform_input(d, v);
        for (int i = 0; i < 6; ++i) columns[i][j] = v[i];
      }
      for (int i = 0; i < 6; ++i) {
        Vector v[6];
        transform_input(columns[i], v);
        for (int j = 0; j < 6; ++j)
          store(V + ((i * 6 + j) * BLOCK + t) * channels + c, v[j]);
      }
    }
  }
}

// M (36, BLOCK, channels) = A dY A' for the tiles of a block; adds dY to ``sum`` (channels).
void transform_gradients(const float* dy, const Tiles& tiles, long block, long channels, float* M,
                         float* sum) {
  for (long t = 0; t < tiles.in_block(block); ++t) {
    const float* at[16];
    find_pixels<4, 0>(dy, tiles, block * BLOCK + t, channels, at);
    for (long c = 0; c < channels; c += LANES) {
      Vector columns[6][4], total = load(sum + c);
      for (int j = 0; j < 4; ++j) {
        Vector y[4], m[6];
        for (int i = 0; i < 4; ++i) {
          y[i] = load(at[i * 4 + j] + c);
          total = total + y[i];
        }
        transform_gradient(y, m);
        for (int i = 0; i < 6; ++i) columns[i][j] = m[i];
      }
      store(sum + c, total);
      for (int i = 0; i < 6; ++i) {
        Vector m[6];
        transform_gradient(columns[i], m);
        for (int j = 0; j < 6; ++j)
          store(M + ((i * 6 + j) * BLOCK + t) * channels + c, m[j]);
      }
    }
  }
}

// What happens to A' M A on its way out; each may be null.
struct Finish {
  const float* bias;   // (channels), is added
  bool relu;           // after that, negative values become 0
  const float* where;  // like the output: what is not above 0 here becomes 0
  const float* add;    // like the output, is added last
};

// y = A' M A for the tiles of a block.
void transform_outputs(const float* M, const Tiles& tiles, long block, long channels, float* y,
                       const Finish& finish) {
  const Vector zero = all(0);
  for (long t = 0; t < tiles.in_block(block); ++t) {
    const long tile = block * BLOCK + t, top = tiles.top(tile), left = tiles.left(tile);
    const long high = std::min(4L, tiles.height - top), wide = std::min(4L, tiles.width - left);
    for (long c = 0; c < channels; c += LANES) {
      Vector columns[4][6];
      for (int j = 0; j < 6; ++j) {
        Vector m[6], out[4];
        for (int i = 0; i < 6; ++i)
          m[i] = load(M + ((i * 6 + j) * BLOCK + t) * channels + c);
        transform_output(m, out);
        for (int i = 0; i < 4; ++i) columns[i][j] = out[i];
      }
      const Vector bias = finish.bias ? load(finish.bias + c) : zero;
      for (int i = 0; i < high; ++i) {
        Vector out[4];
        transform_output(columns[i], out);
        for (int j = 0; j < wide; ++j) {
          const long at = tiles.pixel(tile, top + i, left + j) * channels + c;
          Vector value = out[j] + bias;
          if (finish.relu) value = larger(value, zero);
          if (finish.where) value = where_positive(load(finish.where + at), value);
          if (finish.add) value = value + load(finish.add + at);
          store(y + at, value);
        }
      }
    }
  }
}

void check(const at::Tensor& x_NCHW) {
  TORCH_CHECK(x_NCHW.device().is_cpu() && x_NCHW.scalar_type() == at::kFloat && x_NCHW.dim() == 4 &&
                  x_NCHW.is_contiguous(at::MemoryFormat::ChannelsLast),
              "wants fp32 in channels_last on the CPU");
  TORCH_CHECK(x_NCHW.size(1) % LANES == 0 && x_NCHW.size(1) <= MOST_CHANNELS,
              "wants channels in multiples of ", LANES, ", at most ", MOST_CHANNELS);
}

const float* floats_or_null(const MaybeTensor& tensor) {
  return tensor ? tensor->data_ptr<float>() : nullptr;
}

}  // namespace

// x (N, inputs, H, W) with U (36, inputs, outputs), edges padded with zeros, to (N, outputs, H, W).
at::Tensor convolve(const at::Tensor& x_NCHW, const at::Tensor& U, const MaybeTensor& bias,
                    bool relu, const MaybeTensor& where_NCHW, const MaybeTensor& add_NCHW) {
  check(x_NCHW);
  const Tiles tiles(x_NCHW);
  const long inputs = U.size(1), outputs = U.size(2);
  TORCH_CHECK(x_NCHW.size(1) == inputs && U.is_contiguous() && outputs % LANES == 0);
  at::Tensor y_NCHW = at::empty({x_NCHW.size(0), outputs, x_NCHW.size(2), x_NCHW.size(3)},
                                x_NCHW.options(), at::MemoryFormat::ChannelsLast);
  for (const MaybeTensor* like : {&where_NCHW, &add_NCHW})
    if (*like) {
      check(**like);
      TORCH_CHECK((*like)->sizes() == y_NCHW.sizes());
    }
  const float *x = x_NCHW.data_ptr<float>(), *filters = U.data_ptr<float>();
  const Finish finish{floats_or_null(bias), relu, floats_or_null(where_NCHW),
                      floats_or_null(add_NCHW)};
  float* y = y_NCHW.data_ptr<float>();
  at::parallel_for(0, tiles.blocks(), 1, [&](long begin, long end) {
    float *V = scratch_V(36 * BLOCK * inputs), *M = scratch_M(36 * BLOCK * outputs);
    for (long block = begin; block < end; ++block) {
      transform_inputs(x, tiles, block, inputs, V);
      for (long i = 0; i < 36; ++i)
        product<false>({V + i * BLOCK * inputs, inputs, 1}, filters + i * inputs * outputs,
                       M + i * BLOCK * outputs, tiles.in_block(block), inputs, outputs);
      transform_outputs(M, tiles, block, outputs, y, finish);
    }
  });
  return y_NCHW;
}

// dU (36, inputs, outputs) and the bias's gradient (outputs) of ``convolve``.
std::vector<at::Tensor> gradients(const at::Tensor& x_NCHW, const at::Tensor& dy_NCHW) {
  check(x_NCHW);
  check(dy_NCHW);
  const Tiles tiles(x_NCHW);
  const long inputs = x_NCHW.size(1), outputs = dy_NCHW.size(1);
  const long parts = std::min<long>(at::get_num_threads(), tiles.blocks());
  at::Tensor dU = at::zeros({parts, 36, inputs, outputs}, x_NCHW.options());
  at::Tensor sum = at::zeros({parts, outputs}, x_NCHW.options());
  const float *x = x_NCHW.data_ptr<float>(), *dy = dy_NCHW.data_ptr<float>();
  float *filters = dU.data_ptr<float>(), *biases = sum.data_ptr<float>();
  at::parallel_for(0, parts, 1, [&](long begin, long end) {
    float *V = scratch_V(36 * BLOCK * inputs), *M = scratch_M(36 * BLOCK * outputs);
    for (long part = begin; part < end; ++part)
      for (long block = tiles.blocks() * part / parts; block < tiles.blocks() * (part + 1) / parts;
           ++block) {
        transform_inputs(x, tiles, block, inputs, V);
        transform_gradients(dy, tiles, block, outputs, M, biases + part * outputs);
        for (long i = 0; i < 36; ++i)
          product<true>({V + i * BLOCK * inputs, 1, inputs}, M + i * BLOCK * outputs,
                        filters + (part * 36 + i) * inputs * outputs, inputs,
                        tiles.in_block(block), outputs);
      }
  });
  return parts == 1 ? std::vector<at::Tensor>{dU[0], sum[0]}
                    : std::vector<at::Tensor>{dU.sum(0), sum.sum(0)};
}

PYBIND11_MODULE(TORCH_EXTENSION_NAME, module) {
  const auto parallel = py::call_guard<py::gil_scoped_release>();
  module.def("convolve", &convolve, parallel);
  module.def("gradients", &gradients, parallel);
}
