// Multisets with insertion and removal, and the intervals of picks without replacement.
// docs/format.md, A4.
//
//      members in order    a  b  b  b  c        a pick of b: [floor(1 2^24 / 5), floor(4 2^24 / 5))
//      places              0  1  2  3  4
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "codecs.hpp"
#include "message.hpp"
#include "step.hpp"

namespace bitsback {

inline constexpr std::size_t most_members = std::size_t{1} << max_precision;

// The place of equal members: the number of lesser members, of equal ones, and of all.
struct PlaceInSet {
    std::uint32_t first;
    std::uint32_t count;
    std::uint32_t total;

    Interval interval() const {
        const auto edge = [&](std::uint64_t place) {
            return static_cast<std::uint32_t>((place << max_precision) / total);
        };
        return {edge(first), edge(std::uint64_t{first} + count) - edge(first)};
    }
};

// A multiset of numbers that refer to objects of the caller, ordered by the sign of `compare(a,
// b)`. It is a weight-balanced tree (Adams 1993), so that no order of insertion is slow, and its
// sizes find places. Removed members leave their node.
template <class Compare>
class Multiset {
  public:
    explicit Multiset(Compare compare) : compare_(std::move(compare)) { nodes_.push_back({}); }

    std::uint32_t size() const { return nodes_[root_].members; }

    // Adds a member, and returns its place.
    PlaceInSet insert(std::uint32_t number) {
        require(size() < most_members, "a multiset has at most 2^24 members");
        PlaceInSet place{0, 0, size() + 1};
        root_ = inserted(root_, number, place);
        return place;
    }

    // Calls `visit(number, count)` for all that are equal, in order.
    template <class Visit>
    void each(const Visit& visit) const {
        visit_tree(root_, visit);
    }

    // Removes the member at a place. Returns its number, or that of an equal one.
    std::pair<std::uint32_t, PlaceInSet> take(std::uint32_t at) {
        PlaceInSet place{0, 0, size()};
        std::uint32_t node = root_;
        for (;;) {
            Node& here = nodes_[node];
            --here.members;
            const std::uint32_t less = nodes_[here.left].members;
            if (at < place.first + less) {
                node = here.left;
                continue;
            }
            place.first += less;
            if (at < place.first + here.count) {
                place.count = here.count--;
                return {here.number, place};
            }
            place.first += here.count;
            node = here.right;
        }
    }

  private:
    // Node 0 is the empty tree.
    struct Node {
        std::uint32_t left = 0, right = 0;
        std::uint32_t number = 0;
        std::uint32_t count = 0;    // equal members of this node
        std::uint32_t members = 0;  // in this tree
        std::uint32_t nodes = 0;    // in this tree
    };

    template <class Visit>
    void visit_tree(std::uint32_t node, const Visit& visit) const {
        if (node == 0) return;
        visit_tree(nodes_[node].left, visit);
        visit(nodes_[node].number, nodes_[node].count);
        visit_tree(nodes_[node].right, visit);
    }

    std::uint64_t weight(std::uint32_t node) const { return std::uint64_t{nodes_[node].nodes} + 1; }

    void sum_up(std::uint32_t node) {
        Node& here = nodes_[node];
        const Node &left = nodes_[here.left], &right = nodes_[here.right];
        here.members = left.members + here.count + right.members;
        here.nodes = left.nodes + 1 + right.nodes;
    }

    std::uint32_t inserted(std::uint32_t node, std::uint32_t number, PlaceInSet& place) {
        if (node == 0) {
            nodes_.push_back({0, 0, number, 1, 1, 1});
            place.count = 1;
            return static_cast<std::uint32_t>(nodes_.size() - 1);
        }
        const auto order = compare_(number, nodes_[node].number);
        if (order < 0) {
            const std::uint32_t left = inserted(nodes_[node].left, number, place);
            nodes_[node].left = left;
        } else {
            place.first += nodes_[nodes_[node].left].members;
            if (order == 0) {
                ++nodes_[node].members;
                place.count = ++nodes_[node].count;
                return node;
            }
            place.first += nodes_[node].count;
            const std::uint32_t right = inserted(nodes_[node].right, number, place);
            nodes_[node].right = right;
        }
        return balanced<&Node::left, &Node::right>(balanced<&Node::right, &Node::left>(node));
    }

    // Rebalances a tree whose side `heavy` may outweigh the other one.
    template <std::uint32_t Node::* heavy, std::uint32_t Node::* light>
    std::uint32_t balanced(std::uint32_t node) {
        const std::uint32_t side = nodes_[node].*heavy;
        if (weight(side) > 3 * weight(nodes_[node].*light)) {
            if (weight(nodes_[side].*light) >= 2 * weight(nodes_[side].*heavy))
                nodes_[node].*heavy = raised<light, heavy>(side);
            return raised<heavy, light>(node);
        }
        sum_up(node);
        return node;
    }

    // Rotates the root of the side `from` to the top.
    template <std::uint32_t Node::* from, std::uint32_t Node::* to>
    std::uint32_t raised(std::uint32_t node) {
        const std::uint32_t root = nodes_[node].*from;
        nodes_[node].*from = nodes_[root].*to;
        nodes_[root].*to = node;
        sum_up(node);
        sum_up(root);
        return root;
    }

    Compare compare_;
    std::vector<Node> nodes_;
    std::uint32_t root_ = 0;
};

// Pops picks, removes the picked members and stores their numbers. If it throws, the multiset is
// unchanged.
template <class Compare>
void pop_picks(Message& message, Multiset<Compare>& members, std::span<std::uint32_t> numbers) {
    require(numbers.size() <= members.size(), "the multiset has fewer members");
    std::size_t popped = 0;
    try {
        pop_step(message, max_precision, numbers.size(), [&](std::size_t i, std::uint32_t x) {
            const auto [number, place] = members.take(Uniform(members.size()).find(x));
            numbers[i] = number;
            ++popped;
            return place.interval();
        });
    } catch (...) {
        while (popped > 0) members.insert(numbers[--popped]);
        throw;
    }
}

// Undoes `pop_picks`: adds the members, the last one first, and pushes their picks.
template <class Compare>
void push_picks(Message& message, Multiset<Compare>& members,
                std::span<const std::uint32_t> numbers) {
    require(numbers.size() <= most_members - members.size(), "a multiset has at most 2^24 members");
    push_step(message, max_precision, numbers.size(),
              [&](std::size_t i) { return members.insert(numbers[i]).interval(); });
}

// Concatenated keys of bytes, and the end of each.
struct Keys {
    std::string bytes;
    std::vector<std::size_t> ends;

    void add(std::string_view key) {
        bytes += key;
        ends.push_back(bytes.size());
    }
};

// Members with keys, sorted by the keys.
class KeyedMultiset {
  public:
    KeyedMultiset() : members_(Compare{&keys_}) {}
    KeyedMultiset(const KeyedMultiset&) = delete;
    KeyedMultiset& operator=(const KeyedMultiset&) = delete;

    void add(Keys keys) {
        for (const std::uint32_t number : stored(std::move(keys))) members_.insert(number);
    }
    // The numbers of the members, in the order of their insertion.
    void pop(Message& message, std::span<std::uint32_t> numbers) {
        pop_picks(message, members_, numbers);
    }
    void push(Message& message, Keys keys) {
        push_picks(message, members_, std::span<const std::uint32_t>(stored(std::move(keys))));
    }

    // The total size of all keys.
    std::size_t bytes() const {
        std::size_t size = 0;
        members_.each([&](std::uint32_t number, std::uint32_t count) {
            size += count * keys_[number].size();
        });
        return size;
    }
    // Copies all keys, sorted.
    void copy_keys(std::span<std::uint8_t> out) const {
        auto at = out.begin();
        members_.each([&](std::uint32_t number, std::uint32_t count) {
            for (std::uint32_t i = 0; i < count; ++i) at = std::ranges::copy(keys_[number], at).out;
        });
    }

  private:
    struct Compare {
        const std::vector<std::string_view>* keys;
        int operator()(std::uint32_t a, std::uint32_t b) const {
            return (*keys)[a].compare((*keys)[b]);
        }
    };

    std::vector<std::uint32_t> stored(Keys keys) {
        require(keys.ends.size() <= most_members - members_.size(),
                "a multiset has at most 2^24 members");
        const std::string_view all = chunks_.emplace_back(std::move(keys.bytes));
        std::vector<std::uint32_t> numbers;
        std::size_t start = 0;
        for (const std::size_t end : keys.ends) {
            numbers.push_back(static_cast<std::uint32_t>(keys_.size()));
            keys_.push_back(all.substr(start, end - start));
            start = end;
        }
        return numbers;
    }

    std::deque<std::string> chunks_;  // they never move
    std::vector<std::string_view> keys_;
    Multiset<Compare> members_;
};

}  // namespace bitsback
