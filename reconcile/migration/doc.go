// Package migration moves the assignment of groups from Tomorro to OneLogin: it finds
// the roles and rules that give exactly the memberships which Tomorro has today, as the
// set-up guide asks for in "Migrating Group Assignments". It writes nothing and asks
// nobody: what it proposes is made by hand in OneLogin.
//
// A rule is a condition and the groups that it gives. A condition is one fact that OneLogin
// has of a person (role, department, title, company, OneLogin's group, directory group,
// custom attribute), or two of them together, or the condition of a rule that is there
// already. It is used only if it is true of at least two people, and gives nobody a group
// in which Tomorro does not show them. As few rules are taken as the memberships allow:
// again and again the one that explains most of what is left, and at the end those are
// dropped whose memberships the others give as well. Several values of one kind become one
// rule ("any"), and so do several groups with the same condition. This is a set cover, for
// which no quick method finds the smallest in every case.
//
// Memberships that no condition explains become a new role with a list of its people, since
// somebody chose each of them by hand. Memberships that no rule can give are listed apart:
// accounts of nobody in OneLogin, and people who have no access any more.
//
// The proposal stands for all group rules of the app together; it is checked with the
// evaluator that runs use before it is given.
package migration
