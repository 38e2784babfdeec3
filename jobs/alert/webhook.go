package alert

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Webhook posts messages to an incoming webhook of Slack, of Microsoft Teams, or of
// anything else that takes {"text": …}. Its address is a secret.
type Webhook struct {
	URL    string
	Client *http.Client // nil: one that follows no redirects
}

// Name implements Sink.
func (*Webhook) Name() string { return "webhook" }

// Send implements Sink.
func (w *Webhook) Send(ctx context.Context, m Message) error {
	body, err := json.Marshal(w.body(m))
	if err != nil {
		return fmt.Errorf("webhook: %w", err)
	}
	return request(ctx, w.Client, http.MethodPost, w.URL, body)
}

// body is {"text": …} with a paragraph a line, which Slack and the connectors of Teams
// take. The workflows that come after these connectors take an adaptive card only.
func (w *Webhook) body(m Message) any {
	if workflow(w.URL) {
		blocks := []any{map[string]any{"type": "TextBlock", "text": m.Subject, "weight": "Bolder", "wrap": true}}
		for _, line := range m.Lines {
			blocks = append(blocks, map[string]any{"type": "TextBlock", "text": line, "wrap": true})
		}
		card := map[string]any{"type": "AdaptiveCard", "version": "1.4", "body": blocks}
		return map[string]any{"type": "message", "attachments": []any{map[string]any{"contentType": "application/vnd.microsoft.card.adaptive", "content": card}}}
	}
	text := strings.Join(append([]string{m.Subject}, m.Lines...), "\n\n")
	return map[string]string{"text": strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)}
}

// workflow reports whether an address is one of Power Automate.
func workflow(address string) bool {
	u, err := url.Parse(address)
	return err == nil && (strings.HasSuffix(u.Hostname(), ".logic.azure.com") || strings.HasSuffix(u.Hostname(), ".api.powerplatform.com"))
}

// Heartbeat is an address to be requested. It is a secret.
type Heartbeat struct {
	URL    string
	Client *http.Client // nil: one that follows no redirects
}

// Beat implements Beater.
func (h *Heartbeat) Beat(ctx context.Context) error {
	return request(ctx, h.Client, http.MethodGet, h.URL, nil)
}

// request makes one request. Its error names the host and nothing else of the address.
func request(ctx context.Context, client *http.Client, method, address string, body []byte) error {
	r, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return errors.New("the address is not one") // the error would repeat it
	}
	if len(body) > 0 {
		r.Header.Set("Content-Type", "application/json")
	}
	if client == nil {
		client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	resp, err := client.Do(r)
	if err != nil {
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err // without the address
		}
		return fmt.Errorf("%s does not answer: %w", r.URL.Host, err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection can be used again
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return fmt.Errorf("%s answered %d; is the address still valid", r.URL.Host, resp.StatusCode)
	}
	return nil
}
