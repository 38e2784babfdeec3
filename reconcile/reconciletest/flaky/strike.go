package flaky

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"
)

// longest bounds a timeout fault, should the client never give up.
const longest = time.Minute

// html429 is the 117-byte page that load balancers answer bursts with.
const html429 = "<html><body><h1>429 Too Many Requests</h1>\nYou have sent too many requests in a given amount of time.\n</body></html>\n"

// strike answers in place of next.
func (f *Fault) strike(w *recorder, r *http.Request, next http.Handler) {
	for name, value := range f.Header {
		w.Header().Set(name, value)
	}
	switch f.Kind {
	case KindStatus:
		if f.Body != "" && w.Header().Get("Content-Type") == "" {
			w.Header().Set("Content-Type", "application/json")
		}
		w.WriteHeader(f.Status)
		fmt.Fprint(w, f.Body)
	case KindHTML429:
		page(w, http.StatusTooManyRequests, html429)
	case KindV1RateLimit:
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"status":{"error":true,"code":400,"type":"bad request","message":"rate_limit_exceeded"}}`)
	case KindHTML200:
		page(w, http.StatusOK, "<!DOCTYPE html><html><body><form>Sign in</form></body></html>")
	case KindEmpty:
		f.empty(w)
	case KindReset:
		w.cut()
	case KindTimeout:
		_, _ = io.Copy(io.Discard, r.Body) // or the server would not notice that the client has gone
		select {
		case <-r.Context().Done():
		case <-time.After(longest):
		}
		w.cut()
	case KindSlow:
		time.Sleep(f.Delay)
		next.ServeHTTP(w, r)
	case KindLostAnswer:
		next.ServeHTTP(httptest.NewRecorder(), r)
		w.cut()
	case KindTruncated:
		truncate(w, r, next)
	default:
		http.Error(w, "unknown kind of fault "+f.Kind, http.StatusInternalServerError)
	}
}

func page(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "text/html")
	w.Header().Set("Cache-Control", "no-cache")
	w.WriteHeader(status)
	fmt.Fprint(w, body)
}

func (f *Fault) empty(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	body := f.Body
	if body == "" {
		body = "[]"
		for name, value := range map[string]string{"Current-Page": "1", "Page-Items": "0", "Total-Pages": "1", "Total-Count": "0"} {
			w.Header().Set(name, value)
		}
	}
	fmt.Fprint(w, body)
}

// truncate sends half of the real answer, as if that were all.
func truncate(w http.ResponseWriter, r *http.Request, next http.Handler) {
	whole := httptest.NewRecorder()
	next.ServeHTTP(whole, r)
	for name, values := range whole.Header() {
		if name != "Content-Length" {
			w.Header()[name] = values
		}
	}
	w.WriteHeader(whole.Code)
	_, _ = w.Write(whole.Body.Bytes()[:whole.Body.Len()/2])
}

// recorder notes the status, and can break the connection.
type recorder struct {
	http.ResponseWriter
	status int
}

// WriteHeader notes the status.
func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write implies status 200.
func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(b)
}

// cut breaks the connection without an answer.
func (r *recorder) cut() {
	if hijacker, ok := r.ResponseWriter.(http.Hijacker); ok {
		if conn, _, err := hijacker.Hijack(); err == nil {
			_ = conn.Close()
			return
		}
	}
	panic(http.ErrAbortHandler)
}
