//go:build !integration

package main

// companies is in how many TestFastPassFindsWhatTheNightWould lives: with the real parts in
// ten, for 200 days.
const companies = 4
