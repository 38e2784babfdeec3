//go:build integration

package main

import (
	"bytes"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// tap sits on everything that a process says and hears: each request, each
// answer, each message to and from Redis is an event. At one of them it springs.
type tap struct {
	at     int    // the event that springs; 0: none
	spring func() // called once, while nothing passes
	cuts   bool   // nothing passes from then on
	drops  bool   // that one does not pass
	only   string // count only events that begin with this
	asks   bool   // count only what the process says: who is killed before an answer leaves what they do before the next question

	mu    sync.Mutex
	count int
	what  string // the event that sprang
	cut   bool
	busy  int // requests and directions of connections under way
}

// event reports whether it passes.
func (p *tap) event(what string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cut {
		return false
	}
	if !strings.HasPrefix(what, p.only) || p.asks && strings.HasSuffix(what, " answer") {
		return true
	}
	p.count++
	if p.count != p.at {
		return true
	}
	p.what = what
	if p.spring != nil {
		p.spring()
	}
	p.cut = p.cuts
	return !p.cuts && !p.drops
}

// begin counts what is under way.
func (p *tap) begin(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.busy += n
}

// wait returns when nothing is under way any more.
func (p *tap) wait() {
	for {
		p.mu.Lock()
		n := p.busy
		p.mu.Unlock()
		if n == 0 {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// sprung is the event that sprang, or empty.
func (p *tap) sprung() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.what
}

// http serves h through the tap and gives the address.
func (p *tap) http(t *testing.T, name string, h http.Handler) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.begin(1)
		defer p.begin(-1)
		body, err := io.ReadAll(r.Body)
		if err != nil || !p.event(name+" request") {
			panic(http.ErrAbortHandler)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, r)
		if !p.event(name + " answer") {
			panic(http.ErrAbortHandler)
		}
		maps.Copy(w.Header(), answer.Header())
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// tcp relays to address through the tap and gives its own.
func (p *tap) tcp(t *testing.T, address string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", address)
			if err != nil {
				_ = near.Close()
				continue
			}
			p.begin(2)
			go p.relay(near, far, near, "Redis command")
			go p.relay(far, near, near, "Redis answer")
		}
	}()
	return l.Addr().String()
}

// relay ends with the source; what was passed on before is still dealt with. A
// message that does not pass ends the connection on the program's side.
func (p *tap) relay(from, to, near net.Conn, what string) {
	defer p.begin(-1)
	defer func() { _ = to.(*net.TCPConn).CloseWrite() }()
	buffer := make([]byte, 1<<20)
	for {
		n, err := from.Read(buffer)
		if n > 0 && p.event(what) {
			_, _ = to.Write(buffer[:n])
		} else if n > 0 {
			_ = near.Close()
		}
		if err != nil {
			return
		}
	}
}

// redis gives the variable that leads a child to Redis through the tap.
func (p *tap) redis(t *testing.T, url string) string {
	address := strings.TrimSuffix(strings.TrimPrefix(url, "redis://"), "/0")
	return envPrefix + "REDIS_URL=redis://" + p.tcp(t, address) + "/0"
}
