//go:build integration

package main

// companies is as in scale_test.go.
const companies = 10
