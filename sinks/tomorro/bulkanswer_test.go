package tomorro

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

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
