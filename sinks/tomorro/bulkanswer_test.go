package tomorro

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// twoAndOne are updates of the accounts a and b/c, and a create.
func twoAndOne(t *testing.T) (ops []*operation) {
	for _, line := range []string{"PUT /Users/a", "PUT /Users/b%2Fc", "POST /Users"} {
		method, path, _ := strings.Cut(line, " ")
		r, err := http.NewRequestWithContext(t.Context(), method, "http://tomorro.test/scim/v2"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		ops = append(ops, &operation{request: r, body: []byte("{}"), answer: make(chan opAnswer, 1)})
	}
	return ops
}

// say words answers: the status, - for none, alone for what is sent by itself.
func say(answers []opAnswer) string {
	var words []string
	for _, a := range answers {
		switch {
		case a.response != nil:
			words = append(words, fmt.Sprint(a.response.StatusCode, a.response.Header.Get("Retry-After")))
		case a.err != nil && a.unsent:
			words = append(words, "unsent")
		case a.err != nil:
			words = append(words, "-")
		default:
			words = append(words, "alone")
		}
	}
	return strings.Join(words, " ")
}

// TestBulkParts: each operation gets its own answer, and what cannot be told whose it is, is
// nobody's.
func TestBulkParts(t *testing.T) {
	const a, b, c = `{"method":"PUT","bulkId":"0","status":"200","location":"https://x.io/scim/v2/Users/a"}`, `{"method":"PUT","bulkId":"1","status":"404","location":"/Users/b%2Fc"}`, `{"method":"POST","bulkId":"2","status":"201","location":"/Users/d"}`
	unnamed := strings.NewReplacer(`"bulkId":"0",`, "", `"bulkId":"1",`, "", `"bulkId":"2",`, "")
	for name, test := range map[string]struct{ answer, want string }{
		"all":                   {a + "," + b + "," + c, "200 404 201"},
		"in another order":      {c + "," + a + "," + b, "200 404 201"},
		"by their places":       {unnamed.Replace(a + "," + b + "," + c), "200 404 201"},
		"places of too few":     {unnamed.Replace(a + "," + c), "- - -"},
		"places in disorder":    {unnamed.Replace(b + "," + a + "," + c), "- - 201"},
		"one is left out":       {a + "," + c, "200 - 201"},
		"the name of none":      {a + "," + b + "," + strings.Replace(c, `"2"`, `"3"`, 1), "200 404 -"},
		"a name below":          {a + "," + b + "," + strings.Replace(c, `"2"`, `"-1"`, 1), "200 404 -"},
		"a word for a name":     {a + "," + b + "," + strings.Replace(c, `"2"`, `"x"`, 1), "200 404 -"},
		"without a status":      {strings.Replace(a, `"status":"200",`, "", 1) + "," + b + "," + c, "- 404 201"},
		"another method":        {strings.Replace(a, "PUT", "DELETE", 1) + "," + b + "," + c, "- 404 201"},
		"another account":       {strings.Replace(a, "Users/a", "Users/z", 1) + "," + b + "," + c, "- 404 201"},
		"one that ends so":      {strings.Replace(a, "Users/a", "Users/za", 1) + "," + b + "," + c, "- 404 201"},
		"a location of none":    {strings.Replace(a, "https://x.io/", ":", 1) + "," + b + "," + c, "- 404 201"},
		"a status that is none": {strings.Replace(a, `"200"`, `"ok"`, 1) + "," + b + "," + c, "- - -"},
	} {
		if got := say(parts(twoAndOne(t), []byte(`{"Operations":[`+test.answer+`]}`))); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

// roundTrip is a transport that is a function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestBulkAnswered: what the answer to a whole request says of each write in it. Sent by
// itself is only what was not done.
func TestBulkAnswered(t *testing.T) {
	root, err := url.Parse("http://tomorro.test/scim/v2")
	if err != nil {
		t.Fatal(err)
	}
	cut := iotest.ErrReader(io.ErrUnexpectedEOF)
	for _, test := range []struct {
		status int
		body   io.Reader
		want   string
		most   int
	}{
		{200, strings.NewReader(`{"Operations":[]}`), "- - -", 3}, {200, strings.NewReader("<html>"), "- - -", 3}, {200, cut, "- - -", 3}, {500, cut, "- - -", 3},
		{302, http.NoBody, "302 302 302", 3}, {401, http.NoBody, "401 401 401", 3}, {403, http.NoBody, "403 403 403", 3}, {409, http.NoBody, "409 409 409", 3},
		{429, http.NoBody, "42960 42960 42960", 3}, {500, http.NoBody, "500 500 500", 3}, {502, http.NoBody, "502 502 502", 3}, {503, http.NoBody, "50360 50360 50360", 3}, {504, http.NoBody, "504 504 504", 3},
		{400, http.NoBody, "alone alone alone", 1}, {413, http.NoBody, "alone alone alone", 1}, {404, http.NoBody, "alone alone alone", 1}, {405, http.NoBody, "alone alone alone", 1}, {501, http.NoBody, "alone alone alone", 1},
	} {
		cfg := Config{}
		cfg.fill()
		sent := ""
		b := &bulk{root: root, cfg: &cfg, most: 3, base: roundTrip(func(r *http.Request) (*http.Response, error) {
			text, err := io.ReadAll(r.Body)
			sent = r.Method + " " + r.URL.Path + " " + string(text)
			header := http.Header{}
			if test.status == http.StatusTooManyRequests || test.status == http.StatusServiceUnavailable {
				header.Set("Retry-After", "60")
			}
			return &http.Response{StatusCode: test.status, Header: header, Body: io.NopCloser(test.body)}, err
		})}
		ops := twoAndOne(t)
		b.deal(slices.Clone(ops))
		var answers []opAnswer
		for _, o := range ops {
			answers = append(answers, <-o.answer)
		}
		if got := say(answers); got != test.want || b.most != test.most {
			t.Errorf("%d: %s, %d in the next; want %s, %d", test.status, got, b.most, test.want, test.most)
		}
		if want := `POST /scim/v2/Bulk {"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[{"method":"PUT","path":"/Users/a","bulkId":"0","data":{}},{"method":"PUT","path":"/Users/b%2Fc","bulkId":"1","data":{}},{"method":"POST","path":"/Users","bulkId":"2","data":{}}]}`; sent != want {
			t.Errorf("sent %s, want %s", sent, want)
		}
	}
	reset := errors.New("reset")
	b := &bulk{root: root, cfg: &Config{}, most: 3, base: fenced{roundTrip(func(*http.Request) (*http.Response, error) { return nil, reset })}}
	if got := say(b.request(twoAndOne(t))); got != "- - -" {
		t.Errorf("a request that broke off: %s", got)
	}
}

// FuzzBulkAnswer: no answer crashes the client, or has it take for answered what the
// answer does not show.
func FuzzBulkAnswer(f *testing.F) {
	f.Add(`{"Operations":[{"method":"PUT","bulkId":"0","status":"200"},{"method":"PUT","bulkId":"1","status":"404"}]}`)
	f.Add(`{"operations":[{"method":"put","status":200},{"status":200,"method":"put","location":"/Users/b"}]}`)
	f.Add(`{"Operations":[{"method":"PUT","bulkId":"1","status":"200","response":null},{"method":"PUT","bulkId":"1","status":"200"}]}`)
	f.Add(`[]`)
	f.Fuzz(func(t *testing.T, text string) {
		var ops []*operation
		for _, id := range []string{"a", "b"} {
			r, _ := http.NewRequest(http.MethodPut, "http://tomorro.test/scim/v2/Users/"+id, nil)
			ops = append(ops, &operation{request: r})
		}
		for i, a := range parts(ops, []byte(text)) {
			if a.response != nil && !strings.Contains(text, fmt.Sprint(a.response.StatusCode)) {
				t.Errorf("operation %d got %s", i, a.response.Status)
			}
			if (a.response == nil) == (a.err == nil) {
				t.Errorf("operation %d has %v and %v", i, a.response, a.err)
			}
		}
	})
}
