// Package audit writes what one run did for people who were not there: a manager, an
// auditor. It tells who ran it and when, what was planned and what became of it for each
// person, from which cause, what was held and why, who approved or rejected it, and how
// long leavers kept their access. All of it comes from the journal; each report has the
// hash of the journal's last seal, which stands for everything before it (jobs.Seal).
//
// How long a leaver kept access nobody tells exactly: OneLogin's API says what is, not
// since when. What the journal knows is when a run last read that person without finding
// anything to take away, and when Tomorro took the change: the time between is the
// longest that it can have been.
//
// An HTML report is one file that asks nobody for anything: no script, no font, no
// picture. In CSV a field that a spreadsheet would take for a formula begins with an
// apostrophe. Whoever was erased from the journal does not come back here.
package audit
