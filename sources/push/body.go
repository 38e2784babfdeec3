package push

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"tomorro-sync/reconcile/scim"
)

func syntax(format string, args ...any) *problem {
	return refuse(http.StatusBadRequest, scim.TypeInvalidSyntax, format, args...)
}

// object reads the body as a JSON object, whatever its Content-Type says.
func (c *call) object() (map[string]any, error) {
	if e := c.r.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return nil, refuse(http.StatusUnsupportedMediaType, "", "Compressed bodies are not taken.")
	}
	data, err := io.ReadAll(c.r.Body)
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, refuse(http.StatusRequestEntityTooLarge, "", "The body is larger than %d MiB.", maxBody>>20)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, refuse(http.StatusRequestTimeout, "", "The body did not arrive within %s.", c.o.Deadline)
	case err != nil:
		return nil, syntax("The body ended before it was complete.")
	}
	return decode(data)
}

// decode reads one JSON object as RFC 8259 has it, UTF-8 with or without a byte
// order mark, numbers as json.Number.
func decode(data []byte) (map[string]any, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	switch {
	case len(bytes.TrimSpace(data)) == 0:
		return nil, syntax("The body is empty; a JSON object was expected.")
	case !utf8.Valid(data):
		return nil, syntax("The body is not valid UTF-8.")
	case !json.Valid(data):
		return nil, syntax("The body is not one complete JSON document.")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	v, err := decodeValue(d, 0)
	if err != nil {
		return nil, err
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil, syntax("The body is not a JSON object.")
	}
	return object, nil
}

// decodeValue reads one value of a document that is known to be valid. What
// encoding/json would let pass is refused: a name twice in one object, where the
// last would win here and the first elsewhere, and nesting without end.
func decodeValue(d *json.Decoder, depth int) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, syntax("The body is not valid JSON.")
	}
	delim, nested := token.(json.Delim)
	switch {
	case !nested:
		return token, nil
	case depth == maxDepth:
		return nil, syntax("The body is nested more than %d levels deep.", maxDepth)
	case delim == '[':
		return decodeList(d, depth)
	}
	object, seen := make(map[string]any), make(map[string]bool)
	for d.More() {
		token, err := d.Token()
		name, ok := token.(string)
		if err != nil || !ok {
			return nil, syntax("The body is not valid JSON.")
		}
		if folded := strings.ToLower(name); seen[folded] {
			return nil, syntax("The body has an attribute twice in one object. Names differ by more than their case.")
		} else {
			seen[folded] = true
		}
		if object[name], err = decodeValue(d, depth+1); err != nil {
			return nil, err
		}
	}
	_, _ = d.Token() // the closing brace of a valid document
	return object, nil
}

func decodeList(d *json.Decoder, depth int) (any, error) {
	list := []any{}
	for d.More() {
		v, err := decodeValue(d, depth+1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	_, _ = d.Token() // the closing bracket of a valid document
	return list, nil
}

// lookUp finds a member of an object under a name in any case; it may be null.
func lookUp(object map[string]any, name string) (v any, ok bool) {
	if v, ok = object[name]; ok {
		return v, true
	}
	for k, v := range object {
		if len(k) == len(name) && strings.EqualFold(k, name) {
			return v, true
		}
	}
	return nil, false
}

// field is a member of an object under a name in any case; nil when there is none.
func field(object map[string]any, name string) any {
	v, _ := lookUp(object, name)
	return v
}

// blank reports whether a value is text with nothing in it: a macro that was empty.
func blank(v any) bool {
	s, ok := v.(string)
	return ok && strings.TrimSpace(s) == ""
}

// text is a member that must be text if it is there. null and blanks are absent.
func text(object map[string]any, name string) (string, error) {
	return textOf(name, field(object, name))
}

func textOf(name string, v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return "", nil
	case string:
		if strings.TrimSpace(v) == "" {
			return "", nil
		}
		return v, checkText(name, v)
	}
	return "", invalid("%s must be text.", name)
}

// wording trims text, and turns a number into text. In prose, all white space within, tabs
// and line breaks too, becomes single spaces, as when titles from OneLogin's API are
// compared. Other values stay as they are.
func wording(v any, prose bool) any {
	if n, ok := v.(json.Number); ok {
		v = n.String()
	}
	switch s, ok := v.(string); {
	case !ok:
		return v
	case prose:
		return strings.Join(strings.Fields(s), " ")
	default:
		return strings.TrimSpace(s)
	}
}

// checkText refuses what no name, title or id has: control characters, which
// could break a line of a log or a key of a store, and more than 1 KiB.
func checkText(what, s string) error {
	switch {
	case len(s) > maxText:
		return invalid("%s is longer than %d bytes.", what, maxText)
	case !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl):
		return invalid("%s has a character that cannot be printed.", what)
	}
	return nil
}

// boolean is a member that must be a boolean if it is there, as itself or as
// text, which is how OneLogin's macros and Entra write it.
func boolean(object map[string]any, name string) (*bool, error) {
	var text string
	switch v := field(object, name).(type) {
	case nil:
		return nil, nil
	case bool:
		return &v, nil
	case string:
		text = strings.TrimSpace(v)
	case json.Number:
		text = v.String()
	}
	yes := strings.EqualFold(text, "true") || text == "1"
	switch {
	case yes || strings.EqualFold(text, "false") || text == "0":
		return &yes, nil
	case blank(field(object, name)):
		return nil, nil // an empty macro
	}
	return nil, invalid("%s must be true or false.", name)
}
