package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"tomorro-sync/jobs/redisstore"
	"tomorro-sync/jobs/setup"
	"tomorro-sync/reconcile"
	"tomorro-sync/sinks/tomorro"
	"tomorro-sync/sources/onelogin"
)

// Somebody waits for each answer of these: little is tried again.
const (
	probeTimeout = 15 * time.Second
	probeRetries = 1
	probeMaxWait = 30 * time.Second
)

// reach looks whether anything answers at an address. What it answers does not matter.
func reach(ctx context.Context, address string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodHead, address, nil)
	if err != nil {
		return errors.New("this is not a web address")
	}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}
	client := &http.Client{Timeout: probeTimeout, Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(r)
	if at, ok := errors.AsType[*url.Error](err); ok {
		err = at.Err
	}
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// oneloginProbe tries what is said of OneLogin.
type oneloginProbe struct{}

// Reach implements setup.OneLogin.
func (oneloginProbe) Reach(ctx context.Context, address string) error { return reach(ctx, address) }

// Apps implements setup.OneLogin.
func (oneloginProbe) Apps(ctx context.Context, a setup.OneLoginAnswers) ([]setup.App, error) {
	listed, err := onelogin.Apps(ctx, probeConfig(a))
	if err != nil {
		return nil, err
	}
	apps := make([]setup.App, len(listed))
	for i, l := range listed {
		apps[i] = setup.App{ID: l.ID, Name: l.Name, SCIM: l.SCIM, CanProvision: l.Status == "Available", Enabled: l.Enabled, UserNameSource: l.UserNameSource, Unread: l.Unread}
	}
	return apps, nil
}

// Pull implements setup.OneLogin.
func (oneloginProbe) Pull(ctx context.Context, a setup.OneLoginAnswers) (reconcile.Directory, error) {
	client, err := onelogin.New(probeConfig(a))
	if err != nil {
		return reconcile.Directory{}, err
	}
	return client.Pull(ctx)
}

func probeConfig(a setup.OneLoginAnswers) onelogin.Config {
	return onelogin.Config{URL: a.URL, ClientID: a.ClientID, ClientSecret: string(a.ClientSecret), AppID: a.AppID, Timeout: probeTimeout, Retries: probeRetries, MaxWait: probeMaxWait}
}

// tomorroProbe tries what is said of Tomorro.
type tomorroProbe struct{}

// Reach implements setup.Tomorro.
func (tomorroProbe) Reach(ctx context.Context, address string) error { return reach(ctx, address) }

// Read implements setup.Tomorro.
func (tomorroProbe) Read(ctx context.Context, a setup.TomorroAnswers) (reconcile.Current, error) {
	client, err := tomorro.New(tomorro.Config{URL: a.URL, Token: string(a.Token), Timeout: probeTimeout, Retries: probeRetries, MaxWait: probeMaxWait})
	if err != nil {
		return reconcile.Current{}, err
	}
	return client.Read(ctx)
}

// redisProbe tries what is said of Redis.
type redisProbe struct{}

// Open implements setup.Redis.
func (redisProbe) Open(ctx context.Context, a setup.RedisAnswers) error {
	r := redisConfig{URL: Secret(a.URL), Password: Secret(a.Password)}
	address, err := r.redisURL()
	if err != nil {
		return err
	}
	store, err := redisstore.Open(ctx, address, redisstore.Options{})
	if err != nil {
		if said := err.Error(); strings.Contains(said, "NOAUTH") || strings.Contains(said, "WRONGPASS") || strings.Contains(said, "invalid password") {
			return fmt.Errorf("%w: %w", setup.ErrPassword, err)
		}
		return err
	}
	return store.Close()
}
