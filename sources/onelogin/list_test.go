package onelogin

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestLawShelf: whatever sizes the pages have, and in whatever order they come, nothing
// is lost; and pages as large as the first one stay in order.
func TestLawShelf(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		sizes := rapid.SliceOfN(rapid.IntRange(0, 5), 1, 8).Draw(t, "sizes")
		var pages [][]int
		var want []int
		for _, size := range sizes {
			var page []int
			for range size {
				page = append(page, len(want))
				want = append(want, len(want))
			}
			pages = append(pages, page)
		}
		s := newShelf(pages[0], len(pages))
		for _, i := range rapid.Permutation(slices.Collect(func(yield func(int) bool) {
			for i := 1; i < len(pages) && yield(i); i++ {
			}
		})).Draw(t, "order") {
			s.put(i, pages[i])
		}
		got := s.all()
		if slices.Max(sizes) <= sizes[0] && !slices.Equal(got, want) {
			t.Fatalf("%v, want %v", got, want)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Fatalf("%v, want %v in any order", got, want)
		}
	})
}
