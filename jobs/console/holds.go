package console

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"tomorro-sync/jobs"
	"tomorro-sync/reconcile/words"
)

type holdList struct {
	Waiting []holdView // a person's word lets them through
	Others  []holdView // they end with their reason
	// Shared says that four eyes are asked for and nobody knows whose this session's are.
	Shared   bool
	SignOn   bool // they can be told apart by signing in at the provider
	FourEyes bool
	Life     time.Duration
	CanStart bool // a run can be asked for, and makes some of it
}

type holdView struct {
	jobs.Hold
	Kinds []byKind
	// Mine says that who looks has approved all that an approval is about.
	Mine   bool
	Waits  int    // changes that nobody decided about
	Stands string // who decided what
	Whom   []choice
}

// fewToDecide is how many people of a hold are shown at once: who decides should
// see them. fewHeld is the same on the page of a run.
const fewToDecide, fewHeld = 60, 8

// choice is somebody whom a word can be about alone, and what was said of them already.
type choice struct{ Value, Text, Said string }

func (c *console) holds(v *visit) {
	ctx, cancel := v.brief()
	defer cancel()
	holds, err := c.holdsNow(ctx, v.conn)
	if err != nil {
		v.broken("holds", err)
		return
	}
	body := holdList{FourEyes: v.conn.Policy.FourEyes, Shared: v.unknown(), SignOn: c.provider != nil, Life: v.conn.ApprovalLife}
	for i := range holds {
		h := newHoldView(&holds[i], v)
		if h.Approvable {
			body.Waiting = append(body.Waiting, h)
			body.CanStart = body.CanStart || v.conn.Starter != nil && !h.OfUndo()
		} else {
			body.Others = append(body.Others, h)
		}
	}
	p := v.page("holds", "Holds")
	p.Body = body
	v.show(http.StatusOK, "holds", p)
}

func (c *console) holdsNow(ctx context.Context, conn *Connection) ([]jobs.Hold, error) {
	status, err := conn.Observer.Status(ctx)
	if err != nil {
		return nil, err
	}
	return conn.openHolds(ctx, &status, c.Now())
}

// unknown says that two people must approve, and that this session's token does
// not say who they are: the same person could sign in under two names. That goes for a
// token's session from before there was a provider, too.
func (v *visit) unknown() bool {
	provider := v.c.provider
	return v.conn.Policy.FourEyes && (!v.session.Proven || provider != nil && v.session.Key != provider.mark())
}

func newHoldView(h *jobs.Hold, v *visit) holdView {
	view := holdView{Hold: *h, Kinds: foldKinds(h.Changes, fewToDecide), Mine: h.ApprovedBy(v.session.Who)}
	view.Stands, view.Waits = standing(h, v.conn.Policy.FourEyes), len(h.Changes)-h.Approved-h.Rejected
	for i := range view.Kinds {
		view.Kinds[i].Hold = h
	}
	seen := make(map[string]bool)
	for i := range h.Changes {
		ch := choice{Text: subject(h.Changes[i]), Said: h.Said(&h.Changes[i])}
		switch c := &h.Changes[i]; {
		case c.Key != 0:
			ch.Value = c.Key.String()
		case c.Who != "":
			ch.Value = c.Who
		default:
			ch.Value = c.Group
		}
		if !seen[ch.Value] && ch.Value != "" {
			seen[ch.Value] = true
			view.Whom = append(view.Whom, ch)
		}
	}
	slices.SortFunc(view.Whom, func(a, b choice) int { return strings.Compare(a.Text, b.Text) })
	return view
}

// standing says who decided what.
func standing(h *jobs.Hold, fourEyes bool) string {
	var parts []string
	if h.Rejected > 0 {
		parts = append(parts, words.Count(h.Rejected, "change", "changes")+" rejected")
	}
	switch {
	case len(h.Approvals) == 0:
	case h.Approved == 0 && fourEyes:
		parts = append(parts, "approved by "+strings.Join(h.Approvals, ", ")+"; one more must approve")
	default:
		parts = append(parts, words.Count(h.Approved, "change", "changes")+" approved by "+strings.Join(h.Approvals, ", ")+": "+h.MadeBy()+" makes them")
	}
	return strings.Join(parts, "; ")
}

// decide stores somebody's word, as the approve and reject commands do.
func (c *console) decide(v *visit) {
	ctx, cancel := v.brief()
	defer cancel()
	word := jobs.Word{Who: v.session.Who, By: "console", Approves: v.r.PostFormValue("verdict") == "approve", Only: v.r.PostForm["only"],
		For: v.conn.ApprovalLife, Why: strings.TrimSpace(v.r.PostFormValue("why"))}
	switch {
	case !word.Approves && v.r.PostFormValue("verdict") != "reject":
		v.refused("holds", "This form says neither approve nor reject.", "Go back to Holds and choose one of the two buttons.")
		return
	case !word.Approves && word.Why == "":
		v.refused("holds", "A rejection needs a reason.", "Go back and write why, for those who read it later.")
		return
	case word.Approves && v.unknown():
		v.refused("holds", "Two people must approve, and this session's token does not tell who you are.", v.ownEyes())
		return
	}
	holds, err := c.holdsNow(ctx, v.conn)
	if err == nil {
		_, err = jobs.Answer(ctx, v.conn.Decisions, holds, v.r.PathValue("hold"), word, c.Now())
	}
	switch {
	case errors.Is(err, jobs.ErrNoHold):
		p := v.page("holds", "Not held any more")
		p.Problem = &problem{"What you decided about is not held any more, or has changed.", err.Error(), "Nothing was decided. Look at what is held now, and decide about that."}
		v.show(http.StatusConflict, "problem", p)
		return
	case err != nil:
		v.broken("holds", err)
		return
	}
	v.redirect("/c/" + v.conn.Name + "/holds?said=" + c.said(ctx, v, &word))
}

// ownEyes says how to approve where two people must.
func (v *visit) ownEyes() string {
	if v.c.provider != nil {
		return "Sign out, and sign in at " + v.c.provider.host() + ", or approve with: " + v.conn.called() + " approve"
	}
	return sharedToken + v.conn.called() + " approve"
}

const sharedToken = "Give each person a token of their own (listen.console_token: alice:…, bob:…) and sign in with it, or approve with: "

// said names the notice that follows from a word.
func (c *console) said(ctx context.Context, v *visit, word *jobs.Word) string {
	if !word.Approves {
		return "rejected"
	}
	holds, err := c.holdsNow(ctx, v.conn)
	i := slices.IndexFunc(holds, func(h jobs.Hold) bool { return h.ID == v.r.PathValue("hold") })
	switch {
	case err != nil || i < 0:
	case v.conn.Policy.FourEyes && holds[i].Approved == 0:
		return "second"
	case len(word.Only) == 0 && holds[i].Rejected > 0:
		return "spared"
	}
	return "approved"
}
