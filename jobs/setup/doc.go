// Package setup is the first conversation with an administrator: it asks for what the
// program needs to know, tries each answer where it can be tried, and makes the
// configuration, the files of its secrets, and what is to be pasted into OneLogin.
//
// Dialogue.Run asks and tries; OneLogin, Tomorro and Redis are what answers are tried on,
// and Person is who is asked. The rest is pure: Candidates chooses among the apps of
// OneLogin, ProposeTitles says which title means which role as far as that is known, Look
// says what rules and groups would do, Render makes the configuration, and Values the text
// that says what to paste into OneLogin's pages. Write writes the files, all or none.
//
// Nothing is ever written to OneLogin or Tomorro. A secret is typed without being shown and
// goes into a file of its own. No other text that this package makes contains one, except
// that of Values: the listener's token has to be pasted into OneLogin.
package setup
