// The row filters of PNG (ISO/IEC 15948, 9) for elements of one or two bytes: differences to
// predictions from neighbours, modulo 256 or 65,536.
//
//     c b     a: the element `stride` before, b: the one above, c: above a; 0 where there is none.
//     a x
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <stdexcept>
#include <vector>

namespace bitsback {

inline constexpr unsigned row_filters = 5;  // none, sub, up, average, Paeth

// Concatenated pictures, each with `rows` rows of `width` elements, `stride` per pixel.
struct RowShape {
    std::size_t pictures, rows, width, stride;

    std::size_t all_rows() const { return pictures * rows; }
};

namespace detail {

template <unsigned filter, class T>
T predict(T a, T b, T c) {
    if constexpr (filter == 1) return a;
    if constexpr (filter == 2) return b;
    if constexpr (filter == 3) return static_cast<T>((std::uint32_t{a} + b) >> 1);
    if constexpr (filter == 4) {
        const int to_a = std::abs(int{b} - c), to_b = std::abs(int{a} - c);
        const int to_c = std::abs(int{a} + b - 2 * c);
        const T b_or_c = to_b <= to_c ? b : c;
        return to_a <= to_b && to_a <= to_c ? a : b_or_c;
    }
    return 0;
}

template <unsigned filter, class T>
void filter_row(const T* row, const T* above, T* out, std::size_t width, std::size_t stride) {
    for (std::size_t i = 0; i < stride; ++i)
        out[i] = static_cast<T>(row[i] - predict<filter, T>(0, above[i], 0));
    for (std::size_t i = stride; i < width; ++i)
        out[i] =
            static_cast<T>(row[i] - predict<filter>(row[i - stride], above[i], above[i - stride]));
}

template <unsigned filter, class T>
void unfilter_row(const T* in, const T* above, T* row, std::size_t width, std::size_t stride) {
    for (std::size_t i = 0; i < stride; ++i)
        row[i] = static_cast<T>(in[i] + predict<filter, T>(0, above[i], 0));
    for (std::size_t i = stride; i < width; ++i)
        row[i] =
            static_cast<T>(in[i] + predict<filter>(row[i - stride], above[i], above[i - stride]));
}

template <class T>
using RowFunction = void (*)(const T*, const T*, T*, std::size_t, std::size_t);

template <class T>
inline constexpr std::array<RowFunction<T>, row_filters> filter_functions = {
    filter_row<0, T>, filter_row<1, T>, filter_row<2, T>, filter_row<3, T>, filter_row<4, T>};
template <class T>
inline constexpr std::array<RowFunction<T>, row_filters> unfilter_functions = {
    unfilter_row<0, T>, unfilter_row<1, T>, unfilter_row<2, T>, unfilter_row<3, T>,
    unfilter_row<4, T>};

// The sum of the absolute values of residuals.
template <class T>
std::uint64_t magnitude(std::span<const T> residuals) {
    std::uint64_t sum = 0;
    for (const T residual : residuals) {
        const T negated = static_cast<T>(-residual);
        sum += residual < negated ? residual : negated;
    }
    return sum;
}

inline void require_rows(const RowShape& shape, std::size_t elements, std::size_t filters) {
    if (shape.stride < 1 || shape.stride > shape.width)
        throw std::invalid_argument("a row has one pixel or more, and a pixel one element or more");
    if (elements != shape.all_rows() * shape.width || filters != shape.all_rows())
        throw std::invalid_argument("rows need `width` elements and one filter each");
}

inline void require_filters(std::span<const std::uint8_t> filters) {
    for (const std::uint8_t filter : filters)
        if (filter >= row_filters)
            throw std::invalid_argument("a filter is one of none, sub, up, average and Paeth");
}

}  // namespace detail

template <class T>
void filter_rows(const RowShape& shape, std::span<const T> pixels,
                 std::span<const std::uint8_t> filters, std::span<T> out) {
    detail::require_rows(shape, pixels.size(), filters.size());
    detail::require_filters(filters);
    const std::vector<T> zeros(shape.width);
    for (std::size_t row = 0; row < shape.all_rows(); ++row) {
        const T* now = pixels.data() + row * shape.width;
        const T* above = row % shape.rows ? now - shape.width : zeros.data();
        detail::filter_functions<T>[filters[row]](now, above, out.data() + row* shape.width,
                                                  shape.width, shape.stride);
    }
}

template <class T>
void unfilter_rows(const RowShape& shape, std::span<const T> residuals,
                   std::span<const std::uint8_t> filters, std::span<T> out) {
    detail::require_rows(shape, residuals.size(), filters.size());
    detail::require_filters(filters);
    const std::vector<T> zeros(shape.width);
    for (std::size_t row = 0; row < shape.all_rows(); ++row) {
        T* now = out.data() + row * shape.width;
        const T* above = row % shape.rows ? now - shape.width : zeros.data();
        detail::unfilter_functions<T>[filters[row]](residuals.data() + row* shape.width, above, now,
                                                    shape.width, shape.stride);
    }
}

// For each row the filter with the least sum of residuals, the first of equals.
template <class T>
void choose_filters(const RowShape& shape, std::span<const T> pixels,
                    std::span<std::uint8_t> filters) {
    detail::require_rows(shape, pixels.size(), filters.size());
    const std::vector<T> zeros(shape.width);
    std::vector<T> residuals(shape.width);
    for (std::size_t row = 0; row < shape.all_rows(); ++row) {
        const T* now = pixels.data() + row * shape.width;
        const T* above = row % shape.rows ? now - shape.width : zeros.data();
        std::uint64_t least = ~std::uint64_t{0};
        for (unsigned filter = 0; filter < row_filters; ++filter) {
            detail::filter_functions<T>[filter](now, above, residuals.data(), shape.width,
                                                shape.stride);
            const std::uint64_t sum = detail::magnitude<T>(residuals);
            if (sum >= least) continue;
            least = sum;
            filters[row] = static_cast<std::uint8_t>(filter);
        }
    }
}

}  // namespace bitsback
