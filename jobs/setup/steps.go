package setup

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/words"
)

// oneLogin asks for the address, the credentials and the app, until everything that a
// plan needs can be read with them.
func (d *Dialogue) oneLogin(ctx context.Context) error {
	d.Person.Say(Part, "OneLogin")
	if err := d.address(ctx, KeyOneLoginURL, &d.a.OneLogin.URL, OneLoginURL, d.OneLogin.Reach); err != nil {
		return err
	}
	for {
		apps, from, err := d.credentials(ctx)
		if err != nil {
			return err
		}
		if err := d.app(ctx, apps); err != nil {
			return err
		}
		d.Person.Say(Plain, "reading people, roles and rules …")
		err = d.pull(ctx)
		if err == nil {
			return nil
		}
		k := KeyApp
		if errors.Is(err, reconcile.ErrRefused) {
			k = KeyClientSecret
		} else {
			from = "--" + question(KeyApp).Flag
		}
		if err := d.wrong(ctx, k, from, err); err != nil {
			return err
		}
	}
}

// address asks for an address that is one and that answers.
func (d *Dialogue) address(ctx context.Context, k Key, into *string, normal func(string) (string, error), reach func(context.Context, string) error) error {
	return d.until(ctx, k, *into, func(answer string) error {
		address, err := normal(answer)
		if err != nil {
			return err
		}
		if err := reach(ctx, address); err != nil {
			return fmt.Errorf("nothing answers there: %w", err)
		}
		*into = address
		d.Person.Say(Good, address+" answers")
		return nil
	})
}

// credentials asks for the pair until OneLogin takes it and lists the apps. An answer
// may be wrong in either part, so both are asked for again.
func (d *Dialogue) credentials(ctx context.Context) ([]App, string, error) {
	o := &d.a.OneLogin
	for {
		id, _, err := d.ask(ctx, KeyClientID, o.ClientID)
		if err != nil {
			return nil, "", err
		}
		secret, from, err := d.secret(ctx, KeyClientSecret, o.ClientSecret)
		if err != nil {
			return nil, "", err
		}
		o.ClientID, o.ClientSecret = id, secret
		apps, err := d.OneLogin.Apps(ctx, *o)
		if err == nil {
			d.Person.Say(Good, fmt.Sprintf("OneLogin takes these credentials and shows %s", words.Count(len(apps), "app", "apps")))
			return apps, from, nil
		}
		o.ClientSecret = "" // what was refused is not kept
		if err := d.wrong(ctx, KeyClientSecret, from, err); err != nil {
			return nil, "", err
		}
	}
}

// app lists the apps that it may be, and asks which it is.
func (d *Dialogue) app(ctx context.Context, apps []App) error {
	found := Candidates(apps)
	for i, a := range found {
		d.Person.Say(Plain, fmt.Sprintf("%2d  %s", i+1, a))
	}
	if len(found) == 0 {
		d.Person.Say(Note, "no app of OneLogin can be seen to be of a SCIM type. Make one as step 1 of Tomorro's guide says: type SCIM Provisioner with SAML (SCIM v2 Core w/SCIM2 Groups)")
	}
	before := ""
	if len(found) == 1 {
		before = strconv.FormatInt(found[0].ID, 10)
	}
	return d.until(ctx, KeyApp, before, func(answer string) error {
		app, err := choose(answer, found, apps)
		if err != nil {
			return err
		}
		d.a.OneLogin.AppID, d.a.OneLogin.AppName = app.ID, app.Name
		for _, remark := range app.Remarks() {
			d.Person.Say(Note, remark)
		}
		return nil
	})
}

// choose takes a number of the list or an app's id.
func choose(answer string, found, all []App) (App, error) {
	n, err := strconv.ParseInt(answer, 10, 64)
	if err != nil {
		return App{}, errors.New("this is not a number; write the number in the list, or the app's id")
	}
	if i := slices.IndexFunc(all, func(a App) bool { return a.ID == n }); i >= 0 {
		return all[i], nil
	}
	if n >= 1 && n <= int64(len(found)) {
		return found[n-1], nil
	}
	return App{}, fmt.Errorf("OneLogin has no app %d; the id is the number in the address of the app's page", n)
}

// pull reads OneLogin. A list that could not be read to its end is an error: what is
// proposed must not rest on half of the people.
func (d *Dialogue) pull(ctx context.Context) error {
	directory, err := d.OneLogin.Pull(ctx, d.a.OneLogin)
	if err != nil {
		return err
	}
	for _, l := range directory.Receipt.Lists {
		if l.Why == "" {
			continue
		}
		err := fmt.Errorf("%s cannot be read: %s", l.List, l.Why)
		if strings.Contains(l.Why, reconcile.ErrRefused.Error()) {
			err = fmt.Errorf("%s cannot be read: %s (%w)", l.List, strings.ReplaceAll(l.Why, ": "+reconcile.ErrRefused.Error(), ""), reconcile.ErrRefused)
		}
		return err
	}
	d.d = directory
	assigned := 0
	for i := range directory.People {
		if directory.People[i].Assigned {
			assigned++
		}
	}
	d.Person.Say(Good, fmt.Sprintf("%s, %d with the app; %s, %s", people(len(directory.People)), assigned,
		words.Count(len(directory.Roles), "role", "roles"), words.Count(len(directory.Rules), "enabled rule", "enabled rules")))
	if assigned == 0 {
		d.Person.Say(Note, "nobody has this app: give it to people or roles in OneLogin (steps 3 and 4 of the guide), or choose another app")
	}
	return nil
}

// tomorro asks for the address and the token until everything can be read with them,
// and then for what its API does not show.
func (d *Dialogue) tomorro(ctx context.Context) error {
	d.Person.Say(Part, "Tomorro")
	t := &d.a.Tomorro
	if err := d.address(ctx, KeyTomorroURL, &t.URL, SCIMURL, d.Tomorro.Reach); err != nil {
		return err
	}
	for {
		token, from, err := d.secret(ctx, KeyToken, t.Token)
		if err != nil {
			return err
		}
		t.Token = token
		d.current, err = d.Tomorro.Read(ctx, *t)
		if err == nil {
			break
		}
		k := KeyTomorroURL
		if errors.Is(err, reconcile.ErrRefused) {
			k, t.Token = KeyToken, ""
		} else {
			from = "--" + question(k).Flag
		}
		if err := d.wrong(ctx, k, from, err); err != nil {
			return err
		}
		if k == KeyTomorroURL {
			if err := d.address(ctx, k, &t.URL, SCIMURL, d.Tomorro.Reach); err != nil {
				return err
			}
		}
	}
	d.Person.Say(Good, fmt.Sprintf("Tomorro takes this token and shows %s and %s",
		words.Count(len(d.current.Accounts), "account", "accounts"), words.Count(len(d.current.Groups), "group", "groups")))
	if admins := d.admins(); len(admins) > 0 {
		d.Person.Say(Plain, "admins there: "+short(admins))
	}
	if err := d.pricing(ctx); err != nil {
		return err
	}
	return d.until(ctx, KeySubstitute, "", d.substitute)
}

// admins gives the active admins of Tomorro, who can be substitutes for anybody.
func (d *Dialogue) admins() (names []string) {
	for _, a := range d.current.Accounts {
		if a.Active && a.UserType == reconcile.Admin {
			names = append(names, a.UserName)
		}
	}
	slices.Sort(names)
	return names
}

var pricings = regexp.MustCompile(`^v([4-9]|[1-9][0-9])$`)

func (d *Dialogue) pricing(ctx context.Context) error {
	return d.until(ctx, KeyPricing, "", func(answer string) error {
		answer = strings.ToLower(answer)
		if !strings.HasPrefix(answer, "v") {
			answer = "v" + answer
		}
		if !pricings.MatchString(answer) {
			return errors.New("this is not a pricing; write v4, v5, v6 or later")
		}
		d.a.Tomorro.Pricing = answer
		viewer := func(a reconcile.Account) bool { return a.UserType == reconcile.Viewer }
		if d.a.Tomorro.pricing() == reconcile.PricingV5 && slices.ContainsFunc(d.current.Accounts, viewer) {
			d.Person.Say(Note, "Tomorro has viewers, which pricing V4/V5 does not have; if it is V6 or later, correct tomorro.pricing in the configuration")
		}
		return nil
	})
}

// substitute takes an account that is there and active, or nobody. An empty Tomorro
// cannot be asked.
func (d *Dialogue) substitute(answer string) error {
	if strings.EqualFold(answer, None) {
		d.Person.Say(Note, "without a default substitute nobody can tell who inherits what leavers own: set one in Tomorro before the first removal, and as tomorro.default_substitute here")
		return nil
	}
	if !mailAddress(answer) {
		return errors.New("this is not an e-mail address; write one, or none")
	}
	i := slices.IndexFunc(d.current.Accounts, func(a reconcile.Account) bool { return reconcile.Fold(a.UserName) == reconcile.Fold(answer) })
	switch {
	case len(d.current.Accounts) == 0:
		d.Person.Say(Note, "Tomorro has no account yet, so the substitute is not there either; nobody is removed until it is")
	case i < 0:
		return errors.New("Tomorro has no account with this e-mail; name one that it has, or none")
	case !d.current.Accounts[i].Active:
		return errors.New("this account is not active at Tomorro; name one that is, or none")
	case d.current.Accounts[i].UserType != reconcile.Admin:
		d.Person.Say(Note, fmt.Sprintf("the substitute is %s: whoever has a higher role is not removed, since the substitute must have at least the leaver's", d.current.Accounts[i].UserType))
	default:
		d.Person.Say(Good, "the substitute is active, and an admin")
	}
	d.a.Tomorro.DefaultSubstitute = answer
	return nil
}

// redis asks for the address, and for a password when Redis asks for one.
func (d *Dialogue) redis(ctx context.Context) error {
	d.Person.Say(Part, "Redis")
	_, locked := d.Given[KeyRedisPassword]
	err := d.until(ctx, KeyRedisURL, "", func(answer string) error {
		r := RedisAnswers{URL: Secret(answer)}
		if strings.EqualFold(answer, None) {
			d.Person.Say(Note, "plan works without Redis; reconcile, serve and journal need one: add redis.url when there is one")
			return nil
		}
		if g := d.Given[KeyRedisURL]; r.inFile() && (g.Value != answer || strings.HasPrefix(g.From, "--")) {
			return errors.New("the address carries a user or a password, or is none; write redis://host:6379/0, and the password where it is asked for and not shown")
		}
		if r.inFile() && d.Check != nil {
			if err := d.Check(KeyRedisURL, answer); err != nil {
				return err
			}
		}
		err := d.Redis.Open(ctx, r)
		locked = locked || errors.Is(err, ErrPassword)
		if err != nil && !locked {
			return err
		}
		d.a.Redis = r
		return nil
	})
	if err == nil && locked && d.a.Redis.URL != "" {
		err = d.password(ctx)
	}
	if err == nil && d.a.Redis.URL != "" {
		d.Person.Say(Good, "Redis answers")
	}
	return err
}

func (d *Dialogue) password(ctx context.Context) error {
	for {
		password, from, err := d.secret(ctx, KeyRedisPassword, "")
		if err != nil {
			return err
		}
		if d.a.Redis.Password = password; password == None {
			d.a.Redis.Password = ""
		}
		if err = d.Redis.Open(ctx, d.a.Redis); err == nil {
			return nil
		}
		if err := d.wrong(ctx, KeyRedisPassword, from, err); err != nil {
			return err
		}
	}
}

func (d *Dialogue) listener(ctx context.Context) error {
	d.Person.Say(Part, "Pushes")
	return d.until(ctx, KeyListenURL, "", func(answer string) error {
		if strings.EqualFold(answer, None) {
			return nil
		}
		address, err := ListenURL(answer)
		d.a.BaseURL = address
		return err
	})
}

// survey proposes the titles and looks what a run would do with them.
func (d *Dialogue) survey() Survey {
	bare := d.a.Policy()
	d.a.Titles = ProposeTitles(&d.d, &d.current, &bare)
	policy := d.a.Policy()
	return Look(&d.d, &d.current, &policy)
}
