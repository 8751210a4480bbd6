// The algorithms by which encoders compute lengths of code words from counts of symbols.
// docs/format.md, A6.8.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

namespace bitsback::deflate {

using Counts = std::span<const std::uint32_t>;

// Shortens the code to its length limit: moves words of the longest length below shorter ones, two
// at a time, until `over` are gone.
inline void shorten(std::vector<std::uint32_t>& words, int over) {
    const std::size_t most = words.size() - 1;
    for (; over > 0; over -= 2) {
        std::size_t bits = most - 1;
        while (words[bits] == 0) --bits;
        --words[bits];
        words[bits + 1] += 2;
        --words[most];
    }
}

// zlib's build_tree (trees.c): a heap, with ties resolved by the smaller depth.
inline std::vector<std::uint8_t> zlib_lengths(Counts counts, unsigned most) {
    const std::size_t n = counts.size();
    std::vector<std::uint32_t> weight(counts.begin(), counts.end());
    weight.resize(2 * n + 1);
    std::vector<std::uint16_t> depth(2 * n + 1), parent(2 * n + 1), order, heap(1);  // from 1 on
    int top = -1;
    const auto add = [&](int symbol) { heap.push_back(static_cast<std::uint16_t>(symbol)); };
    for (int i = 0; i < static_cast<int>(n); ++i)
        if (weight[i] != 0) add(top = i);
    for (; heap.size() < 3; weight[heap.back()] = 1) add(top < 2 ? ++top : 0);
    const auto less = [&](unsigned a, unsigned b) {
        return weight[a] < weight[b] || (weight[a] == weight[b] && depth[a] <= depth[b]);
    };
    const auto sink = [&](std::size_t k) {
        const std::uint16_t value = heap[k];
        for (std::size_t j = 2 * k; j < heap.size(); k = j, j *= 2) {
            if (j + 1 < heap.size() && less(heap[j + 1], heap[j])) ++j;
            if (less(value, heap[j])) break;
            heap[k] = heap[j];
        }
        heap[k] = value;
    };
    for (std::size_t k = (heap.size() - 1) / 2; k > 0; --k) sink(k);
    for (std::size_t node = n; heap.size() > 2; ++node) {
        order.push_back(heap[1]);
        heap[1] = heap.back();
        heap.pop_back();
        sink(1);
        order.push_back(heap[1]);
        const std::uint16_t a = order[order.size() - 2], b = order.back();
        weight[node] = weight[a] + weight[b];
        depth[node] = static_cast<std::uint16_t>(std::max(depth[a], depth[b]) + 1);
        parent[a] = parent[b] = heap[1] = static_cast<std::uint16_t>(node);
        sink(1);
    }
    std::vector<std::uint8_t> length(2 * n + 1);
    std::vector<std::uint32_t> words(most + 1);
    int over = 0;
    for (auto node = order.rbegin(); node != order.rend(); ++node) {
        const unsigned bits = length[parent[*node]] + 1u;
        over += bits > most ? 1 : 0;
        length[*node] = static_cast<std::uint8_t>(std::min(bits, most));
        if (*node < n) ++words[length[*node]];
    }
    if (over > 0) {
        shorten(words, over);
        auto symbol = order.begin();
        for (unsigned bits = most; bits > 0; --bits)
            for (std::uint32_t left = words[bits]; left > 0; ++symbol)
                if (*symbol < n) length[*symbol] = static_cast<std::uint8_t>(bits), --left;
    }
    length.resize(n);
    return length;
}

// The algorithm of libdeflate (deflate_compress.c): two queues, with ties resolved in favour of
// leaves.
inline std::vector<std::uint8_t> sorted_lengths(Counts counts, unsigned most) {
    std::vector<std::uint8_t> length(counts.size());
    std::vector<std::uint16_t> leaves;
    for (std::size_t i = 0; i < counts.size(); ++i)
        if (counts[i] != 0) leaves.push_back(static_cast<std::uint16_t>(i));
    if (leaves.size() < 2) {
        const std::size_t only = leaves.empty() ? 0 : leaves[0];
        length[only] = length[only == 0 ? 1 : 0] = 1;
        return length;
    }
    std::stable_sort(leaves.begin(), leaves.end(),
                     [&](auto a, auto b) { return counts[a] < counts[b]; });
    std::vector<std::uint32_t> weight;
    std::vector<std::size_t> parent(leaves.size() - 1);
    std::size_t leaf = 0, inner = 0;
    while (weight.size() + 1 < leaves.size()) {
        std::uint32_t sum = 0;
        for (int child = 0; child < 2; ++child) {
            if (leaf < leaves.size() &&
                (inner == weight.size() || counts[leaves[leaf]] <= weight[inner])) {
                sum += counts[leaves[leaf++]];
            } else {
                parent[inner] = weight.size();
                sum += weight[inner++];
            }
        }
        weight.push_back(sum);
    }
    // From the root down, each inner node replaces one word by two.
    std::vector<std::uint32_t> words(most + 1);
    std::vector<std::uint16_t> depth(weight.size());
    words[1] = 2;
    for (std::size_t node = weight.size() - 1; node-- > 0;) {
        depth[node] = static_cast<std::uint16_t>(depth[parent[node]] + 1);
        unsigned bits = depth[node];
        if (bits >= most)
            for (bits = most - 1; words[bits] == 0;) --bits;
        --words[bits];
        words[bits + 1] += 2;
    }
    auto symbol = leaves.begin();
    for (unsigned bits = most; bits > 0; --bits)
        for (std::uint32_t left = words[bits]; left > 0; --left)
            length[*symbol++] = static_cast<std::uint8_t>(bits);
    return length;
}

}  // namespace bitsback::deflate
