package onelogin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// said reads what an error body says, in any of the families that OneLogin's
// services use: v1's status envelope, v2's message, description, messages and
// errors. It gives nothing for HTML and other bodies.
func said(body []byte) string {
	var e struct {
		Status      json.RawMessage `json:"status"`
		Message     json.RawMessage `json:"message"`
		Messages    []string        `json:"messages"`
		Description string          `json:"description"`
		Errors      []struct {
			Field   string          `json:"field"`
			Message json.RawMessage `json:"message"`
		} `json:"errors"`
	}
	if json.Unmarshal(body, &e) != nil {
		return ""
	}
	var envelope struct {
		Message json.RawMessage `json:"message"`
	}
	_ = json.Unmarshal(e.Status, &envelope) // v2 has a number there
	parts := append([]string{text(envelope.Message), text(e.Message), e.Description}, e.Messages...)
	for _, f := range e.Errors {
		parts = append(parts, strings.TrimSpace(f.Field+" "+text(f.Message)))
	}
	var filled []string
	for _, p := range parts {
		if p != "" {
			filled = append(filled, p)
		}
	}
	const most = 1000 // it goes into errors, and with them into logs and journals
	all := strings.Join(filled, "; ")
	if len(all) > most {
		all = strings.ToValidUTF8(all[:most], "") + "…"
	}
	return all
}

// text reads a message that may be a string, a list or an object with a
// description.
func text(raw json.RawMessage) string {
	var s string
	var list []string
	var object struct {
		Attribute   string `json:"attribute"`
		Description string `json:"description"`
	}
	switch raw = bytes.TrimSpace(raw); {
	case len(raw) == 0:
		return ""
	case json.Unmarshal(raw, &s) == nil:
		return s
	case json.Unmarshal(raw, &list) == nil:
		return strings.Join(list, "; ")
	case json.Unmarshal(raw, &object) == nil && object.Description != "":
		return strings.TrimSpace(fmt.Sprintf("%s %s", object.Attribute, object.Description))
	}
	return ""
}
