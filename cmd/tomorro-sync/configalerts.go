package main

import (
	"net"
	"net/mail"
	"net/url"
	"time"
)

// alertsConfig says whom serve calls, and when. Without an address nobody is called.
type alertsConfig struct {
	// Webhook and Heartbeat are addresses that whoever has them can use: secrets.
	Webhook       Secret     `yaml:"webhook" env:"WEBHOOK"`
	WebhookFile   string     `yaml:"webhook_file" env:"WEBHOOK_FILE"`
	SMTP          smtpConfig `yaml:"smtp" envPrefix:"SMTP_"`
	Heartbeat     Secret     `yaml:"heartbeat" env:"HEARTBEAT"`
	HeartbeatFile string     `yaml:"heartbeat_file" env:"HEARTBEAT_FILE"`
	// HeldAfter, NoRunFor and MarksAfter are 0 for never.
	HeldAfter  time.Duration `yaml:"held_after" env:"HELD_AFTER"`
	NoRunFor   time.Duration `yaml:"no_run_for" env:"NO_RUN_FOR"`
	MarksAfter time.Duration `yaml:"marks_after" env:"MARKS_AFTER"`
	Repeat     time.Duration `yaml:"repeat" env:"REPEAT"`
	// ExpiresWithin is how long before the end of a token or certificate; 0 is for never.
	ExpiresWithin time.Duration `yaml:"expires_within" env:"EXPIRES_WITHIN"`
}

// smtpConfig is a mail server; without an address there is none.
type smtpConfig struct {
	Address      string   `yaml:"address" env:"ADDRESS"`
	Username     string   `yaml:"username" env:"USERNAME"`
	Password     Secret   `yaml:"password" env:"PASSWORD"`
	PasswordFile string   `yaml:"password_file" env:"PASSWORD_FILE"`
	From         string   `yaml:"from" env:"FROM"`
	To           []string `yaml:"to" env:"TO"`
}

func (a *alertsConfig) check(all *checks) {
	all.secretURL("alerts.webhook", a.Webhook)
	all.secretURL("alerts.heartbeat", a.Heartbeat)
	for key, d := range map[string]time.Duration{"alerts.held_after": a.HeldAfter, "alerts.no_run_for": a.NoRunFor, "alerts.marks_after": a.MarksAfter, "alerts.expires_within": a.ExpiresWithin} {
		if d < 0 {
			all.fail(key, "%s is negative; write a duration such as 24h, or 0 for never", d)
		}
	}
	if a.Repeat < time.Minute {
		all.fail("alerts.repeat", "%s is too short; write a duration of a minute or more, such as 24h", a.Repeat)
	}
	a.SMTP.check(all)
}

func (s *smtpConfig) check(all *checks) {
	if s.Address == "" {
		if s.From != "" || len(s.To) > 0 || s.Username != "" || s.Password != "" {
			all.fail("alerts.smtp.address", "is missing; write host:port of the mail server, such as smtp.acme.com:587")
		}
		return
	}
	if host, _, err := net.SplitHostPort(s.Address); err != nil || host == "" {
		all.fail("alerts.smtp.address", "%q is not host:port; write it as smtp.acme.com:587", s.Address)
	} else {
		all.address("alerts.smtp.address", s.Address)
	}
	if !bareAddress(s.From) {
		all.fail("alerts.smtp.from", "%q is not an e-mail address; write it as sync@acme.com", s.From)
	}
	if len(s.To) == 0 {
		all.fail("alerts.smtp.to", "is missing: nobody would be told")
	}
	for _, to := range s.To {
		if !bareAddress(to) {
			all.fail("alerts.smtp.to", "%q is not an e-mail address; write it as it@acme.com", to)
		}
	}
	if (s.Username == "") != (s.Password == "") {
		all.fail("alerts.smtp.username", "and alerts.smtp.password belong together; give both or neither")
	}
}

// bareAddress reports whether s is an address and nothing around it.
func bareAddress(s string) bool {
	a, err := mail.ParseAddress(s)
	return err == nil && a.Address == s
}

// secretURL refuses what is no address to request, without repeating it.
func (c *checks) secretURL(key string, secret Secret) {
	if secret == "" {
		return
	}
	u, err := url.Parse(secret.reveal())
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		c.fail(key, "is not a web address; paste all of it, from https:// on")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		c.fail(key, "http:// would send it in the clear; use https://")
	}
}
