package setup

import (
	"encoding/json"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"unicode"

	"tomorro-sync/reconcile"
	"tomorro-sync/reconcile/words"
)

// mostTitles is how many titles nobody has mapped the configuration lists.
const mostTitles = 300

// Render makes the configuration. secrets is the directory of the secrets' files as the
// configuration is to name it. No secret is in the text.
func Render(a *Answers, s *Survey, secrets string) []byte {
	y := &yamlText{secrets: secrets}
	y.line("# tomorro-sync: keeps Tomorro equal to what OneLogin says. Every key is in the README; what is not here has its default.")
	y.line("# Made by: tomorro-sync init. See what a run would do with: tomorro-sync plan")
	y.line("")
	y.line("onelogin:")
	y.line("  url: %s", quote(a.OneLogin.URL))
	y.line("  client_id: %s", quote(a.OneLogin.ClientID))
	y.line("  client_secret_file: %s", y.file(FileClientSecret))
	y.line("  app_id: %d   # %s", a.OneLogin.AppID, quote(a.OneLogin.AppName))
	y.line("  # scope_roles: [Legal]   # only people with one of these roles are managed; else everybody who has the app")
	y.line("")
	y.line("tomorro:")
	y.line("  url: %s", quote(a.Tomorro.URL))
	y.line("  token_file: %s", y.file(FileToken))
	y.line("  pricing: %s", a.Tomorro.Pricing)
	y.substitute(a)
	y.line("  # api_account: it@acme.com   # the account whose token this is, if it has one; it is never changed")
	y.line("")
	y.redis(a)
	y.titles(a.Titles, s.NoTitle)
	y.groups(s)
	y.listen(a)
	y.line("# When serve makes its runs: minute hour day month weekday.")
	y.line("# schedule: {cron: \"0 2 * * *\", timezone: Europe/Paris}")
	return []byte(y.b.String())
}

// yamlText is a configuration that is being written.
type yamlText struct {
	b       strings.Builder
	secrets string
}

func (y *yamlText) line(format string, args ...any) { fmt.Fprintf(&y.b, format+"\n", args...) }

func (y *yamlText) file(name string) string { return quote(filepath.Join(y.secrets, name)) }

func (y *yamlText) substitute(a *Answers) {
	y.line("  # Who inherits what leavers own; the same person as in Tomorro under Integrations, User Provisioning.")
	if a.Tomorro.DefaultSubstitute == "" {
		y.line("  # default_substitute: legal@acme.com   # until this is set, it is not checked before somebody is removed")
		return
	}
	y.line("  default_substitute: %s", quote(a.Tomorro.DefaultSubstitute))
}

func (y *yamlText) redis(a *Answers) {
	if a.Redis.URL == "" {
		y.line("# Needed by reconcile, serve and journal, not by plan.")
		y.line("# redis: {url: \"redis://localhost:6379/0\"}")
		y.line("")
		return
	}
	y.line("redis:")
	if a.Redis.inFile() {
		y.line("  url_file: %s", y.file(FileRedisURL))
	} else {
		y.line("  url: %s", quote(string(a.Redis.URL)))
	}
	if a.Redis.Password != "" {
		y.line("  password_file: %s", y.file(FileRedisPassword))
	}
	y.line("")
}

// inFile says that the address carries a password.
func (r *RedisAnswers) inFile() bool {
	u, err := url.Parse(string(r.URL))
	return err != nil || u.User != nil || u.RawQuery != "" && strings.Contains(strings.ToLower(u.RawQuery), "pass")
}

func (y *yamlText) titles(all []Title, without int) {
	of := func(from ...TitleSource) (some []Title) {
		for _, t := range all {
			for _, f := range from {
				if t.From == f {
					some = append(some, t)
				}
			}
		}
		return some
	}
	y.line("# What job titles mean at Tomorro: admin, manager, user or viewer. Case and blanks do not matter.")
	for _, t := range of(TitleWord) {
		y.line("#   %s is a role already: %s", t.Role, people(t.People))
	}
	if without > 0 {
		y.line("#   without a title in OneLogin: %s, held until they have one", people(without))
	}
	y.line("titles:")
	for _, t := range of(TitleName, TitleAccounts) {
		y.line("  %s: %s   # %s; %s", quote(t.Title), t.Role, people(t.People), t.Why())
	}
	unknown := of(TitleUnknown)
	if len(unknown) > 0 {
		y.line("  # Nobody has said what these mean; their people are held until you do. Take the # away and put the role in place of ROLE:")
	}
	for _, t := range unknown[:min(len(unknown), mostTitles)] {
		y.line("  # %s: ROLE   # %s; %s", quote(t.Title), people(t.People), t.Why())
	}
	if n := len(unknown) - mostTitles; n > 0 {
		y.line("  # and %d more; tomorro-sync plan names them", n)
	}
	y.line("")
}

func (y *yamlText) groups(s *Survey) {
	y.line("groups:")
	y.line("  mode: exclusive   # what no rule gives is taken away; additive lets memberships made by hand stay")
	if len(s.Missing) > 0 {
		y.line("  # Rules name %s that Tomorro does not have: %s", words.Count(len(s.Missing), "group", "groups"), quoted(s.Missing, 20))
		y.line("  # create: true   # makes them; else create them in Tomorro, as its guide says")
	}
	if n := s.Changes[reconcile.OpRemoveMember]; n > 0 {
		y.line("  # As things are, %s would be taken away that no rule gives. See them with plan before the first run;", words.Count(n, "membership", "memberships"))
		y.line("  # while rules are still being made, mode: additive keeps them.")
	}
	y.line("")
}

func (y *yamlText) listen(a *Answers) {
	if a.BaseURL == "" {
		y.line("# For changes within seconds, let OneLogin push to serve; see Pushes in the README, or run init again with --force.")
		y.line("# listen: {scim: \":8443\", tokens_file: %s, base_url: https://sync.acme.com:8443/scim/v2}", y.file(FileListenTokens))
		y.line("")
		return
	}
	port := "8443"
	if u, err := url.Parse(a.BaseURL); err == nil && u.Port() != "" {
		port = u.Port()
	}
	y.line("listen:")
	y.line("  scim: %s", quote(":"+port))
	y.line("  tokens_file: %s   # one a line", y.file(FileListenTokens))
	y.line("  base_url: %s   # as OneLogin has it", quote(a.BaseURL))
	y.line("  # Without a certificate, a proxy in front must speak TLS:")
	y.line("  # cert_file: tls.crt")
	y.line("  # key_file: tls.key")
	y.line("")
}

// quote writes text as a YAML string in double quotes, which JSON's are. Characters
// that YAML does not take, or that could end a comment's line, are escaped.
func quote(text string) string {
	encoded, err := json.Marshal(strings.ToValidUTF8(text, "\ufffd"))
	if err != nil {
		return `""` // a string can always be encoded
	}
	var b strings.Builder
	for _, r := range string(encoded) {
		switch {
		case r > 0xffff && !unicode.IsPrint(r):
			fmt.Fprintf(&b, `\U%08x`, r)
		case r > 0x7e && !unicode.IsPrint(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(b.String())
}

func quoted(names []string, most int) string {
	var all []string
	for i, name := range names {
		if i == most {
			all = append(all, fmt.Sprintf("and %d more", len(names)-most))
			break
		}
		all = append(all, quote(name))
	}
	return strings.Join(all, ", ")
}

func people(n int) string { return words.Count(n, "person", "people") }
