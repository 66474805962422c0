//! Text that is inserted into a source, and where it lies in the result.

use std::collections::HashMap;
use std::ops::Range;

struct Insertion {
    at: usize,
    closes: bool,
    /// The length of the wrapped text: what wraps more opens first and closes last.
    length: usize,
    order: usize,
    text: String,
    mutants: Vec<u32>,
}

#[derive(Default)]
pub struct Weave(Vec<Insertion>);

impl Weave {
    /// Surrounds a part of the source. The texts belong to these mutants.
    pub fn wrap(&mut self, part: Range<usize>, open: String, close: &str, mutants: &[u32]) {
        let (length, order) = (part.len(), self.0.len());
        let mut add = |at, closes, text| {
            self.0.push(Insertion { at, closes, length, order, text, mutants: mutants.to_vec() });
        };
        add(part.start, false, open);
        add(part.end, true, close.to_string());
    }

    /// Inserts text before what begins here.
    pub fn before(&mut self, at: usize, text: String, mutants: &[u32]) {
        self.0.push(Insertion { at, closes: false, length: usize::MAX, order: 0, text, mutants: mutants.to_vec() });
    }

    /// Inserts text after what ends here.
    pub fn after(&mut self, at: usize, text: String, mutants: &[u32]) {
        self.0.push(Insertion { at, closes: true, length: 0, order: usize::MAX, text, mutants: mutants.to_vec() });
    }

    /// The source with all insertions, and the bytes of the result that belong to each mutant: first of what is inserted,
    /// then of what it surrounds.
    pub fn finish(mut self, text: &str) -> (String, HashMap<u32, Vec<Range<usize>>>) {
        self.0.sort_by(|a, b| {
            let same_place = || match a.closes {
                true => a.length.cmp(&b.length).then(b.order.cmp(&a.order)),
                false => b.length.cmp(&a.length).then(a.order.cmp(&b.order)),
            };
            a.at.cmp(&b.at).then(b.closes.cmp(&a.closes)).then_with(same_place)
        });
        let (mut woven, mut last) = (String::new(), 0);
        let mut ranges: HashMap<u32, Vec<Range<usize>>> = HashMap::new();
        for one in self.0 {
            woven.push_str(&text[last..one.at]);
            last = one.at;
            let from = woven.len();
            woven.push_str(&one.text);
            for mutant in one.mutants {
                ranges.entry(mutant).or_default().push(from..woven.len());
            }
        }
        woven.push_str(&text[last..]);
        (woven, ranges)
    }
}
