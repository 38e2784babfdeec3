// Tomorro-sync makes Tomorro's accounts and groups equal to what OneLogin says:
// it shows before it writes, holds what would do harm, and journals what it did.
//
// # Commands
//
//	tomorro-sync demo [--serve]           the whole job on simulators, nothing to install;
//	                                      with a console to look at
//	tomorro-sync init                     ask for all that is needed, try it, write the
//	                                      configuration
//	tomorro-sync plan                     show what a run would change
//	tomorro-sync check [--probe-writes]   compare the set-up guide with what is there
//	tomorro-sync explain EMAIL            why one person has what they have
//	tomorro-sync reconcile [--yes]        make one run now
//	tomorro-sync holds                    what is held, why, and about whom
//	tomorro-sync approve ID               let the next run make what a hold shows
//	tomorro-sync reject ID --why TEXT     decide against it
//	tomorro-sync undo RUN | --user EMAIL  take back what a run did, or what was done to
//	                                      one person; who is undone stays so until
//	tomorro-sync release EMAIL            runs may change them again
//	tomorro-sync groups                   set by hand in OneLogin; also forget EMAIL, list,
//	                                      create NAME..., plan-migration, snapshot, migrate
//	tomorro-sync adopt                    whose the accounts are that were there first; also
//	                                      match ACCOUNT PERSON, match --recreated,
//	                                      foreign ACCOUNT, forget ACCOUNT, done
//	tomorro-sync serve                    make a run at each tick of the schedule, and
//	                                      serve the console
//	tomorro-sync schedule [pause|resume]  when runs are made
//	tomorro-sync alerts [--test]          what is wrong now; try whether alerts arrive
//	tomorro-sync journal                  what runs did, and why; also show RUN,
//	                                      person EMAIL, export FILE, erase EMAIL, verify
//	tomorro-sync report [RUN]             what one run did, for a manager or an auditor
//	tomorro-sync simulate                 serve both services as simulators on loopback;
//	                                      --disaster NAME rehearses one
//	tomorro-sync version
//
// Every command takes --output json: one JSON document on stdout, logs on stderr.
//
// # Configuration
//
// A YAML file, named by --config (tomorro-sync.yaml of the working directory
// when there is one). Every value can also be given by the environment, which
// wins over the file: TOMORRO_SYNC_ and the path in capitals, such as
// TOMORRO_SYNC_ONELOGIN_CLIENT_SECRET. There, a list is separated by commas and
// a map is written key:value,key:value. A secret can instead be named as a
// file: client_secret_file of onelogin and of listen.oidc, token_file, url_file and
// password_file of redis, tokens_file and console_token_file of listen, webhook_file,
// heartbeat_file and smtp.password_file of alerts. Limits that are not given keep their
// defaults; none lifts one. The sections schedule, listen and alerts are read by serve, which takes
// --config several times: one for each connection, that is, each Tomorro
// organisation.
//
// # Exit codes
//
//	0    done, or nothing to do
//	1    error
//	2    usage or configuration
//	3    some changes failed
//	4    changes are pending (plan)
//	10   another run holds the lock
//	11   a limit, an incomplete pull or a protection held something
//	12   something waits for approval
//	130  interrupted
package main

// manual is the long help of the program.
const manual = `tomorro-sync makes Tomorro's accounts and groups equal to what OneLogin says. It shows before it writes,
holds what would do harm, and journals what it did.

Configuration: a YAML file (--config), with every value also by environment: TOMORRO_SYNC_ and the path in capitals.
  onelogin: url, client_id, client_secret, app_id, credentials, concurrency, page_size, requests_per_second,
            quota, reserve, timeout, retries, backoff, scope_roles, active_statuses,
            rules: {combine, case, regexp, capture, member_of, groups_action}
  tomorro:  url, token, token_expires, pricing, default_substitute, api_account, update, member_removal, members_per_request, content_type,
            concurrency, page_size, bulk, attributes, requests_per_second, timeout, retries, backoff,
            remove, allow_viewer, send_external_id
  redis:    url, password, sentinel_password, ca_file
  groups:   mode, create, delete
  titles:   {"head of legal": admin}
  limits:   window, min_population, band, and {max, share} of deactivate, delete, remove_member,
            remove_from_group, change_role, grant_admin, rename, create
  apply:    canary, read_back
  journal:  keep, keep_runs
  domains, protect, min_admins, approve, four_eyes, connection, grace
  schedule: cron, timezone, missed, jitter, quarantine_after, retry, delta, delta_overlap, delta_most, delta_events (for serve)
  listen:   scim, tokens, cert_file, key_file, base_url, allow, deadline, retry, requests_per_second, admin, profile,
            console, console_token, oidc: {issuer, client_id, client_secret, redirect_url, groups_claim, viewers, approvers, scopes} (for serve)
  alerts:   webhook, heartbeat, held_after, no_run_for, marks_after, expires_within, repeat,
            smtp: {address, username, password, from, to} (for serve)
client_secret, token, url and password of redis, tokens, console_token, webhook, heartbeat and password of smtp can be read from
a file: add _file to the key. Files that the configuration names are looked for beside it, then in the working directory.

Exit codes: 0 done or nothing to do, 1 error, 2 usage or configuration, 3 some changes failed, 4 changes pending (plan),
10 locked, 11 held by the guard, 12 waiting for approval, 130 interrupted.`
