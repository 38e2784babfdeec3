package onelogin

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	jsonv1 "github.com/go-json-experiment/json/v1"

	"tomorro-sync/reconcile"
)

// decode reads what OneLogin answers as encoding/json does, by the engine that it has from
// Go 1.27 on, in less than half the time. The types of this package know that engine only.
func decode(body []byte, into any) error {
	return jsonv1.Unmarshal(body, into)
}

func decodeAs[T any](body []byte) (T, error) {
	var v T
	err := decode(body, &v)
	return v, err
}

// given is a value that may be absent, which is not the same as null: what is
// absent was not asked for or not granted.
type given[T any] struct {
	value   T
	present bool // the key is there
	null    bool // and says nothing
}

// UnmarshalJSONFrom is called for null as well, but not for an absent key.
func (g *given[T]) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	g.present = true
	if d.PeekKind() == jsontext.KindNull {
		g.null = true
		return d.SkipValue()
	}
	if u, ok := any(&g.value).(json.UnmarshalerFrom); ok {
		return u.UnmarshalJSONFrom(d) // saves looking the type up
	}
	return json.UnmarshalDecode(d, &g.value)
}

// loose is text that may arrive as a number, or as a list.
type loose string

// UnmarshalJSONFrom accepts a string, a number, a boolean, null, and a list of these.
func (l *loose) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	switch d.PeekKind() {
	case jsontext.KindNull:
		return d.SkipValue()
	case jsontext.KindBeginObject:
		return fmt.Errorf("an object where text belongs")
	case jsontext.KindBeginArray:
		var list []loose
		if err := json.UnmarshalDecode(d, &list); err != nil {
			return err
		}
		parts := make([]string, len(list))
		for i := range list {
			parts[i] = string(list[i])
		}
		*l = loose(strings.Join(parts, ";"))
		return nil
	}
	token, err := d.ReadToken()
	if err == nil {
		*l = loose(token.String())
	}
	return err
}

// number is an integer that may arrive as text.
type number int64

// UnmarshalJSONFrom accepts 12, "12", "" and null.
func (n *number) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	data, err := d.ReadValue()
	if err != nil {
		return err
	}
	text := bytes.Trim(data, `"`)
	if len(text) == 0 || string(text) == "null" {
		return nil
	}
	v, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		return fmt.Errorf("%s is not an integer", data)
	}
	*n = number(v)
	return nil
}

// numbers is a list of integers that may arrive as text.
type numbers []int64

// UnmarshalJSONFrom accepts [1, "2"] and null.
func (n *numbers) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	switch k := d.PeekKind(); k {
	case jsontext.KindNull:
		return d.SkipValue()
	case jsontext.KindBeginArray:
	default:
		return fmt.Errorf("%s where a list belongs", k)
	}
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	var few [16]int64 // most lists are short, and each is kept at its size
	list := few[:0]
	for d.PeekKind() != jsontext.KindEndArray {
		var x number
		if err := x.UnmarshalJSONFrom(d); err != nil {
			return err
		}
		list = append(list, int64(x))
	}
	*n = append(numbers(nil), list...) // none is nil
	_, err := d.ReadToken()
	return err
}

// record is one user of either list. v1 calls the roles role_id, v2 role_ids.
type record struct {
	ID         number                  `json:"id"`
	Email      given[loose]            `json:"email"`
	Username   given[loose]            `json:"username"`
	FirstName  given[loose]            `json:"firstname"`
	LastName   given[loose]            `json:"lastname"`
	Title      given[loose]            `json:"title"`
	Department given[loose]            `json:"department"`
	Company    given[loose]            `json:"company"`
	Status     given[number]           `json:"status"`
	State      given[number]           `json:"state"`
	Group      given[number]           `json:"group_id"`
	Roles      given[numbers]          `json:"role_ids"`
	RolesV1    given[numbers]          `json:"role_id"`
	MemberOf   given[loose]            `json:"member_of"`
	LastLogin  given[loose]            `json:"last_login"`
	Custom     given[map[string]loose] `json:"custom_attributes"`
}

// userFields is what the user list is asked for: everything that a person is
// made of. Which facts come with which key is in record.person.
func userFields() []string {
	return []string{"id", "email", "username", "firstname", "lastname", "title", "department", "company", "status", "state",
		"group_id", "role_ids", "member_of", "last_login", "custom_attributes"}
}

// interner keeps one copy of texts that many people share.
type interner struct {
	mu    sync.Mutex
	texts map[string]string
}

func (in *interner) of(l loose) string {
	in.mu.Lock()
	defer in.mu.Unlock()
	if s, ok := in.texts[string(l)]; ok {
		return s
	}
	if in.texts == nil {
		in.texts = make(map[string]string)
	}
	s := strings.Clone(string(l))
	in.texts[s] = s
	return s
}

// people decodes a page of users. A value of another type than it should be is a fact that
// OneLogin did not give of this one person; only without an id is it nobody's.
func (in *interner) people(body []byte) ([]reconcile.Person, error) {
	var records []record
	if err := decode(body, &records); err != nil {
		if records = readable(body); records == nil {
			return nil, err
		}
	}
	people := make([]reconcile.Person, len(records))
	for i := range records {
		if records[i].ID <= 0 {
			return nil, fmt.Errorf("item %d has no id", i+1)
		}
		people[i] = records[i].person(in)
	}
	return people, nil
}

// readable decodes what can be of a page on which some value cannot; nil when it is no list
// of objects, or when there is something about each: then OneLogin's API has changed, and a
// run that holds everybody would pass for one.
func readable(body []byte) []record {
	raw, err := decodeAs[[]map[string]jsontext.Value](body)
	if err != nil {
		return nil
	}
	records, whole := make([]record, len(raw)), false
	for i, fields := range raw {
		given := len(fields)
		for name, value := range fields {
			one, err := json.Marshal(map[string]jsontext.Value{name: value})
			if err != nil || decode(one, new(record)) != nil {
				delete(fields, name)
			}
		}
		rest, err := json.Marshal(fields)
		if err != nil || decode(rest, &records[i]) != nil {
			return nil
		}
		whole = whole || len(fields) == given
	}
	if !whole {
		return nil
	}
	return records
}

func (r *record) person(in *interner) reconcile.Person {
	p := reconcile.Person{
		Key: reconcile.Key(r.ID), Email: string(r.Email.value), Username: string(r.Username.value),
		FirstName: string(r.FirstName.value), LastName: string(r.LastName.value),
		Title: in.of(r.Title.value), Department: in.of(r.Department.value), Company: in.of(r.Company.value),
		Status: reconcile.Status(r.Status.value), Licence: reconcile.Licence(r.State.value), GroupID: int64(r.Group.value),
	}
	roles := r.Roles
	if !roles.present {
		roles = r.RolesV1
	}
	p.Roles = roles.value
	slices.Sort(p.Roles)
	p.Roles = slices.Compact(p.Roles)
	for dn := range strings.SplitSeq(string(r.MemberOf.value), ";") {
		if dn = strings.TrimSpace(dn); dn != "" {
			p.MemberOf = append(p.MemberOf, dn)
		}
	}
	p.LastLogin, _ = time.Parse(time.RFC3339, string(r.LastLogin.value)) // null and placeholders: never
	for name, v := range r.Custom.value {
		if v != "" {
			if p.Custom == nil {
				p.Custom = make(map[string]string)
			}
			p.Custom[in.of(loose(name))] = in.of(v)
		}
	}
	p.Unread = r.absent(roles.present)
	return p
}

// absent is the set of facts whose keys were not there.
func (r *record) absent(roles bool) reconcile.Fields {
	var unread reconcile.Fields
	unless := func(f reconcile.Fields, present bool) {
		if !present {
			unread |= f
		}
	}
	unless(reconcile.FieldEmail, r.Email.present)
	unless(reconcile.FieldUsername, r.Username.present)
	unless(reconcile.FieldFirstName, r.FirstName.present)
	unless(reconcile.FieldLastName, r.LastName.present)
	unless(reconcile.FieldTitle, r.Title.present)
	unless(reconcile.FieldRoles, roles)
	// 0 is a status and a state, so null must not become it.
	unless(reconcile.FieldStatus, r.Status.present && !r.Status.null)
	unless(reconcile.FieldLicence, r.State.present && !r.State.null)
	unless(reconcile.FieldGroup, r.Group.present)
	unless(reconcile.FieldDepartment, r.Department.present)
	unless(reconcile.FieldCompany, r.Company.present)
	unless(reconcile.FieldMemberOf, r.MemberOf.present)
	unless(reconcile.FieldLastLogin, r.LastLogin.present)
	unless(reconcile.FieldCustom, r.Custom.present)
	return unread
}

// named is an item of which only the id and a name matter.
type named struct {
	ID   number `json:"id"`
	Name loose  `json:"name"`
}

func (n *named) id() int64 { return int64(n.ID) }

// decodeNameless is for lists of many, of which nobody asks for the names.
func decodeNameless(body []byte) ([]named, error) {
	items, err := decodeAs[[]named](body)
	for i := range items {
		items[i].Name = ""
	}
	return items, err
}

// decodeRules reads GET /api/2/apps/{id}/rules, in the order in which OneLogin
// applies them: by position, rules without one last.
func decodeRules(body []byte) ([]reconcile.Rule, error) { return decodeRulesThat(body, true) }

// decodeRulesThat reads those that are enabled, or those that are not.
func decodeRulesThat(body []byte, enabled bool) ([]reconcile.Rule, error) {
	var raw []struct {
		ID         number  `json:"id"`
		Name       loose   `json:"name"`
		Match      string  `json:"match"`
		Enabled    *bool   `json:"enabled"`
		Position   *number `json:"position"` // nil for null and absent alike
		Conditions *[]struct {
			Source, Operator string
			Value            loose
		} `json:"conditions"`
		Actions *[]struct {
			Action     string   `json:"action"`
			Value      textList `json:"value"`
			Expression *loose   `json:"expression"`
			Macro      loose    `json:"macro"`
			Scriplet   loose    `json:"scriplet"`
		} `json:"actions"`
	}
	if err := decode(body, &raw); err != nil {
		return nil, err
	}
	rules := make([]reconcile.Rule, 0, len(raw))
	for _, r := range raw {
		if (r.Enabled == nil || *r.Enabled) != enabled {
			continue
		}
		if r.Conditions == nil || r.Actions == nil { // it would be for everybody, or give nothing
			return nil, fmt.Errorf("rule %d %q comes without its conditions or actions", r.ID, r.Name)
		}
		rule := reconcile.Rule{ID: int64(r.ID), Name: string(r.Name), MatchAny: strings.EqualFold(strings.TrimSpace(r.Match), "any"), Position: -1}
		if match := strings.ToLower(strings.TrimSpace(r.Match)); match != "all" && match != "any" {
			rule.MatchOdd = cmp.Or(match, "nothing")
		}
		if r.Position != nil {
			rule.Position = int(*r.Position)
		}
		for _, c := range *r.Conditions {
			rule.Conditions = append(rule.Conditions, reconcile.Condition{Source: c.Source, Operator: c.Operator, Value: string(c.Value)})
		}
		for _, a := range *r.Actions {
			action := reconcile.Action{Name: a.Action, Values: a.Value, Macro: string(a.Macro), Scriplet: string(a.Scriplet)}
			if a.Expression != nil {
				text := string(*a.Expression)
				action.Expression = &text
			}
			rule.Actions = append(rule.Actions, action)
		}
		rules = append(rules, rule)
	}
	slices.SortStableFunc(rules, func(a, b reconcile.Rule) int {
		last := func(r reconcile.Rule) int { return min(0, r.Position) * -1 }
		return cmp.Or(cmp.Compare(last(a), last(b)), cmp.Compare(a.Position, b.Position), cmp.Compare(a.ID, b.ID))
	})
	return rules, nil
}

// textList is a list of texts that may arrive as one text, or null.
type textList []string

// UnmarshalJSONFrom accepts ["a", 1], "a" and null.
func (t *textList) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	*t = nil
	var list []loose
	switch d.PeekKind() {
	case jsontext.KindNull:
		return d.SkipValue()
	case jsontext.KindBeginArray:
		if err := json.UnmarshalDecode(d, &list); err != nil {
			return err
		}
	default:
		list = make([]loose, 1)
		if err := list[0].UnmarshalJSONFrom(d); err != nil {
			return err
		}
	}
	for _, v := range list {
		*t = append(*t, string(v))
	}
	return nil
}
