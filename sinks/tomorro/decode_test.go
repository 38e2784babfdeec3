package tomorro

import (
	"encoding/json"
	"testing"
)

func FuzzUserPage(f *testing.F) {
	f.Add([]byte(`{"totalResults":1,"Resources":[{"id":"a","active":"False","name":{}}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var p page[user]
		if json.Unmarshal(body, &p) != nil {
			return
		}
		for i := range p.Resources {
			_ = p.Resources[i].account()
		}
	})
}

func FuzzGroupPage(f *testing.F) {
	f.Add([]byte(`{"totalResults":1,"Resources":[{"id":"a","members":[{"value":"x","type":"Group"},{}]}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var p page[group]
		if json.Unmarshal(body, &p) != nil {
			return
		}
		for i := range p.Resources {
			for _, m := range p.Resources[i].group().Members {
				if m == "" {
					t.Errorf("a member without an id from %q", body)
				}
			}
		}
	})
}

func FuzzPlausible(f *testing.F) {
	f.Add([]byte(" {} \n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		if got := trim(body); len(got) > len(body) {
			t.Errorf("%q became %q", body, got)
		}
	})
}
