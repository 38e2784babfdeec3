package onelogintest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

var (
	macro = regexp.MustCompile(`\{\$([^}]+)\}`)
	// titleMember is the member of a template whose value is the title.
	titleMember = regexp.MustCompile(`,\s*"[^"]+"\s*:\s*"\{\$(?:user|parameters)\.title\}"`)
	titleValue  = regexp.MustCompile(`"\{\$(?:user|parameters)\.title\}"`)
)

// render fills a person's values into the SCIM JSON template. Macros are text
// within quotes, so that everything a template adds arrives as a string.
func (k *PushKnobs) render(w *World, p *Person) (string, error) {
	text := k.Template
	if text == "" {
		text = TomorroTemplate
	}
	if value(p.Title) == "" {
		switch k.EmptyTitle {
		case TitleNull:
			text = titleValue.ReplaceAllString(text, "null")
		case TitleOmitted:
			text = titleMember.ReplaceAllString(text, "")
		}
	}
	var unknown string
	text = macro.ReplaceAllStringFunc(text, func(m string) string {
		v, ok := k.macro(w, p, m[2:len(m)-1])
		if !ok {
			unknown = m
		}
		return escaped(v)
	})
	if unknown != "" {
		return "", fmt.Errorf("the template has the macro %s, which this simulator does not know", unknown)
	}
	var b bytes.Buffer
	if err := json.Compact(&b, []byte(text)); err != nil {
		return "", fmt.Errorf("the template is no JSON when filled in: %w", err)
	}
	return b.String(), nil
}

// macro gives the value of one macro, by its name without braces.
func (k *PushKnobs) macro(w *World, p *Person, name string) (string, bool) {
	if field, ok := strings.CutPrefix(name, "user.custom_fields."); ok {
		return p.Custom[field], true
	}
	switch name {
	case "parameters.scimusername":
		return k.userName(w, p), true
	case "user.title", "parameters.title":
		return value(p.Title), true
	case "user.department", "parameters.department":
		return value(p.Department), true
	case "user.company":
		return value(p.Company), true
	case "user.firstname":
		return p.FirstName, true
	case "user.lastname":
		return p.LastName, true
	case "user.display_name":
		return p.FirstName + " " + p.LastName, true
	case "user.email":
		return p.Email, true
	case "user.phone":
		return p.Phone, true
	case "user.id":
		return strconv.FormatInt(p.ID, 10), true
	case "user.status":
		return strconv.Itoa(p.Status), true
	case "user.active":
		return strconv.FormatBool(works(p)), true
	}
	return "", false
}

// userName is the value of the parameter scimusername.
func (k *PushKnobs) userName(w *World, p *Person) string {
	source := k.UserName
	if source == "" {
		source = w.App.UserName
	}
	if source == "email" {
		return p.Email
	}
	return value(p.Username)
}

// withActive adds active to a rendered body, as the knobs have it, or corrects
// what the template has. changed says that the push is about it.
func (k *PushKnobs) withActive(body string, active, changed bool) string {
	if strings.Contains(body, `"active":`) {
		if !active {
			body = strings.Replace(body, `"active":"true"`, `"active":"false"`, 1)
		}
		return body
	}
	shown := strconv.FormatBool(active)
	switch {
	case k.Active == ActiveText:
		shown = strconv.Quote(shown)
	case k.Active == ActiveOnChange && !changed:
		return body
	}
	return strings.TrimSuffix(body, "}") + `,"active":` + shown + "}"
}

func value(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

// escaped is a text as it stands between quotes in JSON.
func escaped(text string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(text) // a string always encodes
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(b.String()), `"`), `"`)
}
