//go:build integration

package main

import "testing"

// TestStorm is a storm of 300 single removals, each of them a run.
func TestStorm(t *testing.T) {
	for _, d := range disasters() {
		if d.oneByOne {
			rehearse(t, d, 800)
		}
	}
}
