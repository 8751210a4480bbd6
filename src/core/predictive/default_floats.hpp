// Floating-point arithmetic as IEEE 754 has it by default, whatever a program has made of it.
#pragma once

#include <cfenv>

namespace bitsback {

// Rounds to nearest, and flushes nothing to zero, while one of these lives on a thread.
class DefaultFloats {
  public:
    DefaultFloats() {
        std::fegetenv(&before_);
        std::fesetenv(FE_DFL_ENV);
    }
    ~DefaultFloats() { std::fesetenv(&before_); }
    DefaultFloats(const DefaultFloats&) = delete;
    DefaultFloats& operator=(const DefaultFloats&) = delete;

  private:
    std::fenv_t before_;
};

}  // namespace bitsback
