// Package scim has the SCIM 2.0 words (RFC 7643, RFC 7644) that this program
// speaks: User, Group, ListResponse, PatchOp and Error, its filters, its patches
// and its projections. Nothing here calls, stores or logs anything. The words are
// written as the RFCs say and read as services really send them: booleans as text,
// statuses as numbers, lists without totals.
//
// # Filters
//
//	f, err := scim.ParseFilter(`userName eq "ann@x.io" and emails[type eq "work"]`)
//	f.Matches(resource)
//
// All operators of section 3.4.2.2, and, or, not, brackets, value paths, URNs and
// JSON literals; names, operators and URNs in any case. Texts compare without case
// but for id, externalId, meta, references and binary; DateTimes as instants.
// Matches says what counts where the RFC leaves a choice. A filter that cannot be
// read is a *FilterError with the position and what was expected; errors.As finds
// in it the *Error for the client. Filters are bounded in length and depth.
//
// # Patches
//
//	out, changed, err := scim.ApplyPatch(resource, operations)
//
// All operations or none, on a copy. The errors are 400s with a type of table 9;
// they name the operation and the attribute, and no value. What clients do in
// their own way is taken where its meaning is plain:
//
//   - op in any case, names in any case (the resource keeps its own, else that of
//     the schema), booleans and numbers as text and the other way round, one value
//     without its list, a list of one for one value, "x" for {"value": "x"};
//   - without a path, the names in the value are paths: name.givenName,
//     emails[type eq "work"].value, a URN with an attribute behind it, a URN with
//     an object. schemas is passed over there: it follows the extensions in use;
//   - remove with values takes exactly those: members by value, others by all
//     sub-attributes that are given. A value that says nothing is an error, and an
//     empty list removes nothing. It is no error when there is nothing to remove;
//   - add with a filter that matches nothing makes the value when the filter is
//     nothing but eq; replace is noTarget then;
//   - an existing value is not added twice. Members are the same by value, others
//     by type and value. A new primary value takes the mark from the others;
//   - id, meta and groups are read-only, but may be sent as they are. userName, and
//     displayName of a group, cannot be taken away;
//   - attributes that the schema does not know are kept under their own name.
//
// An attribute whose last value goes is gone: null, [] and absence are the same
// (RFC 7643 section 2.5). Scim1Members translates the PATCH of SCIM 1.1.
//
// # Projections
//
// Projection is attributes= and excludedAttributes=: id and schemas are always there,
// a password never.
//
// # How it is checked
//
// By the RFC's examples, by laws over generated resources, by fuzzing, and against
// three libraries of others in testdata/oracle: a difference passes only when it
// goes away with a trait of the case that is listed with its sentence of the RFC.
package scim
