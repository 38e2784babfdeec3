package redisstore

import (
	"context"
	"embed"
	"errors"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"
)

//go:embed *.lua
var scripts embed.FS

// script gives the script in a file beside this one.
func script(file string) *redis.Script {
	source, err := scripts.ReadFile(file)
	if err != nil {
		panic("a script is not in the program: " + err.Error())
	}
	return redis.NewScript(string(source))
}

// call is one use of a script.
type call struct {
	keys []string
	args []any
}

// pipeline sends all calls of a script at once. A server that does not know the
// script yet (after a restart, a failover or a flush) is told it and asked again
// for those calls only.
func (s *Store) pipeline(ctx context.Context, script *redis.Script, calls []call) ([]*redis.Cmd, error) {
	answers := make([]*redis.Cmd, len(calls))
	send := func(wanted func(int) bool, run func(redis.Pipeliner, call) *redis.Cmd) {
		var sent []*redis.Cmd
		_, err := s.client.Pipelined(ctx, func(p redis.Pipeliner) error {
			for i, c := range calls {
				if wanted(i) {
					answers[i] = run(p, c)
					sent = append(sent, answers[i])
				}
			}
			return nil
		})
		unsent(err, sent)
	}
	open := func(i int) bool { return answers[i] == nil || answers[i].Err() != nil && passing(answers[i].Err()) }
	unknown := func(i int) bool {
		err := answers[i].Err()
		return err != nil && strings.HasPrefix(err.Error(), "NOSCRIPT")
	}
	err := s.patiently(ctx, func() error {
		send(open, func(p redis.Pipeliner, c call) *redis.Cmd { return script.EvalSha(ctx, p, c.keys, c.args...) })
		send(unknown, func(p redis.Pipeliner, c call) *redis.Cmd { return script.Eval(ctx, p, c.keys, c.args...) })
		for _, a := range answers {
			if err := a.Err(); err != nil && passing(err) {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, a := range answers {
		if err := a.Err(); err != nil && !errors.Is(err, redis.Nil) {
			return nil, err
		}
	}
	return answers, nil
}

// unsent gives answers the error with which Redis refused the connection that they were to
// come by: the client does not. Any other error is that of one of the answers, which has it.
func unsent(err error, sent []*redis.Cmd) {
	if err == nil || slices.ContainsFunc(sent, func(a *redis.Cmd) bool { return a.Err() != nil }) {
		return
	}
	for _, a := range sent {
		a.SetErr(err)
	}
}
