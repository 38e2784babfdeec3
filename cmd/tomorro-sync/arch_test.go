package main

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// importRules says which of our own packages each package may import, itself
// and its parents' rules apart. The reasons: the domain knows no service, a
// service does not know another, and only the program knows all.
var importRules = []struct {
	pkg   string
	may   []string // prefixes of our own packages
	extra []string // modules outside the standard library; nil means any
}{
	{"reconcile", []string{"reconcile/scim"}, []string{"github.com/sourcegraph/conc", "golang.org/x/text"}},
	{"reconcile/scim", nil, []string{}},
	{"reconcile/adopt", []string{"reconcile", "reconcile/scim"}, []string{"github.com/sourcegraph/conc", "golang.org/x/text", "go.uber.org"}},
	{"reconcile/migration", []string{"reconcile", "reconcile/scim"}, []string{"github.com/sourcegraph/conc", "golang.org/x/text", "go.uber.org"}},
	{"reconcile/roster", []string{"reconcile", "reconcile/scim"}, []string{"github.com/sourcegraph/conc", "golang.org/x/text", "go.uber.org"}},
	{"reconcile/words", []string{"reconcile", "reconcile/scim"}, []string{"github.com/sourcegraph/conc", "golang.org/x/text", "go.uber.org"}},
	{"reconcile/pace", nil, []string{"golang.org/x/time"}},
	{"sources/onelogin", []string{"reconcile", "reconcile/pace"}, nil},
	{"sources/onelogin/onelogintest", []string{"reconcile/reconciletest/flaky"}, nil},
	{"sources/push", []string{"reconcile", "reconcile/scim"}, []string{"golang.org/x/time", "golang.org/x/text", "github.com/sourcegraph/conc"}},
	{"sources/push/pushtest", []string{"sources/push", "reconcile", "reconcile/scim"}, nil},
	{"sinks/tomorro", []string{"reconcile", "reconcile/pace", "reconcile/scim"}, nil},
	{"sinks/tomorro/tomorrotest", []string{"reconcile/reconciletest/flaky"}, nil},
	{"jobs", []string{"reconcile", "reconcile/adopt", "reconcile/scim"}, nil},
	{"jobs/redisstore", []string{"jobs", "reconcile", "reconcile/adopt", "reconcile/pace", "reconcile/scim"}, nil},
	{"jobs/admin", []string{"jobs", "reconcile", "reconcile/adopt", "reconcile/scim"}, nil},
	{"jobs/console", []string{"jobs", "reconcile", "reconcile/adopt", "reconcile/scim", "reconcile/words"}, []string{"github.com/robfig/cron", "github.com/sourcegraph/conc", "golang.org/x/text", "golang.org/x/time", "go.uber.org",
		"github.com/coreos/go-oidc", "github.com/go-jose/go-jose", "golang.org/x/oauth2"}},
	{"jobs/check", []string{"jobs", "reconcile", "reconcile/adopt", "reconcile/scim", "reconcile/words"}, []string{"github.com/robfig/cron", "github.com/sourcegraph/conc", "golang.org/x/text", "go.uber.org"}},
	{"jobs/audit", []string{"jobs", "reconcile", "reconcile/adopt", "reconcile/scim"}, []string{"github.com/robfig/cron", "github.com/sourcegraph/conc", "golang.org/x/text", "go.uber.org"}},
	{"jobs/migrate", []string{"jobs", "reconcile", "reconcile/adopt", "reconcile/scim"}, []string{"github.com/robfig/cron", "github.com/sourcegraph/conc", "golang.org/x/text", "go.uber.org"}},
	{"jobs/alert", []string{"jobs", "reconcile", "reconcile/adopt", "reconcile/scim", "reconcile/words"}, nil},
	{"jobs/setup", []string{"reconcile", "reconcile/scim", "reconcile/words"}, []string{"github.com/sourcegraph/conc", "golang.org/x/text", "go.uber.org"}},
	{"jobs/metrics", []string{"jobs", "reconcile", "reconcile/adopt", "reconcile/scim"}, nil},
}

func TestImportRules(t *testing.T) {
	t.Parallel()
	for _, rule := range importRules {
		out, err := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", "tomorro-sync/"+rule.pkg).CombinedOutput()
		if err != nil {
			t.Fatalf("go list %s: %v\n%s", rule.pkg, err, out)
		}
		for dep := range strings.FieldsSeq(string(out)) {
			own, isOwn := strings.CutPrefix(dep, "tomorro-sync/")
			switch {
			case isOwn && own != rule.pkg && !slices.Contains(rule.may, own):
				t.Errorf("%s must not import %s", rule.pkg, own)
			case !isOwn && rule.extra != nil && !hasPrefix(rule.extra, dep):
				t.Errorf("%s must not import %s", rule.pkg, dep)
			}
		}
	}
}

// TestTopLevel holds the fixed layout of the repository. What a build or a
// rehearsal leaves there is ignored, as .gitignore does.
func TestTopLevel(t *testing.T) {
	entries, err := os.ReadDir("../..")
	if err != nil {
		t.Fatal(err)
	}
	allowed := []string{"cmd", "reconcile", "sources", "sinks", "jobs", "go.mod", "go.sum", "compose.yaml", "README.md", "LICENSE",
		"tomorro-sync", "tomorro-sync.yaml", "secrets"}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && !slices.Contains(allowed, e.Name()) {
			t.Errorf("%s has no place at the top level", e.Name())
		}
	}
}

func hasPrefix(list []string, s string) bool {
	return slices.ContainsFunc(list, func(x string) bool { return s == x || strings.HasPrefix(s, x+"/") })
}
