package alert_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"tomorro-sync/jobs/alert"
)

var message = alert.Message{Subject: "tomorro-sync acme: the last run failed", Lines: []string{"NEW: 3 changes failed <&> naïve.", ".a line that begins with a dot"}}

func TestWebhook(t *testing.T) {
	var got map[string]string
	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" || r.URL.Path != "/services/T0/hush" {
			t.Errorf("%s %s", r.Method, r.URL)
		}
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			t.Error(err)
		}
		w.Header().Set("Location", "http://127.0.0.1:1/elsewhere/hush")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "hush")
	}))
	defer server.Close()
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	hook := &alert.Webhook{URL: server.URL + "/services/T0/hush"}
	if err := hook.Send(t.Context(), message); err != nil || got["text"] != "tomorro-sync acme: the last run failed\n\nNEW: 3 changes failed &lt;&amp;&gt; naïve.\n\n.a line that begins with a dot" || len(got) != 1 {
		t.Errorf("%q %v", got, err)
	}
	for _, code := range []int{302, 400, 404, 500} {
		status = code
		if err := hook.Send(t.Context(), message); err == nil || strings.Contains(err.Error(), "hush") || !strings.Contains(err.Error(), fmt.Sprint(code)) {
			t.Errorf("%d: %v", code, err)
		}
	}
	server.Close()
	for _, address := range []string{hook.URL, "http://127.0.0.1:1/hush", "https://nowhere.invalid/hush?token=hush", "http://bad host/hush", "%zzhush"} {
		err := (&alert.Webhook{URL: address}).Send(t.Context(), message)
		beat := (&alert.Heartbeat{URL: address}).Beat(t.Context())
		for _, err := range []error{err, beat} {
			if err == nil || strings.Contains(err.Error(), "hush") {
				t.Errorf("%s: %v", address, err)
			}
		}
	}
}

// posted is what a transport was given instead of a network.
type posted struct{ body []byte }

func (p *posted) RoundTrip(r *http.Request) (*http.Response, error) {
	p.body, _ = io.ReadAll(r.Body)
	return &http.Response{StatusCode: http.StatusAccepted, Body: http.NoBody}, nil
}

// TestWorkflow: the workflows of Teams take a card only.
func TestWorkflow(t *testing.T) {
	p := &posted{}
	hook := &alert.Webhook{URL: "https://prod-1.westeurope.logic.azure.com:443/workflows/x", Client: &http.Client{Transport: p}}
	if err := hook.Send(t.Context(), message); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Type        string
		Attachments []struct {
			ContentType string
			Content     struct {
				Type string
				Body []struct{ Text string }
			}
		}
	}
	if err := json.Unmarshal(p.body, &got); err != nil || got.Type != "message" || len(got.Attachments) != 1 || got.Attachments[0].ContentType != "application/vnd.microsoft.card.adaptive" ||
		len(got.Attachments[0].Content.Body) != 3 || got.Attachments[0].Content.Body[1].Text != message.Lines[0] {
		t.Errorf("%s %v", p.body, err)
	}
}

func TestHeartbeatIsRequested(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && r.URL.Path == "/ping/hush" {
			asked++
		}
	}))
	defer server.Close()
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	if err := (&alert.Heartbeat{URL: server.URL + "/ping/hush"}).Beat(t.Context()); err != nil || asked != 1 {
		t.Errorf("%d %v", asked, err)
	}
}

// mailServer is a small SMTP server.
type mailServer struct {
	t        *testing.T
	listener net.Listener
	tls      *tls.Config
	roots    *x509.CertPool
	starttls bool
	implicit bool   // it speaks TLS from the beginning
	auth     string // the ways it offers
	refuse   string // the command, or line, that it refuses
	silent   bool   // it never answers
	stays    func() // is called instead of a goodbye, which never comes

	mu  sync.Mutex
	log []string // what clients said, decoded; "TLS" when it became that
	wg  sync.WaitGroup
}

func newMailServer(t *testing.T, edit func(*mailServer)) *mailServer {
	t.Helper()
	web := httptest.NewTLSServer(nil) // for its certificate
	defer web.Close()
	s := &mailServer{t: t, tls: &tls.Config{Certificates: web.TLS.Certificates}, roots: x509.NewCertPool(), starttls: true, auth: "PLAIN LOGIN"}
	s.roots.AddCert(web.Certificate())
	edit(s)
	var err error
	if s.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	if s.implicit {
		s.listener = tls.NewListener(s.listener, s.tls)
	}
	s.wg.Go(func() {
		for {
			conn, err := s.listener.Accept()
			if err != nil {
				return
			}
			s.wg.Go(func() { defer conn.Close(); s.talk(conn) })
		}
	})
	t.Cleanup(func() { _ = s.listener.Close(); s.wg.Wait() })
	return s
}

func (s *mailServer) note(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, line)
}

func (s *mailServer) said() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.log, "\n")
}

func (s *mailServer) talk(conn net.Conn) {
	r := bufio.NewReader(conn)
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(conn, format+"\r\n", args...) }
	read := func() string { line, _ := r.ReadString('\n'); return strings.TrimRight(line, "\r\n") }
	if s.silent {
		read()
		return
	}
	say("220 here")
	secure := s.implicit
	for {
		line := read()
		verb, _, _ := strings.Cut(strings.ToUpper(line), " ")
		if s.refuse != "" && (verb == s.refuse || line == s.refuse) {
			say("550 no, ann@acme.com and hush")
			continue
		}
		switch verb {
		case "":
			return
		case "EHLO":
			if s.starttls && !secure {
				say("250-here\r\n250 STARTTLS")
			} else {
				say("250-here\r\n250 AUTH %s", s.auth)
			}
		case "STARTTLS":
			say("220 go on")
			upgraded := tls.Server(conn, s.tls)
			if upgraded.Handshake() != nil {
				return
			}
			conn, r, secure = upgraded, bufio.NewReader(upgraded), true
			s.note("TLS")
		case "AUTH":
			if strings.HasPrefix(line, "AUTH PLAIN ") {
				text, _ := base64.StdEncoding.DecodeString(line[len("AUTH PLAIN "):])
				s.note(fmt.Sprintf("PLAIN %q", text))
			} else {
				var words []string
				for _, ask := range []string{"Username:", "Password:"} {
					say("334 %s", base64.StdEncoding.EncodeToString([]byte(ask)))
					text, _ := base64.StdEncoding.DecodeString(read())
					words = append(words, string(text))
				}
				s.note("LOGIN " + strings.Join(words, " "))
			}
			say("235 welcome")
		case "MAIL", "RCPT":
			s.note(line)
			say("250 good")
		case "DATA":
			say("354 go on")
			text := ""
			for line := read(); line != "."; line = read() {
				text += strings.TrimPrefix(line, ".") + "\r\n"
			}
			s.note(text)
			say("250 taken")
		case "QUIT":
			if s.stays != nil {
				s.stays()
				read()
				return
			}
			say("221 bye")
			return
		default:
			say("250 good")
		}
	}
}

func (s *mailServer) sink() *alert.SMTP {
	return &alert.SMTP{Address: s.listener.Addr().String(), Username: "sync", Password: "hush", From: "sync@acme.com", To: []string{"it@acme.com", "cto@acme.com"}, RootCAs: s.roots, TLS: s.implicit}
}

func TestMail(t *testing.T) {
	for name, tt := range map[string]struct {
		edit func(*mailServer)
		auth string
	}{
		"STARTTLS and PLAIN": {func(*mailServer) {}, `PLAIN "\x00sync\x00hush"`},
		"STARTTLS and LOGIN": {func(s *mailServer) { s.auth = "LOGIN XOAUTH2" }, "LOGIN sync hush"},
		"TLS at once":        {func(s *mailServer) { s.implicit, s.starttls = true, false }, `PLAIN "\x00sync\x00hush"`},
		"on this machine":    {func(s *mailServer) { s.starttls = false }, `PLAIN "\x00sync\x00hush"`},
	} {
		t.Run(name, func(t *testing.T) {
			s := newMailServer(t, tt.edit)
			if err := s.sink().Send(t.Context(), message); err != nil {
				t.Fatal(err)
			}
			said := s.said()
			for _, want := range []string{tt.auth, "MAIL FROM:<sync@acme.com>", "RCPT TO:<it@acme.com>", "RCPT TO:<cto@acme.com>"} {
				if !strings.Contains(said, want) {
					t.Errorf("lacks %s: %s", want, said)
				}
			}
			if s.starttls && !strings.HasPrefix(said, "TLS\n") {
				t.Errorf("something was said in the clear: %s", said)
			}
			m, err := mail.ReadMessage(strings.NewReader(s.log[len(s.log)-1]))
			if err != nil {
				t.Fatal(err)
			}
			subject, _ := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
			body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
			to, _ := m.Header.AddressList("To")
			if _, dated := m.Header.Date(); subject != message.Subject || len(to) != 2 || dated != nil || err != nil || !strings.Contains(string(body), message.Lines[0]) || !strings.Contains(string(body), message.Lines[1]) {
				t.Errorf("%v %s %v", m.Header, body, err)
			}
		})
	}
}

func TestMailIsRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		edit func(*mailServer)
		sink func(*alert.SMTP)
		want string
	}{
		"unknown certificate": {func(*mailServer) {}, func(s *alert.SMTP) { s.RootCAs = x509.NewCertPool() }, "STARTTLS"},
		"recipient":           {func(s *mailServer) { s.refuse = "RCPT" }, func(*alert.SMTP) {}, "recipient: it answered 550"},
		"password":            {func(s *mailServer) { s.refuse = "AUTH" }, func(*alert.SMTP) {}, "authentication: it answered 550"},
		"only OAuth":          {func(s *mailServer) { s.auth = "XOAUTH2" }, func(*alert.SMTP) {}, "neither PLAIN nor LOGIN"},
		"nobody there":        {func(*mailServer) {}, func(s *alert.SMTP) { s.Address = "127.0.0.1:1" }, "reach the mail server"},
		"a line in a header":  {func(*mailServer) {}, func(s *alert.SMTP) { s.From = "a@b>\r\nRCPT TO:<c@d" }, "sender"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newMailServer(t, tt.edit)
			sink := s.sink()
			tt.sink(sink)
			err := sink.Send(t.Context(), message)
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "hush") || strings.Contains(err.Error(), "ann@") || strings.Contains(s.said(), "DATA") {
				t.Errorf("%v", err)
			}
		})
	}
	t.Run("in the clear", func(t *testing.T) {
		s := newMailServer(t, func(s *mailServer) { s.starttls = false })
		sink := s.sink()
		_, port, _ := net.SplitHostPort(sink.Address)
		sink.Address = net.JoinHostPort("0.0.0.0", port) // reaches this machine, and is not the loopback address
		if err := sink.Send(t.Context(), message); err == nil || !strings.Contains(err.Error(), "in the clear") || s.said() != "" {
			t.Errorf("%v after %s", err, s.said())
		}
	})
	t.Run("too slow", func(t *testing.T) {
		s := newMailServer(t, func(s *mailServer) { s.silent = true })
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		defer cancel()
		if err := s.sink().Send(ctx, message); err == nil || !strings.Contains(err.Error(), "deadline") {
			t.Errorf("%v", err)
		}
	})
}

// TestMailWithoutGoodbye: a message that was taken is not sent again because the server
// did not say goodbye in time.
func TestMailWithoutGoodbye(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s := newMailServer(t, func(s *mailServer) { s.stays = cancel })
	if err := s.sink().Send(ctx, message); err != nil || !strings.Contains(s.said(), "Subject:") {
		t.Errorf("%v after %s", err, s.said())
	}
}

// TestMailToSomebodyWhoLeft: one recipient whom the server does not know keeps the others
// from nothing.
func TestMailToSomebodyWhoLeft(t *testing.T) {
	for _, left := range []string{"it", "cto"} {
		s := newMailServer(t, func(s *mailServer) { s.refuse = "RCPT TO:<" + left + "@acme.com>" })
		err := s.sink().Send(t.Context(), message)
		if !errors.Is(err, alert.ErrSomeRefused) || !strings.Contains(err.Error(), "550") || strings.Contains(err.Error(), "@") {
			t.Errorf("%s left: %v", left, err)
		}
		if said := s.said(); strings.Count(said, "RCPT") != 1 || !strings.Contains(said, "Subject:") {
			t.Errorf("%s left: %s", left, said)
		}
	}
}
