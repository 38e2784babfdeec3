package jobs

import (
	"time"

	"tomorro-sync/reconcile"
)

// Report is what a run did, for people and for scripts.
type Report struct {
	Run      string    `json:"run"`
	Trigger  Trigger   `json:"trigger"`
	Started  time.Time `json:"started"`
	Finished time.Time `json:"finished"`
	PlanID   string    `json:"planId"`
	// Planned counts the plan's changes, Done and Failed what became of them, Skipped
	// what was not sent because something it depends on failed.
	Planned map[reconcile.Op]int        `json:"planned"`
	Done    map[reconcile.Op]int        `json:"done"`
	Failed  map[reconcile.Op]int        `json:"failed,omitempty"`
	Skipped map[reconcile.Op]int        `json:"skipped,omitempty"`
	Held    map[reconcile.HoldClass]int `json:"held"`
	// Incomplete says why the pull was not complete; empty when it was.
	Incomplete []string `json:"incomplete,omitempty"`
	Fallbacks  []string `json:"fallbacks,omitempty"`
	Errors     []string `json:"errors,omitempty"`
	// Exit is the exit code that a command ends with for this report.
	Exit int `json:"exit"`
}
