// Package reconciletest helps to test what reconciles: a Tomorro in memory that
// can fail, and generators of random worlds in which the laws of the core must
// hold.
package reconciletest
