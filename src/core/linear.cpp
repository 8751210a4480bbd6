#include "linear.hpp"

#include <atomic>
#include <cstdlib>
#include <limits>
#include <stdexcept>

#if defined(_MSC_VER) && defined(_M_X64)
#include <intrin.h>
#endif

namespace bitsback {
namespace {

#if defined(__x86_64__) || defined(_M_X64)
#define BITSBACK_X86 1
#endif

#if defined(BITSBACK_X86) && defined(_MSC_VER)
bool bit(int word, int at) { return (word >> at) & 1; }

bool has_avx2(bool want_avx512) {
    int leaf1[4], leaf7[4];
    __cpuid(leaf1, 1);
    if (!bit(leaf1[2], 27)) return false;  // the system saves the wide registers
    const auto saved = _xgetbv(0);
    __cpuidex(leaf7, 7, 0);
    if (!want_avx512) return (saved & 0x06) == 0x06 && bit(leaf7[1], 5);
    return (saved & 0xE6) == 0xE6 && bit(leaf7[1], 16) && bit(leaf7[1], 17) && bit(leaf7[1], 30) &&
           bit(leaf7[1], 31) && bit(leaf7[2], 11);
}
#endif

std::vector<const LinearEngine*> find_engines() {
    std::vector<const LinearEngine*> engines{&linear_scalar};
#if defined(BITSBACK_X86) && defined(_MSC_VER)
    if (has_avx2(false)) engines.push_back(&linear_avx2);
    if (has_avx2(true)) engines.push_back(&linear_avx512);
#elif defined(BITSBACK_X86)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2")) engines.push_back(&linear_avx2);
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512vnni"))
        engines.push_back(&linear_avx512);
#endif
    return engines;
}

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
    throw std::invalid_argument("no such SIMD path here: '" + name + "'; this machine has" + known);
}

std::atomic<const LinearEngine*>& chosen() {
    static std::atomic<const LinearEngine*> engine = [] {
        const char* wanted = std::getenv("BITSBACK_SIMD");
        if (wanted == nullptr || *wanted == 0) return engines().back();
        try {
            return engine_named(wanted);
        } catch (const std::invalid_argument& error) {
            throw SettingError(std::string("BITSBACK_SIMD: ") + error.what());
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
        refuse("the shapes of weight, bias and multiplier do not go together");
    if (shift < 1 || shift > 52) refuse("shift must be from 1 to 52");
    if (low >= high || low < std::numeric_limits<std::int16_t>::min() ||
        high > std::numeric_limits<std::int16_t>::max())
        refuse("clamp must be two increasing numbers of 16 bits");
    if (input_top > 255) refuse("the input must lie in [0, 255]");
    const std::int64_t half = std::int64_t{1} << (shift - 1);
    bool wide = false;
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
        wide = wide ||
               (bound * multiplier[o] + half) >> shift >= std::numeric_limits<std::int32_t>::max();
    }
    const std::size_t padded = (outputs + 63) / 64 * 64;
    bias_.resize(padded);
    multiplier_.resize(padded);
    packed_ = std::make_unique<std::int8_t[]>(engine_->packed_size(inputs, outputs));
    engine_->pack(weight.data(), inputs, outputs, packed_.get());
    layer_ = {packed_.get(), bias_.data(), multiplier_.data(), inputs, outputs, shift, low,
              high,          wide};
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
