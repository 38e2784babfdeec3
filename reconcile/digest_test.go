package reconcile

import (
	"encoding/binary"
	"hash/fnv"
	"testing"

	"pgregory.net/rapid"
)

// TestLawDigest holds the digests, which earlier versions stored, to hash/fnv.
func TestLawDigest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.SliceOf(rapid.String()).Draw(t, "texts")
		numbers := rapid.SliceOf(rapid.OneOf(rapid.Int64(), rapid.Int64Range(-1, 300))).Draw(t, "numbers")
		want, got := fnv.New64a(), digester(fnvOffset)
		number := func(n int64) { _, _ = want.Write(binary.LittleEndian.AppendUint64(nil, uint64(n))) }
		for _, s := range texts {
			number(int64(len(s)))
			_, _ = want.Write([]byte(s))
			got.text(s)
		}
		for _, n := range numbers {
			number(n)
			got.number(n)
		}
		if uint64(got) != want.Sum64() {
			t.Fatalf("%x, want %x", uint64(got), want.Sum64())
		}
	})
}
