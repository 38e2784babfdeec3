package main

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/caarlos0/env/v11"
	"github.com/goccy/go-yaml"
)

// TestCompose: what compose.yaml hands over is known to the program, and can be read by it:
// secrets that are files keep their owner and mode in a container, which init makes 0600.
func TestCompose(t *testing.T) {
	text, err := os.ReadFile("../../compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Services map[string]struct {
			User        string
			Profiles    []string
			Environment map[string]string
			Secrets     []string
			DependsOn   any `yaml:"depends_on"`
		}
		Secrets map[string]struct{ File string }
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	params, err := env.GetFieldParamsWithOptions(&config{}, env.Options{Prefix: envPrefix})
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range file.Services {
		for key := range s.Environment {
			if !slices.ContainsFunc(params, func(p env.FieldParams) bool { return p.Key == key }) {
				t.Errorf("%s: %s is no variable of the program", name, key)
			}
		}
		for _, given := range s.Secrets {
			if file.Secrets[given].File == "" {
				t.Errorf("%s: secret %s is not declared", name, given)
			}
		}
		if len(s.Secrets) > 0 && !strings.HasPrefix(s.User, "${RUN_AS:-") {
			t.Errorf("%s runs as %q, who cannot read the secrets that init wrote for their owner only", name, s.User)
		}
	}
	if len(file.Services["worker"].Secrets) != len(file.Secrets) {
		t.Error("the worker does not get all secrets")
	}
}
