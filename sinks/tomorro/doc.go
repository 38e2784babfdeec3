// Package tomorro is a SCIM 2.0 client for Tomorro: it reads all accounts and groups,
// completely or not at all, and makes single writes, of which several may be under way.
//
// Tomorro publishes no SCIM reference, only set-up guides for OneLogin, Okta and
// Entra. What follows from them (e-mail as userName, userType as role, PUT with
// active:false as deprovisioning, groups over /Groups) is how this client
// behaves; what does not follow is a setting, with OneLogin's own behaviour as
// the default, since that is what Tomorro is known to work with.
//
// # Reading
//
// Users and groups are read side by side, each with its pages in parallel: page
// 1 tells the total and how large pages really are. Lists that move while they
// are read are read again, one page after the other; if they still do not
// add up, Read fails, because an account that was not seen would be created
// again. Where GET /Groups leaves members out, they are read group by group, and
// if they are not there either, from the users' groups.
//
// # Writing
//
// Where the service does Bulk (RFC 7644 section 3.7) and Config.Bulk says so, writes of one
// run that come together share a request; each gets the answer of its own operation, so
// that callers see no difference.
//
// A POST is never sent twice: when its answer is lost, the client looks whether the account
// is there. Everything else is safe to repeat and is retried; when one try got no answer
// and the next is refused, the first may have happened. What never reached Tomorro did not
// happen. A create that meets an existing account returns *reconcile.ExistsError and leaves
// the decision to the plan.
package tomorro
