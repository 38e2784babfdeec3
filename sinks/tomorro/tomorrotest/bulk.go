package tomorrotest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
)

// Bulk is how the service does Bulk requests (RFC 7644 section 3.7). The zero value
// does none.
type Bulk struct {
	Operations int  `json:"operations"` // in one request, 413 above; 0 means that there is no Bulk
	Bytes      int  `json:"bytes"`      // of a body, 413 above; 0 means 1 MiB
	Refused    bool `json:"refused"`    // 501 all the same
	Silent     bool `json:"silent"`     // what succeeded has no response in the answer
	Nameless   bool `json:"nameless"`   // bulkId and location come back for POST alone
	Numbers    bool `json:"numbers"`    // the status is a number
	Backwards  bool `json:"backwards"`  // the answers are in another order
	Forgets    int  `json:"forgets"`    // this many operations are done and left out of the answer
	Throttles  int  `json:"throttles"`  // this many operations get 429
	Status     int  `json:"status"`     // of the whole answer; 0 means 200
}

const (
	urnBulkRequest  = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
	urnBulkResponse = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"
)

func (b *Bulk) payload() int { return cmp.Or(b.Bytes, 1<<20) }

type wireOperation struct {
	Method   string          `json:"method"`
	Path     string          `json:"path,omitempty"`
	BulkID   string          `json:"bulkId,omitempty"`
	Data     json.RawMessage `json:"data,omitempty"`
	Location string          `json:"location,omitempty"`
	Status   any             `json:"status,omitempty"`
	Response json.RawMessage `json:"response,omitempty"`
}

type wireBulk struct {
	Schemas      []string        `json:"schemas"`
	FailOnErrors int             `json:"failOnErrors,omitempty"`
	Operations   []wireOperation `json:"Operations"`
}

// bulk does several operations, each as if it came by itself, and goes on after a
// failure unless failOnErrors says otherwise. References to a bulkId are not resolved.
func (s *Server) bulk(w http.ResponseWriter, r *http.Request) {
	knobs := &s.knobs.Bulk
	if knobs.Operations == 0 || knobs.Refused {
		refuse(w, http.StatusNotImplemented, "", "there is no Bulk")
		return
	}
	text, _ := io.ReadAll(r.Body)
	var b wireBulk
	switch err := json.Unmarshal(text, &b); {
	case err != nil || !slices.Contains(b.Schemas, urnBulkRequest):
		refuse(w, http.StatusBadRequest, "invalidSyntax", "this is no BulkRequest")
		return
	case len(b.Operations) > knobs.Operations || len(text) > knobs.payload():
		refuse(w, http.StatusRequestEntityTooLarge, "", "the size of the bulk operation exceeds what is supported")
		return
	}
	seen := make(map[string]bool)
	out := wireBulk{Schemas: []string{urnBulkResponse}, Operations: []wireOperation{}}
	failed := 0
	for _, op := range b.Operations {
		if op.Method == http.MethodPost && op.BulkID == "" || op.BulkID != "" && seen[op.BulkID] {
			refuse(w, http.StatusBadRequest, "invalidSyntax", "a bulkId is missing, or is there twice")
			return
		}
		seen[op.BulkID] = true
	}
	for _, op := range b.Operations {
		if b.FailOnErrors > 0 && failed >= b.FailOnErrors {
			break
		}
		part, status := s.operation(r, op)
		if status >= 300 {
			failed++
		}
		if knobs.Forgets > 0 {
			knobs.Forgets--
			continue
		}
		out.Operations = append(out.Operations, part)
	}
	if knobs.Backwards {
		slices.Reverse(out.Operations)
	}
	send(w, cmp.Or(knobs.Status, http.StatusOK), out)
}

// operation does one of them.
func (s *Server) operation(r *http.Request, op wireOperation) (part wireOperation, status int) {
	knobs := &s.knobs.Bulk
	answer := &partAnswer{status: http.StatusOK, header: make(http.Header)}
	one, err := http.NewRequestWithContext(r.Context(), op.Method, s.prefix+op.Path, bytes.NewReader(op.Data))
	switch {
	case err != nil || op.Path == "" || op.Path[0] != '/':
		refuse(answer, http.StatusBadRequest, "invalidPath", "the operation is not understood")
	case knobs.Throttles > 0:
		knobs.Throttles--
		refuse(answer, http.StatusTooManyRequests, "", "too many requests")
	default:
		s.parts.ServeHTTP(answer, one)
	}
	part = wireOperation{Method: op.Method, BulkID: op.BulkID, Status: strconv.Itoa(answer.status), Location: s.prefix + op.Path}
	if knobs.Numbers {
		part.Status = answer.status
	}
	var made struct {
		Meta wireMeta `json:"meta"`
	}
	if op.Method == http.MethodPost {
		_ = json.Unmarshal(answer.body.Bytes(), &made)
		part.Location = made.Meta.Location
	}
	if knobs.Nameless && op.Method != http.MethodPost {
		part.BulkID, part.Location = "", ""
	}
	if body := bytes.TrimSpace(answer.body.Bytes()); len(body) > 0 && (answer.status >= 300 || !knobs.Silent) {
		part.Response = body
	}
	return part, answer.status
}

// partAnswer keeps the answer to one operation.
type partAnswer struct {
	status int
	header http.Header
	body   bytes.Buffer
}

func (p *partAnswer) Header() http.Header            { return p.header }
func (p *partAnswer) WriteHeader(status int)         { p.status = status }
func (p *partAnswer) Write(data []byte) (int, error) { return p.body.Write(data) }
