// Package migrate moves the memberships of groups over to what OneLogin's rules give, and
// back: the set-up guide's "Remove all existing group assignments in Tomorro" and
// "Resynchronize assignments from OneLogin", without a moment in which somebody has
// neither.
//
// A Snapshot is who is in which group now, in a file. Forward takes it before anything is
// written, and then has memberships made what the rules give; Back has them made what the
// snapshot says. Both look at what is there and write the difference, so that whatever
// was interrupted, at any step, is made by doing it once more; and a file that is there
// is never written over, so that the first snapshot stays the one to come back to.
//
// Nobody loses an account by it. Groups and accounts that went meanwhile stay away, and
// are told; groups that came meanwhile are left alone.
package migrate
