package setup

import "tomorro-sync/reconcile"

// Secret is a value that must not be shown: printed, it masks itself.
type Secret string

// String hides the secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "***"
}

// GoString hides the secret from %#v.
func (s Secret) GoString() string { return `"` + s.String() + `"` }

// Answers is what an administrator answered. What can be tried was tried.
type Answers struct {
	OneLogin OneLoginAnswers
	Tomorro  TomorroAnswers
	Redis    RedisAnswers
	// BaseURL is where OneLogin reaches the listener; empty: it is not used.
	BaseURL string
	Titles  []Title
}

// OneLoginAnswers is how to reach OneLogin.
type OneLoginAnswers struct {
	URL, ClientID string
	ClientSecret  Secret
	AppID         int64
	AppName       string
}

// TomorroAnswers is how to reach Tomorro, and what holds there.
type TomorroAnswers struct {
	URL               string
	Token             Secret
	Pricing           string // v4, v5, v6 or later
	DefaultSubstitute string // a userName; empty: nobody
}

// RedisAnswers is how to reach Redis.
type RedisAnswers struct {
	URL      Secret // may carry a password; empty: there is no Redis yet
	Password Secret
}

// pricing knows two generations, as the configuration does.
func (t *TomorroAnswers) pricing() reconcile.Pricing {
	if t.Pricing == "v4" || t.Pricing == "v5" {
		return reconcile.PricingV5
	}
	return reconcile.PricingV6
}

// Policy is the policy that the answers make, with the default of everything that is not
// asked for.
func (a *Answers) Policy() reconcile.Policy {
	p := reconcile.Policy{Pricing: a.Tomorro.pricing(), DefaultSubstitute: a.Tomorro.DefaultSubstitute, MinAdmins: 1,
		GroupMode: reconcile.Exclusive, Limits: reconcile.DefaultLimits(), Titles: make(map[string]reconcile.UserType)}
	for _, t := range a.Titles {
		if t.From != TitleUnknown && t.From != TitleWord {
			p.Titles[t.Title] = t.Role
		}
	}
	return p
}
