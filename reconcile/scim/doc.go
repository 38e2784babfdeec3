// Package scim has the SCIM 2.0 words (RFC 7643, RFC 7644) that this program
// speaks: User, Group, ListResponse, PatchOp and Error. They are written as the
// RFCs say and read as services really send them: booleans as text, statuses as
// numbers, lists without totals.
package scim
