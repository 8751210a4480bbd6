// The default floating-point environment of IEEE 754, regardless of a program's settings.
#pragma once

#include <cfenv>

namespace bitsback {

// The arithmetic of least squares: exactly as docs/model-format.md says, or as a machine would that
// gets it wrong. Test vectors are chosen such that each of the latter is found out.
enum class Arithmetic { exact, contracted, upward, downward, toward_zero };

// Rounds to nearest, and flushes nothing to zero, while one of these lives on a thread.
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
