// The coefficients of a JPEG stream as binary decisions, whose probabilities contexts, predictions
// and mixers give. All integers.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "../mixing/context_mixer.hpp"
#include "markers.hpp"
#include "scans.hpp"

namespace bitsback::jpeg {

using Int = std::int64_t;

inline constexpr unsigned fraction = 4;  // bits of numbers in units of dequantised coefficients

// Basis functions in units of 2^-12: at the left pixel of a block, and half a pixel before it.
inline constexpr std::array<Int, 8> edge = {1448, 2009, 1892, 1703, 1448, 1138, 784, 400};
inline constexpr std::array<Int, 8> second = {1448, 1703, 784, -400, -1448, -2009, -1892, -1138};
inline constexpr std::array<Int, 8> outside = {1448, 2162, 2446, 2754, 2896, 2711, 2122, 1168};
inline constexpr std::array<Int, 8> inverse_outside = {11585, 7762, 6858, 6092,
                                                       5793,  6188, 7908, 14361};

// Steps of a third or half of an octave.
inline int thirds(Int x) {  // of x in units of 2^-8
    if (x < 8) return 0;
    const int lead = std::bit_width(static_cast<std::uint64_t>(x)) - 1;
    const Int mantissa = (x << 8) >> lead;
    return std::clamp(3 * (lead - 8) + 16 + (mantissa >= 323) + (mantissa >= 406), 0, 40);
}
inline int halves(Int x) {
    if (x < 16) return 0;
    const int lead = std::bit_width(static_cast<std::uint64_t>(x)) - 1;
    const Int mantissa = (x << 8) >> lead;
    return std::clamp(2 * (lead - 8) + 9 + (mantissa >= 362), 0, 24);
}
inline int signed_halves(Int x) {
    const int steps = halves(std::abs(x));
    return x < 0 ? 32 - steps : 32 + steps;
}
inline int within(Int x, int most) {
    return static_cast<int>(std::clamp<Int>(x, -most, most)) + most;
}

// A linear prediction that learns (normalised least mean squares). Inputs are in units of 2^-2 of a
// dequantised coefficient, sums modulo 2^32.
struct Adaptive {
    static constexpr std::size_t inputs = 24;
    static constexpr unsigned bits = 14;  // of weights
    alignas(32) std::array<std::int32_t, inputs> weights{};

    std::int32_t predict(const std::array<std::int32_t, inputs>& x) const {
        std::uint32_t sum = 0;
        for (std::size_t i = 0; i < inputs; ++i)
            sum += static_cast<std::uint32_t>(weights[i]) * static_cast<std::uint32_t>(x[i]);
        return static_cast<std::int32_t>(sum) >> bits;
    }
    // floor: added to the power of the inputs, in units of 2^-4.
    void learn(const std::array<std::int32_t, inputs>& x, Int error, Int rate, Int floor) {
        std::uint64_t power = 0;
        for (std::size_t i = 0; i < inputs; ++i) {
            const std::int32_t magnitude = std::min(std::abs(x[i]), 32767);
            power += static_cast<std::uint32_t>(magnitude * magnitude);
        }
        const auto step = static_cast<std::int32_t>(std::clamp<Int>(
            (error * rate << 14) / (static_cast<Int>(power) + floor), -32767, 32767));
        for (std::size_t i = 0; i < inputs; ++i)
            weights[i] += (step * std::clamp(x[i], -32767, 32767) + (1 << (shift - 1))) >> shift;
    }
    static inline int shift = 12;
};

inline constexpr std::size_t contexts = 16, mixers = 6, values = 4;

inline int env(const char* n, int d) { const char* v = std::getenv(n); return v ? std::atoi(v) : d; }
inline MixingSettings mixing_settings() {
    MixingSettings settings;
    settings.decisions = 1;
    settings.node_bits = 31;
    settings.nodes = 1;
    settings.table = 18;
    settings.probability_bits = 22;
    settings.count_bits = 7;
    settings.trust = env("TRUST", 60);
    settings.beside = MixingSettings::Beside::network;
    settings.features = values;
    for (std::size_t c = 0; c < contexts; ++c) settings.contexts.push_back({512, (unsigned)env("OFFSET", 32), (unsigned)env("LIMIT", 127), false});
    for (std::size_t m = 0; m < mixers; ++m)
        settings.mixers.push_back({{{Selector::Kind::value, m, 3200}}, env("START", 800), env("R0", 1200), env("R1", 120)});
    settings.maps = {(unsigned)env("MAPW", 1), (unsigned)env("MAPL", 255)};
    settings.together = 1;
    return settings;
}

inline std::int32_t quarter(Int x) {  // of numbers in units of 2^-4
    return static_cast<std::int32_t>(std::clamp<Int>(x >> 2, -(1 << 17), 1 << 17));
}


// Codes decisions. Code: bool operator()(bool bit, probability of a one in units of 2^-28), which
// gives the decision.
template <class Code>
class CoefficientCoder {
  public:
    CoefficientCoder(const LogisticTables& logistic, Code& code)
        : settings_(mixing_settings()),
          logistic_(logistic),
          code_(code),
          mixer_(settings_, logistic, std::size_t{1} << 30, mixers) {
        mixer_.begin(1);
        for (std::size_t c = 0; c < most_components; ++c)
            for (std::size_t r = 0; r < block_size; ++r) {
                auto& w = signed_[c * block_size + r].weights;
                const std::size_t i = r / 8, j = r % 8;
                w[0] = w[1] = 4915;
                if (i == 0 && j > 0) w[0] = 0, w[1] = 9830;
                if (j == 0 && i > 0) w[0] = 9830, w[1] = 0;
                if (r == 0) w[0] = w[1] = 8192;
                sizes_[c * block_size + r].weights.fill(819);
                for (std::size_t e = 0; e < steps; ++e)
                    for (std::size_t t = 0; t < values; ++t) {
                        const double s = 0.05 + 0.5 * std::exp2((static_cast<double>(e) - 16) / 3);
                        scales_[t][(c * block_size + r) * steps + e] = {
                            static_cast<std::int32_t>(s * 4096), 0};
                    }
            }
    }

    double bits[2][6] = {};

    // planes: dequantised luma on the grid of this component, or empty.
    void plane(std::size_t comp, const Component& component, std::span<std::int16_t> plane,
               const std::array<std::int32_t, block_size>& q, std::span<const std::int32_t> luma,
               std::span<const std::int32_t> before, std::span<const std::uint8_t> last_luma,
               std::span<const std::uint8_t> last_before, std::vector<std::uint8_t>& last) {
        const std::size_t rows = component.rows, columns = component.columns;
        std::vector<std::int32_t> known(rows * columns * block_size);  // dequantised
        std::vector<std::int16_t> coefs(rows * columns * block_size);
        std::vector<std::uint8_t> nonzero(rows * columns);
        std::vector<std::array<Int, 8>> right(rows * columns), bottom(rows * columns),
            right7(rows * columns), bottom7(rows * columns);
        last.assign(rows * columns, 0);
        std::array<std::uint8_t, block_size> zigzag;
        for (unsigned k = 0; k < block_size; ++k) zigzag[natural[k]] = static_cast<std::uint8_t>(k);
        static const std::array<std::int32_t, block_size> none{};
        static const std::array<std::int16_t, block_size> none16{};
        static const std::array<Int, 8> no_edge{};
        const std::size_t cc = std::min<std::size_t>(comp, 1);
        const int comp3 = static_cast<int>(std::min<std::size_t>(comp, 2));
        std::array<Int, block_size> inverse;  // 2^20 / q
        for (std::size_t r = 0; r < block_size; ++r) inverse[r] = (1 << 20) / q[r];

        for (std::size_t by = 0; by < rows; ++by)
            for (std::size_t bx = 0; bx < columns; ++bx) {
                const std::size_t b = by * columns + bx;
                const bool hasL = bx > 0, hasA = by > 0;
                const auto block = [&](std::size_t n) { return &coefs[n * block_size]; };
                const std::int16_t* L = hasL ? block(b - 1) : none16.data();
                const std::int16_t* A = hasA ? block(b - columns) : none16.data();
                const std::int16_t* AL = hasL && hasA ? block(b - columns - 1) : none16.data();
                const std::int16_t* AR =
                    hasA && bx + 1 < columns ? block(b - columns + 1) : none16.data();
                const std::int16_t* LL = bx > 1 ? block(b - 2) : none16.data();
                const std::int16_t* AA = by > 1 ? block(b - 2 * columns) : none16.data();
                if (!hasL && hasA) L = A;
                if (!hasA && hasL) A = L, AR = L, AL = L;
                const auto& bL = hasL ? right[b - 1] : no_edge;
                const auto& bA = hasA ? bottom[b - columns] : no_edge;
                const auto& bL7 = hasL ? right7[b - 1] : no_edge;
                const auto& bA7 = hasA ? bottom7[b - columns] : no_edge;
                std::int16_t* cur = block(b);
                std::int16_t* src = &plane[b * block_size];
                std::int32_t* dcur = &known[b * block_size];
                const std::int32_t* lu = luma.empty() ? none.data() : &luma[b * block_size];
                const std::int32_t* cb = before.empty() ? none.data() : &before[b * block_size];
                int lL = hasL ? last[b - 1] : 0, lA = hasA ? last[b - columns] : 0;
                if (!hasL) lL = lA;
                if (!hasA) lA = lL;
                const int lAR = hasA && bx + 1 < columns ? last[b - columns + 1] : lA;
                const int lAL = hasA && hasL ? last[b - columns - 1] : lA;
                const int lLL = bx > 1 ? last[b - 2] : lL, lAA = by > 1 ? last[b - 2 * columns] : lA;
                const int nL = hasL ? nonzero[b - 1] : hasA ? nonzero[b - columns] : 0;
                const int nA = hasA ? nonzero[b - columns] : nL;

                // The place of the last coefficient.
                int target = 0;
                if (code_.encodes())
                    for (int k = 63; k > 0; --k)
                        if (src[natural[static_cast<std::size_t>(k)]] != 0) {
                            target = k;
                            break;
                        }
                const int ll = last_luma.empty() ? 0 : last_luma[b];
                const int lc = last_before.empty() ? 0 : last_before[b];
                const int av = (3 * lL + 3 * lA + lAR + lAL) >> 1;
                Int eg = 0;  // 2^-8
                for (std::size_t i = 1; i < 8; ++i)
                    eg += (std::abs(bL[i]) * inverse[i * 8] + std::abs(bA[i]) * inverse[i]) >> 16;
                base_ = static_cast<std::uint64_t>(comp) * 8 + 3;
                key(0, (lL >> 1) * 32 + (lA >> 1));
                key(1, nL * 64 + nA);
                key(2, ll * 64 + lc);
                key(3, lc * 64 + (ll >> 3) * 8 + (av >> 5));
                key(4, lL * 64 + lLL);
                key(5, (nL + nA) * 64 + thirds(eg));
                key(6, thirds(eg) * 8 + std::min(7, ll >> 3));
                key(7, lAR * 64 + lA);
                key(8, std::min(lL, lA) * 64 + std::max(lL, lA));
                key(9, (nL + nA) * 64 + (ll >> 1));
                key(10, av >> 1);
                key(11, ((lL >> 2) * 16 + (lA >> 2)) * 256 + (lAR >> 2) * 16 + (lAL >> 2));
                key(12, thirds(eg) * 64 + (av >> 3));
                key(13, ll * 64 + (av >> 3));
                key(14, lA * 64 + lAA);
                key(15, (lL + lA + lAR + lAL + lLL + lAA) >> 1);
                parametric_ = false;
                int node = 1;
                const int c4 = static_cast<int>(comp);
                for (int bit = 5; bit >= 0; --bit) {
                    sel_ = {c4 * 64 + node, 256 + (av >> 4) * 8 + (5 - bit),
                            256 + (5 - bit) * 32 + (comp > 0 ? ll >> 1 : 0), c4 * 8 + (5 - bit),
                            (lL >> 2) * 16 + (lA >> 2), std::min(40, thirds(eg)) * 8 + 5 - bit};
                    node = node * 2 + decide(target >> bit & 1, node, comp, 0);
                }
                target = node - 64;
                last[b] = static_cast<std::uint8_t>(target);

                // Coefficients.
                std::array<Int, 8> edge_rows{}, edge_columns{};  // 2^-12
                int nz = 0;
                Int sm = 0, prev1 = 0, prev2 = 0;
                for (int k = target; k >= 0; --k) {
                    const std::size_t r = natural[static_cast<std::size_t>(k)], i = r >> 3,
                                      j = r & 7;
                    const Int qk = q[r];
                    const bool dc = k == 0;
                    const std::size_t cpos = comp * block_size + r;
                    // All in units of dequantised coefficients, 2^-4.
                    const auto units = [&](Int x) { return (x * inverse[r]) >> 16; };  // -> 2^-8
                    Int pl = hasL ? ((bL[i] * 256 - edge_rows[i]) * inverse_outside[j]) >> 20 : 0;
                    Int pa = hasA ? ((bA[j] * 256 - edge_columns[j]) * inverse_outside[i]) >> 20 : 0;
                    if (!hasL) pl = hasA ? pa : 0;
                    if (!hasA) pa = pl;
                    Int nw;  // quantised, 2^-8
                    if (dc)
                        nw = (std::abs(L[0] - AL[0]) + std::abs(A[0] - AL[0])) << 7;
                    else
                        nw = ((13 * (std::abs(L[r]) + std::abs(A[r])) +
                               4 * (std::abs(AL[r]) + std::abs(AR[r])) +
                               3 * (std::abs(LL[r]) + std::abs(AA[r]))) *
                              Int{1638}) >> 8;
                    Int mi = 0, ma = 0, mL = 0, mA = 0, mAR = 0, mlu = 0, rowm = 0, colm = 0;  // d, 2^-4
                    if (!dc) {
                        Int sw = 0;
                        for (int di = -2; di <= 2; ++di) {
                            const int ii = static_cast<int>(i) + di;
                            if (ii < 0 || ii > 7) continue;
                            for (int dj = -2; dj <= 2; ++dj) {
                                const int jj = static_cast<int>(j) + dj;
                                if (jj < 0 || jj > 7 || (di == 0 && dj == 0) ||
                                    (ii == 0 && jj == 0))
                                    continue;
                                const Int w = 840 / (di * di + dj * dj);
                                mi += w * std::abs(Int{dcur[ii * 8 + jj]});
                                sw += w;
                            }
                        }
                        mi = (mi << fraction) / sw;
                        Int sw2 = 0;
                        for (int di = -1; di <= 1; ++di) {
                            const int ii = static_cast<int>(i) + di;
                            if (ii < 0 || ii > 7) continue;
                            for (int dj = -1; dj <= 1; ++dj) {
                                const int jj = static_cast<int>(j) + dj;
                                if (jj < 0 || jj > 7 || (ii == 0 && jj == 0)) continue;
                                const Int w = 6 / (1 + di * di + dj * dj);
                                const int rr = ii * 8 + jj;
                                const Int qq = q[static_cast<std::size_t>(rr)];
                                ma += w * (2 * (std::abs(L[rr]) + std::abs(A[rr])) +
                                           std::abs(AL[rr]) + std::abs(AR[rr])) * qq;
                                mL += w * std::abs(L[rr]) * qq;
                                mA += w * std::abs(A[rr]) * qq;
                                mAR += w * std::abs(AR[rr]) * qq;
                                mlu += w * std::abs(Int{lu[rr]});
                                sw2 += w;
                            }
                        }
                        ma = (ma << fraction) / (6 * sw2);
                        mL = (mL << fraction) / sw2;
                        mA = (mA << fraction) / sw2;
                        mAR = (mAR << fraction) / sw2;
                        mlu = mlu / sw2;
                        for (std::size_t t = j + 1; t < 8; ++t) rowm += std::abs(dcur[i * 8 + t]);
                        for (std::size_t t = i + 1; t < 8; ++t) colm += std::abs(dcur[t * 8 + j]);
                        rowm <<= fraction;
                        colm <<= fraction;
                    }
                    const Int lv = lu[r], cv = cb[r];
                    std::array<std::int32_t, Adaptive::inputs> x{};
                    const auto d4 = [&](std::size_t at) { return Int{dcur[at]} << fraction; };
                    const auto n4 = [&](const std::int16_t* of, std::size_t at) {
                        return (Int{of[at]} * q[at]) << fraction;
                    };
                    x[0] = quarter(pl); x[1] = quarter(pa); x[2] = quarter(n4(L, r)); x[3] = quarter(n4(A, r)); x[4] = quarter(lv); x[5] = quarter(cv);
                    if (!dc) {
                        if (j < 7) x[6] = quarter(d4(r + 1));
                        if (i < 7) x[7] = quarter(d4(r + 8));
                        if (j < 6) x[8] = quarter(d4(r + 2));
                        if (i < 6) x[9] = quarter(d4(r + 16));
                    }
                    x[10] = quarter(n4(AL, r)); x[11] = quarter(n4(AR, r));
                    x[12] = quarter(dc ? n4(LL, 0) : bL[i]);
                    x[13] = quarter(dc ? n4(AA, 0) : bA[j]);
                    x[14] = quarter(bL7[i]); x[15] = quarter(bA7[j]);
                    if (j > 0 && r > 1) x[16] = quarter(n4(L, r - 1));
                    if (i > 0 && r > 8) x[17] = quarter(n4(A, r - 8));
                    if (i < 7 && j < 7) x[18] = quarter(d4(r + 9));
                    if (!dc) x[19] = quarter((j > 0 ? pl : pa) * std::min<Int>(256, units(mi)) >> 8);
                    auto& signed_model = signed_[cpos];
                    const Int ol = Int{signed_model.predict(x)} * 4;
                    Int off = 0, ols = ol;
                    if (dc) {
                        off = (units(ol) + 128) >> 8;
                        ols = ol - (off * qk << fraction);
                        pl -= off * qk << fraction;
                        pa -= off * qk << fraction;
                    }
                    const Int spread = std::abs(pl - pa);
                    std::array<std::int32_t, Adaptive::inputs> y{};
                    const Int one = qk << fraction;
                    const auto a4 = [&](const std::int16_t* of) {
                        return (Int{std::abs(of[r])} * qk) << fraction;
                    };
                    y[0] = quarter(one * 77 >> 8);
                    y[1] = quarter(a4(L)); y[2] = quarter(a4(A)); y[3] = quarter(a4(AL)); y[4] = quarter(a4(AR)); y[5] = quarter(a4(LL));
                    y[6] = quarter(a4(AA)); y[7] = std::abs(x[6]) + std::abs(x[7]); y[8] = quarter(mi); y[9] = quarter(ma);
                    y[10] = quarter(std::abs(pl)); y[11] = quarter(std::abs(pa)); y[12] = quarter(std::abs(lv));
                    y[13] = quarter(std::abs(cv)); y[14] = quarter(std::abs(ols)); y[15] = quarter(mL); y[16] = quarter(mA);
                    y[17] = quarter(mAR); y[18] = quarter(comp > 0 ? mlu : 0); y[19] = quarter(rowm); y[20] = quarter(colm);
                    y[21] = quarter((sm << fraction) / (1 + nz)); y[22] = quarter(one * (target - k) / 20);
                    Int simple;
                    if (dc) {
                        const auto dd = [&](const std::int16_t* a, const std::int16_t* c) {
                            return (Int{std::abs(a[0] - c[0])} * qk) << fraction;
                        };
                        y[1] = quarter(dd(L, AL)); y[2] = quarter(dd(A, AL)); y[3] = quarter(dd(A, AR)); y[4] = quarter(dd(L, LL));
                        y[5] = quarter(dd(A, AA)); y[6] = quarter(spread); y[7] = quarter(dd(L, A)); y[8] = quarter(one * target / 10);
                        y[9] = quarter((std::abs(bL[1]) + std::abs(bA[1]) + std::abs(bL[2]) +
                                std::abs(bA[2])) / 2);
                        y[12] = quarter(0); y[13] = quarter(0); y[14] = quarter(0);
                        simple = units(154 * spread >> 8) + (102 * nw >> 8);
                    } else {
                        simple = (90 * nw + 77 * units(mi) + 64 * units(ma) + 26 * units(std::abs(ols))) >> 8;
                    }
                    auto& size_model = sizes_[cpos];
                    const Int predicted_size = Int{size_model.predict(y)} * 4;
                    const Int E = std::max<Int>(units(predicted_size), 39 * simple / 256 + 3);
                    const int Eq = thirds(E);
                    Int cm = (pl + pa) / 2;
                    if (i == 0 && j > 0) cm = pa;
                    if (j == 0 && i > 0) cm = pl;
                    const Int ols_u = units(ols), cm_u = units(cm), pl_u = units(pl),
                              pa_u = units(pa), lv_u = units(lv), cv_u = units(cv),
                              mi_u = units(mi), ma_u = units(ma);
                    means_ = {ols_u, cm_u, 0, ols_u};
                    const std::array<Scale*, values> scale = {
                        &scales_[0][cpos * steps + static_cast<std::size_t>(Eq)],
                        &scales_[1][cpos * steps + static_cast<std::size_t>(Eq)],
                        &scales_[2][cpos * steps + static_cast<std::size_t>(Eq)],
                        &scales_[3][cc * block_size * steps + static_cast<std::size_t>(Eq)]};
                    for (std::size_t t = 0; t < values; ++t)
                        rates_[t] = (Int{1} << 28) / std::max<Int>(scale[t]->value, 40);  // 1/s 2^-16

                    // Contexts.
                    const int oq = signed_halves(ols_u * 2), cmq = signed_halves(cm_u * 2);
                    const int capped = std::min(nz, 15), place = static_cast<int>(r);
                    const int nwq = halves(nw), miq = halves(mi_u);
                    const auto at = [&](bool ok, std::size_t n) { return ok ? Int{cur[n]} : 0; };
                    const Int n1 = at(j < 7, r + 1), n2 = at(i < 7, r + 8),
                              n3 = at(i < 7 && j < 7, r + 9), n5 = at(i < 6, r + 16),
                              n6 = at(j < 6, r + 2);
                    base_ = static_cast<std::uint64_t>(comp) * 8 + (dc ? 2 : 1);
                    key(0, place, std::min(7, std::abs(L[r])) * 8 + std::min(7, std::abs(A[r])));
                    key(1, place, cmq * 32 + nwq);
                    key(2, place, (within(n1, 3) * 7 + within(n2, 3)) * 7 + within(n3, 3));
                    key(3, place, capped * 64 + (target >> 1));
                    key(4, place, halves(ma_u) * 32 + miq);
                    key(5, place, signed_halves(lv_u) * 64 + signed_halves(cv_u));
                    key(6, place,
                        (within(AL[r], 3) * 7 + within(AR[r], 3)) * 64 + within(LL[r], 2) * 5 +
                            within(AA[r], 2));
                    key(7, place,
                        (signed_halves(lv_u) * 64 + oq) * 64 +
                            (comp > 1 ? within((cv_u + 128) >> 8, 2) : 0));
                    key(8, place, within(prev1, 5) * 11 + within(prev2, 5));
                    int rs = 0, cs = 0;
                    for (std::size_t t = 0; t < 8; ++t) {
                        if (t != j) rs += std::abs(cur[i * 8 + t]);
                        if (t != i) cs += std::abs(cur[t * 8 + j]);
                    }
                    if (dc) rs = thirds(units(spread)), cs = target;
                    key(9, place, std::min(rs, 31) * 32 + std::min(cs, 31));
                    key(10, 0, Eq * 16 + capped);
                    key(11, place, oq * 64 + cmq);
                    key(12, place,
                        (halves(std::abs(lv_u)) * 64 + Eq) * 16 +
                            static_cast<int>(std::min<Int>(15, std::abs(cv_u) >> 7)));
                    key(13, place,
                        within(n6, 2) * 5 + within(n5, 2) + 25 * within(n1, 2) +
                            125 * within(n2, 2) + 625 * nwq);
                    key(14, place, signed_halves(pl_u * 2) * 64 + miq);
                    key(15, place, signed_halves(pa_u * 2) * 64 + miq);
                    const int s1 = std::min(Eq, 40), s2 = std::min(12, halves(std::abs(ols_u)));
                    const int band = dc ? 8 : std::min<int>(7, static_cast<int>(i + j));
                    const int c2 = static_cast<int>(cc), cp = static_cast<int>(cpos);
                    const int mixed5 = ((std::min(12, nwq) * 13 + std::min(12, miq)) * 2 + c2) * 4;
                    const int mixed4 = 256 + (k >> 1) * 64 + (target >> 2) * 4;
                    const int mixed3 = 64 + band * 8 + c2 * 4;
                    parametric_ = true;
                    int value = 0;
                    if (code_.encodes()) value = src[r] - static_cast<int>(off);
                    const std::size_t kind = dc ? 5 : 1;
                    int nonzero_bit = 1;
                    if (k != target || dc) {
                        for (std::size_t t = 0; t < values; ++t)
                            ratio(t, cdf_below(t, 128) - cdf_below(t, -128), 1 << 28, true);
                        sel_ = {256 + cp, 600 + (s1 * 2 + c2) * 3, 600 + (s2 * 16 + capped) * 4,
                                mixed3, mixed4, 330 + mixed5};
                        nonzero_bit = decide(value != 0, 1, comp, kind);
                    }
                    if (nonzero_bit != 0) {
                        for (std::size_t t = 0; t < values; ++t) {
                            const Int a = cdf_below(t, -128), c = (Int{1} << 28) - cdf_below(t, 128);
                            ratio(t, a, a + c, false);
                        }
                        sel_ = {512 + cp, 600 + (s1 * 2 + c2) * 3 + 1,
                                600 + (s2 * 16 + std::min(15, halves(std::abs(cm_u)))) * 4 + 1,
                                mixed3 + 1, mixed4 + 1, 331 + mixed5};
                        const int negative = decide(value < 0, 2, comp, dc ? 5 : 2);
                        const int magnitude = std::abs(value);
                        int e = 1;
                        while (true) {
                            for (std::size_t t = 0; t < values; ++t) {
                                const Int all = tail(t, (1 << (e - 1)), negative);
                                const Int above = tail(t, 1 << e, negative);
                                ratio(t, above, all, false);
                            }
                            const int ee = std::min(e, 3);
                            sel_ = {768 + cp * 4 + ee, 1000 + s1 * 10 + std::min(e, 9),
                                    600 + (s2 * 16 + capped) * 4 + 2 + (e > 1 ? 1 : 0), mixed3 + 2,
                                    mixed4 + 2, 332 + mixed5};
                            if (decide(magnitude >= 1 << e, 2 + 2 * e + negative, comp,
                                       dc ? 5 : 3) == 0)
                                break;
                            if (++e > 15) break;
                        }
                        int low = 1 << (e - 1), high = 1 << e, pre = 1;
                        for (int bit = e - 2; bit >= 0; --bit) {
                            const int middle = low + (1 << bit), depth = e - 2 - bit;
                            for (std::size_t t = 0; t < values; ++t) {
                                const Int beyond = tail(t, high, negative);
                                ratio(t, tail(t, middle, negative) - beyond,
                                      tail(t, low, negative) - beyond, false);
                            }
                            sel_ = {1792 + cp * 4 + std::min(depth, 3),
                                    1500 + s1 * 10 + std::min(e, 9),
                                    1500 + s2 * 16 + std::min(e, 7) * 2 + (depth > 0 ? 1 : 0),
                                    mixed3 + 3, mixed4 + 3, 333 + mixed5};
                            const int one_bit =
                                decide(magnitude >= middle,
                                       100 + (e * 8 + std::min(depth, 3)) * 64 +
                                           (depth < 3 ? pre : 0) + 2048 * negative,
                                       comp, dc ? 5 : 4);
                            (one_bit != 0 ? low : high) = middle;
                            pre = pre * 2 + one_bit;
                        }
                        value = negative != 0 ? -low : low;
                    } else {
                        value = 0;
                    }
                    // Learn.
                    for (std::size_t t = 0; t < values; ++t) {
                        const Int miss = (std::abs(Int{value} * 256 - means_[t]) * 154 >> 4) + 82;
                        Scale& of = *scale[t];
                        const Int rate = std::max<Int>(1311, 65536 / (1 + of.uses));
                        of.value += static_cast<std::int32_t>((miss - of.value) * rate >> 16);
                        if (of.uses < 100) ++of.uses;
                    }
                    const int full = value + static_cast<int>(off);
                    if (full < -32768 || full > 32767)
                        throw std::invalid_argument("a coefficient is out of range");
                    cur[r] = static_cast<std::int16_t>(full);
                    src[r] = cur[r];
                    dcur[r] = static_cast<std::int32_t>(full * qk);
                    const Int weight = E * E;  // 2^-16
                    const Int floor = ((19661 + weight) >> 8) * qk * qk * signed_floor >> 4;
                    signed_model.learn(x, ((Int{dcur[r]} << fraction) - ol) >> 2, signed_rate, (floor >> 4) + 1);
                    size_model.learn(y, (((std::abs(Int{value}) * qk) << fraction) - predicted_size) >> 2,
                                     size_rate, (one * one >> 7) + 1);
                    if (!dc) {
                        prev2 = prev1;
                        prev1 = cur[r];
                        nz += value != 0;
                        sm += std::abs(Int{cur[r]}) * qk;
                    }
                    edge_rows[i] += outside[j] * dcur[r];
                    edge_columns[j] += outside[i] * dcur[r];
                }
                nonzero[b] = static_cast<std::uint8_t>(nz);
                for (std::size_t i = 0; i < 8; ++i) {
                    Int s = 0, t = 0, s7 = 0, t7 = 0;
                    for (std::size_t j = 0; j < 8; ++j) {
                        const Int sign = j % 2 == 0 ? 1 : -1;
                        s += sign * outside[j] * dcur[i * 8 + j];
                        t += sign * outside[j] * dcur[j * 8 + i];
                        s7 += sign * edge[j] * dcur[i * 8 + j];
                        t7 += sign * edge[j] * dcur[j * 8 + i];
                    }
                    right[b][i] = s >> 8; bottom[b][i] = t >> 8; right7[b][i] = s7 >> 8;
                    bottom7[b][i] = t7 >> 8;
                }
            }
        (void)comp3;
    }

    static inline int fdiv = env("FDIV", 1);
    static inline Int signed_rate = env("SR", 300), size_rate = env("ZR", 120), signed_floor = env("SF", 256);

  private:
    static constexpr std::size_t steps = 41;
    struct Scale {
        std::int32_t value;  // 2^-12
        std::int32_t uses;
    };

    void key(std::size_t c, int place, int value) {
        mixer_.keys(0)[c] = hash_word(hash_word(base_ * 64 + c + 1, static_cast<std::uint64_t>(place)),
                                      static_cast<std::uint64_t>(static_cast<std::int64_t>(value)));
    }
    void key(std::size_t c, int value) {
        key(c, 64, value);
    }

    // The distribution function of a prediction at x, 2^-8, in units of 2^-28.
    Int cdf_below(std::size_t t, Int x) const {
        const Int z = std::clamp<Int>(((x - means_[t]) * rates_[t]) >> 12, -65536, 65535);
        return logistic_.squash(static_cast<std::int32_t>(z));
    }
    // The probability of a magnitude of low or more, with that sign.
    Int tail(std::size_t t, int low, int negative) const {
        const Int x = Int{low} * 256 - 128;
        return negative != 0 ? cdf_below(t, -x) : cdf_below(t, 2 * means_[t] - x);
    }
    void ratio(std::size_t t, Int part, Int whole, bool opposite) {
        const Int p = std::clamp<Int>(((part + 1) << 22) / (whole + 2), 420, (1 << 22) - 420);
        const std::int32_t odds = logistic_.stretch(static_cast<std::uint32_t>(p));
        odds_[t] = opposite ? -odds : odds;
    }

    int decide(bool bit, int node, std::size_t comp, std::size_t kind) {
        std::uint32_t* set = mixer_.values(0);
        for (std::size_t m = 0; m < mixers; ++m) set[m] = static_cast<std::uint32_t>(sel_[m]);
        std::int16_t* features = mixer_.features(0);
        Int sum = 0;
        for (std::size_t t = 0; t < values; ++t) {
            const std::int32_t odds = parametric_ ? odds_[t] : 0;
            features[t] = static_cast<std::int16_t>(std::clamp(odds / fdiv, -8192, 8192));
            sum += odds;
        }
        mixer_.begin(1);
        mixer_.start(0);
        mixer_.find(0, 0, static_cast<std::uint32_t>(node));
        mixer_.look(0, 0, 1, static_cast<std::int32_t>(sum / 4));
        mixer_.mix(0, 0);
        const std::int32_t p = mixer_.predict(0, 0);
        const bool coded = code_(bit, p, comp, kind);
        mixer_.learn(0, coded ? 1 : 0);
        return coded ? 1 : 0;
    }

    MixingSettings settings_;
    const LogisticTables& logistic_;
    Code& code_;
    ContextMixer mixer_;
    std::array<Adaptive, most_components * block_size> signed_;
    std::array<Adaptive, most_components * block_size> sizes_;
    std::array<std::array<Scale, most_components * block_size * steps>, values> scales_;
    std::array<Int, values> means_{}, rates_{};
    std::array<std::int32_t, values> odds_{};
    std::array<int, mixers> sel_{};
    bool parametric_ = false;
    std::uint64_t base_ = 0;
};

}  // namespace bitsback::jpeg
