// The kernels of fronts: predictions of pixels, and what the network sees of them.
//
// All of it is internal to the file that includes it, which is compiled for each instruction set.
#pragma once

#include "../lanes.hpp"
#include "contexts.hpp"
#include "kernels.hpp"

namespace bitsback {
namespace {

// The index of a unit: four times its logarithm, with its fraction. It is read off a float, which
// holds a number below 2^24 exactly.
inline Lanes unit_index(Lanes s) {
    return (seen_as<Lanes>(converted<FloatLanes>(s)) >> all(21)) - all(4 * 127);
}
inline Lanes reciprocal_of(Lanes index) {
    const Lanes fraction = index & all(3);
    const Lanes low = chosen(fraction < all(1), all(256), all(205));
    const Lanes high = chosen(fraction < all(3), all(171), all(146));
    return chosen(fraction < all(2), low, high);
}
// floor(d * reciprocal / 256), for differences of 25 bits.
inline Lanes scaled(Lanes d, Lanes reciprocal) {
    return (d >> all(8)) * reciprocal + (((d & all(255)) * reciprocal) >> all(8));
}

inline Lanes normalised(Lanes input, Lanes reciprocal, Lanes half, Lanes shift) {
    return clamped((input * reciprocal + half) >> shift, -1023, 1023);
}

// A prediction by least squares of the pixels from `first` on. deep: whether products are summed in
// two parts.
template <bool deep>
void predict(const FrontSettings& settings, PixelFront& front, size_t first,
             const Lanes (&medians)[3], size_t j) {
    int16_t values[56][width];
    Lanes low = all(0), high = all(0);
    const auto reciprocal = load<Lanes>(front.reciprocal + first);
    const auto half = load<Lanes>(front.half + first), shift = load<Lanes>(front.shift + first);
    const int32_t* weights = front.weights[j] + first;
    size_t inputs = 0;
    for (size_t plane = 0; plane < settings.planes; ++plane) {
        const uint16_t* symbols = front.symbols[plane] + first;
        const uint16_t* places = settings.input[j][plane];
        for (size_t i = 0; i < settings.inputs[j][plane]; ++i, ++inputs) {
            const Lanes input =
                load_symbols(symbols + front.distances[plane][places[i]]) - medians[plane];
            const auto weight = load<Lanes>(weights);
            if constexpr (deep) {
                high = high + (input >> all(8)) * weight;
                low = low + (input & all(255)) * weight;
            } else {
                low = low + input * weight;
            }
            store(values[inputs], converted<WordLanes>(normalised(input, reciprocal, half, shift)));
            weights += front.weight_inputs;
        }
    }
    Lanes prediction = all(256) * medians[0] + ((low + all(8)) >> all(4));
    // Beyond these bounds the prediction is clamped whatever else there is.
    if constexpr (deep) prediction = prediction + clamped(high, -(1 << 26), 1 << 26) * all(16);
    store(front.predictions[j + 1] + first, clamped(prediction, 0, 256 * settings.top));
    lay(values, inputs, front.values[j] + first, front.count - first);
}

// The blend of the predictions by least squares, by how well each did lately. Its doubles are
// integers, and the same on every machine, however it rounds: sums and products are below 2^53, and
// quotients are rounded down. A quotient a / b that is no integer is at least 1 / b from one, and
// its rounding moves it by less, since a has at most 42 bits.
inline Lanes mix(size_t predictors, const Lanes (&recent)[PixelFront::most],
                 const PixelFront& front, size_t first) {
    const auto prediction = [&](size_t j) { return load<Lanes>(front.predictions[j] + first); };
    if (predictors == 1) return prediction(1);
    constexpr int32_t floor = 48;
    Lanes least = recent[1];
    for (size_t j = 2; j <= predictors; ++j) least = least_of(least, recent[j]);
    const DoubleLanes scale = converted<DoubleLanes>(all(256));
    const DoubleLanes scaled = converted<DoubleLanes>(least + all(floor)) * scale;
    Lanes weights = all(0);
    DoubleLanes sum = converted<DoubleLanes>(weights);
    for (size_t j = 1; j <= predictors; ++j) {
        const Lanes share =
            converted<Lanes>(scaled / converted<DoubleLanes>(recent[j] + all(floor)));
        weights = weights + share * share;
        sum = sum + converted<DoubleLanes>(share * share) * converted<DoubleLanes>(prediction(j));
    }
    return converted<Lanes>((sum + converted<DoubleLanes>(weights >> all(1))) /
                            converted<DoubleLanes>(weights));
}

// The pixels from `first` on, as many as there are lanes.
void look_at_lanes(const FrontSettings& settings, PixelFront& front, size_t first, uint8_t* out) {
    const size_t predictors = settings.predictors;
    Lanes medians[3];
    for (size_t plane = 0; plane < settings.planes; ++plane) {
        const auto at = [&](size_t i) {
            return load_symbols(front.symbols[plane] + first +
                                front.distances[plane][settings.median[plane][i]]);
        };
        const Lanes a = at(0), b = at(1), c = at(2);
        medians[plane] = most_of(least_of(a, b), least_of(most_of(a, b), a + b - c));
    }
    store(front.median + first, medians[0]);
    store(front.predictions[0] + first, all(256) * medians[0]);

    // What errors are expected to be.
    Lanes recent[PixelFront::most];
    const size_t kinds = predictors + (predictors == 1 ? 1 : 2);
    for (size_t j = 0; j < kinds; ++j) {
        const auto near = [&](size_t i) {
            return load<Lanes>(front.errors[i] + j * front.error_kinds + first);
        };
        const Lanes nearest = near(0) + near(1);
        recent[j] = (nearest + nearest + near(2) + near(3) + near(4) + near(5) + all(4)) >> all(3);
    }
    store(front.expected + first, recent[kinds - 1]);

    // The units of the least squares and of the network.
    const Lanes normal = unit_index(recent[kinds - 1] + all(64));
    store(front.reciprocal + first, reciprocal_of(normal));
    store(front.shift + first, (normal >> all(2)) - all(4));
    store(front.half + first, all(1) << ((normal >> all(2)) - all(5)));
    const Lanes index = unit_index(recent[kinds - 1] + all(16));
    const Lanes reciprocal = reciprocal_of(index), shift = (index >> all(2)) - all(4);
    for (size_t j = 0; j < predictors; ++j) {
        if (settings.deep)
            predict<true>(settings, front, first, medians, j);
        else
            predict<false>(settings, front, first, medians, j);
    }
    const Lanes blend = mix(predictors, recent, front, first);
    store(front.predictions[PixelFront::blend] + first, blend);

    // The context, for the order of which see docs/model-format.md.
    ContextWriter::Room room;
    ContextWriter contexts(settings, out + first * settings.width, room);
    for (size_t plane = 0; plane < 3; ++plane) {
        if (plane >= settings.planes) {
            for (size_t i = 0; i < settings.window[plane]; ++i) contexts.see(all(0));
            continue;
        }
        const Lanes center = plane == 0 ? blend : load<Lanes>(front.predicted[plane] + first);
        const Lanes base = scaled(all(0) - center, reciprocal);
        const uint16_t* symbols = front.symbols[plane] + first;
        const int32_t* distances = front.distances[plane];
        for (size_t i = 0; i < settings.window[plane]; ++i)
            contexts.see((load_symbols(symbols + distances[i]) * reciprocal + base) >> shift);
    }
    const auto see = [&](Lanes difference) {
        contexts.see(scaled(difference, reciprocal) >> shift);
    };
    for (size_t j = 0; j <= predictors; ++j) see(load<Lanes>(front.predictions[j] + first) - blend);
    for (size_t j = 0; j <= predictors; ++j)
        contexts.put(clamped(all(64) + all(4) * (unit_index(recent[j] + all(16)) - index), 0, 127));
    for (size_t i = 0; i < 4; ++i)
        see(load<Lanes>(front.errors[i] + kinds * front.error_kinds + first));
    see(blend);
    see(all(256 * settings.top) - blend);
    contexts.put(index);
    contexts.put(unit_index(all(4 * (settings.top + 1))));
    contexts.put((blend & all(255)) >> all(1));
    contexts.put(all(static_cast<int32_t>(63 * (settings.planes - 1))));
    contexts.put(all(8) * least_of(load<Lanes>(front.rows + first), all(15)));
    contexts.put(all(8) * least_of(load<Lanes>(front.columns + first), all(15)));
    contexts.finish();
}

void look(const FrontSettings& settings, PixelFront& front, uint8_t* contexts) {
    for (size_t first = 0; first < front.count; first += width)
        look_at_lanes(settings, front, first, contexts);
}

void learn(const FrontSettings& settings, const PixelFront& front, const int32_t* symbols,
           int32_t* errors, int16_t* targets) {
    const size_t predictors = settings.predictors;
    for (size_t first = 0; first < front.count; first += width) {
        const auto symbol = load<Lanes>(symbols + first);
        const auto error = [&](size_t j) {
            return all(256) * symbol - load<Lanes>(front.predictions[j] + first);
        };
        int32_t* out = errors + first;
        const auto put = [&](Lanes of) {
            store(out, of);
            out += front_size;
        };
        for (size_t j = 0; j <= predictors; ++j) put(magnitude(error(j)));
        if (predictors > 1) put(magnitude(error(PixelFront::blend)));
        put(error(PixelFront::blend));
        const auto of = [&](const int32_t* all_of) { return load<Lanes>(all_of + first); };
        store(targets + first,
              converted<WordLanes>(normalised(symbol - of(front.median), of(front.reciprocal),
                                              of(front.half), of(front.shift))));
    }
}

}  // namespace
}  // namespace bitsback
