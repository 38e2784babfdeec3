// Package alert calls somebody when a connection needs them.
//
// Find says what is wrong, from a jobs.Standing alone: pure, and the same on every
// replica. An Alerter asks it every minute and tells each Sink what is new, once; again
// after Repeat, as long as it lasts; and once more when it is over. What is to be told
// at the same time is one message. What was told to whom is remembered in Redis
// (jobs.AlertBook), one process at a time tells, and it looks only when it is its turn:
// so that any number of replicas send one message. A message that could not be sent is
// sent again with the next look, to that sink alone; one that some recipients of a mail
// have, and others were refused, is not. A process that dies between
// sending and remembering is why a message may come twice; none is lost.
//
// Messages have numbers, rules, run ids and the command to run next: no names, and no
// secrets. Without Redis nothing can be told, which is what the heartbeat is for: an
// address that is requested after each good run, at a service that calls when it is not.
package alert
