package push_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"golang.org/x/time/rate"

	"tomorro-sync/reconcile"
	"tomorro-sync/sources/push"
	"tomorro-sync/sources/push/pushtest"
)

var update = flag.Bool("update", false, "write the answers of the recorded cases anew; status and told stay as they are")

func TestMain(m *testing.M) {
	flag.Parse()
	goleak.VerifyTestMain(m)
}

const token = "one-token-of-the-tests"

// world is the Tomorro of all tests.
func world() *pushtest.Fake {
	return pushtest.New([]reconcile.Account{
		{ID: "u2", UserName: "omar@example.com", GivenName: "Omar", FamilyName: "Reyes", UserType: "user", Active: true, ExternalID: "onelogin:77"},
		{ID: "u1", UserName: "jane.doe@example.com", GivenName: "Jane", FamilyName: "Doe", UserType: "manager", Active: true},
		{ID: "u3", UserName: "lena@example.com", GivenName: "Lena", FamilyName: "Vogt", UserType: "viewer"},
		{ID: "u4", UserName: "jane+test@example.com", GivenName: "Jane", FamilyName: "Test", UserType: "user", Active: true},
	}, []reconcile.Group{
		{ID: "g2", Name: "Finance", Members: []string{"u1", "u2"}, Ours: true},
		{ID: "g1", Name: "Legal", Members: []string{"u1"}},
		{ID: "g3", Name: "Nobody"},
	})
}

// listener serves a fake; change may be nil.
func listener(t testing.TB, f *pushtest.Fake, change func(*push.Options)) *push.Listener {
	t.Helper()
	o := push.Options{Users: f, Groups: f, Pusher: f.Pusher(), Tokens: []string{token}, Rate: rate.Inf}
	if change != nil {
		change(&o)
	}
	l, err := push.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// recorded is a case of testdata.
type recorded struct {
	About string `json:"about"`
	// From is documentation (a vendor's page or sample shows it), trace (seen in code
	// written against the real product), recalled (from the vendor's published
	// reference, which was not at hand) or inference; Source says which.
	From    string            `json:"from"`
	Source  string            `json:"source"`
	Method  string            `json:"method"`
	Path    string            `json:"path"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    json.RawMessage   `json:"body,omitempty"`
	Raw     string            `json:"raw,omitempty"` // a body that is no JSON document, or whose bytes matter
	Status  int               `json:"status"`
	Told    []json.RawMessage `json:"told"` // what the Pusher was told
	Answer  json.RawMessage   `json:"answer,omitempty"`
}

func TestRecorded(t *testing.T) {
	files, err := filepath.Glob("testdata/recorded/*.json")
	if err != nil || len(files) < 60 {
		t.Fatalf("%d cases, %v; want 60 or more", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) { replay(t, file) })
	}
}

func replay(t *testing.T, file string) {
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var c recorded
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&c); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains([]string{"documentation", "trace", "recalled", "inference"}, c.From) || c.Source == "" {
		t.Errorf("from %q, source %q: every case says where it comes from", c.From, c.Source)
	}
	body := []byte(c.Raw)
	if c.Body != nil {
		body = c.Body
	}
	r := httptest.NewRequest(c.Method, c.Path, bytes.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+token)
	for name, value := range c.Headers {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	f := world()
	listener(t, f, nil).ServeHTTP(w, r)
	if w.Code != c.Status {
		t.Errorf("status %d, want %d: %s", w.Code, c.Status, w.Body)
	}
	checkForm(t, r.Method, w)
	if diff := cmp.Diff(generic(t, c.Told), told(t, f)); diff != "" {
		t.Errorf("the Pusher was told otherwise (-want +got):\n%s", diff)
	}
	if *update {
		c.Answer = bytes.Clone(w.Body.Bytes())
		if len(c.Answer) == 0 {
			c.Answer = nil
		}
		writeCase(t, file, c)
		return
	}
	if diff := cmp.Diff(asJSON(t, c.Answer), asJSON(t, w.Body.Bytes())); diff != "" {
		t.Errorf("another answer (-want +got):\n%s", diff)
	}
}

func writeCase(t *testing.T, file string, c recorded) {
	t.Helper()
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(c); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// checkForm holds what every answer must be, whatever it says.
func checkForm(t testing.TB, method string, w *httptest.ResponseRecorder) {
	t.Helper()
	if w.Code == http.StatusNoContent || w.Code == http.StatusNotModified {
		if w.Body.Len() > 0 {
			t.Errorf("%d with a body", w.Code)
		}
		return
	}
	if got := w.Result().Header.Get("Content-Type"); got != "application/json" {
		t.Errorf("Content-Type %q; OneLogin reads nothing but application/json", got)
	}
	if w.Result().Header.Get("X-Request-Id") == "" {
		t.Error("no X-Request-Id")
	}
	var said struct {
		Schemas   []string         `json:"schemas"`
		Status    any              `json:"status"`
		Detail    string           `json:"detail"`
		Meta      map[string]any   `json:"meta"`
		Total     *int             `json:"totalResults"`
		Resources []map[string]any `json:"Resources"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &said); err != nil || len(said.Schemas) == 0 {
		t.Errorf("%v, schemas %v in %q", err, said.Schemas, w.Body)
		return
	}
	switch {
	case w.Code >= 400:
		if said.Schemas[0] != "urn:ietf:params:scim:api:messages:2.0:Error" || said.Status != strconv.Itoa(w.Code) || said.Detail == "" {
			t.Errorf("not a SCIM error: %s", w.Body)
		}
	case w.Code == http.StatusCreated:
		if location := w.Result().Header.Get("Location"); location == "" || location != said.Meta["location"] {
			t.Errorf("201 with Location %q, meta %v", location, said.Meta)
		}
	case said.Total != nil && (said.Resources == nil || len(said.Resources) > *said.Total):
		t.Errorf("a list with %d of %d resources", len(said.Resources), *said.Total)
	}
}

// told is what the Pusher was told, as the cases write it: what is empty is left
// out.
func told(t testing.TB, f *pushtest.Fake) []any {
	t.Helper()
	out := []any{}
	for _, said := range f.Told() {
		fields := map[string]any{}
		v := reflect.ValueOf(said)
		for i := range v.NumField() {
			if !v.Field(i).IsZero() {
				fields[v.Type().Field(i).Name] = v.Field(i).Interface()
			}
		}
		data, err := json.Marshal(map[string]any{v.Type().Name(): fields})
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, asJSON(t, data))
	}
	return out
}

func generic(t testing.TB, list []json.RawMessage) []any {
	t.Helper()
	out := []any{}
	for _, raw := range list {
		out = append(out, asJSON(t, raw))
	}
	return out
}

func asJSON(t testing.TB, data []byte) (v any) {
	t.Helper()
	if len(data) == 0 {
		return nil
	}
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatalf("%v in %q", err, data)
	}
	return v
}
