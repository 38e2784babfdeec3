package metrics_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"tomorro-sync/jobs/metrics"
)

// exported are the names that a registry with everything tells, with their labels.
func exported(t *testing.T) map[string][]string {
	t.Helper()
	m := build(connection(t, "acme", full()))
	m.Listening("acme", "scim", true)
	names := make(map[string][]string)
	sample := regexp.MustCompile(`^([a-z_]+)(?:\{([^}]*(?:\{id\})?[^}]*)\})? `)
	label := regexp.MustCompile(`([a-z_]+)="`)
	for line := range strings.Lines(get(t, m, "/metrics")) {
		if found := sample.FindStringSubmatch(line); found != nil {
			for _, l := range label.FindAllStringSubmatch(found[2], -1) {
				if !slices.Contains(names[found[1]], l[1]) {
					names[found[1]] = append(names[found[1]], l[1])
				}
			}
			if names[found[1]] == nil {
				names[found[1]] = []string{}
			}
		}
	}
	return names
}

// expression is what a file asks of Prometheus, and where.
type expression struct{ where, text string }

func rules(t *testing.T) (out []expression) {
	t.Helper()
	var file struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert       string
				Expr        string
				For         string
				Labels      map[string]string
				Annotations map[string]string
			}
		}
	}
	if err := yaml.UnmarshalWithOptions(metrics.Rules, &file, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			if r.Alert == "" || r.Labels["severity"] == "" || r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
				t.Errorf("%+v lacks something", r)
			}
			out = append(out, expression{r.Alert, r.Expr})
		}
	}
	return out
}

func panels(t *testing.T) (out []expression) {
	t.Helper()
	var board struct {
		Panels []struct {
			ID          int
			Type, Title string
			GridPos     struct{ H, W, X, Y int }
			Targets     []struct{ Expr string }
		}
		Templating struct {
			List []struct{ Name, Definition string }
		}
	}
	if err := json.Unmarshal(metrics.Dashboard, &board); err != nil {
		t.Fatal(err)
	}
	ids := make(map[int]bool)
	for _, p := range board.Panels {
		if ids[p.ID] || p.Type != "row" && len(p.Targets) == 0 || p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("panel %+v", p)
		}
		ids[p.ID] = true
		for _, target := range p.Targets {
			out = append(out, expression{p.Title, target.Expr})
		}
	}
	for _, v := range board.Templating.List {
		if v.Definition != "" {
			out = append(out, expression{"variable " + v.Name, v.Definition})
		}
	}
	return out
}

var (
	tokens = regexp.MustCompile(`"[^"]*"|\[[^\]]*\]|[A-Za-z_:][A-Za-z0-9_:]*|[0-9.]+|[(){},]|=~|[=!<>]=?|[*/+-]|\S`)
	// words are those of PromQL, and of Grafana's variables, that the files use.
	words = []string{"max", "min", "sum", "by", "rate", "absent", "max_over_time", "and", "or", "unless", "on", "group_left", "histogram_quantile", "label_values"}
)

// check parses an expression as far as names go: each is a word of PromQL, an exported
// metric, or a label that a metric of the expression has; and brackets match.
func check(names map[string][]string, text string) (wrong []string) {
	labels, open := []string{"instance", "le"}, ""
	found := tokens.FindAllString(text, -1)
	for _, token := range found {
		labels = append(labels, names[token]...)
	}
	metricsNamed := 0
	for _, token := range found {
		switch first := token[0]; {
		case strings.ContainsRune("({", rune(first)):
			open += token
		case strings.ContainsRune(")}", rune(first)):
			want := map[byte]string{')': "(", '}': "{"}[first]
			if !strings.HasSuffix(open, want) {
				return append(wrong, "brackets")
			}
			open = open[:len(open)-1]
		case !(first >= 'a' && first <= 'z'):
		case slices.Contains(words, token) || slices.Contains(labels, token):
		case names[token] != nil:
			metricsNamed++
		default:
			wrong = append(wrong, token)
		}
	}
	if open != "" {
		wrong = append(wrong, "brackets")
	}
	if metricsNamed == 0 {
		wrong = append(wrong, "no metric")
	}
	return wrong
}

func TestFilesNameWhatExists(t *testing.T) {
	names := exported(t)
	all := append(rules(t), panels(t)...)
	if len(all) < 35 {
		t.Errorf("only %d expressions", len(all))
	}
	text := ""
	for _, e := range all {
		if wrong := check(names, e.text); wrong != nil {
			t.Errorf("%s: %v in %s", e.where, wrong, e.text)
		}
		text += " " + e.text + " "
	}
	for name := range names {
		base := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_sum"), "_count")
		unused := []string{"tomorro_sync_last_run_timestamp_seconds", "tomorro_sync_last_complete_run_timestamp_seconds", "tomorro_sync_next_run_timestamp_seconds", "tomorro_sync_schedule_paused"}
		if strings.HasPrefix(name, "tomorro_sync_") && !strings.Contains(text, base) && !slices.Contains(unused, name) {
			t.Errorf("neither file shows %s", name)
		}
	}
}

// TestEachConnectionIsMissed: absent() is silent as long as any connection is served, and so
// is every comparison about one of which nothing is heard. Some rule compares with before.
func TestEachConnectionIsMissed(t *testing.T) {
	missed := regexp.MustCompile(`^max by \(connection\) \(max_over_time\((tomorro_sync_[a-z_]+)\[(\d+)d\]\)\) unless max by \(connection\) \((tomorro_sync_[a-z_]+)\)$`)
	for _, r := range rules(t) {
		if found := missed.FindStringSubmatch(r.text); found != nil && found[1] == found[3] && found[1] == "tomorro_sync_redis_up" {
			return
		}
	}
	t.Error("no rule tells that one of several connections is served by nobody")
}

// TestCheckFindsMistakes: the test above would see them.
func TestCheckFindsMistakes(t *testing.T) {
	names := exported(t)
	for text, want := range map[string]string{
		`max by (connection) (tomorro_sync_marks_waiting) > 0`:              "[]",
		`max by (connection) (tomorro_sync_marks) > 0`:                      "[connection tomorro_sync_marks no metric]",
		`max by (rule) (tomorro_sync_marks_waiting)`:                        "[rule]",
		`max by (connection) (tomorro_sync_marks_waiting{rule="x"})`:        "[rule]",
		`max by (connection) (tomorro_sync_marks_waiting`:                   "[brackets]",
		`maxi by (connection) (tomorro_sync_marks_waiting)`:                 "[maxi]",
		`rate(tomorro_sync_push_duration_seconds{kind="x"}[5m])`:            "[tomorro_sync_push_duration_seconds kind no metric]",
		`rate(tomorro_sync_push_duration_seconds_bucket{kind="write"}[5m])`: "[]",
	} {
		if got := fmt.Sprint(check(names, text)); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

func TestFilesAreServed(t *testing.T) {
	m := build()
	if get(t, m, "/metrics/dashboard.json") != string(metrics.Dashboard) || get(t, m, "/metrics/alerts.yaml") != string(metrics.Rules) {
		t.Error("something else is served")
	}
}
