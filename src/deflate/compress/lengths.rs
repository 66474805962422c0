//! The choice of code lengths: Huffman's algorithm, limited to the length that DEFLATE allows.
//!
//! Huffman's algorithm joins the two rarest of all symbols and groups to a group, until one is left. The code length of a
//! symbol is the number of groups it became part of. With sorted symbols no heap is needed: groups are made in order of
//! their weight, so the rarest is at the front of one of two queues.
//!
//! A code may exceed the limit (15 bits, or 7). Then the *number* of codes of each length is corrected, and the lengths are
//! assigned again, the longest to the rarest symbols.

use crate::deflate::format::LITERAL_SYMBOLS;

const NODES: usize = 2 * LITERAL_SYMBOLS;

/// Sets `lengths` for symbols of the given `frequencies`; none exceeds `longest`.
///
/// The code is always complete: if fewer than two symbols occur, others get one bit, so that every reader accepts the code.
/// The sum of all frequencies must be below 2^23.
// `frequencies` has at most 286 elements, as `sorted`; lengths are at most 15.
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]
pub(crate) fn build_code_lengths(frequencies: &[u32], longest: usize, lengths: &mut [u8]) {
    lengths.fill(0);
    let mut sorted = [0u32; LITERAL_SYMBOLS];
    let mut n = 0;
    for (symbol, &frequency) in frequencies.iter().enumerate() {
        if frequency > 0 {
            sorted[n] = frequency << 9 | symbol as u32;
            n += 1;
        }
    }
    let sorted = &mut sorted[..n];
    if n < 2 {
        let symbol = sorted.first().map_or(0, |packed| (packed & 0x1ff) as usize);
        lengths[symbol] = 1;
        lengths[usize::from(symbol == 0)] = 1;
        return;
    }
    sorted.sort_unstable();
    let mut count = huffman_depths(sorted, longest);
    limit_lengths(&mut count, longest);
    let mut rarest_first = sorted.iter();
    for length in (1..=longest).rev() {
        for packed in rarest_first.by_ref().take(count[length] as usize) {
            lengths[(packed & 0x1ff) as usize] = length as u8;
        }
    }
}

/// Number of codes of each length after Huffman's algorithm; longer ones count as `longest`.
// `sorted` has 2 to 286 elements, and nodes are fewer than twice as many. Each weight is part of a sum below 2^23.
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]
fn huffman_depths(sorted: &[u32], longest: usize) -> [u32; 16] {
    let n = sorted.len();
    let root = 2 * n - 2;
    let (mut weight, mut parent) = ([0u32; NODES], [0u16; NODES]);
    for (weight, packed) in weight.iter_mut().zip(sorted) {
        *weight = packed >> 9;
    }
    let (mut symbol, mut group) = (0, n);
    for new in n..=root {
        for _ in 0..2 {
            let rarest = if symbol < n && (group == new || weight[symbol] <= weight[group]) {
                symbol += 1;
                symbol - 1
            } else {
                group += 1;
                group - 1
            };
            weight[new] += weight[rarest];
            parent[rarest] = new as u16;
        }
    }
    // From the root down, each node is one deeper than its parent. The depths replace the weights, which are not needed
    // any more.
    let (depth, mut count) = (&mut weight, [0; 16]);
    depth[root] = 0;
    for node in (0..root).rev() {
        depth[node] = depth[usize::from(parent[node])] + 1;
        if node < n {
            count[(depth[node] as usize).min(longest)] += 1;
        }
    }
    count
}

/// Changes the counts to those of a complete code. The limit has left too many codes of the maximum length, so the code is
/// over-subscribed. In one step, a shorter code becomes the prefix of two, and one of these replaces a code of the maximum
/// length. That reduces the sum by one unit.
// `longest` is at most 15. A count is reduced where it is above zero; the code has codes of the maximum length.
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
fn limit_lengths(count: &mut [u32; 16], longest: usize) {
    let used: u32 = (1..=longest).map(|length| count[length] << (longest - length)).sum();
    for _ in 0..used.saturating_sub(1 << longest) {
        let Some(length) = (1..longest).rev().find(|&length| count[length] > 0) else { return };
        count[longest] -= 1;
        count[length] -= 1;
        count[length + 1] += 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(frequencies: &[u32], longest: usize) -> Vec<u8> {
        let mut lengths = vec![9; frequencies.len()];
        build_code_lengths(frequencies, longest, &mut lengths);
        let used: u32 = lengths.iter().filter(|l| **l > 0).map(|l| 1 << (16 - l)).sum();
        assert_eq!(used, 1 << 16, "not complete: {lengths:?}");
        assert!(lengths.iter().all(|l| usize::from(*l) <= longest));
        lengths
    }

    #[test]
    fn frequent_symbols_get_short_codes() {
        assert_eq!(chosen(&[1, 1, 2, 4, 0, 8], 15), [4, 4, 3, 2, 0, 1]);
        assert_eq!(chosen(&[5, 5, 5, 5], 15), [2, 2, 2, 2]);
        // The sum of all frequencies is below 2^23.
        assert_eq!(chosen(&[(1 << 22) + 1, 1, 2], 15), [1, 2, 2]);
    }

    /// A reader must never meet an incomplete code, whatever did or did not occur.
    #[test]
    fn fewer_than_two_symbols() {
        assert_eq!(chosen(&[0, 0, 0], 15), [1, 1, 0]);
        assert_eq!(chosen(&[7, 0, 0], 15), [1, 1, 0]);
        assert_eq!(chosen(&[0, 0, 7], 15), [1, 0, 1]);
    }

    /// Frequencies like Fibonacci's numbers make codes as long as they can be.
    #[test]
    fn code_lengths_are_limited() {
        let mut frequencies = vec![1, 1];
        while frequencies.len() < 30 {
            frequencies.push(frequencies[frequencies.len() - 1] + frequencies[frequencies.len() - 2]);
        }
        for n in 2..=30 {
            let lengths = chosen(&frequencies[..n], 15);
            assert!(lengths.windows(2).all(|pair| pair[0] >= pair[1]), "{lengths:?}");
        }
        for n in 2..=19 {
            chosen(&frequencies[..n], 7);
        }
        chosen(&[1; LITERAL_SYMBOLS], 15);
    }

    /// Without a shorter code there is nothing to change. Huffman's algorithm makes no such counts.
    #[test]
    fn counts_of_one_length_stay() {
        let mut count = [0; 16];
        count[7] = 200;
        limit_lengths(&mut count, 7);
        assert_eq!((count[7], count.iter().sum()), (200, 200));
    }
}
