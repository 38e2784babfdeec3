package tomorro

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestProbeDeletesItsOwnGroup: a group that bears the mark of somebody else is not deleted.
func TestProbeDeletesItsOwnGroup(t *testing.T) {
	for mark, own := range map[string]bool{"": false, "okta-7": false, probeMark: true} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"id":"g","displayName":"probe","externalId":"` + mark + `"}`))
		}))
		c, err := New(Config{URL: server.URL, Token: "t", Retries: -1})
		if err != nil {
			t.Fatal(err)
		}
		p := newProbe(c, Sandbox{Account: "probe@x.io", Group: "probe"})
		p.group.ID = "g"
		if p.marked(t.Context()) != own {
			t.Errorf("marked %q: %v", mark, !own)
		}
		server.Close()
	}
}
