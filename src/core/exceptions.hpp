// Numbers that follow a rule, except for some. docs/format.md, A6.3 and A6.10.
#pragma once

#include <cstdint>
#include <span>

namespace bitsback {

class Exceptions {
  public:
    // pairs: how many numbers follow the rule since the exception before, and the exception.
    explicit Exceptions(std::span<const std::uint32_t> pairs) : pairs_(pairs) {}

    // Whether the next number is an exception.
    bool is_next() const { return !pairs_.empty() && pairs_[0] == since_; }

    // The next number. rule: returns it unless it is an exception.
    template <class Rule>
    std::uint32_t next(Rule rule) {
        if (!is_next()) {
            ++since_;
            return rule();
        }
        const std::uint32_t number = pairs_[1];
        pairs_ = pairs_.subspan(2);
        since_ = 0;
        return number;
    }

    bool empty() const { return pairs_.empty(); }

  private:
    std::span<const std::uint32_t> pairs_;
    std::uint32_t since_ = 0;
};

}  // namespace bitsback
