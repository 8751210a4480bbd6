//! Multisets: the decoder pushes the pick of each member (format.md, A4, and picks in A2).

use std::cmp::Ordering;
use std::ops::Range;

use crate::ans::message::Message;
use crate::foundations::splitmix;

/// The distinct members of a multiset in a treap, a binary search tree balanced by random priorities.
#[derive(Default)]
pub struct Multiset {
    nodes: Vec<Node>,
    root: Option<usize>,
}

struct Node {
    /// An item with the bytes of this member.
    item: usize,
    /// The number of equal members.
    count: u32,
    /// The number of members in the subtree, including this node.
    total: u32,
    priority: u32,
    less: Option<usize>,
    greater: Option<usize>,
}

impl Multiset {
    /// Pushes one step of picks, and adds the members, the last one first.
    pub fn push_picks<'a>(&mut self, items: Range<usize>, message: &mut Message, bytes: impl Fn(usize) -> &'a [u8]) {
        let lanes = message.lanes();
        let first = items.start;
        for item in items.rev() {
            let (less, equal) = self.insert(item, &bytes);
            let total = self.root.map_or(0, |root| u64::from(self.nodes[root].total));
            if u64::from(equal) < total {
                let bound = |a: u32| ((u64::from(a) << 24) / total) as u32;
                let (start, end) = (bound(less), bound(less + equal));
                message.push((item - first) % lanes, start, end - start, 24);
            }
        }
    }

    fn total(&self, node: Option<usize>) -> u32 {
        node.map_or(0, |node| self.nodes[node].total)
    }

    /// Inserts an item. Returns the number of lesser members, and of equal ones, itself included.
    fn insert<'a>(&mut self, item: usize, bytes: &impl Fn(usize) -> &'a [u8]) -> (u32, u32) {
        let new = bytes(item);
        let mut path = Vec::new(); // nodes, and whether the item is less than theirs
        let mut less = 0;
        let mut place = self.root;
        while let Some(node) = place {
            self.nodes[node].total += 1;
            let Node { item, count, less: lower, greater, .. } = self.nodes[node];
            match new.cmp(bytes(item)) {
                Ordering::Less => place = lower,
                Ordering::Greater => {
                    less += self.total(lower) + count;
                    place = greater;
                }
                Ordering::Equal => {
                    self.nodes[node].count += 1;
                    return (less + self.total(lower), count + 1);
                }
            }
            path.push((node, new < bytes(item)));
        }
        let child = self.nodes.len();
        let priority = splitmix::output(1, child as u64);
        self.nodes.push(Node { item, count: 1, total: 1, priority, less: None, greater: None });
        // The new node rotates above the nodes of the path with lower priorities.
        while let Some((parent, is_less)) = path.pop() {
            if is_less {
                self.nodes[parent].less = Some(child);
            } else {
                self.nodes[parent].greater = Some(child);
            }
            if priority <= self.nodes[parent].priority {
                return (less, 1);
            }
            self.rotate(parent, child, is_less);
        }
        self.root = Some(child);
        (less, 1)
    }

    /// Rotates a child above its parent.
    fn rotate(&mut self, parent: usize, child: usize, is_less: bool) {
        let middle = if is_less { self.nodes[child].greater } else { self.nodes[child].less };
        let total = self.nodes[parent].total;
        let kept = total - self.nodes[child].total;
        if is_less {
            self.nodes[parent].less = middle;
            self.nodes[child].greater = Some(parent);
        } else {
            self.nodes[parent].greater = middle;
            self.nodes[child].less = Some(parent);
        }
        self.nodes[parent].total = kept + self.total(middle);
        self.nodes[child].total = total;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_those_of_a_sorted_list() {
        let items: Vec<Vec<u8>> = (0..500u64).map(|i| vec![(splitmix::output(7, i) % 90) as u8]).collect();
        let mut set = Multiset::default();
        let mut list: Vec<u8> = Vec::new();
        for (i, item) in items.iter().enumerate() {
            list.push(item[0]);
            let less = list.iter().filter(|&&other| other < item[0]).count() as u32;
            let equal = list.iter().filter(|&&other| other == item[0]).count() as u32;
            assert_eq!(set.insert(i, &|i| &items[i][..]), (less, equal));
            assert_eq!(set.total(set.root), list.len() as u32);
        }
    }
}
