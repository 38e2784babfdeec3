package alert

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/smtp"
	"net/textproto"
	"slices"
	"strings"
	"time"
)

// SMTP mails messages.
type SMTP struct {
	Address string // host:port
	// TLS speaks TLS from the beginning, as port 465 does. Else the server must offer
	// STARTTLS, unless it is on this machine.
	TLS                bool
	Username, Password string // empty: no authentication
	From               string
	To                 []string
	RootCAs            *x509.CertPool   // nil: the system's
	Now                func() time.Time // default time.Now
}

// Name implements Sink.
func (*SMTP) Name() string { return "smtp" }

// Send implements Sink. Of what the server says, the error has the code alone.
func (s *SMTP) Send(ctx context.Context, m Message) error {
	host, _, err := net.SplitHostPort(s.Address)
	if err != nil {
		return fmt.Errorf("alerts.smtp.address: %w", err)
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", s.Address)
	if err != nil {
		return fmt.Errorf("reach the mail server: %w", err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	config := &tls.Config{ServerName: host, RootCAs: s.RootCAs, MinVersion: tls.VersionTLS12}
	if s.TLS {
		conn = tls.Client(conn, config)
	}
	step := "greeting"
	err = s.talk(conn, host, config, m, &step)
	if errors.Is(err, ErrSomeRefused) {
		return err
	}
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if said, ok := errors.AsType[*textproto.Error](err); ok {
		err = fmt.Errorf("it answered %d", said.Code)
	}
	if err != nil {
		return fmt.Errorf("mail server, %s: %w", step, err)
	}
	return nil
}

func (s *SMTP) talk(conn net.Conn, host string, config *tls.Config, m Message, step *string) error {
	c, err := smtp.NewClient(conn, host)
	if err != nil {
		return err
	}
	defer c.Close()
	_, secure := conn.(*tls.Conn)
	if offered, _ := c.Extension("STARTTLS"); offered && !secure {
		*step = "STARTTLS"
		if err := c.StartTLS(config); err != nil {
			return err
		}
		secure = true
	}
	if ip := net.ParseIP(host); !secure && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return errors.New("it does not offer STARTTLS, and nothing is sent in the clear; use port 465, or a server that does")
	}
	*step = "authentication"
	if err := s.authenticate(c, host); err != nil {
		return err
	}
	*step = "sender"
	if err := c.Mail(s.From); err != nil {
		return err
	}
	*step = "recipient"
	refused, err := s.recipients(c)
	if err != nil {
		return err
	}
	*step = "message"
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(s.text(m)); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	_ = c.Quit() // the message was taken, however long the goodbye takes
	return refused
}

// recipients names to whom the message is to go. Whoever the server refuses, since they
// left the company for example, keeps it from nobody else; only when it refuses all, that
// is err.
func (s *SMTP) recipients(c *smtp.Client) (refused, err error) {
	taken := 0
	for i, to := range s.To {
		err = c.Rcpt(to)
		said, ok := errors.AsType[*textproto.Error](err)
		switch {
		case ok:
			refused = fmt.Errorf("%w; number %d of alerts.smtp.to: the mail server answered %d", cmp.Or(refused, ErrSomeRefused), i+1, said.Code)
		case err != nil:
			return nil, err
		default:
			taken++
		}
	}
	if taken == 0 {
		return nil, err
	}
	return refused, nil
}

func (s *SMTP) authenticate(c *smtp.Client, host string) error {
	if s.Username == "" {
		return nil
	}
	_, ways := c.Extension("AUTH")
	fields := strings.Fields(strings.ToUpper(ways))
	if slices.Contains(fields, "PLAIN") {
		return c.Auth(smtp.PlainAuth("", s.Username, s.Password, host))
	}
	if slices.Contains(fields, "LOGIN") { // all that Exchange Online offers next to OAuth
		return c.Auth(login{s.Username, s.Password})
	}
	return errors.New("it offers neither PLAIN nor LOGIN; leave alerts.smtp.username out if it needs none")
}

// login is the authentication of that name, which no RFC has. It is used over TLS, or
// on this machine.
type login struct{ username, password string }

// Start implements smtp.Auth.
func (login) Start(*smtp.ServerInfo) (string, []byte, error) { return "LOGIN", nil, nil }

// Next implements smtp.Auth.
func (l login) Next(asked []byte, more bool) ([]byte, error) {
	if !more {
		return nil, nil
	}
	switch strings.ToLower(strings.TrimRight(string(asked), ": ")) {
	case "username":
		return []byte(l.username), nil
	case "password":
		return []byte(l.password), nil
	}
	return nil, errors.New("it asks for something unknown")
}

// text is the message as RFC 5322 has it.
func (s *SMTP) text(m Message) []byte {
	now := time.Now
	if s.Now != nil {
		now = s.Now
	}
	_, domain, _ := strings.Cut(s.From, "@")
	var b bytes.Buffer
	fmt.Fprintf(&b, "From: <%s>\r\nTo: <%s>\r\nSubject: %s\r\nDate: %s\r\nMessage-ID: <%s@%s>\r\n", s.From, strings.Join(s.To, ">, <"),
		mime.QEncoding.Encode("utf-8", m.Subject), now().Format(time.RFC1123Z), rand.Text(), domain)
	b.WriteString("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\nAuto-Submitted: auto-generated\r\n\r\n")
	q := quotedprintable.NewWriter(&b)
	_, _ = q.Write([]byte(strings.Join(m.Lines, "\r\n\r\n") + "\r\n")) // a buffer takes everything
	_ = q.Close()
	return b.Bytes()
}
