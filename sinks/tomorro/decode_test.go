package tomorro

import (
	stdjson "encoding/json"
	"reflect"
	"testing"

	json "github.com/go-json-experiment/json/v1"
)

// decoded reads a page, and again as encoding/json does, which must see the same in it.
func decoded[T any](t *testing.T, body []byte) (p page[T], ok bool) {
	err := json.Unmarshal(body, &p)
	var std page[T]
	other := stdjson.Unmarshal(body, &std)
	if (err == nil) != (other == nil) || err == nil && !reflect.DeepEqual(p, std) {
		t.Errorf("%q is %+v, %v and to encoding/json %+v, %v", body, p, err, std, other)
	}
	return p, err == nil
}

func FuzzUserPage(f *testing.F) {
	f.Add([]byte(`{"totalResults":1,"Resources":[{"id":"a","active":"False","name":{}}]}`))
	f.Add([]byte(`{"RESOURCES":[{"ID":"a","id":"b","user_name":"c","Name":{"givenName":"\ud800"},"name":{"familyName":"` + "\xff" + `"},"active":null,"x":{"id":1}}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		p, ok := decoded[user](t, body)
		if !ok {
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
		p, ok := decoded[group](t, body)
		if !ok {
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
