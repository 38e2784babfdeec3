// Package setup is the first conversation with an administrator: it asks for what the
// program needs to know, tries each answer where it can be tried, and makes the
// configuration, the files of its secrets, and what is to be pasted into OneLogin.
//
// Dialogue.Run asks and tries; OneLogin, Tomorro and Redis are what answers are tried
// on, and Person is who is asked. The rest is pure: Candidates chooses among the apps
// of OneLogin, ProposeTitles says which title means which role as far as that is known,
// Look says what rules and groups would do, Render makes the configuration, and Values
// what OneLogin's pages are to be told. Files are written by Write, all or none.
//
// Nothing is ever written to OneLogin or Tomorro. A secret is asked for without being
// shown, goes into a file of its own, and is in no text that this package makes, but
// for the file of Values, which OneLogin's page needs it from.
package setup
