#include "linear.hpp"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <initializer_list>
#include <limits>
#include <stdexcept>

#if defined(_M_X64)
#include <intrin.h>
#elif defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

namespace bitsback {
namespace {

#if defined(__x86_64__) || defined(_M_X64)
// The result of cpuid: registers a, b, c and d of a leaf; zeros for an unknown leaf.
struct Cpuid {
    unsigned a = 0, b = 0, c = 0, d = 0;

    Cpuid(unsigned leaf, unsigned part) {
#if defined(_MSC_VER)
        int registers[4];
        __cpuid(registers, 0);
        if (static_cast<unsigned>(registers[0]) < leaf) return;
        __cpuidex(registers, static_cast<int>(leaf), static_cast<int>(part));
        a = registers[0], b = registers[1], c = registers[2], d = registers[3];
#else
        __get_cpuid_count(leaf, part, &a, &b, &c, &d);
#endif
    }
};

// The registers that the system saves.
std::uint64_t saved_registers() {
#if defined(_MSC_VER)
    return _xgetbv(0);
#else
    std::uint32_t low, high;
    asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return std::uint64_t{high} << 32 | low;
#endif
}

// The engines that the processor and the operating system support, the fastest last.
std::vector<const LinearEngine*> find_engines() {
    std::vector<const LinearEngine*> engines{&linear_scalar};
    const auto all = [](unsigned word, std::initializer_list<unsigned> bits) {
        return std::ranges::all_of(bits, [&](unsigned bit) { return word >> bit & 1; });
    };
    if (!all(Cpuid(1, 0).c, {27})) return engines;  // OSXSAVE: xgetbv exists
    const Cpuid seven(7, 0);
    const std::uint64_t saved = saved_registers();
    if ((saved & 0x06) != 0x06 || !all(seven.b, {5, 8})) return engines;  // AVX2 and BMI2
    engines.push_back(&linear_avx2);
    if (seven.a >= 1 && all(Cpuid(7, 1).a, {4})) engines.push_back(&linear_avxvnni);
    // AVX512 F, DQ, BW and VL, and VNNI
    if ((saved & 0xE6) == 0xE6 && all(seven.b, {16, 17, 30, 31}) && all(seven.c, {11})) {
        engines.push_back(&linear_avx512vl);
        engines.push_back(&linear_avx512);
    }
    return engines;
}
#elif defined(__aarch64__)
bool has_dotprod() {
#if defined(__linux__)
    return (getauxval(AT_HWCAP) & (1u << 20)) != 0;  // HWCAP_ASIMDDP
#elif defined(__APPLE__)
    return true;  // every Apple processor that runs macOS has it
#else
    return false;
#endif
}

std::vector<const LinearEngine*> find_engines() {
    std::vector<const LinearEngine*> engines{&linear_scalar, &linear_neon};
    if (has_dotprod()) engines.push_back(&linear_dotprod);
    return engines;
}
#else
std::vector<const LinearEngine*> find_engines() { return {&linear_scalar}; }
#endif

const std::vector<const LinearEngine*>& engines() {
    static const auto found = find_engines();
    return found;
}

const LinearEngine* engine_named(const std::string& name) {
    std::string known;
    for (const LinearEngine* engine : engines()) {
        if (name == engine->name) return engine;
        known += std::string(" ") + engine->name;
    }
    throw UnknownSimdPath("no such SIMD path here: '" + name + "'; this machine has" + known);
}

std::atomic<const LinearEngine*>& chosen() {
    static std::atomic<const LinearEngine*> engine = [] {
        const char* wanted = std::getenv("BITSBACK_SIMD");
        if (wanted == nullptr || *wanted == 0) return engines().back();
        try {
            return engine_named(wanted);
        } catch (const UnknownSimdPath& error) {
            throw UnknownSimdPath("BITSBACK_SIMD: " + std::string(error.what()));
        }
    }();
    return engine;
}

}  // namespace

std::vector<std::string> simd_paths() {
    std::vector<std::string> names;
    for (const LinearEngine* engine : engines()) names.emplace_back(engine->name);
    return names;
}

std::string simd_path() { return chosen().load()->name; }

void set_simd_path(const std::string& name) { chosen() = engine_named(name); }

Linear::Linear(std::span<const std::int8_t> weight, std::span<const std::int32_t> bias,
               std::span<const std::int32_t> multiplier, std::size_t inputs, unsigned shift,
               std::int32_t low, std::int32_t high, std::uint32_t input_top)
    : bias_(bias.begin(), bias.end()),
      multiplier_(multiplier.begin(), multiplier.end()),
      engine_(chosen()),
      input_top_(input_top) {
    const std::size_t outputs = bias.size();
    auto refuse = [](const std::string& what) { throw std::invalid_argument(what); };
    if (inputs == 0 || outputs == 0 || weight.size() != inputs * outputs ||
        multiplier.size() != outputs)
        refuse("the shapes of weight, bias and multiplier do not match");
    if (shift < 1 || shift > 52) refuse("shift must be from 1 to 52");
    if (low >= high || low < std::numeric_limits<std::int16_t>::min() ||
        high > std::numeric_limits<std::int16_t>::max())
        refuse("clamp must be two increasing numbers of 16 bits");
    if (input_top > 255) refuse("the input must lie in [0, 255]");
    const std::int64_t half = std::int64_t{1} << (shift - 1);
    std::int64_t largest = 0;
    for (std::size_t o = 0; o < outputs; ++o) {
        std::int64_t bound = 0;
        for (std::size_t i = 0; i < inputs; ++i)
            bound += weight[o * inputs + i] < 0 ? -weight[o * inputs + i] : weight[o * inputs + i];
        bound = bound * input_top + (bias[o] < 0 ? -std::int64_t{bias[o]} : bias[o]);
        if (bound >= std::int64_t{1} << 31)
            refuse("output " + std::to_string(o) + " could leave 32 bits");
        if (multiplier[o] < 1) refuse("multiplier " + std::to_string(o) + " is below 1");
        // bound < 2^31 and multiplier < 2^31: this product is below 2^62.
        if (bound * multiplier[o] + half >= std::int64_t{1} << 53)
            refuse("output " + std::to_string(o) + " could leave 53 bits when requantised");
        largest = std::max(largest, bound);
    }
    const std::size_t padded = (outputs + 63) / 64 * 64;
    bias_.resize(padded);
    multiplier_.resize(padded);
    const LinearWeights weights{weight.data(), inputs, outputs, input_top};
    const std::size_t size = engine_->packed_size(weights);
    packed_.reset(static_cast<std::int8_t*>(::operator new(size, packed_alignment)));
    engine_->pack(weights, packed_.get());
    layer_ = {
        packed_.get(), bias_.data(), multiplier_.data(),       inputs, outputs, input_top, shift,
        low,           high,         high_word(largest, shift)};
}

// Both factors are shifted to the left until `shift` is 33 or more: then the added half has no low
// word, and the low word of the product does not matter. The factors still fit into 32 bits, so
// |product| < 2^62.
LinearHighWord Linear::high_word(std::int64_t largest_accumulator, unsigned shift) {
    const auto headroom = [](std::int64_t largest) {
        unsigned bits = 0;
        while ((largest << (bits + 1)) < std::int64_t{1} << 31 && bits < 31) ++bits;
        return bits;
    };
    const unsigned missing = shift < 33 ? 33 - shift : 0;
    const unsigned raise = std::min(missing, headroom(*std::ranges::max_element(multiplier_)));
    const unsigned lift = missing - raise;
    high_multiplier_ = multiplier_;
    for (std::int32_t& multiplier : high_multiplier_) multiplier <<= raise;
    return {lift <= headroom(largest_accumulator), high_multiplier_.data(),
            std::int32_t{1} << (shift + missing - 33), shift + missing - 32, lift};
}

void Linear::run(const std::uint8_t* in, std::size_t rows, void* out) const {
    if (byte_output())
        engine_->run_8(layer_, in, rows, static_cast<std::uint8_t*>(out));
    else
        engine_->run_16(layer_, in, rows, static_cast<std::int16_t*>(out));
}

void Linear::run_sum(const std::uint8_t* in, std::size_t rows, const LinearSum& sum,
                     std::uint8_t* out) const {
    engine_->run_sum(layer_, in, rows, sum, out);
}

}  // namespace bitsback
