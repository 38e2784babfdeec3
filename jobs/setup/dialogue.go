package setup

import (
	"context"
	"errors"
	"fmt"

	"tomorro-sync/reconcile"
)

// OneLogin tries the answers about OneLogin.
type OneLogin interface {
	// Reach looks whether anything answers at an address; it sends no credentials.
	Reach(ctx context.Context, address string) error
	// Apps signs in and lists the apps. The error wraps reconcile.ErrRefused when
	// the credentials or their privilege do not do.
	Apps(ctx context.Context, a OneLoginAnswers) ([]App, error)
	// Pull reads everything.
	Pull(ctx context.Context, a OneLoginAnswers) (reconcile.Directory, error)
}

// Tomorro tries the answers about Tomorro.
type Tomorro interface {
	// Reach looks whether anything answers at an address; it sends no credentials.
	Reach(ctx context.Context, address string) error
	// Read reads everything. The error wraps reconcile.ErrRefused when the token
	// does not do.
	Read(ctx context.Context, a TomorroAnswers) (reconcile.Current, error)
}

// Redis tries the answers about Redis.
type Redis interface {
	// Open connects. The error wraps ErrPassword when a password is missing or wrong.
	Open(ctx context.Context, a RedisAnswers) error
}

// ErrPassword says that Redis asks for a password, or for another one than was given.
var ErrPassword = errors.New("Redis asks for another password")

// Tone says how something is told.
type Tone string

// The tones.
const (
	Part  Tone = "part"  // a new part begins
	Plain Tone = "plain" // a fact
	Good  Tone = "good"  // an answer was tried and is right
	Note  Tone = "note"  // something to know or to do
	Wrong Tone = "wrong" // an answer was tried and is wrong
)

// Person is who is asked. What is said may hold text from outside.
type Person interface {
	// Ask gives the answer without the blanks around it. The error ends the dialogue.
	Ask(ctx context.Context, q Question) (string, error)
	Say(t Tone, text string)
}

// Given is an answer from elsewhere than the person, and from where: --pricing, or the
// name of a variable.
type Given struct{ Value, From string }

// UnansweredError says that an answer is missing or wrong, and that nobody can be asked for
// another.
type UnansweredError struct {
	Question Question
	From     string // where the wrong answer came from; empty when there was none
	Err      error
}

// Error names the flag that answers the question.
func (e *UnansweredError) Error() string {
	if e.From == "" {
		return fmt.Sprintf("--%s is missing: %s", e.Question.Flag, e.Question.Text)
	}
	return fmt.Sprintf("%s: %v", e.From, e.Err)
}

// Unwrap gives Err.
func (e *UnansweredError) Unwrap() error { return e.Err }

// Dialogue is one conversation with an administrator.
type Dialogue struct {
	OneLogin OneLogin
	Tomorro  Tomorro
	Redis    Redis
	Person   Person
	// Interactive says that the person can be asked; else a missing or wrong answer
	// is an UnansweredError.
	Interactive bool
	Given       map[Key]Given
	// Kept are secrets that an empty answer keeps: those of an earlier dialogue.
	Kept map[Key]Given
	// Check refuses a secret that may not be written; nil takes any.
	Check func(k Key, value string) error

	a       Answers
	d       reconcile.Directory
	current reconcile.Current
	used    map[Key]bool // Given that were tried
}

// Run asks all questions, and gives the answers and a survey of both sides. It writes
// nothing. Where the person cannot be asked, a missing or wrong answer is an
// *UnansweredError; else the error is that of Person.Ask or of ctx, and ends the dialogue.
func (d *Dialogue) Run(ctx context.Context) (Answers, Survey, error) {
	d.used = make(map[Key]bool)
	for _, part := range []func(context.Context) error{d.oneLogin, d.tomorro, d.redis, d.listener} {
		if err := part(ctx); err != nil {
			return Answers{}, Survey{}, err
		}
	}
	return d.a, d.survey(), nil
}

// ask gives one answer, and where it came from; before is what an empty one means
// when the question was asked already.
func (d *Dialogue) ask(ctx context.Context, k Key, before string) (answer, from string, err error) {
	q := question(k)
	if g, ok := d.Given[k]; ok && !d.used[k] {
		d.used[k] = true
		return g.Value, g.From, nil
	}
	kept := d.Kept[k]
	if q.Hidden && before == "" && kept.Value != "" {
		before = kept.Value
		q.Kept = "the one in " + kept.From
	} else if q.Hidden && before != "" {
		q.Kept = "the one you gave"
	}
	fallback := before
	if before == "" {
		fallback = q.Default
	} else if !q.Hidden {
		q.Default = before
	}
	if !d.Interactive {
		if fallback == "" || d.used[k] {
			return "", "", &UnansweredError{Question: q}
		}
		d.used[k] = true
		if q.Hidden && kept.Value != "" {
			return fallback, kept.From, nil
		}
		return fallback, "--" + q.Flag, nil
	}
	for {
		if answer, err = d.Person.Ask(ctx, q); err != nil {
			return "", "", err
		}
		if answer != "" {
			return answer, "--" + q.Flag, nil
		}
		if fallback != "" {
			return fallback, "--" + q.Flag, nil
		}
		d.Person.Say(Wrong, "this needs an answer")
	}
}

// wrong says that an answer is wrong; the error ends the dialogue where nobody can be
// asked again, or when the work was stopped.
func (d *Dialogue) wrong(ctx context.Context, k Key, from string, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if !d.Interactive {
		return &UnansweredError{Question: question(k), From: from, Err: err}
	}
	d.Person.Say(Wrong, err.Error())
	return nil
}

// until asks until try takes the answer.
func (d *Dialogue) until(ctx context.Context, k Key, before string, try func(answer string) error) error {
	for {
		answer, from, err := d.ask(ctx, k, before)
		if err != nil {
			return err
		}
		if err = try(answer); err == nil {
			return nil
		}
		if err := d.wrong(ctx, k, from, err); err != nil {
			return err
		}
	}
}

// secret asks for a secret that may be written.
func (d *Dialogue) secret(ctx context.Context, k Key, before Secret) (value Secret, from string, err error) {
	for {
		answer, from, err := d.ask(ctx, k, string(before))
		if err != nil {
			return "", "", err
		}
		if d.Check == nil || answer == None {
			return Secret(answer), from, nil
		}
		if err = d.Check(k, answer); err == nil {
			return Secret(answer), from, nil
		}
		if err := d.wrong(ctx, k, from, err); err != nil {
			return "", "", err
		}
	}
}
