// Package check compares the set-up guide with what is there: each step of the guide
// is a line with pass, warn, fail, or that it cannot be seen through an API, what was
// found, and what to click.
//
// A Checker reads everything side by side; Evaluate is pure and says what of it is wrong.
// What could not be read makes its own line fail, and the lines that depend on it are
// unseen; all others are checked all the same. The order of lines is that of the guide.
package check
