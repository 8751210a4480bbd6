// The ANS message: heads and a tail. Implements the message of docs/format.md.
//
//      head i    64 bits, in [2^32, 2^64)
//      tail      ... w w w  <- top, words of 32 bits that all heads share
//
// Below its stored words a tail ends (it is finite), or continues with the implicit tail, fixed
// pseudo-random words. `depth` of these have been read; a finite tail has no depth.
#pragma once

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace bitsback {

inline constexpr std::uint64_t head_floor = std::uint64_t{1} << 32;
inline constexpr unsigned max_precision = 24;
inline constexpr std::size_t max_lanes = 64;
inline constexpr std::uint64_t max_depth = std::uint64_t{1} << 62;

struct MessageError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

struct MessageExhausted : MessageError {
    MessageExhausted()
        : MessageError(
              "the message is exhausted: its finite tail holds fewer bits than this pop needs") {}
};

// Output k of SplitMix64 with the state `seed`.
inline std::uint64_t splitmix64(std::uint64_t seed, std::uint64_t k) {
    std::uint64_t x = seed + (k + 1) * 0x9E3779B97F4A7C15u;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

inline std::uint32_t implicit_word(std::uint64_t k) {
    return static_cast<std::uint32_t>(splitmix64(0, k) >> 32);
}

// The lock of a message. One thread holds it, and may lock it again, except while the content of
// the message is lent to another one. A copy of the message is unlocked.
class ThreadLock {
  public:
    ThreadLock() = default;
    ThreadLock(const ThreadLock&) noexcept {}
    ThreadLock(ThreadLock&&) noexcept {}
    ThreadLock& operator=(const ThreadLock&) noexcept { return *this; }
    ThreadLock& operator=(ThreadLock&&) noexcept { return *this; }

    bool try_lock() {
        const std::thread::id self = std::this_thread::get_id();
        std::thread::id nobody;
        if (owner_.load(std::memory_order_relaxed) != self) {
            if (!owner_.compare_exchange_strong(nobody, self, std::memory_order_acquire))
                return false;
        } else if (lent_) {
            return false;
        }
        ++times_;
        return true;
    }
    void unlock() {
        if (--times_ == 0) owner_.store({}, std::memory_order_release);
    }
    bool is_mine() const {
        return owner_.load(std::memory_order_relaxed) == std::this_thread::get_id();
    }

    // Call this only from the thread that holds the message.
    void lend(bool lent) { lent_ = lent; }

  private:
    std::atomic<std::thread::id> owner_{};
    std::size_t times_ = 0;
    bool lent_ = false;
};

class Message {
  public:
    // A scoped lock. Throws if another thread holds the message, since two threads would corrupt
    // it.
    class Hold {
      public:
        explicit Hold(const Message& message) : lock_(message.lock_) { lock(message); }
        ~Hold() { lock_.unlock(); }
        Hold(const Hold&) = delete;
        Hold& operator=(const Hold&) = delete;

      private:
        ThreadLock& lock_;
    };

    // The same lock, until the thread calls unlock.
    static void lock(const Message& message) {
        if (!message.lock_.try_lock())
            throw MessageError("two threads use a message at the same time; give each its own");
    }
    static void unlock(const Message& message) {
        if (!message.lock_.is_mine())
            throw MessageError("a thread releases a message that it does not hold");
        message.lock_.unlock();
    }

    Message(std::vector<std::uint64_t> heads, std::span<const std::uint32_t> tail,
            std::optional<std::uint64_t> depth)
        : heads_(std::move(heads)),
          words_(tail.begin(), tail.end()),
          top_(words_.size()),
          depth_(depth) {
        if (heads_.empty() || heads_.size() > max_lanes)
            throw MessageError("a message has 1 to 64 heads, not " + std::to_string(heads_.size()));
        for (std::uint64_t head : heads_)
            if (head < head_floor) throw MessageError("a head of the message is below 2^32");
        if (depth_ && *depth_ > max_depth) throw MessageError("the depth is above 2^62");
        settle();
        begin();
    }

    static Message empty(std::size_t lanes, std::uint64_t depth) {
        return {std::vector<std::uint64_t>(std::min(lanes, max_lanes + 1), head_floor), {}, depth};
    }

    // A message for measuring costs: a push appends the frequency of each symbol out of
    // 2^max_precision to the tail, and codes nothing.
    static Message recorder() {
        Message message = {{head_floor}, {}, std::nullopt};
        message.records_ = true;
        return message;
    }
    bool records() const { return records_; }

    // A message of random bits, for sampling: heads with uniformly distributed logarithms, and the
    // implicit tail from a random place on.
    static Message random(std::uint64_t seed, std::size_t lanes) {
        Message message = empty(lanes, splitmix64(seed, 0) >> 3);
        for (std::size_t i = 0; i < lanes; ++i)
            message.heads_[i] = (splitmix64(seed, 2 * i + 1) | std::uint64_t{1} << 63) >>
                                (splitmix64(seed, 2 * i + 2) >> 59);
        message.begin();
        return message;
    }

    std::span<std::uint64_t> heads() { return heads_; }
    std::span<const std::uint64_t> heads() const { return heads_; }
    std::span<const std::uint32_t> tail() const {
        return {words_.data() + bottom_, top_ - bottom_};
    }
    std::optional<std::uint64_t> depth() const { return depth_; }
    std::size_t lanes() const { return heads_.size(); }

    // log2 of the heads, plus 32 per stored word. For display only.
    double bits() const {
        double bits = 32.0 * static_cast<double>(tail().size());
        for (std::uint64_t head : heads_) bits += std::log2(static_cast<double>(head));
        return bits;
    }
    // The growth of `bits` since `begin`, minus 32 per word that was read from the implicit tail.
    // Unsigned subtraction of depths is exact modulo 2^64.
    double net_bits() const {
        const std::int64_t borrowed =
            static_cast<std::int64_t>(depth_.value_or(0) - depth_at_first_);
        return bits() - bits_at_first_ - 32.0 * static_cast<double>(borrowed);
    }

    bool operator==(const Message& other) const {
        return heads_ == other.heads_ && depth_ == other.depth_ &&
               std::ranges::equal(tail(), other.tail());
    }

    // Runs `steps(work)` on a copy, which then replaces the message. If it throws, the message is
    // unchanged. The thread holds the message throughout.
    template <class Steps>
    void transaction(Steps&& steps) {
        const Hold hold(*this);
        Message work = *this;
        steps(work);
        *this = std::move(work);
    }
    // The same if `kept`. Otherwise `steps` changes the message itself, and an exception leaves it
    // invalid.
    template <class Steps>
    void transaction(Steps&& steps, bool kept) {
        if (kept) return transaction(steps);
        const Hold hold(*this);
        steps(*this);
    }

    // Runs `step(heads, top)`, which pushes at most `count` words and returns the new top. It may
    // write one word above the new top.
    template <class Step>
    void push_step(std::size_t count, Step&& step) {
        const Hold hold(*this);
        if (words_.size() < top_ + count + 1)
            words_.resize(std::max(top_ + count + 1, 2 * words_.size()));
        std::uint32_t* begin = words_.data();
        top_ = static_cast<std::size_t>(step(heads_.data(), begin + top_) - begin);
        settle();
    }

    // Runs `step(heads, top)`, which pops at most `count` words and returns the new top. It may
    // read one word more. If a finite tail runs out, this throws and restores the heads, the only
    // part that pops write.
    template <class Step>
    void pop_step(std::size_t count, Step&& step) {
        const Hold hold(*this);
        const std::size_t stored = top_ - bottom_;
        const std::size_t borrowed = stored < count + 1 ? count + 1 - stored : 0;
        extend_down(borrowed);
        const std::vector<std::uint64_t> before = depth_ ? std::vector<std::uint64_t>{} : heads_;
        const std::size_t top_before = top_;
        const std::uint32_t* begin = words_.data();
        top_ = static_cast<std::size_t>(step(heads_.data(), begin + top_) - begin);
        if (depth_) {
            settle();
            return;
        }
        bottom_ += borrowed;
        if (top_ < bottom_) {
            top_ = top_before;
            heads_ = before;
            throw MessageExhausted();
        }
    }

    std::vector<std::uint8_t> to_bytes() const {
        std::vector<std::uint8_t> bytes{static_cast<std::uint8_t>(heads_.size())};
        std::uint64_t rest = depth_ ? *depth_ + 1 : 0;
        for (; rest >= 128; rest >>= 7) bytes.push_back(static_cast<std::uint8_t>(rest | 128));
        bytes.push_back(static_cast<std::uint8_t>(rest));
        bytes.reserve(bytes.size() + 8 * heads_.size() + 4 * tail().size());
        for (std::uint64_t head : heads_)
            for (unsigned shift = 0; shift < 64; shift += 8)
                bytes.push_back(static_cast<std::uint8_t>(head >> shift));
        for (std::uint32_t word : tail())
            for (unsigned shift = 0; shift < 32; shift += 8)
                bytes.push_back(static_cast<std::uint8_t>(word >> shift));
        return bytes;
    }

    static Message from_bytes(std::span<const std::uint8_t> bytes) {
        std::size_t at = 1;
        const std::size_t lanes = bytes.empty() ? 0 : bytes[0];
        if (lanes == 0 || lanes > max_lanes)
            throw MessageError("invalid message bytes: 1 to 64 lanes expected");
        std::uint64_t rest = 0;
        for (unsigned shift = 0;; shift += 7) {
            if (at >= bytes.size() || shift > 56)
                throw MessageError("invalid message bytes: bad depth");
            const std::uint64_t byte = bytes[at++];
            rest |= (byte & 127) << shift;
            if (byte < 128) {
                if (byte == 0 && shift > 0) throw MessageError("invalid message bytes: bad depth");
                break;
            }
        }
        if (bytes.size() < at + 8 * lanes || (bytes.size() - at) % 4 != 0)
            throw MessageError("invalid message bytes: cut short");
        auto read = [&](unsigned width) {
            std::uint64_t value = 0;
            for (unsigned i = 0; i < width; ++i) value |= std::uint64_t{bytes[at++]} << (8 * i);
            return value;
        };
        std::vector<std::uint64_t> heads(lanes);
        for (auto& head : heads) head = read(8);
        std::vector<std::uint32_t> tail((bytes.size() - at) / 4);
        for (auto& word : tail) word = static_cast<std::uint32_t>(read(4));
        const auto depth = rest == 0 ? std::nullopt : std::optional<std::uint64_t>(rest - 1);
        Message message(std::move(heads), tail, depth);
        if (message.depth_ != depth)
            throw MessageError("invalid message bytes: the depth is not the least possible");
        return message;
    }

    // Runs `step(part)` on a message with some of the heads and the whole tail. Changes remain even
    // if it throws.
    template <class Step>
    void on_lanes(std::span<const std::size_t> lanes, Step&& step) {
        const Hold hold(*this);
        std::vector<std::uint64_t> heads;
        std::vector<bool> used(heads_.size());
        for (std::size_t lane : lanes) {
            if (lane >= heads_.size())
                throw MessageError("there is no lane " + std::to_string(lane) +
                                   " in a message of " + std::to_string(heads_.size()));
            if (used[lane])
                throw MessageError("the lane " + std::to_string(lane) + " is named twice");
            used[lane] = true;
            heads.push_back(heads_[lane]);
        }
        Message part(std::move(heads), {}, depth_);
        part.exchange_tail(*this);
        lock_.lend(true);
        part.begin();
        try {
            step(part);
        } catch (...) {
            take_back(part, lanes);
            throw;
        }
        take_back(part, lanes);
    }

  private:
    // Makes `net_bits` count from now on.
    void begin() {
        bits_at_first_ = bits();
        depth_at_first_ = depth_.value_or(0);
    }

    void exchange_tail(Message& other) {
        std::swap(words_, other.words_);
        std::swap(bottom_, other.bottom_);
        std::swap(top_, other.top_);
        std::swap(depth_, other.depth_);
    }

    void take_back(Message& part, std::span<const std::size_t> lanes) {
        lock_.lend(false);
        exchange_tail(part);
        for (std::size_t i = 0; i < lanes.size(); ++i) heads_[lanes[i]] = part.heads_[i];
    }

    // Adds `count` words below the stored ones: from the implicit tail, or zeros below a finite
    // tail, which the caller removes.
    void extend_down(std::size_t count) {
        if (count == 0) return;
        if (depth_ && count > max_depth - *depth_) throw MessageError("the depth is above 2^62");
        if (bottom_ < count) {
            const std::size_t space = count + (top_ - bottom_);
            std::vector<std::uint32_t> wider(space + top_ - bottom_ + 1);
            std::copy(words_.begin() + static_cast<std::ptrdiff_t>(bottom_),
                      words_.begin() + static_cast<std::ptrdiff_t>(top_),
                      wider.begin() + static_cast<std::ptrdiff_t>(space));
            top_ = space + (top_ - bottom_);
            bottom_ = space;
            words_ = std::move(wider);
        }
        for (std::size_t i = 0; i < count; ++i)
            words_[--bottom_] = depth_ ? implicit_word((*depth_)++) : 0;
    }

    // Drops stored words that equal the implicit tail, so that the depth of an infinite tail is
    // minimal.
    void settle() {
        if (!depth_) return;
        while (*depth_ > 0 && bottom_ < top_ && words_[bottom_] == implicit_word(*depth_ - 1)) {
            ++bottom_;
            --*depth_;
        }
    }

    std::vector<std::uint64_t> heads_;
    std::vector<std::uint32_t> words_;  // the tail is words_[bottom_ .. top_)
    std::size_t bottom_ = 0;
    std::size_t top_ = 0;
    std::optional<std::uint64_t> depth_;
    bool records_ = false;
    double bits_at_first_ = 0;
    std::uint64_t depth_at_first_ = 0;
    mutable ThreadLock lock_;
};

}  // namespace bitsback
