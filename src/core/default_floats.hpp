// Sets the default floating-point environment of IEEE 754, whatever the settings of the calling
// program.
#pragma once

#include <cfenv>

namespace bitsback {

// The arithmetic of least squares: exactly as in docs/model-format.md, or with one of the faults
// that test vectors are chosen to detect.
enum class Arithmetic { exact, contracted, upward, downward, toward_zero };

// While an object lives, its thread rounds to nearest and keeps subnormal numbers.
class DefaultFloats {
  public:
    explicit DefaultFloats(Arithmetic arithmetic = Arithmetic::exact) {
        std::fegetenv(&before_);
        std::fesetenv(FE_DFL_ENV);
        if (arithmetic == Arithmetic::upward) std::fesetround(FE_UPWARD);
        if (arithmetic == Arithmetic::downward) std::fesetround(FE_DOWNWARD);
        if (arithmetic == Arithmetic::toward_zero) std::fesetround(FE_TOWARDZERO);
    }
    ~DefaultFloats() { std::fesetenv(&before_); }
    DefaultFloats(const DefaultFloats&) = delete;
    DefaultFloats& operator=(const DefaultFloats&) = delete;

  private:
    std::fenv_t before_;
};

}  // namespace bitsback
