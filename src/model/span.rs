//! A half-open range of bytes, checked when it is made.

use std::ops::Range;

/// A half-open byte range `[start, end)`, with `start <= end` by construction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    start: usize,
    end: usize,
}

impl Span {
    /// The range `[start, end)`.
    ///
    /// # Panics
    /// When `start > end`: an inverted span would index nonsense later, far from its cause.
    #[inline]
    pub fn new(start: usize, end: usize) -> Self {
        assert!(start <= end, "a span cannot end before it starts: {start} > {end}");
        Self { start, end }
    }

    /// The first byte's offset.
    #[inline]
    pub fn start(self) -> usize {
        self.start
    }

    /// The offset behind the last byte.
    #[inline]
    pub fn end(self) -> usize {
        self.end
    }

    /// Length in bytes.
    #[inline]
    pub fn len(self) -> usize {
        self.end - self.start
    }

    /// Whether the span holds no byte.
    #[inline]
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// The span as a range, to index with.
    #[inline]
    pub fn range(self) -> Range<usize> {
        self.start..self.end
    }

    /// The same span, `by` bytes further on.
    #[inline]
    pub fn shifted(self, by: usize) -> Self {
        Self::new(self.start + by, self.end + by)
    }

    /// Whether the two share at least one byte.
    #[inline]
    pub fn overlaps(self, other: Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// Whether every byte of `other` lies in `self`.
    #[inline]
    pub fn covers(self, other: Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    /// The smallest span that holds both.
    #[inline]
    pub fn union(self, other: Self) -> Self {
        Self::new(self.start.min(other.start), self.end.max(other.end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlap_needs_a_shared_byte() {
        assert!(Span::new(0, 3).overlaps(Span::new(2, 5)));
        assert!(!Span::new(0, 3).overlaps(Span::new(3, 5)));
        assert!(!Span::new(1, 1).overlaps(Span::new(1, 1)));
    }

    #[test]
    fn union_and_cover() {
        let (a, b) = (Span::new(1, 4), Span::new(3, 9));
        assert_eq!(a.union(b), Span::new(1, 9));
        assert!(a.union(b).covers(a) && a.union(b).covers(b));
        assert!(!a.covers(b));
    }

    #[test]
    #[should_panic(expected = "cannot end before it starts")]
    fn an_inverted_span_is_refused() {
        let _ = Span::new(2, 1);
    }
}
