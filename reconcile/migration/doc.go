// Package migration moves the assignment of groups from Tomorro to OneLogin: it finds
// the roles and rules that give exactly the memberships which Tomorro has today, as the
// set-up guide asks for in "Migrating Group Assignments". It writes nothing and asks
// nobody: what it proposes is made by hand in OneLogin.
//
// A rule is a condition and the groups that it gives. Whatever a person has at OneLogin
// (roles, department, title, company, OneLogin's group, directory groups, custom
// attributes), alone or two together, and the conditions of the rules that are there
// already, may be one, as long as nobody gets a group by it whom Tomorro does not show
// there, and it is true of two people at least. Of these as few are taken as the memberships allow: first the rule that explains
// most of what is left, and then none that the others make needless. Several
// values of one kind become one rule ("any"), several groups with the same condition too.
// That is a set cover, for which no quick method finds the least in every case.
//
// What nothing explains becomes a new role, whose people are listed: for these somebody
// chose each membership. Who cannot be given a rule at all is listed apart: accounts of
// nobody in OneLogin, and people who have no access any more.
//
// The proposal stands for all group rules of the app together; it is checked with the
// evaluator that runs use before it is given.
package migration
