// The contexts of the pixels of a front while they are written.
//
// All of it is internal to the file that includes it, which is compiled for each instruction set.
#pragma once

#include "../lanes.hpp"
#include "../repeat.hpp"
#include "kernels.hpp"

namespace bitsback {
namespace {

#if defined(__AVX512BW__) && defined(__GNUC__)
// What is seen of differences is found in registers, if it follows a curve (settings.hpp), and
// contexts are written once all of them is known.
class ContextWriter {
  public:
    // Apart from it, so that the rest of it stays in registers.
    struct Room {
        static constexpr size_t most = 320;  // bytes of a context

        alignas(64) int16_t words[16 * most];
        alignas(64) uint8_t bytes[16 * most];
        size_t places[16];
        __m128i put_bytes[16];
    };

    ContextWriter(const FrontSettings& settings, uint8_t* out, Room& room)
        : settings_(settings),
          out_(out),
          words_(room.words),
          bytes_(room.bytes),
          places_(room.places),
          put_bytes_(room.put_bytes) {}

    inline BITSBACK_INLINE void put(Lanes bytes) {
        places_[put_] = count_++;
        put_bytes_[put_++] = _mm512_cvtepi32_epi8(reinterpret_cast<__m512i>(bytes));
    }
    inline BITSBACK_INLINE void see(Lanes differences) {
        const auto d = reinterpret_cast<__m512i>(differences);
        __m512i of;
        if (settings_.curve != nullptr) {
            const __m512i size = _mm512_min_epi32(_mm512_abs_epi32(d), _mm512_set1_epi32(1023));
            const __m512 wide = _mm512_cvtepi32_ps(_mm512_add_epi32(size, _mm512_set1_epi32(32)));
            of = _mm512_xor_si512(_mm512_srli_epi32(_mm512_castps_si512(wide), 13),
                                  _mm512_srai_epi32(d, 31));
        } else {
            of = reinterpret_cast<__m512i>(clamped(differences, -1024, 1023));
        }
        __m256i words = _mm512_cvtepi32_epi16(of);
        asm("" : "+v"(words));  // storing while narrowing is slow on some processors
        _mm256_store_si256(reinterpret_cast<__m256i*>(words_ + 16 * count_++), words);
    }

    inline BITSBACK_INLINE void finish() {
        _mm256_store_si256(reinterpret_cast<__m256i*>(words_ + 16 * count_), __m256i{});
        if (settings_.curve != nullptr)
            follow_curve();
        else
            look_up();
        for (size_t i = 0; i < put_; ++i) store_128(place(places_[i]), put_bytes_[i]);
        for (size_t first = 0; first < count_; first += 64) write(first);
    }

  private:
    static void store_128(uint8_t* to, __m128i x) {
        _mm_store_si128(reinterpret_cast<__m128i*>(to), x);
    }
    // The place of a byte of each pixel: sixteen apart are next to one another.
    uint8_t* place(size_t i) { return bytes_ + i / 64 * 1024 + i % 16 * 64 + i / 16 % 4 * 16; }

    inline BITSBACK_INLINE void follow_curve() {
        const __m512i one = _mm512_loadu_si512(settings_.curve);
        const __m512i two = _mm512_loadu_si512(settings_.curve + 32);
        const __m512i three = _mm512_loadu_si512(settings_.curve + 64);
        for (size_t i = 0; i < count_; i += 2) {
            const __m512i words = _mm512_load_si512(words_ + 16 * i);
            const __mmask32 negative = _mm512_movepi16_mask(words);
            const __m512i at = _mm512_xor_si512(words, _mm512_srai_epi16(words, 15));
            const __m512i part = _mm512_srli_epi16(at, 6);
            // The lowest six bits of a part count, and another one beyond the first two vectors.
            __m512i entry = _mm512_permutex2var_epi16(one, part, two);
            entry = _mm512_mask_permutexvar_epi16(
                entry, _mm512_test_epi16_mask(part, _mm512_set1_epi16(128)), part, three);
            const __m512i within = _mm512_and_si512(at, _mm512_set1_epi16(63));
            __m512i seen = _mm512_srli_epi16(_mm512_add_epi16(entry, within), 6);
            seen = _mm512_mask_sub_epi16(seen, negative, _mm512_set1_epi16(128), seen);
            const __m256i bytes = _mm512_cvtepi16_epi8(seen);
            store_128(place(i), _mm256_castsi256_si128(bytes));
            store_128(place(i + 1), _mm256_extracti128_si256(bytes, 1));
        }
    }
    inline BITSBACK_INLINE void look_up() {
        for (size_t i = 0; i < count_; ++i)
            for (size_t k = 0; k < 16; ++k)
                place(i)[k] = settings_.table[(words_[16 * i + k] & 2047) ^ 1024];
    }

    // So many bytes of each pixel, at most 64: a matrix of 16 x 16 bytes in each quarter of
    // vectors is transposed.
    inline BITSBACK_INLINE void write(size_t first) {
        __m512i a[16], b[16];
        for (size_t i = 0; i < 16; ++i) a[i] = _mm512_load_si512(bytes_ + 16 * first + 64 * i);
        const auto interleave = [](const __m512i(&from)[16], __m512i(&to)[16]) {
            for (size_t i = 0; i < 8; ++i) {
                to[2 * i] = _mm512_unpacklo_epi8(from[i], from[i + 8]);
                to[2 * i + 1] = _mm512_unpackhi_epi8(from[i], from[i + 8]);
            }
        };
        interleave(a, b);
        interleave(b, a);
        interleave(a, b);
        interleave(b, a);
        const size_t left = count_ - first;
        const __mmask64 mask = left >= 64 ? ~__mmask64{0} : (__mmask64{1} << left) - 1;
        for (size_t k = 0; k < 16; ++k)
            _mm512_mask_storeu_epi8(out_ + k * settings_.width + first, mask, a[k]);
    }

    const FrontSettings& settings_;
    uint8_t* out_;
    int16_t* words_;
    uint8_t* bytes_;
    size_t* places_;
    __m128i* put_bytes_;
    size_t count_ = 0;
    size_t put_ = 0;
};
#else
class ContextWriter {
  public:
    struct Room {};

    ContextWriter(const FrontSettings& settings, uint8_t* out, Room&)
        : table_(settings.table + 1024), width_(settings.width), out_(out) {}

    void put(Lanes bytes) {
        for (size_t k = 0; k < width; ++k) out_[k * width_] = static_cast<uint8_t>(bytes[k]);
        ++out_;
    }
    void see(Lanes differences) {
        int32_t at[width];
        store(at, clamped(differences, -1024, 1023));
        for (size_t k = 0; k < width; ++k) out_[k * width_] = table_[at[k]];
        ++out_;
    }
    void finish() {}

  private:
    const uint8_t* table_;
    size_t width_;
    uint8_t* out_;
};
#endif

}  // namespace
}  // namespace bitsback
